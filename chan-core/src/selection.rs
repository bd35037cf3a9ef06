//! A wait for the first of several cases, by a thread or by a task: Go's
//! `selectgo`, less the choice of the order, which its caller makes.
//!
//! S1  All distinct channels of the cases are locked in ascending address
//!     order, each once, whenever several are held. Two selections so never
//!     wait for each other's locks, and no other operation holds two.
//! S2  One look: whether a case is ready is decided with all locks held, so
//!     "none is ready" is true at one moment for all of them.
//! S3  Exactly one case runs: the first ready one of the look, under all the
//!     locks; or the one that wins the party's claim (parker, P1).
//! S4  When the wait is over no waiter of it is linked, whatever way it ended.
//! S5  A task whose selection is dropped after a case has won loses nothing:
//!     a value received goes on ([`Arm::abandon`]), a value sent stays sent.
//!
//! The three passes have Go's numbers: 1 looks, 2 queues, 3 withdraws.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::case::{Arm, CaseList};
use crate::coop;
use crate::header::Guard;
use crate::parker::{Party, Wake};
use crate::waitq::Outcome;

/// The order in which the cases are looked at: fills the slice, which comes
/// as `0, 1, 2 …`, with a permutation. Cases that it leaves out are looked at
/// in place of what it says twice or of what is no case.
pub type PollOrder<'o> = &'o mut dyn FnMut(&mut [u16]);

/// Cases that wait together. `N` is their number.
pub struct Selection<L: CaseList, const N: usize> {
    cases: L,
    party: Party,
    stage: Cell<Stage>,
    /// Cases and party are pointed to while they wait.
    _pinned: PhantomPinned,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has happened.
    Fresh,
    /// The cases are queued.
    Parked,
    /// A case has won, or the deadline came.
    Over,
}

impl<L: CaseList, const N: usize> Selection<L, N> {
    /// A select by this thread.
    pub fn of_thread(cases: L, has_deadline: bool) -> Self {
        Selection::new(cases, Party::thread(N as u32, true, has_deadline))
    }

    /// A select by a task.
    pub fn of_task(cases: L) -> Self {
        Selection::new(cases, Party::task(N as u32, true, false))
    }

    /// One operation of a task.
    pub(crate) fn operation(cases: L, has_deadline: bool) -> Self {
        Selection::new(cases, Party::task(N as u32, false, has_deadline))
    }

    fn new(cases: L, party: Party) -> Self {
        const { assert!(N == L::LEN, "N is the number of cases") };
        const { assert!(N <= u16::MAX as usize, "too many cases (max 65535)") };
        Selection {
            cases,
            party,
            stage: Cell::new(Stage::Fresh),
            _pinned: PhantomPinned,
        }
    }

    /// Takes a ready case if there is one: its index.
    pub fn look(self: Pin<&mut Self>, order: PollOrder<'_>) -> Option<usize> {
        assert!(self.stage.get() == Stage::Fresh, "a selection is used once");
        let this = self.as_ref().get_ref();
        let order = polled(order);
        let arms = this.arms();
        refresh(&arms);
        // The locks are gone at the end of this statement.
        let won = this.pass_1(&mut Frozen::lock(&arms), &arms, &order);
        won?.fire()
    }

    /// Waits until a case has won, and gives its index; or until the deadline
    /// has come.
    pub fn wait(
        self: Pin<&mut Self>,
        order: PollOrder<'_>,
        deadline: Option<Instant>,
    ) -> Option<usize> {
        assert!(self.stage.get() == Stage::Fresh, "a selection is used once");
        assert!(!self.party.is_task(), "a task is polled");
        let this = self.as_ref().get_ref();
        let order = polled(order);
        let arms = this.arms();
        refresh(&arms);
        {
            let mut frozen = Frozen::lock(&arms);
            if let Some(won) = this.pass_1(&mut frozen, &arms, &order) {
                drop(frozen);
                return won.fire();
            }
            this.pass_2(&mut frozen, &arms, &order);
        }
        if !this.party.wait(deadline) {
            refresh(&arms);
        }
        this.pass_3(&mut Frozen::lock(&arms), &arms)
    }

