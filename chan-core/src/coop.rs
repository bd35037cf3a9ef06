//! Futures that are always ready let others have a turn.
//!
//! A task that loops over a channel which always has something for it would
//! keep its executor's thread for ever: nothing in the loop ever waits. So a
//! thread counts how often in a row our futures were ready at their first
//! poll, and every [`BUDGET`]th says "not yet" instead, having woken its own
//! task. Nothing is queued or lost by that.

use std::cell::Cell;
use std::task::Context;

/// How many may be ready in a row. A turn of the executor costs as much as
/// twenty of them, so this many that it does not show; and few enough that
/// others wait some microseconds for a task that only passes values on.
const BUDGET: u16 = 512;

/// Of a thread that has never polled a task: one more than any other has left, so
/// that the count goes down from it too.
const NO_WORKER: u16 = BUDGET + 1;

thread_local! {
    /// A plain number without a destructor: it is there as long as the thread.
    static LEFT: Cell<u16> = const { Cell::new(NO_WORKER) };
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

/// Whether this thread has polled tasks, and so most likely is one of as many
/// as there are processors.
pub(crate) fn is_worker() -> bool {
    LEFT.get() != NO_WORKER
}
