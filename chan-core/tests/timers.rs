//! Timers: Go's rules 67 to 70, who frees a timer, and that one thread serves
//! them all whatever its wakers do.
#![cfg(not(loom))]

mod common;
#[path = "timers/looks.rs"]
mod looks;

use std::future::Future;
use std::panic;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe::{self, Channel, ChannelSnapshot, Manners};
use chan_core::{Receiver, Ticker, Timer, after, at, never, tick};
use common::{Counting, block_on, poll_box, until, until_parked};

/// So far away that it must not come.
const HOUR: Duration = Duration::from_secs(3600);

/// Soon, and yet not before the next lines have run, as a rule.
const SOON: Duration = Duration::from_millis(20);

/// The live channels that were made in a line of this file.
fn born(line: u32) -> Vec<Channel> {
    let mut all = observe::channels();
    all.retain(|channel| channel.birth().file() == file!() && channel.birth().line() == line);
    all
}

/// The channel that was made in this line, as a watcher sees it.
#[track_caller]
fn seen(line: u32) -> ChannelSnapshot {
    match &born(line)[..] {
        [one] => one.snapshot(),
        all => panic!("{} channels were made in line {line}", all.len()),
    }
}

fn soon() -> Instant {
    Instant::now() + SOON
}

/// Returns when the moment has passed.
fn until_past(moment: Instant) {
    until(|| Instant::now() > moment);
}

type Receiving = Pin<Box<dyn Future<Output = Instant> + Send>>;

/// A receive in a task, polled so that it waits.
fn waiting(rx: &Receiver<Instant>, waker: &Waker) -> Option<Receiving> {
    let rx = rx.clone();
    let mut future: Receiving = Box::pin(async move { rx.recv_async().await.unwrap() });
    let polled = future.as_mut().poll(&mut Context::from_waker(waker));
    polled.is_pending().then_some(future)
}

/// A waker that panics.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("a waker panics");
    }
}

// ---- Rule 67: no stale value, no slot to be seen, nothing left behind. ----

#[test]
fn rule_67_no_stale_value_after_stop() {
    let timer = Timer::at(Instant::now());
    let line = line!() - 1;
    until(|| seen(line).len == 1);
    assert!(timer.stop(), "its value was still there");
    assert!(timer.channel().try_recv().unwrap_err().is_empty());
    let stop = timer.channel().recv_timeout(SOON).unwrap_err();
    assert!(stop.is_timeout());
    assert!(!timer.stop(), "it is stopped");
}

#[test]
fn rule_67_no_stale_value_after_reset() {
    let timer = Timer::at(Instant::now());
    let line = line!() - 1;
    until(|| seen(line).len == 1);
    assert!(timer.reset(HOUR), "its value was still there");
    assert!(timer.channel().try_recv().unwrap_err().is_empty());
    assert!(timer.reset_at(Instant::now()), "it was set");
    until(|| seen(line).len == 1);
    let next = soon();
    assert!(timer.reset_at(next), "its value was still there");
    assert_eq!(timer.channel().recv(), Ok(next));
    assert!(!timer.reset_at(next), "it has fired, and was received");
    assert_eq!(timer.channel().recv(), Ok(next));
}

#[test]
fn rule_67_no_stale_tick_after_stop_and_reset() {
    let ticker = Ticker::new(Duration::from_micros(100));
    let line = line!() - 1;
    for _ in 0..20 {
        until(|| seen(line).len == 1);
        ticker.stop();
        assert!(ticker.channel().try_recv().unwrap_err().is_empty());
        let start = Instant::now();
        ticker.reset(Duration::from_millis(2));
        let tick = ticker.channel().recv().unwrap();
        assert!(tick - start >= Duration::from_millis(2));
        ticker.reset(HOUR);
        assert!(ticker.channel().try_recv().unwrap_err().is_empty());
        ticker.reset(Duration::from_micros(100));
    }
}

