//! flume: its `Selector` is made for each select; it has no default, but a
//! timeout, here of nothing.

use std::time::Duration;

use ::flume::{Receiver, Selector, Sender, bounded, unbounded};

use super::{Contender, How, Role};
use crate::case::Capacity;
use crate::faces::{Selects, SelectsBoth};
use crate::workloads::{self, select_both, selecting};

pub(crate) const FLUME: Contender = Contender {
    name: "flume",
    role: Role::Peer,
    package: "flume",
    how: How::Rust(|case, plan| {
        workloads::run::<Blocking, Async>(case, plan)
            .or_else(|| select_both::run::<Flume>(case, plan))
            .or_else(|| selecting::run::<Flume>(case, plan))
    }),
};

fn channel<T>(capacity: Capacity) -> (Sender<T>, Receiver<T>) {
    match capacity {
        Capacity::Bounded(room) => bounded(room),
        Capacity::Unbounded => unbounded(),
    }
}

threads!(Blocking,
    many Sender<T>, many Receiver<T>,
    make(capacity) Some(channel(capacity)),
    send(tx, value) tx.send(value).is_ok(),
    recv(rx) rx.recv().ok(),
    try_send(tx, value) tx.try_send(value).is_ok(),
    try_recv(rx) rx.try_recv().ok(),
);

tasks!(Async,
    many Sender<T>, many Receiver<T>,
    make(capacity) Some(channel(capacity)),
    send(tx, value) tx.send_async(value).await.is_ok(),
    recv(rx) rx.recv_async().await.ok(),
);

struct Flume;

fn selector<const N: usize>(arms: &[Receiver<u64>; N]) -> Selector<'_, Option<u64>> {
    let start = Selector::new();
    arms.iter()
        .fold(start, |selector, rx| selector.recv(rx, |value| value.ok()))
}

impl Selects for Flume {
    type Tx = Sender<u64>;
    type Arms<const N: usize> = [Receiver<u64>; N];
    type Set<'a, const N: usize> = &'a [Receiver<u64>; N];

    fn make<const N: usize>(capacity: Capacity) -> Option<(Vec<Self::Tx>, Self::Arms<N>)> {
        let mut senders = Vec::new();
        let receivers = std::array::from_fn(|_| {
            let (tx, rx) = channel(capacity);
            senders.push(tx);
            rx
        });
        Some((senders, receivers))
    }

    fn set<const N: usize>(arms: &Self::Arms<N>) -> Self::Set<'_, N> {
        arms
    }

    #[inline]
    fn select<const N: usize>(arms: &mut Self::Set<'_, N>) -> Option<u64> {
        selector(arms).wait()
    }

    #[inline]
    fn try_select<const N: usize>(arms: &mut Self::Set<'_, N>) -> Option<u64> {
        selector(arms).wait_timeout(Duration::ZERO).ok().flatten()
    }

    fn send(tx: &mut Self::Tx, value: u64) -> bool {
        tx.send(value).is_ok()
    }

    fn try_send(tx: &mut Self::Tx, value: u64) -> bool {
        tx.try_send(value).is_ok()
    }
}

impl SelectsBoth for Flume {
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
        Selector::new()
            .send(a, value, |sent| sent.is_ok())
            .send(b, value, |sent| sent.is_ok())
            .send(c, value, |sent| sent.is_ok())
            .send(d, value, |sent| sent.is_ok())
            .wait()
    }

    #[inline]
    fn recv([a, b, c, d]: &[Self::Rx; 4]) -> Option<u64> {
        Selector::new()
            .recv(a, |value| value.ok())
            .recv(b, |value| value.ok())
            .recv(c, |value| value.ok())
            .recv(d, |value| value.ok())
            .wait()
    }

    fn try_recv(rx: &Self::Rx) -> Option<u64> {
        rx.try_recv().ok()
    }
}
