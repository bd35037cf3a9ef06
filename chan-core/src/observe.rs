//! What a watcher may see: every channel alive, and who waits on it.
//!
//! The runtime does not know who looks. [`channels`] gives a share of every
//! live channel's header, [`Channel::snapshot`] reads one under its lock, at
//! one instant, or in many short holds if its queues are long. Nothing here
//! keeps a value alive, and nothing allocates while a lock is held.
//!
//! To be told of rare events as they happen, [`install`] a [`Watcher`].
//!
//! ```
//! let (tx, _rx) = chan_core::Builder::new().name("orders").capacity(8).channel();
//! tx.send("tea").unwrap();
//! for channel in chan_core::observe::channels() {
//!     let now = channel.snapshot();
//!     println!("{:?} holds {} of {:?}, {} wait", now.name, now.len, now.capacity, now.waits.len());
//! }
//! ```

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::ptr;
use std::time::Duration;

use crate::clock;
use crate::context::{Cancel, cancels};
use crate::header::{Guard, Guarded, Header, Notes};
use crate::nil;
use crate::panics;
use crate::parker::Wake;
use crate::registry::{self, HeaderRef};
use crate::sync::thread::Thread;
use crate::waitq::{Outcome, Place, WaitQueue, Waiter};

pub use crate::birth::Manners;
pub use crate::capability::Handles;
pub use crate::context::cancels::Cancellers;
pub use crate::holding::{Holder, Holding};
pub use crate::waitq::Direction;
pub use crate::watch::{
    AlreadyInstalled, ChannelId, Closing, Misuse, Moment, Note, ScopeId, TakenCase, TaskId,
    Watcher, current_scope, current_task, install, set_current_scope, set_current_task,
    set_polling,
};

/// The path of this crate's `lib.rs`, as the compiler was given it: a watcher
/// that shows stacks may leave out frames from that folder.
///
/// # Examples
///
/// ```
/// assert!(chan_core::observe::SOURCE.ends_with("lib.rs"));
/// ```
pub const SOURCE: &str = crate::SOURCE;

/// A channel that is, or was, alive. Holding it keeps a header's few bytes of
/// memory, no value and no handle.
///
/// # Examples
///
/// ```
/// use chan_core::observe;
///
/// let (_tx, _rx) = chan_core::Builder::new().name("jobs alive").channel::<u8>();
/// let all = observe::channels();
/// let seen = all.iter().find(|channel| channel.name() == Some("jobs alive")).unwrap();
/// let seen: observe::Channel = seen.clone();
/// assert_eq!(seen.snapshot().len, 0);
/// ```
#[derive(Clone)]
pub struct Channel(HeaderRef);

/// Every channel alive.
///
/// # Examples
///
/// ```
/// let (_tx, _rx) = chan_core::Builder::new().name("jobs").channel::<u8>();
/// let all = chan_core::observe::channels();
/// assert!(all.iter().any(|channel| channel.name() == Some("jobs")));
/// ```
pub fn channels() -> Vec<Channel> {
    registry::alive().into_iter().map(Channel).collect()
}

/// The channel of this identity, if it is alive.
///
/// # Examples
///
/// ```
/// use chan_core::observe::{self, Holder};
///
/// let chan = chan_core::Builder::new().name("found").chan::<u8>();
/// let id = chan.holding().unwrap().channel;
/// assert_eq!(observe::channel(id).unwrap().name(), Some("found"));
/// drop(chan);
/// assert!(observe::channel(id).is_none());
/// ```
pub fn channel(id: ChannelId) -> Option<Channel> {
    registry::find(id.get()).map(Channel)
}

/// Those who wait on nil channels, and in selects without cases.
///
/// # Examples
///
/// ```
/// assert!(chan_core::observe::nil_waits().is_empty());
/// ```
pub fn nil_waits() -> Vec<Wait> {
    read(nil::header()).1
}

