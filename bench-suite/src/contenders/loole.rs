//! loole.

use ::loole::{Receiver, Sender, bounded, unbounded};

use super::{Contender, How, Role};
use crate::case::Capacity;
use crate::workloads;

pub(crate) const LOOLE: Contender = Contender {
    name: "loole",
    role: Role::Peer,
    package: "loole",
    how: How::Rust(workloads::run::<Blocking, Async>),
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
