//! How a wait ends: lock, parker, select.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Instant;

use loom::cell::UnsafeCell;
use loom::thread;

use super::{Told, Traced, birth, counting, model, number, pair, traced};
use crate::Chan;
use crate::blocking::Stop;
use crate::case::{RecvArm, SendArm};
use crate::case_list::{CaseList, End, Won};
use crate::handle::{self, ALL, Handle};
use crate::lock::RawLock;
use crate::results::{Nothing, Sent};
use crate::selection::Selection;

/// Lock, I1: the cell is touched by one at a time, and each sees what the
/// last one wrote.
#[test]
fn lock_excludes() {
    struct Counter {
        lock: RawLock,
        count: UnsafeCell<usize>,
    }
    // SAFETY: the lock guards the cell; that is what is tested.
    unsafe impl Sync for Counter {}

    model(|| {
        let counter = Arc::new(Counter {
            lock: RawLock::new(),
            count: UnsafeCell::new(0),
        });
        let add = |counter: &Counter| {
            counter.lock.lock();
            // SAFETY: loom ends the model if somebody else is there.
            counter.count.with_mut(|count| unsafe { *count += 1 });
            counter.lock.unlock();
        };
        let other = {
            let counter = Arc::clone(&counter);
            thread::spawn(move || {
                add(&counter);
                add(&counter);
            })
        };
        add(&counter);
        other.join().unwrap();
        add(&counter);
        // SAFETY: alone again.
        assert_eq!(counter.count.with(|count| unsafe { *count }), 4);
    });
}

/// Parker, P2 and P4: a receiver looks, gives up and parks while its value is
/// handed to it.
#[test]
fn park_meets_unpark() {
    model(|| {
        let chan = Chan::new(0);
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || number(chan.recv()))
        };
        chan.send(traced(7));
        assert_eq!(receiver.join().unwrap(), Some(7));
        assert_eq!(chan.len(), 0);
    });
}

/// Parker, P2, the other way: a parked sender is taken from. What the
/// receiver did before is told to the sender (rule 40).
#[test]
fn parked_sender_meets_receiver() {
    model(|| {
        let (chan, told) = (Chan::new(0), Told::new());
        let sender = {
            let (chan, told) = (chan.clone(), Arc::clone(&told));
            thread::spawn(move || {
                chan.send(traced(7));
                told.read();
            })
        };
        told.write();
        assert_eq!(number(chan.recv()), Some(7));
        sender.join().unwrap();
    });
}

/// Parker: a watcher's unpark is not taken for the counterpart's.
#[test]
fn stack_request_meets_hand_off() {
    model(|| {
        let chan: Handle<Traced, ALL> = handle::make(birth(), 0);
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || {
                let site = std::panic::Location::caller();
                number(chan.chan().recv(None, site, drop).ok())
            })
        };
        let asked = {
            let guard = chan.chan().header().lock();
            let waiter = guard.recvq.iter().next();
            // SAFETY: linked, and its channel locked.
            waiter.and_then(|waiter| unsafe { waiter.party().as_ref() }.request_stack(1))
        };
        if let Some(wake) = asked {
            wake.fire();
            // Loom does not by itself try what an unparked thread does first.
            thread::yield_now();
        }
        let site = std::panic::Location::caller();
        assert!(chan.chan().send(traced(7), None, site).is_ok());
        assert_eq!(receiver.join().unwrap(), Some(7));
    });
}

/// Parker, P2 and P3: a wait whose time is over, while its value is handed to
/// it. A send that succeeded was received, and `DONE` alone publishes it: the
/// wake, which would publish it too, comes later.
#[test]
fn timeout_meets_hand_off() {
    model(|| {
        let chan: Handle<Traced, ALL> = handle::make(birth(), 0);
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || {
                let site = std::panic::Location::caller();
                chan.chan().recv(Some(Instant::now()), site, |stop| stop)
            })
        };
        let sent = chan.chan().send_now(traced(7));
        match (receiver.join().unwrap(), sent) {
            (Ok(value), Sent::Done(wake)) => {
                assert_eq!(value, 7);
                wake.fire();
            }
            (Err(Stop::Timeout), Sent::Full(_)) => {}
            (received, sent) => {
                let sent = matches!(sent, Sent::Done(_));
                unreachable!("received {received:?}, sent {sent}")
            }
        }
        assert!(matches!(chan.chan().try_recv(), Err(Nothing::Empty)));
    });
}

