//! Plain operations: a value goes into a buffer that has room, or comes out of
//! one that has some, and nobody else is concerned. That takes the lock of one
//! side ([`crate::sides`]) and a few instructions; it is what most operations
//! of a busy channel are.
//!
//! Why one lock is enough: the channel is plain only while nobody waits, so nobody
//! is to be woken and no waiter is passed by (I1 to I3 of [`crate::hchan`]); it is
//! open, and stays so until both locks are
//! taken (I4); and the two sides touch different slots (G1, B1), as each knows too
//! little rather than too much of the other (L4).
//!
//! If it is not that easy, the caller goes on with the lock of the channel.
//! Where that is the one lock that is held already, it is kept.

use std::mem::ManuallyDrop;

use crate::birth::UNBOUNDED;
use crate::blocks;
use crate::hchan::Hchan;
use crate::header::Guard;
use crate::ring;
use crate::sides::{Own, Place};

/// A channel with one lock, which a plain operation has taken in vain.
pub(crate) type Held<'h> = Option<Guard<'h>>;

impl<T> Hchan<T> {
    /// Puts a value into the buffer if that is plain.
    #[inline(always)]
    pub(crate) fn put_plain(&self, value: T) -> Result<(), (T, Held<'_>)> {
        let value = ManuallyDrop::new(value);
        // SAFETY: ours, and here it is not used after it went.
        match unsafe { self.put_plain_from(&raw const *value) } {
            Ok(()) => Ok(()),
            Err(held) => Err((ManuallyDrop::into_inner(value), held)),
        }
    }

