//! The slots of a channel without a limit: a list of blocks, of which an idle
//! channel keeps two at most.
//!
//! The sending side fills the last block and the receiving side empties the
//! first; they are the same one while few values wait. Blocks are made outside
//! the locks and offered as the spare one, which the sending side takes when
//! its block is full. The receiving side offers a block that it has emptied,
//! and gives it back to the allocator if there is a spare one already.
//!
//! B1  The values are the slots from the receiving side's place in its block to
//!     the sending side's place in its own; all other slots hold none.
//! B2  `base` is null on both sides or on neither; it is where the slots of the
//!     side's block begin. The sending side's block is reached from the receiving
//!     side's by `next`, and is the only one whose `next` is null.
//! B3  Whoever holds the lock of the sending side and sees a spare block can
//!     have it: others only offer one where there is none.
//!
//! Atomics:
//! - `next`: stored under the sending side's lock (Release), loaded under the
//!   receiving side's (Acquire); the index orders them as well. Model:
//!   `sides_apart_go_to_the_next_block`.
//! - `spare`: offered with Release, taken with Acquire, so that the block is
//!   the taker's alone. Models: `sides_apart_go_to_the_next_block`,
//!   `two_senders_need_a_block`.

use std::alloc::{self, Layout};
use std::ptr::{self, NonNull};

use crate::ring::{self, Slot};
use crate::sides::{Own, Place};
use crate::sync::atomic::{AtomicPtr, Ordering};

/// A part of the list, in front of its slots.
#[repr(C)]
struct Block<T> {
    next: AtomicPtr<Block<T>>,
    slots: [Slot<T>; 0],
}

impl<T> Block<T> {
    /// As many slots as fill a kilobyte: one at least, 128 at most.
    const SLOTS: usize = {
        let size = if size_of::<T>() == 0 {
            1
        } else {
            size_of::<T>()
        };
        let fit = 1024 / size;
        if cfg!(loom) {
            // So that a model comes to its end.
            1
        } else if fit == 0 {
            1
        } else if fit > 128 {
            128
        } else {
            fit
        }
    };

    const WHOLE: Place = Place {
        at: 0,
        left: Self::SLOTS,
    };

    fn layout() -> Layout {
        let slots = Layout::array::<Slot<T>>(Self::SLOTS).expect("a kilobyte, or one element");
        let (layout, _) = Layout::new::<Self>().extend(slots).expect("as above");
        layout.pad_to_align()
    }

    /// The slots, which follow the block.
    ///
    /// # Safety
    ///
    /// The block is alive, and the pointer that of its allocation.
    #[inline(always)]
    unsafe fn slots(this: *mut Self) -> *mut Slot<T> {
        // SAFETY: the caller's promise.
        unsafe { (&raw mut (*this).slots).cast() }
    }
}

/// A block that is in no list. It is never on the stack as a whole: elements
/// may be large.
pub(crate) struct Fresh<T>(NonNull<Block<T>>);

impl<T> Fresh<T> {
    /// An empty block.
    pub(crate) fn new() -> Self {
        let layout = Block::<T>::layout();
        // SAFETY: the layout is not empty, since a block has a pointer.
        let block = unsafe { alloc::alloc(layout) }.cast::<Block<T>>();
        let Some(block) = NonNull::new(block) else {
            alloc::handle_alloc_error(layout)
        };
        // SAFETY: just allocated, for a block and its slots.
        unsafe {
            (&raw mut (*block.as_ptr()).next).write(AtomicPtr::new(ptr::null_mut()));
            ring::make_cells(Block::slots(block.as_ptr()), Block::<T>::SLOTS);
        }
        Fresh(block)
    }

    fn into_raw(self) -> *mut Block<T> {
        let block = self.0.as_ptr();
        std::mem::forget(self);
        block
    }
}

impl<T> Drop for Fresh<T> {
    fn drop(&mut self) {
        // SAFETY: ours alone, made by `new`, and no slot holds a value.
        unsafe {
            ring::end_cells(Block::slots(self.0.as_ptr()), Block::<T>::SLOTS);
            ptr::drop_in_place(self.0.as_ptr());
            alloc::dealloc(self.0.as_ptr().cast(), Block::<T>::layout());
        }
    }
}

/// The place of the spare block.
pub(crate) struct Spare<T>(AtomicPtr<Block<T>>);