/// Asks those who wait on nil for their stacks, as
/// [`Channel::request_stacks`] does.
///
/// # Examples
///
/// ```
/// // Nobody waits on nil, so nobody is asked.
/// let waits = chan_core::observe::nil_waits();
/// let wanted: Vec<_> = waits.iter().map(|wait| wait.id).zip(1..).collect();
/// assert!(chan_core::observe::request_nil_stacks(&wanted).is_empty());
/// ```
pub fn request_nil_stacks(wanted: &[(WaitId, u64)]) -> Vec<u64> {
    request(nil::header(), wanted)
}

/// [`request_nil_stacks`] of one wait: whether it was asked.
///
/// # Examples
///
/// ```
/// for wait in chan_core::observe::nil_waits() {
///     chan_core::observe::request_nil_stack(wait.id, 1);
/// }
/// ```
pub fn request_nil_stack(wait: WaitId, ticket: u64) -> bool {
    !request_nil_stacks(&[(wait, ticket)]).is_empty()
}

/// What [`Cancel`] cancels, told by the identity of its `done` channel.
///
/// # Examples
///
/// ```
/// use chan_core::{Context, observe::{self, Holder}};
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// let done = ctx.done().holding().unwrap().channel;
/// assert_eq!(observe::context_of(&cancel), done);
/// ```
pub fn context_of(cancel: &Cancel) -> ChannelId {
    cancel.done_id()
}

/// Who could cancel the context whose `done` channel this is. Nothing if it is
/// no context's, or of one that was made before a watcher was installed.
///
/// # Examples
///
/// ```
/// use chan_core::{Context, observe};
///
/// let (_ctx, cancel) = Context::background().with_cancel();
/// // It was made before a watcher was installed.
/// assert!(observe::cancellers(observe::context_of(&cancel)).is_none());
/// ```
pub fn cancellers(done: ChannelId) -> Option<Cancellers> {
    cancels::cancellers(done)
}

/// A wait, told apart from every other wait on the same channel.
///
/// # Examples
///
/// ```
/// use std::{pin::pin, task::{Context, Waker}};
/// use chan_core::observe::{self, WaitId};
///
/// let (_tx, rx) = chan_core::Builder::new().name("told apart").channel::<u8>();
/// let mut receive = pin!(rx.recv_async());
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(Future::poll(receive.as_mut(), &mut cx).is_pending());
/// let all = observe::channels();
/// let seen = all.iter().find(|channel| channel.name() == Some("told apart")).unwrap();
/// let first: WaitId = seen.snapshot().waits[0].id;
/// assert_eq!(seen.snapshot().waits[0].id, first, "while it waits");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WaitId(u64);

/// A party that waits: the cases of one select have the same. Told apart
/// among those that wait at the same time.
///
/// # Examples
///
/// ```
/// use std::{pin::pin, task::{Context, Waker}};
/// use chan_core::observe::{self, PartyId};
///
/// let (_tx, rx) = chan_core::Builder::new().name("one party").channel::<u8>();
/// let mut receive = pin!(rx.recv_async());
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(Future::poll(receive.as_mut(), &mut cx).is_pending());
/// let all = observe::channels();
/// let seen = all.iter().find(|channel| channel.name() == Some("one party")).unwrap();
/// let party: PartyId = seen.snapshot().waits[0].party;
/// assert_eq!(seen.snapshot().waits[0].party, party);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartyId(usize);

impl fmt::Debug for PartyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartyId({:#x})", self.0)
    }
}

/// Why a party waits: Go's wait reasons, with Go's words as its `Display`.
///
/// # Examples
///
/// ```
/// assert_eq!(chan_core::observe::WaitReason::Receive.to_string(), "chan receive");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitReason {
    /// `chan receive`
    Receive,
    /// `chan send`
    Send,
    /// `select`
    Select,
    /// `chan receive (nil chan)`
    ReceiveNil,
    /// `chan send (nil chan)`
    SendNil,
    /// `select (no cases)`
    SelectNoCases,
    /// `chan close`: it waits for the channel to close. Go has no such wait.
    Close,
    /// `chan close (nil chan)`
    CloseNil,
}

