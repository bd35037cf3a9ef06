//! One operation of a task, from its first poll to its end.
//!
//! It is tried as it is. Only if it has to wait are a party and a waiter made,
//! in the future itself: waiting allocates nothing (but for the first on a
//! channel who waits for its close). What a select needs is in
//! [`crate::task_wait`]; with one case there is no order, no claim of several,
//! and one lock.
//!
//! O1  `queued` is there exactly while the stage is `Parked`, and does not move
//!     then: the future is pinned, and its drop takes the waiter out.
//! O2  The value of a step is its own before it is parked and after it has left
//!     (C2 of [`crate::waiting`]).
//! S5  A task whose wait is dropped after its operation was done loses nothing:
//!     a value received goes on ([`Step::abandon`]), a value sent stays sent.

use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use crate::coop;
use crate::header::{Guard, Header};
use crate::nil;
use crate::parker::Party;
use crate::waitq::{Direction, Outcome, Site, Waiter};

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

    /// The line that waits.
    fn site(&self) -> Site;

    /// Does it, if that can be done at once. No lock is held.
    #[track_caller]
    fn at_once(&self) -> Option<Self::Out>;

    /// The same with the lock of the channel held.
    fn attempt(&self, guard: &mut Guard<'_>) -> Option<Self::Got>;

    /// The result of an attempt, and the wakes that are owed. No lock is held.
    #[track_caller]
    fn conclude(&self, got: Self::Got) -> Self::Out;

    /// Where the value is or goes, if one moves.
    fn slot(&self) -> Option<NonNull<()>>;

    /// The result of a wait that has ended so.
    ///
    /// # Safety
    ///
    /// It has, and this is asked once.
    #[track_caller]
    unsafe fn settle(&self, outcome: Outcome) -> Self::Out;

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
    has_deadline: bool,
    stage: Cell<Stage>,
    queued: UnsafeCell<MaybeUninit<Queued>>,
    _pinned: PhantomPinned,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has happened.
    Fresh,
    /// It is queued.
    Parked,
    /// It is done, or was given up.
    Over,
}

/// Who waits, and what of it is linked.
struct Queued {
    party: Party,
    waiter: Waiter,
}

// SAFETY: the pointers in `queued` are to the operation itself, which is pinned
// while they are used; whatever moves with a step, the step answers for.
unsafe impl<S: Step + Send> Send for Operation<S> {}

impl<S: Step> Operation<S> {
    /// Whether it waits for ever is for watchers to know; whoever makes it sees
    /// to the deadline.
    #[inline(always)]
    pub(crate) fn new(step: S, has_deadline: bool) -> Self {
        Operation {
            step,
            has_deadline,
            stage: Cell::new(Stage::Fresh),
            queued: UnsafeCell::new(MaybeUninit::uninit()),
            _pinned: PhantomPinned,
        }
    }

    /// What it does. Not to be used while it waits.
    #[inline(always)]
    pub(crate) fn step(&self) -> &S {
        &self.step
    }

