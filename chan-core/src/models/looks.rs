//! Looks without the lock (readiness, R1): a refusal was true at some moment.

use loom::thread;

use super::{Traced, model, traced};
use crate::case::RecvArm;
use crate::case_list::{CaseList, End};
use crate::{Chan, Empty};

/// Rule 24: "closed and empty" is not said while the value that was sent before
/// the close is there.
#[test]
fn look_meets_send_and_close() {
    model(|| {
        let chan = Chan::<Traced>::new(1);
        let sender = {
            let chan = chan.clone();
            thread::spawn(move || {
                chan.send(traced(1));
                chan.close();
            })
        };
        let mut got = None;
        for _ in 0..2 {
            let was_closed = chan.is_closed();
            match chan.try_recv() {
                Ok(Some(value)) => got = Some(value),
                Ok(None) => assert!(got.is_some(), "closed and empty too early"),
                Err(Empty) => assert!(!was_closed, "a closed one says so"),
            }
        }
        sender.join().unwrap();
        assert_eq!(got.is_some(), chan.try_recv().unwrap().is_none());
    });
}

/// A channel from which one value goes when another has come is never empty.
#[test]
fn look_meets_values_that_come_and_go() {
    model(|| {
        let chan = Chan::<Traced>::new(2);
        chan.send(traced(1));
        let other = {
            let chan = chan.clone();
            thread::spawn(move || {
                chan.send(traced(2));
                assert!(chan.try_recv().is_ok(), "one of two is left");
            })
        };
        assert!(chan.try_recv().is_ok(), "never empty");
        other.join().unwrap();
        assert_eq!(chan.try_recv().unwrap_err(), Empty);
    });
}

/// One into which a value comes when another has gone is never full.
#[test]
fn look_meets_room_that_comes_and_goes() {
    model(|| {
        let chan = Chan::<Traced>::new(2);
        chan.send(traced(1));
        let other = {
            let chan = chan.clone();
            thread::spawn(move || {
                drop(chan.recv());
                assert!(chan.try_send(traced(2)).is_ok(), "there was room for two");
            })
        };
        assert!(chan.try_send(traced(3)).is_ok(), "never full");
        other.join().unwrap();
        assert_eq!(chan.len(), 2);
    });
}

/// A value that is displaced makes room for another: the buffer is never empty
/// meanwhile, nor has it ever room.
#[test]
fn look_meets_force_send() {
    for capacity in [1, 2] {
        model(move || {
            let chan = Chan::<Traced>::new(capacity);
            (0..capacity).for_each(|number| chan.send(traced(number)));
            let other = {
                let chan = chan.clone();
                thread::spawn(move || {
                    let displaced = chan.force_send(traced(9)).unwrap();
                    assert_eq!(displaced.unwrap(), 0);
                })
            };
            assert!(chan.is_full() && !chan.is_empty());
            other.join().unwrap();
            assert_eq!(chan.len(), capacity);
        });
        model(move || {
            let chan = Chan::<Traced>::new(capacity);
            (0..capacity).for_each(|number| chan.send(traced(number)));
            let other = {
                let chan = chan.clone();
                thread::spawn(move || chan.force_send(traced(9)).unwrap().is_some())
            };
            assert!(chan.try_recv().is_ok(), "never empty");
            let displaced = other.join().unwrap();
            assert_eq!(chan.len(), if displaced { capacity - 1 } else { capacity });
        });
    }
}

/// R1, the second reading of the word: a channel that was closed before its
/// last value was taken was never empty and open.
#[test]
fn look_meets_close_and_receipt() {
    model(|| {
        let chan = Chan::<Traced>::new(1);
        chan.send(traced(1));
        let other = {
            let chan = chan.clone();
            thread::spawn(move || {
                chan.close();
                drop(chan.recv());
            })
        };
        let cases = End.and(RecvArm::arm(&chan));
        let seen = crate::selection::look::<_, 1>(cases, 0, |_| 0);
        assert!(seen.is_some(), "a value, or closed");
        other.join().unwrap();
    });
}