/// Nobody receives, so every stop keeps a value from being received, whenever
/// it comes.
#[test]
fn rule_67_a_stop_that_meets_the_firing_leaves_nothing() {
    let timer = Timer::new(HOUR);
    timer.stop();
    for round in 0..3000 {
        let delay = Duration::from_micros(fastrand::u64(0..150));
        timer.reset(delay);
        until_past(Instant::now() + Duration::from_micros(fastrand::u64(0..150)));
        if fastrand::bool() {
            assert!(timer.stop(), "round {round}");
        } else {
            assert!(timer.reset(HOUR), "round {round}");
            assert!(timer.channel().try_recv().is_err(), "round {round}");
            assert!(timer.stop(), "round {round}");
        }
        assert!(timer.channel().try_recv().is_err(), "round {round}");
    }
}

/// A value is either received or stopped, and each says so.
#[test]
fn rule_67_a_stop_says_whether_the_value_was_received() {
    let timer = Timer::new(HOUR);
    timer.stop();
    let received = AtomicUsize::new(0);
    let over = AtomicBool::new(false);
    thread::scope(|s| {
        let rx = timer.channel().clone();
        s.spawn(|| {
            let rx = rx;
            while rx.recv().is_ok() && !over.load(Ordering::SeqCst) {
                received.fetch_add(1, Ordering::SeqCst);
            }
        });
        let mut fired = 0;
        for round in 0..2000 {
            timer.reset(Duration::from_micros(fastrand::u64(0..150)));
            until_past(Instant::now() + Duration::from_micros(fastrand::u64(0..150)));
            fired += usize::from(!timer.stop());
            // One that was handed over arrives; one that was stopped does not.
            until(|| received.load(Ordering::SeqCst) >= fired);
            assert_eq!(received.load(Ordering::SeqCst), fired, "round {round}");
        }
        over.store(true, Ordering::SeqCst);
        timer.reset_at(Instant::now());
    });
}

#[test]
fn rule_67_a_value_handed_to_a_dropped_future_is_stale_after_stop() {
    for reset in [false, true] {
        let due = soon();
        let timer = Timer::at(due);
        let (counting, waker) = Counting::new();
        let Some(future) = waiting(timer.channel(), &waker) else {
            continue;
        };
        until(|| counting.wakes() == 1);
        // It was received by a task that has not been polled since.
        let stopped = if reset {
            timer.reset(HOUR)
        } else {
            timer.stop()
        };
        assert!(!stopped);
        drop(future);
        assert!(timer.channel().try_recv().unwrap_err().is_empty());
        // The next value is not.
        let next = soon();
        assert_eq!(timer.reset_at(next), reset);
        assert_eq!(timer.channel().recv(), Ok(next));
    }
}

/// The counterpart: without a stop it is not lost.
#[test]
fn a_value_handed_to_a_dropped_future_goes_to_the_next_receiver() {
    let due = soon();
    let rx = at(due);
    let (counting, waker) = Counting::new();
    if let Some(future) = waiting(&rx, &waker) {
        until(|| counting.wakes() == 1);
        assert!(rx.try_recv().is_err(), "it was handed over");
        drop(future);
    }
    assert_eq!(rx.try_recv(), Ok(due));
}

#[test]
fn rule_67_len_and_capacity_read_zero() {
    let rx = at(Instant::now());
    let line = line!() - 1;
    until(|| seen(line).len == 1);
    assert_eq!((rx.len(), rx.is_empty()), (0, true));
    assert!(rx.is_full(), "as every channel without a buffer");
    assert!(!rx.is_closed());
    let shown = format!("{rx:?}");
    assert!(shown.contains("capacity: 0, len: 0"), "{shown}");
    assert!(rx.try_recv().is_ok());
}

#[test]
fn rule_67_what_nobody_waits_for_is_freed_at_once() {
    const MANY: usize = 5000;
    let line = line!() + 3;
    let mut held = Vec::new();
    for _ in 0..MANY {
        let rx = after(HOUR);
        if held.len() < 10 {
            held.push((rx.clone(), rx));
        }
    }
    // The channel lives as long as the timer, which has its sending side.
    assert_eq!(born(line).len(), 10);
    let (one, other) = held.pop().unwrap();
    drop(one);
    assert_eq!(born(line).len(), 10, "somebody can still receive");
    drop(other);
    assert_eq!(born(line).len(), 9);
    drop(held);
    assert_eq!(born(line).len(), 0);
}

