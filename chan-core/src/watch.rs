//! The bottom half of the seam to a watcher: the hooks that the runtime calls.
//!
//! A watcher is told of rare events only: an orphaning, a close, what happens
//! on a channel after that, a misuse, a park within a poll, and the request for
//! a stack that it made itself. Operations on an open channel that do not park
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
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// let note: chan_core::observe::Note = Arc::new("what a watcher wants to remember");
/// assert!(note.downcast_ref::<&str>().is_some());
/// ```
pub type Note = Arc<dyn Any + Send + Sync>;

/// A number that a watcher gives to a task it knows. 0 is no task.
///
/// # Examples
///
/// ```
/// use chan_core::observe::{TaskId, current_task};
///
/// assert_eq!(current_task(), TaskId(0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub u64);

/// A number that a watcher gives to a part of the program, such as a test.
/// Channels carry that of the scope they were made in. 0 is none.
///
/// # Examples
///
/// ```
/// use chan_core::observe::{ScopeId, current_scope};
///
/// assert_eq!(current_scope(), ScopeId(0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeId(pub u32);

/// The identity of a channel: a number that no other channel of the process
/// has or had.
///
/// # Examples
///
/// ```
/// use chan_core::observe;
///
/// let (_tx, _rx) = chan_core::Builder::new().name("its number").channel::<u8>();
/// let all = observe::channels();
/// let seen = all.iter().find(|channel| channel.name() == Some("its number")).unwrap();
/// let id: observe::ChannelId = seen.id();
/// assert_eq!(seen.snapshot().id, id);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelId(pub(crate) u64);

impl ChannelId {
    /// The identity as a number.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::observe;
    ///
    /// let (_tx, _rx) = chan_core::Builder::new().name("a number").channel::<u8>();
    /// let all = observe::channels();
    /// let seen = all.iter().find(|channel| channel.name() == Some("a number")).unwrap();
    /// assert!(seen.id().get() > 0);
    /// ```
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
///
/// # Examples
///
/// ```standalone_crate
/// use std::{panic::Location, sync::Mutex};
/// use chan_core::observe::{self, ChannelId, Misuse, Moment, Note, Watcher};
///
/// /// Remembers what it was told.
/// #[derive(Default)]
/// struct Told(Mutex<Vec<String>>);
/// impl Watcher for Told {
///     fn note(&self, moment: Moment) -> Option<Note> {
///         self.0.lock().unwrap().push(format!("{moment:?}"));
///         None
///     }
/// #     fn misuse(&self, _: Misuse, _: &'static Location<'static>, _: ChannelId) {}
/// #     fn stack_requested(&self, _: u64) {}
/// }
///
/// static TOLD: Told = Told(Mutex::new(Vec::new()));
/// observe::install(&TOLD).unwrap();
/// let chan = chan_core::Chan::<u8>::new(1);
/// chan.close();
/// assert_eq!(*TOLD.0.lock().unwrap(), ["Closed"]);
/// ```
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
///
/// # Examples
///
/// ```standalone_crate
/// use std::{panic::Location, sync::Mutex};
/// use chan_core::observe::{self, ChannelId, Misuse, Moment, Note, Watcher};
///
/// /// Remembers what it was told.
/// #[derive(Default)]
/// struct Told(Mutex<Vec<String>>);
/// impl Watcher for Told {
/// #     fn note(&self, _: Moment) -> Option<Note> { None }
///     fn misuse(&self, misuse: Misuse, site: &'static Location<'static>, _: ChannelId) {
///         self.0.lock().unwrap().push(format!("{misuse:?} in line {}", site.line()));
///     }
/// #     fn stack_requested(&self, _: u64) {}
/// }
///
/// static TOLD: Told = Told(Mutex::new(Vec::new()));
/// observe::install(&TOLD).unwrap();
/// let chan = chan_core::Chan::<u8>::new(1);
/// chan.close();
/// assert!(std::panic::catch_unwind(|| chan.close()).is_err());
/// let line = line!() - 1;
/// assert_eq!(*TOLD.0.lock().unwrap(), [format!("DoubleClose in line {line}")]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Misuse {
    /// `close of closed channel`.
    DoubleClose,
    /// `send on closed channel`.
    SendAfterClose,
}

