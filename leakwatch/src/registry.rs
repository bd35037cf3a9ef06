//! The side records: what leakwatch is told while it watches.
//!
//! Tasks by number, stacks that were asked for, and misuses. Notes of who
//! closed or orphaned a channel are kept by the channel itself and die with
//! it ([`Deed`] is what they are made of).

use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Instant;

use chan_core::WeakContext;
use chan_core::observe::{self, ChannelId, ChannelSnapshot, Misuse, Moment, Note, TaskId, Watcher};
use dashmap::DashMap;
use parking_lot::{Condvar, Mutex};

use crate::life::Life;
use crate::stack::RawStack;
use crate::{AlreadyInstalled, Options};

/// What is known of a task that was introduced with [`crate::Task`].
#[derive(Clone)]
#[allow(dead_code, reason = "what reads it comes next")]
pub(crate) struct TaskRecord {
    pub(crate) name: Arc<str>,
    pub(crate) context: Option<WeakContext>,
    /// The line that introduced it.
    pub(crate) site: &'static Location<'static>,
    /// Of a future.
    pub(crate) life: Option<Arc<Life>>,
}

/// Who did something to a channel, and when.
#[derive(Clone)]
pub(crate) struct Deed {
    pub(crate) task: String,
    pub(crate) at: Instant,
    pub(crate) stack: RawStack,
}

/// A misuse, with the channel as it was then.
#[derive(Clone)]
pub(crate) struct MisuseRecord {
    pub(crate) misuse: Misuse,
    pub(crate) site: &'static Location<'static>,
    pub(crate) deed: Deed,
    pub(crate) channel: ChannelSnapshot,
}

/// Everything leakwatch remembers.
pub(crate) struct Registry {
    tasks: DashMap<TaskId, TaskRecord>,
    next_task: AtomicU64,
    stacks: Mutex<Stacks>,
    stack_came: Condvar,
    misuses: Mutex<Misuses>,
}

/// Stacks that are awaited, and those that came.
#[derive(Default)]
struct Stacks {
    next_ticket: u64,
    awaited: HashMap<u64, Option<RawStack>>,
    missing: usize,
}

#[derive(Default)]
struct Misuses {
    seen: HashMap<(u8, usize, ChannelId), ()>,
    records: Vec<MisuseRecord>,
}

/// The registry of this process. Tasks may be introduced before somebody
/// watches.
pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| Registry {
        tasks: DashMap::new(),
        next_task: AtomicU64::new(1),
        stacks: Mutex::default(),
        stack_came: Condvar::new(),
        misuses: Mutex::default(),
    })
}

static OPTIONS: OnceLock<Options> = OnceLock::new();

/// The options of the installed watcher, else the defaults.
pub(crate) fn options() -> Options {
    OPTIONS.get().cloned().unwrap_or_default()
}

pub(crate) fn install(options: Options) -> Result<(), AlreadyInstalled> {
    observe::install(&Hooks).map_err(|_| AlreadyInstalled)?;
    // Nobody else sets it: there is one successful install.
    let _ = OPTIONS.set(options);
    Ok(())
}

impl Registry {
    // ---- Tasks. ----

    pub(crate) fn introduce(&self, record: TaskRecord) -> TaskId {
        let id = TaskId(self.next_task.fetch_add(1, Ordering::Relaxed));
        self.tasks.insert(id, record);
        id
    }

    pub(crate) fn forget(&self, task: TaskId) {
        self.tasks.remove(&task);
    }

    pub(crate) fn task(&self, task: TaskId) -> Option<TaskRecord> {
        self.tasks.get(&task).map(|record| record.clone())
    }

    // ---- Stacks on request. ----

    /// A ticket for a stack that is about to be asked for.
    pub(crate) fn expect_stack(&self) -> u64 {
        let mut stacks = self.stacks.lock();
        stacks.next_ticket += 1;
        let ticket = stacks.next_ticket;
        stacks.awaited.insert(ticket, None);
        stacks.missing += 1;
        ticket
    }

    /// The thread moved on before it could be asked.
    pub(crate) fn expect_no_more(&self, ticket: u64) {
        let mut stacks = self.stacks.lock();
        if let Some(None) = stacks.awaited.remove(&ticket) {
            stacks.missing -= 1;
        }
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

    fn stack_came(&self, ticket: u64, stack: RawStack) {
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

    // ---- Misuses. ----

    fn misused(&self, misuse: Misuse, site: &'static Location<'static>, id: ChannelId) {
        let key = (misuse as u8, std::ptr::from_ref(site) as usize, id);
        {
            let mut misuses = self.misuses.lock();
            // The same again, in a loop perhaps, says nothing new.
            if misuses.seen.len() >= options().max_events || misuses.seen.insert(key, ()).is_some()
            {
                return;
            }
        }
        // The channel as it is now: it may be gone when the report is made.
        let channels = observe::channels();
        let Some(channel) = channels.iter().find(|channel| channel.id() == id) else {
            return;
        };
        let record = MisuseRecord {
            misuse,
            site,
            deed: Deed::here_and_now(RawStack::here()),
            channel: channel.snapshot(),
        };
        self.misuses.lock().records.push(record);
    }

    pub(crate) fn misuses(&self) -> Vec<MisuseRecord> {
        self.misuses.lock().records.clone()
    }
}

impl Deed {
    fn here_and_now(stack: RawStack) -> Deed {
        Deed {
            task: name_of_this_task(),
            at: Instant::now(),
            stack,
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

/// What the runtime calls.
struct Hooks;

impl Watcher for Hooks {
    fn note(&self, moment: Moment) -> Option<Note> {
        let stack = match moment {
            // A drop has no line of its own: only the stack tells.
            Moment::Orphaned => RawStack::here(),
            // The line of the close is known, and closing is common.
            _ => RawStack::default(),
        };
        Some(Arc::new(Deed::here_and_now(stack)))
    }

    fn misuse(&self, misuse: Misuse, site: &'static Location<'static>, channel: ChannelId) {
        registry().misused(misuse, site, channel);
    }

    fn stack_requested(&self, ticket: u64) {
        registry().stack_came(ticket, RawStack::here());
    }
}
