//! One alternative of a wait: an armed send or receive, with everything it
//! needs while it waits.
//!
//! A case is made by a face ([`RecvArm`], [`SendArm`]), owned by a
//! [`Selection`](crate::selection::Selection), and gives its result with
//! [`RecvCase::take`] or [`SendCase::take`] after it has won. Engines see it
//! without its types, as an [`Arm`].
//!
//! C1  A case whose waiter is linked does not move and does not end: its
//!     `Selection` is pinned and withdraws it first.
//! C2  The slot belongs to the owner unless the waiter is linked; then to the
//!     one who claims it, until the party is done.

use std::cell::{Cell, OnceCell};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr::NonNull;

use crate::arm::{Arm, Erased};
use crate::face::{Bound, Closed, RecvFace, SendFace};
use crate::hchan::{Hchan, Received, Sent, Slot};
use crate::header::Guard;
use crate::parker::Wake;
use crate::ring::Comeback;
use crate::sync::UnsafeCell;
use crate::waitq::{Direction, Outcome, Site, Waiter};
use crate::{handle, watch};

/// An operand of a receive case: a receiver, a channel, a view of one, or an
/// optional one of these, `None` being nil.
///
/// # Examples
///
/// ```
/// use chan_core::select::{self, CaseList, End, RecvArm, Won};
///
/// /// Receives from whatever can be received from, without waiting.
/// fn glance<'a, A: RecvArm<'a>>(operand: A) -> bool {
///     select::look::<_, 1>(End.and(operand.arm()), 0, |_| 0).is_some()
/// }
/// let (tx, rx) = chan_core::bounded(1);
/// assert!(!glance(&rx) && !glance(&None::<chan_core::Chan<u8>>));
/// tx.send(1).unwrap();
/// assert!(glance(&rx));
/// ```
pub trait RecvArm<'a> {
    /// The element.
    type Item: 'a;
    /// How results are said.
    type Face: RecvFace<Self::Item>;

    /// Arms a receive. A nil operand makes a case that is never ready.
    #[track_caller]
    fn arm(self) -> RecvCase<'a, Self::Item, Self::Face>;
}

/// An operand of a send case, as [`RecvArm`] is one of a receive.
///
/// # Examples
///
/// ```
/// use chan_core::select::{self, CaseList, End, SendArm, Won};
///
/// let chan = chan_core::Chan::new(1);
/// let case = SendArm::arm(&chan, 1);
/// assert!(matches!(select::look::<_, 1>(End.and(case), 0, |_| 0), Some(Won::This(()))));
/// assert_eq!(chan.recv(), Some(1));
/// ```
pub trait SendArm<'a> {
    /// The element.
    type Item: 'a;
    /// How results are said.
    type Face: SendFace<Self::Item>;

    /// Arms a send. A nil operand makes a case that is never ready.
    #[track_caller]
    fn arm(self, value: Self::Item) -> SendCase<'a, Self::Item, Self::Face>;
}

impl<'a, 'b: 'a, R> RecvArm<'a> for &'a &'b R
where
    &'a R: RecvArm<'a>,
{
    type Item = <&'a R as RecvArm<'a>>::Item;
    type Face = <&'a R as RecvArm<'a>>::Face;

    fn arm(self) -> RecvCase<'a, Self::Item, Self::Face> {
        RecvArm::arm(*self)
    }
}

impl<'a, R> RecvArm<'a> for &'a Option<R>
where
    &'a R: RecvArm<'a>,
{
    type Item = <&'a R as RecvArm<'a>>::Item;
    type Face = <&'a R as RecvArm<'a>>::Face;

    fn arm(self) -> RecvCase<'a, Self::Item, Self::Face> {
        match self {
            Some(operand) => operand.arm(),
            None => RecvCase::new(None, Location::caller()),
        }
    }
}

impl<'a, 'b: 'a, S> SendArm<'a> for &'a &'b S
where
    &'a S: SendArm<'a>,
{
    type Item = <&'a S as SendArm<'a>>::Item;
    type Face = <&'a S as SendArm<'a>>::Face;

    fn arm(self, value: Self::Item) -> SendCase<'a, Self::Item, Self::Face> {
        SendArm::arm(*self, value)
    }
}

impl<'a, S> SendArm<'a> for &'a Option<S>
where
    &'a S: SendArm<'a>,
{
    type Item = <&'a S as SendArm<'a>>::Item;
    type Face = <&'a S as SendArm<'a>>::Face;

    fn arm(self, value: Self::Item) -> SendCase<'a, Self::Item, Self::Face> {
        match self {
            Some(operand) => operand.arm(value),
            None => SendCase::new(None, value, Location::caller()),
        }
    }
}