/// A close by hand.
///
/// # Examples
///
/// ```standalone_crate
/// use std::{panic::Location, sync::Mutex};
/// use chan_core::observe::{self, ChannelId, Closing, Misuse, Moment, Note, Watcher};
///
/// /// Remembers what it was told.
/// #[derive(Default)]
/// struct Told(Mutex<Vec<String>>);
/// impl Watcher for Told {
/// #     fn note(&self, _: Moment) -> Option<Note> { None }
///     fn closed(&self, closing: &Closing) -> Option<Note> {
///         self.0.lock().unwrap().push(format!("closed by line {}", closing.site.line()));
///         None
///     }
/// #     fn misuse(&self, _: Misuse, _: &'static Location<'static>, _: ChannelId) {}
/// #     fn stack_requested(&self, _: u64) {}
/// }
///
/// static TOLD: Told = Told(Mutex::new(Vec::new()));
/// observe::install(&TOLD).unwrap();
/// let chan = chan_core::Chan::<u8>::new(1);
/// chan.close();
/// let line = line!() - 1;
/// assert_eq!(*TOLD.0.lock().unwrap(), [format!("closed by line {line}")]);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Closing {
    /// The channel that is closed now.
    pub channel: ChannelId,
    /// The line that made it.
    pub birth: &'static Location<'static>,
    /// The line that closed it.
    pub site: &'static Location<'static>,
    /// There was nobody to learn of it: the thread that made the channel has
    /// closed it, with nothing ever sent, with nobody waiting, and with no
    /// handles but those that one party needs to do both.
    pub unheard: bool,
}

/// A receive case that has won because its channel is closed and empty.
///
/// # Examples
///
/// ```standalone_crate
/// use std::{panic::Location, sync::Mutex};
/// use chan_core::observe::{self, ChannelId, Misuse, Moment, Note, TakenCase, Watcher};
///
/// /// Remembers what it was told.
/// #[derive(Default)]
/// struct Told(Mutex<Vec<String>>);
/// impl Watcher for Told {
/// #     fn note(&self, _: Moment) -> Option<Note> { None }
///     fn took_closed_case(&self, taken: &TakenCase) {
///         self.0.lock().unwrap().push(format!("carried values: {}", taken.carried));
///     }
/// #     fn misuse(&self, _: Misuse, _: &'static Location<'static>, _: ChannelId) {}
/// #     fn stack_requested(&self, _: u64) {}
/// }
///
/// static TOLD: Told = Told(Mutex::new(Vec::new()));
/// observe::install(&TOLD).unwrap();
/// use chan_core::select::{self, CaseList, End, RecvArm};
/// let chan = chan_core::Chan::<u8>::new(1);
/// chan.close();
/// select::look::<_, 1>(End.and(chan.arm()), 0, |_| 0).unwrap();
/// assert_eq!(*TOLD.0.lock().unwrap(), ["carried values: false"]);
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TakenCase {
    /// The channel.
    pub channel: ChannelId,
    /// The line that made it.
    pub birth: &'static Location<'static>,
    /// The line of the case.
    pub site: &'static Location<'static>,
    /// Values were sent on it: it is more than a signal.
    pub carried: bool,
}

/// What the runtime tells a watcher. Every method runs on the thread that
/// caused the event, outside of all channel locks, and should be quick.
///
/// # Examples
///
/// ```standalone_crate
/// use std::{panic::Location, sync::Mutex};
/// use chan_core::observe::{self, ChannelId, Misuse, Moment, Note, Watcher};
///
/// /// Remembers what it was told.
/// #[derive(Default)]
/// struct Told(Mutex<Vec<String>>);
/// impl Watcher for Told {
///     fn note(&self, moment: Moment) -> Option<Note> {
///         self.0.lock().unwrap().push(format!("{moment:?}"));
///         None
///     }
///     fn misuse(&self, misuse: Misuse, site: &'static Location<'static>, _: ChannelId) {
///         self.0.lock().unwrap().push(format!("{misuse:?} in line {}", site.line()));
///     }
///     fn stack_requested(&self, ticket: u64) {
///         self.0.lock().unwrap().push(format!("stack for {ticket}"));
///     }
/// }
///
/// static TOLD: Told = Told(Mutex::new(Vec::new()));
/// observe::install(&TOLD).unwrap();
/// let (send, recv) = chan_core::Chan::<u8>::new(1).split();
/// drop(send); // nobody can free a receiver any more
/// assert_eq!(*TOLD.0.lock().unwrap(), ["Orphaned"]);
/// # drop(recv);
/// ```
pub trait Watcher: Send + Sync {
    /// Take a note of here and now; it is attached to the channel and shown
    /// in its [`ChannelSnapshot`](crate::observe::ChannelSnapshot).
    fn note(&self, moment: Moment) -> Option<Note>;

    /// [`Moment::Orphaned`] has come for this channel, and the note of it is
    /// attached.
    fn orphaned(&self, channel: ChannelId) {
        let _ = channel;
    }

    /// Take a note of a close; as [`Watcher::note`] of [`Moment::Closed`],
    /// which is what it does unless it is told otherwise.
    fn closed(&self, closing: &Closing) -> Option<Note> {
        let _ = closing;
        self.note(Moment::Closed)
    }

    /// A value was received here and now from a channel whose close was noted
    /// before; `close` is that note.
    fn received_after_close(&self, close: &Note) {
        let _ = close;
    }

