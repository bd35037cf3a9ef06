//! Go's channels for threads and async tasks, with wait queues that can be
//! read.
//!
//! One runtime, two faces:
//!
//! | | [`Sender`] / [`Receiver`]: Rust's manners | [`Chan`]: Go's manners |
//! | --- | --- | --- |
//! | made by | [`bounded`], [`Builder`] | [`Chan::new`], [`Chan::nil`], [`Builder`] |
//! | send on closed | `Err`, the value comes back | panics `send on closed channel` |
//! | close | [`Sender::close`], the second time an `Err` | [`Chan::close`] panics the second time; [`Chan::try_close`] |
//! | last sender dropped | closes | nothing happens |
//! | last receiver dropped | sends fail | nothing happens |
//! | receive | `Result<T, RecvError>` | `Option<T>`; `None` is Go's `ok == false` |
//! | nil | [`never()`] | every operation waits for ever |
//!
//! Every operation has a blocking, a `try_`, a `_timeout`, a `_deadline` and
//! an `_async` form on the same handle, and threads and tasks mix freely on one
//! channel. Values need not be `'static`. They are never lost and never
//! doubled, also when futures are dropped.
//!
//! ```
//! let (tx, rx) = chan_core::bounded(4);
//! std::thread::scope(|s| {
//!     s.spawn(move || {
//!         for n in 0..10 {
//!             tx.send(n).unwrap();
//!         }
//!     });
//!     assert_eq!(rx.iter().sum::<i32>(), 45);
//! });
//! ```
//!
//! Waiting for several channels at once is the crate `chan-select`; finding
//! out who waits for ever is the crate `leakwatch`, which looks through
//! [`observe`].
//!
//! | for | there is |
//! | --- | --- |
//! | no limit | [`unbounded`], [`Builder::unbounded`] |
//! | room now, the value later | [`Sender::reserve`] and [`Permit`] |
//! | many values at once | [`Sender::send_many`], [`Receiver::recv_many`], [`Receiver::drain`] |
//! | the newest values only | [`Sender::force_send`] |
//! | the end | [`Sender::closed`], [`Receiver::wait_closed`] |
//! | handles that keep nothing open | [`WeakSender`], [`WeakReceiver`], [`WeakChan`] |
//! | time | [`after`], [`at`], [`tick`], [`Timer`], [`Ticker`] |
//! | cancelling | [`Context`] |
//!
//! # Features
//!
//! | feature | default | brings |
//! | --- | --- | --- |
//! | `futures` | no | `stream()` and `sink()`, with `futures-core` and `futures-sink` |
//!
//! The oldest compiler that will do is Rust 1.88.
//!
//! # Limits
//!
//! A channel has at most 1,048,576 handles that can send, and as many that can
//! receive; one more aborts the process, as one too many does with an
//! [`Arc`](std::sync::Arc). The values of a buffer fill at most `isize::MAX`
//! bytes; a select has at most 65,536 cases.
//!
//! # Turns for others
//!
//! A task that finds its channel ready at every poll would never let go of its
//! executor's thread. So after 512 futures in a row that were ready at their
//! first poll, the next one on that thread says [`Pending`](std::task::Poll)
//! once, having woken its own task. Nothing is lost by that; who polls by hand
//! should know.
//!
//! # Panics inside a channel
//!
//! Destructors of values, wakers and watchers never run under a channel's
//! lock. If one panics, the panic goes to whoever called the operation, the
//! channel stays sound, and no other value is lost.
//!
//! # After `fork`
//!
//! `fork` copies one thread. A child of a process with several may do nothing
//! but `exec`, here as with everything else that takes locks: one that another
//! thread held at that moment (of a channel, of the list of channels, of the
//! timers) is never given back in the child. As with Go, forking without
//! `exec` is not supported.
//!
//! What really happens if no such lock was held: channels work, between
//! threads of the child. So do timers, if the parent had not set one (a
//! deadline of a [`Context`] is one too). If it had, the child has no timer
//! thread and does not get one: nothing is woken by time, no `after` ends a
//! wait, no context meets its deadline. Only a look, [`Receiver::try_recv`]
//! say, still sees a timer that is due, and so does a receive with a timeout
//! of its own when it gives up.

