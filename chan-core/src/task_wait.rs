//! A task that waits for the first of several cases: how it queues up, and what
//! its polls and its end do then. One operation alone is less:
//! [`crate::operation`].
//!
//! S5  A task whose wait is dropped after a case has won loses nothing: a value
//!     received goes on ([`look::abandon`]), a value sent stays sent.
//!
//! Everything lies in the future; waiting allocates nothing.

use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::arm::Arm;
use crate::case_list::WaitingList;
use crate::coop;
use crate::look::{self, Arms, Frozen};
use crate::parker::{self, Party, Stage};

/// What a task waits for, linked or about to be.
pub(crate) struct TaskWait<W: WaitingList, const N: usize> {
    cases: W,
    first: usize,
    party: Party,
    /// Cases and party are pointed to while they wait.
    _pinned: PhantomPinned,
}

impl<W: WaitingList, const N: usize> TaskWait<W, N> {
    pub(crate) fn new(cases: W, first: usize, party: Party) -> Self {
        const { check_count::<N>(W::LEN) };
        TaskWait {
            cases,
            first,
            party,
            _pinned: PhantomPinned,
        }
    }

    /// See [`Selection::poll`].
    #[track_caller]
    pub(crate) fn poll(
        self: Pin<&Self>,
        cx: &mut Context<'_>,
        mut chance: impl FnMut(u32) -> u32,
    ) -> Poll<W::Won> {
        let won = match self.party.stage().get() {
            // What was foreign panicked when it was about to queue up.
            Stage::Fresh => self.queue(cx, &mut chance),
            Stage::Parked => self.next_poll(cx),
            Stage::Over => panic!("polled after it was ready"),
        };
        self.result(won)
    }

    #[track_caller]
    pub(crate) fn result(&self, won: Option<u16>) -> Poll<W::Won> {
        match won {
            Some(index) => Poll::Ready(self.cases.take(index.into())),
            None => Poll::Pending,
        }
    }

    /// See [`Selection::give_up`].
    #[track_caller]
    pub(crate) fn give_up(self: Pin<&Self>) -> Option<W::Won> {
        let won = match self.party.stage().replace(Stage::Over) {
            Stage::Fresh => None,
            // SAFETY: parked, and over from here on.
            Stage::Parked => unsafe {
                look::withdraw(&self.arms()[..], &in_order::<N>(), &self.party)
            },
            Stage::Over => None,
        };
        Some(self.cases.take(won?.into()))
    }

    /// Queues up, unless a case is ready.
    pub(crate) fn queue(
        self: Pin<&Self>,
        cx: &mut Context<'_>,
        chance: &mut dyn FnMut(u32) -> u32,
    ) -> Option<u16> {
        let (arms, mut order) = (self.arms(), in_order::<N>());
        // Foreign code, so between two looks and not within one.
        look::shuffle(&mut order, self.first, chance);
        let waker = cx.waker().clone();
        // SAFETY: nothing is linked yet.
        let none = unsafe { self.party.set_waker(waker) };
        debug_assert!(none.is_none(), "the first poll comes once");
        let mut space = [0; N];
        let mut frozen = Frozen::lock(&arms[..], &order, &mut space);
        if let Some(won) = frozen.look(&order) {
            drop(frozen);
            self.party.stage().set(Stage::Over);
            return Some(won.fire());
        }
        self.party.stage().set(Stage::Parked);
        // SAFETY: `self` is pinned, and `withdraw` or `abandon` comes before
        // its end: in `next_poll`, `give_up` or `drop`.
        unsafe { frozen.park(&order, &self.party) };
        coop::waits();
        None
    }

    fn next_poll(self: Pin<&Self>, cx: &mut Context<'_>) -> Option<u16> {
        let arms = self.arms();
        let order = in_order::<N>();
        // SAFETY: parked, and not over.
        unsafe { poll_parked(&arms[..], &order, &mut [0; N], &self.party, cx) }
            .inspect(|_| self.party.stage().set(Stage::Over))
    }

    fn arms(&self) -> [Arm<'_>; N] {
        arms(&self.cases)
    }
}

/// Polls what is parked: the case that has won, if one has; otherwise the task
/// will be woken when one does. `space` is as long as `order`.
///
/// # Safety
///
/// As for [`look::withdraw`].
pub(crate) unsafe fn poll_parked<A: Arms + ?Sized>(
    arms: &A,
    order: &[u16],
    space: &mut [u16],
    party: &Party,
    cx: &mut Context<'_>,
) -> Option<u16> {
    if party.is_done() {
        // SAFETY: the caller's promise. Each lock is taken on the way.
        return unsafe { look::withdraw(arms, order, party) };
    }
    look::refresh(arms, order);
    let mut fresh = None;
    loop {
        let frozen = Frozen::lock(arms, order, space);
        if party.is_done() {
            drop(frozen);
            // Foreign code: if it panics the wait goes on, and its end is still
            // to be seen to.
            drop(fresh);
            // SAFETY: the caller's promise.
            return unsafe { look::withdraw(arms, order, party) };
        }
        // SAFETY: all locks are held.
        if let Some(ticket) = unsafe { party.take_ticket() } {
            drop(frozen);
            parker::show_stack(ticket);
            continue;
        }
        // SAFETY: all locks are held.
        if unsafe { party.will_wake(cx.waker()) } {
            return None;
        }
        let Some(waker) = fresh.take() else {
            // Cloning is foreign code: not under the locks.
            drop(frozen);
            fresh = Some(cx.waker().clone());
            continue;
        };
        // SAFETY: all locks are held.
        let old = unsafe { party.set_waker(waker) };
        drop(frozen);
        drop(old);
        return None;
    }
}

impl<W: WaitingList, const N: usize> Drop for TaskWait<W, N> {
    fn drop(&mut self) {
        if self.party.stage().replace(Stage::Over) == Stage::Parked {
            // SAFETY: parked, and over from here on.
            unsafe { look::abandon(&self.arms()[..], &in_order::<N>()) };
        }
    }
}

pub(crate) fn arms<W: WaitingList, const N: usize>(cases: &W) -> [Arm<'_>; N] {
    const { check_count::<N>(W::LEN) };
    let mut arms = [None; N];
    cases.fill(&mut arms);
    arms.map(|arm| arm.expect("the list fills its places"))
}

pub(crate) const fn check_count<const N: usize>(cases: usize) {
    assert!(N == cases, "N is the number of cases");
    assert!(N <= look::MOST, "too many cases (max 65536)");
}

pub(crate) const fn in_order<const N: usize>() -> [u16; N] {
    let mut order = [0; N];
    let mut place = 0;
    while place < N {
        order[place] = place as u16;
        place += 1;
    }
    order
}
