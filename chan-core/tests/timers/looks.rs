//! Rule 70: a look fires what is due, however busy the timer thread is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::select::{self, CaseList, End, RecvArm, Won};
use chan_core::{Timer, after, at, bounded, tick};

use crate::common::{Counting, poll_box, until};
use crate::{HOUR, Panics, SOON, soon, until_past, waiting};

/// The timer thread, held in a waker while this lives.
struct Held(Arc<Gate>);

#[derive(Default)]
struct Gate {
    entered: AtomicBool,
    opened: AtomicBool,
}

impl Wake for Gate {
    fn wake(self: Arc<Self>) {
        self.entered.store(true, Ordering::SeqCst);
        until(|| self.opened.load(Ordering::SeqCst));
    }
}

impl Held {
    fn new() -> Held {
        loop {
            let gate = Arc::new(Gate::default());
            // On a slow machine it may be due before it can be waited for.
            let rx = after(SOON);
            if let Some(_future) = waiting(&rx, &Waker::from(Arc::clone(&gate))) {
                // Nobody looks at it, so none but the thread can fire it.
                until(|| gate.entered.load(Ordering::SeqCst));
                return Held(gate);
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.opened.store(true, Ordering::SeqCst);
    }
}

#[test]
fn rule_70_a_look_sees_a_due_timer_before_the_thread_does() {
    let held = Held::new();
    let due = Instant::now();
    let rx = at(due);
    assert_eq!(rx.try_recv(), Ok(due));
    assert!(rx.try_recv().unwrap_err().is_empty());
    assert_eq!(at(due).recv(), Ok(due));
    assert_eq!(at(due).try_iter().collect::<Vec<_>>(), [due]);
    assert_eq!(
        poll_box(&mut Box::pin(at(due).recv_async())),
        Poll::Ready(Ok(due))
    );
    assert!(after(Duration::ZERO).try_recv().is_ok());
    // Once more, for one that was not due at first.
    let next = soon();
    let timer = Timer::new(HOUR);
    assert!(timer.channel().try_recv().unwrap_err().is_empty());
    timer.reset_at(next);
    until_past(next);
    assert_eq!(timer.channel().try_recv(), Ok(next));
    let ticks = tick(Duration::from_micros(1));
    let mut last = next;
    for _ in 0..3 {
        until(|| ticks.try_recv().is_ok_and(|tick| tick > last));
        last = Instant::now();
    }
    drop(held);
}

#[test]
fn rule_70_a_receive_that_gives_up_looks_once_more() {
    let held = Held::new();
    let due = soon();
    // The thread is held, so none but this one can fire it.
    let rx = at(due);
    let wait = due.saturating_duration_since(Instant::now()) + SOON;
    assert_eq!(rx.recv_timeout(wait), Ok(due));
    // The same with somebody who came first, and is served first.
    let due = soon();
    let rx = at(due);
    let (counting, waker) = Counting::new();
    if let Some(mut first) = waiting(&rx, &waker) {
        let wait = due.saturating_duration_since(Instant::now()) + SOON;
        assert!(rx.recv_timeout(wait).unwrap_err().is_timeout());
        assert_eq!(counting.wakes(), 1);
        assert_eq!(poll_box(&mut first), Poll::Ready(due));
    }
    drop(held);
}

#[test]
fn rule_70_a_select_with_a_default_sees_a_due_timer() {
    let held = Held::new();
    let due = Instant::now();
    let (_tx, idle) = bounded::<u8>(0);
    let rx = at(due);
    let look = || {
        let cases = End.and((&idle).arm()).and((&rx).arm());
        select::look::<_, 2>(cases, 2, |_| 0)
    };
    match look() {
        Some(Won::This(fired)) => assert_eq!(fired, Ok(due)),
        other => panic!("{other:?}"),
    }
    assert!(look().is_none());
    drop(held);
}

/// Whatever is looked at first: a timer that is due is one of the ready cases.
#[test]
fn rule_70_a_due_timer_is_ready_in_the_first_look_of_a_select() {
    let held = Held::new();
    let due = Instant::now();
    let (tx, busy) = bounded(1);
    tx.send(1).unwrap();
    let rx = at(due);
    let cases = End.and((&rx).arm()).and((&busy).arm());
    // Of those that are ready the first one.
    let won = select::wait::<_, 2>(cases, 0, |_| 0, None);
    assert!(matches!(won, Some(Won::Before(Won::This(Ok(fired)))) if fired == due));
    drop(held);
}

#[test]
fn rule_70_a_select_that_gives_up_looks_once_more() {
    let held = Held::new();
    let due = soon();
    let (_tx, idle) = bounded::<u8>(0);
    let rx = at(due);
    let cases = End.and((&idle).arm()).and((&rx).arm());
    let won = select::wait::<_, 2>(cases, 2, |_| 0, Some(due + SOON));
    assert!(matches!(won, Some(Won::This(Ok(fired))) if fired == due));
    drop(held);
}

#[test]
fn rule_70_a_poll_sees_a_timer_that_has_come_due() {
    let held = Held::new();
    let due = soon();
    let rx = at(due);
    let mut future = Box::pin(rx.recv_async());
    if poll_box(&mut future).is_pending() {
        until_past(due);
        assert_eq!(poll_box(&mut future), Poll::Ready(Ok(due)));
    }
    drop(held);
}

#[test]
fn rule_70_a_look_does_not_unwind_when_a_waker_does() {
    let held = Held::new();
    let due = soon();
    let rx = at(due);
    if let Some(future) = waiting(&rx, &Waker::from(Arc::new(Panics))) {
        until_past(due);
        // This look fires it, for the task that came first.
        assert!(rx.try_recv().unwrap_err().is_empty());
        drop(future);
        assert_eq!(rx.try_recv(), Ok(due));
    }
    drop(held);
}

#[test]
fn rule_67_and_70_hold_while_threads_reset_and_receive() {
    let timer = Timer::new(HOUR);
    let received = AtomicUsize::new(0);
    thread::scope(|s| {
        let receiver = s.spawn(|| {
            while received.load(Ordering::Relaxed) < 300 {
                let got = timer.channel().recv_timeout(Duration::from_micros(300));
                received.fetch_add(got.is_ok().into(), Ordering::Relaxed);
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
fn rule_67_a_reset_moves_a_timer_both_ways() {
    let timer = Timer::new(HOUR);
    let start = Instant::now();
    assert!(timer.reset(SOON));
    assert!(timer.channel().recv().unwrap() >= start + SOON);
    assert!(!timer.reset(HOUR), "it had fired and was received");
    assert!(timer.channel().try_recv().is_err());
    let moment = soon();
    assert!(timer.reset_at(moment));
    assert_eq!(timer.channel().recv(), Ok(moment));
}
