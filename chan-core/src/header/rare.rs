//! What few channels need, in a box beside the header: a name, a source, weak
//! handles, who waits for the close and what is known of it, values that came
//! back.
//!
//! A channel with a name or a source has it from birth; any other makes it when
//! something of it is first needed, and most never do. Where it is looked at,
//! that it is not there is one test.
//!
//! U1  The place in the header is null, or the address of a box that lives as
//!     long as the memory of the channel. Once set it does not change.
//! U2  It is made with no lock of a channel held: nothing is allocated under
//!     one. So whoever will need it under the lock sees to it before: who waits
//!     for the close, or closes at a line, or has a note or a value that comes
//!     back. (What only timers need is there from birth.)
//! U3  `guarded` is touched through a [`Guard`] of the channel only (H1).
//! U4  `first` is a [`Returned`](crate::returned::Returned) of the channel's own
//!     element, without its type. Only `hchan`, which knows it, looks. It is
//!     empty, hence null, at the beginning and when the channel has ended.
//!
//! Atomics: the place is set by compare-and-swap from null, Release, and read
//! with Acquire, so whoever sees the box sees what is in it. Two may make one at
//! once: the loser frees its own and takes the winner's, Acquire. Models:
//! `two_make_the_box_at_once`, `who_makes_the_box_meets_who_looks`,
//! `who_makes_the_box_meets_who_locks`. (One that is made at birth is there
//! before anybody looks.)

use std::borrow::Cow;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use super::{Guard, Guarded};
use crate::birth::Source;
use crate::capability::WeakCount;
use crate::sync::UnsafeCell;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::waitq::{Site, WaitQueue};
use crate::watch::Note;

/// See the head of this file.
pub(crate) struct Rare {
    pub(super) name: Option<Cow<'static, str>>,
    /// What sends by itself, if anything does.
    pub(super) source: Option<Arc<dyn Source>>,
    pub(crate) weak: WeakCount,
    guarded: UnsafeCell<GuardedRare>,
}

const _: () = assert!(cfg!(loom) || size_of::<usize>() < 8 || size_of::<Rare>() == 104);

/// The part of it that the lock of the channel guards.
pub(crate) struct GuardedRare {
    pub(super) closeq: WaitQueue,
    /// The line of an explicit close.
    pub(super) closed_at: Option<Site>,
    /// Values that left the buffer because nobody could receive them any more.
    pub(super) discarded: u64,
    /// Values handed over before this ticket do not come back.
    pub(super) outdated: u64,
    pub(crate) notes: Option<Box<Notes>>,
    /// Values that came back and are in no slot. (Each has an allocation.)
    pub(super) returned: u32,
    /// The first of those (U4).
    pub(crate) first: *mut (),
}

/// Notes of a watcher; there only if one was installed when they were due.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    pub(crate) closed: Option<Note>,
    pub(crate) receivers_orphaned: Option<Note>,
    pub(crate) senders_orphaned: Option<Note>,
}

impl Rare {
    fn new(name: Option<Cow<'static, str>>, source: Option<Arc<dyn Source>>) -> Self {
        Rare {
            name,
            source,
            weak: WeakCount::new(),
            guarded: UnsafeCell::new(GuardedRare {
                closeq: WaitQueue::new(),
                closed_at: None,
                discarded: 0,
                outdated: 0,
                notes: None,
                returned: 0,
                first: ptr::null_mut(),
            }),
        }
    }
}

impl Guard<'_> {
    /// What few channels need and the lock guards, if this one has it.
    #[inline(always)]
    pub(crate) fn rare(&self) -> Option<&GuardedRare> {
        let rare = self.header().rare()?;
        // SAFETY: U3, and no one changes it while `self` is borrowed; U1, it
        // stays as long as the header, which outlives `self`.
        Some(unsafe {
            let guarded = |guarded: &GuardedRare| NonNull::from(guarded);
            rare.guarded.with(guarded).as_ref()
        })
    }

    #[inline(always)]
    pub(crate) fn rare_mut(&mut self) -> Option<&mut GuardedRare> {
        self.both().1
    }

    /// All that the lock guards.
    #[inline(always)]
    pub(super) fn both(&mut self) -> (&mut Guarded, Option<&mut GuardedRare>) {
        let rare = self.header().rare();
        // SAFETY: U3 and U1, as above; this borrows `self` alone.
        let rare = rare.map(|rare| unsafe {
            let guarded = |guarded: &mut GuardedRare| NonNull::from(guarded);
            rare.guarded.with_mut(guarded).as_mut()
        });
        (self, rare)
    }

    /// Of a channel that has it: whoever needs it has seen to that (U2).
    #[cold]
    pub(crate) fn rare_made(&mut self) -> &mut GuardedRare {
        self.rare_mut().expect("made before the lock was taken")
    }
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
            boxed(Rare::new(name, source))
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
        let fresh = boxed(Rare::new(None, None));
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
