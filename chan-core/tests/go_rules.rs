//! Go's rules for channels, one test for each, named by its number in the
//! parity table: on `Chan`, and on `Sender` and `Receiver` where their manners
//! differ. Panics begin with Go's text and carry the line of the caller.
//!
//! Rules about select are tested where select is; those about values, drops
//! and wakers, which Go does not have, in `go_rules/values.rs`.
#![cfg(not(loom))]

use std::future::Future;
use std::pin::Pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use chan_core::observe::{Direction, WaitState};
use chan_core::{Builder, Chan, CloseError, Empty, RecvChan, SendChan, bounded, never};

use support::{panic_text, panics, waiting};

mod common;
#[path = "go_rules/promises.rs"]
mod promises;
#[path = "go_rules/support.rs"]
mod support;
#[path = "go_rules/values.rs"]
mod values;

const SEND_ON_CLOSED: &str = "send on closed channel";
const CLOSE_OF_CLOSED: &str = "close of closed channel";
const CLOSE_OF_NIL: &str = "close of nil channel";
const OUT_OF_RANGE: &str = "makechan: size out of range";

/// Long enough for a wait that is to be in vain.
const SHORT: Duration = Duration::from_millis(5);

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// A future that waits.
fn parked<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll(&mut future).is_pending());
    future
}

fn named<T>(name: &'static str, capacity: usize) -> Chan<T> {
    Builder::new().name(name).capacity(capacity).chan()
}

// ---- Making. ----

#[test]
fn rule_01_the_capacity_is_fixed_and_zero_is_unbuffered() {
    for capacity in [0, 1, 7, 100] {
        let chan = Chan::new(capacity);
        let (tx, rx) = bounded(capacity);
        for n in 0..capacity {
            chan.try_send(n).unwrap();
            tx.try_send(n).unwrap();
        }
        assert_eq!(chan.try_send(0).unwrap_err().into_inner(), 0);
        assert!(tx.try_send(0).unwrap_err().is_full());
        assert_eq!((chan.capacity(), rx.capacity()), (capacity, Some(capacity)));
        assert!(chan.is_full() && rx.is_full());
    }
    assert_eq!(Builder::new().chan::<u8>().capacity(), 0);
}

#[test]
fn rule_02_a_size_out_of_range_panics() {
    let most = isize::MAX as usize;
    panics(OUT_OF_RANGE, || Chan::<u64>::new(usize::MAX));
    panics(OUT_OF_RANGE, || Chan::<u64>::new(most / 8 + 1));
    panics(OUT_OF_RANGE, || bounded::<u8>(most + 1));
    panics(OUT_OF_RANGE, || Chan::<()>::new(most + 1));
    let big = Builder::new().capacity(usize::MAX);
    panics(OUT_OF_RANGE, || big.channel::<u16>());
    let text = panic_text(|| Chan::<u8>::new(usize::MAX));
    assert_eq!(text, OUT_OF_RANGE);
}

#[test]
fn rule_03_the_zero_value_is_nil_and_never_ready() {
    let (chan, tx, rx) = <(Chan<u8>, SendChan<u8>, RecvChan<u8>)>::default();
    assert!(chan.is_nil() && tx.is_nil() && rx.is_nil());
    assert!(chan.same_channel(&Chan::nil()));
    assert!(!chan.same_channel(&Chan::new(0)));
    assert!(chan.sender().is_nil() && chan.receiver().is_nil());
    assert_eq!(chan.try_send(1).unwrap_err().into_inner(), 1);
    assert_eq!(tx.try_send(2).unwrap_err().into_inner(), 2);
    assert_eq!(chan.try_recv(), Err(Empty));
    assert_eq!(rx.try_recv(), Err(Empty));
    assert!(never::<u8>().try_recv().unwrap_err().is_empty());
    let (tx, rx) = chan.split();
    assert!(tx.is_nil() && rx.is_nil());
}

#[test]
fn rule_04_len_counts_the_buffer_and_never_the_waiters() {
    let nil = Chan::<u8>::nil();
    assert_eq!((nil.len(), nil.capacity()), (0, 0));
    let unbuffered = Chan::new(0);
    let sends = [1, 2].map(|n| parked(unbuffered.send_async(n)));
    assert_eq!(unbuffered.len(), 0);
    drop(sends);
    let receives = [(); 2].map(|()| parked(unbuffered.recv_async()));
    assert_eq!(unbuffered.len(), 0);
    drop(receives);
    let buffered = Chan::new(2);
    for len in 1..=2 {
        buffered.send(0);
        assert_eq!(buffered.len(), len);
    }
    let _send = parked(buffered.send_async(0));
    assert_eq!(buffered.len(), 2, "the waiting sender does not count");
    buffered.close();
    assert_eq!(buffered.len(), 2, "closing takes nothing out");
}

