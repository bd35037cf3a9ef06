//! `std::sync::mpsc`: one receiver, threads only; a type of sender each for
//! bounded and unbounded channels.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use super::{Contender, How, Role};
use crate::case::Capacity;
use crate::workloads;

pub(crate) const STD: Contender = Contender {
    name: "std",
    role: Role::Peer,
    package: "",
    how: How::Rust(|case, plan| match case.capacity {
        Capacity::Bounded(_) => workloads::threads::run::<Bounded>(case, plan),
        Capacity::Unbounded => workloads::threads::run::<Unbounded>(case, plan),
    }),
};

threads!(Bounded,
    many SyncSender<T>, one Receiver<T>,
    make(capacity) match capacity {
        Capacity::Bounded(room) => Some(sync_channel(room)),
        Capacity::Unbounded => None,
    },
    send(tx, value) tx.send(value).is_ok(),
    recv(rx) rx.recv().ok(),
    try_send(tx, value) tx.try_send(value).is_ok(),
    try_recv(rx) rx.try_recv().ok(),
);

threads!(Unbounded,
    many Sender<T>, one Receiver<T>,
    make(capacity) (capacity == Capacity::Unbounded).then(channel),
    send(tx, value) tx.send(value).is_ok(),
    recv(rx) rx.recv().ok(),
    try_send(tx, value) tx.send(value).is_ok(),
    try_recv(rx) rx.try_recv().ok(),
);
