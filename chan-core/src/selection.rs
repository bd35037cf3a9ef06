//! A wait for the first of several cases whose types are known, by a thread
//! ([`look`], [`wait`]) or by a task ([`Selection`]). The passes, with the
//! argument why one case runs and no lock waits for another, are in
//! [`crate::look`].
//!
//! S5  A task whose selection is dropped after a case has won loses nothing:
//!     a value received goes on ([`look::abandon`]), a value sent stays sent.
//!
//! Everything lies in the caller's frame or in the future; waiting allocates
//! nothing.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::arm::Arm;
use crate::case_list::CaseList;
use crate::coop;
use crate::look::{self, Arms, Frozen, Glance, Winner};
use crate::nil;
use crate::parker::Party;

/// Takes a ready case if there is one. The first `first` cases are looked at
/// in their order, the others as `chance` says: it gives numbers below its
/// argument, each equally likely.
///
/// # Panics
///
/// `send on closed channel`, if that is what the case is.
///
/// # Examples
///
/// ```
/// use chan_core::select::{self, CaseList, End, RecvArm, Won};
///
/// let (tx, rx) = chan_core::bounded(1);
/// assert!(select::look::<_, 1>(End.and(rx.arm()), 0, |_| 0).is_none());
/// tx.send(1).unwrap();
/// let won = select::look::<_, 1>(End.and(rx.arm()), 0, |_| 0);
/// assert!(matches!(won, Some(Won::This(Ok(1)))));
/// ```
#[track_caller]
pub fn look<L: CaseList, const N: usize>(
    cases: L,
    first: usize,
    chance: impl FnMut(u32) -> u32,
) -> Option<L::Won> {
    let arms = arms::<L, N>(&cases);
    let mut order = in_order::<N>();
    let won = look::unless_idle(&arms[..], &mut order, &mut [0; N], first, chance)?;
    Some(cases.take(won.fire().into()))
}

/// Waits until a case has won, or until the deadline has come. For the order
/// see [`look()`].
///
/// # Panics
///
/// As [`look()`].
///
/// # Examples
///
/// ```
/// use chan_core::select::{self, CaseList, End, RecvArm, SendArm, Won};
///
/// let (a, b) = (chan_core::Chan::<u8>::new(0), chan_core::Chan::new(1));
/// let cases = End.and(RecvArm::arm(&a)).and(SendArm::arm(&b, "there is room"));
/// let won = select::wait::<_, 2>(cases, 0, |_| 0, None);
/// assert!(matches!(won, Some(Won::This(()))));
/// ```
#[track_caller]
pub fn wait<L: CaseList, const N: usize>(
    cases: L,
    first: usize,
    mut chance: impl FnMut(u32) -> u32,
    deadline: Option<Instant>,
) -> Option<L::Won> {
    if N == 0 {
        nil::wait_without_cases(deadline);
        return None;
    }
    let arms = arms::<L, N>(&cases);
    let mut order = in_order::<N>();
    let won = match look::at_once(&arms[..], &mut order, first, &mut chance) {
        Glance::Won(won) => Some(won.fire()),
        _ => wait_in_queues(
            &arms[..],
            &mut order,
            &mut [0; N],
            first,
            &mut chance,
            deadline,
        ),
    };
    Some(cases.take(won?.into()))
}

/// Waits after a first look that has found nothing. `space` is as long as
/// `order`.
#[cold]
pub(crate) fn wait_in_queues<A: Arms + ?Sized>(
    arms: &A,
    order: &mut [u16],
    space: &mut [u16],
    first: usize,
    chance: &mut dyn FnMut(u32) -> u32,
    deadline: Option<Instant>,
) -> Option<u16> {
    look::shuffle(order, first, chance);
    let party = Party::thread(order.len() as u32, true, deadline.is_some());
    let mut frozen = Frozen::lock(arms, order, space);
    if let Some(won) = frozen.look(order) {
        drop(frozen);
        return Some(won.fire());
    }
    // SAFETY: `withdraw` comes before the end of this frame, and `wait` does
    // not unwind.
    unsafe { frozen.park(order, &party) };
    if !party.wait(deadline) {
        look::refresh(arms, order);
    }
    // SAFETY: parked above.
    unsafe { look::withdraw(arms, order, &party) }
}

/// Cases of a task that wait together. `N` is their number.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use chan_core::select::{CaseList, End, RecvArm, Selection, Won};
///
/// let (tx, rx) = chan_core::bounded(1);
/// tx.send(1).unwrap();
/// let mut select = std::pin::pin!(Selection::<_, 1>::new(End.and(rx.arm()), 0, false));
/// let won = std::future::poll_fn(|cx| select.as_mut().poll(cx, |_| 0)).await;
/// assert!(matches!(won, Won::This(Ok(1))));
/// # });
/// ```
pub struct Selection<L: CaseList, const N: usize> {
    cases: L,
    first: usize,
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
    /// A case has won, or it was given up.
    Over,
}

impl<L: CaseList, const N: usize> Selection<L, N> {
    /// A select. Of its cases the first `first` are looked at in their order.
    /// Whether it ends at a time is for watchers to know; whoever makes it sees
    /// to the deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::select::{CaseList, End, RecvArm, Selection};
    ///
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// let select = Selection::<_, 1>::new(End.and(rx.arm()), 0, false);
    /// drop(select); // it has not looked yet
    /// ```
    pub fn new(cases: L, first: usize, has_deadline: bool) -> Self {
        Selection::with(cases, first, Party::task(N as u32, true, has_deadline))
    }