impl<T> Spare<T> {
    pub(crate) fn none() -> Self {
        Spare(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline(always)]
    fn is_there(&self) -> bool {
        // Who takes it synchronizes.
        !self.0.load(Ordering::Relaxed).is_null()
    }

    /// Offers a block; it comes back if there is one.
    pub(crate) fn offer(&self, block: Fresh<T>) -> Option<Fresh<T>> {
        let offered = block.into_raw();
        // Release: what was done with the block ends before it is taken.
        let offer = self.0.compare_exchange(
            ptr::null_mut(),
            offered,
            Ordering::Release,
            Ordering::Relaxed,
        );
        match offer {
            Ok(_) => None,
            // SAFETY: from `into_raw`, and not accepted.
            Err(_) => Some(Fresh(unsafe { NonNull::new_unchecked(offered) })),
        }
    }

    /// Under the lock of the sending side.
    fn take(&self) -> Option<Fresh<T>> {
        // Acquire pairs with the Release of `offer`.
        NonNull::new(self.0.swap(ptr::null_mut(), Ordering::Acquire)).map(Fresh)
    }
}

impl<T> Drop for Spare<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// The block of which these are the slots.
///
/// # Safety
///
/// They are, of a block of `T` that is alive.
#[inline]
unsafe fn block_of<T>(base: *mut ()) -> *mut Block<T> {
    // SAFETY: the block's own words are in front of its slots.
    unsafe { base.byte_sub(std::mem::offset_of!(Block<T>, slots)).cast() }
}

/// Whether a value can be put in without a new block.
#[inline]
pub(crate) fn has_room<T>(own: &Own, spare: &Spare<T>) -> bool {
    let base = own.base;
    !base.is_null() && ((own.at() as usize) < Block::<T>::SLOTS || spare.is_there())
}

/// Makes the spare block the first one, if there is none yet.
///
/// # Safety
///
/// Both locks are held, and these are the two sides of a list of `T`.
pub(crate) unsafe fn begin<T>(tail: &mut Own, head: &mut Own, spare: &Spare<T>) {
    let base = tail.base;
    if base.is_null()
        && let Some(block) = spare.take()
    {
        // SAFETY: ours, and alive.
        tail.base = unsafe { Block::slots(block.into_raw()) }.cast();
        head.base = tail.base;
    }
}

/// Where a side goes on in its block, if it is not done with that.
#[inline(always)]
pub(crate) fn rest<T>(own: &Own) -> Option<Place> {
    let (at, base) = (own.at(), own.base);
    let left = Block::<T>::SLOTS - at as usize;
    (left > 0 && !base.is_null()).then_some(Place { at, left })
}

/// Where the sending side goes on: in its block, or in the spare one, if there is
/// one, which is then the last of the list.
///
/// # Safety
///
/// `own` is the sending side's, whose lock is held, of a list of `T`. The place is
/// used before the lock is given back.
#[inline(always)]
pub(crate) unsafe fn to_fill<T>(own: &mut Own, spare: &Spare<T>) -> Option<Place> {
    if own.base.is_null() {
        return None;
    }
    match rest::<T>(own) {
        Some(place) => Some(place),
        // SAFETY: the caller's promise.
        None => unsafe { to_fill_next(own, spare) },
    }
}

/// # Safety
///
/// As for [`to_fill`], of a side whose block is full.
#[cold]
unsafe fn to_fill_next<T>(own: &mut Own, spare: &Spare<T>) -> Option<Place> {
    let block = spare.take()?.into_raw();
    // SAFETY: B2; ours until it is linked.
    unsafe {
        (*block).next.store(ptr::null_mut(), Ordering::Relaxed);
        // Release pairs with the Acquire in `to_empty_next`.
        (*block_of::<T>(own.base))
            .next
            .store(block, Ordering::Release);
        own.base = Block::slots(block).cast();
    }
    Some(Block::<T>::WHOLE)
}

/// Where the receiving side goes on: in its block, or in the next one, if it has
/// emptied its own; and maybe that, if nobody needs it, to be dropped after the
/// lock.
///
/// # Safety
///
/// `own` is the receiving side's, whose lock is held, of a list of `T` that is
/// not empty. The place is used before the lock is given back.
#[inline(always)]
pub(crate) unsafe fn to_empty<T>(own: &mut Own, spare: &Spare<T>) -> (Place, Option<Fresh<T>>) {
    match rest::<T>(own) {
        Some(place) => (place, None),
        // SAFETY: the caller's promise.
        None => unsafe { to_empty_next(own, spare) },
    }
}

/// # Safety
///
/// As for [`to_empty`], of a side whose block is empty.
#[cold]
unsafe fn to_empty_next<T>(own: &mut Own, spare: &Spare<T>) -> (Place, Option<Fresh<T>>) {
    // SAFETY: B2; values are left, so there is a next block, and the sending
    // side has left this one for it.
    unsafe {
        let emptied = block_of::<T>(own.base);
        let block = (*emptied).next.load(Ordering::Acquire);
        debug_assert!(!block.is_null(), "B2");
        own.base = Block::slots(block).cast();
        let unneeded = spare.offer(Fresh(NonNull::new_unchecked(emptied)));
        (Block::<T>::WHOLE, unneeded)
    }
}

/// Frees the last block of an empty list.
///
/// # Safety
///
/// The list of `T` is empty, and nobody uses it any more.
pub(crate) unsafe fn end<T>(tail: &mut Own, head: &mut Own) {
    let base = head.base;
    if base.is_null() {
        return;
    }
    // An emptied block may still wait to be left.
    // SAFETY: B2.
    let mut at = NonNull::new(unsafe { block_of::<T>(base) });
    while let Some(block) = at {
        // SAFETY: B2; nobody else is left.
        at = NonNull::new(unsafe { block.as_ref() }.next.load(Ordering::Relaxed));
        drop(Fresh(block));
    }
    (tail.base, head.base) = (ptr::null_mut(), ptr::null_mut());
}
