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
//! - `default => body`: if no case is ready at once.
//! - `default(timeout) => body`: if no case is ready within a `Duration`.
//!
//! Operands are taken by reference. A body is an expression, with a comma
//! after it unless it is a block; `break`, `continue`, `return` and `?` in it
//! act on the code around the select.
//!
//! [`select!`] waits as a thread; [`select_async!`] is the same in a task,
//! and awaits.

#![forbid(unsafe_code)]

mod macros;
mod selectgo;

#[doc(hidden)]
pub mod internal {
    //! What the macros expand to.
    pub use crate::selectgo::{
        select, select_async, select_async_timeout, select_timeout, try_select,
    };
    pub use chan_core::after;
    pub use chan_core::select::{Cons, End, RecvArm, SelectNothing, SendArm, Won, select_nothing};
}
