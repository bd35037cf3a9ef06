//! A case without its types, as engines handle it: its channel, what it wants
//! there, and the few operations that need the types.

use std::cell::OnceCell;
use std::ptr::NonNull;

use crate::header::{Guard, Header};
use crate::nil;
use crate::parker::{Party, Wake};
use crate::readiness::Seen;
use crate::waitq::{Direction, Outcome, Site, Waiter};

/// Where a case goes: its channel, which is nil if there is none, and what it
/// wants there.
#[derive(Clone, Copy)]
pub(crate) struct Target<'c> {
    header: Option<&'c Header>,
    direction: Direction,
}

/// A case without its types, as engines handle it.
#[derive(Clone, Copy)]
pub(crate) struct Arm<'c> {
    target: Target<'c>,
    case: &'c dyn Erased,
}

/// The operations of a case that need no type.
pub(crate) trait Erased {
    /// Does the operation if it can be done now. `guard` is of its channel.
    fn attempt(&self, guard: &mut Guard<'_>) -> Option<Wake>;
    /// The same with no lock held yet.
    fn attempt_alone(&self) -> Option<Wake>;
    fn waiter(&self) -> &OnceCell<Waiter>;
    /// Where the value is or goes, if one moves.
    fn slot(&self) -> Option<NonNull<()>>;
    fn site(&self) -> Site;
    /// It won while it waited.
    fn settle(&self, outcome: Outcome);
    /// It won while it waited, but its result is not wanted.
    fn abandon(&self);
}

impl std::fmt::Debug for Arm<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}({})", self.target.direction, self.case.site())
    }
}

impl<'c> Target<'c> {
    /// One that is never ready.
    pub(crate) const NIL: Target<'c> = Target::new(None, Direction::Recv);

    #[inline(always)]
    pub(crate) const fn new(header: Option<&'c Header>, direction: Direction) -> Self {
        Target { header, direction }
    }

    /// What its channel says without the lock, a timer asked if there is one.
    /// Nil says nothing.
    #[inline(always)]
    pub(crate) fn peek(self) -> Option<Seen> {
        let header = self.header?;
        let seen = header.look(self.direction);
        if seen.is_timed() && !seen.may() {
            header.refresh();
            return Some(header.look(self.direction));
        }
        Some(seen)
    }

    /// What a second look adds to the sum by which one sees if something has
    /// changed. (A nil channel never changes.)
    #[inline(always)]
    pub(crate) fn peek_again(self) -> u64 {
        let header = self.header;
        header.map_or(0, |header| header.look_again(self.direction))
    }
}

impl<'c> Arm<'c> {
    #[inline(always)]
    pub(crate) fn new(target: Target<'c>, case: &'c dyn Erased) -> Self {
        Arm { target, case }
    }

    #[inline(always)]
    pub(crate) fn target(&self) -> Target<'c> {
        self.target
    }

    /// Its channel, unless that is nil.
    #[inline(always)]
    pub(crate) fn header(&self) -> Option<&'c Header> {
        self.target.header
    }

    /// Where its waiter is queued.
    pub(crate) fn header_or_nil(&self) -> &'c Header {
        self.header().unwrap_or_else(|| nil::header())
    }

    #[inline]
    pub(crate) fn attempt_alone(&self) -> Option<Wake> {
        self.case.attempt_alone()
    }

    #[inline]
    pub(crate) fn attempt(&self, guard: &mut Guard<'_>) -> Option<Wake> {
        self.case.attempt(guard)
    }

    pub(crate) fn settle(&self, outcome: Outcome) {
        self.case.settle(outcome);
    }

    pub(crate) fn abandon(&self) {
        self.case.abandon();
    }

    /// Queues the case.
    ///
    /// # Safety
    ///
    /// `guard` is of `header_or_nil()`. The case and the party stay where they are
    /// until the case is withdrawn (C1 of `waiting`).
    pub(crate) unsafe fn park(&self, guard: &mut Guard<'_>, party: &Party, index: u16) {
        let waiter = self.case.waiter().get_or_init(|| {
            let party = NonNull::from(party);
            let (slot, direction, site) =
                (self.case.slot(), self.target.direction, self.case.site());
            Waiter::new(party, slot, direction, index, site)
        });
        // SAFETY: the caller's promise; the case parks once.
        unsafe { guard.park(NonNull::from(waiter)) };
    }

    /// The waiter of a case that has parked.
    pub(crate) fn waiter(&self) -> &'c Waiter {
        self.case.waiter().get().expect("the case has parked")
    }
}
