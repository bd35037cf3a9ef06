//! What leakwatch says: every parked task, and a finding for each that it
//! has something to say about.
//!
//! These types are plain data. [`crate::snapshot()`] fills them, the exporters
//! ([`crate::export`]) write them down; nothing here reads a channel. Durations
//! are ages at the moment the report was taken.

use std::fmt;
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
    /// How many channels were alive.
    pub channels: usize,
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
    /// Something that happened once and is over.
    Event(Box<MisuseEvent>),
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
    /// The context of this task was cancelled a grace ago and it is still
    /// parked. It may be slow.
    Outlived,
    /// An operation that Go answers with a panic.
    Misuse(Misuse),
}

/// Why nobody will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[cfg_attr(feature = "json", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Proven {
    /// It waits on a nil channel, or in a select without a live case.
    Never,
    /// No handle is left that could wake it: counts alone.
    Orphaned,
}

/// An operation that Go answers with a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[cfg_attr(feature = "json", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Misuse {
    /// `close` of a channel that was closed already.
    DoubleClose,
    /// `send` on a channel that was closed already.
    SendAfterClose,
}

impl fmt::Display for Evidence {
    /// The name that reports and documents use: `Proven::Orphaned`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Evidence::Proven(Proven::Never) => "Proven::Never",
            Evidence::Proven(Proven::Orphaned) => "Proven::Orphaned",
            Evidence::DeadWait(Proven::Never) => "DeadWait (never)",
            Evidence::DeadWait(Proven::Orphaned) => "DeadWait (orphaned)",
            Evidence::Outlived => "Outlived",
            Evidence::Misuse(Misuse::DoubleClose) => "DoubleClose",
            Evidence::Misuse(Misuse::SendAfterClose) => "SendAfterClose",
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
    /// Who did it: a thread's or a tracked task's name.
    pub task: String,
    /// The line that did it.
    pub site: Site,
    /// The stack that did it.
    pub stack: Vec<Frame>,
    /// How long ago.
    #[cfg_attr(feature = "json", serde(serialize_with = "seconds"))]
    pub ago: Duration,
    /// The channel; [`ChannelInfo::closed`] has the other line.
    pub channel: ChannelInfo,
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
    pub name: String,
    /// A thread or a future.
    pub kind: TaskKind,
    /// What it waits for, in Go's words: `chan receive`, `chan send`,
    /// `select`, `chan receive (nil chan)`, `select (no cases)` …
    pub operation: String,
    /// How long it has been parked. A clock of about four milliseconds is
    /// used, so a fresh wait may say zero.
    #[cfg_attr(feature = "json", serde(serialize_with = "opt_seconds"))]
    pub age: Option<Duration>,
    /// The line that waits.
    pub site: Site,
    /// The stack of a thread, innermost first, without our own frames; empty
    /// if it moved on or did not answer in time. A future has its line alone.
    pub stack: Vec<Frame>,
    /// It gives up by itself at a deadline.
    pub has_deadline: bool,
    /// The cases it waits on: one for a plain operation, any number for a
    /// select.
    pub cases: Vec<WaitCase>,
    /// The context it was bound to with [`crate::Task::context`].
    pub context: Option<ContextInfo>,
    /// The evidence of its finding, if there is one.
    pub evidence: Option<Evidence>,
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
    /// The channel; none where it waits on a nil channel.
    pub channel: Option<ChannelInfo>,
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
    pub name: Option<String>,
    /// The element's type.
    pub element: String,
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
    pub stack: Vec<Frame>,
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
    pub file: String,
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
