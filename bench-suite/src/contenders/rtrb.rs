//! rtrb: a ring between one producer and one consumer that never waits, so
//! both spin. An upper bound, not a channel.

use std::hint::spin_loop;

use ::rtrb::{Consumer, Producer, RingBuffer};

use super::{Contender, How, Role};
use crate::case::Capacity;
use crate::workloads;

pub(crate) const RTRB: Contender = Contender {
    name: "(rtrb spin)",
    role: Role::Reference,
    package: "rtrb",
    how: How::Rust(workloads::threads::run::<Spinning>),
};

fn send<T>(tx: &mut Producer<T>, mut value: T) -> bool {
    while let Err(::rtrb::PushError::Full(back)) = tx.push(value) {
        if tx.is_abandoned() {
            return false;
        }
        value = back;
        spin_loop();
    }
    true
}

fn recv<T>(rx: &mut Consumer<T>) -> Option<T> {
    loop {
        // Whether it is abandoned is asked first: what was pushed before is
        // seen by the pop.
        let last = rx.is_abandoned();
        match rx.pop() {
            Ok(value) => return Some(value),
            Err(_) if last => return None,
            Err(_) => spin_loop(),
        }
    }
}

threads!(Spinning,
    one Producer<T>, one Consumer<T>,
    make(capacity) match capacity {
        Capacity::Bounded(0) | Capacity::Unbounded => None,
        Capacity::Bounded(room) => Some(RingBuffer::new(room)),
    },
    send(tx, value) send(tx, value),
    recv(rx) recv(rx),
    try_send(tx, value) tx.push(value).is_ok(),
    try_recv(rx) rx.pop().ok(),
);