    /// The same with a value that is somewhere else: it moves once, or not at all.
    ///
    /// # Safety
    ///
    /// There is a value, the caller's; if this succeeds it is no longer there.
    #[inline(always)]
    pub(crate) unsafe fn put_plain_from(&self, value: *const T) -> Result<(), Held<'_>> {
        let side = &self.header().sides.tail;
        side.lock.lock();
        let access = side.own.get_mut();
        // SAFETY: L1, the lock is held until `access` is gone.
        let own = unsafe { access.deref() };
        if let Some(at) = self.plain_room(own) {
            // SAFETY: L4; and the caller's promise.
            unsafe { ring::put(own, at, value.read()) };
            side.step();
            access.end();
            side.lock.unlock();
            return Ok(());
        }
        access.end();
        Err(self.keep_if_whole())
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
        let value = match own.known() {
            Some(at) => Some(at),
            None => match self.near(own) {
                Some(place) => self.value_in(place, own),
                None => {
                    access.end();
                    // SAFETY: just locked; such a channel has a lock for each side.
                    return unsafe { self.take_elsewhere() }.ok_or(None);
                }
            },
        };
        if let Some(at) = value {
            // SAFETY: L4.
            let value = unsafe { ring::take(own, at) };
            sides.head.step();
            access.end();
            lock.unlock();
            return Ok(value);
        }
        access.end();
        if !sides.are_apart() {
            return Err(self.keep_if_whole());
        }
        lock.unlock();
        Err(None)
    }

    /// Puts a value in if that is plain, where the side stands, and the lock is free.
    /// (With no call in it, whoever ends with one that does the rest needs no frame.)
    #[inline(always)]
    pub(crate) fn put_simply(&self, value: T) -> Result<(), T> {
        let side = &self.header().sides.tail;
        if !side.lock.try_lock() {
            return Err(value);
        }
        let access = side.own.get_mut();
        // SAFETY: L1, the lock is held until `access` is gone.
        let own = unsafe { access.deref() };
        let known = own.known();
        if let Some(at) = known.or_else(|| self.room_in(self.near(own)?, own)) {
            // SAFETY: L4.
            unsafe { ring::put(own, at, value) };
            side.step();
            access.end();
            side.lock.unlock();
            return Ok(());
        }
        access.end();
        side.lock.unlock();
        Err(value)
    }

    /// Takes the oldest value out in the same way.
    #[inline(always)]
    pub(crate) fn take_simply(&self) -> Option<T> {
        let sides = &self.header().sides;
        let lock = sides.head_lock();
        if !lock.try_lock() {
            return None;
        }
        let access = sides.head.own.get_mut();
        // SAFETY: L1, the lock is held until `access` is gone.
        let own = unsafe { access.deref() };
        let (known, mut value) = (own.known(), None);
        if let Some(at) = known.or_else(|| self.value_in(self.near(own)?, own)) {
            // SAFETY: L4.
            value = Some(unsafe { ring::take(own, at) });
            sides.head.step();
        }
        access.end();
        lock.unlock();
        value
    }

    /// [`Hchan::take_plain`] where the side must go elsewhere for the value. Out of
    /// line, so that the rest is small.
    ///
    /// # Safety
    ///
    /// The lock of the receiving side is held. It is given back.
    #[inline(never)]
    unsafe fn take_elsewhere(&self) -> Option<T> {
        let sides = &self.header().sides;
        let access = sides.head.own.get_mut();
        // SAFETY: L1, the lock is held until `access` is gone.
        let own = unsafe { access.deref() };
        let (out, gone_in) = (sides.head.index(), sides.tail.index_from_afar());
        let (mut taken, mut emptied) = (None, None);
        if gone_in.is_plain() && gone_in != out {
            // SAFETY: the receiving side's, and there is a value. L4.
            unsafe {
                let place;
                (place, emptied) = self.values(own, sides.capacity());
                let at = own.learn(place, gone_in.beyond(out));
                taken = at.map(|at| ring::take(own, at));
            }
            sides.head.step();
        }
        access.end();
        sides.head.lock.unlock();
        drop(emptied);
        taken
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

    /// The slot into which the sending side may put a value plainly.
    #[inline(always)]
    fn plain_room(&self, own: &mut Own) -> Option<u32> {
        if let Some(at) = own.known() {
            return Some(at);
        }
        match self.near(own) {
            Some(place) => self.room_in(place, own),
            None => self.room_elsewhere(own),
        }
    }

    /// The same where the side stands, as [`Hchan::near`] says.
    #[inline(always)]
    fn room_in(&self, place: Place, own: &mut Own) -> Option<u32> {
        let sides = &self.header().sides;
        let (gone_in, capacity) = (sides.tail.index(), sides.capacity());
        if !gone_in.is_plain() {
            return None;
        }
        if capacity == UNBOUNDED {
            return own.learn(place, place.left as u64);
        }
        let out = sides.head.index_from_afar();
        own.learn(place, capacity as u64 - gone_in.beyond(out))
    }

    /// The same where it must go elsewhere.
    #[inline(never)]
    fn room_elsewhere(&self, own: &mut Own) -> Option<u32> {
        let sides = &self.header().sides;
        if !sides.tail.index().is_plain() {
            return None;
        }
        // SAFETY: the sending side's. In a list of blocks all of it is room, in a
        // ring what is not is left alone.
        let place = unsafe { self.room(own, sides.capacity()) }?;
        self.room_in(place, own)
    }

    /// The slot from which the receiving side may take a value plainly, where it
    /// stands, as [`Hchan::near`] says.
    #[inline(always)]
    fn value_in(&self, place: Place, own: &mut Own) -> Option<u32> {
        let sides = &self.header().sides;
        let (out, gone_in) = (sides.head.index(), sides.tail.index_from_afar());
        if !gone_in.is_plain() {
            return None;
        }
        own.learn(place, gone_in.beyond(out))
    }

    /// Where a side goes on, if that is in its ring or in its block.
    #[inline(always)]
    fn near(&self, own: &Own) -> Option<Place> {
        match self.header().sides.capacity() {
            capacity if capacity <= ring::STRETCH => Some(ring::place(own, capacity)),
            UNBOUNDED => blocks::rest::<T>(own),
            _ => None,
        }
    }

    /// Where the sending side goes on, in the slots that it has; none in a list
    /// of blocks that are full.
    ///
    /// # Safety
    ///
    /// `own` is the sending side's, whose lock is held. The place is used before
    /// the lock is given back, if it has room.
    #[inline(always)]
    unsafe fn room(&self, own: &mut Own, capacity: usize) -> Option<Place> {
        if capacity <= ring::STRETCH {
            return Some(ring::place(own, capacity));
        }
        // SAFETY: the caller's promise; a channel has blocks or a ring.
        unsafe {
            match capacity {
                UNBOUNDED => blocks::to_fill(own, self.spare()),
                _ => Some(ring::place_far::<{ ring::STRETCH }, T>(
                    own,
                    self.slots(),
                    capacity,
                )),
            }
        }
    }

    /// Where the receiving side goes on, and maybe a block to be dropped after
    /// the lock.
    ///
    /// # Safety
    ///
    /// `own` is the receiving side's, whose lock is held, and there is a value. It
    /// is taken before the lock is given back.
    #[inline(always)]
    unsafe fn values(&self, own: &mut Own, capacity: usize) -> (Place, Option<blocks::Fresh<T>>) {
        if capacity <= ring::STRETCH {
            return (ring::place(own, capacity), None);
        }
        // SAFETY: the caller's promise; a channel has blocks or a ring.
        unsafe {
            match capacity {
                UNBOUNDED => blocks::to_empty(own, self.spare()),
                _ => (
                    ring::place_far::<{ ring::STRETCH }, T>(own, self.slots(), capacity),
                    None,
                ),
            }
        }
    }

    /// Puts a value in, whether or not that is plain.
    ///
    /// # Safety
    ///
    /// `own` is the sending side's, whose lock is held, and there is room.
    #[inline(always)]
    pub(crate) unsafe fn put(&self, own: &mut Own, value: T) {
        // SAFETY: the caller's promise: one slot is free, known or not.
        unsafe {
            let known = own.known();
            let at = known.unwrap_or_else(|| {
                let place = self.room(own, self.header().capacity());
                own.learn_one(place.expect("there is room"))
            });
            ring::put(own, at, value);
        }
    }

    /// The value, and a block to be dropped after the lock; whether or not that
    /// is plain.
    ///
    /// # Safety
    ///
    /// `own` is the receiving side's, whose lock is held, and there is a value.
    #[inline(always)]
    pub(crate) unsafe fn take(&self, own: &mut Own) -> (T, Option<blocks::Fresh<T>>) {
        let mut emptied = None;
        // SAFETY: as above.
        unsafe {
            let known = own.known();
            let at = known.unwrap_or_else(|| {
                let (place, block) = self.values(own, self.header().capacity());
                emptied = block;
                own.learn_one(place)
            });
            (ring::take(own, at), emptied)
        }
    }
}
