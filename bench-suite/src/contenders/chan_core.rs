//! Ours: one channel, with methods for threads and methods for tasks.

use ::chan_core::{Builder, Receiver, Sender};

use super::{Contender, How, Role};
use crate::case::Capacity;
use crate::workloads;

pub(crate) const CHAN_CORE: Contender = Contender {
    name: "chan-core",
    role: Role::Ours,
    package: "chan-core",
    how: How::Rust(|case, plan| {
        workloads::snapshots::run(case, plan)
            .or_else(|| workloads::run::<Blocking, Async>(case, plan))
    }),
};

pub(super) fn channel<T>(capacity: Capacity) -> (Sender<T>, Receiver<T>) {
    match capacity {
        Capacity::Bounded(room) => Builder::new().capacity(room).channel(),
        Capacity::Unbounded => Builder::new().unbounded().channel(),
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
