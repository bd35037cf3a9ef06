//! What few channels need, in a box beside the header: a name, a source, weak
//! handles.
//!
//! A channel with a name or a source has it from birth; any other makes it when
//! something of it is first needed, and most never do. Where it is looked at,
//! that it is not there is one test.
//!
//! U1  The place in the header is null, or the address of a box that lives as
//!     long as the memory of the channel. Once set it does not change.
//! U2  It is made with no lock of a channel held: nothing is allocated under
//!     one.
//!
//! Atomics: the place is set by compare-and-swap from null, Release, and read
//! with Acquire, so whoever sees the box sees what is in it. Two may make one at
//! once: the loser frees its own and takes the winner's, Acquire. Models:
//! `two_make_the_box_at_once`, `who_makes_the_box_meets_who_looks`. (One that is
//! made at birth is there before anybody looks.)

use std::borrow::Cow;
use std::ptr;
use std::sync::Arc;

use crate::birth::Source;
use crate::capability::WeakCount;
use crate::sync::atomic::{AtomicPtr, Ordering};

/// See the head of this file.
#[derive(Default)]
pub(crate) struct Rare {
    pub(super) name: Option<Cow<'static, str>>,
    /// What sends by itself, if anything does.
    pub(super) source: Option<Arc<dyn Source>>,
    pub(crate) weak: WeakCount,
}

/// Where a header has its box, if there is one.
pub(super) struct RarePlace(AtomicPtr<Rare>);

impl RarePlace {
    /// Of a channel with this name and this source.
    #[inline(always)]
    pub(super) fn new(name: Option<Cow<'static, str>>, source: Option<Arc<dyn Source>>) -> Self {
        let rare = if name.is_none() && source.is_none() {
            ptr::null_mut()
        } else {
            boxed(Rare {
                name,
                source,
                ..Rare::default()
            })
        };
        RarePlace(AtomicPtr::new(rare))
    }

    #[inline(always)]
    pub(super) fn get(&self) -> Option<&Rare> {
        // Acquire pairs with the Release of `make`.
        let rare = self.0.load(Ordering::Acquire);
        // SAFETY: U1; the place is part of the channel's memory.
        unsafe { rare.as_ref() }
    }

    /// No lock of a channel is held (U2).
    #[cold]
    pub(super) fn make(&self) -> &Rare {
        let fresh = boxed(Rare::default());
        // Release: whoever sees it sees what is in it. Acquire, for the same
        // of another.
        let set =
            self.0
                .compare_exchange(ptr::null_mut(), fresh, Ordering::Release, Ordering::Acquire);
        let rare = set.map_or_else(
            |other| {
                // SAFETY: made above, and shown to nobody.
                drop(unsafe { Box::from_raw(fresh) });
                other
            },
            |_| fresh,
        );
        // SAFETY: U1.
        unsafe { &*rare }
    }
}

#[inline(never)]
fn boxed(rare: Rare) -> *mut Rare {
    Box::into_raw(Box::new(rare))
}

impl Drop for RarePlace {
    #[inline]
    fn drop(&mut self) {
        // Relaxed: whoever frees the memory of a channel is its last user, and
        // has seen what the others did (`memory` of `header`).
        let rare = self.0.load(Ordering::Relaxed);
        if !rare.is_null() {
            // SAFETY: U1, and its life ends here.
            drop(unsafe { Box::from_raw(rare) });
        }
    }
}