    /// A case of a select, or a future, that receives has won here and now
    /// because its channel is closed and empty. Contexts are not told of.
    fn took_closed_case(&self, taken: &TakenCase) {
        let _ = taken;
    }

    /// This thread is about to park in an operation while it polls a future
    /// ([`set_polling`]).
    fn parks_in_poll(&self) {}

    /// A panic of Go's is about to be raised at `site`.
    fn misuse(&self, misuse: Misuse, site: &'static Location<'static>, channel: ChannelId);

    /// This thread is parked, or polls a future that is, and was asked for its
    /// stack with [`Channel::request_stacks`](crate::observe::Channel::request_stacks);
    /// `ticket` is the number given there.
    fn stack_requested(&self, ticket: u64);
}

static WATCHER: OnceLock<&'static dyn Watcher> = OnceLock::new();

/// A watcher is installed already; there can be one per process.
///
/// # Examples
///
/// ```
/// use chan_core::observe::AlreadyInstalled;
///
/// assert_eq!(AlreadyInstalled.to_string(), "a watcher is installed already");
/// ```
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
///
/// # Examples
///
/// ```standalone_crate
/// use std::{panic::Location, sync::Mutex};
/// use chan_core::observe::{self, AlreadyInstalled, ChannelId, Misuse, Moment, Note, Watcher};
///
/// /// Remembers what it was told.
/// #[derive(Default)]
/// struct Told(Mutex<Vec<String>>);
/// impl Watcher for Told {
/// #     fn note(&self, _: Moment) -> Option<Note> { None }
/// #     fn misuse(&self, _: Misuse, _: &'static Location<'static>, _: ChannelId) {}
/// #     fn stack_requested(&self, _: u64) {}
/// }
///
/// static TOLD: Told = Told(Mutex::new(Vec::new()));
/// observe::install(&TOLD).unwrap();
/// assert_eq!(observe::install(&TOLD), Err(AlreadyInstalled));
/// ```
pub fn install(watcher: &'static dyn Watcher) -> Result<(), AlreadyInstalled> {
    WATCHER.set(watcher).map_err(|_| AlreadyInstalled)
}

/// The installed watcher. One load and a branch.
#[inline]
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
    static SCOPE: Cell<ScopeId> = const { Cell::new(ScopeId(0)) };
    static POLLING: Cell<bool> = const { Cell::new(false) };
}

/// Says that this thread now works for `scope`, and returns the one before.
/// Channels made from here carry the number.
///
/// # Examples
///
/// ```
/// use chan_core::observe::{ScopeId, current_scope, set_current_scope};
///
/// let before = set_current_scope(ScopeId(3));
/// assert_eq!(current_scope(), ScopeId(3));
/// set_current_scope(before);
/// ```
pub fn set_current_scope(scope: ScopeId) -> ScopeId {
    SCOPE.replace(scope)
}

/// The scope this thread works for, as set by [`set_current_scope`].
///
/// # Examples
///
/// ```
/// use chan_core::observe::{ScopeId, current_scope};
///
/// assert_eq!(current_scope(), ScopeId(0), "none was set on this thread");
/// ```
#[inline]
pub fn current_scope() -> ScopeId {
    SCOPE.get()
}

/// Says that this thread now polls a future, or no longer does, and returns
/// what was said before. A park while it does is told to the watcher.
///
/// # Examples
///
/// ```
/// use chan_core::observe::set_polling;
///
/// let before = set_polling(true);
/// // Polls a future...
/// assert!(set_polling(before));
/// ```
pub fn set_polling(polling: bool) -> bool {
    POLLING.replace(polling)
}

/// See [`Watcher::received_after_close`]. With no lock held.
#[cold]
pub(crate) fn received_after_close(close: &Note) {
    guarded(|watcher| watcher.received_after_close(close));
}

/// Before a thread parks, with no lock held: tells of one that should not.
#[cold]
pub(crate) fn about_to_park() {
    if POLLING.get() {
        guarded(|watcher| watcher.parks_in_poll());
    }
}

/// Says that this thread now runs `task`, and returns the one it ran before.
/// Waits that begin from here carry the number.
///
/// # Examples
///
/// ```
/// use chan_core::observe::{TaskId, current_task, set_current_task};
///
/// let before = set_current_task(TaskId(7));
/// assert_eq!(current_task(), TaskId(7));
/// set_current_task(before);
/// ```
pub fn set_current_task(task: TaskId) -> TaskId {
    CURRENT.replace(task)
}

/// The task this thread runs, as set by [`set_current_task`].
///
/// # Examples
///
/// ```
/// use chan_core::observe::{TaskId, current_task};
///
/// assert_eq!(current_task(), TaskId(0), "none was set on this thread");
/// ```
#[inline]
pub fn current_task() -> TaskId {
    CURRENT.get()
}
