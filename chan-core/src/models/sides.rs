//! The two sides of a buffer, each with its own lock, and those who look
//! without any. In models a capacity of 2 sets the sides apart, and a block
//! has one slot.

use std::pin::pin;

use loom::thread;

use super::{block_on, model, number, traced};
use crate::{Chan, bounded, unbounded};

/// Sides, `index` of the sending side: a value goes in while another comes out.
#[test]
fn sides_apart_pass_a_value() {
    model(|| {
        let chan = Chan::new(2);
        let sender = {
            let chan = chan.clone();
            thread::spawn(move || chan.send(traced(7)))
        };
        let early = chan.try_recv().ok().flatten();
        sender.join().unwrap();
        let late = chan.try_recv().ok().flatten();
        assert_eq!(number(early.or(late)), Some(7));
    });
}

/// Sides, `index` of the receiving side: a slot is used again as soon as its
/// value has been read, and not before.
#[test]
fn sides_apart_use_a_slot_again() {
    model(|| {
        let chan = Chan::new(2);
        chan.send(traced(1));
        chan.send(traced(2));
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || number(chan.recv()))
        };
        let sent = chan.try_send(traced(3)).is_ok();
        assert_eq!(receiver.join().unwrap(), Some(1));
        assert_eq!(number(chan.recv()), Some(2));
        assert_eq!(chan.len(), usize::from(sent));
        assert!(!sent || number(chan.recv()) == Some(3));
    });
}

/// Blocks, `next` and `spare`: one side goes on to a block while the other
/// leaves the one before, which comes back.
#[test]
fn sides_apart_go_to_the_next_block() {
    model(|| {
        let (tx, rx) = unbounded();
        tx.send(traced(1)).unwrap();
        let receiver = thread::spawn(move || {
            let first = number(rx.recv().ok());
            (first, number(rx.recv().ok()), rx)
        });
        tx.send(traced(2)).unwrap();
        tx.send(traced(3)).unwrap();
        let (first, second, rx) = receiver.join().unwrap();
        assert_eq!((first, second), (Some(1), Some(2)));
        assert_eq!(number(rx.recv().ok()), Some(3));
    });
}

/// Sides, L2: a receiver queues up while a value goes in. It is plain no more
/// from then on, or the value is there when it looks.
#[test]
fn sides_apart_meet_a_waiter() {
    model(|| {
        let chan = Chan::new(2);
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || number(chan.recv()))
        };
        chan.send(traced(7));
        assert_eq!(receiver.join().unwrap(), Some(7));
    });
}

/// The same with a task, and with room that is waited for.
#[test]
fn sides_apart_meet_a_task() {
    model(|| {
        let chan = Chan::new(2);
        chan.send(traced(1));
        chan.send(traced(2));
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || number(chan.recv()))
        };
        block_on(pin!(chan.send_async(traced(3))));
        assert_eq!(receiver.join().unwrap(), Some(1));
        assert_eq!(chan.len(), 2);
    });
}

/// Readiness, R1: a look does not put the word of one moment together with the
/// indices of another. At no moment was the channel open and empty.
#[test]
fn close_meets_look() {
    model(|| {
        let chan = Chan::new(2);
        chan.send(traced(7));
        let other = {
            let chan = chan.clone();
            thread::spawn(move || {
                chan.close();
                chan.try_recv().ok().flatten().is_some()
            })
        };
        let looked = chan.try_recv();
        let other = other.join().unwrap();
        match looked {
            Ok(value) => assert_eq!(value.is_some(), !other),
            Err(error) => panic!("{error}"),
        }
    });
}

/// L2 and I4: a plain send and the end of the last receiver. The value is
/// dropped with the others, or comes back; loom sees one that stays.
#[test]
fn sides_apart_meet_the_last_receiver() {
    for limit in [Some(2), None] {
        model(move || {
            let (tx, rx) = limit.map_or_else(unbounded, bounded);
            tx.send(traced(1)).unwrap();
            let receiver = thread::spawn(move || drop(rx));
            let sent = tx.try_send(traced(2));
            receiver.join().unwrap();
            assert_eq!(tx.len(), 0, "nothing enters after the close");
            let back = tx.try_send(traced(3)).unwrap_err();
            assert!(back.is_disconnected());
            drop(sent);
        });
    }
}

/// The same with a close that leaves the values: each that was sent is there.
#[test]
fn sides_apart_meet_a_close() {
    for limit in [Some(2), None] {
        model(move || {
            let (tx, rx) = limit.map_or_else(unbounded, bounded);
            let sender = {
                let tx = tx.clone();
                thread::spawn(move || tx.try_send(traced(1)).is_ok())
            };
            tx.close().unwrap();
            let early = rx.try_recv().ok();
            let sent = sender.join().unwrap();
            let late = rx.try_recv().ok();
            assert_eq!(number(early.or(late)), sent.then_some(1));
        });
    }
}

/// L2: of a plain send and a permit one gets the last room.
#[test]
fn sides_apart_meet_a_permit() {
    model(|| {
        let chan = Chan::new(2);
        chan.send(traced(1));
        let sender = {
            let chan = chan.clone();
            thread::spawn(move || chan.try_send(traced(2)).is_ok())
        };
        let permit = chan.try_reserve().ok();
        let sent = sender.join().unwrap();
        assert!(sent != permit.is_some(), "there was room for one");
        drop(permit);
        assert_eq!(chan.len(), 1 + usize::from(sent));
    });
}

/// A plain receive and a send that displaces, each under other locks.
#[test]
fn sides_apart_meet_a_forced_send() {
    model(|| {
        let chan = Chan::new(2);
        chan.send(traced(1));
        chan.send(traced(2));
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || number(chan.recv()))
        };
        let displaced = number(chan.force_send(traced(3)).unwrap());
        let received = receiver.join().unwrap();
        let mut left = Vec::from_iter(chan.drain().map(|value| *value.0));
        left.splice(0..0, displaced.into_iter().chain(received));
        assert_eq!(left, [1, 2, 3]);
        assert_ne!(displaced, Some(2));
    });
}

/// A plain send and a batch that is received under both locks.
#[test]
fn sides_apart_meet_a_batch() {
    for limit in [Some(2), None] {
        model(move || {
            let (tx, rx) = limit.map_or_else(unbounded, bounded);
            tx.send(traced(1)).unwrap();
            let sender = thread::spawn(move || tx.send(traced(2)).unwrap());
            let mut values = Vec::new();
            assert!(rx.recv_many(&mut values, 2) > 0);
            sender.join().unwrap();
            values.extend(rx.try_recv());
            let numbers = Vec::from_iter(values.iter().map(|value| *value.0));
            assert_eq!(numbers, [1, 2]);
        });
    }
}