    /// One operation.
    pub(crate) fn operation(cases: L, has_deadline: bool) -> Self {
        Selection::with(cases, N, Party::task(N as u32, false, has_deadline))
    }

    fn with(cases: L, first: usize, party: Party) -> Self {
        const { check_count::<L, N>() };
        Selection {
            cases,
            first,
            party,
            stage: Cell::new(Stage::Fresh),
            _pinned: PhantomPinned,
        }
    }

    /// Polls until a case has won, and gives its result. For `chance` see
    /// [`look()`].
    ///
    /// # Panics
    ///
    /// As [`look()`], and if it is polled after it was ready.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{pin::pin, task::{Context, Waker}};
    /// use chan_core::select::{CaseList, End, RecvArm, Selection};
    ///
    /// let (tx, rx) = chan_core::bounded(0);
    /// let mut select = pin!(Selection::<_, 1>::new(End.and(rx.arm()), 0, false));
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(select.as_mut().poll(&mut cx, |_| 0).is_pending());
    /// tx.try_send(1).unwrap(); // it waits
    /// assert!(select.as_mut().poll(&mut cx, |_| 0).is_ready());
    /// ```
    #[track_caller]
    pub fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        chance: impl FnMut(u32) -> u32,
    ) -> Poll<L::Won> {
        let this = self.as_ref().get_ref();
        let won = match this.stage.get() {
            Stage::Fresh => this.first_poll(cx, chance),
            Stage::Parked => this.next_poll(cx),
            Stage::Over => panic!("polled after it was ready"),
        };
        match won {
            Some(index) => Poll::Ready(this.cases.take(index.into())),
            None => Poll::Pending,
        }
    }

    /// Ends the wait: the result of the case that has won by now, if one has.
    /// Otherwise nothing has happened, and nothing will. A selection that has
    /// not looked yet looks now.
    ///
    /// # Panics
    ///
    /// As [`look()`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use chan_core::select::{CaseList, End, RecvArm, Selection};
    ///
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// let select = pin!(Selection::<_, 1>::new(End.and(rx.arm()), 0, false));
    /// assert!(select.give_up().is_none());
    /// ```
    #[track_caller]
    pub fn give_up(self: Pin<&mut Self>) -> Option<L::Won> {
        let this = self.as_ref().get_ref();
        let won = match this.stage.replace(Stage::Over) {
            Stage::Fresh => {
                let arms = this.arms();
                let glance = look::at_once(&arms[..], &mut in_order::<N>(), N, |_| 0);
                glance.winner().map(Winner::fire)
            }
            // SAFETY: parked, and over from here on.
            Stage::Parked => unsafe {
                look::withdraw(&this.arms()[..], &in_order::<N>(), &this.party)
            },
            Stage::Over => None,
        };
        Some(this.cases.take(won?.into()))
    }

    /// Whether it waits.
    pub(crate) fn is_parked(&self) -> bool {
        self.stage.get() == Stage::Parked
    }

    /// The cases.
    pub(crate) fn cases(&self) -> &L {
        &self.cases
    }

    fn first_poll(&self, cx: &mut Context<'_>, mut chance: impl FnMut(u32) -> u32) -> Option<u16> {
        if coop::must_yield(cx) {
            return None;
        }
        let arms = self.arms();
        let mut order = in_order::<N>();
        let glance = look::at_once(&arms[..], &mut order, self.first, &mut chance);
        if let Some(won) = glance.winner() {
            coop::was_ready();
            self.stage.set(Stage::Over);
            return Some(won.fire());
        }
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
            self.stage.set(Stage::Over);
            return Some(won.fire());
        }
        self.stage.set(Stage::Parked);
        // SAFETY: `self` is pinned, and `withdraw` or `abandon` comes before
        // its end: in `next_poll`, `give_up` or `drop`.
        unsafe { frozen.park(&order, &self.party) };
        coop::waits();
        None
    }

    fn next_poll(&self, cx: &mut Context<'_>) -> Option<u16> {
        let arms = self.arms();
        let order = in_order::<N>();
        // SAFETY: parked, and not over.
        unsafe { poll_parked(&arms[..], &order, &mut [0; N], &self.party, cx) }
            .inspect(|_| self.stage.set(Stage::Over))
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
    if !party.is_done() {
        party.show_stack_if_asked();
        look::refresh(arms, order);
    }
    let mut fresh = None;
    loop {
        let frozen = Frozen::lock(arms, order, space);
        if party.is_done() {
            drop(frozen);
            // SAFETY: the caller's promise.
            return unsafe { look::withdraw(arms, order, party) };
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

impl<L: CaseList, const N: usize> Drop for Selection<L, N> {
    fn drop(&mut self) {
        if self.stage.replace(Stage::Over) == Stage::Parked {
            // SAFETY: parked, and over from here on.
            unsafe { look::abandon(&self.arms()[..], &in_order::<N>()) };
        }
    }
}

impl<L: CaseList, const N: usize> std::fmt::Debug for Selection<L, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Selection").field("cases", &N).finish()
    }
}

fn arms<L: CaseList, const N: usize>(cases: &L) -> [Arm<'_>; N] {
    const { check_count::<L, N>() };
    let mut arms = [None; N];
    cases.fill(&mut arms);
    arms.map(|arm| arm.expect("the list fills its places"))
}

const fn check_count<L: CaseList, const N: usize>() {
    assert!(N == L::LEN, "N is the number of cases");
    assert!(N <= look::MOST, "too many cases (max 65536)");
}

fn in_order<const N: usize>() -> [u16; N] {
    std::array::from_fn(|index| index as u16)
}