/// An armed receive.
///
/// # Examples
///
/// ```
/// use chan_core::select::{RecvArm, RecvCase, RustFace};
///
/// let (_tx, rx) = chan_core::bounded::<u8>(1);
/// let case: RecvCase<'_, u8, RustFace> = rx.arm();
/// drop(case); // nothing was received
/// ```
pub struct RecvCase<'a, T, F> {
    chan: Option<&'a Hchan<T>>,
    site: Site,
    waiter: OnceCell<Waiter>,
    slot: Slot<T>,
    got: Cell<Got<T>>,
    face: PhantomData<fn() -> F>,
}

/// What a receive case has got.
enum Got<T> {
    /// Nothing, or its result has been taken.
    Nothing,
    /// A value that a sender put into the slot.
    InSlot,
    Value(T),
    /// Boxed because it came back that way.
    Returned(Box<Comeback<T>>),
    Closed,
}

// SAFETY: the pointers in `waiter` are to the case itself and its party, which
// move together; the value may cross threads as `T: Send`. The face is asked
// because a [`Bound`] one keeps the operation where its handle is.
unsafe impl<T: Send, F: Send> Send for RecvCase<'_, T, F> {}

impl<'a, T, F> RecvCase<'a, T, F> {
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, site: Site) -> Self {
        RecvCase {
            chan,
            site,
            waiter: OnceCell::new(),
            slot: UnsafeCell::new(MaybeUninit::uninit()),
            got: Cell::new(Got::Nothing),
            face: PhantomData,
        }
    }

    /// The same receive, not begun, bound to where an `R` may go.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::select::{Bound, RecvArm, RecvCase, RustFace};
    ///
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// // Does not leave this thread, as an `Rc` does not.
    /// let case: RecvCase<'_, u8, Bound<RustFace, std::rc::Rc<()>>> = rx.arm().bound();
    /// drop(case);
    /// ```
    pub fn bound<R>(self) -> RecvCase<'a, T, Bound<F, R>> {
        RecvCase::new(self.chan, self.site)
    }
}

impl<T, F> RecvCase<'_, T, F> {
    /// Makes it ready for another wait. A result that nobody took, because a
    /// waker panicked before, goes now: later it would go under a lock.
    pub(crate) fn renew(&mut self) {
        self.waiter = OnceCell::new();
        self.forget_result();
    }

    /// Drops what it has got.
    fn forget_result(&mut self) {
        if let Got::InSlot = self.got.replace(Got::Nothing) {
            // SAFETY: moved in, never taken.
            unsafe { self.slot.with_mut(|slot| slot.assume_init_drop()) };
        }
    }

    /// Remembers what a look has brought, if it has.
    #[inline]
    fn keep(&self, received: Received<T>) -> Option<Wake> {
        let (got, wake) = match received {
            Received::Value(value, wake) => (Got::Value(value), wake),
            Received::Returned(node) => (Got::Returned(node), Wake::None),
            Received::Closed => (Got::Closed, Wake::None),
            Received::Empty => return None,
        };
        self.got.set(got);
        Some(wake)
    }
}

impl<T, F: RecvFace<T>> RecvCase<'_, T, F> {
    /// The result of a case that has won.
    pub(crate) fn take(&self) -> F::Out {
        match self.got.replace(Got::Nothing) {
            Got::Value(value) => F::value(value),
            Got::Returned(node) => F::value(node.into_value()),
            // SAFETY: `settle` saw that the value moved in, and it is read
            // once: `got` says Nothing now. The waiter is linked no more.
            Got::InSlot => F::value(unsafe { self.slot.with(|slot| slot.assume_init_read()) }),
            Got::Closed => {
                handle::took_closed(self.chan, self.site);
                F::closed()
            }
            Got::Nothing => unreachable!("only a case that has won is asked, once"),
        }
    }
}

impl<T, F> RecvCase<'_, T, F> {
    #[inline]
    pub(crate) fn arm(&self) -> Arm<'_> {
        Arm::new(self.chan.map(Hchan::header), Direction::Recv, self)
    }
}