#[test]
fn rule_67_every_kind_of_timer_is_freed() {
    let first = line!();
    drop(at(Instant::now() + HOUR));
    drop(tick(HOUR));
    drop(Timer::new(HOUR));
    drop(Ticker::new(HOUR));
    drop(tick(Duration::ZERO));
    let stopped = Timer::new(HOUR);
    stopped.stop();
    drop(stopped);
    let fired = Timer::at(Instant::now());
    let fires = line!() - 1;
    assert!(fired.channel().recv().is_ok());
    drop(fired);
    for line in first..fires {
        assert_eq!(born(line).len(), 0, "line {line}");
    }
    // The thread may still have this one in hand.
    until(|| born(fires).is_empty());
}

#[test]
fn rule_67_an_unread_value_is_freed() {
    let rx = at(Instant::now());
    let line = line!() - 1;
    until(|| seen(line).len == 1);
    drop(rx);
    // The thread may still have it in hand.
    until(|| born(line).is_empty());
}

// ---- Rule 68: the value is the time it fired. ----

#[test]
fn rule_68_the_value_is_when_it_was_due() {
    let due = soon();
    let rx = at(due);
    let line = line!() - 1;
    until(|| seen(line).len == 1);
    until_past(due + SOON);
    assert_eq!(rx.recv(), Ok(due));

    let past = Instant::now() - SOON;
    assert_eq!(at(past).recv(), Ok(past));
    assert_eq!(Timer::at(past).channel().recv(), Ok(past));

    let start = Instant::now();
    let rx = after(SOON);
    let end = Instant::now();
    let fired = rx.recv().unwrap();
    assert!(fired >= start + SOON && fired <= end + SOON);
}

#[test]
fn rule_68_ticks_keep_step() {
    let period = Duration::from_millis(3);
    let start = Instant::now();
    let ticks = tick(period);
    let end = Instant::now();
    let first = ticks.recv().unwrap();
    assert!(first >= start + period && first <= end + period);
    let mut last = first;
    for next in ticks.iter().take(10) {
        assert!(next > last);
        let steps = (next - first).as_nanos();
        assert_eq!(steps % period.as_nanos(), 0);
        assert!(next <= Instant::now());
        last = next;
    }
}

// ---- Rule 69: slow receivers miss ticks. ----

#[test]
fn rule_69_a_ticker_drops_ticks_for_slow_receivers() {
    let period = Duration::from_millis(2);
    let start = Instant::now();
    let ticker = Ticker::new(period);
    let line = line!() - 1;
    let end = Instant::now();
    until_past(end + 20 * period);
    until(|| seen(line).len == 1);
    let seen = seen(line);
    assert_eq!((seen.sent, seen.len), (1, 1), "one tick waits");
    let first = ticker.channel().try_recv().unwrap();
    assert!(first >= start + period && first <= end + period);
    let second = ticker.channel().recv().unwrap();
    assert!(second > first);
}

#[test]
fn rule_69_ticks_that_come_back_do_not_pile_up() {
    let ticker = Ticker::new(Duration::from_millis(1));
    let line = line!() - 1;
    let mut held = Vec::new();
    while held.len() < 3 {
        let (counting, waker) = Counting::new();
        if let Some(future) = waiting(ticker.channel(), &waker) {
            until(|| counting.wakes() == 1);
            held.push(future);
        }
    }
    until(|| seen(line).len == 1);
    drop(held);
    assert_eq!(seen(line).len, 1);
    ticker.stop();
    assert!(ticker.channel().try_recv().is_err());
}

