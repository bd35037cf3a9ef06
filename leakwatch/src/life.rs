//! What is known of a future from outside: whether it is being polled, and
//! who could wake it.
//!
//! A tracked future is polled with a waker of ours, whose clones are counted.
//! After a poll, those that are not in a wait of ours are with somebody we do
//! not know: a foreign timer, a sub-executor. If there are none, nobody else
//! can wake the task.
//!
//! A1  While `polls` is even and `woken` is not set, the future runs no code,
//!     and will run none until a clone of its waker is used. (An executor may
//!     poll it for nothing. A future that becomes ready without having seen
//!     to being woken breaks the rules of futures and this one.)
//!
//! Atomics:
//! - `polls`: the poll's two additions (SeqCst) frame everything the future
//!   does. Two loads (SeqCst) of the same even number say that no poll began
//!   between them.
//! - `woken`: set before the task's executor is told, cleared at the beginning
//!   of a poll; SeqCst, read between the two loads above.
//! - the count of the `Arc`: who holds a clone of the waker.

#![allow(dead_code, reason = "what reads it comes next")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Wake, Waker};

use parking_lot::Mutex;

/// What is known of a tracked future from outside; also its waker.
#[derive(Debug, Default)]
pub(crate) struct Life {
    /// Polls begun and polls ended: odd while it is polled. Odd for ever once
    /// it is being dropped.
    polls: AtomicU64,
    /// A wake that no poll has answered yet.
    woken: AtomicBool,
    /// The executor's waker, of the last poll.
    outer: Mutex<Option<Waker>>,
}

/// A moment in the life of a future that is not being polled and has not been
/// woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resting(u64);

impl Life {
    /// The shares of a tracked future itself: its own, that of its waker, and
    /// the record's.
    const OWN_SHARES: usize = 3;

    /// Whether it rests; the same answer twice says that it rested all the
    /// time between.
    pub(crate) fn resting(&self) -> Option<Resting> {
        let polls = self.polls.load(Ordering::SeqCst);
        let rests = polls > 0 && polls.is_multiple_of(2) && !self.woken.load(Ordering::SeqCst);
        (rests && self.polls.load(Ordering::SeqCst) == polls).then_some(Resting(polls))
    }

    /// How many clones of its waker there are; `own` says how many shares of
    /// this the caller has made.
    pub(crate) fn wakers(this: &Arc<Self>, own: usize) -> usize {
        Arc::strong_count(this).saturating_sub(Life::OWN_SHARES + own)
    }

    /// What a waker made of it shows as its data.
    pub(crate) fn waker_data(this: &Arc<Self>) -> usize {
        Arc::as_ptr(this) as usize
    }

    /// The future is about to be dropped, which may run any code.
    pub(crate) fn end(&self) {
        self.polls.fetch_or(1, Ordering::SeqCst);
    }
}

/// The future is polled; ends also if the poll panics.
pub(crate) struct Polling<'l>(&'l Life);

impl<'l> Polling<'l> {
    /// Begins a poll for which the executor has given a waker.
    pub(crate) fn begin(life: &'l Life, waker: &Waker) -> Self {
        life.polls.fetch_add(1, Ordering::SeqCst);
        let polling = Polling(life);
        life.woken.store(false, Ordering::SeqCst);
        let known = life.outer.lock().clone();
        if !known.is_some_and(|known| known.will_wake(waker)) {
            // Cloning and dropping are foreign code: not under the lock.
            let waker = waker.clone();
            let old = life.outer.lock().replace(waker);
            drop(old);
        }
        polling
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.polls.fetch_add(1, Ordering::SeqCst);
    }
}

impl Wake for Life {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        // Waking is foreign code: not under the lock.
        let outer = self.outer.lock().clone();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}
