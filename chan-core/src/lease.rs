//! A borrow of a channel that may lie beside the handle it depends on: what a
//! stream or a sink that owns its handle works with.

use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::handle::Handle;
use crate::hchan::Hchan;

/// A borrow of a channel beside the handle that keeps it alive, in one value.
///
/// A pointer, not a reference: a reference in an argument promises that what
/// it refers to is there until the call ends, and the call may be the drop of
/// the value, with the handle and the channel.
pub(crate) struct Lease<'a, T> {
    chan: NonNull<Hchan<T>>,
    borrow: PhantomData<&'a Hchan<T>>,
}

// SAFETY: it stands for a reference to a channel, which is Sync as `T: Send`.
unsafe impl<T: Send> Send for Lease<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Lease<'_, T> {}

impl<T> Clone for Lease<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Lease<'_, T> {}

impl<'a, T> Lease<'a, T> {
    /// Of a channel that somebody else keeps alive.
    pub(crate) fn of(chan: &'a Hchan<T>) -> Self {
        Lease {
            chan: NonNull::from(chan),
            borrow: PhantomData,
        }
    }

    /// The channel.
    pub(crate) fn chan(self) -> &'a Hchan<T> {
        // SAFETY: borrowed for `'a`, or alive by the promise to `lease`.
        unsafe { self.chan.as_ref() }
    }
}

impl<T, const CAN: u8> Handle<T, CAN> {
    /// A borrow that is as long as this handle, whatever its type says.
    ///
    /// # Safety
    ///
    /// Neither it nor a reference from it is used when this handle has gone.
    pub(crate) unsafe fn lease<'a>(&self) -> Lease<'a, T> {
        Lease {
            chan: NonNull::from(self.chan()),
            borrow: PhantomData,
        }
    }
}
