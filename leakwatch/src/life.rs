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
//! - the count of the `Arc` of a [`TaskWaker`]: who holds a clone.
//! - `ended`, `finished`: set once each (SeqCst), the latter first.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Wake, Waker};

use parking_lot::Mutex;

/// What is known of a tracked future from outside.
#[derive(Debug, Default)]
pub(crate) struct Life {
    /// Polls begun and polls ended: odd while it is polled. Odd for ever once
    /// it is being dropped.
    polls: AtomicU64,
    /// A wake that no poll has answered yet.
    woken: AtomicBool,
    ended: AtomicBool,
    finished: AtomicBool,
    /// The executor's waker, of the last poll.
    outer: Mutex<Option<Waker>>,
    waker: OnceLock<Weak<TaskWaker>>,
}

/// What the future's wakers are made of.
#[derive(Debug)]
struct TaskWaker(Arc<Life>);

/// A moment in the life of a future that is not being polled and has not been
/// woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Resting(u64);

impl Life {
    /// A life, and the waker to poll it with.
    pub(crate) fn begin() -> (Arc<Life>, Waker) {
        let life = Arc::new(Life::default());
        let waker = Arc::new(TaskWaker(Arc::clone(&life)));
        life.waker.get_or_init(|| Arc::downgrade(&waker));
        (life, Waker::from(waker))
    }

    /// Whether it rests; the same answer twice says that it rested all the
    /// time between.
    pub(crate) fn resting(&self) -> Option<Resting> {
        let polls = self.polls.load(Ordering::SeqCst);
        let rests = polls > 0 && polls.is_multiple_of(2) && !self.woken.load(Ordering::SeqCst);
        (rests && self.polls.load(Ordering::SeqCst) == polls).then_some(Resting(polls))
    }

    /// How many clones of its waker there are, besides the one that it is
    /// polled with.
    pub(crate) fn wakers(&self) -> usize {
        let all = self.waker.get().map_or(0, Weak::strong_count);
        all.saturating_sub(1)
    }

    /// What its wakers show as their data.
    pub(crate) fn waker_data(&self) -> usize {
        self.waker.get().map_or(0, |waker| waker.as_ptr() as usize)
    }

    /// The future is about to be dropped, which may run any code.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.polls.fetch_or(1, Ordering::SeqCst);
    }

    /// The future has given its result.
    pub(crate) fn finish(&self) {
        self.finished.store(true, Ordering::SeqCst);
    }

    /// It has given its result, or is being dropped.
    pub(crate) fn is_over(&self) -> bool {
        self.finished.load(Ordering::SeqCst) || self.ended.load(Ordering::SeqCst)
    }

    /// It was dropped before it gave its result.
    pub(crate) fn was_dropped(&self) -> bool {
        self.ended.load(Ordering::SeqCst) && !self.finished.load(Ordering::SeqCst)
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

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let life = &self.0;
        life.woken.store(true, Ordering::SeqCst);
        // Waking is foreign code: not under the lock.
        let outer = life.outer.lock().clone();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_of_the_waker_is_counted_and_a_poll_is_seen() {
        let (life, waker) = Life::begin();
        assert_eq!(life.resting(), None, "it was never polled");
        drop(Polling::begin(&life, Waker::noop()));
        let rested = life.resting();
        assert!(rested.is_some());
        assert_eq!(life.wakers(), 0);
        let clone = waker.clone();
        assert_eq!(
            (life.wakers(), life.waker_data()),
            (1, clone.data() as usize)
        );
        clone.wake();
        assert_eq!((life.wakers(), life.resting()), (0, None), "it was woken");
        let polling = Polling::begin(&life, Waker::noop());
        assert_eq!(life.resting(), None, "it is being polled");
        drop(polling);
        assert!(life.resting().is_some() && life.resting() != rested);
        life.end();
        assert_eq!(life.resting(), None);
    }
}
