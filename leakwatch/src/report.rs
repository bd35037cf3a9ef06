//! What leakwatch says: every parked task, and a finding for each that it
//! has something to say about.
//!
//! These types are plain data. [`crate::snapshot()`] fills them, the exporters
//! ([`crate::export`]) write them down; nothing here reads a channel. Durations
//! are ages at the moment the report was taken.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The version of the JSON form of [`Report`]. It grows when a field changes
/// its meaning or goes away; new fields alone do not change it.
pub const SCHEMA: u32 = 1;

/// One look at every channel of the process.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// [`SCHEMA`] at the time of writing.
    pub schema: u32,
    /// When the report was taken.
    #[cfg_attr(feature = "json", serde(serialize_with = "unix_seconds"))]
    pub taken: SystemTime,
    /// The process it speaks of.
    pub pid: u32,
    /// What there is to say, the surest first.
    pub findings: Vec<Finding>,
    /// Every task that was parked on a channel, found guilty or not, the
    /// longest parked first.
    pub tasks: Vec<ParkedTask>,
    /// Those of the tasks that wait for each other, of whom no other can wake
    /// any: the members of one [`Proven::DeadSet`] each, and those they wait
    /// for.
    pub sets: Vec<DeadSet>,
    /// Proofs that turned out to be wrong. There must be none: each is a fault
    /// in leakwatch, or in unsafe code that moved a handle behind its back.
    pub alarms: Vec<Alarm>,
    /// How many channels were alive.
    pub channels: usize,
    /// Whether the built-in sentinel was seen: a leak that leakwatch makes
    /// itself, and that every look must find. Without it "no findings" would
    /// mean nothing, and there is a finding that says so.
    pub sentinel: bool,
    /// Findings that an allow list kept out of [`Report::findings`].
    pub allowed: usize,
    /// What became of what was called [`Evidence::Suspected`] so far.
    pub suspicions: Suspicions,
}

/// What became of the suspicions that were raised in this process: how far
/// [`Evidence::Suspected`] can be believed here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Suspicions {
    /// Waits that were ever suspected.
    pub raised: usize,
    /// Of these, those that went on after all: the suspicion was wrong.
    pub resumed: usize,
    /// Of these, those that were proven later.
    pub proven: usize,
}

/// Tasks that only each other could wake.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DeadSet {
    /// The [`ParkedTask::id`]s of its members.
    pub members: Vec<u64>,
    /// Where it most likely began: a member for whom nobody can do anything,
    /// or, in a circle, the one that closed it. None if that is not in the
    /// report.
    pub root: Option<u64>,
}

/// A task that was proven to be stuck for ever, and went on.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Alarm {
    /// The task.
    pub task: String,
    /// What it waited for.
    pub operation: String,
    /// The line that waited.
    pub site: Site,
    /// The proof.
    pub evidence: Evidence,
    /// Its reason.
    pub reason: String,
}

/// Something worth a person's time.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// How sure leakwatch is, and of what.
    pub evidence: Evidence,
    /// One sentence that says why, with the counts it rests on.
    pub reason: String,
    /// The same for the same bug in every run and process: evidence,
    /// operation and lines, no addresses and no ages. Sixteen hex digits.
    pub fingerprint: String,
    /// What it is about.
    pub subject: Subject,
}

/// What a finding is about.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[cfg_attr(feature = "json", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Subject {
    /// A parked task: its [`ParkedTask::id`] in [`Report::tasks`].
    Task(u64),
    /// Something that happened and is over.
    Event(Box<MisuseEvent>),
    /// A channel.
    Channel(Box<ChannelInfo>),
    /// The watcher itself.
    Watcher,
}

/// The evidence of a finding, from the surest to the weakest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[cfg_attr(feature = "json", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Evidence {
    /// This thread can never be woken; no safe code of the process could.
    Proven(Proven),
    /// This operation can never complete, but it belongs to a future whose
    /// task is not tracked: the task may drop it and go on.
    DeadWait(Proven),
    /// It waits to send where nobody can receive any more: the send can never
    /// succeed. A close, which a handle still allows, would end it with a
    /// panic or an error.
    BlockedHandler,
    /// A thread is parked in an operation in the middle of a future's poll: the
    /// executor's other tasks wait with it.
    BlockingInPoll,
    /// Something that was done to a channel.
    Misuse(Misuse),
    /// A value was sent in this test, and nobody has received it.
    Undelivered,
    /// The future was woken or handed a value a while ago, and nobody polls it.
    NotPolled,
    /// The context of this task was cancelled a grace ago, or the test it
    /// belongs to has ended, and it is still parked. It may be slow.
    Outlived,
    /// There are handles that could wake it, but much speaks against them: see
    /// the reason. It may be wrong; [`Report::suspicions`] counts how often.
    Suspected,
    /// It is parked for longer than is usual at its line. It may be idle by
    /// design.
    Slow,
    /// The sentinel was not seen: this report cannot be believed.
    Blind,
}

