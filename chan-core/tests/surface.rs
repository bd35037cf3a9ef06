//! What users of other channels expect: closure that can be awaited, weak
//! handles, times for tasks, streams and sinks, turns for others.
#![cfg(not(loom))]

mod common;

use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe::Manners;
use chan_core::{Builder, Chan, RecvTimeoutError, SendTimeoutError, bounded, never, unbounded};
use common::{Counting, block_on, poll, poll_box, until_parked, watched};

const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(10);

// ---- Closure. ----

#[test]
fn everybody_who_waits_for_the_close_is_woken() {
    let (tx, rx) = Builder::new().name("closing").channel::<u8>();
    thread::scope(|s| {
        s.spawn(|| tx.wait_closed());
        s.spawn(|| assert!(tx.wait_closed_timeout(HOUR)));
        let (bell, waker) = Counting::new();
        let mut wait = Box::pin(tx.closed());
        assert!(poll(&mut wait.as_mut(), &waker).is_pending());
        let closing = watched("closing");
        until_parked(&closing, 3);
        let snapshot = closing.snapshot();
        assert_eq!(snapshot.manners, Manners::Rust);
        let close = |wait: &chan_core::observe::Wait| wait.reason.to_string() == "chan close";
        assert!(snapshot.waits.iter().all(close));
        drop(rx);
        assert_eq!(bell.wakes(), 1);
        assert_eq!(poll_box(&mut wait), Poll::Ready(()));
    });
    assert!(watched("closing").snapshot().waits.is_empty());
}

#[test]
fn values_do_not_end_a_wait_for_the_close() {
    let chan = Chan::new(1);
    let mut wait = Box::pin(chan.closed());
    assert!(poll_box(&mut wait).is_pending());
    chan.send(1);
    assert_eq!(chan.recv(), Some(1));
    assert!(poll_box(&mut wait).is_pending());
    assert!(!chan.wait_closed_timeout(Duration::from_millis(1)));
    chan.close();
    assert_eq!(poll_box(&mut wait), Poll::Ready(()));
    block_on(chan.closed());
    drop(Box::pin(chan.closed()));
}

#[test]
fn a_wait_for_the_close_that_is_dropped_leaves_no_trace() {
    let chan = Builder::new().name("left").chan::<u8>();
    let mut wait = Box::pin(chan.closed());
    assert!(poll_box(&mut wait).is_pending());
    drop(wait);
    assert!(watched("left").snapshot().waits.is_empty());
    assert!(poll_box(&mut Box::pin(Chan::<u8>::nil().closed())).is_pending());
    assert!(!Chan::<u8>::nil().wait_closed_timeout(Duration::from_millis(1)));
}

// ---- Weak handles. ----

#[test]
fn a_weak_handle_keeps_neither_side_nor_value() {
    let value = Arc::new(());
    let (tx, rx) = bounded(1);
    let (weak_tx, weak_rx) = (tx.downgrade(), rx.downgrade());
    tx.send(value.clone()).unwrap();
    assert_eq!((weak_tx.sender_count(), weak_rx.receiver_count()), (1, 1));
    drop(weak_tx.upgrade().unwrap());
    drop(tx);
    assert!(
        weak_tx.upgrade().is_none(),
        "a side that has gone stays gone"
    );
    assert!(weak_rx.upgrade().unwrap().is_closed());
    assert_eq!(Arc::strong_count(&value), 2, "the receiver may still come");
    drop(rx);
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(weak_rx.upgrade().is_none());
}

#[test]
fn a_weak_chan_needs_both_sides() {
    let chan = Chan::<u8>::new(1);
    let weak = chan.downgrade();
    let (tx, rx) = chan.split();
    let whole = weak.upgrade().expect("both sides are there");
    whole.send(1);
    drop(whole);
    drop(rx);
    assert!(weak.upgrade().is_none());
    drop(tx);
    assert!(Chan::<u8>::nil().downgrade().upgrade().unwrap().is_nil());
}

