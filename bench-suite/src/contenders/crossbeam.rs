//! crossbeam-channel: the macro `select!`, and `Select` built once.

use crossbeam_channel::{Receiver, Select, Sender, bounded, select, unbounded};

use super::{Contender, How, Role};
use crate::case::Capacity;
use crate::faces::{Selects, SelectsBoth};
use crate::workloads::{self, select_both, selecting};

pub(crate) const MACRO: Contender = Contender {
    name: "crossbeam",
    role: Role::Peer,
    package: "crossbeam-channel",
    how: How::Rust(|case, plan| {
        workloads::threads::run::<Blocking>(case, plan)
            .or_else(|| select_both::run::<Macro>(case, plan))
            .or_else(|| selecting::run::<Macro>(case, plan))
    }),
};

pub(crate) const BUILDER: Contender = Contender {
    name: "crossbeam-dyn",
    role: Role::Peer,
    package: "crossbeam-channel",
    how: How::Rust(selecting::run::<Builder>),
};

fn channel<T>(capacity: Capacity) -> (Sender<T>, Receiver<T>) {
    match capacity {
        Capacity::Bounded(room) => bounded(room),
        Capacity::Unbounded => unbounded(),
    }
}

fn channels<const N: usize>(capacity: Capacity) -> (Vec<Sender<u64>>, [Receiver<u64>; N]) {
    let mut senders = Vec::new();
    let receivers = std::array::from_fn(|_| {
        let (tx, rx) = channel(capacity);
        senders.push(tx);
        rx
    });
    (senders, receivers)
}

threads!(Blocking,
    many Sender<T>, many Receiver<T>,
    make(capacity) Some(channel(capacity)),
    send(tx, value) tx.send(value).is_ok(),
    recv(rx) rx.recv().ok(),
    try_send(tx, value) tx.try_send(value).is_ok(),
    try_recv(rx) rx.try_recv().ok(),
);

struct Macro;

macro_rules! over {
    ($arms:ident [$($arm:literal)*] $($default:tt)*) => {
        select! { $(recv($arms[$arm]) -> value => value.ok(),)* $($default)* }
    };
}

/// The macro takes at most 32 cases.
macro_rules! by_arity {
    ($n:ident, $arms:ident, $($default:tt)*) => {
        match $n {
            2 => over!($arms [0 1] $($default)*),
            4 => over!($arms [0 1 2 3] $($default)*),
            16 => over!($arms [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15] $($default)*),
            _ => unreachable!("`make` refused"),
        }
    };
}

impl Selects for Macro {
    type Tx = Sender<u64>;
    type Arms<const N: usize> = [Receiver<u64>; N];
    type Set<'a, const N: usize> = &'a [Receiver<u64>; N];

    fn make<const N: usize>(capacity: Capacity) -> Option<(Vec<Self::Tx>, Self::Arms<N>)> {
        matches!(N, 2 | 4 | 16).then(|| channels(capacity))
    }

    fn set<const N: usize>(arms: &Self::Arms<N>) -> Self::Set<'_, N> {
        arms
    }

    #[inline]
    fn select<const N: usize>(arms: &mut Self::Set<'_, N>) -> Option<u64> {
        by_arity!(N, arms,)
    }

    #[inline]
    fn try_select<const N: usize>(arms: &mut Self::Set<'_, N>) -> Option<u64> {
        by_arity!(N, arms, default => None)
    }

    fn send(tx: &mut Self::Tx, value: u64) -> bool {
        tx.send(value).is_ok()
    }

    fn try_send(tx: &mut Self::Tx, value: u64) -> bool {
        tx.try_send(value).is_ok()
    }
}

impl SelectsBoth for Macro {
    type Tx = Sender<u64>;
    type Rx = Receiver<u64>;

    fn make(capacity: Capacity) -> ([Self::Tx; 4], [Self::Rx; 4]) {
        let pairs: [_; 4] = std::array::from_fn(|_| channel(capacity));
        (
            pairs.each_ref().map(|(tx, _)| tx.clone()),
            pairs.map(|(_, rx)| rx),
        )
    }

    #[inline]
    fn send([a, b, c, d]: &[Self::Tx; 4], value: u64) -> bool {
        select! {
            send(a, value) -> sent => sent.is_ok(),
            send(b, value) -> sent => sent.is_ok(),
            send(c, value) -> sent => sent.is_ok(),
            send(d, value) -> sent => sent.is_ok(),
        }
    }

    #[inline]
    fn recv([a, b, c, d]: &[Self::Rx; 4]) -> Option<u64> {
        select! {
            recv(a) -> value => value.ok(),
            recv(b) -> value => value.ok(),
            recv(c) -> value => value.ok(),
            recv(d) -> value => value.ok(),
        }
    }

    fn try_recv(rx: &Self::Rx) -> Option<u64> {
        rx.try_recv().ok()
    }
}

struct Builder;

impl Selects for Builder {
    type Tx = Sender<u64>;
    type Arms<const N: usize> = [Receiver<u64>; N];
    type Set<'a, const N: usize> = (Select<'a>, &'a [Receiver<u64>; N]);

    fn make<const N: usize>(capacity: Capacity) -> Option<(Vec<Self::Tx>, Self::Arms<N>)> {
        Some(channels(capacity))
    }

    fn set<const N: usize>(arms: &Self::Arms<N>) -> Self::Set<'_, N> {
        let mut select = Select::new();
        for rx in arms {
            select.recv(rx);
        }
        (select, arms)
    }

    #[inline]
    fn select<const N: usize>((select, arms): &mut Self::Set<'_, N>) -> Option<u64> {
        let operation = select.select();
        let arm = operation.index();
        operation.recv(&arms[arm]).ok()
    }

    #[inline]
    fn try_select<const N: usize>((select, arms): &mut Self::Set<'_, N>) -> Option<u64> {
        let operation = select.try_select().ok()?;
        let arm = operation.index();
        operation.recv(&arms[arm]).ok()
    }

    fn send(tx: &mut Self::Tx, value: u64) -> bool {
        tx.send(value).is_ok()
    }

    fn try_send(tx: &mut Self::Tx, value: u64) -> bool {
        tx.try_send(value).is_ok()
    }
}
