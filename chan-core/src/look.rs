//! One look at several channels, and the queues behind it: Go's `selectgo`,
//! in passes that carry Go's numbers.
//!
//! - Pass 0, [`at_once`]: a glance at each channel's word, without its lock
//!   ([`crate::readiness`]), beginning with one that chance draws. Of those
//!   that seem ready chance picks one, which is tried under its lock alone, then
//!   another.
//!   Nothing is said of the others: a case that was not ready when its turn
//!   came may be by now. Only [`unless_idle`], which a default needs, looks at
//!   the words twice, to know of one moment (R2).
//! - Pass 1, [`Frozen::look`]: the same with all channels locked, so "none is
//!   ready" is true at one moment for all of them. Only a select that is about
//!   to wait needs that.
//! - Pass 2, [`Frozen::park`]: under the same locks, queue up everywhere.
//! - Pass 3, [`withdraw`]: when it is over, leave the queues, one after the
//!   other. Nobody can win any more what has been won, so it needs no moment.
//!
//! S1  The only place that holds the locks of two channels is a [`Frozen`],
//!     which takes them in ascending order of their addresses, each once. Of
//!     all threads that wait for a channel's lock take the one that waits for
//!     the highest address of them: whoever holds that lock waits, if at all,
//!     for a higher one, so for none. It goes on and lets go. (No lock is
//!     waited for with a channel's lock held but those, and the lock of the
//!     timers is taken before a channel's, never after: time::queue, T3.)
//! S2  One look: see passes 0 and 1.
//! S3  Exactly one case runs: the one that pass 0 or 1 ran, under its
//!     channel's lock; or the one that wins the party's claim (parker, P1).
//! S4  When the wait is over no waiter of it is linked, whatever way it ended.
//!
//! Uniform choice: first one case is drawn from all of them, and tried if it
//! seems ready: then each that is ready was as likely to be drawn as any other.
//! Where most cases are ready that is the end of it, however many there are.
//! Else each of those that seem ready in one pass over all is as likely to be
//! tried as any other, whatever stands between them. (To take the first that is
//! ready behind a random start would favour cases behind idle ones.) The pass
//! itself goes up or down, each as often: of two cases that
//! become ready together in the midst of it, neither is more often the only one
//! seen. Before a select queues up its order is shuffled whole, by Fisher and
//! Yates.
//!
//! Cases of nil channels are never ready and nobody can win them, so they have
//! no part in the moment: they are listed where a watcher finds them, under
//! nil's lock alone.

use std::ptr::NonNull;

use crate::arm::{Arm, Target};
use crate::nil;
use crate::parker::{Party, Wake};
use crate::readiness::Seen;
use crate::waitq::Outcome;

/// The most cases that a select can have, as in Go.
pub(crate) const MOST: usize = 1 << 16;

/// Cases by number.
pub(crate) trait Arms {
    fn arm(&self, index: u16) -> Arm<'_>;

    #[inline]
    fn target(&self, index: u16) -> Target<'_> {
        self.arm(index).target()
    }
}

impl Arms for [Arm<'_>] {
    #[inline]
    fn arm(&self, index: u16) -> Arm<'_> {
        self[index as usize]
    }
}

/// Cases by number, as far as a look at one after the other goes.
pub(crate) trait Glances {
    /// What comes of a case that is ready.
    type Out;
    /// Where all cases go.
    type Targets<'c>: Targets
    where
        Self: 'c;

    /// Made ready for a pass over all of them.
    fn targets(&self) -> Self::Targets<'_>;

    /// A look at one case alone.
    fn peek(&self, index: u16) -> Option<Seen>;

    /// Does the operation if that can be done at once. No lock is held.
    #[track_caller]
    fn attempt_alone(&self, index: u16) -> Option<Self::Out>;
}

/// Where cases go, by number.
pub(crate) trait Targets {
    fn target(&self, index: u16) -> Target<'_>;
}

impl<A: Arms + ?Sized> Targets for &A {
    #[inline]
    fn target(&self, index: u16) -> Target<'_> {
        Arms::target(*self, index)
    }
}

impl<A: Arms + ?Sized> Glances for A {
    type Out = Wake;
    type Targets<'c>
        = &'c A
    where
        A: 'c;

    #[inline]
    fn targets(&self) -> &A {
        self
    }

    #[inline]
    fn peek(&self, index: u16) -> Option<Seen> {
        Arms::target(self, index).peek()
    }