impl WaitReason {
    /// Go's words.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::observe::WaitReason;
    ///
    /// assert_eq!(WaitReason::SelectNoCases.words(), "select (no cases)");
    /// ```
    pub fn words(self) -> &'static str {
        match self {
            WaitReason::Receive => "chan receive",
            WaitReason::Send => "chan send",
            WaitReason::Select => "select",
            WaitReason::ReceiveNil => "chan receive (nil chan)",
            WaitReason::SendNil => "chan send (nil chan)",
            WaitReason::SelectNoCases => "select (no cases)",
            WaitReason::Close => "chan close",
            WaitReason::CloseNil => "chan close (nil chan)",
        }
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// Who waits.
///
/// # Examples
///
/// ```
/// use std::{pin::pin, task::{Context, Waker}};
/// use chan_core::observe::{self, Who};
///
/// let (_tx, rx) = chan_core::Builder::new().name("who it is").channel::<u8>();
/// let mut receive = pin!(rx.recv_async());
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(Future::poll(receive.as_mut(), &mut cx).is_pending());
/// let all = observe::channels();
/// let seen = all.iter().find(|channel| channel.name() == Some("who it is")).unwrap();
/// assert!(matches!(seen.snapshot().waits[0].who, Who::Future));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Who {
    /// A thread that is parked.
    Thread(Thread),
    /// A thread that still looks, and may park in a moment.
    LookingThread,
    /// A future that was polled and is not ready.
    Future,
}

/// One case of one wait.
///
/// # Examples
///
/// ```
/// use std::{pin::pin, task::{Context, Waker}};
/// use chan_core::observe::{self, Wait};
///
/// let (_tx, rx) = chan_core::Builder::new().name("one wait").channel::<u8>();
/// let mut receive = pin!(rx.recv_async());
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(Future::poll(receive.as_mut(), &mut cx).is_pending());
/// let all = observe::channels();
/// let seen = all.iter().find(|channel| channel.name() == Some("one wait")).unwrap();
/// let wait: Wait = seen.snapshot().waits.remove(0);
/// assert_eq!((wait.reason.to_string(), wait.cases), ("chan receive".into(), 1));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Wait {
    /// Tells it apart from others on the same channel. While it is queued, also
    /// from earlier and later ones.
    pub id: WaitId,
    /// Whose case it is.
    pub party: PartyId,
    /// Why its party waits.
    pub reason: WaitReason,
    /// Which way this case goes.
    pub direction: Direction,
    /// The number of the case, from 0 in source order.
    pub case: usize,
    /// How many cases its party waits on, those on nil channels included.
    pub cases: usize,
    /// The line that waits.
    pub site: &'static Location<'static>,
    /// Who it is.
    pub who: Who,
    /// The number a watcher gave the task that waits.
    pub task: TaskId,
    /// For how long, to a few milliseconds; none for a thread that has not
    /// parked yet.
    pub age: Option<Duration>,
    /// It gives up by itself.
    pub has_deadline: bool,
    /// Of a future: [`Waker::data`](std::task::Waker::data) of the waker that
    /// it was last polled with; else 0.
    pub waker_data: usize,
    /// Where it is.
    pub state: WaitState,
}

