//! Contexts: who ends when whose work ends.
#![cfg(not(loom))]

use std::thread;
use std::time::{Duration, Instant};

use chan_core::{Cause, Context};

#[test]
fn a_cancel_is_told_to_everybody() {
    let (ctx, cancel) = Context::background().with_cancel();
    thread::scope(|s| {
        let waiting: Vec<_> = (0..3).map(|_| s.spawn(|| ctx.done().recv())).collect();
        cancel.cancel();
        let line = line!() - 1;
        assert!(
            waiting
                .into_iter()
                .all(|waiter| waiter.join().unwrap().is_none())
        );
        assert_eq!(ctx.cause(), Some(Cause::Cancelled));
        assert_eq!(ctx.cancellation().unwrap().site.line(), line);
    });
    cancel.cancel(); // Once is enough, twice is allowed.
    assert_eq!(ctx.done().recv(), None);
}

#[test]
fn a_task_is_told_as_well() {
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

#[test]
fn parents_end_their_children_and_not_the_other_way() {
    let (parent, cancel_parent) = Context::background().with_cancel();
    let (child, cancel_child) = parent.with_cancel();
    let (sibling, _cancel_sibling) = parent.with_cancel();
    let (grandchild, _cancel_grandchild) = child.with_cancel();
    cancel_child.cancel();
    assert!(child.is_cancelled() && grandchild.is_cancelled());
    assert!(!parent.is_cancelled() && !sibling.is_cancelled());
    cancel_parent.cancel();
    assert!(sibling.is_cancelled());
    let (late, _cancel_late) = parent.with_cancel();
    assert!(late.is_cancelled(), "born of a cancelled parent");
}

#[test]
fn dropping_cancels_only_on_request() {
    let (ctx, cancel) = Context::background().with_cancel();
    drop(cancel.clone());
    drop(ctx.clone());
    let (child, cancel_child) = ctx.with_cancel();
    drop(cancel_child);
    assert!(!ctx.is_cancelled() && !child.is_cancelled());
    drop(cancel.drop_guard());
    assert!(ctx.is_cancelled() && child.is_cancelled());
}

#[test]
fn a_deadline_comes_by_itself() {
    let start = Instant::now();
    let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(30));
    let (child, _cancel_child) = ctx.with_timeout(Duration::from_secs(3600));
    assert_eq!(child.deadline(), ctx.deadline(), "the parent's comes first");
    assert_eq!(child.done().recv(), None);
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert_eq!(child.cause(), Some(Cause::DeadlineExceeded));
    assert_eq!(
        Cause::DeadlineExceeded.to_string(),
        "context deadline exceeded"
    );
    assert_eq!(Cause::Cancelled.to_string(), "context canceled");
}

#[test]
fn a_deadline_comes_though_nobody_holds_the_context() {
    let (ctx, cancel) = Context::background().with_timeout(Duration::from_millis(20));
    let done = ctx.done().clone();
    drop((ctx, cancel));
    assert_eq!(done.recv(), None);
}

#[test]
fn a_cancel_before_the_deadline_stops_the_timer() {
    let (ctx, cancel) = Context::background().with_timeout(Duration::from_secs(3600));
    let weak = ctx.downgrade();
    cancel.cancel();
    drop((ctx, cancel));
    assert!(weak.upgrade().is_none(), "the timer has let go of it");
}

#[test]
fn the_background_never_ends() {
    let ctx = Context::background();
    assert!(ctx.done().is_nil());
    assert!(ctx.done().try_recv().is_err());
    assert_eq!((ctx.cause(), ctx.deadline()), (None, None));
    let (endless, _cancel) = ctx.with_timeout(Duration::MAX);
    assert_eq!(
        endless.deadline(),
        None,
        "a time beyond the clock never comes"
    );
}

#[test]
fn a_thousand_children_and_a_long_chain() {
    let (root, cancel) = Context::background().with_cancel();
    let children: Vec<_> = (0..1_000).map(|_| root.with_cancel()).collect();
    let mut chain = vec![root.clone()];
    for depth in 0..10_000 {
        chain.push(chain[depth].with_cancel().0);
    }
    let leaf = chain.pop().unwrap();
    drop(chain);
    cancel.cancel();
    assert!(children.iter().all(|(child, _)| child.is_cancelled()));
    assert!(leaf.is_cancelled());
}