    #[inline]
    fn attempt_alone(&self, index: u16) -> Option<Wake> {
        self.arm(index).attempt_alone()
    }
}

/// A case that won under the locks, with the wake of its counterpart.
pub(crate) struct Winner {
    index: u16,
    wake: Wake,
}

impl Winner {
    /// Wakes the counterpart: the number of the case. No lock is held.
    #[inline]
    pub(crate) fn fire(self) -> u16 {
        self.wake.fire();
        self.index
    }
}

/// What a glance at all cases has brought.
pub(crate) enum Glance<R> {
    /// This case was ready, and has been done.
    Won(u16, R),
    /// None was ready when its turn came; the sum of the looks.
    Idle(u64),
    /// Some seemed ready, but others were faster.
    Lost,
}

/// Pass 0. `order` has the numbers of the cases, the first `first` of them in
/// the order in which they are to be looked at; `space` is as long. `chance`
/// gives numbers below its argument, each equally likely.
#[inline(always)]
#[track_caller]
pub(crate) fn at_once<G: Glances + ?Sized>(
    cases: &G,
    order: &[u16],
    space: &mut [u16],
    first: usize,
    chance: &mut impl FnMut(u32) -> u32,
) -> Glance<G::Out> {
    let mut sum = 0_u64;
    let mut lost = false;
    let (before, others) = order.split_at(first.min(order.len()));
    let mut down = false;
    if others.len() > 1 {
        // Whatever chance says, it is one of them.
        let sides = 2 * others.len();
        let draw = chance(sides as u32) as usize % sides;
        down = draw & 1 == 1;
        if before.is_empty() {
            let index = others[draw / 2];
            if cases.peek(index).is_some_and(Seen::may) {
                match cases.attempt_alone(index) {
                    Some(out) => return Glance::Won(index, out),
                    None => lost = true,
                }
            }
        }
    }
    let targets = cases.targets();
    for &index in before {
        let Some(seen) = targets.target(index).peek() else {
            continue;
        };
        sum = sum.wrapping_add(seen.sum());
        if seen.may() {
            match cases.attempt_alone(index) {
                Some(out) => return Glance::Won(index, out),
                None => lost = true,
            }
        }
    }
    let mut ready = 0;
    for place in 0..others.len() {
        let index = others[if down {
            others.len() - 1 - place
        } else {
            place
        }];
        let Some(seen) = targets.target(index).peek() else {
            continue;
        };
        sum = sum.wrapping_add(seen.sum());
        space[ready] = index;
        ready += usize::from(seen.may());
    }
    lost |= ready > 0;
    while ready > 0 {
        let pick = match ready {
            1 => 0,
            // Whatever chance says, it is one of them.
            _ => chance(ready as u32) as usize % ready,
        };
        let index = space[pick];
        if let Some(out) = cases.attempt_alone(index) {
            return Glance::Won(index, out);
        }
        ready -= 1;
        space[pick] = space[ready];
    }
    if lost {
        Glance::Lost
    } else {
        Glance::Idle(sum)
    }
}

/// Pass 0 for a select with a default: idle only if at one moment no case was
/// ready, lost if it changes all the time and must be held to know that.
#[inline(always)]
#[track_caller]
pub(crate) fn unless_idle<G: Glances + ?Sized>(
    cases: &G,
    order: &[u16],
    space: &mut [u16],
    first: usize,
    chance: &mut impl FnMut(u32) -> u32,
) -> Glance<G::Out> {
    const ROUNDS: usize = 4;
    for _ in 0..ROUNDS {
        match at_once(cases, order, space, first, chance) {
            Glance::Idle(sum) if order.len() < 2 || sum == sum_of_looks(cases, order) => {
                return Glance::Idle(sum);
            }
            // Of one channel the first look was a moment already.
            Glance::Lost if order.len() < 2 => return Glance::Idle(0),
            Glance::Idle(_) | Glance::Lost => {}
            won => return won,
        }
    }
    Glance::Lost
}

#[inline]
fn sum_of_looks<G: Glances + ?Sized>(cases: &G, order: &[u16]) -> u64 {
    let targets = cases.targets();
    let looks = order
        .iter()
        .map(|&index| targets.target(index).peek_again());
    looks.fold(0, u64::wrapping_add)
}