/// How far a wait is.
///
/// # Examples
///
/// ```
/// use std::{pin::pin, task::{Context, Waker}};
/// use chan_core::observe::{self, WaitState};
///
/// let (_tx, rx) = chan_core::Builder::new().name("how far").channel::<u8>();
/// let mut receive = pin!(rx.recv_async());
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(Future::poll(receive.as_mut(), &mut cx).is_pending());
/// let all = observe::channels();
/// let seen = all.iter().find(|channel| channel.name() == Some("how far")).unwrap();
/// assert_eq!(seen.snapshot().waits[0].state, WaitState::Queued);
/// _tx.try_send(1).unwrap();
/// let state = seen.snapshot().waits[0].state;
/// assert_eq!(state, WaitState::Done { holds_value: true });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitState {
    /// It waits.
    Queued,
    /// It is over, and the future has not been polled since.
    Done {
        /// A value was handed to it, which comes back if it is dropped.
        holds_value: bool,
    },
}

/// A channel at one instant; if more than a hundred wait on it, as it was in
/// a short time: what is said to be gone was gone at the beginning of it.
///
/// # Examples
///
/// ```
/// use chan_core::observe;
///
/// let (tx, _rx) = chan_core::Builder::new().name("at one instant").capacity(2).channel();
/// tx.send(1).unwrap();
/// let all = observe::channels();
/// let seen = all.iter().find(|channel| channel.name() == Some("at one instant")).unwrap();
/// let now: observe::ChannelSnapshot = seen.snapshot();
/// assert_eq!((now.len, now.capacity, now.sent), (1, Some(2), 1));
/// assert_eq!((now.handles.send, now.element), (1, "i32"));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ChannelSnapshot {
    /// No other channel of the process has or had it.
    pub id: ChannelId,
    /// The name it was built with.
    pub name: Option<Cow<'static, str>>,
    /// The type of its values.
    pub element: &'static str,
    /// The line that made it.
    pub birth: &'static Location<'static>,
    /// The scope it was made in.
    pub scope: ScopeId,
    /// It says when a context ends.
    pub is_context: bool,
    /// Time sends on it.
    pub is_timer: bool,
    /// What it does when misused or let go.
    pub manners: Manners,
    /// 0 without a buffer, none without a limit.
    pub capacity: Option<usize>,
    /// Values in it.
    pub len: usize,
    /// Slots of the buffer that are promised to permits: given out, or granted
    /// to a future that has not been polled since.
    pub permits: usize,
    /// Whether it is closed.
    pub closed: bool,
    /// The line of an explicit close.
    pub closed_at: Option<&'static Location<'static>>,
    /// Live handles by what they can do.
    pub handles: Handles,
    /// Weak handles, which can become live ones while there are some.
    pub weak_handles: usize,
    /// Values sent so far.
    pub sent: u64,
    /// Values received so far.
    pub received: u64,
    /// Who waits, in the order of the queues: receivers, senders,
    /// those who wait for a close, done.
    pub waits: Vec<Wait>,
    /// The watcher's note of [`Moment::Closed`].
    pub close_note: Option<Note>,
    /// The watcher's note of the drop after which no receiver could be freed.
    pub receivers_orphaned: Option<Note>,
    /// The watcher's note of the drop after which nobody could receive.
    pub senders_orphaned: Option<Note>,
}

impl ChannelSnapshot {
    /// Futures that were handed a value and have not been polled since: if
    /// one is dropped its value goes on to another receiver.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{pin::pin, task::{Context, Waker}};
    /// use chan_core::observe;
    ///
    /// let (_tx, rx) = chan_core::Builder::new().name("undelivered").channel::<u8>();
    /// let mut receive = pin!(rx.recv_async());
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(Future::poll(receive.as_mut(), &mut cx).is_pending());
    /// let all = observe::channels();
    /// let seen = all.iter().find(|channel| channel.name() == Some("undelivered")).unwrap();
    /// _tx.try_send(1).unwrap();
    /// assert_eq!(seen.snapshot().undelivered(), 1, "until it is polled");
    /// ```
    pub fn undelivered(&self) -> usize {
        let holds = |wait: &&Wait| wait.state == WaitState::Done { holds_value: true };
        self.waits.iter().filter(holds).count()
    }
}

