//! A lock of one channel: a byte, taken with one compare-and-swap and given
//! back with one plain store.
//!
//! What it guards is said where it is used ([`crate::sides`]). Critical
//! sections are a few dozen instructions, run no user code and allocate
//! nothing, so a loser has long to wait only when the holder was preempted:
//! it pauses, then sleeps in growing steps. (An executor's thread has a
//! processor of its own: there a loser pauses for longer between two looks, and
//! the holder gets more done with the channel in its cache.) Sleeping needs no
//! wake from the holder; that is what lets `unlock` be a plain store, which
//! saves a locked instruction on every operation of every channel.
//!
//! I1  At most one thread is between a successful [`RawLock::lock`] and its
//!     [`RawLock::unlock`].
//!
//! Atomics: `held` is taken with Acquire and given back with Release; each
//! holder so sees what all earlier holders wrote. Model: `lock_excludes`.
//!
//! Not here: fairness. The queues of a channel are fair; the lock need not be.

#[cfg(not(loom))]
use crate::coop;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread;

/// A lock without data and without a guard; see [`crate::header::Guard`].
#[derive(Debug)]
pub(crate) struct RawLock {
    held: AtomicBool,
    /// Models only: see `lock_slow`. Not a part of what is modelled.
    #[cfg(loom)]
    losers: std::sync::Mutex<Vec<thread::Thread>>,
}

impl RawLock {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        RawLock {
            held: AtomicBool::new(false),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        RawLock {
            held: AtomicBool::new(false),
            losers: std::sync::Mutex::default(),
        }
    }

    /// Takes the lock.
    #[inline(always)]
    pub(crate) fn lock(&self) {
        if !self.try_lock() {
            self.lock_slow();
        }
    }

    /// Takes the lock if it is free.
    #[inline(always)]
    pub(crate) fn try_lock(&self) -> bool {
        // Acquire pairs with the Release of `unlock`; a failure reads nothing
        // that it uses.
        self.held
            .compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    }

    /// Gives the lock back. Only its holder may call this.
    #[inline(always)]
    pub(crate) fn unlock(&self) {
        // Release pairs with the Acquire of the next `try_lock`.
        self.held.store(false, Ordering::Release);
        #[cfg(loom)]
        for loser in self.losers.lock().unwrap().drain(..) {
            loser.unpark();
        }
    }

    /// Two losers that yield to each other keep loom busy for ever, so in a
    /// model they sleep until the holder wakes them. Loom does not switch
    /// between the failed swap and the sleep.
    #[cfg(loom)]
    fn lock_slow(&self) {
        while !self.try_lock() {
            self.losers.lock().unwrap().push(thread::current());
            thread::park();
        }
    }

    /// Losers pause in growing steps without a look, so that the holder, and
    /// whoever comes back at once, gets something done meanwhile: a look takes
    /// the line away from them. Some 40 µs later the holder must have lost its
    /// processor, and they sleep. (They do not yield: see [`crate::spin`].)
    #[cfg(not(loom))]
    #[cold]
    fn lock_slow(&self) {
        use std::time::Duration;
        const SHORTEST_SLEEP: Duration = Duration::from_micros(20);
        const LONGEST_SLEEP: Duration = Duration::from_millis(1);

        let (mut pauses, most, rounds) = if coop::is_worker() {
            (64, 256, 8)
        } else {
            (4, 64, 24)
        };
        let mut sleep = SHORTEST_SLEEP;
        let mut round = 0;
        loop {
            if round < rounds {
                round += 1;
                (0..pauses).for_each(|_| std::hint::spin_loop());
                pauses = most.min(2 * pauses);
            } else {
                thread::sleep(sleep);
                sleep = LONGEST_SLEEP.min(2 * sleep);
            }
            // Look before the swap: waiting then shares the line instead of
            // moving it.
            if !self.held.load(Ordering::Relaxed) && self.try_lock() {
                return;
            }
        }
    }
}
