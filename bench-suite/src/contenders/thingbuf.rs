//! thingbuf: bounded, one receiver. Its slots are made in advance and reused,
//! which is why elements have a default.

use ::thingbuf::mpsc;
use ::thingbuf::mpsc::blocking;

use super::{Contender, How, Role};
use crate::case::Capacity;
use crate::workloads;

pub(crate) const THINGBUF: Contender = Contender {
    name: "thingbuf",
    role: Role::Peer,
    package: "thingbuf",
    how: How::Rust(workloads::run::<Blocking, Async>),
};

threads!(Blocking,
    many blocking::Sender<T>, one blocking::Receiver<T>,
    make(capacity) match capacity {
        Capacity::Bounded(0) | Capacity::Unbounded => None,
        Capacity::Bounded(room) => Some(blocking::channel(room)),
    },
    send(tx, value) tx.send(value).is_ok(),
    recv(rx) rx.recv(),
    try_send(tx, value) tx.try_send(value).is_ok(),
    try_recv(rx) rx.try_recv().ok(),
);

tasks!(Async,
    many mpsc::Sender<T>, one mpsc::Receiver<T>,
    make(capacity) match capacity {
        Capacity::Bounded(0) | Capacity::Unbounded => None,
        Capacity::Bounded(room) => Some(mpsc::channel(room)),
    },
    send(tx, value) tx.send(value).await.is_ok(),
    recv(rx) rx.recv().await,
);