/// Puts the cases in the order of the looks that follow; the first `first`
/// stay where they are.
pub(crate) fn shuffle(order: &mut [u16], first: usize, mut chance: impl FnMut(u32) -> u32) {
    for place in first..order.len().saturating_sub(1) {
        let left = order.len() - place;
        // Less than MOST; whatever chance says, it stays a permutation.
        order.swap(place, place + chance(left as u32) as usize % left);
    }
}

/// Has timers that are due fire, so that cases are ready which should be (rule
/// 70 of the parity table). Pass 0 does that by itself.
pub(crate) fn refresh<A: Arms + ?Sized>(arms: &A, order: &[u16]) {
    for &index in order {
        if let Some(header) = arms.arm(index).header() {
            header.refresh();
        }
    }
}

/// All channels of some cases, locked. S1.
pub(crate) struct Frozen<'c, A: Arms + ?Sized> {
    arms: &'c A,
    /// The numbers of those cases that are not nil, by address of channel.
    held: &'c [u16],
}

impl<'c, A: Arms + ?Sized> Frozen<'c, A> {
    /// Locks the channels of the cases in `order`; `space` is as long.
    pub(crate) fn lock(arms: &'c A, order: &[u16], space: &'c mut [u16]) -> Self {
        let address = |index: u16| arms.arm(index).header().map(std::ptr::from_ref);
        let mut count = 0;
        for &index in order {
            if address(index).is_some() {
                space[count] = index;
                count += 1;
            }
        }
        let held = &mut space[..count];
        held.sort_unstable_by_key(|&index| address(index));
        let frozen = Frozen { arms, held };
        frozen.for_each_channel(crate::header::Header::hold);
        frozen
    }

    /// Each channel once, in the order of their addresses.
    #[inline]
    fn for_each_channel(&self, mut f: impl FnMut(&'c crate::header::Header)) {
        let mut last = None;
        for &index in self.held {
            let header = self.arms.arm(index).header().expect("nil is not held");
            if last != Some(std::ptr::from_ref(header)) {
                last = Some(std::ptr::from_ref(header));
                f(header);
            }
        }
    }

    /// Pass 1.
    pub(crate) fn look(&mut self, order: &[u16]) -> Option<Winner> {
        order.iter().find_map(|&index| {
            let arm = self.arms.arm(index);
            // SAFETY: `self` holds the locks of all its channels.
            let wake = unsafe { arm.header()?.with_held(|guard| arm.attempt(guard)) }?;
            Some(Winner { index, wake })
        })
    }

    /// Pass 2, and the end of the locks. The order is that of the look: of
    /// several cases of one channel the first in its queue will be served
    /// (rules 36 and 56 of the parity table).
    ///
    /// # Safety
    ///
    /// The cases and the party stay where they are until [`withdraw`] or
    /// [`Abandon`] has been through all of them.
    pub(crate) unsafe fn park(self, order: &[u16], party: &Party) {
        let mut nils = false;
        for &index in order {
            let arm = self.arms.arm(index);
            match arm.header() {
                // SAFETY: the lock is held; the rest is the caller's promise.
                Some(header) => unsafe {
                    header.with_held(|guard| arm.park(guard, party, index));
                },
                None => nils = true,
            }
        }
        let arms = self.arms;
        drop(self);
        if nils {
            // SAFETY: the caller's promise.
            unsafe { list_nils(arms, order, party) };
        }
    }
}

/// # Safety
///
/// As for [`Frozen::park`].
#[cold]
unsafe fn list_nils<A: Arms + ?Sized>(arms: &A, order: &[u16], party: &Party) {
    let mut guard = nil::header().lock();
    for &index in order {
        let arm = arms.arm(index);
        if arm.header().is_none() {
            // SAFETY: the guard is nil's; the rest is the caller's promise.
            unsafe { arm.park(&mut guard, party, index) };
        }
    }
}

impl<A: Arms + ?Sized> Drop for Frozen<'_, A> {
    fn drop(&mut self) {
        // SAFETY: `lock` has taken each of them once.
        self.for_each_channel(|header| unsafe { header.release() });
    }
}