impl<T, F> Erased for RecvCase<'_, T, F> {
    #[inline]
    fn attempt(&self, guard: &mut Guard<'_>) -> Option<Wake> {
        self.keep(self.chan?.op(guard).recv())
    }

    #[inline]
    fn attempt_alone(&self) -> Option<Wake> {
        self.keep(self.chan?.recv_now())
    }

    fn waiter(&self) -> &OnceCell<Waiter> {
        &self.waiter
    }

    fn slot(&self) -> Option<NonNull<()>> {
        Some(NonNull::from(&self.slot).cast())
    }

    fn site(&self) -> Site {
        self.site
    }

    fn settle(&self, outcome: Outcome) {
        self.got.set(match outcome {
            Outcome::Moved => Got::InSlot,
            _ => Got::Closed,
        });
    }

    fn abandon(&self) {
        let (Some(chan), Some(waiter)) = (self.chan, self.waiter.get()) else {
            return;
        };
        let node = Comeback::empty();
        let mut guard = chan.header().lock();
        // SAFETY: ours, of this channel, and done: the value moved in, and is
        // taken out once. Leaving the queue and giving back are one step, so
        // that a watcher never sees the value nowhere.
        let (value, ticket) = unsafe {
            let ticket = waiter.ticket();
            guard.withdraw(NonNull::from(waiter));
            (self.slot.with(|slot| slot.assume_init_read()), ticket)
        };
        if guard.is_outdated(ticket) {
            drop(guard);
            return drop(value);
        }
        let (wake, node) = chan.op(&mut guard).give_back(value, ticket, node);
        drop(guard);
        drop(node);
        wake.fire();
    }
}

impl<T, F> Drop for RecvCase<'_, T, F> {
    fn drop(&mut self) {
        self.forget_result();
    }
}

/// An armed send.
///
/// # Examples
///
/// ```
/// use chan_core::select::{GoFace, SendArm, SendCase};
///
/// let chan = chan_core::Chan::new(1);
/// let case: SendCase<'_, u8, GoFace> = chan.arm(1);
/// drop(case); // nothing was sent
/// assert!(chan.is_empty());
/// ```
pub struct SendCase<'a, T, F> {
    chan: Option<&'a Hchan<T>>,
    site: Site,
    waiter: OnceCell<Waiter>,
    offer: Offer<T>,
    face: PhantomData<fn() -> F>,
}

/// What a send case has to send.
pub(crate) struct Offer<T> {
    slot: Slot<T>,
    state: Cell<Sending>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// The value is in the slot.
    Armed,
    /// The value has gone over, or was taken out.
    Gone,
    /// The channel is closed; the value is in the slot.
    Closed,
}

// SAFETY: as for RecvCase.
unsafe impl<T: Send, F: Send> Send for SendCase<'_, T, F> {}

impl<T> Offer<T> {
    fn new(value: T) -> Self {
        Offer {
            slot: UnsafeCell::new(MaybeUninit::new(value)),
            state: Cell::new(Sending::Armed),
        }
    }

    /// Takes the value out for an attempt; [`Offer::keep`] sets the state anew.
    ///
    /// # Safety
    ///
    /// The slot is ours (C2).
    #[inline]
    unsafe fn try_with(&self, send: impl FnOnce(T) -> Sent<T>) -> Option<Wake> {
        if self.state.get() != Sending::Armed {
            return None;
        }
        // SAFETY: the state says that the value is there; until it is set
        // anew nobody looks.
        let sent = send(unsafe { self.slot.with(|slot| slot.assume_init_read()) });
        self.keep(sent)
    }

    /// Remembers what became of the value, or puts it back.
    #[inline]
    fn keep(&self, sent: Sent<T>) -> Option<Wake> {
        let (value, state, wake) = match sent {
            Sent::Done(wake) => {
                self.state.set(Sending::Gone);
                return Some(wake);
            }
            Sent::Closed(value) => (value, Sending::Closed, Some(Wake::None)),
            Sent::Full(value) => (value, Sending::Armed, None),
        };
        // SAFETY: ours, and empty since `try_with`.
        unsafe { self.slot.with_mut(|slot| *slot = MaybeUninit::new(value)) };
        self.state.set(state);
        wake
    }

    /// The value, unless it has gone.
    ///
    /// # Safety
    ///
    /// The slot is ours (C2).
    unsafe fn take_out(&self) -> Option<T> {
        if self.state.replace(Sending::Gone) == Sending::Gone {
            return None;
        }
        // SAFETY: the state said that the value is there, and says Gone now.
        Some(unsafe { self.slot.with(|slot| slot.assume_init_read()) })
    }

    /// The value, unless it has gone.
    pub(crate) fn take_back(&mut self) -> Option<T> {
        // SAFETY: nobody is linked to what is borrowed alone.
        unsafe { self.take_out() }
    }

    /// Arms it with another value; the one that was there.
    pub(crate) fn put(&mut self, value: T) -> Option<T> {
        let old = self.take_back();
        self.slot = UnsafeCell::new(MaybeUninit::new(value));
        self.state.set(Sending::Armed);
        old
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.state.get() == Sending::Armed
    }
}

impl<T> Drop for Offer<T> {
    fn drop(&mut self) {
        drop(self.take_back());
    }
}

