//! Contexts: who cancels whom, when and why, and that everybody who waits is
//! told.
#![cfg(not(loom))]

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe::{self, ChannelSnapshot, Who};
use chan_core::{Cause, Context, Empty};

/// So far away that it must not come.
const HOUR: Duration = Duration::from_secs(3600);

/// Soon, and yet not before the next lines have run.
const SOON: Duration = Duration::from_millis(30);

/// How often a race is tried. Every round is short.
const ROUNDS: usize = 500;

/// The `done` channel of a context as a watcher sees it, if it is alive.
fn seen(ctx: &Context) -> Option<ChannelSnapshot> {
    let all = observe::channels();
    let done = all.iter().find(|channel| channel.birth() == ctx.birth());
    done.map(observe::Channel::snapshot)
}

/// Returns when as many threads are parked on `done`.
fn until_parked(ctx: &Context, wanted: usize) {
    let start = Instant::now();
    loop {
        let now = seen(ctx).expect("it is alive");
        let parked = |who: &Who| matches!(who, Who::Thread(_));
        if now.waits.iter().filter(|wait| parked(&wait.who)).count() == wanted {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{now:?}");
        thread::yield_now();
    }
}

fn poll<F: Future>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    let mut task = std::task::Context::from_waker(waker);
    future.as_mut().poll(&mut task)
}

/// Counts how often it was woken, and panics if told so.
#[derive(Default)]
struct Bell {
    rung: AtomicUsize,
    panics: bool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "a waker panics");
    }
}

#[test]
fn the_background_never_ends() {
    let ctx = Context::background();
    assert!(ctx.done().is_nil());
    assert!(!ctx.is_cancelled());
    assert_eq!((ctx.cause(), ctx.cancellation()), (None, None));
    assert_eq!(ctx.deadline(), None);
    assert_eq!(ctx.done().try_recv(), Err(Empty));
    assert!(ctx.done().recv_timeout(Duration::from_millis(2)).is_err());
}

#[test]
fn a_cancel_closes_done_and_says_why_when_and_where() {
    let before = Instant::now();
    let (ctx, cancel) = Context::background().with_cancel();
    assert_eq!(ctx.done().try_recv(), Err(Empty));
    assert_eq!(ctx.cause(), None);
    cancel.cancel();
    let line = line!() - 1;
    assert!(ctx.is_cancelled() && ctx.done().is_closed());
    assert_eq!(ctx.done().recv(), None);
    let how = ctx.cancellation().unwrap();
    assert_eq!(how.cause, Cause::Cancelled);
    assert_eq!((how.site.file(), how.site.line()), (file!(), line));
    assert!(how.at >= before && how.at <= Instant::now());
    assert_eq!(Cause::Cancelled.to_string(), "context canceled");
}

#[test]
fn only_the_first_cancel_counts() {
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.cancel();
    let first = ctx.cancellation().unwrap();
    cancel.cancel();
    cancel.clone().cancel();
    assert_eq!(ctx.cancellation(), Some(first));
    assert_eq!(ctx.done().recv(), None);
}

#[test]
fn of_many_cancels_at_once_one_closes_done() {
    for _ in 0..50 {
        let (ctx, cancel) = Context::background().with_cancel();
        let start = Barrier::new(4);
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    start.wait();
                    // A second close of `done` would panic here.
                    cancel.cancel();
                    assert!(ctx.is_cancelled());
                });
            }
        });
        assert_eq!(ctx.done().recv(), None);
    }
}

/// As in Go, where `Err` is not nil before `Done` is closed.
#[test]
fn what_is_cancelled_is_closed() {
    let mut early = 0;
    for _ in 0..ROUNDS {
        let (ctx, cancel) = Context::background().with_cancel();
        let (child, _keep) = ctx.with_cancel();
        let start = Barrier::new(2);
        thread::scope(|s| {
            s.spawn(|| {
                start.wait();
                cancel.cancel();
            });
            start.wait();
            while !child.is_cancelled() {
                std::hint::spin_loop();
            }
            early += usize::from(child.done().try_recv() != Ok(None));
            early += usize::from(child.cause().is_none());
        });
    }
    assert_eq!(early, 0, "in {ROUNDS} rounds");
}

