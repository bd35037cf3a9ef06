//! The workers: each kind has a thread and a task, on one channel.
//!
//! A thread ranges over its feed until it is closed and drained, Go's
//! `for … range`. A task selects between its feed and the end of the context.
//! Both begin when the informer has synced.

use std::fmt;
use std::thread;
use std::time::Duration;

use chan_core::{Context, RecvChan, Sender};
use chan_select::{select, select_async};

use crate::bugs::Bug;
use crate::feeds::Work;
use crate::service;
use crate::wire::{Change, Kind};

/// What a worker tells the collector.
#[derive(Debug)]
pub(crate) struct Reconciled {
    pub(crate) kind: Kind,
    pub(crate) change: Change,
    /// It was still in the channel when that was closed.
    pub(crate) after_close: bool,
}

/// One worker, before it is told to run.
#[derive(Clone)]
pub(crate) struct Worker {
    pub(crate) kind: Kind,
    pub(crate) inbox: RecvChan<Work>,
    pub(crate) has_synced: RecvChan<()>,
    pub(crate) context: Context,
    pub(crate) results: Sender<Reconciled>,
}

/// How a worker's life went.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) worker: String,
    /// Rounds in which a closed feed was taken for a success.
    pub(crate) empty_rounds: u64,
}

impl Worker {
    pub(crate) fn name(&self) -> String {
        format!("reconcile-{}", self.kind.name().to_lowercase())
    }

    /// The life of a thread.
    pub(crate) fn run(self, bug: Bug) -> Done {
        self.has_synced.recv();
        let mut done = Done {
            worker: self.name(),
            empty_rounds: 0,
        };
        match (bug, self.kind) {
            (Bug::ClosedArm, Kind::Database) => done.empty_rounds = self.run_on_a_closed_arm(),
            (Bug::GhostRead, Kind::Database) => self.run_late(),
            _ => self.reconcile_until_closed(),
        }
        done
    }

    fn reconcile_until_closed(&self) {
        for work in &self.inbox {
            self.reconcile(&work, false);
        }
    }

    /// The ghost reads: a worker that is always late. It takes something only
    /// when the feed is full, or was closed long ago, and takes what is left in
    /// a closed feed for news.
    fn run_late(&self) {
        let mut after_close = false;
        loop {
            while !self.inbox.is_closed() && !self.inbox.is_full() {
                thread::sleep(Duration::from_micros(200));
            }
            if self.inbox.is_closed() && !after_close {
                thread::sleep(service::STALE * 3 / 2);
                after_close = true;
            }
            let Some(work) = self.inbox.recv() else { break };
            self.reconcile(&work, after_close);
        }
    }

    /// The closed arm: `None` is no event, but the loop does not look.
    fn run_on_a_closed_arm(&self) -> u64 {
        let mut empty = 0;
        loop {
            select! {
                recv(self.inbox) -> work => match work {
                    Some(work) => self.reconcile(&work, false),
                    None => {
                        empty += 1;
                        // Kinder to the machine than the real bug.
                        thread::yield_now();
                    }
                },
                recv(self.context.done()) -> _ => return empty,
            }
        }
    }

    /// The life of a task.
    pub(crate) async fn run_as_task(self) -> Done {
        self.has_synced.recv_async().await;
        loop {
            let work = select_async! {
                recv(self.inbox) -> work => work,
                recv(self.context.done()) -> _ => None,
            };
            let Some(work) = work else { break };
            // Awaited: a task that blocked here would hold up its executor.
            let _ = self.results.send_async(self.reconciled(&work, false)).await;
            // A real reconciliation talks to a server here.
            tokio::task::yield_now().await;
        }
        Done {
            worker: format!("{} (task)", self.name()),
            empty_rounds: 0,
        }
    }

    /// Brings the world to the state that the object asks for; here, says so.
    fn reconcile(&self, work: &Work, after_close: bool) {
        // The collector outlives every worker that may still report.
        let _ = self.results.send(self.reconciled(work, after_close));
    }

    fn reconciled(&self, work: &Work, after_close: bool) -> Reconciled {
        Reconciled {
            kind: self.kind,
            change: work.change,
            after_close,
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
