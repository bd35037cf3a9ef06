//! async-channel; its blocking calls are its futures run by a small executor.

use ::async_channel::{Receiver, Sender, bounded, unbounded};

use super::{Contender, How, Role};
use crate::case::Capacity;
use crate::workloads;

pub(crate) const ASYNC_CHANNEL: Contender = Contender {
    name: "async-channel",
    role: Role::Peer,
    package: "async-channel",
    how: How::Rust(workloads::run::<Blocking, Async>),
};

/// None is unbuffered.
fn channel<T>(capacity: Capacity) -> Option<(Sender<T>, Receiver<T>)> {
    match capacity {
        Capacity::Bounded(0) => None,
        Capacity::Bounded(room) => Some(bounded(room)),
        Capacity::Unbounded => Some(unbounded()),
    }
}

threads!(Blocking,
    many Sender<T>, many Receiver<T>,
    make(capacity) channel(capacity),
    send(tx, value) tx.send_blocking(value).is_ok(),
    recv(rx) rx.recv_blocking().ok(),
    try_send(tx, value) tx.try_send(value).is_ok(),
    try_recv(rx) rx.try_recv().ok(),
);

tasks!(Async,
    many Sender<T>, many Receiver<T>,
    make(capacity) channel(capacity),
    send(tx, value) tx.send(value).await.is_ok(),
    recv(rx) rx.recv().await.ok(),
);