/// Whoever cancels finds it cancelled afterwards, and its child as well, also
/// if somebody else was faster.
#[test]
fn a_cancel_that_came_second_returns_when_it_is_done() {
    let early = AtomicUsize::new(0);
    for _ in 0..ROUNDS {
        let (ctx, cancel) = Context::background().with_cancel();
        let (child, cancel_child) = ctx.with_cancel();
        let there = AtomicUsize::new(0);
        // Closer together than a barrier lets them go.
        let start = || {
            there.fetch_add(1, Ordering::SeqCst);
            while there.load(Ordering::SeqCst) < 2 {
                std::hint::spin_loop();
            }
        };
        let check = |ctx: &Context| {
            let closed = ctx.is_cancelled() && ctx.done().try_recv() == Ok(None);
            early.fetch_add(usize::from(!closed), Ordering::Relaxed);
        };
        thread::scope(|s| {
            s.spawn(|| {
                start();
                cancel.cancel();
                check(&ctx);
                check(&child);
            });
            start();
            cancel_child.cancel();
            check(&child);
            cancel.cancel();
            check(&ctx);
        });
    }
    assert_eq!(early.into_inner(), 0, "in {ROUNDS} rounds");
}

#[test]
fn a_reason_goes_to_the_children_and_the_first_counts() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (child, cancel_child) = ctx.with_cancel();
    assert!(ctx.reason().is_none() && child.reason().is_none());
    cancel.cancel_with("first");
    let line = line!() - 1;
    cancel.cancel_with("second");
    cancel_child.cancel();
    let (late, _) = child.with_cancel();
    for ctx in [&ctx, &child, &late] {
        assert_eq!(ctx.reason().unwrap().to_string(), "first");
        assert_eq!(ctx.cause(), Some(Cause::Cancelled));
        assert_eq!(ctx.cancellation().unwrap().site.line(), line);
    }
    // One that was cancelled before its parent keeps its own.
    let (ctx, cancel) = Context::background().with_cancel();
    let (child, cancel_child) = ctx.with_cancel();
    cancel_child.cancel();
    cancel.cancel_with("too late");
    assert!(child.reason().is_none());
    assert!(ctx.reason().is_some());
    assert!(Context::background().reason().is_none());
}

