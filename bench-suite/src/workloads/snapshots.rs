//! How long leakwatch looks when many tasks are parked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use chan_core::{Chan, RecvChan};
use tokio::runtime::Builder;
use tokio::task::yield_now;

use crate::case::{Case, Grown, Work};
use crate::measure::Plan;
use crate::outcome::Outcome;

/// Runs a row of reports. `None` if it is not one.
///
/// The figure is the median of some reports of the same tasks, the first left
/// out: it has the sizes of the others to learn.
pub(crate) fn run(case: &Case, plan: &Plan) -> Option<Outcome> {
    let Work::Grown(kind @ (Grown::Snapshot | Grown::SnapshotOne | Grown::SnapshotFound)) =
        case.work
    else {
        return None;
    };
    if plan.dry {
        return Some(Outcome::default());
    }
    // In a process of its own; it is installed once.
    leakwatch::install().expect("this process watches once");
    let runtime = Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime on this thread");
    let mut senders = Vec::new();
    // In Go's manners, where a channel outlives its senders.
    let mut channel = || {
        let (tx, rx) = Chan::<u64>::new(1).split();
        senders.extend((kind != Grown::SnapshotFound).then_some(tx));
        rx
    };
    let receivers: Vec<RecvChan<u64>> = if kind == Grown::SnapshotOne {
        vec![channel(); case.many]
    } else {
        (0..case.many).map(|_| channel()).collect()
    };
    let waits = Arc::new(AtomicUsize::new(0));
    for rx in receivers {
        let waits = waits.clone();
        drop(runtime.spawn(async move {
            waits.fetch_add(1, Relaxed);
            // Nobody sends.
            let _ = rx.recv_async().await;
        }));
    }
    runtime.block_on(async {
        while waits.load(Relaxed) < case.many {
            yield_now().await;
        }
    });
    let ms = reports(kind, case.many, plan);
    drop(senders);
    Some(Outcome {
        value: ms,
        ..Outcome::default()
    })
}

/// The time of a report that names all who are parked, in milliseconds.
fn reports(kind: Grown, parked: usize, plan: &Plan) -> f64 {
    let end = Instant::now() + plan.flow;
    let mut times = Vec::new();
    while times.len() < 4 || Instant::now() < end {
        let start = Instant::now();
        let report = leakwatch::snapshot();
        times.push(start.elapsed().as_secs_f64() * 1e3);
        assert_eq!(report.tasks.len(), parked);
        if kind == Grown::SnapshotFound {
            assert_eq!(report.findings.len(), parked);
        }
    }
    times.remove(0);
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