/// What could make a wait on a channel end, counted at one instant.
///
/// # Examples
///
/// ```
/// let (tx, _rx) = chan_core::Builder::new().name("counted").channel::<u8>();
/// let all = chan_core::observe::channels();
/// let channel = all.iter().find(|channel| channel.name() == Some("counted")).unwrap();
/// let _other = tx.clone();
/// assert_eq!(channel.counts().handles.send, 2);
/// assert_eq!(channel.counts(), channel.snapshot().counts());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// See [`ChannelSnapshot::handles`].
    pub handles: Handles,
    /// See [`ChannelSnapshot::weak_handles`].
    pub weak_handles: usize,
    /// See [`ChannelSnapshot::permits`].
    pub permits: usize,
    /// See [`ChannelSnapshot::undelivered`].
    pub undelivered: usize,
    /// See [`ChannelSnapshot::closed`].
    pub closed: bool,
}

impl ChannelSnapshot {
    /// The counts alone.
    ///
    /// # Examples
    ///
    /// ```
    /// let _chan = chan_core::Chan::<u8>::new(1);
    /// let all = chan_core::observe::channels();
    /// assert!(!all[0].snapshot().counts().closed);
    /// ```
    pub fn counts(&self) -> Counts {
        Counts {
            handles: self.handles,
            weak_handles: self.weak_handles,
            permits: self.permits,
            undelivered: self.undelivered(),
            closed: self.closed,
        }
    }
}

impl fmt::Debug for ChannelSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSnapshot")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("birth", &format_args!("{}", self.birth))
            .field("len", &self.len)
            .field("capacity", &self.capacity)
            .field("closed", &self.closed)
            .field("handles", &self.handles)
            .field("waits", &self.waits)
            .finish_non_exhaustive()
    }
}

impl Channel {
    /// No other channel of the process has or had it.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::observe;
    ///
    /// let (_tx, _rx) = chan_core::Builder::new().name("identity").channel::<u8>();
    /// let all = observe::channels();
    /// let seen = all.iter().find(|channel| channel.name() == Some("identity")).unwrap();
    /// assert!(all.iter().filter(|other| other.id() == seen.id()).count() == 1);
    /// ```
    pub fn id(&self) -> ChannelId {
        self.0.header().id()
    }

    /// The name it was built with.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::observe;
    ///
    /// let (_tx, _rx) = chan_core::Builder::new().name("a name").channel::<u8>();
    /// let all = observe::channels();
    /// let seen = all.iter().find(|channel| channel.name() == Some("a name")).unwrap();
    /// assert_eq!(seen.name(), Some("a name"));
    /// ```
    pub fn name(&self) -> Option<&str> {
        self.0.header().name().map(|name| &**name)
    }

    /// The line that made it.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::observe;
    ///
    /// let (_tx, _rx) = chan_core::Builder::new().name("born").channel::<u8>();
    /// let all = observe::channels();
    /// let seen = all.iter().find(|channel| channel.name() == Some("born")).unwrap();
    /// assert_eq!(seen.birth().line(), line!() - 3);
    /// ```
    pub fn birth(&self) -> &'static Location<'static> {
        self.0.header().site()
    }

    /// The scope it was made in.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::observe::{self, ScopeId};
    ///
    /// let before = observe::set_current_scope(ScopeId(7));
    /// let (_tx, _rx) = chan_core::Builder::new().name("scoped").channel::<u8>();
    /// observe::set_current_scope(before);
    /// let all = observe::channels();
    /// let seen = all.iter().find(|channel| channel.name() == Some("scoped")).unwrap();
    /// assert_eq!(seen.scope(), ScopeId(7));
    /// ```
    pub fn scope(&self) -> ScopeId {
        self.0.header().scope()
    }