#[test]
fn rule_05_len_may_be_asked_at_any_time() {
    const CAPACITY: usize = 3;
    let chan = Chan::new(CAPACITY);
    let looks = AtomicUsize::new(0);
    thread::scope(|s| {
        let looker = s.spawn(|| {
            while !chan.is_closed() {
                let len = chan.len();
                assert!(len <= CAPACITY, "{len}");
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        s.spawn(|| {
            for n in 0..5000 {
                chan.send(n);
            }
            while looks.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
            chan.close();
        });
        assert_eq!(chan.iter().count(), 5000);
        looker.join().unwrap();
    });
}

#[test]
fn rule_06_elements_without_size_are_counted() {
    let chan = Chan::new(3);
    for len in 1..=3 {
        chan.send(());
        assert_eq!(chan.len(), len);
    }
    assert!(chan.try_send(()).is_err());
    chan.close();
    assert_eq!(chan.iter().count(), 3);
    let huge = Chan::<()>::new(isize::MAX as usize);
    huge.send(());
    assert_eq!((huge.len(), huge.recv(), huge.len()), (1, Some(()), 0));
    let unbuffered = Chan::new(0);
    thread::scope(|s| {
        s.spawn(|| (0..100).for_each(|_| unbuffered.send(())));
        (0..100).for_each(|_| assert_eq!(unbuffered.recv(), Some(())));
    });
}

#[test]
fn rule_07_everybody_may_do_everything_at_once() {
    const EACH: usize = 1000;
    for capacity in [0, 2] {
        let chan = Chan::new(capacity);
        let (sum, senders) = (AtomicUsize::new(0), AtomicUsize::new(4));
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    (1..=EACH).for_each(|n| chan.send(n));
                    if senders.fetch_sub(1, Ordering::AcqRel) == 1 {
                        chan.close();
                    }
                });
                s.spawn(|| {
                    while let Some(n) = chan.recv() {
                        sum.fetch_add(n, Ordering::Relaxed);
                        assert!(chan.len() <= chan.capacity());
                    }
                    assert_eq!(chan.try_close(), Err(CloseError::Closed));
                });
            }
        });
        assert_eq!(sum.into_inner(), 4 * EACH * (EACH + 1) / 2);
    }
}

#[test]
fn rule_09_handles_that_go_close_nothing() {
    let (tx, rx) = Chan::new(1).split();
    tx.send(1);
    drop(tx);
    assert_eq!((rx.is_closed(), rx.sender_count()), (false, 0));
    assert_eq!(rx.recv(), Some(1));
    assert!(rx.recv_timeout(SHORT).is_err());
    let (tx, rx) = Chan::new(1).split();
    drop(rx);
    tx.send(1);
    assert_eq!((tx.is_closed(), tx.receiver_count()), (false, 0));
    assert!(tx.send_timeout(2, SHORT).is_err());
}

#[test]
fn rule_09_differs_a_rust_side_that_goes_closes() {
    let (tx, rx) = bounded(2);
    tx.send(1).unwrap();
    let second = tx.clone();
    drop(tx);
    assert!(!rx.is_closed(), "one sender is left");
    drop(second);
    assert_eq!((rx.is_closed(), rx.recv()), (true, Ok(1)));
    assert!(rx.recv().is_err() && rx.try_recv().unwrap_err().is_disconnected());
    let (tx, rx) = bounded(2);
    tx.send(1).unwrap();
    drop(rx.clone());
    tx.send(2).unwrap();
    drop(rx);
    assert_eq!((tx.is_closed(), tx.len()), (true, 0));
    assert_eq!(tx.send(3).unwrap_err().into_inner(), 3);
    assert!(tx.close().is_err());
}

// ---- Sending. ----

