//! crossfire: `Select`, which keeps its registrations from one select to the
//! next, and `Multiplex`. The latter owns its channels, which are all of one
//! type, takes up to 128 values from one before it looks at the next, and does
//! not say which of them a value came from. It is to be looked at, but is not
//! a select, and so no peer.
//!
//! crossfire has no unbuffered channels, and its bounded and unbounded ones
//! are of different types. `-sp` has one sender and one receiver, neither of
//! which can be cloned.

use ::crossfire::select::{Multiplex, Mux, Select};
use ::crossfire::{AsyncRx, AsyncTx, MAsyncRx, MAsyncTx, MRx, MTx, Rx, Tx, mpmc, mpsc, spsc};

use super::{Contender, How, Role};
use crate::case::{Capacity, Case, Selecting, Work, World};
use crate::faces::Selects;
use crate::measure::Plan;
use crate::outcome::Outcome;
use crate::workloads::{self, selecting};

pub(crate) const GENERAL: Contender = Contender {
    name: "crossfire",
    role: Role::Peer,
    package: "crossfire",
    how: How::Rust(general),
};

pub(crate) const SINGLE: Contender = Contender {
    name: "crossfire-sp",
    role: Role::Peer,
    package: "crossfire",
    how: How::Rust(single),
};

pub(crate) const MULTIPLEX: Contender = Contender {
    name: "crossfire-mux",
    role: Role::Reference,
    package: "crossfire",
    how: How::Rust(select::<MuxArray, MuxList>),
};

fn general(case: &Case, plan: &Plan) -> Option<Outcome> {
    // Its documentation asks for this at the start of a program.
    ::crossfire::detect_backoff_cfg();
    match (case.work, case.capacity) {
        (Work::Select(_), _) if of_threads(case) => select::<SelectArray, SelectList>(case, plan),
        (_, Capacity::Bounded(_)) => workloads::run::<Mpmc, AsyncMpmc>(case, plan),
        (_, Capacity::Unbounded) => workloads::run::<MpmcList, AsyncMpmcList>(case, plan),
    }
}

/// There is no such select for tasks.
fn of_threads(case: &Case) -> bool {
    matches!(case.world, World::Threads | World::OneCore)
}

fn single(case: &Case, plan: &Plan) -> Option<Outcome> {
    ::crossfire::detect_backoff_cfg();
    match (case.work, case.capacity) {
        (Work::Select(_), _) if of_threads(case) => {
            select::<SelectSpscArray, SelectSpscList>(case, plan)
        }
        (Work::Flow { senders: 2.., .. }, Capacity::Bounded(_)) => {
            workloads::run::<Mpsc, AsyncMpsc>(case, plan)
        }
        (Work::Flow { senders: 2.., .. }, Capacity::Unbounded) => {
            workloads::run::<MpscList, AsyncMpscList>(case, plan)
        }
        (_, Capacity::Bounded(_)) => workloads::run::<Spsc, AsyncSpsc>(case, plan),
        (_, Capacity::Unbounded) => workloads::run::<SpscList, AsyncSpscList>(case, plan),
    }
}

/// None is unbuffered.
fn bounded<C>(capacity: Capacity, make: impl FnOnce(usize) -> C) -> Option<C> {
    match capacity {
        Capacity::Bounded(0) | Capacity::Unbounded => None,
        Capacity::Bounded(room) => Some(make(room)),
    }
}

/// All of crossfire's bounded types have the same methods.
macro_rules! bounded {
    ($threads:ident, $txs:ident $tx:ty, $rxs:ident $rx:ty, $make:path,
        $tasks:ident, $async_tx:ty, $async_rx:ty, $make_async:path
    ) => {
        threads!($threads,
            $txs $tx, $rxs $rx,
            make(capacity) bounded(capacity, $make),
            send(tx, value) tx.send(value).is_ok(),
            recv(rx) rx.recv().ok(),
            try_send(tx, value) tx.try_send(value).is_ok(),
            try_recv(rx) rx.try_recv().ok(),
        );
        tasks!($tasks,
            $txs $async_tx, $rxs $async_rx,
            make(capacity) bounded(capacity, $make_async),
            send(tx, value) tx.send(value).await.is_ok(),
            recv(rx) rx.recv().await.ok(),
        );
    };
}

