//! Go's `select` over the channels of `chan-core`, for threads and for tasks.
//!
//! ```
//! use std::time::Duration;
//! use chan_core::{Context, bounded};
//! use chan_select::select;
//!
//! let (ctx, _cancel) = Context::background().with_cancel();
//! let (events, inbox) = bounded(1);
//! events.send("added").unwrap();
//!
//! let said = select! {
//!     recv(inbox) -> event => event.unwrap(),
//!     recv(ctx.done()) -> _ => "cancelled",
//!     default(Duration::from_secs(1)) => "nothing for a second",
//! };
//! assert_eq!(said, "added");
//! ```
//!
//! # Rules
//!
//! They are Go's. On entry all operands are evaluated once, in source order,
//! the values of send cases included. Among the cases that are ready one is
//! chosen uniformly, whatever stands between them. Exactly one runs. If none
//! is ready, `default` is taken if there is one; that none is ready is true
//! at one moment for all channels. Otherwise the select waits.
//!
//! A receive case of a closed channel *is* ready. A send case of a closed
//! channel is ready too: it panics on a [`Chan`](chan_core::Chan) and gives
//! the value back on a [`Sender`](chan_core::Sender). A nil channel, a
//! [`never()`](fn@chan_core::never) and a `None` are cases that are never ready.
//!
//! # Cases
//!
//! - `recv(operand) -> pattern => body`: the pattern is bound to what the
//!   face's `recv` returns.
//! - `send(operand, value) -> pattern => body`: to what its `send` returns.
//! - `first recv(…)…`, `first send(…)…`: the same, looked at before the others;
//!   see below.
//! - `default => body`: if no case is ready at once.
//! - `default(timeout) => body`: if no case is ready within a `Duration`.
//!
//! Operands are taken by reference. A body is an expression, with a comma
//! after it unless it is a block; `break`, `continue`, `return` and `?` in it
//! act on the code around the select.
//!
//! # Cases that go first
//!
//! Cases marked `first` stand in front and are looked at in the order in which
//! they are written; only if none of them is ready chance decides among the
//! others. A cancelled context so is not one voice among many:
//!
//! ```
//! # use chan_core::{Context, bounded};
//! # use chan_select::select;
//! # let (ctx, cancel) = Context::background().with_cancel();
//! # let (jobs, inbox) = bounded(1);
//! # jobs.send(1).unwrap();
//! cancel.cancel();
//! let said = select! {
//!     first recv(ctx.done()) -> _ => "cancelled",
//!     recv(inbox) -> job => if job.is_ok() { "a job" } else { "no more" },
//! };
//! assert_eq!(said, "cancelled");
//! ```
//!
//! It is for rare events: a `first` case that is always ready, say one of a
//! closed channel, keeps the others out. Once a select waits, whatever happens
//! first ends it.
//!
//! # Threads and tasks
//!
//! [`select!`] waits as a thread; [`select_async!`] is the same in a task and
//! awaits, on any executor. They are two macros because one cannot know where
//! it stands: to wait as a thread within a task is a mistake that would
//! compile. Other futures stand beside ours in `tokio::select!` or
//! `futures::select!`, where every future of `chan-core` may be dropped
//! without losing a value.
//!
//! # Any number of cases
//!
//! A macro is good for 120 cases before the crate around it must raise its
//! `recursion_limit`.
//! [`Select`] has cases that come and go while the program runs.

#![forbid(unsafe_code)]

mod builder;
mod macros;
mod selectgo;

pub use builder::{Select, SelectFuture, SelectTimeoutFuture};
pub use chan_core::select::{CaseKey, SendKey};

#[doc(hidden)]
pub mod internal {
    //! What the macros expand to.
    pub use crate::selectgo::{
        select, select_async, select_async_timeout, select_timeout, try_select, won,
    };
    pub use chan_core::select::select_nothing;
    pub use chan_core::select::{CaseList, Cons, End, RecvArm, SelectNothing, SendArm, Won};

    /// Makes a temporary of a result, so that `-> _` drops it at once.
    #[inline(always)]
    pub fn own<R>(result: R) -> R {
        result
    }

    /// Evaluates what stands between two cases at its place.
    #[inline(always)]
    pub fn beside<L>(list: L, (): ()) -> L {
        list
    }
}