#[test]
fn rule_10_the_value_is_made_before_the_send_begins() {
    let chan = Chan::new(1);
    chan.send(1);
    // Would wait for ever if the send came first.
    chan.send(chan.recv().unwrap() + 1);
    assert_eq!(chan.recv(), Some(2));
    let made = AtomicBool::new(false);
    let make = || made.swap(true, Ordering::Relaxed);
    let closed = Chan::new(1);
    closed.close();
    panics(SEND_ON_CLOSED, || closed.send(make()));
    assert!(made.into_inner());
}

#[test]
fn rule_11_a_send_on_nil_waits_for_ever() {
    let nil = Chan::nil();
    assert_eq!(nil.send_timeout(1, SHORT).unwrap_err().into_inner(), 1);
    assert_eq!(nil.try_send(2).unwrap_err().into_inner(), 2);
    let mut send = parked(nil.send_async(3));
    assert!(poll(&mut send).is_pending());
    let sender = nil.sender();
    assert_eq!(sender.send_timeout(4, SHORT).unwrap_err().into_inner(), 4);
}

#[test]
fn rule_12_send_on_closed_panics_even_with_room() {
    let chan = Chan::new(2);
    chan.send(1);
    chan.close();
    let at = line!() - 1;
    let tx = chan.sender();
    panics(SEND_ON_CLOSED, || chan.send(2));
    panics(SEND_ON_CLOSED, || chan.try_send(2));
    panics(SEND_ON_CLOSED, || chan.send_timeout(2, SHORT));
    panics(SEND_ON_CLOSED, || tx.send(2));
    panics(SEND_ON_CLOSED, || tx.try_send(2));
    let text = panic_text(|| poll(&mut Box::pin(chan.send_async(2))));
    assert!(text.starts_with(SEND_ON_CLOSED), "{text}");
    assert!(text.contains(&format!("go_rules.rs:{at}:")), "{text}");
    assert_eq!(chan.iter().collect::<Vec<_>>(), [1]);
    // Full: closed is found before full.
    let full = Chan::new(0);
    full.close();
    panics(SEND_ON_CLOSED, || full.try_send(2));
}

#[test]
fn rule_12_differs_a_rust_send_gives_the_value_back() {
    let (tx, rx) = bounded(2);
    tx.send(1).unwrap();
    tx.close().unwrap();
    assert_eq!(tx.send(2).unwrap_err().into_inner(), 2);
    assert!(tx.try_send(3).unwrap_err().is_disconnected());
    assert!(tx.send_timeout(4, SHORT).unwrap_err().is_disconnected());
    let Poll::Ready(Err(error)) = poll(&mut Box::pin(tx.send_async(5))) else {
        panic!("closed is an answer");
    };
    assert_eq!(error.into_inner(), 5);
    assert_eq!(rx.iter().collect::<Vec<_>>(), [1]);
}

#[test]
fn rule_13_a_send_waits_for_room_or_for_a_receiver() {
    let unbuffered = named("rule 13", 0);
    assert!(unbuffered.send_timeout(1, SHORT).is_err());
    thread::scope(|s| {
        let receiver = s.spawn(|| unbuffered.recv());
        waiting("rule 13", 1);
        unbuffered.try_send(2).expect("a receiver is ready");
        assert_eq!(receiver.join().unwrap(), Some(2));
    });
    let (tx, rx) = bounded(1);
    tx.send(1).unwrap();
    let error = tx.send_timeout(2, SHORT).unwrap_err();
    assert!(error.is_timeout() && error.into_inner() == 2);
    assert_eq!(rx.recv(), Ok(1));
    tx.try_send(3).expect("there is room again");
}

#[test]
fn rule_14_a_send_tries_a_receiver_then_room_then_waits() {
    let chan = named("rule 14", 1);
    let mut receives = [(); 2].map(|()| parked(chan.recv_async()));
    chan.send(1);
    assert_eq!(chan.len(), 0, "handed over, not buffered");
    assert!(poll(&mut receives[1]).is_pending(), "the oldest gets it");
    assert_eq!(poll(&mut receives[0]), Poll::Ready(Some(1)));
    drop(receives);
    chan.send(2);
    assert_eq!(chan.len(), 1);
    let mut sends = [3, 4].map(|n| parked(chan.send_async(n)));
    let values: Vec<_> = (0..3).map(|_| chan.recv().unwrap()).collect();
    assert_eq!(values, [2, 3, 4], "waiting senders are a queue");
    assert!(sends.iter_mut().all(|send| poll(send).is_ready()));
}

