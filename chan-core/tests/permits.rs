//! Permits: credits that count against the capacity, whoever holds them, and
//! go on to the next who waits when they are given back.
#![cfg(not(loom))]

mod common;

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use chan_core::{Builder, Chan, bounded, unbounded};
use common::{Counting, block_on, poll, poll_box, until_parked, watched};

#[test]
fn values_and_permits_together_never_exceed_the_capacity() {
    let (tx, rx) = bounded(3);
    let one = tx.try_reserve().unwrap();
    tx.try_send(1).unwrap();
    let two = tx.try_reserve().unwrap();
    assert!(tx.try_send(2).unwrap_err().is_full());
    assert!(tx.try_reserve().unwrap_err().is_full());
    assert_eq!(rx.recv(), Ok(1));
    let three = tx.try_reserve().unwrap();
    assert_eq!((rx.len(), rx.is_full()), (0, false));
    assert!(tx.try_send(3).unwrap_err().is_full());
    // A credit, not a slot: the order is that of the sends.
    three.send(30).unwrap();
    one.send(10).unwrap();
    drop(two);
    tx.try_send(40).unwrap();
    assert_eq!(rx.drain().collect::<Vec<_>>(), [30, 10, 40]);
}

#[test]
fn a_permit_given_back_lets_a_waiting_sender_in() {
    let (tx, rx) = Builder::new().name("given back").capacity(1).channel();
    let permit = tx.reserve().unwrap();
    thread::scope(|s| {
        s.spawn(|| tx.send(7).unwrap());
        until_parked(&watched("given back"), 1);
        assert_eq!(rx.len(), 0);
        drop(permit);
        assert_eq!(rx.recv(), Ok(7));
    });
}

#[test]
fn permits_are_granted_in_the_order_of_asking() {
    let (tx, rx) = bounded(1);
    tx.send(0).unwrap();
    let mut first = Box::pin(tx.reserve_async());
    assert!(poll_box(&mut first).is_pending());
    let mut send = Box::pin(tx.send_async(1));
    assert!(poll_box(&mut send).is_pending());
    let mut second = Box::pin(tx.reserve_async());
    assert!(poll_box(&mut second).is_pending());
    assert_eq!(tx.waiting_senders(), 3);
    assert_eq!(rx.recv(), Ok(0));
    let Poll::Ready(Ok(permit)) = poll_box(&mut first) else {
        panic!("the oldest comes first");
    };
    assert!(poll_box(&mut send).is_pending());
    drop(permit);
    assert_eq!(poll_box(&mut send), Poll::Ready(Ok(())));
    assert!(poll_box(&mut second).is_pending());
    assert_eq!(rx.recv(), Ok(1));
    let Poll::Ready(Ok(permit)) = poll_box(&mut second) else {
        panic!("room again");
    };
    permit.send(2).unwrap();
    assert_eq!(rx.recv(), Ok(2));
}

#[test]
fn a_request_that_is_dropped_leaves_no_trace_in_any_state() {
    let (tx, rx) = bounded(1);
    drop(tx.reserve_async());
    tx.send(1).unwrap();
    let mut waiting = Box::pin(tx.reserve_async());
    assert!(poll_box(&mut waiting).is_pending());
    drop(waiting);
    assert_eq!(tx.waiting_senders(), 0);
    // Granted and not polled: the permit goes to the next.
    let mut granted = Box::pin(tx.reserve_async());
    assert!(poll_box(&mut granted).is_pending());
    let (bell, waker) = Counting::new();
    let mut next = pin!(tx.reserve_async());
    assert!(poll(&mut next, &waker).is_pending());
    assert_eq!(rx.recv(), Ok(1));
    assert!(tx.try_send(2).is_err(), "the slot is promised");
    assert_eq!(bell.wakes(), 0);
    drop(granted);
    assert_eq!(bell.wakes(), 1);
    let Poll::Ready(Ok(permit)) = poll(&mut next, Waker::noop()) else {
        panic!("it was woken for it");
    };
    drop(permit);
    // Granted at the first look, ready, and never polled again.
    let mut ready = Box::pin(tx.reserve_async());
    assert!(poll_box(&mut ready).is_ready());
    drop(ready);
    tx.try_send(2).unwrap();
}

