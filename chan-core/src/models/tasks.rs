//! Futures: polled, woken, dropped.

use std::pin::pin;
use std::task::{Context, Poll};

use loom::thread;

use super::{Traced, block_on, counting, model, number, pair, poll, traced};
use crate::case::RecvArm;
use crate::case_list::{CaseList, End, Won};
use crate::case_set::CaseSet;
use crate::selection::Selection;
use crate::{Chan, Empty};

/// A task looks, clones its waker and queues up while its value is sent.
#[test]
fn first_poll_meets_send() {
    for capacity in [0, 1, 2] {
        model(move || {
            let chan = Chan::new(capacity);
            let sender = {
                let chan = chan.clone();
                thread::spawn(move || chan.send(traced(7)))
            };
            assert_eq!(number(block_on(pin!(chan.recv_async()))), Some(7));
            sender.join().unwrap();
        });
    }
}

/// A task is polled with another waker while it is woken: the wake goes to
/// the old one before the poll sees the value, or to the new one.
#[test]
fn waker_replaced_meets_wake() {
    // With two places the sides have a lock each, and whoever was served leaves
    // under one of them.
    for capacity in [0, 2] {
        model(move || {
            let chan = Chan::new(capacity);
            let mut future = pin!(chan.recv_async());
            let (_, old) = counting();
            assert!(poll(future.as_mut(), &old).is_pending());
            let sender = {
                let chan = chan.clone();
                thread::spawn(move || chan.send(traced(7)))
            };
            assert_eq!(number(block_on(future.as_mut())), Some(7));
            sender.join().unwrap();
        });
    }
}

/// The same with a close, which settles first and wakes later.
#[test]
fn waker_replaced_meets_close() {
    model(|| {
        let chan = Chan::<Traced>::new(0);
        let mut future = pin!(chan.recv_async());
        let (_, old) = counting();
        assert!(poll(future.as_mut(), &old).is_pending());
        let closer = {
            let chan = chan.clone();
            thread::spawn(move || chan.close())
        };
        assert!(block_on(future.as_mut()).is_none());
        closer.join().unwrap();
    });
}

/// A future is dropped while a sender hands its value over: the value goes to
/// the next receiver.
#[test]
fn cancel_meets_hand_off() {
    for capacity in [0, 1] {
        model(move || {
            let chan = Chan::new(capacity);
            let (_, waker) = counting();
            let mut dropped = Box::pin(chan.recv_async());
            assert!(poll(dropped.as_mut(), &waker).is_pending());
            let sender = {
                let chan = chan.clone();
                thread::spawn(move || chan.send(traced(7)))
            };
            drop(dropped);
            assert_eq!(number(chan.recv()), Some(7));
            sender.join().unwrap();
            assert_eq!(chan.len(), 0);
        });
    }
}

/// The same while another thread waits: it is woken with the value, whether
/// the sender found it or the dropped future passed it on.
#[test]
fn cancel_passes_on_to_a_parked_receiver() {
    model(|| {
        let chan = Chan::new(0);
        let (_, waker) = counting();
        let mut dropped = Box::pin(chan.recv_async());
        assert!(poll(dropped.as_mut(), &waker).is_pending());
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || number(chan.recv()))
        };
        // The future is the oldest: it is handed the value.
        assert!(chan.try_send(traced(7)).is_ok());
        drop(dropped);
        assert_eq!(receiver.join().unwrap(), Some(7));
    });
}

/// A future is dropped between the two steps of a close: nobody wakes what is
/// gone.
#[test]
fn cancel_meets_close() {
    model(|| {
        let chan = Chan::<Traced>::new(0);
        let (_, waker) = counting();
        let mut dropped = Box::pin(chan.recv_async());
        assert!(poll(dropped.as_mut(), &waker).is_pending());
        let closer = {
            let chan = chan.clone();
            thread::spawn(move || chan.close())
        };
        drop(dropped);
        closer.join().unwrap();
        assert!(chan.try_recv().unwrap().is_none());
    });
}

/// A send future is dropped while a receiver takes its value: it was received
/// or it is gone with the future, never both.
#[test]
fn send_cancel_meets_take() {
    model(|| {
        let chan = Chan::new(0);
        let (_, waker) = counting();
        let value = traced(7);
        let mut dropped = Box::pin(chan.send_async(value.clone()));
        assert!(poll(dropped.as_mut(), &waker).is_pending());
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || chan.try_recv())
        };
        drop(dropped);
        if let Ok(got) = receiver.join().unwrap() {
            assert_eq!(number(got), Some(7));
        }
        assert_eq!(value.copies(), 1);
        assert_eq!(chan.try_recv().unwrap_err(), Empty);
    });
}

/// A task's select is dropped while both its channels get a value: both
/// values are still there.
#[test]
fn select_cancel_meets_hand_off() {
    model(|| {
        let chans = pair(1);
        let [a, b] = &chans;
        let (_, waker) = counting();
        let cases = End.and(RecvArm::arm(a)).and(RecvArm::arm(b));
        let mut dropped = Box::pin(Selection::<_, 2>::new(cases, 2, false));
        let mut context = Context::from_waker(&waker);
        assert!(dropped.as_mut().poll(&mut context, |_| 0).is_pending());
        let sender = {
            let a = a.clone();
            thread::spawn(move || a.send(traced(1)))
        };
        b.send(traced(2));
        drop(dropped);
        sender.join().unwrap();
        assert_eq!(number(a.try_recv().unwrap()), Some(1));
        assert_eq!(number(b.try_recv().unwrap()), Some(2));
    });
}

/// A task's select gives up while one of its channels gets a value: it is the
/// task's or still there.
#[test]
fn select_that_gives_up_meets_hand_off() {
    model(|| {
        let chans = pair(1);
        let [a, b] = &chans;
        let (_, waker) = counting();
        let cases = End.and(RecvArm::arm(a)).and(RecvArm::arm(b));
        let mut waiting = Box::pin(Selection::<_, 2>::new(cases, 2, false));
        let mut context = Context::from_waker(&waker);
        assert!(waiting.as_mut().poll(&mut context, |_| 0).is_pending());
        let sender = {
            let b = b.clone();
            thread::spawn(move || b.send(traced(2)))
        };
        let got = waiting.as_mut().give_up();
        sender.join().unwrap();
        drop(waiting);
        match got {
            Some(Won::This(value)) => {
                assert_eq!(number(value), Some(2));
                assert!(b.try_recv().is_err());
            }
            Some(Won::Before(_)) => unreachable!("nobody sends on it"),
            None => assert_eq!(number(b.try_recv().unwrap()), Some(2)),
        }
    });
}

/// The same with cases in boxes, and a select that is begun anew.
#[test]
fn case_set_meets_hand_off() {
    model(|| {
        let chans = pair(1);
        let [a, b] = &chans;
        let (_, waker) = counting();
        let mut set = CaseSet::new();
        set.recv(a, |_: Option<Traced>| None);
        set.recv(b, number);
        let mut context = Context::from_waker(&waker);
        assert!(set.poll(&mut context, |_| 0, false).is_pending());
        let sender = {
            let b = b.clone();
            thread::spawn(move || b.send(traced(2)))
        };
        set.abandon();
        let mut got = set.poll(&mut context, |_| 0, false);
        sender.join().unwrap();
        if got.is_pending() {
            got = set.poll(&mut context, |_| 0, false);
        }
        assert_eq!(got, Poll::Ready(Some(2)));
    });
}