    /// Polls until it is done, and gives the result.
    #[inline]
    #[track_caller]
    pub(crate) fn poll(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<S::Out> {
        match self.stage.get() {
            Stage::Fresh => {
                if coop::must_yield(cx) {
                    return Poll::Pending;
                }
                // First: what is woken is foreign code, and if it panics this
                // has happened all the same.
                self.stage.set(Stage::Over);
                let Some(result) = self.step.at_once() else {
                    return self.queue_up(cx);
                };
                coop::was_ready();
                Poll::Ready(result)
            }
            Stage::Parked => self.poll_parked(cx),
            Stage::Over => panic!("polled after it was ready"),
        }
    }

    /// Queues up, unless it can be done now. One lock.
    #[inline(never)]
    #[track_caller]
    fn queue_up(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<S::Out> {
        /// What was made for a wait that does not come about.
        struct Unused(*mut Queued);
        impl Drop for Unused {
            fn drop(&mut self) {
                // SAFETY: whole, and linked nowhere.
                unsafe { self.0.drop_in_place() };
            }
        }

        self.stage.set(Stage::Fresh);
        // Foreign code, so before the lock.
        let waker = cx.waker().clone();
        let waiter = self.make_queued(waker);
        let header = self.header_or_nil();
        if S::DIRECTION == Direction::Close {
            header.ensure_rare();
        }
        let mut guard = header.lock();
        if let Some(got) = self.step.attempt(&mut guard) {
            drop(guard);
            self.stage.set(Stage::Over);
            // Both are foreign code: who is owed a wake comes first, and the
            // result is dropped if the waker's end panics.
            let unused = Unused(self.queued.get().cast());
            let result = self.step.conclude(got);
            drop(unused);
            return Poll::Ready(result);
        }
        self.stage.set(Stage::Parked);
        // SAFETY: the guard is of this channel. `self` is pinned, and `leave`
        // or `abandon` comes before its end (O1).
        unsafe { guard.park(waiter) };
        drop(guard);
        coop::waits();
        Poll::Pending
    }

    /// Writes who waits to its place.
    #[inline]
    fn make_queued(&self, waker: Waker) -> NonNull<Waiter> {
        let queued: *mut Queued = self.queued.get().cast();
        // SAFETY: the stage is Fresh, so there is nothing, and nobody looks.
        unsafe {
            let party = &raw mut (*queued).party;
            Party::write_task(party, waker, self.has_deadline);
            let party = NonNull::new_unchecked(party);
            let waiter = &raw mut (*queued).waiter;
            waiter.write(Waiter::new(
                party,
                self.step.slot(),
                S::DIRECTION,
                0,
                self.step.site(),
            ));
            NonNull::new_unchecked(waiter)
        }
    }

    /// # Safety
    ///
    /// The stage is Parked.
    #[inline(always)]
    unsafe fn queued(&self) -> &Queued {
        // SAFETY: O1.
        unsafe { (*self.queued.get()).assume_init_ref() }
    }

    #[inline]
    fn header_or_nil(&self) -> &Header {
        self.step.header().unwrap_or_else(|| nil::header())
    }

    #[inline]
    #[track_caller]
    fn poll_parked(self: Pin<&Self>, cx: &mut Context<'_>) -> Poll<S::Out> {
        // SAFETY: parked.
        let done = unsafe { self.queued() }.party.is_done() || self.wait_on(cx);
        if !done {
            return Poll::Pending;
        }
        // SAFETY: parked.
        let outcome = unsafe { self.leave() };
        // SAFETY: it has ended so, and is over now.
        Poll::Ready(unsafe { self.step.settle(outcome) })
    }

    /// A poll that seems to come too early: whether it does not. If it does the
    /// task will be woken.
    #[cold]
    fn wait_on(self: Pin<&Self>, cx: &mut Context<'_>) -> bool {
        // SAFETY: parked.
        let party = unsafe { &self.queued().party };
        let header = self.header_or_nil();
        party.show_stack_if_asked();
        header.refresh();
        let mut fresh = None;
        loop {
            let guard = header.lock();
            if party.is_done() {
                return true;
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
        self.stage.set(Stage::Over);
        // SAFETY: parked until now.
        unsafe {
            let Queued { party, waiter } = self.queued();
            let known = if party.is_done() {
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
            (*self.queued.get()).assume_init_drop();
            outcome
        }
    }

    /// Ends it: the result, if it was done by now. If it has not been tried
    /// yet, it is now.
    #[track_caller]
    pub(crate) fn give_up(self: Pin<&Self>) -> Option<S::Out> {
        match self.stage.get() {
            Stage::Fresh => {
                self.stage.set(Stage::Over);
                self.step.at_once()
            }
            // SAFETY: parked.
            Stage::Parked => match unsafe { self.leave() } {
                Outcome::Pending => None,
                // SAFETY: it has ended so, and is over now.
                outcome => Some(unsafe { self.step.settle(outcome) }),
            },
            Stage::Over => None,
        }
    }

    /// Whether it waits.
    pub(crate) fn is_parked(&self) -> bool {
        self.stage.get() == Stage::Parked
    }

    #[cold]
    fn abandon(&self) {
        self.stage.set(Stage::Over);
        // SAFETY: parked until now.
        unsafe {
            let waiter = &self.queued().waiter;
            let mut guard = self.header_or_nil().lock();
            if waiter.outcome().has_moved() {
                drop(guard);
                // It leaves its queue in one step with giving back.
                self.step.abandon(waiter);
            } else {
                guard.withdraw(NonNull::from(waiter));
                drop(guard);
            }
            (*self.queued.get()).assume_init_drop();
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