#[test]
fn one_who_becomes_strong_in_time_keeps_the_channel_open() {
    for _ in 0..2_000 {
        let (tx, rx) = bounded::<u8>(1);
        let weak = tx.downgrade();
        thread::scope(|s| {
            s.spawn(move || drop(tx));
            if let Some(tx) = weak.upgrade() {
                tx.send(1).unwrap();
                assert_eq!(rx.recv(), Ok(1));
                drop(tx);
            }
        });
        assert!(rx.recv().is_err());
    }
}

// ---- Times. ----

#[test]
fn a_deadline_that_has_passed_still_takes_what_is_there() {
    let now = Instant::now();
    let (tx, rx) = bounded(1);
    assert_eq!(rx.recv_deadline(now), Err(RecvTimeoutError::Timeout));
    assert_eq!(tx.send_deadline(1, now), Ok(()));
    assert_eq!(tx.send_deadline(2, now), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(rx.recv_deadline(now), Ok(1));
    assert_eq!(block_on(tx.send_deadline_async(3, now)), Ok(()));
    let late = block_on(tx.send_deadline_async(4, now));
    assert_eq!(late, Err(SendTimeoutError::Timeout(4)));
    assert_eq!(block_on(rx.recv_deadline_async(now)), Ok(3));
    drop(tx);
    let closed = Err(RecvTimeoutError::Disconnected);
    assert_eq!(block_on(rx.recv_deadline_async(now)), closed);
    let chan = Chan::<u8>::new(0);
    assert!(chan.recv_deadline(now).is_err() && chan.send_deadline(1, now).is_err());
}

#[test]
fn a_task_gives_up_in_time_and_leaves_no_trace() {
    let chan = Builder::new().name("in time").chan();
    let start = Instant::now();
    assert!(block_on(chan.recv_timeout_async(SOON)).is_err());
    assert!(start.elapsed() >= SOON);
    let late = block_on(chan.send_timeout_async(5, SOON)).unwrap_err();
    assert_eq!(late.into_inner(), 5);
    assert!(start.elapsed() >= 2 * SOON);
    assert!(watched("in time").snapshot().waits.is_empty());
    // In time, across threads.
    thread::scope(|s| {
        s.spawn(|| block_on(chan.send_timeout_async(6, HOUR)).unwrap());
        assert_eq!(block_on(chan.recv_timeout_async(HOUR)), Ok(Some(6)));
    });
    let mut wait = Box::pin(chan.recv_timeout_async(HOUR));
    assert!(poll_box(&mut wait).is_pending());
    let seen = watched("in time").snapshot();
    assert!(seen.waits[0].has_deadline, "it is nobody's zombie");
    chan.close();
    assert_eq!(poll_box(&mut wait), Poll::Ready(Ok(None)));
    // Beyond the clock's end, and never received.
    let never = never::<u8>();
    assert!(poll_box(&mut Box::pin(never.recv_timeout_async(Duration::MAX))).is_pending());
}

#[test]
fn what_was_handed_over_counts_though_the_time_is_over() {
    let (tx, rx) = bounded(0);
    let deadline = Instant::now() + SOON;
    let mut wait = Box::pin(rx.recv_deadline_async(deadline));
    assert!(poll_box(&mut wait).is_pending());
    tx.try_send(1).unwrap();
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
    assert_eq!(poll_box(&mut wait), Poll::Ready(Ok(1)));
}

#[test]
fn the_alarm_wakes_the_waker_of_the_last_poll() {
    let (_tx, rx) = bounded::<u8>(0);
    let mut wait = Box::pin(rx.recv_timeout_async(SOON));
    let (first, first_waker) = Counting::new();
    let (second, second_waker) = Counting::new();
    assert!(poll(&mut wait.as_mut(), &first_waker).is_pending());
    assert!(poll(&mut wait.as_mut(), &second_waker).is_pending());
    common::until(|| second.wakes() == 1);
    assert_eq!(first.wakes(), 0);
    assert_eq!(
        poll_box(&mut wait),
        Poll::Ready(Err(RecvTimeoutError::Timeout))
    );
}

#[test]
fn a_turn_for_others_does_not_make_it_too_late() {
    let now = Instant::now();
    let (tx, rx) = bounded(1);
    // However often in a row: at some time it is the others' turn.
    for n in 0..1_200 {
        assert_eq!(block_on(tx.send_deadline_async(n, now)), Ok(()));
        assert_eq!(block_on(rx.recv_deadline_async(now)), Ok(n));
    }
}

// ---- Turns. ----

#[test]
fn a_task_that_is_always_ready_lets_others_have_a_turn() {
    let (tx, rx) = unbounded();
    (0..4_000).for_each(|n| tx.send(n).unwrap());
    let (bell, waker) = Counting::new();
    let mut drain = Box::pin(async {
        let mut sum = 0;
        for _ in 0..4_000 {
            sum += rx.recv_async().await.unwrap();
        }
        sum
    });
    let mut turns = 0;
    let sum = loop {
        match poll(&mut drain.as_mut(), &waker) {
            Poll::Ready(sum) => break sum,
            Poll::Pending => turns += 1,
        }
        assert_eq!(bell.wakes(), turns, "it asked for its next turn");
    };
    assert_eq!(sum, 7_998_000);
    assert!((5..=10).contains(&turns), "{turns} turns");
}

#[cfg(feature = "futures")]
mod futures {
    use futures_util::{SinkExt, Stream, StreamExt};

    use super::*;

    #[test]
    fn a_stream_ends_when_the_channel_does() {
        let (tx, rx) = bounded(2);
        let mut stream = rx.into_stream();
        thread::scope(|s| {
            s.spawn(|| (0..100).for_each(|n| tx.send(n).unwrap()));
            for n in 0..100 {
                assert_eq!(block_on(stream.next()), Some(n));
            }
        });
        drop(tx);
        assert_eq!(block_on(stream.next()), None);
        assert_eq!(block_on(stream.next()), None);
    }

    #[test]
    fn a_stream_that_is_polled_often_waits_once() {
        let chan = Builder::new().name("streamed").chan::<u8>();
        let mut stream = chan.stream();
        for _ in 0..100 {
            assert!(poll_box(&mut Box::pin(stream.next())).is_pending());
        }
        assert_eq!(watched("streamed").snapshot().waits.len(), 1);
        chan.try_send(1).unwrap();
        // Handed over, not taken, and the stream is dropped.
        drop(stream);
        assert_eq!(chan.try_recv(), Ok(Some(1)));
    }

    #[test]
    fn an_owned_stream_may_be_moved_while_it_waits() {
        let (tx, rx) = Chan::new(0).split();
        let mut stream = Box::new(rx.into_stream());
        assert!(poll_box(&mut Box::pin(stream.next())).is_pending());
        let mut moved = *stream;
        thread::scope(|s| {
            s.spawn(|| tx.send("moved"));
            assert_eq!(block_on(moved.next()), Some("moved"));
        });
    }

    #[test]
    fn a_sink_holds_one_value_and_gives_it_back() {
        let (tx, rx) = bounded(1);
        let mut sink = tx.into_sink();
        block_on(sink.send(1)).unwrap();
        block_on(sink.feed(2)).unwrap();
        assert!(poll_box(&mut Box::pin(sink.flush())).is_pending());
        assert_eq!(rx.recv(), Ok(1));
        block_on(sink.flush()).unwrap();
        block_on(sink.feed(3)).unwrap();
        drop(rx);
        assert_eq!(block_on(sink.flush()).unwrap_err().into_inner(), 3);
        assert_eq!(block_on(sink.send(4)).unwrap_err().into_inner(), 4);
    }

    #[test]
    fn a_closed_sink_has_given_up_its_handle() {
        let (tx, rx) = bounded(1);
        let mut sink = tx.into_sink();
        block_on(sink.send(1)).unwrap();
        block_on(sink.close()).unwrap();
        assert!(rx.is_closed());
        assert_eq!(rx.recv(), Ok(1));
    }

    #[test]
    fn values_may_borrow() {
        fn is_a_stream<S: Stream>(stream: S) -> S {
            stream
        }
        let words = String::from("a b c");
        let (tx, rx) = unbounded();
        words.split(' ').for_each(|word| tx.send(word).unwrap());
        drop(tx);
        let all: Vec<_> = block_on(is_a_stream(rx.into_stream()).collect());
        assert_eq!(all, ["a", "b", "c"]);
    }
}
