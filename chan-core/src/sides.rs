//! The two sides of a channel's buffer: where the next value goes in, and where
//! the next one comes out. Each has a lock and a cache line of its own, so that
//! a sender and a receiver need not meet while the buffer is neither empty nor
//! full.
//!
//! The lock of a channel is both locks, the sending side's first
//! ([`crate::header::Guard`]). A small buffer is soon empty or full, whatever
//! one does; its receiving side borrows the lock of the sending side, and the
//! channel has one lock in all ([`Sides::are_apart`]).
//!
//! What a side may do with its own lock alone is *plain*: to put a value into
//! a buffer that has room, or take one out of a buffer that has some, while
//! nobody waits, nothing has come back, no permit is out, and the channel is
//! open ([`crate::plain`]). Everything else takes both.
//!
//! L1  `own` of a side is touched with the lock of that side, or with both.
//! L2  `plain` is changed with both locks held, and is the same on both sides;
//!     so whoever holds one of them can rely on it.
//! L3  `index` counts the values that have gone in, or come out. It only grows,
//!     and is written as L1 says. What is in the buffer are the values from the
//!     receiving side's index to the sending side's.
//! L4  `seen` is an index that the other side had once, so no more than what it
//!     has now: who goes by it sees too little room, or too few values.
//!
//! Atomics: `index` is stored with Release by its side after the slot is
//! written or read, and loaded with Acquire by the other side before it reads
//! or writes that slot. Models: `sides_apart_pass_a_value`,
//! `sides_apart_use_a_slot_again`. Those who look without a lock load it with
//! Acquire too ([`crate::readiness`]).

use std::ptr;

use crate::birth::UNBOUNDED;
use crate::lock::RawLock;
use crate::sync::UnsafeCell;
use crate::sync::atomic::{AtomicU64, Ordering};

/// From this capacity on the sides have locks of their own. Measured: below
/// it they meet all the time, and a second lock is only more to take.
const APART: usize = if cfg!(loom) { 2 } else { 16 };

/// See the head of this file.
pub(crate) struct Sides {
    /// The sending side.
    pub(crate) tail: Side,
    /// The receiving side.
    pub(crate) head: Side,
}

/// One side. It fills a cache line: channels are laid out from the beginning of
/// one on (`hchan`), so the two do not meet.
#[repr(C)]
pub(crate) struct Side {
    pub(crate) lock: RawLock,
    pub(crate) own: UnsafeCell<Own>,
    index: AtomicU64,
    /// The channel's, `usize::MAX` without a limit. Here so that a plain
    /// operation reads this line alone.
    pub(crate) capacity: usize,
    _rest: [u64; 1],
}

const _: () = assert!(cfg!(loom) || size_of::<usize>() < 8 || size_of::<Side>() == LINE);

/// A cache line, in bytes.
pub(crate) const LINE: usize = 64;

/// What a side's lock guards.
pub(crate) struct Own {
    /// L2.
    pub(crate) plain: bool,
    /// The slot that is next, from the beginning of `base`.
    pub(crate) at: usize,
    /// L4.
    pub(crate) seen: u64,
    /// The slots of the ring, or the block in use; null before the first.
    pub(crate) base: *mut (),
}

// SAFETY: a pointer to memory of the channel, whose own bounds say what may
// cross threads.
unsafe impl Send for Own {}

impl Side {
    fn new(capacity: usize, plain: bool) -> Self {
        Side {
            lock: RawLock::new(),
            own: UnsafeCell::new(Own {
                plain,
                at: 0,
                seen: 0,
                base: ptr::null_mut(),
            }),
            index: AtomicU64::new(0),
            capacity,
            _rest: [0],
        }
    }

    /// For the side itself: nobody else writes it meanwhile.
    #[inline(always)]
    pub(crate) fn index(&self) -> u64 {
        self.index.load(Ordering::Relaxed)
    }

    /// For the other side, and for those without a lock.
    #[inline(always)]
    pub(crate) fn index_from_afar(&self) -> u64 {
        // Acquire pairs with the Release of `step`.
        self.index.load(Ordering::Acquire)
    }

    /// One value more has gone by. Under the side's lock.
    #[inline(always)]
    pub(crate) fn step(&self) {
        // Release: the slot has been written or read by now.
        self.index.store(self.index() + 1, Ordering::Release);
    }
}

impl Sides {
    /// Of a buffer that is empty; whether it is plain.
    pub(crate) fn new(capacity: usize, plain: bool) -> Self {
        Sides {
            tail: Side::new(capacity, plain),
            head: Side::new(capacity, plain),
        }
    }

    /// `usize::MAX` without a limit.
    #[inline(always)]
    pub(crate) fn capacity(&self) -> usize {
        self.tail.capacity
    }

    #[inline(always)]
    pub(crate) fn are_unbounded(&self) -> bool {
        self.capacity() == UNBOUNDED
    }

    /// Whether the receiving side has a lock of its own.
    #[inline(always)]
    pub(crate) fn are_apart(&self) -> bool {
        self.capacity() >= APART
    }

    /// The lock that a plain receive takes.
    #[inline(always)]
    pub(crate) fn head_lock(&self) -> &RawLock {
        if self.head.capacity >= APART {
            &self.head.lock
        } else {
            &self.tail.lock
        }
    }

    /// Takes the lock of the channel.
    #[inline(always)]
    pub(crate) fn lock(&self) {
        self.tail.lock.lock();
        if self.are_apart() {
            self.head.lock.lock();
        }
    }

    /// Gives it back. Only its holder may call this.
    #[inline(always)]
    pub(crate) fn unlock(&self) {
        if self.are_apart() {
            self.head.lock.unlock();
        }
        self.tail.lock.unlock();
    }

    /// The values in the buffer. Exact under the lock of the channel; without
    /// it as many as there were at some moment, or more.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        // This order: more may have gone in meanwhile, but none come out.
        let out = self.head.index_from_afar();
        let len = self.tail.index_from_afar() - out;
        // (Without a limit, elements without a size may be more than can be said.)
        usize::try_from(len)
            .unwrap_or(usize::MAX)
            .min(self.capacity())
    }

    /// Whether the buffer is empty. Without the lock: it was at the moment when
    /// the second index was read, if it says so.
    #[inline(always)]
    pub(crate) fn are_empty(&self) -> bool {
        self.empty_at().is_some()
    }

    /// The same, with the index at which it was empty.
    #[inline(always)]
    pub(crate) fn empty_at(&self) -> Option<u64> {
        let out = self.head.index_from_afar();
        (self.tail.index_from_afar() == out).then_some(out)
    }

    /// Whether values alone fill the buffer. Without the lock: at the moment
    /// when the second index was read they did, if it says so.
    #[inline(always)]
    pub(crate) fn are_full(&self) -> bool {
        self.full_at().is_some()
    }

    /// The same, with the receiving side's index at that moment.
    #[inline(always)]
    pub(crate) fn full_at(&self) -> Option<u64> {
        // The other order: more may have come out meanwhile, but none gone in.
        let gone_in = self.tail.index_from_afar();
        let out = self.head.index_from_afar();
        (gone_in.saturating_sub(out) >= self.capacity() as u64).then_some(out)
    }
}
