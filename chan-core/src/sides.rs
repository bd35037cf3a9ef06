//! The two sides of a channel's buffer: where the next value goes in, and where
//! the next one comes out. Each has a lock of its own, and no cache line in
//! common with the other, so that a sender and a receiver need not meet while
//! the buffer is neither empty nor full.
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
//! L2  Whether the channel is plain is changed with both locks held, and is the
//!     same on both sides; so whoever holds one of them can rely on it.
//! L3  `index` counts the values that have gone in, or come out. It only grows,
//!     and is written as L1 says. What is in the buffer are the values from the
//!     receiving side's index to the sending side's.
//! L4  The slots from a side's place, `at`, to its `end` are its own to use
//!     without a look at the other side: those of the sending side are free, those
//!     of the receiving side hold values. The other side can only make more of
//!     them. While the channel is not plain there are none.
//!
//! Atomics: `index` is stored with Release by its side after the slot is
//! written or read, and loaded with Acquire by the other side before it reads
//! or writes that slot. Models: `sides_apart_pass_a_value`,
//! `sides_apart_use_a_slot_again`. Those who look without a lock load it with
//! Acquire too ([`crate::readiness`]). Whether the channel is plain stands in the
//! same word, and is stored with Release too: by the word they know what was done
//! before. Model: `one_look_at_a_channel_that_is_plain_again`.

use std::ptr;

use crate::birth::UNBOUNDED;
use crate::lock::RawLock;
use crate::sync::UnsafeCell;
use crate::sync::atomic::{AtomicU64, Ordering};

/// From this capacity on the sides have locks of their own. Measured: below
/// it they meet all the time, and a second lock is only more to take.
const APART: usize = if cfg!(loom) { 2 } else { 16 };

/// A cache line, in bytes.
pub(crate) const LINE: usize = 64;

/// See the head of this file. `M` is what lies between the two: a line at
/// least, so that they never meet in one, wherever the channel begins. (With
/// words of 32 bits it is less, and they may.)
#[repr(C)]
pub(crate) struct Sides<M> {
    /// The sending side.
    pub(crate) tail: Side,
    /// `usize::MAX` without a limit.
    capacity: usize,
    pub(crate) between: M,
    /// The receiving side.
    pub(crate) head: Side,
}

/// One side. What each operation writes is in its first two words (`own` begins
/// behind the lock): at multiples of 16 bytes they are in one line.
#[repr(C)]
pub(crate) struct Side {
    index: AtomicU64,
    pub(crate) lock: RawLock,
    /// Whether the lock is that of the other side.
    borrows: bool,
    pub(crate) own: UnsafeCell<Own>,
}

/// How a channel is to be aligned. Allocators do so anyway.
pub(crate) const ALIGNMENT: usize = 16;

const _: () = {
    let whole = size_of::<Side>() == 24 && std::mem::offset_of!(Own, base) == 6;
    let head = std::mem::offset_of!(Sides<[u8; LINE]>, head);
    assert!(cfg!(loom) || size_of::<usize>() < 8 || whole && head.is_multiple_of(ALIGNMENT));
};

/// What a side's lock guards.
#[repr(C, packed(2))]
pub(crate) struct Own {
    /// L4: the lower half of the number of the first slot that it does not know.
    end: u16,
    /// The side's place, counted from `base`: a slot, or the end of them all.
    at: u32,
    /// The slots of the ring, or of the block in use; null before the first.
    pub(crate) base: *mut (),
}

// SAFETY: a pointer to memory of the channel, whose own bounds say what may
// cross threads.
unsafe impl Send for Own {}

/// A slot, and how many there are from it to the end, whatever is in them.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) at: u32,
    pub(crate) left: usize,
}

impl Own {
    #[inline(always)]
    pub(crate) fn at(&self) -> u32 {
        self.at
    }

    /// The next slot, if it may be used without a look at the other side.
    #[inline(always)]
    pub(crate) fn known(&self) -> Option<u32> {
        (self.at as u16 != self.end).then_some(self.at)
    }

    /// How many slots it knows.
    #[cfg(debug_assertions)]
    pub(crate) fn count_known(&self) -> usize {
        self.end.wrapping_sub(self.at as u16).into()
    }

    /// So many slots from a place on may be used: the first of them, if any.
    #[inline(always)]
    pub(crate) fn learn(&mut self, place: Place, count: u64) -> Option<u32> {
        match count {
            0 => return None,
            // Most often so, where the sides keep up with each other; and then
            // nothing has to wait for the other side's index.
            1 => return Some(self.learn_one(place)),
            _ => {}
        }
        // (The distance must not be lost with the upper half.)
        let known = count.min(place.left as u64).min(u16::MAX.into());
        self.end = place.at.wrapping_add(known as u32) as u16;
        Some(place.at)
    }

    /// The first slot of a place may be used.
    #[inline(always)]
    pub(crate) fn learn_one(&mut self, place: Place) -> u32 {
        self.end = place.at.wrapping_add(1) as u16;
        place.at
    }

    /// Goes on behind a slot.
    #[inline(always)]
    pub(crate) fn step(&mut self, used: u32) {
        self.at = used + 1;
    }

