//! Cases in which no value moves: a request for a permit, and a wait for the
//! close. They wait alone, not in a select.

use std::cell::{Cell, OnceCell};
use std::panic::Location;
use std::ptr::NonNull;

use crate::arm::{Arm, Erased, Target};
use crate::face::{Closed, SendFace};
use crate::hchan::Hchan;
use crate::header::Guard;
use crate::parker::Wake;
use crate::results::Reserved;
use crate::waiting::{Waiting, sent_on_closed};
use crate::waitq::{Direction, Outcome, Site, Waiter};

/// A request for a permit of a channel, which is nil if it is none.
pub(crate) struct ReserveCase<'a, T> {
    chan: Option<&'a Hchan<T>>,
    site: Site,
    waiter: OnceCell<Waiter>,
    granted: Cell<bool>,
}

/// A wait for the close of a channel, which is nil if it is none.
pub(crate) struct CloseCase<'a, T> {
    chan: Option<&'a Hchan<T>>,
    site: Site,
    waiter: OnceCell<Waiter>,
}

// SAFETY: the pointers in `waiter` are to the party, which moves with the
// case; the channel may be shared as `T: Send`.
unsafe impl<T: Send> Send for ReserveCase<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for CloseCase<'_, T> {}

impl<'a, T> ReserveCase<'a, T> {
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, site: Site) -> Self {
        ReserveCase {
            chan,
            site,
            waiter: OnceCell::new(),
            granted: Cell::new(false),
        }
    }

    /// The result of a case that has won: what `permit` makes of the channel
    /// that owes one.
    #[track_caller]
    pub(crate) fn take<F: SendFace<()>, P>(
        &self,
        permit: impl FnOnce(&'a Hchan<T>) -> P,
    ) -> F::Reserved<P> {
        let chan = self.chan.expect("nil grants nothing");
        if self.granted.take() {
            return F::reserved(permit(chan));
        }
        let caller = Location::caller();
        let text = || sent_on_closed(chan, self.site, caller);
        F::refused(Closed { text: &text })
    }
}

impl<T> Drop for ReserveCase<'_, T> {
    fn drop(&mut self) {
        // Granted at the look, and never taken.
        if let (Some(chan), true) = (self.chan, self.granted.take()) {
            chan.release();
        }
    }
}

impl<'a, T> CloseCase<'a, T> {
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, site: Site) -> Self {
        CloseCase {
            chan,
            site,
            waiter: OnceCell::new(),
        }
    }
}

impl<T> Erased for ReserveCase<'_, T> {
    fn attempt(&self, guard: &mut Guard<'_>) -> Option<Wake> {
        match self.chan?.op(guard).reserve() {
            Reserved::Granted => self.granted.set(true),
            Reserved::Closed => {}
            Reserved::Full => return None,
        }
        Some(Wake::None)
    }

    fn attempt_alone(&self) -> Option<Wake> {
        self.attempt(&mut self.chan?.header().lock())
    }

    fn waiter(&self) -> &OnceCell<Waiter> {
        &self.waiter
    }

    fn slot(&self) -> Option<NonNull<()>> {
        None
    }

    fn site(&self) -> Site {
        self.site
    }

    fn settle(&self, outcome: Outcome) {
        self.granted.set(outcome == Outcome::Moved);
    }

    fn abandon(&self) {
        let (Some(chan), Some(waiter)) = (self.chan, self.waiter.get()) else {
            return;
        };
        let mut guard = chan.header().lock();
        // SAFETY: ours, and of this channel.
        unsafe { guard.withdraw(NonNull::from(waiter)) };
        let wake = chan.op(&mut guard).release();
        drop(guard);
        wake.fire();
    }
}

impl<T> Erased for CloseCase<'_, T> {
    fn attempt(&self, guard: &mut Guard<'_>) -> Option<Wake> {
        // Nil is never closed.
        self.chan?;
        guard.closed.then_some(Wake::None)
    }

    fn attempt_alone(&self) -> Option<Wake> {
        self.attempt(&mut self.chan?.header().lock())
    }

    fn waiter(&self) -> &OnceCell<Waiter> {
        &self.waiter
    }

    fn slot(&self) -> Option<NonNull<()>> {
        None
    }

    fn site(&self) -> Site {
        self.site
    }

    fn settle(&self, _: Outcome) {}

    fn abandon(&self) {
        unreachable!("nothing moved")
    }
}

macro_rules! waits_alone {
    ($case:ident, $direction:ident) => {
        impl<T> Waiting for $case<'_, T> {
            /// Asked of the case itself.
            type Out = ();

            fn arm(&self) -> Arm<'_> {
                let header = self.chan.map(Hchan::header);
                Arm::new(Target::new(header, Direction::$direction), self)
            }

            fn take(&self) {}
        }
    };
}

waits_alone!(ReserveCase, Send);
waits_alone!(CloseCase, Close);
