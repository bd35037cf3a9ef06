//! One operation of a task, from its first poll to its end.
//!
//! It is tried as it is. Only if it has to wait are a party and a waiter made,
//! in the future itself: waiting allocates nothing (but for the first on a
//! channel who waits for its close). What a select needs is in
//! [`crate::task_wait`]; with one case there is no order, no claim of several,
//! and one lock.
//!
//! O1  `queued` is whole exactly while the stage is `Parked`, and does not move
//!     then: the future is pinned, and its drop takes the waiter out.
//! O2  The value of a step is its own before it is parked and after it has left
//!     (C2 of [`crate::waiting`]).
//! S5  A task whose wait is dropped after its operation was done loses nothing:
//!     a value received goes on ([`Step::abandon`]), a value sent stays sent.

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use crate::clock;
use crate::coop;
use crate::header::{Guard, Header};
use crate::nil;
use crate::parker::{self, Party, PartyRoom, Stage};
use crate::plain::Held;
use crate::waitq::{Direction, Outcome, Site, Waiter, WaiterRoom};

/// What an operation does: a send, a receive, a request for a permit, or a wait
/// for the close.
pub(crate) trait Step {
    /// The result.
    type Out;
    /// What came of an attempt, to be concluded when the lock is gone.
    type Got;
    /// What it waits for.
    const DIRECTION: Direction;

    /// Its channel, unless that is nil.
    fn header(&self) -> Option<&Header>;

