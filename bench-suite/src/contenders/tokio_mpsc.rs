//! `tokio::sync::mpsc`: one receiver; a pair of types each for bounded and
//! unbounded channels.

use ::tokio::sync::mpsc::{
    Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel,
};

use super::{Contender, How, Role};
use crate::case::Capacity;
use crate::workloads;

pub(crate) const TOKIO: Contender = Contender {
    name: "tokio",
    role: Role::Peer,
    package: "tokio",
    how: How::Rust(|case, plan| match case.capacity {
        Capacity::Bounded(_) => workloads::run::<Bounded, AsyncBounded>(case, plan),
        Capacity::Unbounded => workloads::run::<Unbounded, AsyncUnbounded>(case, plan),
    }),
};

/// None is unbuffered.
fn bounded<T>(capacity: Capacity) -> Option<(Sender<T>, Receiver<T>)> {
    match capacity {
        Capacity::Bounded(0) | Capacity::Unbounded => None,
        Capacity::Bounded(room) => Some(channel(room)),
    }
}

threads!(Bounded,
    many Sender<T>, one Receiver<T>,
    make(capacity) bounded(capacity),
    send(tx, value) tx.blocking_send(value).is_ok(),
    recv(rx) rx.blocking_recv(),
    try_send(tx, value) tx.try_send(value).is_ok(),
    try_recv(rx) rx.try_recv().ok(),
);

threads!(Unbounded,
    many UnboundedSender<T>, one UnboundedReceiver<T>,
    make(capacity) (capacity == Capacity::Unbounded).then(unbounded_channel),
    send(tx, value) tx.send(value).is_ok(),
    recv(rx) rx.blocking_recv(),
    try_send(tx, value) tx.send(value).is_ok(),
    try_recv(rx) rx.try_recv().ok(),
);

tasks!(AsyncBounded,
    many Sender<T>, one Receiver<T>,
    make(capacity) bounded(capacity),
    send(tx, value) tx.send(value).await.is_ok(),
    recv(rx) rx.recv().await,
);

tasks!(AsyncUnbounded,
    many UnboundedSender<T>, one UnboundedReceiver<T>,
    make(capacity) (capacity == Capacity::Unbounded).then(unbounded_channel),
    send(tx, value) tx.send(value).is_ok(),
    recv(rx) rx.recv().await,
);
