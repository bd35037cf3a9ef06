//! The service from start to end: everybody is started, the watch is read,
//! the feeds are closed by their owner, and those who do not come home are
//! left standing for leakwatch to name.
//!
//! Who owns what: the informer the sending sides of the feeds, this file the
//! context and the collector. [`crate::plants`] adds the bugs that are more
//! than a wrong word in otherwise healthy code.

use std::io;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use chan_core::{Context, Receiver, Sender, after, bounded};
use chan_select::select;
use leakwatch::Task;
use tokio::runtime::{self, Runtime};

use crate::bugs::Bug;
use crate::feeds::{self, Feed};
use crate::informer::{Informer, Read};
use crate::plants::{self, Plant};
use crate::source::Events;
use crate::wire::{Change, Kind};
use crate::worker::{Done, Reconciled, Worker};

/// How long the shutdown waits for workers, before and after the context ends.
const PATIENCE: Duration = Duration::from_millis(300);

/// How long after its context a worker may go on; see [`Bug::Context`].
pub(crate) const GRACE: Duration = Duration::from_millis(250);

/// How long a value lies in a closed feed before it is stale; see
/// [`Bug::GhostRead`].
pub(crate) const STALE: Duration = Duration::from_millis(500);

/// How often the heartbeat beats.
const HEARTBEAT: Duration = Duration::from_millis(20);

/// What became of a run.
pub(crate) struct Outcome {
    pub(crate) read: Read,
    pub(crate) summary: Summary,
    /// What a planted bug shows, for people.
    pub(crate) symptoms: Vec<String>,
    /// Tasks that are stuck keep the runtime until the report is made.
    pub(crate) runtime: Runtime,
}

/// What the collector counted.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    counts: [u64; Kind::ALL.len()],
    deleted: u64,
    after_close: u64,
}

impl Summary {
    fn count(&mut self, result: &Reconciled) {
        self.counts[result.kind as usize] += 1;
        self.deleted += u64::from(result.change == Change::Deleted);
        self.after_close += u64::from(result.after_close);
    }

    /// How many objects of a kind were reconciled.
    pub(crate) fn of(&self, kind: Kind) -> u64 {
        self.counts[kind as usize]
    }

    /// All of them.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Runs the service on a stream.
///
/// # Errors
///
/// A thread cannot be started.
pub(crate) fn run(events: Events, bug: Bug) -> io::Result<Outcome> {
    let (context, cancel) = Context::background().with_cancel();
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    let feeds = feeds::open();
    let (results, reported) = bounded(32);
    let (finished, done) = bounded(16);
    let collector = spawn("collector", move || collect(&reported))?;
    let heart = spawn("heartbeat", {
        let context = context.clone();
        move || beat(&context)
    })?;

    let (synced, has_synced) = chan_core::Builder::new().name("has-synced").chan().split();
    let mut crew = 0;
    for feed in &feeds {
        let worker = Worker {
            kind: feed.kind,
            inbox: feed.rx.clone(),
            has_synced: has_synced.clone(),
            context: context.clone(),
            results: results.clone(),
        };
        crew += start(&worker, bug, &runtime, &finished)?;
    }
    let plant = plants::before(bug, &feeds, &context)?;
    let informer = Informer {
        context: context.clone(),
        feeds: feeds
            .into_iter()
            .map(|Feed { kind, tx, .. }| (kind, tx))
            .collect(),
        has_synced: synced,
    };
    let read = spawn("informer", move || informer.run(events, bug))?;
    let read = read
        .join()
        .expect("the informer reports errors, it does not panic");

    // The watch is over and the feeds are closed: the workers drain them.
    let mut symptoms = Vec::new();
    let mut home = wait_for(&done, crew, PATIENCE);
    if let Some(plant) = &plant {
        plant.grow();
    }
    let cancelled = Instant::now();
    cancel.cancel();
    let patience = match bug {
        // The late worker comes home, if late.
        Bug::GhostRead => Duration::from_secs(30),
        _ => PATIENCE,
    };
    home.extend(wait_for(&done, crew - home.len(), patience));
    if bug == Bug::Context {
        // Time for the grace to pass, with the worker still waiting.
        thread::sleep((GRACE + PATIENCE).saturating_sub(cancelled.elapsed()));
    }
    symptoms.extend(plant.and_then(Plant::after));
    if !read.kept.is_empty() {
        symptoms.push(format!("{} feed was left open", read.kept.len()));
    }
    let beats = heart.join().expect("the heart does not panic");
    // Their owner closes the results; a stuck worker cannot keep them open.
    results.close().expect("nobody else closes the results");
    let summary = collector.join().expect("the collector does not panic");
    symptoms.extend(plants::seen(bug, &home, summary.after_close, beats));
    Ok(Outcome {
        read,
        summary,
        symptoms,
        runtime,
    })
}

/// Starts the workers of one kind, and says how many they are.
fn start(
    worker: &Worker,
    bug: Bug,
    runtime: &Runtime,
    finished: &Sender<Done>,
) -> io::Result<usize> {
    let introduced = |name: String| Task::new(name).context(&worker.context);
    let thread = worker.clone();
    let task = introduced(worker.name());
    let finish = finished.clone();
    spawn(&worker.name(), move || {
        let _task = task.enter();
        // Nobody waits for those who come too late.
        let _ = finish.send(thread.run(bug));
    })?;
    // The late worker has nobody beside it who would come in time.
    if bug == Bug::GhostRead && worker.kind == Kind::Database {
        return Ok(1);
    }
    let task = introduced(format!("{} (task)", worker.name()));
    let (worker, finish) = (worker.clone(), finished.clone());
    runtime.spawn(task.wrap(async move {
        let done = worker.run_as_task().await;
        let _ = finish.send_async(done).await;
    }));
    Ok(2)
}

/// Waits until `expected` workers are done, or patience is over.
fn wait_for(done: &Receiver<Done>, expected: usize, patience: Duration) -> Vec<Done> {
    let patience = after(patience);
    let mut home = Vec::new();
    while home.len() < expected {
        select! {
            recv(done) -> one => home.extend(one.ok()),
            recv(patience) -> _ => break,
        }
    }
    home
}

/// Counts results until their owner closes them.
fn collect(reported: &Receiver<Reconciled>) -> Summary {
    let mut summary = Summary::default();
    for result in reported {
        summary.count(&result);
    }
    summary
}

/// Beats until the context ends: the timer that every long-lived service has.
fn beat(context: &Context) -> u64 {
    let mut beats = 0;
    loop {
        select! {
            recv(after(HEARTBEAT)) -> _ => beats += 1,
            recv(context.done()) -> _ => return beats,
        }
    }
}

/// A thread with a name.
pub(crate) fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}