/// Why nobody will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[cfg_attr(feature = "json", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Proven {
    /// It waits on a nil channel, or in a select without a live case.
    Never,
    /// No handle is left that could wake it, but for its own: counts alone.
    Orphaned,
    /// Only others could wake it that are stuck themselves, and wait for each
    /// other: [`Report::sets`] has them all.
    DeadSet,
    /// Everybody sleeps who could do anything, in a process or in a closed
    /// world of a test, and nothing is set to wake one.
    ClosedWorld,
}

/// Something that was done to a channel, and should not have been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[cfg_attr(feature = "json", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Misuse {
    /// `close` of a channel that was closed already.
    DoubleClose,
    /// `send` on a channel that was closed already.
    SendAfterClose,
    /// A value was received from a closed channel after it had lain there for a
    /// while with nobody receiving: it may be taken for news.
    GhostRead,
    /// A receive case, or future, of a closed channel was taken again and again
    /// at one line.
    ClosedArm,
    /// A channel was made and closed again and again at the same two lines,
    /// and nobody else ever had to do with it: its close told nobody.
    PseudoClose,
    /// A thread has parked in an operation while it polled a future.
    BlockingInPoll,
}

impl fmt::Display for Evidence {
    /// The name that reports and documents use: `Proven::Orphaned`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Evidence::Proven(Proven::Never) => "Proven::Never",
            Evidence::Proven(Proven::Orphaned) => "Proven::Orphaned",
            Evidence::Proven(Proven::DeadSet) => "Proven::DeadSet",
            Evidence::Proven(Proven::ClosedWorld) => "Proven::ClosedWorld",
            Evidence::DeadWait(Proven::ClosedWorld) => "DeadWait (closed world)",
            Evidence::DeadWait(Proven::DeadSet) => "DeadWait (dead set)",
            Evidence::DeadWait(Proven::Never) => "DeadWait (never)",
            Evidence::DeadWait(Proven::Orphaned) => "DeadWait (orphaned)",
            Evidence::BlockedHandler => "BlockedHandler",
            Evidence::BlockingInPoll | Evidence::Misuse(Misuse::BlockingInPoll) => "BlockingInPoll",
            Evidence::Undelivered => "Undelivered",
            Evidence::NotPolled => "NotPolled",
            Evidence::Outlived => "Outlived",
            Evidence::Suspected => "Suspected",
            Evidence::Slow => "Slow",
            Evidence::Blind => "Blind",
            Evidence::Misuse(Misuse::DoubleClose) => "DoubleClose",
            Evidence::Misuse(Misuse::SendAfterClose) => "SendAfterClose",
            Evidence::Misuse(Misuse::GhostRead) => "GhostRead",
            Evidence::Misuse(Misuse::ClosedArm) => "ClosedArm",
            Evidence::Misuse(Misuse::PseudoClose) => "PseudoClose",
        })
    }
}

/// A misuse with both lines: who did it, and who had closed the channel.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct MisuseEvent {
    /// Which misuse.
    pub misuse: Misuse,
    /// Who did it first: a thread's or a tracked task's name.
    pub task: String,
    /// The line that did it, where one is known.
    pub site: Option<Site>,
    /// The stack that did it first.
    pub stack: Arc<[Frame]>,
    /// How long ago it was first done.
    #[cfg_attr(feature = "json", serde(serialize_with = "seconds"))]
    pub ago: Duration,
    /// How often it was done.
    pub count: u64,
    /// The channel as it was then, if it is known; [`ChannelInfo::closed`] has
    /// the other line.
    pub channel: Option<ChannelInfo>,
}

/// A thread or a future that waits in a channel operation.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ParkedTask {
    /// A number that is unique in this report.
    pub id: u64,
    /// The name given to [`crate::Task`], else the thread's name, else a
    /// description such as `future` or `thread 12`.
    pub name: Cow<'static, str>,
    /// A thread or a future.
    pub kind: TaskKind,
    /// The line that introduced it, with [`crate::spawn!`], [`crate::task!`]
    /// or [`crate::Task::new`].
    pub spawned: Option<Site>,
    /// What it waits for, in Go's words: `chan receive`, `chan send`,
    /// `select`, `chan receive (nil chan)`, `select (no cases)` …
    pub operation: Cow<'static, str>,
    /// How long it has been parked. A clock of about four milliseconds is
    /// used, so a fresh wait may say zero.
    #[cfg_attr(feature = "json", serde(serialize_with = "opt_seconds"))]
    pub age: Option<Duration>,
    /// The line that waits.
    pub site: Site,
    /// The stack of a thread, or of the poll of a future, innermost first,
    /// without our own frames; empty if it moved on, did not answer in time, or
    /// was not asked.
    pub stack: Arc<[Frame]>,
    /// It gives up by itself at a deadline.
    pub has_deadline: bool,
    /// The cases it waits on: one for a plain operation, any number for a
    /// select.
    pub cases: Vec<WaitCase>,
    /// The context it was bound to with [`crate::Task::context`].
    pub context: Option<Box<ContextInfo>>,
    /// The evidence of its finding, if there is one.
    pub evidence: Option<Evidence>,
    /// Of a proof: the names of those who have what could wake it, and are
    /// stuck themselves; a few of them.
    pub waits_for: Vec<String>,
    /// The place in [`Report::sets`] of the set it belongs to.
    pub set: Option<usize>,
}