#[test]
fn rule_69_a_tick_that_came_back_keeps_the_next_one_out() {
    let period = Duration::from_millis(4);
    let ticker = Ticker::new(period);
    let line = line!() - 1;
    for _ in 0..5 {
        let (counting, waker) = Counting::new();
        while ticker.channel().try_recv().is_ok() {}
        let Some(future) = waiting(ticker.channel(), &waker) else {
            continue;
        };
        until(|| counting.wakes() == 1);
        // Before the next tick, as a rule.
        drop(future);
        until_past(Instant::now() + 2 * period);
        until(|| seen(line).len > 0);
        assert_eq!(seen(line).len, 1);
    }
}

// ---- The thread. ----

#[test]
fn a_waker_that_panics_does_not_stop_the_clock() {
    let rx = after(SOON);
    let line = line!() - 1;
    if let Some(mut future) = waiting(&rx, &Waker::from(Arc::new(Panics))) {
        until(|| seen(line).sent == 1);
        assert!(poll_box(&mut future).is_ready());
    }
    for _ in 0..3 {
        assert!(after(Duration::from_millis(1)).recv().is_ok());
    }
}

#[test]
fn an_earlier_timer_comes_first_however_late_it_is_set() {
    let _far = after(HOUR);
    let due = soon();
    // Parked without a deadline: only the thread can end it.
    let later = thread::spawn(move || at(due + SOON).recv().unwrap());
    let early = thread::spawn(move || at(due).recv().unwrap());
    assert_eq!(early.join().unwrap(), due);
    assert_eq!(later.join().unwrap(), due + SOON);
}

#[test]
fn of_many_timers_each_fires_once_and_on_time() {
    const THREADS: usize = 4;
    const EACH: usize = 150;
    let start = Barrier::new(THREADS);
    thread::scope(|s| {
        for _ in 0..THREADS {
            s.spawn(|| {
                start.wait();
                let now = Instant::now();
                let due = |_| now + Duration::from_micros(fastrand::u64(0..30_000));
                let dues: Vec<Instant> = (0..EACH).map(due).collect();
                let timers: Vec<_> = dues.iter().map(|&due| (due, at(due))).collect();
                for (due, rx) in timers {
                    assert_eq!(rx.recv(), Ok(due));
                    assert!(Instant::now() >= due);
                    assert!(rx.try_recv().unwrap_err().is_empty());
                }
            });
        }
    });
}

#[test]
fn tasks_are_woken() {
    let due = soon();
    assert_eq!(block_on(at(due).recv_async()), Ok(due));
    let ticks = tick(Duration::from_millis(1));
    let first = block_on(ticks.recv_async()).unwrap();
    assert!(block_on(ticks.recv_async()).unwrap() > first);
}

// ---- What is special about each kind. ----

