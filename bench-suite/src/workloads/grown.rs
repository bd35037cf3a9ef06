//! One operation while there is much of something: parked tasks, handles,
//! other channels.

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Instant;

use tokio::runtime::Runtime;
use tokio::task::yield_now;

use super::tasks::{Spawned, boxed};
use super::threads::ends;
use crate::case::{Case, Grown, World};
use crate::faces::{Tasks, Threads};
use crate::measure::{Plan, operation_ns, repeated_ns};
use crate::outcome::Outcome;

/// The element: what is sent weighs nothing here.
type Word = u64;

/// Runs a row of threads. `None` if it is not one, or the contender cannot.
pub(crate) fn threads<C: Threads>(kind: Grown, case: &Case, plan: &Plan) -> Option<Outcome> {
    let (mut tx, mut rx) = C::make::<Word>(case.capacity)?;
    let many = if plan.dry { 1 } else { case.many };
    let ns = match kind {
        Grown::Pair => {
            let _senders = ends(C::clone_tx(&tx)?, many, C::clone_tx)?;
            let _receivers = ends(C::clone_rx(&rx)?, many, C::clone_rx)?;
            repeated_ns(plan, || {
                C::send(&mut tx, 1);
                black_box(C::recv(&mut rx));
            })
        }
        Grown::Clone => {
            let _senders = ends(C::clone_tx(&tx)?, many, C::clone_tx)?;
            repeated_ns(plan, || drop(black_box(C::clone_tx(&tx))))
        }
        Grown::Create => {
            let others = (0..many).map(|_| C::make::<Word>(case.capacity));
            let _others: Vec<_> = others.collect();
            repeated_ns(plan, || drop(black_box(C::make::<Word>(case.capacity))))
        }
        _ => return None,
    };
    Some(Outcome::nanoseconds(ns))
}

/// Runs a row of tasks that wait on one channel. `None` if it is not one, or
/// the contender cannot.
pub(crate) fn tasks<C: Tasks>(
    kind: Grown,
    runtime: &Runtime,
    case: &Case,
    plan: &Plan,
) -> Option<Outcome> {
    let (mut tx, mut rx) = C::make::<Word>(case.capacity)?;
    let many = if plan.dry { 1 } else { case.many };
    let receivers = ends(C::clone_rx(&rx)?, many, C::clone_rx)?;
    if !matches!(kind, Grown::Served | Grown::Leaves) || case.world != World::TokioSingle {
        return None;
    }
    if plan.dry {
        return Some(Outcome::default());
    }
    let waits = Arc::new(AtomicUsize::new(0));
    for mut rx in receivers {
        let waits = waits.clone();
        let party: Spawned<()> = Box::pin(async move {
            loop {
                waits.fetch_add(1, Relaxed);
                if C::recv(&mut rx).await.is_none() {
                    return;
                }
            }
        });
        let _entered = runtime.enter();
        drop(tokio::spawn(party));
    }
    runtime.block_on(boxed(until(&waits, many)));
    let ns = operation_ns(plan, |n| {
        runtime.block_on(boxed(async {
            let mut waited = waits.load(Relaxed);
            let start = Instant::now();
            for _ in 0..n {
                match kind {
                    Grown::Served => {
                        C::send(&mut tx, 1).await;
                        waited += 1;
                        until(&waits, waited).await;
                    }
                    _ => leave(C::recv(&mut rx)).await,
                }
            }
            start.elapsed()
        }))
    });
    Some(Outcome::nanoseconds(ns))
}

/// Lets others run until they have begun so many waits. On one thread a task
/// that has begun one is parked in it.
async fn until(waits: &AtomicUsize, count: usize) {
    while waits.load(Relaxed) < count {
        yield_now().await;
    }
}

/// Polls once, finds nothing, and goes away.
async fn leave(future: impl Future<Output = Option<Word>>) {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let came = future.as_mut().poll(cx);
        assert!(came.is_pending(), "nobody sends");
        Poll::Ready(())
    })
    .await;
}
