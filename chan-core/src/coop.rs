//! Futures that are always ready let others have a turn.
//!
//! A task that loops over a channel which always has something for it would
//! keep its executor's thread for ever: nothing in the loop ever waits. So a
//! thread counts how often in a row our futures were ready at their first
//! poll, and every [`BUDGET`]th says "not yet" instead, having woken its own
//! task. Nothing is queued or lost by that.

use std::cell::Cell;
use std::task::Context;

/// How many may be ready in a row. Like tokio's budget for one poll of a task,
/// long enough that the extra poll costs nothing, short enough for others.
const BUDGET: u8 = 128;

thread_local! {
    /// A plain number without a destructor: it is there as long as the thread.
    static LEFT: Cell<u8> = const { Cell::new(BUDGET) };
}

/// Whether it is somebody else's turn. If so, the task has been woken.
#[inline]
pub(crate) fn must_yield(cx: &Context<'_>) -> bool {
    if LEFT.get() > 0 {
        return false;
    }
    LEFT.set(BUDGET);
    cx.waker().wake_by_ref();
    true
}

/// A future was ready at its first poll.
#[inline]
pub(crate) fn was_ready() {
    LEFT.set(LEFT.get().saturating_sub(1));
}

/// A future waits, so others have their turn.
#[inline]
pub(crate) fn waits() {
    LEFT.set(BUDGET);
}
