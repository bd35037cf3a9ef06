//! The slots of a channel with a capacity: a ring, allocated with the channel.
//!
//! G1  The slots from the receiving side's place to the sending side's (around
//!     the end) hold values, all others do not. How many they are, the two
//!     indices say ([`crate::sides`]).
//! G2  Values and permits together are no more than the slots.

use std::mem::MaybeUninit;

use crate::sides::Own;
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

/// The slot that is next, and the step to the one behind it.
///
/// # Safety
///
/// `own.base` is the first of `capacity` slots of `T`, which are more than none.
#[inline(always)]
unsafe fn next<'s, T>(own: &mut Own, capacity: usize) -> &'s Slot<T> {
    debug_assert!(own.at < capacity);
    // SAFETY: the caller's promise; `at` is below the capacity.
    let slot = unsafe { &*own.base.cast::<Slot<T>>().add(own.at) };
    own.at += 1;
    if own.at == capacity {
        own.at = 0;
    }
    slot
}

/// Puts a value in.
///
/// # Safety
///
/// `own` is the sending side's, whose lock is held, of a ring of `capacity`
/// slots of `T` that is not full.
#[inline(always)]
pub(crate) unsafe fn put<T>(own: &mut Own, capacity: usize, value: T) {
    // SAFETY: the caller's promise. The slot is free (G1), and the other side
    // does not touch it before the index has said that it holds a value.
    unsafe { next::<T>(own, capacity).with_mut(|slot| *slot = MaybeUninit::new(value)) };
}

/// Takes the oldest value out.
///
/// # Safety
///
/// `own` is the receiving side's, whose lock is held, of a ring of `capacity`
/// slots of `T` that is not empty.
#[inline(always)]
pub(crate) unsafe fn take<T>(own: &mut Own, capacity: usize) -> T {
    // SAFETY: the caller's promise. The slot holds a value (G1), which is given
    // up with this step; the other side does not touch the slot before the
    // index has said so.
    unsafe { next::<T>(own, capacity).with(|slot| slot.assume_init_read()) }
}
