//! What channels and waiters take on the heap.

use std::future::pending;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::tasks::{Spawned, boxed};
use crate::bytes::live;
use crate::case::Capacity;
use crate::faces::{Element, Tasks, Threads};
use crate::measure::{Plan, cpu_ns};
use crate::outcome::Outcome;

/// So many are made, and the mean is taken.
const MANY: usize = 1000;

/// Threads are not made in thousands.
const THREADS: usize = 16;

/// An empty channel with one handle on each side.
pub(crate) fn channel<C: Threads, T: Element>(capacity: Capacity, plan: &Plan) -> Option<Outcome> {
    if plan.dry {
        return C::make::<T>(capacity).map(|_| Outcome::default());
    }
    let mut channels = Vec::with_capacity(MANY);
    let before = live();
    for _ in 0..MANY {
        channels.push(C::make::<T>(capacity)?);
    }
    Some(mean(live() - before, MANY))
}

/// A thread that is parked in a receive, each on a channel of its own. What
/// the library keeps for a thread that has waited once is part of it.
pub(crate) fn parked_threads<C: Threads, T: Element>(
    capacity: Capacity,
    plan: &Plan,
) -> Option<Outcome> {
    if plan.dry {
        return C::make::<T>(capacity).map(|_| Outcome::default());
    }
    let mut senders = Vec::new();
    let mut receivers = Vec::new();
    for _ in 0..THREADS {
        let (tx, rx) = C::make::<T>(capacity)?;
        senders.push(tx);
        receivers.push(rx);
    }
    let gate = &Barrier::new(THREADS + 1);
    thread::scope(|scope| {
        for mut rx in receivers {
            scope.spawn(move || {
                gate.wait();
                C::recv(&mut rx);
            });
        }
        // All are made; each has run up to the gate when the processor rests.
        rest();
        let before = live();
        gate.wait();
        rest();
        let taken = live() - before;
        drop(senders);
        Some(mean(taken, THREADS))
    })
}

/// Waits until this process has used no processor time for a while.
fn rest() {
    let end = Instant::now() + Duration::from_secs(5);
    let mut before = cpu_ns();
    loop {
        thread::sleep(Duration::from_millis(30));
        let now = cpu_ns();
        // This loop itself needs some.
        if now - before < 1e6 || Instant::now() > end {
            return;
        }
        before = now;
    }
}

/// A task that waits in a receive, each on a channel of its own, over one that
/// waits for nothing.
pub(crate) fn parked_tasks<C: Tasks, T: Element>(
    runtime: &Runtime,
    capacity: Capacity,
    plan: &Plan,
) -> Option<Outcome> {
    if plan.dry {
        return C::make::<T>(capacity).map(|_| Outcome::default());
    }
    let mut senders = Vec::new();
    let mut receivers = Vec::new();
    for _ in 0..MANY {
        let (tx, rx) = C::make::<T>(capacity)?;
        senders.push(tx);
        receivers.push(rx);
    }
    // A future without its type, as in the races; one that waits for nothing
    // takes no memory of its own.
    let spawn = |future: Spawned<()>| drop(tokio::spawn(future));
    runtime.block_on(boxed(async {
        let before = live();
        for _ in 0..MANY {
            spawn(Box::pin(pending()));
        }
        tokio::task::yield_now().await;
        let empty = live() - before;
        let before = live();
        for mut rx in receivers {
            spawn(Box::pin(async move {
                C::recv(&mut rx).await;
            }));
        }
        // A turn is not long enough for all.
        for _ in 0..MANY {
            tokio::task::yield_now().await;
        }
        Some(mean(live() - before - empty, MANY))
    }))
}

fn mean(bytes: isize, count: usize) -> Outcome {
    Outcome {
        value: bytes as f64 / count as f64,
        ..Outcome::default()
    }
}