    /// The channel at one instant.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::observe;
    ///
    /// let (_tx, _rx) = chan_core::Builder::new().name("looked at").channel::<u8>();
    /// let all = observe::channels();
    /// let seen = all.iter().find(|channel| channel.name() == Some("looked at")).unwrap();
    /// assert!(!seen.snapshot().closed);
    /// drop(_tx);
    /// assert!(seen.snapshot().closed);
    /// ```
    pub fn snapshot(&self) -> ChannelSnapshot {
        let header = self.0.header();
        let (state, waits) = read(header);
        ChannelSnapshot {
            id: header.id(),
            name: header.name().cloned(),
            element: header.element(),
            birth: header.site(),
            scope: header.scope(),
            is_context: header.is_context(),
            is_timer: header.source().is_some(),
            manners: header.manners(),
            capacity: (!header.is_unbounded()).then_some(header.capacity()),
            len: state.len,
            permits: state.permits,
            closed: state.closed,
            closed_at: state.closed_at,
            handles: state.handles,
            weak_handles: state.weak_handles,
            sent: state.sent,
            received: state.received,
            waits,
            close_note: state.notes.closed,
            receivers_orphaned: state.notes.receivers_orphaned,
            senders_orphaned: state.notes.senders_orphaned,
        }
    }

    /// What could make a wait on it end, without the waits.
    ///
    /// # Examples
    ///
    /// See [`Counts`].
    ///
    /// ```
    /// let _chan = chan_core::Chan::<u8>::new(1);
    /// let all = chan_core::observe::channels();
    /// assert_eq!(all[0].counts().weak_handles, 0);
    /// ```
    pub fn counts(&self) -> Counts {
        let header = self.0.header();
        let guard = header.lock();
        let state = State::of(header, &guard);
        // A future that was handed a value: as many as that, at most.
        let undelivered = guard.handed.len();
        drop(guard);
        Counts {
            handles: state.handles,
            weak_handles: state.weak_handles,
            permits: state.permits,
            undelivered,
            closed: state.closed,
        }
    }

    /// Asks waits for their stacks, each with a ticket that is not 0; `wanted`
    /// is sorted by wait. A parked thread is woken, calls
    /// [`Watcher::stack_requested`] with its ticket on itself, and parks again
    /// without losing its place. A task is woken, and its future does the same
    /// when it is polled. The tickets of those who were asked: a wait that is
    /// over, or whose thread has not parked yet, is not.
    ///
    /// A select that waits on several channels is asked on one of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{pin::pin, task::{Context, Waker}};
    /// use chan_core::observe;
    ///
    /// let (_tx, rx) = chan_core::Builder::new().name("stacks").channel::<u8>();
    /// let mut receive = pin!(rx.recv_async());
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(Future::poll(receive.as_mut(), &mut cx).is_pending());
    /// let all = observe::channels();
    /// let seen = all.iter().find(|channel| channel.name() == Some("stacks")).unwrap();
    /// let wanted: Vec<_> = seen.snapshot().waits.iter().map(|wait| wait.id).zip(1..).collect();
    /// // Woken; the next poll of its future calls the watcher, if there is one.
    /// assert_eq!(seen.request_stacks(&wanted), [1]);
    /// ```
    pub fn request_stacks(&self, wanted: &[(WaitId, u64)]) -> Vec<u64> {
        request(self.0.header(), wanted)
    }

    /// [`Channel::request_stacks`] of one wait: whether it was asked.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::observe;
    ///
    /// let (_tx, _rx) = chan_core::Builder::new().name("no stack").channel::<u8>();
    /// let all = observe::channels();
    /// let seen = all.iter().find(|channel| channel.name() == Some("no stack")).unwrap();
    /// for wait in seen.snapshot().waits {
    ///     seen.request_stack(wait.id, 1);
    /// }
    /// ```
    pub fn request_stack(&self, wait: WaitId, ticket: u64) -> bool {
        !self.request_stacks(&[(wait, ticket)]).is_empty()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({})", self.birth())
    }
}

