//! Ours in Go's manners. Here nobody closes a channel but who says so; so the
//! last sender does, when it is done.
//!
//! The same channel as `chan-core` below another face, so it is to look at: as
//! one of ours it would give them two tries in every row.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::chan_core::{Builder, RecvChan, SendChan};

use super::{Contender, How, Role};
use crate::case::{Alone, Capacity, Work};
use crate::workloads;

pub(crate) const CHAN: Contender = Contender {
    name: "chan-core-chan",
    role: Role::Reference,
    package: "chan-core",
    how: How::Rust(|case, plan| match case.work {
        // What counts the senders would be counted too.
        Work::Alone(Alone::Create) | Work::ChannelBytes => None,
        _ => workloads::run::<Blocking, Async>(case, plan),
    }),
};

pub(crate) struct Sender<T> {
    chan: SendChan<T>,
    /// `AcqRel` on both ends: what the others sent comes before the close.
    alive: Arc<AtomicUsize>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.alive.fetch_add(1, Ordering::Relaxed);
        Sender {
            chan: self.chan.clone(),
            alive: self.alive.clone(),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.alive.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.chan.close();
        }
    }
}

fn channel<T>(capacity: Capacity) -> (Sender<T>, RecvChan<T>) {
    let builder = match capacity {
        Capacity::Bounded(room) => Builder::new().capacity(room),
        Capacity::Unbounded => Builder::new().unbounded(),
    };
    let (chan, receiver) = builder.chan().split();
    let alive = Arc::new(AtomicUsize::new(1));
    (Sender { chan, alive }, receiver)
}

threads!(Blocking,
    many Sender<T>, many RecvChan<T>,
    make(capacity) Some(channel(capacity)),
    send(tx, value) {
        tx.chan.send(value);
        true
    },
    recv(rx) rx.recv(),
    try_send(tx, value) tx.chan.try_send(value).is_ok(),
    try_recv(rx) rx.try_recv().ok().flatten(),
);

tasks!(Async,
    many Sender<T>, many RecvChan<T>,
    make(capacity) Some(channel(capacity)),
    send(tx, value) {
        tx.chan.send_async(value).await;
        true
    },
    recv(rx) rx.recv_async().await,
);
