//! Permits, weak handles, channels without a limit, and waits for the close.

use std::pin::pin;

use loom::thread;

use super::{Traced, block_on, counting, model, number, poll, traced};
use crate::{Chan, bounded, unbounded};

/// Header, `handles`: a weak handle becomes a strong one while the last strong
/// one goes. Either it is counted in time and the channel stays open, or it
/// gets nothing; the value is dropped once.
#[test]
fn weak_handle_meets_last_drop() {
    model(|| {
        let (tx, rx) = bounded(1);
        let weak = tx.downgrade();
        let value = traced(7);
        let sent = value.clone();
        let dropper = thread::spawn(move || drop(tx));
        match weak.upgrade() {
            Some(tx) => assert!(tx.try_send(sent).is_ok(), "open while a sender lives"),
            None => drop(sent),
        }
        dropper.join().unwrap();
        assert!(weak.upgrade().is_none());
        assert!(rx.is_closed());
        drop(rx);
        assert_eq!(value.copies(), 1);
    });
}

/// A weak handle is made of a sender that goes, and comes back to life while the
/// last sender goes: who finds itself the last knows that others may come.
#[test]
fn weak_handle_of_another_meets_last_drop() {
    model(|| {
        let (tx, rx) = bounded(1);
        let other = tx.clone();
        let other = thread::spawn(move || {
            let weak = other.downgrade();
            drop(other);
            if let Some(tx) = weak.upgrade() {
                assert!(tx.try_send(traced(7)).is_ok(), "open while a sender lives");
            }
        });
        drop(tx);
        other.join().unwrap();
        assert!(rx.is_closed());
    });
}

/// A permit is given back while a sender comes to wait for room: it is let
/// in, by whoever is second.
#[test]
fn permit_given_back_meets_sender() {
    model(|| {
        let chan = Chan::new(1);
        let permit = chan.reserve().into_owned();
        let sender = {
            let chan = chan.clone();
            thread::spawn(move || chan.send(traced(7)))
        };
        drop(permit);
        sender.join().unwrap();
        assert_eq!(number(chan.recv()), Some(7));
    });
}

/// A permit is spent while a receiver comes to wait.
#[test]
fn permit_spent_meets_receiver() {
    model(|| {
        let chan = Chan::new(1);
        let permit = chan.reserve().into_owned();
        let sender = thread::spawn(move || permit.send(traced(7)).unwrap());
        assert_eq!(number(chan.recv()), Some(7));
        sender.join().unwrap();
        assert!(chan.try_reserve().is_ok(), "the credit is back");
    });
}

/// A request for a permit is dropped while it is granted: the next who waits
/// gets it.
#[test]
fn reserve_cancel_meets_grant() {
    model(|| {
        let chan = Chan::new(1);
        chan.send(traced(1));
        let mut dropped = Box::pin(chan.reserve_async());
        let (_, waker) = counting();
        assert!(poll(dropped.as_mut(), &waker).is_pending());
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || number(chan.recv()))
        };
        drop(dropped);
        let permit = block_on(pin!(chan.reserve_async()));
        permit.send(traced(2)).unwrap();
        assert_eq!(receiver.join().unwrap(), Some(1));
        assert_eq!(number(chan.recv()), Some(2));
    });
}

/// A close settles one who waits for it, parked or not yet.
#[test]
fn close_meets_wait_for_it() {
    model(|| {
        let chan = Chan::<u8>::new(0);
        let waiter = {
            let chan = chan.clone();
            thread::spawn(move || chan.wait_closed())
        };
        chan.close();
        waiter.join().unwrap();
    });
}

/// Two senders find the blocks full and both bring a new one.
#[test]
fn two_senders_need_a_block() {
    model(|| {
        let (tx, rx) = unbounded();
        let other = {
            let tx = tx.clone();
            thread::spawn(move || tx.send(traced(1)).unwrap())
        };
        tx.send(traced(2)).unwrap();
        other.join().unwrap();
        let sum: usize = rx.drain().map(|value| *value.0).sum();
        assert_eq!((sum, rx.len()), (3, 0));
    });
}

/// A batch meets a receiver that waits: the one value, the rest stays.
#[test]
fn batch_meets_receiver() {
    model(|| {
        let (tx, rx) = bounded(1);
        let receiver = {
            let rx = rx.clone();
            thread::spawn(move || rx.recv().map(|value: Traced| *value.0))
        };
        let mut values = [traced(1), traced(2)].into();
        tx.send_many(&mut values).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(1));
        assert_eq!(number(rx.recv().ok()), Some(2));
    });
}