// The files in the order of their imports, lowest first. ARCHITECTURE.md has a
// row for each, and a list of those with unsafe code.
mod clock;
mod coop;
mod lock;
mod panics;
mod readiness;
mod spin;
mod sync;
mod watch;

mod blocks;
mod capability;
mod header;
mod parker;
mod registry;
mod results;
mod returned;
mod ring;
mod sides;
mod waitq;
mod wakes;

mod blocking;
mod ending;
mod hchan;
mod nil;
mod operation;
mod plain;

mod handle;

mod arm;
mod birth;
mod case;
mod case_list;
mod error;
mod face;
mod future;
mod grant;
mod look;
mod selection;
mod steps;
mod task_wait;
mod waiting;

mod case_set;

mod about;
mod builder;
mod bulk;
mod chan;
mod receiver;
mod sender;

mod at_once;
mod batch;
mod closing;
mod holding;
mod permit;
mod weak;

#[cfg(feature = "futures")]
mod lease;
#[cfg(feature = "futures")]
mod sink;
#[cfg(feature = "futures")]
mod stream;

mod alarm;
mod context;
mod time;
mod timed;

pub mod observe;

#[cfg(all(test, loom))]
mod models;

/// What the compiler must refuse.
#[cfg(doctest)]
#[doc = include_str!("../tests/rejected.md")]
pub struct Rejected;

/// Where this crate's sources lie.
const SOURCE: &str = file!();

pub use batch::{Drain, SendManyFuture};
pub use builder::{Builder, bounded, unbounded};
pub use chan::{Chan, Range, RecvChan, SendChan};
pub use closing::ClosedFuture;
pub use context::{Cancel, CancelOnDrop, Cancellation, Cause, Context, WeakContext};
pub use error::{
    AlreadyClosed, CloseError, Empty, Full, RecvError, RecvTimedOut, RecvTimeoutError, SendError,
    SendTimedOut, SendTimeoutError, TryRecvError, TrySendError,
};
pub use future::{RecvFuture, SendFuture};
pub use permit::{OwnedPermit, Permit, ReserveFuture};
pub use receiver::{IntoIter, Iter, Receiver, TryIter, never};
pub use sender::Sender;
#[cfg(feature = "futures")]
pub use sink::{SendSink, SinkFace};
pub use spin::{Spinning, set_spinning, spinning};
#[cfg(feature = "futures")]
pub use stream::RecvStream;
pub use time::{Ticker, Timer, after, at, tick};
pub use timed::{RecvTimeoutFuture, SendTimeoutFuture};
pub use weak::{WeakChan, WeakReceiver, WeakRecvChan, WeakSendChan, WeakSender};

/// The engine room of select, for the crate `chan-select`. Applications use
/// its macros instead.
///
/// # Examples
///
/// ```
/// use chan_core::select::{self, CaseList, End, RecvArm, Won};
///
/// let (a, b) = (chan_core::Chan::new(1), chan_core::Chan::new(1));
/// b.send("hello");
/// let cases = End.and(RecvArm::arm(&a)).and(RecvArm::arm(&b));
/// match select::wait::<_, 2>(cases, 0, |_| 0, None).expect("no deadline") {
///     Won::This(from_b) => assert_eq!(from_b, Some("hello")),
///     Won::Before(Won::This(from_a)) => drop::<Option<u8>>(from_a),
///     Won::Before(Won::Before(none)) => match none {},
/// }
/// ```
pub mod select {
    pub use crate::alarm::Alarm;
    pub use crate::case::{Case, RecvArm, RecvCase, SendArm, SendCase};
    pub use crate::case_list::{CaseList, Cons, End, Won};
    pub use crate::case_set::{CaseKey, CaseSet, SendKey};
    pub use crate::face::{Bound, Closed, GoFace, RecvFace, RustFace, SendFace};
    pub use crate::future::SelectNothing;
    pub use crate::nil::select_nothing;
    pub use crate::selection::{Selection, look, wait};
    pub use crate::timed::SelectFuture;
}