/// What is read under the lock besides the waits.
struct State {
    len: usize,
    permits: usize,
    closed: bool,
    closed_at: Option<&'static Location<'static>>,
    handles: Handles,
    weak_handles: usize,
    sent: u64,
    received: u64,
    notes: Notes,
}

/// How many waits are read under one hold of the lock: a few ten
/// microseconds, each being in memory of its own.
const AT_A_TIME: usize = 128;

/// Reads a channel: at one instant, if no more than [`AT_A_TIME`] wait.
///
/// Of more, the state is read before and after them, and the larger of two
/// counts is told. So a capability that is said to be gone was gone at the
/// beginning, hence for good; the futures that hold values are read last; and
/// a waiter that was seen, and is there at a later look too, was there at the
/// end, when the state was read again.
fn read(header: &Header) -> (State, Vec<Wait>) {
    let mut waits = Vec::new();
    loop {
        let guard = header.lock();
        let there = queues(&guard).into_iter().flatten();
        let needed: usize = there.map(WaitQueue::len).sum();
        if needed > AT_A_TIME {
            let before = State::of(header, &guard);
            drop(guard);
            return read_long(header, before, needed);
        }
        if needed > waits.capacity() {
            // Not under the lock.
            drop(guard);
            // Most have one or two; room for more would be most of the memory.
            waits.reserve_exact(needed);
            continue;
        }
        let now = clock::now();
        let is_nil = ptr::eq(header, nil::header());
        waits.extend(all(&guard).map(|waiter| see(waiter, now, is_nil)));
        return (State::of(header, &guard), waits);
    }
}

/// Reads a channel in many holds of its lock.
fn read_long(header: &Header, before: State, needed: usize) -> (State, Vec<Wait>) {
    let is_nil = ptr::eq(header, nil::header());
    let now = clock::now();
    let mut waits = Vec::with_capacity(needed + needed / 4);
    let visit = |waiter: &Waiter, waits: &mut Vec<Wait>| waits.push(see(waiter, now, is_nil));
    walk(header, &mut waits, visit);
    let after = State::of(header, &header.lock());
    (after.or_more(&before), waits)
}

/// Visits all waiters, [`AT_A_TIME`] under one hold of the lock, for each of
/// whom `visit` adds one to `into` at most; room for them is made outside.
#[cfg(not(loom))]
fn walk<R>(header: &Header, into: &mut Vec<R>, mut visit: impl FnMut(&Waiter, &mut Vec<R>)) {
    let turn = crate::waitq::cursor::turn();
    for number in 0..4 {
        let mut from_front = true;
        loop {
            into.reserve(AT_A_TIME);
            let guard = header.lock();
            let Some(queue) = queues(&guard)[number] else {
                break;
            };
            if !queue.read_on(&turn, from_front, AT_A_TIME, |waiter| visit(waiter, into)) {
                break;
            }
            from_front = false;
        }
    }
}

#[cfg(loom)]
fn walk<R>(header: &Header, into: &mut Vec<R>, mut visit: impl FnMut(&Waiter, &mut Vec<R>)) {
    all(&header.lock()).for_each(|waiter| visit(waiter, into));
}

impl State {
    fn of(header: &Header, guard: &Guard<'_>) -> State {
        let (handles, weak_handles) = header.handles_and_weak();
        let notes = guard.rare().and_then(|rare| rare.notes.as_deref());
        State {
            len: guard.len(),
            permits: guard.permits,
            closed: guard.is_closed(),
            closed_at: guard.closed_at(),
            handles,
            weak_handles,
            sent: guard.sent(),
            received: guard.received(),
            // Shares of what a watcher made; nothing is copied.
            notes: notes.cloned().unwrap_or_default(),
        }
    }

    /// This, with the capabilities that there were before.
    fn or_more(mut self, before: &State) -> State {
        self.handles = Handles {
            send: self.handles.send.max(before.handles.send),
            recv: self.handles.recv.max(before.handles.recv),
            close: self.handles.close.max(before.handles.close),
        };
        self.permits = self.permits.max(before.permits);
        self.weak_handles = self.weak_handles.max(before.weak_handles);
        self
    }
}