impl<'a, T, F> SendCase<'a, T, F> {
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, value: T, site: Site) -> Self {
        SendCase {
            chan,
            site,
            waiter: OnceCell::new(),
            offer: Offer::new(value),
            face: PhantomData,
        }
    }

    /// The same send, not begun, bound to where an `R` may go.
    ///
    /// # Panics
    ///
    /// If its value has gone already.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::select::{Bound, GoFace, SendArm, SendCase};
    ///
    /// let chan = chan_core::Chan::new(1);
    /// let case: SendCase<'_, u8, Bound<GoFace, std::rc::Rc<()>>> = chan.arm(1).bound();
    /// drop(case);
    /// ```
    pub fn bound<R>(mut self) -> SendCase<'a, T, Bound<F, R>> {
        let value = self.offer.take_back().expect("it has not begun");
        SendCase::new(self.chan, value, self.site)
    }

    /// The value, if it has not gone.
    ///
    /// # Safety
    ///
    /// Its wait is over, or has not begun.
    pub(crate) unsafe fn disarm(&self) -> Option<T> {
        // SAFETY: the caller's promise.
        unsafe { self.offer.take_out() }
    }

    /// What it has to send.
    pub(crate) fn offer(&mut self) -> &mut Offer<T> {
        &mut self.offer
    }

    pub(crate) fn is_armed(&self) -> bool {
        self.offer.is_armed()
    }

    /// Makes it ready for another wait.
    pub(crate) fn renew(&mut self) {
        self.waiter = OnceCell::new();
    }
}

impl<T, F: SendFace<T>> SendCase<'_, T, F> {
    /// The result of a case that has won.
    #[track_caller]
    pub(crate) fn take(&self) -> F::Out {
        match self.offer.state.get() {
            Sending::Gone => F::sent(),
            Sending::Closed => {
                // SAFETY: the wait is over.
                let value = unsafe { self.offer.take_out() }.expect("it came back");
                let chan = self.chan.expect("nil is never closed");
                let caller = Location::caller();
                let text = || sent_on_closed(chan, self.site, caller);
                F::closed(value, Closed { text: &text })
            }
            Sending::Armed => unreachable!("only a case that has won is asked"),
        }
    }
}

impl<T, F> SendCase<'_, T, F> {
    #[inline]
    pub(crate) fn arm(&self) -> Arm<'_> {
        Arm::new(self.chan.map(Hchan::header), Direction::Send, self)
    }
}

impl<T, F> Erased for SendCase<'_, T, F> {
    #[inline]
    fn attempt(&self, guard: &mut Guard<'_>) -> Option<Wake> {
        let chan = self.chan?;
        // A channel without a limit is never full: the look at it alone, which
        // comes first and has memory if it must, finds it ready.
        debug_assert!(!chan.header().is_unbounded());
        // SAFETY: a case that attempts is not linked.
        unsafe { self.offer.try_with(|value| chan.op(guard).send(value)) }
    }

    #[inline]
    fn attempt_alone(&self) -> Option<Wake> {
        let chan = self.chan?;
        // SAFETY: a case that attempts is not linked.
        unsafe { self.offer.try_with(|value| chan.send_now(value)) }
    }

    fn waiter(&self) -> &OnceCell<Waiter> {
        &self.waiter
    }

    fn slot(&self) -> Option<NonNull<()>> {
        Some(NonNull::from(&self.offer.slot).cast())
    }

    fn site(&self) -> Site {
        self.site
    }

    fn settle(&self, outcome: Outcome) {
        self.offer.state.set(match outcome {
            Outcome::Moved => Sending::Gone,
            _ => Sending::Closed,
        });
    }

    fn abandon(&self) {
        // A send that was taken from is complete; dropping it changes nothing.
        let (Some(chan), Some(waiter)) = (self.chan, self.waiter.get()) else {
            return;
        };
        self.offer.state.set(Sending::Gone);
        // SAFETY: ours, and of this channel.
        unsafe { chan.header().lock().withdraw(NonNull::from(waiter)) };
    }
}

/// Tells a watcher of a send on a closed channel and makes the text for it.
pub(crate) fn sent_on_closed<T>(chan: &Hchan<T>, site: Site, caller: Site) -> String {
    let text = handle::misuse(chan, watch::Misuse::SendAfterClose, site);
    if caller == site {
        text
    } else {
        // Polled: the line of the panic is not the user's.
        format!("{text} (sent at {site})")
    }
}

impl<T, F> std::fmt::Debug for RecvCase<'_, T, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecvCase({})", self.site)
    }
}

impl<T, F> std::fmt::Debug for SendCase<'_, T, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SendCase({})", self.site)
    }
}
