//! The waker of a task that waits, in two words of which one is worth keeping
//! when the waker is taken, and the other has room for the ticket of a watcher
//! that takes it.

use std::mem::ManuallyDrop;
use std::ptr;
use std::task::{RawWakerVTable, Waker};

use crate::sync::UnsafeCell;

/// A task: its waker, in two words. Both are guarded by the lock of the channel
/// (all of them, for a select): the owner replaces the waker under the lock,
/// the winner takes it.
pub(super) struct Woken {
    /// It stays when the waker is taken: a watcher knows its own by it.
    data: UnsafeCell<*const ()>,
    with: UnsafeCell<With>,
}

/// What the waker of a task is called with: its vtable; or null, where there is
/// no waker; or the ticket of a watcher that took the waker, which is odd.
#[derive(Clone, Copy)]
struct With(*const RawWakerVTable);

impl With {
    const NOTHING: With = With(ptr::null());

    /// Nothing if it is too large a number.
    fn ticket(ticket: u64) -> Option<With> {
        let twice = usize::try_from(ticket).ok()?.checked_mul(2)?;
        Some(With(ptr::without_provenance(twice | 1)))
    }

    fn as_ticket(self) -> Option<u64> {
        let number = self.0.addr();
        (number & 1 == 1).then_some(number as u64 / 2)
    }

    #[inline(always)]
    fn as_vtable(self) -> Option<&'static RawWakerVTable> {
        if self.as_ticket().is_some() {
            return None;
        }
        // SAFETY: if it is none of the others it was made from such a reference.
        unsafe { self.0.as_ref() }
    }
}

/// So its address is even.
const _: () = assert!(align_of::<RawWakerVTable>() > 1);

impl Woken {
    #[inline(always)]
    pub(super) fn by(waker: Option<Waker>) -> Self {
        let (data, with) = match waker.map(ManuallyDrop::new) {
            Some(waker) => (waker.data(), With(waker.vtable())),
            None => (ptr::null(), With::NOTHING),
        };
        Woken {
            data: UnsafeCell::new(data),
            with: UnsafeCell::new(with),
        }
    }

    /// Takes the waker, if it is there.
    ///
    /// # Safety
    ///
    /// The caller has what guards it.
    #[inline(always)]
    pub(super) unsafe fn take(&self) -> Option<Waker> {
        // SAFETY: the caller's promise. Data and table were those of a waker
        // that nobody else has.
        unsafe {
            let with = self
                .with
                .with_mut(|with| std::mem::replace(with, With::NOTHING));
            let data = self.data.with(|data| *data);
            Some(Waker::new(data, with.as_vtable()?))
        }
    }

    /// Has a waker, and no old one.
    ///
    /// # Safety
    ///
    /// The caller has what guards it.
    pub(super) unsafe fn put(&self, waker: Waker) {
        let waker = ManuallyDrop::new(waker);
        // SAFETY: the caller's promise.
        unsafe {
            self.data.with_mut(|data| *data = waker.data());
            self.with.with_mut(|with| *with = With(waker.vtable()));
        }
    }

    /// # Safety
    ///
    /// The caller has what guards it.
    pub(super) unsafe fn will_wake(&self, other: &Waker) -> bool {
        // SAFETY: the caller's promise.
        let (data, with) = unsafe {
            let data = self.data.with(|data| *data);
            (data, self.with.with(|with| *with))
        };
        data == other.data() && ptr::eq(with.0, other.vtable())
    }

    /// What is known of a waker that was put to use, also when it is taken.
    ///
    /// # Safety
    ///
    /// Nobody puts one in.
    pub(super) unsafe fn data(&self) -> usize {
        // SAFETY: the caller's promise.
        unsafe { self.data.with(|data| data.addr()) }
    }

    /// Takes the ticket of a watcher, if one has left it.
    ///
    /// # Safety
    ///
    /// The caller has what guards it.
    pub(super) unsafe fn take_ticket(&self) -> Option<u64> {
        // SAFETY: the caller's promise.
        unsafe {
            let ticket = self.with.with(|with| with.as_ticket())?;
            self.with.with_mut(|with| *with = With::NOTHING);
            Some(ticket)
        }
    }

    /// Takes the waker, if it is there, and leaves a ticket for it.
    ///
    /// # Safety
    ///
    /// The caller has what guards it.
    pub(super) unsafe fn swap(&self, ticket: u64) -> Option<Waker> {
        let ticket = With::ticket(ticket)?;
        // SAFETY: the caller's promise.
        unsafe {
            self.with.with(|with| with.as_vtable())?;
            let waker = self.take();
            self.with.with_mut(|with| *with = ticket);
            waker
        }
    }
}
