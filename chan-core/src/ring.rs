//! The slots of a channel with a capacity: a ring, allocated with the channel.
//!
//! G1  The slots from the receiving side's place to the sending side's (around
//!     the end) hold values, all others do not. How many they are, the two
//!     indices say ([`crate::sides`]).
//! G2  Values and permits together are no more than the slots.

use std::mem::MaybeUninit;

use crate::birth::UNBOUNDED;
use crate::sides::{Own, Place};
use crate::sync::UnsafeCell;

/// Where a value is or goes. Also where a waiting receiver gets its value and a
/// waiting sender has it.
pub(crate) type Slot<T> = UnsafeCell<MaybeUninit<T>>;

/// Makes cells of memory for slots. Only loom's know more than what is in them.
///
/// # Safety
///
/// There is memory for `count` slots, without slots.
pub(crate) unsafe fn make_cells<T>(slots: *mut Slot<T>, count: usize) {
    #[cfg(loom)]
    for at in 0..count {
        // SAFETY: the caller's promise.
        unsafe { slots.add(at).write(UnsafeCell::new(MaybeUninit::uninit())) };
    }
    #[cfg(not(loom))]
    let _ = (slots, count);
}

/// Ends such cells.
///
/// # Safety
///
/// [`make_cells`] has made them, and they are used no more.
pub(crate) unsafe fn end_cells<T>(slots: *mut Slot<T>, count: usize) {
    #[cfg(loom)]
    for at in 0..count {
        // SAFETY: the caller's promise.
        unsafe { std::ptr::drop_in_place(slots.add(at)) };
    }
    #[cfg(not(loom))]
    let _ = (slots, count);
}

/// Where a side of a ring goes on: behind the last slot with the first. For rings
/// of [`STRETCH`] slots at most.
#[inline(always)]
pub(crate) fn place(own: &Own, capacity: usize) -> Place {
    let at = own.at();
    let at = if at as usize == capacity { 0 } else { at };
    Place {
        at,
        left: capacity - at as usize,
    }
}

/// As many slots as can be counted from a base. That of a larger ring goes along.
/// (One less than is possible: with words of 32 bits that would be no limit at
/// all.)
pub(crate) const STRETCH: usize = u32::MAX as usize - 1;

const _: () = assert!(STRETCH < UNBOUNDED);

/// The same in a ring of more slots than `MOST`.
///
/// # Safety
///
/// `own` is a side of a ring of `capacity` slots of `T`; the first is at the
/// address of `slots`.
#[cold]
pub(crate) unsafe fn place_far<const MOST: usize, T>(
    own: &mut Own,
    slots: *const Slot<T>,
    capacity: usize,
) -> Place {
    if size_of::<T>() == 0 {
        // All slots are one.
        return Place {
            at: 0,
            left: capacity,
        };
    }
    let (base, at) = (own.base.cast::<Slot<T>>(), own.at() as usize);
    // SAFETY: the base is one of the slots, and `at` counts from there.
    unsafe {
        let before = base.cast_const().offset_from_unsigned(slots);
        let (base, before, at) = if before + at == capacity {
            (base.sub(before), 0, 0)
        } else if at == MOST {
            (base.add(MOST), before + MOST, 0)
        } else {
            (base, before, at)
        };
        own.base = base.cast();
        Place {
            at: at as u32,
            left: MOST.min(capacity - before) - at,
        }
    }
}

/// Puts a value into a slot, of a ring or of a block, and goes on behind it.
///
/// # Safety
///
/// `own` is the sending side's, whose lock is held, of a buffer of `T`; the slot
/// is there, and free.
#[inline(always)]
pub(crate) unsafe fn put<T>(own: &mut Own, at: u32, value: T) {
    own.step(at);
    // SAFETY: the caller's promise; the other side does not touch the slot before
    // the index has said that it holds a value.
    unsafe {
        let slot = own.base.cast::<Slot<T>>().add(at as usize);
        (*slot).with_mut(|slot| *slot = MaybeUninit::new(value));
    }
}

/// Takes the value out of a slot, of a ring or of a block, and goes on behind it.
///
/// # Safety
///
/// `own` is the receiving side's, whose lock is held, of a buffer of `T`; the
/// slot is there, and holds a value.
#[inline(always)]
pub(crate) unsafe fn take<T>(own: &mut Own, at: u32) -> T {
    own.step(at);
    // SAFETY: the caller's promise; the value is given up with this step, and the
    // other side does not touch the slot before the index has said so.
    unsafe {
        let slot = own.base.cast::<Slot<T>>().add(at as usize);
        (*slot).with(|slot| slot.assume_init_read())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::sides::Side;

    /// Rings of 10 slots, of which 3, 4, 5, 9 or 10 can be counted from a base.
    #[test]
    fn a_ring_of_more_slots_than_can_be_counted_goes_round() {
        goes_round::<3>();
        goes_round::<4>();
        goes_round::<5>();
        goes_round::<9>();
        goes_round::<10>();
    }

    fn goes_round<const MOST: usize>() {
        const CAPACITY: usize = 10;
        let mut slots: Vec<Slot<u16>> = Vec::with_capacity(CAPACITY);
        let first = slots.as_mut_ptr();
        // SAFETY: here is nobody else, and the memory is that of the slots.
        unsafe {
            make_cells(first, CAPACITY);
            Side::new(true, false).own.with_mut(|own| {
                own.base = first.cast();
                for number in 0..35 {
                    let place = place_far::<MOST, u16>(own, first, CAPACITY);
                    let at = own.learn_one(place);
                    let expected = number % CAPACITY;
                    let slot = own.base.cast::<Slot<u16>>().add(at as usize);
                    assert_eq!(slot, first.add(expected), "{MOST}, number {number}");
                    assert!(at as usize <= MOST && place.left > 0, "{MOST}");
                    assert!(expected + place.left <= CAPACITY, "to the end at most");
                    put(own, at, 7_u16);
                }
            });
        }
    }
}