    /// From here on it must look.
    #[inline(always)]
    pub(crate) fn forget(&mut self) {
        self.end = self.at as u16;
    }
}

/// What is counted in an index's word.
const ONE: u64 = 2;
/// In the word of both sides: not plain (L2).
const SPECIAL: u64 = 1;

/// The word of a side: how many values have gone by, and whether the channel is
/// plain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Index(u64);

impl Index {
    #[inline(always)]
    pub(crate) fn count(self) -> u64 {
        self.0 / ONE
    }

    #[inline(always)]
    pub(crate) fn is_plain(self) -> bool {
        self.0 & SPECIAL == 0
    }

    /// A number that grows with the count, and with nothing else.
    #[inline(always)]
    pub(crate) fn growing(self) -> u64 {
        self.0 | SPECIAL
    }

    /// Whether as many values have gone by as in another.
    #[inline(always)]
    pub(crate) fn is_level_with(self, other: Index) -> bool {
        self.growing() == other.growing()
    }

    /// How much more this is than another of the same channel, which was as
    /// plain.
    #[inline(always)]
    pub(crate) fn beyond(self, other: Index) -> u64 {
        (self.0 - other.0) / ONE
    }
}

impl Side {
    /// Of a channel that nobody has used.
    #[inline(always)]
    pub(crate) fn new(plain: bool, borrows: bool) -> Self {
        Side {
            index: AtomicU64::new(if plain { 0 } else { SPECIAL }),
            lock: RawLock::new(),
            borrows,
            own: UnsafeCell::new(Own {
                end: 0,
                at: 0,
                base: ptr::null_mut(),
            }),
        }
    }

    /// For the side itself: nobody else writes it meanwhile.
    #[inline(always)]
    pub(crate) fn index(&self) -> Index {
        Index(self.index.load(Ordering::Relaxed))
    }

    /// For the other side, and for those without a lock.
    #[inline(always)]
    pub(crate) fn index_from_afar(&self) -> Index {
        // Acquire pairs with the Release of `step` and `set_plain`.
        Index(self.index.load(Ordering::Acquire))
    }

    /// One value more has gone by. Under the side's lock.
    #[inline(always)]
    pub(crate) fn step(&self) {
        // Release: the slot has been written or read by now.
        self.index.store(self.index().0 + ONE, Ordering::Release);
    }

    /// Tells the side that the channel is plain, or is not any more.
    ///
    /// # Safety
    ///
    /// Both locks are held (L2), and it was told the opposite before.
    #[inline(always)]
    pub(crate) unsafe fn set_plain(&self, plain: bool) {
        let word = self.index().0 ^ SPECIAL;
        debug_assert_eq!(Index(word).is_plain(), plain);
        if !plain {
            // SAFETY: the caller's promise.
            unsafe { self.own.with_mut(|own| own.forget()) };
        }
        self.index.store(word, Ordering::Release);
    }
}

impl<M> Sides<M> {
    /// Writes the sides of an empty buffer to their place, but for what lies
    /// between.
    ///
    /// # Safety
    ///
    /// `place` is there to be written, and nobody looks.
    #[inline(always)]
    pub(crate) unsafe fn write(place: *mut Self, capacity: usize, plain: bool) {
        const {
            let narrow = cfg!(loom) || size_of::<usize>() < 8;
            assert!(narrow || size_of::<M>() >= LINE, "the sides would meet");
        }
        // SAFETY: the caller's promise.
        unsafe {
            (&raw mut (*place).tail).write(Side::new(plain, false));
            (&raw mut (*place).capacity).write(capacity);
            (&raw mut (*place).head).write(Side::new(plain, capacity < APART));
        }
    }

    /// `usize::MAX` without a limit.
    #[inline(always)]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
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

    /// The lock that a plain receive takes. (Found without a look at the line of
    /// the other side.)
    #[inline(always)]
    pub(crate) fn head_lock(&self) -> &RawLock {
        if self.head.borrows {
            &self.tail.lock
        } else {
            &self.head.lock
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
        let out = self.head.index_from_afar().count();
        let len = self.tail.index_from_afar().count() - out;
        // (Without a limit, elements without a size may be more than can be said.)
        usize::try_from(len)
            .unwrap_or(usize::MAX)
            .min(self.capacity())
    }

    /// Whether the buffer is empty, and how it is then. Without the lock: so it
    /// was at the moment when the second index was read, if it says so.
    #[inline(always)]
    pub(crate) fn empty(&self) -> Option<Index> {
        let out = self.head.index_from_afar();
        let gone_in = self.tail.index_from_afar();
        gone_in.is_level_with(out).then_some(gone_in)
    }

    /// Whether values alone fill the buffer, and how the receiving side is
    /// then. Without the lock: as for [`Sides::empty`].
    #[inline(always)]
    pub(crate) fn full(&self) -> Option<Index> {
        // The other order: more may have come out meanwhile, but none gone in.
        let gone_in = self.tail.index_from_afar().count();
        let out = self.head.index_from_afar();
        (gone_in.saturating_sub(out.count()) >= self.capacity() as u64).then_some(out)
    }
}
