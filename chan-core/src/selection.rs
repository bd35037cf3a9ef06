//! A wait for the first of several cases whose types are known, by a thread
//! ([`look`], [`wait`]) or by a task ([`Selection`], and [`crate::task_wait`] once
//! it waits). The passes, with the argument why one case runs and no lock waits
//! for another, are in [`crate::look`].
//!
//! Everything lies in the caller's frame or in the future; waiting allocates
//! nothing.

use std::cell::OnceCell;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::arm::Target;
use crate::case_list::{CaseList, WaitingList as _, waiting};
use crate::coop;
use crate::look::{self, Arms, Frozen, Glance, Glances, Targets};
use crate::nil;
use crate::parker::Party;
use crate::readiness::Seen;
use crate::spin::Yielding;
use crate::task_wait::{TaskWait, arms, check_count, in_order};

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
#[inline]
#[track_caller]
pub fn look<L: CaseList, const N: usize>(
    cases: L,
    first: usize,
    mut chance: impl FnMut(u32) -> u32,
) -> Option<L::Won> {
    let glance = look::unless_idle(
        &Typed::<L, N>(&cases),
        &const { in_order::<N>() },
        &mut [0; N],
        first,
        &mut chance,
    );
    match glance {
        Glance::Won(_, won) => Some(won),
        Glance::Idle(_) => None,
        Glance::Lost => hold_and_look::<L, N>(cases, first, &mut chance),
    }
}

/// The look of a select whose channels change all the time.
#[cold]
#[track_caller]
fn hold_and_look<L: CaseList, const N: usize>(
    cases: L,
    first: usize,
    chance: &mut dyn FnMut(u32) -> u32,
) -> Option<L::Won> {
    let cases = waiting(cases);
    let arms = arms::<_, N>(&cases);
    let mut order = in_order::<N>();
    look::shuffle(&mut order, first, chance);
    let won = Frozen::lock(&arms[..], &order, &mut [0; N]).look(&order)?;
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
#[inline]
#[track_caller]
pub fn wait<L: CaseList, const N: usize>(
    cases: L,
    first: usize,
    mut chance: impl FnMut(u32) -> u32,
    deadline: Option<Instant>,
) -> Option<L::Won> {
    let glance = look::at_once(
        &Typed::<L, N>(&cases),
        &const { in_order::<N>() },
        &mut [0; N],
        first,
        &mut chance,
    );
    match glance {
        Glance::Won(_, won) => Some(won),
        _ => wait_typed::<L, N>(cases, first, &mut chance, deadline),
    }
}

#[cold]
#[track_caller]
fn wait_typed<L: CaseList, const N: usize>(
    cases: L,
    first: usize,
    chance: &mut dyn FnMut(u32) -> u32,
    deadline: Option<Instant>,
) -> Option<L::Won> {
    if N == 0 {
        nil::wait_without_cases(deadline);
        return None;
    }
    let cases = waiting(cases);
    let arms = arms::<_, N>(&cases);
    let (mut order, mut space) = (in_order::<N>(), [0; N]);
    let won = wait_in_queues(&arms[..], &mut order, &mut space, first, chance, deadline)?;
    Some(cases.take(won.into()))
}

/// Cases of known types, to be looked at.
struct Typed<'c, L, const N: usize>(&'c L);

impl<L: CaseList, const N: usize> Glances for Typed<'_, L, N> {
    type Out = L::Won;
    type Targets<'c>
        = [Target<'c>; N]
    where
        Self: 'c;

    #[inline(always)]
    fn targets(&self) -> [Target<'_>; N] {
        const { check_count::<N>(L::LEN) };
        let mut targets = [Target::NIL; N];
        self.0.fill(&mut targets);
        targets
    }

    #[inline(always)]
    fn peek(&self, index: u16) -> Option<Seen> {
        self.0.target(index.into()).peek()
    }

    #[inline(always)]
    #[track_caller]
    fn attempt_alone(&self, index: u16) -> Option<L::Won> {
        self.0.attempt(index.into())
    }
}

impl<const N: usize> Targets for [Target<'_>; N] {
    #[inline(always)]
    fn target(&self, index: u16) -> Target<'_> {
        self[index as usize]
    }
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
    if !party.wait(deadline, Yielding::Yes) {
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
    first: usize,
    has_deadline: bool,
    /// There until they wait, or one has won. Not pinned.
    cases: Option<L>,
    waiting: OnceCell<TaskWait<L::Waiting, N>>,
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
    #[inline]
    pub fn new(cases: L, first: usize, has_deadline: bool) -> Self {
        Selection {
            first,
            has_deadline,
            cases: Some(cases),
            waiting: OnceCell::new(),
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
    #[inline]
    #[track_caller]
    pub fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut chance: impl FnMut(u32) -> u32,
    ) -> Poll<L::Won> {
        // SAFETY: `waiting` is pinned with `self` and never moved.
        let this = unsafe { self.get_unchecked_mut() };
        if let Some(wait) = this.waiting.get() {
            // SAFETY: as above.
            return unsafe { Pin::new_unchecked(wait) }.poll(cx, chance);
        }
        if coop::must_yield(cx) {
            return Poll::Pending;
        }
        let cases = this.cases.as_ref().expect("polled after it was ready");
        let glance = look::at_once(
            &Typed::<L, N>(cases),
            &const { in_order::<N>() },
            &mut [0; N],
            this.first,
            &mut chance,
        );
        if let Glance::Won(_, won) = glance {
            this.cases = None;
            coop::was_ready();
            return Poll::Ready(won);
        }
        // SAFETY: as above.
        unsafe { Pin::new_unchecked(this) }.begin_to_wait(cx, &mut chance)
    }

    #[cold]
    #[track_caller]
    fn begin_to_wait(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        chance: &mut dyn FnMut(u32) -> u32,
    ) -> Poll<L::Won> {
        // SAFETY: `waiting` is pinned with `self` and never moved.
        let this = unsafe { self.get_unchecked_mut() };
        let cases = this.cases.take().expect("none has won");
        let wait = this.waiting.get_or_init(|| {
            let party = Party::task(N as u32, true, this.has_deadline);
            TaskWait::new(waiting(cases), this.first, party)
        });
        // SAFETY: as above.
        let wait = unsafe { Pin::new_unchecked(wait) };
        let won = wait.queue(cx, chance);
        wait.result(won)
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
        // SAFETY: `waiting` is pinned with `self` and never moved.
        let this = unsafe { self.get_unchecked_mut() };
        if let Some(wait) = this.waiting.get() {
            // SAFETY: as above.
            return unsafe { Pin::new_unchecked(wait) }.give_up();
        }
        let cases = this.cases.take()?;
        let cases = Typed::<L, N>(&cases);
        let order = const { in_order::<N>() };
        match look::at_once(&cases, &order, &mut [0; N], N, &mut |_| 0) {
            Glance::Won(_, won) => Some(won),
            Glance::Idle(_) | Glance::Lost => None,
        }
    }
}

impl<L: CaseList, const N: usize> std::fmt::Debug for Selection<L, N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Selection").field("cases", &N).finish()
    }
}
