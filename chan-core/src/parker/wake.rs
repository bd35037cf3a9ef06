//! What is owed to a party when the lock is gone.

use std::task::Waker;

use crate::sync::thread;
use crate::watch;

/// A wake that is owed to a party that is done. Taken under a lock, fired
/// without one: a waker is foreign code.
#[must_use = "a wake that is not fired strands its party"]
#[derive(Debug)]
pub(crate) enum Wake {
    None,
    Thread(thread::Thread),
    Task(Waker),
    /// Nobody is woken, but the watcher that has noted the close of a channel
    /// is told that a value was received after it.
    Late(watch::Note),
}

impl Wake {
    /// Wakes the party.
    #[inline(always)]
    pub(crate) fn fire(self) {
        match self {
            Wake::None => {}
            Wake::Task(waker) => waker.wake(),
            other => other.fire_other(),
        }
    }

    /// (Out of line, so that the rest is two comparisons.)
    #[inline(never)]
    fn fire_other(self) {
        match self {
            Wake::None | Wake::Task(_) => unreachable!("they are fired in place"),
            Wake::Thread(handle) => handle.unpark(),
            Wake::Late(close) => watch::received_after_close(&close),
        }
    }
}
