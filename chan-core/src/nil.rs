//! The nil channel: where those wait whom nothing can wake.
//!
//! Nil has no values and no handles, but whoever waits on it is queued like
//! everybody else, so that a watcher finds them. One header serves the whole
//! process; nothing ever claims its waiters.

use std::cell::OnceCell;
use std::marker::PhantomPinned;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::task::Context;
use std::time::Instant;

use crate::birth::{Birth, Manners};
use crate::capability::Capability;
use crate::header::{Header, Kind, Origin};
use crate::parker::{self, Party};
use crate::registry::Maker;
use crate::spin::Yielding;
use crate::waitq::{Direction, Waiter};

const KIND: Kind = Kind {
    element: || "nil",
    manners: Manners::Go,
    is_context: false,
    free: never_freed,
};

/// The header of nil.
pub(crate) fn header() -> &'static Header {
    static NIL: OnceLock<Box<Header>> = OnceLock::new();
    NIL.get_or_init(|| {
        let birth = Birth {
            site: Location::caller(),
            name: None,
            source: None,
            scope: 0,
            manners: Manners::Go,
            is_context: false,
        };
        let origin = Origin::of(birth);
        let mut header = Box::<Header>::new_uninit();
        let place = NonNull::from(&mut *header).cast();
        let all = Capability::SEND.and(Capability::RECV);
        // SAFETY: it is written here, whole.
        unsafe {
            Header::write(place, origin, 0, all, &KIND, Maker::this_thread());
            header.assume_init()
        }
    })
}

/// # Safety
///
/// None needed: it does nothing, since nobody gives up nil's last share.
unsafe fn never_freed(_: NonNull<Header>) {}

/// Waits on nil: for ever, or until the deadline.
#[cold]
pub(crate) fn wait(
    direction: Direction,
    deadline: Option<Instant>,
    site: &'static Location<'static>,
) {
    let party = Party::thread(1, false, deadline.is_some());
    let waiter = Waiter::new(NonNull::from(&party), None, direction, 0, site);
    if direction == Direction::Close {
        header().ensure_rare();
    }
    // SAFETY: both live until the waiter is withdrawn below.
    unsafe { header().lock().park(NonNull::from(&waiter)) };
    while party.wait(deadline, Yielding::Yes) {}
    // SAFETY: ours, and of this header.
    unsafe { header().lock().withdraw(NonNull::from(&waiter)) };
}

/// Waits in a select that has no cases: for ever.
///
/// # Examples
///
/// ```no_run
/// std::thread::spawn(|| -> () { chan_core::select::select_nothing() });
/// ```
#[cold]
#[track_caller]
pub fn select_nothing() -> ! {
    wait_without_cases(None);
    unreachable!("nothing ends it")
}

/// The same until the deadline, if there is one.
#[cold]
#[track_caller]
pub(crate) fn wait_without_cases(deadline: Option<Instant>) {
    let party = Party::thread(0, true, deadline.is_some());
    let party_pointer = NonNull::from(&party);
    let waiter = Waiter::new(party_pointer, None, Direction::Recv, 0, Location::caller());
    // SAFETY: both live until the waiter is withdrawn below.
    unsafe { header().lock().park(NonNull::from(&waiter)) };
    while party.wait(deadline, Yielding::Yes) {}
    // SAFETY: ours, and of this header.
    unsafe { header().lock().withdraw(NonNull::from(&waiter)) };
}

/// The same in a task: listed from its first poll to its drop.
pub(crate) struct Nothing {
    party: Party,
    waiter: OnceCell<Waiter>,
    site: &'static Location<'static>,
    _pinned: PhantomPinned,
}

// SAFETY: the pointers are to the value itself, which is pinned while they
// are used.
unsafe impl Send for Nothing {}

impl Nothing {
    /// Whether it gives up in time is for watchers to know.
    pub(crate) fn new(site: &'static Location<'static>, has_deadline: bool) -> Self {
        Nothing {
            party: Party::task(0, true, has_deadline),
            waiter: OnceCell::new(),
            site,
            _pinned: PhantomPinned,
        }
    }

    /// Queues it, the first time, with the waker of the task: nobody uses that
    /// to end the wait, but it says whose wait it is.
    pub(crate) fn list(self: Pin<&Self>, cx: &mut Context<'_>) {
        let this = self.get_ref();
        let (is_known, asked) = {
            let _guard = header().lock();
            // SAFETY: the lock that guards the waker is held.
            unsafe { (this.party.will_wake(cx.waker()), this.party.take_ticket()) }
        };
        if let Some(ticket) = asked {
            parker::show_stack(ticket);
        }
        if is_known {
            return;
        }
        // Cloning and dropping are foreign code: not under the lock.
        let waker = cx.waker().clone();
        let mut guard = header().lock();
        // SAFETY: the lock is held.
        let old = unsafe { this.party.set_waker(waker) };
        if this.waiter.get().is_none() {
            let waiter = this.waiter.get_or_init(|| {
                let party = NonNull::from(&this.party);
                Waiter::new(party, None, Direction::Recv, 0, this.site)
            });
            // SAFETY: pinned, and withdrawn by `drop`.
            unsafe { guard.park(NonNull::from(waiter)) };
        }
        drop(guard);
        drop(old);
    }
}

impl Drop for Nothing {
    fn drop(&mut self) {
        if let Some(waiter) = self.waiter.get() {
            // SAFETY: ours, and of this header.
            unsafe { header().lock().withdraw(NonNull::from(waiter)) };
        }
    }
}

impl std::fmt::Debug for Nothing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Nothing({})", self.site)
    }
}
