//! fibre: a type for every shape and capacity. `fibre` are the general ones,
//! `fibre-sp` those with one receiver, and with one sender where it has such.

use ::fibre::{mpmc, mpsc, spsc};

use super::{Contender, How, Role};
use crate::case::{Capacity, Case, Work};
use crate::measure::Plan;
use crate::outcome::Outcome;
use crate::workloads;

pub(crate) const GENERAL: Contender = Contender {
    name: "fibre",
    role: Role::Peer,
    package: "fibre",
    how: How::Rust(|case, plan| match case.capacity {
        Capacity::Bounded(0) => workloads::run::<Rendezvous, AsyncRendezvous>(case, plan),
        Capacity::Bounded(_) => workloads::run::<Bounded, AsyncBounded>(case, plan),
        Capacity::Unbounded => workloads::run::<Unbounded, AsyncUnbounded>(case, plan),
    }),
};

pub(crate) const SINGLE: Contender = Contender {
    name: "fibre-sp",
    role: Role::Peer,
    package: "fibre",
    how: How::Rust(single),
};

fn single(case: &Case, plan: &Plan) -> Option<Outcome> {
    let many = matches!(case.work, Work::Flow { senders: 2.., .. });
    match case.capacity {
        Capacity::Bounded(0) if many => {
            workloads::run::<MpscRendezvous, AsyncMpscRendezvous>(case, plan)
        }
        Capacity::Bounded(0) => workloads::run::<SpscRendezvous, AsyncSpscRendezvous>(case, plan),
        Capacity::Bounded(_) if many => workloads::run::<Mpsc, AsyncMpsc>(case, plan),
        Capacity::Bounded(_) => workloads::run::<Spsc, AsyncSpsc>(case, plan),
        Capacity::Unbounded => workloads::run::<MpscUnbounded, AsyncMpscUnbounded>(case, plan),
    }
}

/// Which capacities a type has.
fn bounded<C>(capacity: Capacity, make: impl FnOnce(usize) -> C) -> Option<C> {
    match capacity {
        Capacity::Bounded(0) | Capacity::Unbounded => None,
        Capacity::Bounded(room) => Some(make(room)),
    }
}

fn unbuffered<C>(capacity: Capacity, make: impl FnOnce() -> C) -> Option<C> {
    (capacity == Capacity::Bounded(0)).then(make)
}

fn unbounded<C>(capacity: Capacity, make: impl FnOnce() -> C) -> Option<C> {
    (capacity == Capacity::Unbounded).then(make)
}

/// All of fibre's types have the same methods.
macro_rules! fibre {
    ($threads:ident, $tasks:ident, $kind:ident,
        $txs:ident $tx:ty, $rxs:ident $rx:ty, $make:path,
        $async_txs:ident $async_tx:ty, $async_rxs:ident $async_rx:ty, $make_async:path
    ) => {
        threads!($threads,
            $txs $tx, $rxs $rx,
            make(capacity) $kind(capacity, $make),
            send(tx, value) tx.send(value).is_ok(),
            recv(rx) rx.recv().ok(),
            try_send(tx, value) tx.try_send(value).is_ok(),
            try_recv(rx) rx.try_recv().ok(),
        );
        tasks!($tasks,
            $async_txs $async_tx, $async_rxs $async_rx,
            make(capacity) $kind(capacity, $make_async),
            send(tx, value) tx.send(value).await.is_ok(),
            recv(rx) rx.recv().await.ok(),
        );
    };
}

fibre!(Bounded, AsyncBounded, bounded,
    many mpmc::Sender<T>, many mpmc::Receiver<T>, mpmc::bounded,
    many mpmc::AsyncSender<T>, many mpmc::AsyncReceiver<T>, mpmc::bounded_async);

fibre!(Rendezvous, AsyncRendezvous, unbuffered,
    many mpmc::RendezvousSyncSender<T>, many mpmc::RendezvousSyncReceiver<T>,
    mpmc::rendezvous::rendezvous,
    many mpmc::RendezvousAsyncSender<T>, many mpmc::RendezvousAsyncReceiver<T>,
    mpmc::rendezvous::rendezvous_async);

fibre!(Unbounded, AsyncUnbounded, unbounded,
    many mpmc::UnboundedSyncSender<T>, many mpmc::UnboundedSyncReceiver<T>, mpmc::unbounded,
    many mpmc::UnboundedAsyncSender<T>, many mpmc::UnboundedAsyncReceiver<T>,
    mpmc::unbounded_async);

fibre!(Mpsc, AsyncMpsc, bounded,
    many mpsc::BoundedSyncSender<T>, one mpsc::BoundedSyncReceiver<T>, mpsc::bounded,
    many mpsc::BoundedAsyncSender<T>, one mpsc::BoundedAsyncReceiver<T>, mpsc::bounded_async);

fibre!(MpscRendezvous, AsyncMpscRendezvous, unbuffered,
    many mpsc::RendezvousSyncSender<T>, one mpsc::RendezvousSyncReceiver<T>,
    mpsc::rendezvous::rendezvous,
    many mpsc::RendezvousAsyncSender<T>, one mpsc::RendezvousAsyncReceiver<T>,
    mpsc::rendezvous::rendezvous_async);

fibre!(MpscUnbounded, AsyncMpscUnbounded, unbounded,
    many mpsc::UnboundedSyncSender<T>, one mpsc::UnboundedSyncReceiver<T>, mpsc::unbounded,
    many mpsc::UnboundedAsyncSender<T>, one mpsc::UnboundedAsyncReceiver<T>,
    mpsc::unbounded_async);

fibre!(Spsc, AsyncSpsc, bounded,
    one spsc::BoundedSyncSender<T>, one spsc::BoundedSyncReceiver<T>, spsc::bounded_sync,
    one spsc::BoundedAsyncSender<T>, one spsc::BoundedAsyncReceiver<T>, spsc::bounded_async);

fibre!(SpscRendezvous, AsyncSpscRendezvous, unbuffered,
    one spsc::RendezvousSyncSender<T>, one spsc::RendezvousSyncReceiver<T>,
    spsc::rendezvous::rendezvous,
    one spsc::RendezvousAsyncSender<T>, one spsc::RendezvousAsyncReceiver<T>,
    spsc::rendezvous::rendezvous_async);