/// An error is foreign code when it is dropped: it may use the context.
#[test]
fn a_reason_may_use_its_context_when_it_is_dropped() {
    #[derive(Debug)]
    struct Meddler(Context, Arc<AtomicUsize>);
    impl std::fmt::Display for Meddler {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a meddler")
        }
    }
    impl std::error::Error for Meddler {}
    impl Drop for Meddler {
        fn drop(&mut self) {
            let (child, _cancel) = self.0.with_cancel();
            assert!(child.is_cancelled());
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (ctx, cancel) = Context::background().with_cancel();
    let dropped = Arc::new(AtomicUsize::new(0));
    cancel.cancel();
    cancel.cancel_with(Meddler(ctx.clone(), dropped.clone()));
    assert_eq!(dropped.load(Ordering::Relaxed), 1, "it lost, and has gone");
    assert!(ctx.reason().is_none());
}

#[test]
fn cancelled_waits_for_it() {
    let (ctx, cancel) = Context::background().with_cancel();
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut first = Box::pin(ctx.cancelled());
    let mut dropped = Box::pin(ctx.cancelled());
    assert!(poll(&mut first, &waker).is_pending());
    assert!(poll(&mut dropped, &waker).is_pending());
    let waits = seen(&ctx).unwrap().waits;
    assert!(waits.iter().all(|wait| wait.site.file() == file!()));
    drop(dropped);
    assert_eq!(seen(&ctx).unwrap().waits.len(), 1);
    cancel.cancel();
    assert_eq!(bell.rung.load(Ordering::SeqCst), 1);
    assert_eq!(poll(&mut first, &waker), Poll::Ready(Cause::Cancelled));
    let mut late = Box::pin(ctx.cancelled());
    assert_eq!(poll(&mut late, &waker), Poll::Ready(Cause::Cancelled));
    let background = Context::background();
    let mut never = Box::pin(background.cancelled());
    assert!(poll(&mut never, &waker).is_pending());
}

#[test]
fn clones_are_the_same_context() {
    let (ctx, cancel) = Context::background().with_cancel();
    let clone = ctx.clone();
    assert!(ctx.done().same_channel(clone.done()));
    assert!(!ctx.done().same_channel(ctx.with_cancel().0.done()));
    cancel.clone().cancel();
    assert!(clone.is_cancelled());
}

#[test]
fn a_parent_cancels_its_children_and_not_the_reverse() {
    let (parent, cancel_parent) = Context::background().with_cancel();
    let (child, cancel_child) = parent.with_cancel();
    let (sibling, _cancel_sibling) = parent.with_cancel();
    let (grandchild, _cancel_grandchild) = child.with_cancel();
    cancel_child.cancel();
    assert!(child.is_cancelled() && grandchild.is_cancelled());
    assert!(!parent.is_cancelled() && !sibling.is_cancelled());
    let earlier = child.cancellation();
    cancel_parent.cancel();
    let line = line!() - 1;
    assert!(parent.is_cancelled() && sibling.is_cancelled());
    assert_eq!(sibling.cancellation().unwrap().site.line(), line);
    assert_eq!(sibling.cause(), Some(Cause::Cancelled));
    assert_eq!(child.cancellation(), earlier, "it had its own end");
}

#[test]
fn a_child_of_a_cancelled_context_is_cancelled_at_birth() {
    let (parent, cancel) = Context::background().with_cancel();
    cancel.cancel();
    let line = line!() - 1;
    for child in [parent.with_cancel().0, parent.with_timeout(HOUR).0] {
        let how = child.cancellation().expect("cancelled at birth");
        assert_eq!((how.cause, how.site.line()), (Cause::Cancelled, line));
        assert_eq!(child.done().recv(), None);
    }
}

#[test]
fn a_child_made_while_its_parent_is_cancelled_is_cancelled() {
    for _ in 0..300 {
        let (parent, cancel) = Context::background().with_cancel();
        let start = Barrier::new(2);
        thread::scope(|s| {
            let child = s.spawn(|| {
                start.wait();
                parent.with_cancel().0
            });
            start.wait();
            cancel.cancel();
            let child = child.join().unwrap();
            assert_eq!(child.done().recv(), None);
        });
    }
}

#[test]
fn a_deadline_cancels_when_it_comes() {
    let deadline = Instant::now() + SOON;
    let (ctx, _cancel) = Context::background().with_deadline(deadline);
    let line = line!() - 1;
    assert_eq!(ctx.deadline(), Some(deadline));
    assert_eq!(ctx.done().recv(), None);
    assert!(Instant::now() >= deadline, "not before");
    let how = ctx.cancellation().unwrap();
    assert_eq!(how.cause, Cause::DeadlineExceeded);
    assert_eq!((how.site.file(), how.site.line()), (file!(), line));
    assert!(how.at >= deadline);
    let text = Cause::DeadlineExceeded.to_string();
    assert_eq!(text, "context deadline exceeded");
}

#[test]
fn a_deadline_that_has_passed_cancels() {
    let (ctx, _cancel) = Context::background().with_timeout(Duration::ZERO);
    // At once, as in Go: without the help of the timer thread.
    assert!(ctx.is_cancelled());
    assert_eq!(ctx.done().try_recv(), Ok(None));
    assert_eq!(ctx.cause(), Some(Cause::DeadlineExceeded));
}

#[test]
fn a_timeout_beyond_the_clock_never_comes() {
    let (ctx, cancel) = Context::background().with_timeout(Duration::MAX);
    assert_eq!(ctx.deadline(), None);
    assert!(!ctx.is_cancelled());
    cancel.cancel();
    assert_eq!(ctx.cause(), Some(Cause::Cancelled));
}

#[test]
fn a_cancel_comes_before_a_deadline_that_is_far_away() {
    let (ctx, cancel) = Context::background().with_timeout(HOUR);
    cancel.cancel();
    assert_eq!(ctx.cause(), Some(Cause::Cancelled));
    assert_eq!(ctx.done().recv(), None);
}

#[test]
fn the_earlier_deadline_holds() {
    let background = Context::background();
    let (late, _cancel_late) = background.with_timeout(HOUR);
    let (early, _cancel_early) = late.with_timeout(SOON);
    assert!(early.deadline().unwrap() < late.deadline().unwrap());
    // A later deadline, or none, is the parent's.
    let (child, _cancel_child) = early.with_timeout(HOUR);
    let (plain, _cancel_plain) = early.with_cancel();
    assert_eq!(child.deadline(), early.deadline());
    assert_eq!(plain.deadline(), early.deadline());
    assert_eq!(child.done().recv(), None);
    assert_eq!(plain.done().recv(), None);
    assert_eq!(child.cause(), Some(Cause::DeadlineExceeded));
    assert!(!late.is_cancelled());
    // The line that set the deadline, also for those who inherit it.
    let site = child.cancellation().unwrap().site;
    assert_eq!(site, early.birth());
}

#[test]
fn deadlines_come_in_their_order_whatever_the_order_they_were_set_in() {
    let start = Instant::now();
    let after = |millis| {
        let due = start + Duration::from_millis(millis);
        Context::background().with_deadline(due).0
    };
    let [last, first, middle] = [90, 30, 60].map(after);
    assert_eq!(last.done().recv(), None);
    let at = |ctx: &Context| ctx.cancellation().expect("it came").at;
    assert!(at(&first) <= at(&middle) && at(&middle) <= at(&last));
}

#[test]
fn dropping_never_cancels() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (child, cancel_child) = ctx.with_cancel();
    drop(cancel);
    drop(cancel_child);
    drop(ctx);
    assert!(!child.is_cancelled());
    assert_eq!(child.done().try_recv(), Err(Empty));
}

