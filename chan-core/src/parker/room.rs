//! A place for a party that is not there yet: in a future, which is moved before
//! it waits.

use std::cell::Cell;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::NonNull;
use std::task::Waker;

use super::{Begun, Kind, Marks, Party};

/// How far a task has come with its wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nothing is queued yet.
    Fresh,
    /// It is queued.
    Parked,
    /// It is done, or was given up.
    Over,
}

/// A place for the party of a task that waits on one case.
#[repr(C)]
pub(crate) struct PartyRoom {
    begun: MaybeUninit<Begun>,
    marks: Marks,
}

impl PartyRoom {
    #[inline(always)]
    pub(crate) fn new(has_deadline: bool) -> Self {
        PartyRoom {
            begun: MaybeUninit::uninit(),
            marks: Marks::new(Kind::TASK, 1, false, has_deadline),
        }
    }

    /// How far it has come.
    #[inline(always)]
    pub(crate) fn stage(&self) -> &Cell<Stage> {
        &self.marks.stage
    }

    /// A party that waits since then, here, to be woken by `waker`. (In place:
    /// built elsewhere and moved it costs ten nanoseconds, as what was just
    /// written in words is read in pairs.)
    ///
    /// # Safety
    ///
    /// `this` is there to be written, is new, and nobody looks.
    #[inline(always)]
    pub(crate) unsafe fn fill(this: NonNull<Self>, waker: Waker, since: u64) -> NonNull<Party> {
        // SAFETY: the caller's promise.
        unsafe {
            let begun = &raw mut (*this.as_ptr()).begun;
            Begun::write(begun.cast(), waker, since);
        }
        // Both have the same fields in the same order.
        this.cast()
    }

    /// What [`PartyRoom::fill`] has made.
    ///
    /// # Safety
    ///
    /// It has made it, and it has not ended.
    #[inline(always)]
    pub(crate) unsafe fn party(&self) -> &Party {
        // SAFETY: the same fields in the same order, and all are written.
        unsafe { NonNull::from(self).cast().as_ref() }
    }

    /// Ends it.
    ///
    /// # Safety
    ///
    /// As for [`PartyRoom::party`]; none of its waiters is linked.
    #[inline(always)]
    pub(crate) unsafe fn end(&mut self) {
        // SAFETY: the caller's promise; it is a task's.
        unsafe {
            let begun = self.begun.assume_init_mut();
            let waker = begun.who.task.take();
            ManuallyDrop::drop(&mut begun.who.task);
            drop(waker);
        }
    }
}

const _: () = assert!(cfg!(loom) || size_of::<PartyRoom>() == size_of::<Party>());