/// And so have the unbounded ones, whose sends never wait.
macro_rules! unbounded {
    ($threads:ident, $txs:ident $tx:ty, $rxs:ident $rx:ty, $make:path,
        $tasks:ident, $async_rx:ty, $make_async:path
    ) => {
        threads!($threads,
            $txs $tx, $rxs $rx,
            make(capacity) (capacity == Capacity::Unbounded).then($make),
            send(tx, value) tx.send(value).is_ok(),
            recv(rx) rx.recv().ok(),
            try_send(tx, value) tx.try_send(value).is_ok(),
            try_recv(rx) rx.try_recv().ok(),
        );
        tasks!($tasks,
            $txs $tx, $rxs $async_rx,
            make(capacity) (capacity == Capacity::Unbounded).then($make_async),
            send(tx, value) tx.send(value).is_ok(),
            recv(rx) rx.recv().await.ok(),
        );
    };
}

bounded!(Mpmc, many MTx<mpmc::Array<T>>, many MRx<mpmc::Array<T>>, mpmc::bounded_blocking,
    AsyncMpmc, MAsyncTx<mpmc::Array<T>>, MAsyncRx<mpmc::Array<T>>, mpmc::bounded_async);
bounded!(Mpsc, many MTx<mpsc::Array<T>>, one Rx<mpsc::Array<T>>, mpsc::bounded_blocking,
    AsyncMpsc, MAsyncTx<mpsc::Array<T>>, AsyncRx<mpsc::Array<T>>, mpsc::bounded_async);
bounded!(Spsc, one Tx<spsc::Array<T>>, one Rx<spsc::Array<T>>, spsc::bounded_blocking,
    AsyncSpsc, AsyncTx<spsc::Array<T>>, AsyncRx<spsc::Array<T>>, spsc::bounded_async);
unbounded!(MpmcList, many MTx<mpmc::List<T>>, many MRx<mpmc::List<T>>, mpmc::unbounded_blocking,
    AsyncMpmcList, MAsyncRx<mpmc::List<T>>, mpmc::unbounded_async);
unbounded!(MpscList, many MTx<mpsc::List<T>>, one Rx<mpsc::List<T>>, mpsc::unbounded_blocking,
    AsyncMpscList, AsyncRx<mpsc::List<T>>, mpsc::unbounded_async);
unbounded!(SpscList, one Tx<spsc::List<T>>, one Rx<spsc::List<T>>, spsc::unbounded_blocking,
    AsyncSpscList, AsyncRx<spsc::List<T>>, spsc::unbounded_async);

fn select<B: Selects, U: Selects>(case: &Case, plan: &Plan) -> Option<Outcome> {
    match (case.work, case.capacity) {
        (Work::Select(Selecting::Fed), Capacity::Bounded(0)) => None,
        (_, Capacity::Bounded(_)) => selecting::run::<B>(case, plan),
        (_, Capacity::Unbounded) => selecting::run::<U>(case, plan),
    }
}

/// The room of a channel that is bounded.
fn room(capacity: Capacity) -> usize {
    match capacity {
        Capacity::Bounded(room) => room,
        Capacity::Unbounded => unreachable!("another type is used"),
    }
}