/// Pass 3: leaves all queues. The case that won, if one has by now, is settled
/// and its number comes back.
///
/// # Safety
///
/// The cases in `order` have parked for `party`, and nothing has been done
/// with them since.
pub(crate) unsafe fn withdraw<A: Arms + ?Sized>(
    arms: &A,
    order: &[u16],
    party: &Party,
) -> Option<u16> {
    let mut winner = None;
    for &index in order {
        let arm = arms.arm(index);
        let waiter = NonNull::from(arm.waiter());
        // SAFETY: ours, and a case of this party.
        if !unsafe { arm.waiter().has_left(party) } {
            let mut guard = arm.header_or_nil().lock();
            // SAFETY: ours, and of the channel of this guard.
            unsafe { guard.withdraw(waiter) };
        }
        // SAFETY: nobody can claim it any more, so its outcome stays as it is.
        match unsafe { waiter.as_ref().outcome() } {
            Outcome::Pending => {}
            outcome => {
                arm.settle(outcome);
                winner = Some(index);
            }
        }
    }
    debug_assert!(winner.is_some() || !party.is_done(), "S3");
    winner
}

/// Pass 3 of a task that is not interested any more: a value received goes on,
/// a value sent stays sent.
///
/// # Safety
///
/// As for [`withdraw`].
pub(crate) unsafe fn abandon<A: Arms + ?Sized>(arms: &A, order: &[u16]) {
    let mut moved = None;
    for &index in order {
        let arm = arms.arm(index);
        let waiter = arm.waiter();
        let mut guard = arm.header_or_nil().lock();
        // SAFETY: ours, and the lock of its channel is held.
        unsafe {
            if waiter.outcome().has_moved() {
                // It leaves its queue in one step with giving back.
                moved = Some(index);
            } else {
                guard.withdraw(NonNull::from(waiter));
            }
        }
    }
    if let Some(index) = moved {
        arms.arm(index).abandon();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::Chan;
    use crate::case::{Alternative, RecvArm};
    use crate::face::GoFace;
    use crate::waiting::{RecvWaiting, Waiting};

    /// Receives that have something happen between the looks at two of them.
    struct Gap<'c, F> {
        cases: &'c [RecvWaiting<'c, u8, GoFace>],
        looks: Cell<usize>,
        happens: F,
    }

    impl<F: Fn(usize)> Arms for Gap<'_, F> {
        fn arm(&self, index: u16) -> Arm<'_> {
            let looks = self.looks.replace(self.looks.get() + 1);
            (self.happens)(looks);
            self.cases[index as usize].arm()
        }
    }

    /// Rule 57 without a race: while the first pass is under way the value
    /// that it looks for moves to where it has looked already, into the new
    /// place before out of the old, so at every moment a case is ready.
    #[test]
    fn rule_57_a_look_that_finds_nothing_looks_at_one_moment() {
        for down in [0, 1] {
            let [a, b, c] = [1; 3].map(Chan::<u8>::new);
            let (first, last) = if down == 1 { (&c, &a) } else { (&a, &c) };
            last.send(1);
            let gap = Gap {
                cases: &[&a, &b, &c].map(|chan| RecvArm::arm(chan).waiting()),
                looks: Cell::new(0),
                happens: |looks| {
                    // (One look is at the case that is drawn.)
                    if looks == 3 {
                        first.send(2);
                        assert_eq!(last.recv(), Some(1));
                    }
                },
            };
            // The middle one is drawn, and is not ready.
            let mut chance = |_| 2 + down;
            let Glance::Won(won, _) = unless_idle(&gap, &[0, 1, 2], &mut [0; 3], 0, &mut chance)
            else {
                panic!("at every moment a case was ready")
            };
            assert_eq!(won, if down == 1 { 2 } else { 0 });
            assert!(first.is_empty(), "it was received");
        }
    }

    /// Of two that become ready together once the pass is under way, one is
    /// seen as often as the other.
    #[test]
    fn a_pass_goes_up_as_often_as_down() {
        let mut wins = [0; 2];
        for direction in [0, 1] {
            let [a, b] = [1; 2].map(Chan::<u8>::new);
            let gap = Gap {
                cases: &[&a, &b].map(|chan| RecvArm::arm(chan).waiting()),
                looks: Cell::new(0),
                happens: |looks| {
                    // (One look is at the case that is drawn, the first.)
                    if looks == 2 {
                        a.send(1);
                        b.send(1);
                    }
                },
            };
            let won = at_once(&gap, &[0, 1], &mut [0; 2], 0, &mut |n| {
                assert_eq!(n, 4);
                direction
            });
            let Glance::Won(won, _) = won else {
                panic!("the second is ready")
            };
            wins[won as usize] += 1;
        }
        assert_eq!(wins, [1, 1]);
    }
}