#[test]
fn a_hand_off_needs_no_slot_and_passes_by_those_who_want_one() {
    let (tx, rx) = bounded(1);
    let permit = tx.reserve().unwrap();
    let mut wants_one = Box::pin(tx.reserve_async());
    assert!(poll_box(&mut wants_one).is_pending());
    // A receiver waits, and a request for a permit: both at once (I3).
    let mut receive = Box::pin(rx.recv_async());
    assert!(poll_box(&mut receive).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!(poll_box(&mut receive), Poll::Ready(Ok(1)));
    // And the other way: a sender with a value waits behind the request.
    let mut send = Box::pin(tx.send_async(2));
    assert!(poll_box(&mut send).is_pending());
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(poll_box(&mut send), Poll::Ready(Ok(())));
    assert!(poll_box(&mut wants_one).is_pending());
    // A permit that hands its value over frees its slot for the next.
    let mut receive = Box::pin(rx.recv_async());
    assert!(poll_box(&mut receive).is_pending());
    permit.send(3).unwrap();
    assert_eq!(poll_box(&mut receive), Poll::Ready(Ok(3)));
    assert!(matches!(poll_box(&mut wants_one), Poll::Ready(Ok(_))));
}

#[test]
fn a_close_gives_values_back_and_refuses_those_who_wait() {
    let (tx, rx) = bounded(1);
    let permit = tx.reserve().unwrap();
    let mut waiting = Box::pin(tx.reserve_async());
    assert!(poll_box(&mut waiting).is_pending());
    drop(rx);
    assert!(matches!(poll_box(&mut waiting), Poll::Ready(Err(_))));
    assert_eq!(permit.send("back").unwrap_err().into_inner(), "back");
    assert!(tx.reserve().is_err());
    assert!(tx.try_reserve().unwrap_err().is_disconnected());
    // Given back after the close, and after the buffer has gone.
    let (tx, rx) = bounded::<u8>(2);
    let permits = (tx.reserve().unwrap(), tx.reserve().unwrap());
    tx.close().unwrap();
    drop(permits);
    assert!(rx.recv().is_err());
}

#[test]
#[should_panic(expected = "send on closed channel")]
fn a_request_on_a_closed_chan_panics() {
    let chan = Chan::<u8>::new(1);
    chan.close();
    let _ = chan.reserve();
}

#[test]
#[should_panic(expected = "send on closed channel")]
fn a_request_that_waits_on_a_chan_panics_when_it_closes() {
    let chan = Chan::new(1);
    chan.send(1);
    let mut waiting = Box::pin(chan.reserve_async());
    assert!(poll_box(&mut waiting).is_pending());
    chan.close();
    let _ = poll_box(&mut waiting);
}

#[test]
#[should_panic(expected = "reserve on an unbuffered channel")]
fn there_is_nothing_to_reserve_without_a_buffer() {
    let (tx, _rx) = bounded::<u8>(0);
    let _ = tx.try_reserve();
}

#[test]
fn without_a_limit_there_is_always_room() {
    let (tx, rx) = unbounded();
    let permits: Vec<_> = (0..1_000).map(|_| tx.reserve().unwrap()).collect();
    for (n, permit) in permits.into_iter().enumerate() {
        permit.send(n).unwrap();
    }
    drop(tx);
    assert!(rx.into_iter().eq(0..1_000));
}

#[test]
fn a_permit_that_owns_its_handle_keeps_the_channel_open() {
    let (tx, rx) = bounded::<u8>(1);
    let permit = tx.reserve().unwrap().into_owned();
    drop(tx);
    assert!(rx.try_recv().unwrap_err().is_empty());
    drop(permit);
    assert!(rx.try_recv().unwrap_err().is_disconnected());
}

#[test]
fn nil_grants_no_permit() {
    let nil = Chan::<u8>::nil();
    assert!(nil.try_reserve().is_err());
    assert!(nil.reserve_timeout(Duration::from_millis(1)).is_err());
    assert!(poll_box(&mut Box::pin(nil.reserve_async())).is_pending());
}

#[test]
fn a_watcher_sees_permits_and_who_waits_for_them() {
    let (tx, _rx) = Builder::new()
        .name("watched permits")
        .capacity(1)
        .channel::<u8>();
    let permit = tx.reserve().unwrap();
    let mut waiting = Box::pin(tx.reserve_async());
    assert!(poll_box(&mut waiting).is_pending());
    let seen = watched("watched permits").snapshot();
    assert_eq!((seen.permits, seen.waits.len()), (1, 1));
    assert_eq!(seen.waits[0].reason.to_string(), "chan send");
    drop(permit);
    // Granted, and not polled: it still holds the slot.
    assert_eq!(watched("watched permits").snapshot().permits, 1);
    drop(waiting);
    assert_eq!(watched("watched permits").snapshot().permits, 0);
}

/// Threads and tasks that reserve, give back, send and are dropped: the
/// capacity is kept at every moment and nothing is lost.
#[test]
fn a_crowd_with_permits_loses_nothing() {
    const EACH: usize = 2_000;
    let (tx, rx) = bounded(3);
    let received = AtomicUsize::new(0);
    thread::scope(|s| {
        for me in 0..3 {
            let tx = tx.clone();
            s.spawn(move || {
                for n in 0..EACH {
                    match (n + me) % 4 {
                        0 => tx.reserve().unwrap().send(n).unwrap(),
                        1 => block_on(tx.reserve_async()).unwrap().send(n).unwrap(),
                        2 => {
                            drop(poll_box(&mut Box::pin(tx.reserve_async())));
                            tx.send(n).unwrap();
                        }
                        _ => {
                            drop(tx.try_reserve());
                            block_on(tx.send_async(n)).unwrap();
                        }
                    }
                }
            });
        }
        for _ in 0..2 {
            let (rx, received) = (rx.clone(), &received);
            s.spawn(move || {
                while rx.recv().is_ok() {
                    assert!(rx.len() <= 3);
                    received.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        drop(tx);
    });
    assert_eq!(received.into_inner(), 3 * EACH);
}