/// One alternative of a wait.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WaitCase {
    /// Its position in the select, from 0 in source order.
    pub index: usize,
    /// `receive` or `send`.
    pub direction: Direction,
    /// The line of the case.
    pub site: Site,
    /// The channel; none where it waits on a nil channel. Those who wait on one
    /// channel share it.
    pub channel: Option<Arc<ChannelInfo>>,
}

/// Which way a case goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[cfg_attr(feature = "json", serde(rename_all = "snake_case"))]
pub enum Direction {
    /// It waits for a value.
    Receive,
    /// It waits for somebody to take its value, or for room for one.
    Send,
    /// It waits for the channel to close.
    Close,
}

/// A thread or a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[cfg_attr(feature = "json", serde(rename_all = "snake_case"))]
pub enum TaskKind {
    /// An operating-system thread in a blocking operation.
    Thread,
    /// A future of an asynchronous operation.
    Future,
}

/// A channel as it was when the report was taken.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ChannelInfo {
    /// Unique in the process for its life.
    pub id: u64,
    /// The name it was built with.
    pub name: Option<Cow<'static, str>>,
    /// The element's type.
    pub element: Cow<'static, str>,
    /// The line that made it.
    pub birth: Site,
    /// 0 for an unbuffered channel, none for an unbounded one.
    pub capacity: Option<usize>,
    /// Values that wait in it.
    pub len: usize,
    /// Slots of its buffer that are promised to permits.
    pub permits: usize,
    /// Live handles that can send.
    pub senders: usize,
    /// Live handles that can receive.
    pub receivers: usize,
    /// Live handles that can close.
    pub closers: usize,
    /// Values sent so far.
    pub sent: u64,
    /// Values received so far.
    pub received: u64,
    /// Who closed it and where.
    pub closed: Option<Deed>,
    /// Who dropped the last handle that could have woken a waiter here.
    pub orphaned: Option<Deed>,
}

/// Who did something to a channel, where, and how long ago.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Deed {
    /// A thread's or a tracked task's name; none if nobody watched then, or if
    /// the channel closed because its last handle was dropped.
    pub task: Option<String>,
    /// The line, where one is known.
    pub site: Option<Site>,
    /// The stack, innermost first, without our own frames; may be empty.
    pub stack: Arc<[Frame]>,
    /// How long ago; none where the task is not known either.
    #[cfg_attr(feature = "json", serde(serialize_with = "opt_seconds"))]
    pub ago: Option<Duration>,
}

/// The context a task was bound to.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ContextInfo {
    /// The line that made the context.
    pub birth: Site,
    /// The line that cancelled it, if it is cancelled.
    pub cancelled: Option<Site>,
    /// Why it was cancelled: `cancelled` or `deadline exceeded`.
    pub cause: Option<String>,
    /// How long ago it was cancelled.
    #[cfg_attr(feature = "json", serde(serialize_with = "opt_seconds"))]
    pub cancelled_ago: Option<Duration>,
}

/// A place in the source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Site {
    /// As the compiler was given it.
    pub file: Cow<'static, str>,
    /// From 1.
    pub line: u32,
    /// From 1; 0 where only the line is known.
    pub column: u32,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if self.column > 0 {
            write!(f, ":{}", self.column)?;
        }
        Ok(())
    }
}

/// One frame of a resolved stack.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
pub struct Frame {
    /// The demangled function; `0x…` where no symbol is known.
    pub function: String,
    /// The source file, if known.
    pub file: Option<String>,
    /// The line, if known.
    pub line: Option<u32>,
    /// The return address in this process.
    pub address: u64,
}

#[cfg(feature = "json")]
fn seconds<S: serde::Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(d.as_secs_f64())
}

#[cfg(feature = "json")]
fn opt_seconds<S: serde::Serializer>(d: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
    match d {
        Some(d) => seconds(d, s),
        None => s.serialize_none(),
    }
}

#[cfg(feature = "json")]
fn unix_seconds<S: serde::Serializer>(t: &SystemTime, s: S) -> Result<S::Ok, S::Error> {
    let since = t.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    s.serialize_f64(since.as_secs_f64())
}