/// Parker, P1: two channels want the same select. One wins; the other's value
/// stays where it was.
#[test]
fn two_channels_claim_one_select() {
    model(|| {
        let chans = pair(1);
        let senders = [0, 1].map(|number| {
            let chan = chans[number].clone();
            thread::spawn(move || chan.send(traced(number)))
        });
        let [a, b] = &chans;
        let first = match select!(RecvArm::arm(a), RecvArm::arm(b)) {
            Won::Before(Won::This(value)) | Won::This(value) => number(value).unwrap(),
        };
        for sender in senders {
            sender.join().unwrap();
        }
        assert_eq!(chans[first].len(), 0);
        let left = chans[1 - first].try_recv().unwrap();
        assert_eq!(number(left), Some(1 - first));
    });
}

/// Two selects, each with both ways out, meet: they agree on one channel.
#[test]
fn two_selects_meet() {
    model(|| {
        let [a, b] = pair(0);
        let other = {
            let (a, b) = (a.clone(), b.clone());
            thread::spawn(move || {
                let (a, b) = (&a, &b);
                match select!(SendArm::arm(b, traced(2)), RecvArm::arm(a)) {
                    Won::Before(Won::This(())) => 0,
                    Won::This(value) => number(value).unwrap(),
                }
            })
        };
        let mine = {
            let (a, b) = (&a, &b);
            match select!(SendArm::arm(a, traced(1)), RecvArm::arm(b)) {
                Won::Before(Won::This(())) => 0,
                Won::This(value) => number(value).unwrap(),
            }
        };
        let theirs = other.join().unwrap();
        assert!((mine, theirs) == (0, 1) || (mine, theirs) == (2, 0));
    });
}

/// Rule 57: one channel gets a value before the other loses its own, so at no
/// moment is none of them ready, and a look says so.
#[test]
fn one_look_at_two_channels() {
    one_look_while(|chan| drop(chan.try_recv()));
}

/// The same of a channel that was not plain for a moment after it had lost its
/// value (sides, the store of `set_plain`): it was as it is read after the other
/// one had got its own.
#[test]
fn one_look_at_a_channel_that_is_plain_again() {
    one_look_while(|chan| {
        drop(chan.try_recv());
        drop(chan.try_reserve());
    });
}

/// A look at two channels, while one gets a value and then the other, which has
/// one, is `emptied`: it is never that none is ready.
fn one_look_while(emptied: fn(&Chan<Traced>)) {
    model(move || {
        let [a, b] = pair(1);
        a.send(traced(1));
        let other = {
            let (a, b) = (a.clone(), b.clone());
            thread::spawn(move || {
                b.send(traced(2));
                emptied(&a);
            })
        };
        let cases = End.and(RecvArm::arm(&b)).and(RecvArm::arm(&a));
        let look = crate::selection::look::<_, 2>(cases, 2, |_| 0);
        assert!(look.is_some());
        other.join().unwrap();
    });
}

/// Parker, P5: a task that waits on two channels is asked for its stack through
/// one of them while it is sent a value through the other. One of the two wakes
/// it, and the poll sees the value.
#[test]
fn stack_request_meets_claim_of_a_select() {
    model(|| {
        let mut handles: [Handle<Traced, ALL>; 2] = [(); 2].map(|()| handle::make(birth(), 1));
        // As `pair` does.
        handles.sort_by_key(|handle| std::ptr::from_ref(handle.chan().header()) as usize);
        let [watched, other] = handles;
        let (a, b) = (
            &Chan::from_handle(watched.clone()),
            &Chan::from_handle(other),
        );
        let (woken, waker) = counting();
        let cases = End.and(RecvArm::arm(a)).and(RecvArm::arm(b));
        let mut waiting = Box::pin(Selection::<_, 2>::new(cases, 2, false));
        let mut context = Context::from_waker(&waker);
        assert!(waiting.as_mut().poll(&mut context, |_| 0).is_pending());
        let sender = {
            let b = b.clone();
            thread::spawn(move || b.send(traced(2)))
        };
        let wake = {
            let guard = watched.chan().header().lock();
            let waiter = guard.recvq.iter().next();
            // SAFETY: linked, and its channel locked.
            waiter.and_then(|waiter| unsafe { waiter.party().as_ref() }.request_stack(1))
        };
        if let Some(wake) = wake {
            wake.fire();
        }
        sender.join().unwrap();
        assert!(woken.0.load(Ordering::Relaxed) > 0, "somebody wakes it");
        let won = waiting.as_mut().poll(&mut context, |_| 0);
        let Poll::Ready(Won::This(value)) = won else {
            unreachable!("it was sent, and nobody sends on the other")
        };
        assert_eq!(number(value), Some(2));
    });
}