#[test]
fn rule_15_a_hand_off_cannot_overtake_the_buffer() {
    let chan = Chan::new(2);
    let mut receives = [(); 2].map(|()| parked(chan.recv_async()));
    (1..=4).for_each(|n| chan.send(n));
    let handed = receives.each_mut().map(poll);
    assert_eq!(handed, [Poll::Ready(Some(1)), Poll::Ready(Some(2))]);
    assert_eq!((chan.recv(), chan.recv()), (Some(3), Some(4)));
}

#[test]
fn rule_16_a_close_makes_waiting_senders_panic() {
    let chan = named("rule 16", 0);
    let mut task = parked(chan.send_async(3));
    thread::scope(|s| {
        s.spawn(|| panics(SEND_ON_CLOSED, || chan.send(1)));
        s.spawn(|| panics(SEND_ON_CLOSED, || chan.send_timeout(2, Duration::MAX)));
        waiting("rule 16", 3);
        chan.close();
        assert_eq!(chan.recv(), None, "their values are not delivered");
    });
    assert!(panic_text(|| poll(&mut task)).starts_with(SEND_ON_CLOSED));
}

#[test]
fn rule_16_differs_a_rust_close_gives_waiting_values_back() {
    let (tx, rx) = Builder::new().name("rule 16 rust").channel();
    thread::scope(|s| {
        let sender = s.spawn(|| tx.send(1));
        waiting("rule 16 rust", 1);
        drop(rx);
        assert_eq!(sender.join().unwrap().unwrap_err().into_inner(), 1);
    });
}

#[test]
fn rule_17_a_send_does_not_return_for_no_reason() {
    let chan = named("rule 17", 0);
    let returned = AtomicBool::new(false);
    thread::scope(|s| {
        let sender = s.spawn(|| {
            chan.send(1);
            returned.store(true, Ordering::SeqCst);
        });
        let id = waiting("rule 17", 1).waits[0].id;
        for _ in 0..100 {
            sender.thread().unpark();
            thread::yield_now();
        }
        assert_eq!(waiting("rule 17", 1).waits[0].id, id, "it kept its place");
        assert!(!returned.load(Ordering::SeqCst));
        assert_eq!(chan.recv(), Some(1));
    });
    assert_eq!(chan.try_recv(), Err(Empty));
}

// ---- Receiving. ----

#[test]
fn rule_18_a_receive_on_nil_waits_for_ever() {
    let nil = Chan::<u8>::nil();
    assert!(nil.recv_timeout(SHORT).is_err());
    assert!(nil.receiver().recv_timeout(SHORT).is_err());
    assert!(never::<u8>().recv_timeout(SHORT).unwrap_err().is_timeout());
    let (go, rust) = (nil.receiver(), never::<u8>());
    let (mut go, mut rust) = (parked(go.recv_async()), parked(rust.recv_async()));
    assert!(poll(&mut go).is_pending() && poll(&mut rust).is_pending());
}

#[test]
fn rule_19_a_value_does_not_mean_open() {
    let chan = Chan::new(1);
    chan.send(0);
    chan.close();
    assert!(chan.is_closed());
    assert_eq!(chan.recv(), Some(0), "a zero that was sent is not the zero");
    assert_eq!(chan.recv(), None);
    assert_eq!(chan.try_recv(), Ok(None));
    assert_eq!(chan.recv_timeout(SHORT), Ok(None));
    assert_eq!(poll(&mut Box::pin(chan.recv_async())), Poll::Ready(None));
}

#[test]
fn rule_20_a_closed_channel_is_drained_in_order() {
    let chan = Chan::new(3);
    let (tx, rx) = bounded(3);
    for n in 1..=3 {
        chan.send(n);
        tx.send(n).unwrap();
    }
    chan.close();
    tx.close().unwrap();
    for n in 1..=3 {
        assert_eq!((chan.recv(), rx.recv()), (Some(n), Ok(n)));
    }
    for _ in 0..3 {
        assert!(chan.recv().is_none() && rx.recv().is_err());
    }
}