#[test]
fn one_of_several_receivers_gets_the_value() {
    let rx = after(SOON);
    let got = AtomicUsize::new(0);
    thread::scope(|s| {
        for _ in 0..3 {
            s.spawn(|| {
                while got.load(Ordering::SeqCst) == 0 {
                    if rx.recv_timeout(SOON).is_ok() {
                        got.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(got.into_inner(), 1);
}

#[test]
fn a_timer_channel_is_never_closed() {
    let rx = after(Duration::ZERO);
    assert!(rx.recv().is_ok());
    assert!(rx.try_recv().unwrap_err().is_empty());
    assert!(rx.recv_timeout(SOON).unwrap_err().is_timeout());
    assert!(!rx.is_closed());
    let timer = Timer::new(HOUR);
    let rx = timer.channel().clone();
    timer.stop();
    drop(timer);
    assert!(rx.try_recv().unwrap_err().is_empty());
}

#[test]
fn a_watcher_sees_a_pending_timer_as_a_live_sender() {
    let rx = after(HOUR);
    let line = line!() - 1;
    assert_eq!((seen(line).handles.send, seen(line).handles.recv), (1, 1));
    // Only channels with Go's manners are ever called orphaned.
    assert_eq!(seen(line).manners, Manners::Go);
    drop(rx);

    // Dropped but for a receiver: it still fires, and then never again.
    let next = line!() + 1;
    let timer = Timer::new(HOUR);
    let rx = timer.channel().clone();
    assert!(!seen(next).handles.sending_side_gone());
    timer.reset_at(Instant::now());
    drop(timer);
    assert!(rx.recv().is_ok());
    until(|| seen(next).handles.sending_side_gone());

    // One that is stopped is alive as long as somebody can set it.
    let next = line!() + 1;
    let timer = Timer::new(HOUR);
    timer.stop();
    let waiter = timer.channel().clone();
    let waiter = thread::spawn(move || waiter.recv());
    until_parked(&born(next)[0], 1);
    assert!(!seen(next).handles.sending_side_gone());
    timer.reset_at(Instant::now());
    assert!(waiter.join().unwrap().is_ok());
}

#[test]
fn a_dropped_timer_fires_for_those_who_have_its_receiver() {
    let due = soon();
    let timer = Timer::at(due);
    let rx = timer.channel().clone();
    drop(timer);
    assert_eq!(rx.recv(), Ok(due));

    let ticker = Ticker::new(Duration::from_millis(1));
    let ticks = ticker.channel().clone();
    drop(ticker);
    assert_eq!(ticks.iter().take(3).count(), 3);
}

#[test]
fn beyond_the_clock_s_end_nothing_comes() {
    assert!(after(Duration::MAX).same_channel(&never()));
    assert!(tick(Duration::MAX).same_channel(&never()));
    let far = Duration::from_secs(600 * 366 * 24 * 3600);
    if let Some(far) = Instant::now().checked_add(far) {
        assert!(at(far).same_channel(&never()));
    }
    // These can be set anew.
    let timer = Timer::new(Duration::MAX);
    assert!(timer.channel().try_recv().is_err());
    assert!(timer.reset(Duration::MAX), "it was set");
    let due = soon();
    assert!(timer.reset_at(due));
    assert_eq!(timer.channel().recv(), Ok(due));
    let ticker = Ticker::new(Duration::MAX);
    assert!(ticker.channel().try_recv().is_err());
    ticker.reset(SOON);
    assert!(ticker.channel().recv().is_ok());
}

#[test]
fn stop_and_reset_say_what_they_did() {
    let timer = Timer::new(HOUR);
    assert!(timer.reset(HOUR));
    assert!(timer.stop());
    assert!(!timer.stop());
    assert!(!timer.reset(HOUR));
    assert!(timer.stop());
    let ticker = Ticker::new(HOUR);
    ticker.stop();
    ticker.stop();
    ticker.reset(Duration::from_millis(1));
    assert_eq!(ticker.channel().iter().take(3).count(), 3);
}

#[test]
fn a_tick_of_no_length_is_there_at_every_look() {
    let ticks = tick(Duration::ZERO);
    let mut last = ticks.recv().unwrap();
    for _ in 0..1000 {
        let next = ticks.recv().unwrap();
        assert!(next > last);
        last = next;
    }
    thread::scope(|s| {
        for _ in 0..3 {
            s.spawn(|| assert_eq!(ticks.iter().take(300).count(), 300));
        }
    });
}

#[test]
fn a_ticker_of_no_length_is_a_mistake() {
    let text = |panic: Box<dyn std::any::Any + Send>| panic.downcast_ref::<&str>().copied();
    let made = panic::catch_unwind(|| drop(Ticker::new(Duration::ZERO)));
    assert_eq!(
        text(made.unwrap_err()),
        Some("non-positive interval for NewTicker")
    );
    let ticker = Ticker::new(Duration::from_millis(1));
    let reset = panic::catch_unwind(|| ticker.reset(Duration::ZERO));
    assert_eq!(
        text(reset.unwrap_err()),
        Some("non-positive interval for Ticker.Reset")
    );
    assert!(ticker.channel().recv().is_ok(), "it ticks on");
}

#[test]
fn a_timer_says_what_it_is() {
    let timer = Timer::new(HOUR);
    assert!(format!("{timer:?}").contains("\"timer\""));
    let ticker = Ticker::new(HOUR);
    assert!(format!("{ticker:?}").contains("\"ticker\""));
}
