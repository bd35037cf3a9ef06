//! What a task does in operations that move no value ([`Step`]): it asks for a
//! permit, or waits for the close. Those that move one are in [`crate::steps`].

use std::ptr::NonNull;

use crate::hchan::Hchan;
use crate::header::{Guard, Header};
use crate::operation::Step;
use crate::results::Reserved;
use crate::waitq::{Direction, Outcome, Site, Waiter};

/// A request for a permit of a channel, which is nil if it is none. It ends
/// with one that is to be given back, or because the channel is closed.
pub(crate) struct ReserveStep<'a, T> {
    chan: Option<&'a Hchan<T>>,
}

/// A wait for the close of a channel, which is nil if it is none.
pub(crate) struct CloseStep<'a, T> {
    chan: Option<&'a Hchan<T>>,
}

impl<'a, T> ReserveStep<'a, T> {
    pub(crate) fn new(chan: Option<&'a Hchan<T>>) -> Self {
        ReserveStep { chan }
    }
}

impl<'a, T> CloseStep<'a, T> {
    pub(crate) fn new(chan: Option<&'a Hchan<T>>) -> Self {
        CloseStep { chan }
    }
}

/// A permit that was granted; it is given back unless it is taken.
pub(crate) struct Granted<'a, T>(&'a Hchan<T>);

impl<T> Granted<'_, T> {
    pub(crate) fn take(self) {
        std::mem::forget(self);
    }
}

impl<T> Drop for Granted<'_, T> {
    fn drop(&mut self) {
        self.0.release();
    }
}

impl<'a, T> ReserveStep<'a, T> {
    /// What it has become: the permit, unless the channel is closed.
    fn end(&self, granted: bool) -> Option<Granted<'a, T>> {
        let chan = self.chan.expect("nil grants nothing");
        granted.then(|| Granted(chan))
    }
}

impl<'a, T> Step for ReserveStep<'a, T> {
    type Out = Option<Granted<'a, T>>;
    /// Whether it was granted.
    type Got = bool;
    const DIRECTION: Direction = Direction::Send;

    fn header(&self) -> Option<&Header> {
        self.chan.map(Hchan::header)
    }

    fn may(&self) -> bool {
        self.chan.is_some()
    }

    fn may_now(&self, _: &Guard<'_>) -> bool {
        self.chan.is_some()
    }

    fn at_once(&self, _: Site) -> Option<Self::Out> {
        let granted = self.attempt(&mut self.header()?.lock())?;
        Some(self.end(granted))
    }

    fn attempt(&self, guard: &mut Guard<'_>) -> Option<bool> {
        match self.chan?.op(guard).reserve() {
            Reserved::Granted => Some(true),
            Reserved::Closed => Some(false),
            Reserved::Full => None,
        }
    }

    fn conclude(&self, granted: bool, _: Site) -> Self::Out {
        self.end(granted)
    }

    fn slot(&self) -> Option<NonNull<()>> {
        None
    }

    unsafe fn settle(&self, outcome: Outcome, _: Site) -> Self::Out {
        self.end(outcome.has_moved())
    }

    unsafe fn abandon(&self, waiter: &Waiter) {
        let chan = self.chan.expect("nil grants nothing");
        let mut guard = chan.header().lock();
        // SAFETY: ours, and of this channel.
        unsafe { guard.withdraw(NonNull::from(waiter)) };
        let wake = chan.op(&mut guard).release();
        drop(guard);
        wake.fire();
    }
}

impl<T> Step for CloseStep<'_, T> {
    type Out = ();
    type Got = ();
    const DIRECTION: Direction = Direction::Close;

    fn header(&self) -> Option<&Header> {
        self.chan.map(Hchan::header)
    }

    fn may(&self) -> bool {
        self.chan.is_some_and(|chan| chan.header().is_closed())
    }

    fn may_now(&self, guard: &Guard<'_>) -> bool {
        self.chan.is_some() && guard.is_closed()
    }

    fn at_once(&self, _: Site) -> Option<()> {
        self.header()?.is_closed().then_some(())
    }

    fn attempt(&self, guard: &mut Guard<'_>) -> Option<()> {
        // Nil is never closed.
        self.chan?;
        guard.is_closed().then_some(())
    }

    fn conclude(&self, (): (), _: Site) {}

    fn slot(&self) -> Option<NonNull<()>> {
        None
    }

    unsafe fn settle(&self, _: Outcome, _: Site) {}

    unsafe fn abandon(&self, _: &Waiter) {
        unreachable!("nothing moves")
    }
}