macro_rules! by_select {
    ($name:ident, $tx:ty, $rx:ty, $make:expr) => {
        struct $name;

        impl Selects for $name {
            type Tx = $tx;
            type Arms<const N: usize> = [$rx; N];
            type Set<'a, const N: usize> = (Select<'a>, &'a [$rx; N]);

            fn make<const N: usize>(capacity: Capacity) -> Option<(Vec<Self::Tx>, Self::Arms<N>)> {
                let mut senders = Vec::new();
                let make: fn(Capacity) -> ($tx, $rx) = $make;
                let receivers = std::array::from_fn(|_| {
                    let (tx, rx) = make(capacity);
                    senders.push(tx);
                    rx
                });
                Some((senders, receivers))
            }

            fn set<const N: usize>(arms: &Self::Arms<N>) -> Self::Set<'_, N> {
                let mut select = Select::new();
                for rx in arms {
                    select.add(rx);
                }
                (select, arms)
            }

            #[inline]
            fn select<const N: usize>((select, arms): &mut Self::Set<'_, N>) -> Option<u64> {
                let result = select.select().ok()?;
                let arm = arms.iter().find(|arm| result.is_from(*arm))?;
                arm.read_select(result).ok()
            }

            #[inline]
            fn try_select<const N: usize>((select, arms): &mut Self::Set<'_, N>) -> Option<u64> {
                let result = select.try_select().ok()?;
                let arm = arms.iter().find(|arm| result.is_from(*arm))?;
                arm.read_select(result).ok()
            }

            fn send(tx: &mut Self::Tx, value: u64) -> bool {
                tx.send(value).is_ok()
            }

            fn try_send(tx: &mut Self::Tx, value: u64) -> bool {
                tx.try_send(value).is_ok()
            }
        }
    };
}

by_select!(
    SelectArray,
    MTx<mpmc::Array<u64>>,
    MRx<mpmc::Array<u64>>,
    |capacity| { mpmc::bounded_blocking(room(capacity)) }
);
by_select!(
    SelectList,
    MTx<mpmc::List<u64>>,
    MRx<mpmc::List<u64>>,
    |_| { mpmc::unbounded_blocking() }
);
by_select!(
    SelectSpscArray,
    Tx<spsc::Array<u64>>,
    Rx<spsc::Array<u64>>,
    |capacity| { spsc::bounded_blocking(room(capacity)) }
);
by_select!(
    SelectSpscList,
    Tx<spsc::List<u64>>,
    Rx<spsc::List<u64>>,
    |_| { spsc::unbounded_blocking() }
);

macro_rules! by_multiplex {
    ($name:ident, $flavor:ty, |$multiplex:ident, $capacity:ident| $make:expr) => {
        struct $name;

        impl Selects for $name {
            type Tx = Tx<Mux<$flavor>>;
            type Arms<const N: usize> = Multiplex<$flavor>;
            type Set<'a, const N: usize> = &'a Multiplex<$flavor>;

            fn make<const N: usize>($capacity: Capacity) -> Option<(Vec<Self::Tx>, Self::Arms<N>)> {
                let mut $multiplex = Multiplex::new();
                let senders = (0..N).map(|_| $make).collect();
                Some((senders, $multiplex))
            }

            fn set<const N: usize>(arms: &Self::Arms<N>) -> Self::Set<'_, N> {
                arms
            }

            #[inline]
            fn select<const N: usize>(arms: &mut Self::Set<'_, N>) -> Option<u64> {
                arms.recv().ok()
            }

            #[inline]
            fn try_select<const N: usize>(arms: &mut Self::Set<'_, N>) -> Option<u64> {
                arms.try_recv().ok()
            }

            fn send(tx: &mut Self::Tx, value: u64) -> bool {
                tx.send(value).is_ok()
            }

            fn try_send(tx: &mut Self::Tx, value: u64) -> bool {
                tx.try_send(value).is_ok()
            }
        }
    };
}

by_multiplex!(MuxArray, spsc::Array<u64>, |multiplex, capacity| {
    multiplex.bounded_tx(room(capacity))
});
by_multiplex!(MuxList, spsc::List<u64>, |multiplex, _capacity| multiplex
    .new_tx());
