//! Timers and tickers, by Go's rules since 1.23 (67 to 70).
#![cfg(not(loom))]

mod common;

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe;
use chan_core::{Ticker, Timer, after, at, tick};
use common::{Counting, block_on, poll, poll_box, until};

const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(5);

/// How many channels made between two lines of this file are alive.
fn alive(lines: std::ops::Range<u32>) -> usize {
    let here = |site: &Location<'_>| site.file() == file!() && lines.contains(&site.line());
    let all = observe::channels();
    all.iter().filter(|channel| here(channel.birth())).count()
}

#[test]
fn rule_67_len_and_cap_read_0_while_a_value_waits() {
    let timer = Timer::at(Instant::now());
    let rx = timer.channel();
    thread::sleep(SOON);
    assert_eq!((rx.len(), rx.capacity()), (0, Some(0)));
    assert!(rx.is_empty() && rx.is_full());
    assert!(rx.recv().is_ok());
}

#[test]
fn rule_67_nothing_stale_is_received_after_stop_or_reset() {
    for round in 0..200 {
        let timer = Timer::at(Instant::now());
        if round % 2 == 0 {
            // The timer thread may or may not have fired it by then.
            thread::yield_now();
        }
        assert!(timer.stop(), "its value was still to come, or there");
        assert!(timer.channel().try_recv().unwrap_err().is_empty());
        assert!(!timer.stop());
        let start = Instant::now();
        assert!(!timer.reset(Duration::from_micros(200)));
        assert!(timer.channel().recv().unwrap() >= start, "the new value");
    }
}

#[test]
fn rule_67_a_reset_moves_a_timer_both_ways() {
    let timer = Timer::new(HOUR);
    let start = Instant::now();
    assert!(timer.reset(SOON));
    assert!(timer.channel().recv().unwrap() >= start + SOON);
    assert!(!timer.reset(HOUR), "it had fired and was received");
    assert!(timer.channel().try_recv().is_err());
    let moment = Instant::now() + SOON;
    assert!(timer.reset_at(moment));
    assert_eq!(timer.channel().recv(), Ok(moment));
}

#[test]
fn rule_67_a_value_in_a_dropped_future_does_not_outlive_a_reset() {
    let timer = Timer::new(SOON);
    let (bell, waker) = Counting::new();
    let mut receive = Box::pin(timer.channel().recv_async());
    assert!(poll(&mut receive.as_mut(), &waker).is_pending());
    until(|| bell.wakes() == 1);
    // Handed over, not polled; then set anew, and dropped.
    timer.reset(HOUR);
    drop(receive);
    assert!(timer.channel().try_recv().unwrap_err().is_empty());
}

#[test]
fn rule_67_those_that_nobody_can_receive_are_freed_at_once() {
    let first = line!();
    for _ in 0..10_000 {
        drop(after(HOUR));
        drop(tick(HOUR));
        drop(at(Instant::now() + HOUR));
        drop(Timer::new(HOUR));
        drop(Ticker::new(HOUR));
    }
    let kept = Timer::new(HOUR);
    let lines = first..line!();
    assert_eq!(alive(lines.clone()), 1);
    // As in Go, dropping a timer does not stop it for others.
    let rx = kept.channel().clone();
    kept.reset(SOON);
    drop(kept);
    assert!(rx.recv().is_ok());
    drop(rx);
    // The timer thread may hold it for a moment longer.
    until(|| alive(lines.clone()) == 0);
}

#[test]
fn rule_68_the_value_is_the_time_it_fired_not_of_receipt() {
    let moment = Instant::now() + SOON;
    let rx = at(moment);
    thread::sleep(4 * SOON);
    assert_eq!(rx.recv(), Ok(moment));
    // One that has passed comes at once.
    assert_eq!(at(moment).try_recv(), Ok(moment));
}

#[test]
fn rule_69_a_ticker_drops_ticks_for_slow_receivers_and_keeps_step() {
    let start = Instant::now();
    let ticker = Ticker::new(SOON);
    thread::sleep(10 * SOON);
    // However many were due, one waits.
    let first = ticker.channel().recv().unwrap();
    assert!(first >= start + SOON);
    let mut last = first;
    for _ in 0..3 {
        let next = ticker.channel().recv().unwrap();
        let step = (next - first).as_nanos();
        assert!(next > last);
        assert_eq!(step % SOON.as_nanos(), 0, "in step with the first");
        last = next;
    }
    ticker.stop();
    thread::sleep(2 * SOON);
    assert!(ticker.channel().try_recv().unwrap_err().is_empty());
    ticker.reset(SOON);
    assert!(ticker.channel().recv().unwrap() > last);
}

#[test]
fn rule_70_a_look_sees_a_timer_that_is_due() {
    // Not so often that it is the turn of others (`coop`).
    for _ in 0..100 {
        // No waiting for the timer thread: the look itself fires it.
        let moment = Instant::now();
        assert_eq!(at(moment).try_recv(), Ok(moment));
        let rx = at(moment);
        assert_eq!(
            poll_box(&mut Box::pin(rx.recv_async())),
            Poll::Ready(Ok(moment))
        );
        assert_eq!(at(moment).recv_deadline(moment), Ok(moment));
        assert_eq!(at(moment).drain().count(), 1);
        assert!(tick(Duration::ZERO).try_recv().is_ok());
    }
}

#[test]
fn rule_67_and_70_hold_while_threads_reset_and_receive() {
    let timer = Timer::new(HOUR);
    let received = AtomicUsize::new(0);
    thread::scope(|s| {
        let receiver = s.spawn(|| {
            while received.load(Ordering::Relaxed) < 300 {
                if timer
                    .channel()
                    .recv_timeout(Duration::from_micros(300))
                    .is_ok()
                {
                    received.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        for micros in (0..200).cycle() {
            if receiver.is_finished() {
                break;
            }
            timer.reset(Duration::from_micros(micros));
            thread::sleep(Duration::from_micros(100));
        }
    });
    timer.stop();
    assert!(timer.channel().try_recv().is_err());
}

#[test]
fn times_beyond_the_clock_never_come() {
    for rx in [after(Duration::MAX), tick(Duration::MAX)] {
        assert!(rx.recv_timeout(SOON).unwrap_err().is_timeout());
    }
    let timer = Timer::new(Duration::MAX);
    assert!(timer.channel().try_recv().is_err());
    assert!(timer.reset(SOON), "it was set");
    assert!(timer.channel().recv().is_ok());
}

#[test]
fn a_pending_timer_is_a_live_sender_and_a_spent_one_is_none() {
    fn handles(line: u32) -> observe::Handles {
        let all = observe::channels();
        let this = |channel: &&observe::Channel| {
            channel.birth().file() == file!() && channel.birth().line() == line
        };
        all.iter().find(this).expect("alive").snapshot().handles
    }

    let pending = after(HOUR);
    assert_eq!(handles(line!() - 1).send, 1);
    drop(pending);
    let spent = after(SOON);
    let line = line!() - 1;
    spent.recv().unwrap();
    until(|| handles(line).sending_side_gone());
}

#[test]
#[should_panic(expected = "non-positive interval for NewTicker")]
fn a_ticker_without_a_period_panics() {
    let _ = Ticker::new(Duration::ZERO);
}

#[test]
fn a_waker_that_panics_does_not_stop_the_clock() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker");
        }
    }
    let first = after(SOON);
    let mut wait = Box::pin(first.recv_async());
    assert!(poll(&mut wait.as_mut(), &Waker::from(Arc::new(Panics))).is_pending());
    assert!(after(2 * SOON).recv().is_ok());
    assert!(block_on(wait).is_ok());
}