    /// Polls until a case has won, and gives its index.
    pub fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>, order: PollOrder<'_>) -> Poll<usize> {
        assert!(self.party.is_task(), "a thread waits");
        let this = self.as_ref().get_ref();
        match this.stage.get() {
            Stage::Fresh => this.first_poll(cx, order),
            Stage::Parked => this.next_poll(cx),
            Stage::Over => panic!("polled after it was ready"),
        }
    }

    /// Ends the wait of a task: the index of the case that has won by now, if
    /// one has. Otherwise nothing has happened, and nothing will. A selection
    /// that has not looked yet looks now.
    pub(crate) fn give_up(self: Pin<&mut Self>) -> Option<usize> {
        let this = self.as_ref().get_ref();
        let arms = this.arms();
        match this.stage.get() {
            Stage::Fresh => {
                let order = std::array::from_fn(|index| index as u16);
                let won = this.pass_1(&mut Frozen::lock(&arms), &arms, &order);
                this.stage.set(Stage::Over);
                won?.fire()
            }
            Stage::Parked => this.pass_3(&mut Frozen::lock(&arms), &arms),
            Stage::Over => None,
        }
    }

    /// The cases.
    pub(crate) fn cases(&self) -> &L {
        &self.cases
    }

    /// The result of the case that has won.
    ///
    /// # Panics
    ///
    /// `send on closed channel`, where that is the result.
    #[track_caller]
    pub fn take(self: Pin<&mut Self>, index: usize) -> L::Won {
        self.cases.take(index)
    }

    fn first_poll(&self, cx: &mut Context<'_>, order: PollOrder<'_>) -> Poll<usize> {
        if coop::must_yield(cx) {
            return Poll::Pending;
        }
        let order = polled(order);
        let arms = self.arms();
        refresh(&arms);
        let first_look = {
            let mut frozen = Frozen::lock(&arms);
            self.pass_1(&mut frozen, &arms, &order)
        };
        if let Some(won) = first_look {
            coop::was_ready();
            return won.fire().map_or(Poll::Pending, Poll::Ready);
        }
        // Foreign code, so between two looks and not within one.
        let waker = cx.waker().clone();
        let mut frozen = Frozen::lock(&arms);
        if let Some(won) = self.pass_1(&mut frozen, &arms, &order) {
            drop(frozen);
            return won.fire().map_or(Poll::Pending, Poll::Ready);
        }
        // SAFETY: nothing is linked yet.
        let none = unsafe { self.party.set_waker(waker) };
        self.pass_2(&mut frozen, &arms, &order);
        drop(frozen);
        drop(none);
        coop::waits();
        Poll::Pending
    }

    fn next_poll(&self, cx: &mut Context<'_>) -> Poll<usize> {
        let arms = self.arms();
        if !self.party.is_done() {
            refresh(&arms);
        }
        let mut fresh = None;
        loop {
            let mut frozen = Frozen::lock(&arms);
            if self.party.is_done() {
                let won = self.pass_3(&mut frozen, &arms);
                drop(frozen);
                return won.map_or(Poll::Pending, Poll::Ready);
            }
            // SAFETY: all locks are held.
            if unsafe { self.party.will_wake(cx.waker()) } {
                return Poll::Pending;
            }
            let Some(waker) = fresh.take() else {
                // Cloning is foreign code: not under the locks.
                drop(frozen);
                fresh = Some(cx.waker().clone());
                continue;
            };
            // SAFETY: all locks are held.
            let old = unsafe { self.party.set_waker(waker) };
            drop(frozen);
            drop(old);
            return Poll::Pending;
        }
    }

    fn arms(&self) -> [Arm<'_>; N] {
        let mut arms = [None; N];
        self.cases.fill(&mut arms);
        arms.map(|arm| arm.expect("the list fills its places"))
    }

    /// Pass 1: look for a case that is ready.
    fn pass_1(
        &self,
        frozen: &mut Frozen<'_, N>,
        arms: &[Arm<'_>; N],
        order: &[u16; N],
    ) -> Option<Winner> {
        for &index in order {
            let index = index as usize;
            if let Some(wake) = arms[index].attempt(frozen.guard(index)) {
                self.stage.set(Stage::Over);
                return Some(Winner { index, wake });
            }
        }
        None
    }

    /// Pass 2: queue up on all channels, in the order of the look: of several
    /// cases of one channel the first in its queue will be served (rules 36
    /// and 56).
    fn pass_2(&self, frozen: &mut Frozen<'_, N>, arms: &[Arm<'_>; N], order: &[u16; N]) {
        self.stage.set(Stage::Parked);
        for &index in order {
            let (arm, guard) = (&arms[index as usize], frozen.guard(index as usize));
            // SAFETY: `self` is pinned, and `pass_3`, which withdraws, comes
            // before its end: in `wait`, `next_poll`, `give_up` or `drop`.
            unsafe { arm.park(guard, &self.party, index.into()) };
        }
    }

    /// Pass 3: leave all queues; the case that won, if one has.
    fn pass_3(&self, frozen: &mut Frozen<'_, N>, arms: &[Arm<'_>; N]) -> Option<usize> {
        let winner = self.winning_case();
        for (index, arm) in arms.iter().enumerate() {
            // SAFETY: ours, and of the channel of this guard.
            unsafe { frozen.guard(index).withdraw(NonNull::from(arm.waiter())) };
        }
        self.stage.set(Stage::Over);
        let winner = winner?;
        // SAFETY: ours, and done.
        arms[winner].settle(unsafe { arms[winner].waiter().outcome() });
        Some(winner)
    }

    /// The index of the case that has won the party.
    fn winning_case(&self) -> Option<usize> {
        if !self.party.is_done() {
            return None;
        }
        match NonNull::new(self.party.winner()) {
            // SAFETY: a waiter of ours, and we are still here.
            Some(waiter) => Some(unsafe { waiter.as_ref() }.index() as usize),
            // With one case there is nothing to win.
            None => Some(0),
        }
    }
}

