//! The bottom half of the seam to a watcher: the hooks that the runtime calls.
//!
//! A watcher is told of rare events only: an orphaning, a close, a misuse, and
//! the request for a stack that it made itself. Operations that do not park
//! never come here. Everything a watcher *reads* is in [`crate::observe`],
//! which alone re-exports what is public here.
//!
//! W1  No hook runs under a channel lock.
//! W2  A hook that panics does no harm: the panic ends in [`guarded`].
//!
//! Atomics: the watcher is published once by a `OnceLock`, whose own
//! orderings suffice.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, OnceLock};

use crate::panics;

/// What a watcher wants to remember about a moment; it lives as long as the
/// channel it is attached to.
pub type Note = Arc<dyn Any + Send + Sync>;

/// A number that a watcher gives to a task it knows. 0 is no task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub u64);

/// The identity of a channel: a number that no other channel of the process
/// has or had.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub(crate) u64);

impl ChannelId {
    /// The identity as a number.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelId({})", self.0)
    }
}

/// A moment that a watcher may take a note of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Moment {
    /// The last handle that could have freed a parked receiver (or, on the
    /// other side, a parked sender) of an open channel was dropped just now,
    /// on this thread.
    Orphaned,
    /// The channel was closed just now, on this thread.
    Closed,
}

/// An operation that Go answers with a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// `close of closed channel`.
    DoubleClose,
    /// `send on closed channel`.
    SendAfterClose,
}

/// What the runtime tells a watcher. Every method runs on the thread that
/// caused the event, outside of all channel locks, and should be quick.
pub trait Watcher: Send + Sync {
    /// Take a note of here and now; it is attached to the channel and shown
    /// in its [`ChannelSnapshot`](crate::observe::ChannelSnapshot).
    fn note(&self, moment: Moment) -> Option<Note>;

    /// A panic of Go's is about to be raised at `site`.
    fn misuse(&self, misuse: Misuse, site: &'static Location<'static>, channel: ChannelId);

    /// This thread is parked and was asked for its stack with
    /// [`Channel::request_stack`](crate::observe::Channel::request_stack);
    /// `ticket` is the number given there.
    fn stack_requested(&self, ticket: u64);
}

static WATCHER: OnceLock<&'static dyn Watcher> = OnceLock::new();

/// A watcher is installed already; there can be one per process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyInstalled;

impl fmt::Display for AlreadyInstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a watcher is installed already")
    }
}

impl std::error::Error for AlreadyInstalled {}

/// Installs the watcher of this process, for good.
///
/// # Errors
///
/// [`AlreadyInstalled`] if there is one.
pub fn install(watcher: &'static dyn Watcher) -> Result<(), AlreadyInstalled> {
    WATCHER.set(watcher).map_err(|_| AlreadyInstalled)
}

/// The installed watcher. One load and a branch.
pub(crate) fn watcher() -> Option<&'static dyn Watcher> {
    WATCHER.get().copied()
}

/// Calls a hook if a watcher is installed. W2: its panic stops here.
pub(crate) fn guarded<R>(hook: impl FnOnce(&'static dyn Watcher) -> R) -> Option<R> {
    let watcher = watcher()?;
    panics::catch(|| hook(watcher))
        .map_err(panics::discard)
        .ok()
}

thread_local! {
    static CURRENT: Cell<TaskId> = const { Cell::new(TaskId(0)) };
}

/// Says that this thread now runs `task`, and returns the one it ran before.
/// Waits that begin from here carry the number.
pub fn set_current_task(task: TaskId) -> TaskId {
    CURRENT.replace(task)
}

/// The task this thread runs, as set by [`set_current_task`].
pub fn current_task() -> TaskId {
    CURRENT.get()
}
