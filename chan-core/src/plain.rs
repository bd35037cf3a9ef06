//! Plain operations: a value goes into a buffer that has room, or comes out of
//! one that has some, and nobody else is concerned. That takes the lock of one
//! side ([`crate::sides`]) and a few instructions; it is what most operations
//! of a busy channel are.
//!
//! Why one lock is enough: a side's `plain` is true only while nobody waits, so
//! nobody is to be woken and no waiter is passed by (I1 to I3 of
//! [`crate::hchan`]); the channel is open, and stays so until both locks are
//! taken (I4); and the two sides touch different slots (G1, B1), as L4 has each
//! know too little rather than too much of the other.
//!
//! If it is not that easy, the caller goes on with the lock of the channel.
//! Where that is the one lock that is held already, it is kept.

use crate::birth::UNBOUNDED;
use crate::blocks;
use crate::hchan::Hchan;
use crate::header::Guard;
use crate::ring;
use crate::sides::Own;

/// A channel with one lock, which a plain operation has taken in vain.
pub(crate) type Held<'h> = Option<Guard<'h>>;

impl<T> Hchan<T> {
    /// Puts a value into the buffer if that is plain.
    #[inline(always)]
    pub(crate) fn put_plain(&self, value: T) -> Result<(), (T, Held<'_>)> {
        let sides = &self.header().sides;
        sides.tail.lock.lock();
        let access = sides.tail.own.get_mut();
        // SAFETY: L1, the lock is held until `access` is gone.
        let own = unsafe { access.deref() };
        if own.plain && self.has_room(own) {
            // SAFETY: L1, and there is room.
            unsafe { self.put(own, value) };
            sides.tail.step();
            access.end();
            sides.tail.lock.unlock();
            return Ok(());
        }
        access.end();
        Err((value, self.keep_if_whole()))
    }

    /// Takes the oldest value out of the buffer if that is plain.
    #[inline(always)]
    pub(crate) fn take_plain(&self) -> Result<T, Held<'_>> {
        let sides = &self.header().sides;
        let lock = sides.head_lock();
        lock.lock();
        let access = sides.head.own.get_mut();
        // SAFETY: L1, the lock is held until `access` is gone.
        let own = unsafe { access.deref() };
        if own.plain && self.has_values(own) {
            // SAFETY: L1, and there is a value.
            let (value, block) = unsafe { self.take(own) };
            sides.head.step();
            access.end();
            lock.unlock();
            drop(block);
            return Ok(value);
        }
        access.end();
        if !sides.are_apart() {
            return Err(self.keep_if_whole());
        }
        lock.unlock();
        Err(None)
    }

    /// The guard of a channel whose sending side is locked, if that is all
    /// there is to lock; else it is unlocked.
    #[inline(always)]
    fn keep_if_whole(&self) -> Held<'_> {
        let sides = &self.header().sides;
        if sides.are_apart() {
            sides.tail.lock.unlock();
            return None;
        }
        // SAFETY: held, as the caller says, and the sides are not apart.
        Some(unsafe { self.header().guard_of_held() })
    }

    /// Whether the sending side may put a value in.
    #[inline(always)]
    fn has_room(&self, own: &mut Own) -> bool {
        let sides = &self.header().sides;
        let capacity = sides.tail.capacity;
        if capacity == UNBOUNDED {
            return blocks::has_room(own, self.spare());
        }
        let gone_in = sides.tail.index();
        if gone_in - own.seen >= capacity as u64 {
            own.seen = sides.head.index_from_afar();
        }
        gone_in - own.seen < capacity as u64
    }

    /// Whether the receiving side may take a value out.
    #[inline(always)]
    fn has_values(&self, own: &mut Own) -> bool {
        let sides = &self.header().sides;
        let out = sides.head.index();
        // (What came out by other ways has not moved `seen`.)
        if own.seen <= out {
            own.seen = sides.tail.index_from_afar();
        }
        own.seen > out
    }

    /// # Safety
    ///
    /// `own` is the sending side's, whose lock is held, and there is room.
    #[inline(always)]
    pub(crate) unsafe fn put(&self, own: &mut Own, value: T) {
        let capacity = self.header().sides.tail.capacity;
        // SAFETY: the caller's promise; a channel has blocks or a ring.
        unsafe {
            if capacity == UNBOUNDED {
                blocks::put(own, self.spare(), value);
            } else {
                ring::put(own, capacity, value);
            }
        }
    }

    /// The value, and a block to be dropped after the lock.
    ///
    /// # Safety
    ///
    /// `own` is the receiving side's, whose lock is held, and there is a value.
    #[inline(always)]
    pub(crate) unsafe fn take(&self, own: &mut Own) -> (T, Option<blocks::Fresh<T>>) {
        let capacity = self.header().sides.head.capacity;
        // SAFETY: the caller's promise; a channel has blocks or a ring.
        unsafe {
            if capacity == UNBOUNDED {
                blocks::take(own, self.spare())
            } else {
                (ring::take(own, capacity), None)
            }
        }
    }
}
