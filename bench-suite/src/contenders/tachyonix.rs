//! tachyonix: bounded, one receiver, tasks only.

use ::tachyonix::{Receiver, Sender, channel};

use super::{Contender, How, Role};
use crate::case::Capacity;
use crate::workloads;

pub(crate) const TACHYONIX: Contender = Contender {
    name: "tachyonix",
    role: Role::Peer,
    package: "tachyonix",
    how: How::Rust(workloads::tasks::run::<Async>),
};

tasks!(Async,
    many Sender<T>, one Receiver<T>,
    make(capacity) match capacity {
        Capacity::Bounded(0) | Capacity::Unbounded => None,
        Capacity::Bounded(room) => Some(channel(room)),
    },
    send(tx, value) tx.send(value).await.is_ok(),
    recv(rx) rx.recv().await.ok(),
);