#[test]
fn a_parent_that_was_dropped_still_cancels() {
    let (root, cancel) = Context::background().with_cancel();
    let (middle, _) = root.with_cancel();
    let (leaf, _) = middle.with_cancel();
    drop((root, middle));
    cancel.cancel();
    assert!(leaf.is_cancelled(), "a chain lives as long as its leaf");
}

#[test]
fn a_drop_guard_cancels_when_dropped() {
    let (ctx, cancel) = Context::background().with_cancel();
    let guard = cancel.drop_guard();
    assert!(!ctx.is_cancelled());
    drop(guard);
    assert_eq!(ctx.cause(), Some(Cause::Cancelled));
    assert_eq!(ctx.done().recv(), None);
}

#[test]
fn a_drop_guard_cancels_when_its_thread_panics() {
    let (ctx, cancel) = Context::background().with_cancel();
    let worker = thread::spawn(move || {
        let _guard = cancel.drop_guard();
        // Unwinds without the noise of a panic.
        std::panic::resume_unwind(Box::new(()));
    });
    assert_eq!(ctx.done().recv(), None);
    assert!(worker.join().is_err());
}

#[test]
fn a_weak_context_keeps_nothing_alive() {
    let (ctx, cancel) = Context::background().with_timeout(HOUR);
    let weak = ctx.downgrade();
    assert!(weak.upgrade().is_some_and(|ctx| !ctx.is_cancelled()));
    cancel.cancel();
    drop((ctx, cancel));
    assert!(weak.upgrade().is_none(), "its timer is gone as well");
}

#[test]
fn children_that_are_gone_leave_nothing_behind() {
    let (parent, cancel) = Context::background().with_cancel();
    let weaks: Vec<_> = (0..10_000)
        .map(|_| parent.with_cancel().0.downgrade())
        .collect();
    assert!(weaks.iter().all(|weak| weak.upgrade().is_none()));
    cancel.cancel();
}

#[test]
fn many_children_are_cancelled_together() {
    let (parent, cancel) = Context::background().with_cancel();
    let children: Vec<_> = (0..1000).map(|_| parent.with_cancel().0).collect();
    let mut last = parent.clone();
    for _ in 0..1000 {
        last = last.with_cancel().0;
    }
    cancel.cancel();
    assert!(children.iter().all(Context::is_cancelled));
    assert!(children.iter().all(|child| child.done().is_closed()));
    assert!(last.is_cancelled());
}

#[test]
fn a_long_chain_is_dropped_without_recursion() {
    let mut last = Context::background();
    for _ in 0..100_000 {
        last = last.with_cancel().0;
    }
    drop(last);
}

#[test]
fn threads_that_wait_are_woken() {
    let (parent, cancel) = Context::background().with_cancel();
    let (child, _cancel_child) = parent.with_cancel();
    thread::scope(|s| {
        let waits: Vec<_> = [&parent, &parent, &child]
            .map(|ctx| s.spawn(|| ctx.done().recv()))
            .into();
        until_parked(&parent, 2);
        until_parked(&child, 1);
        cancel.cancel();
        for wait in waits {
            assert_eq!(wait.join().unwrap(), None);
        }
    });
}