/// All queues that there are, each at its place.
fn queues<'g>(guard: &'g Guard<'_>) -> [Option<&'g WaitQueue>; 4] {
    let closeq = guard.closeq();
    // (Once: each access of its own would end the one before.)
    let guarded: &Guarded = guard;
    [
        Some(&guarded.recvq),
        Some(&guarded.sendq),
        closeq,
        Some(&guarded.handed),
    ]
}

fn all<'g>(guard: &'g Guard<'_>) -> impl Iterator<Item = &'g Waiter> {
    let queues = queues(guard).into_iter().flatten();
    queues.flat_map(WaitQueue::iter)
}

/// One waiter, whose channel is locked.
fn see(waiter: &Waiter, now: u64, is_nil: bool) -> Wait {
    // SAFETY: linked and its channel locked, hence alive, with its party.
    let (party, id, place, direction, outcome) = unsafe {
        let party = waiter.party().as_ref();
        let outcome = if party.is_done() {
            waiter.outcome()
        } else {
            Outcome::Pending
        };
        (
            party,
            waiter.ticket(),
            waiter.place(),
            waiter.direction(),
            outcome,
        )
    };
    let who = match (party.is_task(), party.parked_thread()) {
        (true, _) => Who::Future,
        (false, Some(thread)) => Who::Thread(thread),
        (false, None) => Who::LookingThread,
    };
    let reason = match (party.is_select(), is_nil, direction) {
        (true, ..) if party.cases() == 0 => WaitReason::SelectNoCases,
        (true, ..) => WaitReason::Select,
        (false, false, Direction::Recv) => WaitReason::Receive,
        (false, false, Direction::Send) => WaitReason::Send,
        (false, true, Direction::Recv) => WaitReason::ReceiveNil,
        (false, true, Direction::Send) => WaitReason::SendNil,
        (false, false, Direction::Close) => WaitReason::Close,
        (false, true, Direction::Close) => WaitReason::CloseNil,
    };
    let since = party.since();
    let holds_value = outcome.has_moved() && direction == Direction::Recv;
    Wait {
        id: WaitId(id),
        party: PartyId(ptr::from_ref(party) as usize),
        reason,
        direction,
        case: waiter.index(),
        cases: party.cases() as usize,
        site: waiter.site(),
        who,
        task: party.task_id(),
        age: (since != 0).then(|| Duration::from_nanos(now.saturating_sub(since))),
        has_deadline: party.has_deadline(),
        // SAFETY: the lock is held.
        waker_data: unsafe { party.waker_data() },
        state: if place == Place::Handed || party.is_done() {
            WaitState::Done { holds_value }
        } else {
            WaitState::Queued
        },
    }
}

/// Asks those waits for their stacks that are in `wanted`, which is sorted.
fn request(header: &Header, wanted: &[(WaitId, u64)]) -> Vec<u64> {
    let mut asked = Vec::with_capacity(wanted.len());
    let mut wakes = Vec::new();
    let mut left = wanted.len();
    walk(header, &mut wakes, |waiter, wakes: &mut Vec<Wake>| {
        if left == 0 {
            return;
        }
        // SAFETY: linked and its channel locked, hence alive.
        let (id, party) = unsafe { (WaitId(waiter.ticket()), waiter.party().as_ref()) };
        let Ok(place) = wanted.binary_search_by_key(&id, |&(wait, _)| wait) else {
            return;
        };
        left -= 1;
        let ticket = wanted[place].1;
        if let Some(wake) = party.request_stack(ticket) {
            asked.push(ticket);
            wakes.push(wake);
        }
    });
    for wake in wakes {
        // A waker is foreign; its panic would keep others from being asked.
        panics::catch(|| wake.fire()).unwrap_or_else(panics::discard);
    }
    asked
}
