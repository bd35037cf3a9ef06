//! A place for a waiter that is not there yet: in a future, which is moved
//! before it waits.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

use super::{Direction, Node, Site, Waiter};
use crate::parker::Party;

/// A place for a waiter that knows its line already, and becomes a waiter when
/// that begins to wait.
#[repr(C)]
pub(crate) struct WaiterRoom {
    node: MaybeUninit<Node>,
    site: Site,
}

impl WaiterRoom {
    #[inline(always)]
    pub(crate) fn new(site: Site) -> Self {
        WaiterRoom {
            node: MaybeUninit::uninit(),
            site,
        }
    }

    pub(crate) fn site(&self) -> Site {
        self.site
    }

    /// The only waiter of `party`, here.
    ///
    /// # Safety
    ///
    /// `this` is there to be written, has its line, and nobody looks.
    #[inline(always)]
    pub(crate) unsafe fn fill(
        this: NonNull<Self>,
        party: NonNull<Party>,
        slot: Option<NonNull<()>>,
        direction: Direction,
    ) -> NonNull<Waiter> {
        // SAFETY: the caller's promise.
        unsafe {
            let node = &raw mut (*this.as_ptr()).node;
            node.cast::<Node>()
                .write(Node::new(party, slot, direction, 0));
        }
        // Both have the same fields in the same order.
        this.cast()
    }

    /// What [`WaiterRoom::fill`] has made.
    ///
    /// # Safety
    ///
    /// It has made it, and it has not ended.
    #[inline(always)]
    pub(crate) unsafe fn waiter(&self) -> &Waiter {
        // SAFETY: the same fields in the same order, and all are written.
        unsafe { NonNull::from(self).cast().as_ref() }
    }

    /// Ends it.
    ///
    /// # Safety
    ///
    /// As for [`WaiterRoom::waiter`]; it is linked nowhere.
    #[inline(always)]
    pub(crate) unsafe fn end(&mut self) {
        // SAFETY: the caller's promise.
        unsafe { self.node.assume_init_drop() };
    }
}

const _: () = assert!(cfg!(loom) || size_of::<WaiterRoom>() == size_of::<Waiter>());