impl<L: CaseList, const N: usize> Drop for Selection<L, N> {
    fn drop(&mut self) {
        if self.stage.get() != Stage::Parked {
            return;
        }
        let arms = self.arms();
        let abandoned = {
            let mut frozen = Frozen::lock(&arms);
            let winner = self.winning_case();
            let mut abandoned = None;
            for (index, arm) in arms.iter().enumerate() {
                // SAFETY: ours; all locks are held, and if it won it is done.
                let outcome = unsafe { arm.waiter().outcome() };
                if winner == Some(index) && outcome == Outcome::Moved {
                    // It leaves its queue in one step with giving back.
                    abandoned = Some(index);
                } else {
                    // SAFETY: ours, and of the channel of this guard.
                    unsafe { frozen.guard(index).withdraw(NonNull::from(arm.waiter())) };
                }
            }
            abandoned
        };
        self.stage.set(Stage::Over);
        if let Some(index) = abandoned {
            arms[index].abandon();
        }
    }
}

impl<L: CaseList, const N: usize> std::fmt::Debug for Selection<L, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Selection").field("cases", &N).finish()
    }
}

/// A case that won in pass 1, with the wake of its counterpart.
struct Winner {
    index: usize,
    wake: Wake,
}

impl Winner {
    /// Wakes the counterpart; the locks are gone.
    fn fire(self) -> Option<usize> {
        self.wake.fire();
        Some(self.index)
    }
}

/// The order to look in.
fn polled<const N: usize>(order: PollOrder<'_>) -> [u16; N] {
    let mut indices = std::array::from_fn(|index| index as u16);
    order(&mut indices);
    let mut seen = [false; N];
    let mut whole = true;
    for &index in &indices {
        match seen.get_mut(index as usize) {
            Some(seen) if !*seen => *seen = true,
            _ => whole = false,
        }
    }
    if !whole {
        make_whole(&mut indices);
    }
    indices
}

/// Makes a permutation of an order that is none. A case that was queued
/// without a look might wait although it is ready, and break the invariants
/// of its channel.
#[cold]
fn make_whole<const N: usize>(indices: &mut [u16; N]) {
    let mut seen = [false; N];
    let mut wrong = [false; N];
    for (place, &index) in indices.iter().enumerate() {
        match seen.get_mut(index as usize) {
            Some(seen) if !*seen => *seen = true,
            _ => wrong[place] = true,
        }
    }
    let mut missing = (0..N).filter(|&index| !seen[index]);
    for place in (0..N).filter(|&place| wrong[place]) {
        indices[place] = missing.next().expect("as many as are wrong") as u16;
    }
}

/// Before a look or its end: timers that are due fire, so that cases are ready
/// which should be (rule 70 of the parity table).
fn refresh(arms: &[Arm<'_>]) {
    for arm in arms {
        arm.header().refresh();
    }
}

/// All channels of the cases, locked. S1.
struct Frozen<'c, const N: usize> {
    guards: [Option<Guard<'c>>; N],
    /// Where the guard of each case is.
    place: [u16; N],
}

impl<'c, const N: usize> Frozen<'c, N> {
    fn lock(arms: &[Arm<'c>; N]) -> Self {
        let mut order: [u16; N] = std::array::from_fn(|index| index as u16);
        let address = |index: u16| std::ptr::from_ref(arms[index as usize].header()) as usize;
        order.sort_unstable_by_key(|&index| address(index));
        let mut frozen = Frozen {
            guards: [const { None }; N],
            place: [0; N],
        };
        let mut held = None;
        for index in order {
            match held {
                Some((last, place)) if last == address(index) => {
                    frozen.place[index as usize] = place
                }
                _ => {
                    frozen.guards[index as usize] = Some(arms[index as usize].header().lock());
                    frozen.place[index as usize] = index;
                    held = Some((address(index), index));
                }
            }
        }
        frozen
    }

    /// The guard of a case's channel.
    fn guard(&mut self, index: usize) -> &mut Guard<'c> {
        let place = self.place[index] as usize;
        self.guards[place].as_mut().expect("every case has a guard")
    }
}
