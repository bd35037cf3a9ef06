//! kanal: one type of channel, with a face for threads and one for tasks.

use ::kanal::{
    AsyncReceiver, AsyncSender, Receiver, Sender, bounded, bounded_async, unbounded,
    unbounded_async,
};

use super::{Contender, How, Role};
use crate::case::Capacity;
use crate::workloads;

pub(crate) const KANAL: Contender = Contender {
    name: "kanal",
    role: Role::Peer,
    package: "kanal",
    how: How::Rust(workloads::run::<Blocking, Async>),
};

threads!(Blocking,
    many Sender<T>, many Receiver<T>,
    make(capacity) match capacity {
        Capacity::Bounded(room) => Some(bounded(room)),
        Capacity::Unbounded => Some(unbounded()),
    },
    send(tx, value) tx.send(value).is_ok(),
    recv(rx) rx.recv().ok(),
    try_send(tx, value) tx.try_send(value).unwrap_or(false),
    try_recv(rx) rx.try_recv().ok().flatten(),
);

tasks!(Async,
    many AsyncSender<T>, many AsyncReceiver<T>,
    make(capacity) match capacity {
        Capacity::Bounded(room) => Some(bounded_async(room)),
        Capacity::Unbounded => Some(unbounded_async()),
    },
    send(tx, value) tx.send(value).await.is_ok(),
    recv(rx) rx.recv().await.ok(),
);