#[test]
fn rule_21_a_receive_tries_close_then_senders_then_the_buffer() {
    let unbuffered = Chan::new(0);
    let mut send = parked(unbuffered.send_async(1));
    assert_eq!(
        unbuffered.try_recv(),
        Ok(Some(1)),
        "straight from the sender"
    );
    assert!(poll(&mut send).is_ready());
    let full = Chan::new(2);
    (1..=2).for_each(|n| full.send(n));
    let mut send = parked(full.send_async(3));
    assert_eq!(full.recv(), Some(1), "the head of the buffer");
    assert!(poll(&mut send).is_ready(), "its value took the slot");
    assert_eq!(
        (full.len(), full.recv(), full.recv()),
        (2, Some(2), Some(3))
    );
    assert_eq!(full.try_recv(), Err(Empty));
    let mut receives = [(); 2].map(|()| parked(full.recv_async()));
    (4..=5).for_each(|n| full.send(n));
    let got = receives.each_mut().map(poll);
    assert_eq!(got, [Poll::Ready(Some(4)), Poll::Ready(Some(5))]);
    full.close();
    assert_eq!(full.try_recv(), Ok(None));
}

#[test]
fn rule_22_a_receive_gets_the_oldest_not_the_waiting_sender_s() {
    let chan = named("rule 22", 1);
    chan.send(1);
    thread::scope(|s| {
        let sender = s.spawn(|| chan.send(2));
        waiting("rule 22", 1);
        assert_eq!(chan.recv(), Some(1));
        assert_eq!(chan.len(), 1);
        sender.join().unwrap();
    });
    assert_eq!(chan.recv(), Some(2));
}

/// Runs both at the same time, again and again.
fn race<C: Sync>(rounds: usize, make: impl Fn() -> C, one: fn(&C), other: fn(&C)) {
    let channels: Vec<C> = (0..rounds).map(|_| make()).collect();
    // Two threads that spin meet more closely than those that wake each other.
    let turns = [(); 2].map(|()| AtomicUsize::new(0));
    // Who fails lets the other go on, and the test end.
    struct End<'t>(&'t AtomicUsize);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.store(usize::MAX, Ordering::Release);
        }
    }
    let run = |me: usize, act: fn(&C)| {
        let _end = End(&turns[me]);
        for (round, chan) in channels.iter().enumerate() {
            turns[me].store(round, Ordering::Release);
            while turns[1 - me].load(Ordering::Acquire) < round {
                thread::yield_now();
            }
            act(chan);
        }
    };
    let start = Barrier::new(2);
    thread::scope(|s| {
        s.spawn(|| (start.wait(), run(0, one)));
        start.wait();
        run(1, other);
    });
}

#[test]
fn rule_24_send_then_close_is_never_seen_as_closed_and_empty() {
    for capacity in [0, 1] {
        let send_and_close = |chan: &Chan<u8>| {
            chan.send(1);
            chan.close();
        };
        race(
            5000,
            || Chan::new(capacity),
            send_and_close,
            |chan| {
                let first = loop {
                    match chan.try_recv() {
                        Ok(seen) => break seen,
                        Err(Empty) => thread::yield_now(),
                    }
                };
                assert_eq!(first, Some(1), "closed and empty too early");
                assert_eq!(chan.recv(), None);
            },
        );
    }
}

#[test]
fn rule_24_holds_for_a_sender_that_is_dropped() {
    let make = || {
        let (tx, rx) = bounded(1);
        (std::sync::Mutex::new(Some(tx)), rx)
    };
    let send_and_drop = |(tx, _): &(std::sync::Mutex<Option<_>>, _)| {
        let tx: chan_core::Sender<u8> = tx.lock().unwrap().take().unwrap();
        tx.send(1).unwrap();
    };
    race(5000, make, send_and_drop, |(_, rx)| {
        let first = loop {
            match rx.try_recv() {
                Err(error) if error.is_empty() => thread::yield_now(),
                seen => break seen,
            }
        };
        assert_eq!(first, Ok(1), "closed and empty too early");
    });
}

#[test]
fn rule_24_what_was_never_empty_and_open_is_always_ready() {
    let full = || {
        let chan = Chan::new(1);
        chan.send(1);
        chan
    };
    let close_and_drain = |chan: &Chan<u8>| {
        chan.close();
        chan.recv();
    };
    race(5000, full, close_and_drain, |chan| {
        assert!(chan.try_recv().is_ok(), "reported not ready");
    });
}

// Closing and the order of queues: rules 26 to 36, and range.
#[path = "go_rules/closing.rs"]
mod closing;

/// Whether a queued wait of that direction is among them.
fn queued(snapshot: &chan_core::observe::ChannelSnapshot, direction: Direction) -> bool {
    let mut waits = snapshot.waits.iter();
    waits.any(|wait| wait.direction == direction && wait.state == WaitState::Queued)
}