    /// Does it, if nobody else is concerned: no foreign code runs. A lock that
    /// was taken for it in vain is kept, if it is the lock of the channel.
    #[inline(always)]
    fn plainly(&self) -> Result<Self::Out, Held<'_>> {
        Err(None)
    }

    /// A look without the lock: whether it may be possible.
    fn may(&self) -> bool;

    /// The same with the lock of the channel held: false if an attempt is sure to
    /// fail.
    fn may_now(&self, guard: &Guard<'_>) -> bool;

    /// Another attempt after one has failed, if there are other ways. No lock is
    /// held. `site` is the line that does it.
    #[track_caller]
    fn otherwise(&self, _site: Site) -> Option<Self::Out> {
        None
    }

    /// Does it, if that can be done at once. No lock is held.
    #[track_caller]
    fn at_once(&self, site: Site) -> Option<Self::Out>;

    /// The same with the lock of the channel held.
    fn attempt(&self, guard: &mut Guard<'_>) -> Option<Self::Got>;

    /// The result of an attempt, and the wakes that are owed. No lock is held.
    #[track_caller]
    fn conclude(&self, got: Self::Got, site: Site) -> Self::Out;

    /// Where the value is or goes, if one moves.
    fn slot(&self) -> Option<NonNull<()>>;

    /// The result of a wait that has ended so.
    ///
    /// # Safety
    ///
    /// It has, and this is asked once.
    #[track_caller]
    unsafe fn settle(&self, outcome: Outcome, site: Site) -> Self::Out;

    /// The value has moved, or the permit was granted, but the result is not
    /// wanted. It leaves whatever queue its waiter is in.
    ///
    /// # Safety
    ///
    /// As for [`Step::settle`]; the waiter is its own.
    unsafe fn abandon(&self, waiter: &Waiter);
}

/// See the head of this file.
pub(crate) struct Operation<S: Step> {
    step: S,
    /// Who waits, and what of it is linked.
    queued: UnsafeCell<Queued>,
    _pinned: PhantomPinned,
}

/// What is known before the wait is in them from the beginning: stage, line,
/// and whether it has a deadline. The rest is not there before.
struct Queued {
    party: PartyRoom,
    waiter: WaiterRoom,
}

// SAFETY: the pointers in `queued` are to the operation itself, which is pinned
// while they are used; whatever moves with a step, the step answers for.
unsafe impl<S: Step + Send> Send for Operation<S> {}

impl<S: Step> Operation<S> {
    /// Whether it waits for ever is for watchers to know; whoever makes it sees
    /// to the deadline.
    #[inline(always)]
    pub(crate) fn new(step: S, site: Site, has_deadline: bool) -> Self {
        let queued = Queued {
            party: PartyRoom::new(has_deadline),
            waiter: WaiterRoom::new(site),
        };
        Operation {
            step,
            queued: UnsafeCell::new(queued),
            _pinned: PhantomPinned,
        }
    }

    /// What it does. Not to be used while it waits.
    #[inline(always)]
    pub(crate) fn step(&self) -> &S {
        &self.step
    }

    /// The line that waits.
    #[inline(always)]
    pub(crate) fn site(&self) -> Site {
        // SAFETY: it never changes.
        unsafe { (*self.queued.get()).waiter.site() }
    }

    #[inline(always)]
    fn stage(&self) -> &Cell<Stage> {
        // SAFETY: the owner's alone, and a cell.
        unsafe { (*self.queued.get()).party.stage() }
    }

    /// Polls until it is done, and gives the result.
    #[inline]
    #[track_caller]
    pub(crate) fn poll(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<S::Out> {
        match self.stage().get() {
            Stage::Fresh => {
                if coop::must_yield(cx) {
                    return Poll::Pending;
                }
                let held = match self.step.plainly() {
                    Ok(result) => {
                        self.stage().set(Stage::Over);
                        coop::was_ready();
                        return Poll::Ready(result);
                    }
                    Err(held) => held,
                };
                if held.is_some() || self.step.may() {
                    self.attempt(cx, held)
                } else {
                    self.queue_up(cx)
                }
            }
            Stage::Parked => self.poll_parked(cx),
            Stage::Over => panic!("polled after it was ready"),
        }
    }

    /// Does it with the lock of the channel, which may be held already, or
    /// queues up.
    #[inline(never)]
    #[track_caller]
    fn attempt(self: Pin<&Self>, cx: &mut Context<'_>, held: Held<'_>) -> Poll<S::Out> {
        let mut guard = held.unwrap_or_else(|| self.header_or_nil().lock());
        let got = self.step.attempt(&mut guard);
        drop(guard);
        // First: what is woken is foreign code, and if it panics this has
        // happened all the same.
        self.stage().set(Stage::Over);
        let result = match got {
            Some(got) => self.step.conclude(got, self.site()),
            None => match self.step.otherwise(self.site()) {
                Some(result) => result,
                None => return self.queue_up(cx),
            },
        };
        coop::was_ready();
        Poll::Ready(result)
    }

    /// Queues up, unless it can be done now. One lock.
    #[inline(never)]
    #[track_caller]
    fn queue_up(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<S::Out> {
        self.stage().set(Stage::Fresh);
        // Foreign code, so before the lock.
        let waker = cx.waker().clone();
        let since = clock::now();
        let header = self.header_or_nil();
        if S::DIRECTION == Direction::Close {
            header.ensure_rare();
        }
        let guard = header.lock();
        if self.step.may_now(&guard) {
            return self.queue_up_or_end(waker, since, guard);
        }
        self.park(waker, since, guard);
        Poll::Pending
    }

    /// Queues up, unless what seemed to be impossible can be done now.
    #[cold]
    #[track_caller]
    fn queue_up_or_end(
        self: Pin<&Self>,
        waker: Waker,
        since: u64,
        mut guard: Guard<'_>,
    ) -> Poll<S::Out> {
        let Some(got) = self.step.attempt(&mut guard) else {
            self.park(waker, since, guard);
            return Poll::Pending;
        };
        drop(guard);
        self.stage().set(Stage::Over);
        // Both are foreign code: who is owed a wake comes first, and the
        // result is dropped if the waker's end panics.
        let result = self.step.conclude(got, self.site());
        drop(waker);
        Poll::Ready(result)
    }

    /// Waits. What is needed for it is written under the lock: nothing is for an
    /// attempt that succeeds, and the lock need not wait until it is.
    #[inline(always)]
    fn park(self: Pin<&Self>, waker: Waker, since: u64, mut guard: Guard<'_>) {
        let waiter = self.make_queued(waker, since);
        self.stage().set(Stage::Parked);
        // SAFETY: the guard is of this channel. `self` is pinned, and `leave`
        // or `abandon` comes before its end (O1).
        unsafe { guard.park_as(waiter, S::DIRECTION) };
        drop(guard);
        coop::waits();
    }

    /// Writes who waits, and since when, to its place.
    #[inline(always)]
    fn make_queued(&self, waker: Waker, since: u64) -> NonNull<Waiter> {
        let queued = self.queued.get();
        // SAFETY: the stage is Fresh, so there is nothing, and nobody looks.
        unsafe {
            let party = NonNull::new_unchecked(&raw mut (*queued).party);
            let party = PartyRoom::fill(party, waker, since);
            let waiter = NonNull::new_unchecked(&raw mut (*queued).waiter);
            WaiterRoom::fill(waiter, party, self.step.slot(), S::DIRECTION)
        }
    }

    /// # Safety
    ///
    /// The stage is Parked.
    #[inline(always)]
    unsafe fn party(&self) -> &Party {
        // SAFETY: O1.
        unsafe { (*self.queued.get()).party.party() }
    }

    /// # Safety
    ///
    /// The stage is Parked.
    #[inline(always)]
    unsafe fn waiter(&self) -> &Waiter {
        // SAFETY: O1.
        unsafe { (*self.queued.get()).waiter.waiter() }
    }

    /// Ends who waited.
    ///
    /// # Safety
    ///
    /// The stage was Parked, and the waiter is linked no more.
    #[inline(always)]
    unsafe fn end_queued(&self) {
        // SAFETY: O1, and nobody else knows them any more.
        unsafe {
            let queued = self.queued.get();
            (*queued).waiter.end();
            (*queued).party.end();
        }
    }

    #[inline]
    fn header_or_nil(&self) -> &Header {
        self.step.header().unwrap_or_else(|| nil::header())
    }

    #[inline]
    #[track_caller]
    fn poll_parked(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<S::Out> {
        // SAFETY: parked.
        let done = unsafe { self.party() }.is_done() || self.wait_on(cx);
        if !done {
            return Poll::Pending;
        }
        // SAFETY: parked, and done (Q4).
        if unsafe { self.waiter().outcome() } != Outcome::Handed {
            return Poll::Ready(self.end_otherwise());
        }
        self.stage().set(Stage::Over);
        // SAFETY: it was handed, so it is in that list, and is over now. Nobody
        // knows the party any more.
        unsafe {
            let waiter = NonNull::from(self.waiter());
            self.header_or_nil().unlist(waiter);
            self.end_queued();
            Poll::Ready(self.step.settle(Outcome::Handed, self.site()))
        }
    }

    /// The result of a wait that is done, but not by a hand-over.
    #[cold]
    #[track_caller]
    fn end_otherwise(&self) -> S::Out {
        // SAFETY: parked.
        let outcome = unsafe { self.leave() };
        // SAFETY: it has ended so, and is over now.
        unsafe { self.step.settle(outcome, self.site()) }
    }

    /// A poll that seems to come too early: whether it does not. If it does the
    /// task will be woken.
    #[cold]
    fn wait_on(self: Pin<&Self>, cx: &mut Context<'_>) -> bool {
        // SAFETY: parked.
        let party = unsafe { self.party() };
        let header = self.header_or_nil();
        header.refresh();
        let mut fresh = None;
        loop {
            let guard = header.lock();
            if party.is_done() {
                return true;
            }
            // SAFETY: the lock is held.
            if let Some(ticket) = unsafe { party.take_ticket() } {
                drop(guard);
                parker::show_stack(ticket);
                continue;
            }
            // SAFETY: the lock is held.
            if unsafe { party.will_wake(cx.waker()) } {
                return false;
            }
            let Some(waker) = fresh.take() else {
                // Cloning is foreign code: not under the lock.
                drop(guard);
                fresh = Some(cx.waker().clone());
                continue;
            };
            // SAFETY: the lock is held.
            let old = unsafe { party.set_waker(waker) };
            drop(guard);
            drop(old);
            return false;
        }
    }

    /// Ends the wait, done or not.
    ///
    /// # Safety
    ///
    /// The stage is Parked. It is over then.
    #[inline]
    unsafe fn leave(&self) -> Outcome {
        self.stage().set(Stage::Over);
        // SAFETY: parked until now.
        unsafe {
            let waiter = self.waiter();
            let known = if self.party().is_done() {
                waiter.outcome()
            } else {
                Outcome::Pending
            };
            match known {
                Outcome::Moved => {}
                Outcome::Handed => self.header_or_nil().unlist(NonNull::from(waiter)),
                Outcome::Pending | Outcome::Closed => {
                    let mut guard = self.header_or_nil().lock();
                    guard.withdraw(NonNull::from(waiter));
                }
            }
            // Nobody can win it any more.
            let outcome = waiter.outcome();
            self.end_queued();
            outcome
        }
    }

    /// Ends it: the result, if it was done by now. If it has not been tried
    /// yet, it is now.
    #[track_caller]
    pub(crate) fn give_up(self: Pin<&Self>) -> Option<S::Out> {
        match self.stage().get() {
            Stage::Fresh => {
                self.stage().set(Stage::Over);
                self.step.at_once(self.site())
            }
            // SAFETY: parked.
            Stage::Parked => match unsafe { self.leave() } {
                Outcome::Pending => None,
                // SAFETY: it has ended so, and is over now.
                outcome => Some(unsafe { self.step.settle(outcome, self.site()) }),
            },
            Stage::Over => None,
        }
    }

    /// Whether it waits.
    pub(crate) fn is_parked(&self) -> bool {
        self.stage().get() == Stage::Parked
    }

    #[inline(never)]
    fn abandon(&self) {
        self.stage().set(Stage::Over);
        // SAFETY: parked until now.
        unsafe {
            let waiter = self.waiter();
            if self.has_moved() || !self.withdraw() {
                // It leaves its queue in one step with giving back.
                self.step.abandon(waiter);
            }
            self.end_queued();
        }
    }

    /// Whether its value has moved, as far as that can be told without the lock.
    ///
    /// # Safety
    ///
    /// The stage was Parked.
    #[inline(always)]
    unsafe fn has_moved(&self) -> bool {
        // SAFETY: the caller's promise; once it is done (Q4).
        unsafe { self.party().is_done() && self.waiter().outcome().has_moved() }
    }

    /// Leaves the queue, unless the value has moved.
    ///
    /// # Safety
    ///
    /// The stage was Parked.
    #[inline(always)]
    unsafe fn withdraw(&self) -> bool {
        // SAFETY: the caller's promise; the lock is held.
        unsafe {
            let waiter = self.waiter();
            let mut guard = self.header_or_nil().lock();
            let moved = waiter.outcome().has_moved();
            if !moved {
                guard.withdraw(NonNull::from(waiter));
            }
            !moved
        }
    }
}

impl<S: Step> Drop for Operation<S> {
    #[inline]
    fn drop(&mut self) {
        if self.is_parked() {
            self.abandon();
        }
    }
}