#[test]
fn tasks_that_wait_are_woken_once() {
    let (parent, cancel) = Context::background().with_cancel();
    let (child, _cancel_child) = parent.with_cancel();
    let bells = [(); 2].map(|()| Arc::new(Bell::default()));
    let mut waits = [&parent, &child].map(|ctx| Box::pin(ctx.done().recv_async()));
    for (wait, bell) in waits.iter_mut().zip(&bells) {
        assert!(poll(wait, &Waker::from(bell.clone())).is_pending());
    }
    cancel.cancel();
    for (wait, bell) in waits.iter_mut().zip(&bells) {
        assert_eq!(bell.rung.load(Ordering::SeqCst), 1);
        assert_eq!(poll(wait, Waker::noop()), Poll::Ready(None));
    }
}

#[test]
fn a_waker_that_panics_does_not_save_the_children() {
    let (parent, cancel) = Context::background().with_cancel();
    let children = [(); 5].map(|()| parent.with_cancel().0);
    let bell = Arc::new(Bell {
        panics: true,
        ..Bell::default()
    });
    let mut wait = Box::pin(parent.done().recv_async());
    assert!(poll(&mut wait, &Waker::from(bell)).is_pending());
    thread::spawn(move || cancel.cancel())
        .join()
        .expect_err("the waker's panic goes to the one who cancels");
    assert!(children.iter().all(|child| child.done().is_closed()));
    assert_eq!(poll(&mut wait, Waker::noop()), Poll::Ready(None));
}

#[test]
fn a_waker_that_panics_does_not_stop_the_clock() {
    let (first, _cancel) = Context::background().with_timeout(SOON);
    let bell = Arc::new(Bell {
        panics: true,
        ..Bell::default()
    });
    let mut wait = Box::pin(first.done().recv_async());
    assert!(poll(&mut wait, &Waker::from(bell.clone())).is_pending());
    let (second, _cancel) = Context::background().with_timeout(2 * SOON);
    assert_eq!(second.done().recv(), None);
    assert_eq!(bell.rung.load(Ordering::SeqCst), 1);
    assert_eq!(poll(&mut wait, Waker::noop()), Poll::Ready(None));
}

/// Cancels the context it waits for, from inside the wake.
struct Again(chan_core::Cancel, Context);

impl Wake for Again {
    fn wake(self: Arc<Self>) {
        self.0.cancel();
        let (child, _) = self.1.with_cancel();
        assert!(child.is_cancelled());
    }
}

#[test]
fn a_waker_may_use_its_context() {
    let (ctx, cancel) = Context::background().with_cancel();
    let waker = Waker::from(Arc::new(Again(cancel.clone(), ctx.clone())));
    let mut wait = Box::pin(ctx.done().recv_async());
    assert!(poll(&mut wait, &waker).is_pending());
    cancel.cancel();
    assert_eq!(poll(&mut wait, Waker::noop()), Poll::Ready(None));
}

#[test]
fn done_is_seen_with_its_name_and_the_line_of_the_context() {
    let (ctx, cancel) = Context::background().with_timeout(HOUR);
    let line = line!() - 1;
    let open = seen(&ctx).unwrap();
    assert_eq!(open.name.as_deref(), Some("context done"));
    assert_eq!((open.birth.file(), open.birth.line()), (file!(), line));
    assert!(!open.closed);
    // Who waits can still be freed: by a cancel, or by the timer.
    assert_eq!(open.handles.close, 1);
    cancel.cancel();
    assert!(seen(&ctx).unwrap().closed);
}

#[test]
fn a_deadline_comes_though_nobody_holds_the_context() {
    let (ctx, cancel) = Context::background().with_timeout(SOON);
    let done = ctx.done().clone();
    drop((ctx, cancel));
    assert_eq!(done.recv(), None);
}

#[test]
fn a_task_of_a_runtime_is_told_as_well() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (ctx, cancel) = Context::background().with_cancel();
        let waiting = tokio::spawn(async move { ctx.done().recv_async().await.is_none() });
        tokio::task::yield_now().await;
        cancel.cancel();
        assert!(waiting.await.unwrap());
    });
}
