//! The side records: what leakwatch is told while it watches.
//!
//! Tasks by number, and stacks that were asked for. Notes of who closed or
//! orphaned a channel are kept by the channel itself and die with it ([`Deed`]
//! is what they are made of).

use std::collections::HashMap;
use std::ops::Range;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Instant;

use chan_core::WeakContext;
use chan_core::observe::{self, ChannelId, Note, ScopeId, TaskId};
use dashmap::DashMap;
use parking_lot::{Condvar, Mutex};

use crate::hash::SHARDS;
use crate::life::Life;
use crate::options::Options;
use crate::stack::RawStack;

/// What is known of a task that was introduced with [`crate::Task`].
#[derive(Clone)]
pub(crate) struct TaskRecord {
    pub(crate) name: Arc<str>,
    pub(crate) context: Option<WeakContext>,
    /// The line that introduced it.
    pub(crate) site: &'static Location<'static>,
    /// Of a future.
    pub(crate) life: Option<Arc<Life>>,
    pub(crate) scope: ScopeId,
    /// It is idle by design.
    pub(crate) daemon: bool,
}

/// Who did something to a channel, and when.
#[derive(Clone)]
pub(crate) struct Deed {
    pub(crate) task: String,
    pub(crate) at: Instant,
    pub(crate) stack: RawStack,
    /// Of a close.
    pub(crate) close: Option<Arc<Close>>,
}

/// What a close leaves for those who receive after it.
pub(crate) struct Close {
    pub(crate) channel: ChannelId,
    pub(crate) birth: &'static Location<'static>,
    pub(crate) site: &'static Location<'static>,
    /// When a value was last received, in nanoseconds after the close.
    pub(crate) last_receipt: AtomicU64,
    /// A value was a ghost, so those behind it are, too.
    pub(crate) haunted: AtomicBool,
}

/// Everything leakwatch remembers.
pub(crate) struct Registry {
    tasks: DashMap<TaskId, Arc<TaskRecord>>,
    next_task: AtomicU64,
    stacks: Mutex<Stacks>,
    stack_came: Condvar,
}

/// Stacks that are awaited, and those that came.
#[derive(Default)]
struct Stacks {
    next_ticket: u64,
    awaited: HashMap<u64, Option<RawStack>>,
    missing: usize,
}

/// The registry of this process. Tasks may be introduced before somebody
/// watches.
pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry {
        tasks: DashMap::with_shard_amount(SHARDS),
        next_task: AtomicU64::new(1),
        stacks: Mutex::default(),
        stack_came: Condvar::new(),
    })
}

static OPTIONS: OnceLock<Options> = OnceLock::new();

/// The options of the installed watcher, else the defaults.
pub(crate) fn options() -> &'static Options {
    static DEFAULT: OnceLock<Options> = OnceLock::new();
    OPTIONS
        .get()
        .unwrap_or_else(|| DEFAULT.get_or_init(Options::default))
}

/// The options that were installed, once.
pub(crate) fn set_options(options: Options) {
    // Nobody else sets it: there is one successful install.
    let _ = OPTIONS.set(options);
}

impl Registry {
    // ---- Tasks. ----

    pub(crate) fn introduce(&self, record: TaskRecord) -> TaskId {
        let id = TaskId(self.next_task.fetch_add(1, Ordering::Relaxed));
        self.tasks.insert(id, Arc::new(record));
        id
    }

    pub(crate) fn forget(&self, task: TaskId) {
        self.tasks.remove(&task);
    }

    pub(crate) fn task(&self, task: TaskId) -> Option<Arc<TaskRecord>> {
        // Most waits are of nobody who was introduced.
        if task == TaskId(0) {
            return None;
        }
        self.tasks.get(&task).map(|record| Arc::clone(&record))
    }

    /// The tasks that are tracked futures.
    pub(crate) fn lives(&self) -> Vec<(TaskId, Arc<Life>)> {
        // Room beforehand, and not under the lock of a part.
        let mut lives = Vec::with_capacity(self.tasks.len());
        let all = self.tasks.iter();
        lives.extend(all.filter_map(|task| Some((*task.key(), task.life.clone()?))));
        lives
    }

    /// Those of a scope, or all.
    pub(crate) fn lives_of(&self, scope: Option<ScopeId>) -> Vec<(TaskId, Arc<Life>)> {
        let all = self.tasks.iter();
        all.filter(|task| scope.is_none_or(|scope| task.scope == scope))
            .filter_map(|task| Some((*task.key(), task.life.clone()?)))
            .collect()
    }

    /// Whether a task has not come to its end.
    pub(crate) fn is_going(&self, task: TaskId) -> bool {
        let over =
            |record: Arc<TaskRecord>| record.life.as_ref().is_some_and(|life| life.is_over());
        self.task(task).is_some_and(|record| !over(record))
    }

    // ---- Stacks on request. ----

    /// Whether tasks of a scope have not ended.
    pub(crate) fn has_tasks_of(&self, scope: ScopeId) -> bool {
        self.tasks.iter().any(|task| task.scope == scope)
    }

    /// Tickets for stacks that are about to be asked for.
    pub(crate) fn expect_stacks(&self, count: usize) -> Range<u64> {
        let mut stacks = self.stacks.lock();
        let first = stacks.next_ticket + 1;
        stacks.next_ticket += count as u64;
        let tickets = first..first + count as u64;
        stacks.awaited.extend(tickets.clone().map(|it| (it, None)));
        stacks.missing += count;
        tickets
    }

    /// The task moved on before it could be asked.
    pub(crate) fn expect_no_more(&self, ticket: u64) {
        self.take_stack(ticket);
    }

    /// Waits until every stack that is awaited has come, or the time is over.
    pub(crate) fn await_stacks(&self, until: Instant) {
        let mut stacks = self.stacks.lock();
        while stacks.missing > 0 {
            if self.stack_came.wait_until(&mut stacks, until).timed_out() {
                return;
            }
        }
    }

    /// The stack of a ticket, if it came. The ticket is void afterwards.
    pub(crate) fn take_stack(&self, ticket: u64) -> Option<RawStack> {
        let mut stacks = self.stacks.lock();
        let stack = stacks.awaited.remove(&ticket)?;
        if stack.is_none() {
            stacks.missing -= 1;
        }
        stack
    }

    pub(crate) fn stack_came(&self, ticket: u64, stack: RawStack) {
        let mut stacks = self.stacks.lock();
        // Whoever asked may have lost patience.
        if let Some(place @ None) = stacks.awaited.get_mut(&ticket) {
            *place = Some(stack);
            stacks.missing -= 1;
            if stacks.missing == 0 {
                self.stack_came.notify_all();
            }
        }
    }
}

impl Deed {
    pub(crate) fn here_and_now(stack: RawStack) -> Deed {
        Deed {
            task: name_of_this_task(),
            at: Instant::now(),
            stack,
            close: None,
        }
    }

    /// The deed in a channel's note.
    pub(crate) fn of(note: &Note) -> Option<&Deed> {
        note.downcast_ref()
    }
}

/// The name of whoever runs here.
fn name_of_this_task() -> String {
    match registry().task(observe::current_task()) {
        Some(record) => record.name.to_string(),
        None => thread_name(&thread::current()),
    }
}

/// A thread's name, or its number.
pub(crate) fn thread_name(thread: &Thread) -> String {
    match thread.name() {
        Some(name) => name.to_owned(),
        // `ThreadId(12)`: there is no stable way to its number alone.
        None => {
            let number = format!("{:?}", thread.id());
            let number = number.trim_start_matches("ThreadId(").trim_end_matches(')');
            format!("thread {number}")
        }
    }
}
