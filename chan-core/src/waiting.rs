//! A case with everything that it needs while it waits: its waiter, and the
//! place where a value is handed over.
//!
//! It is owned by whoever waits ([`crate::selection`], [`crate::case_set`]),
//! and gives its result with [`Waiting::take`] after it has won. Engines see it
//! without its types, as an [`Arm`].
//!
//! C1  A case whose waiter is linked does not move and does not end: its owner
//!     keeps it in place and withdraws it first.
//! C2  The slot belongs to the owner unless the waiter is linked; then to the
//!     one who claims it, until the party is done.

use std::cell::{Cell, OnceCell};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr::NonNull;

use crate::arm::{Arm, Erased, Target};
use crate::face::{Closed, RecvFace, SendFace};
use crate::hchan::Hchan;
use crate::header::Guard;
use crate::parker::Wake;
use crate::results::{Received, Sent};
use crate::returned::Comeback;
use crate::ring::Slot;
use crate::sync::UnsafeCell;
use crate::waitq::{Direction, Outcome, Site, Waiter};
use crate::{handle, watch};

/// What waits, for its owner.
pub(crate) trait Waiting {
    /// The result.
    type Out;

    /// Without its types.
    fn arm(&self) -> Arm<'_>;

    /// The result, once it has won.
    #[track_caller]
    fn take(&self) -> Self::Out;
}

/// A receive that waits.
pub(crate) struct RecvWaiting<'a, T, F> {
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
// because a [`Bound`](crate::face::Bound) one keeps the operation where its
// handle is.
unsafe impl<T: Send, F: Send> Send for RecvWaiting<'_, T, F> {}

impl<'a, T, F> RecvWaiting<'a, T, F> {
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, site: Site) -> Self {
        RecvWaiting {
            chan,
            site,
            waiter: OnceCell::new(),
            slot: UnsafeCell::new(MaybeUninit::uninit()),
            got: Cell::new(Got::Nothing),
            face: PhantomData,
        }
    }
}

impl<T, F> RecvWaiting<'_, T, F> {
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

impl<T, F: RecvFace<T>> Waiting for RecvWaiting<'_, T, F> {
    type Out = F::Out;

    #[inline]
    fn arm(&self) -> Arm<'_> {
        let target = Target::new(self.chan.map(Hchan::header), Direction::Recv);
        Arm::new(target, self)
    }

    fn take(&self) -> F::Out {
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

impl<T, F> Erased for RecvWaiting<'_, T, F> {
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
            outcome if outcome.has_moved() => Got::InSlot,
            _ => Got::Closed,
        });
    }

    fn abandon(&self) {
        let (Some(chan), Some(waiter)) = (self.chan, self.waiter.get()) else {
            return;
        };
        // SAFETY: ours, done, and with the value in the slot.
        unsafe { give_back(chan, waiter, &self.slot) };
    }
}

/// A value that was handed over is not wanted, and goes on.
///
/// # Safety
///
/// The waiter is the caller's, its wait is over, and the value has moved into
/// the slot, to be taken out once.
pub(crate) unsafe fn give_back<T>(chan: &Hchan<T>, waiter: &Waiter, slot: &Slot<T>) {
    let node = Comeback::empty();
    chan.header().ensure_rare();
    let mut guard = chan.header().lock();
    // SAFETY: the caller's promise. Leaving the queue and giving back are one
    // step, so that a watcher never sees the value nowhere.
    let (value, ticket) = unsafe {
        let ticket = waiter.ticket();
        guard.withdraw(NonNull::from(waiter));
        (slot.with(|slot| slot.assume_init_read()), ticket)
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

impl<T, F> Drop for RecvWaiting<'_, T, F> {
    fn drop(&mut self) {
        self.forget_result();
    }
}

/// A send that waits.
pub(crate) struct SendWaiting<'a, T, F> {
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

// SAFETY: as for RecvWaiting.
unsafe impl<T: Send, F: Send> Send for SendWaiting<'_, T, F> {}

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

impl<'a, T, F> SendWaiting<'a, T, F> {
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, value: T, site: Site) -> Self {
        SendWaiting {
            chan,
            site,
            waiter: OnceCell::new(),
            offer: Offer::new(value),
            face: PhantomData,
        }
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

impl<T, F: SendFace<T>> Waiting for SendWaiting<'_, T, F> {
    type Out = F::Out;

    #[inline]
    fn arm(&self) -> Arm<'_> {
        let target = Target::new(self.chan.map(Hchan::header), Direction::Send);
        Arm::new(target, self)
    }

    fn take(&self) -> F::Out {
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

impl<T, F> Erased for SendWaiting<'_, T, F> {
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
            outcome if outcome.has_moved() => Sending::Gone,
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
