//! What a task's send and receive do ([`Step`]), and the values that they have
//! or wait for. Those in which no value moves are in [`crate::grant`].

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::Location;
use std::ptr::NonNull;

use crate::face::{Closed, RecvFace, SendFace};
use crate::handle;
use crate::hchan::Hchan;
use crate::header::{Guard, Header};
use crate::operation::Step;
use crate::results::{Nothing, Received, Refused, Sent};
use crate::ring::Slot;
use crate::sync::UnsafeCell;
use crate::waiting::{give_back, sent_on_closed};
use crate::waitq::{Direction, Outcome, Site, Waiter};

/// A receive.
pub(crate) struct RecvStep<'a, T, F> {
    chan: Option<&'a Hchan<T>>,
    site: Site,
    /// Where a value is handed over.
    slot: Slot<T>,
    face: PhantomData<fn() -> F>,
}

/// A send.
pub(crate) struct SendStep<'a, T, F> {
    chan: Option<&'a Hchan<T>>,
    site: Site,
    /// The value, unless it has gone.
    slot: Slot<T>,
    gone: Cell<bool>,
    face: PhantomData<fn() -> F>,
}

// SAFETY: the value may cross threads as `T: Send`. The face is asked because a
// [`Bound`](crate::face::Bound) one keeps the operation where its handle is.
unsafe impl<T: Send, F: Send> Send for RecvStep<'_, T, F> {}
// SAFETY: as above.
unsafe impl<T: Send, F: Send> Send for SendStep<'_, T, F> {}

impl<'a, T, F> RecvStep<'a, T, F> {
    #[inline(always)]
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, site: Site) -> Self {
        RecvStep {
            chan,
            site,
            slot: UnsafeCell::new(MaybeUninit::uninit()),
            face: PhantomData,
        }
    }
}

impl<'a, T, F> SendStep<'a, T, F> {
    #[inline(always)]
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, value: T, site: Site) -> Self {
        SendStep {
            chan,
            site,
            slot: UnsafeCell::new(MaybeUninit::new(value)),
            gone: Cell::new(false),
            face: PhantomData,
        }
    }
}

impl<T, F: RecvFace<T>> Step for RecvStep<'_, T, F> {
    type Out = F::Out;
    type Got = Received<T>;
    const DIRECTION: Direction = Direction::Recv;

    #[inline(always)]
    fn header(&self) -> Option<&Header> {
        self.chan.map(Hchan::header)
    }

    #[inline(always)]
    fn site(&self) -> Site {
        self.site
    }

    #[inline(always)]
    fn at_once(&self) -> Option<F::Out> {
        match self.chan?.recv_at_once() {
            Ok(value) => Some(F::value(value)),
            Err(Nothing::Empty) => None,
            Err(Nothing::Closed) => Some(self.closed()),
        }
    }

    #[inline]
    fn attempt(&self, guard: &mut Guard<'_>) -> Option<Received<T>> {
        match self.chan?.op(guard).recv() {
            Received::Empty => None,
            received => Some(received),
        }
    }

    fn conclude(&self, got: Received<T>) -> F::Out {
        match got.conclude() {
            Ok(value) => F::value(value),
            Err(_) => self.closed(),
        }
    }

    #[inline(always)]
    fn slot(&self) -> Option<NonNull<()>> {
        Some(NonNull::from(&self.slot).cast())
    }

    #[inline]
    unsafe fn settle(&self, outcome: Outcome) -> F::Out {
        if outcome.has_moved() {
            // SAFETY: it moved in, and is taken out once.
            F::value(unsafe { self.slot.with(|slot| slot.assume_init_read()) })
        } else {
            self.closed()
        }
    }

    unsafe fn abandon(&self, waiter: &Waiter) {
        let chan = self.chan.expect("nil hands nothing over");
        // SAFETY: the caller's promise.
        unsafe { give_back(chan, waiter, &self.slot) };
    }
}

impl<T, F: RecvFace<T>> RecvStep<'_, T, F> {
    #[cold]
    fn closed(&self) -> F::Out {
        handle::took_closed(self.chan, self.site);
        F::closed()
    }
}

impl<T, F: SendFace<T>> Step for SendStep<'_, T, F> {
    type Out = F::Out;
    type Got = Sent<T>;
    const DIRECTION: Direction = Direction::Send;

    #[inline(always)]
    fn header(&self) -> Option<&Header> {
        self.chan.map(Hchan::header)
    }

    #[inline(always)]
    fn site(&self) -> Site {
        self.site
    }

    #[inline(always)]
    #[track_caller]
    fn at_once(&self) -> Option<F::Out> {
        let chan = self.chan?;
        // SAFETY: it is not parked (O2).
        let value = unsafe { self.take_out() }?;
        match chan.send_at_once(value) {
            Ok(()) => Some(F::sent()),
            Err(Refused::Full(value)) => {
                self.put_back(value);
                None
            }
            Err(Refused::Closed(value)) => Some(self.closed(value)),
        }
    }

    #[inline]
    fn attempt(&self, guard: &mut Guard<'_>) -> Option<Sent<T>> {
        let chan = self.chan?;
        // A channel without a limit is never full: the look before, which has
        // memory if it must, has sent.
        debug_assert!(!chan.header().is_unbounded());
        // SAFETY: it is not parked (O2).
        let value = unsafe { self.take_out() }?;
        match chan.op(guard).send(value) {
            Sent::Full(value) => {
                self.put_back(value);
                None
            }
            sent => Some(sent),
        }
    }

    #[track_caller]
    fn conclude(&self, got: Sent<T>) -> F::Out {
        match got.conclude() {
            Ok(()) => F::sent(),
            Err(Refused::Closed(value) | Refused::Full(value)) => self.closed(value),
        }
    }

    #[inline(always)]
    fn slot(&self) -> Option<NonNull<()>> {
        Some(NonNull::from(&self.slot).cast())
    }

    #[inline]
    #[track_caller]
    unsafe fn settle(&self, outcome: Outcome) -> F::Out {
        if outcome.has_moved() {
            self.gone.set(true);
            return F::sent();
        }
        // SAFETY: the wait is over (O2).
        let value = unsafe { self.take_out() };
        self.closed(value.expect("it came back"))
    }

    unsafe fn abandon(&self, waiter: &Waiter) {
        // It is complete; dropping it changes nothing.
        self.gone.set(true);
        let header = self.header().expect("nil takes nothing");
        // SAFETY: ours, and of this channel.
        unsafe { header.lock().withdraw(NonNull::from(waiter)) };
    }
}

impl<T, F> SendStep<'_, T, F> {
    /// The value, unless it has gone.
    ///
    /// # Safety
    ///
    /// It is not parked.
    #[inline(always)]
    pub(crate) unsafe fn take_out(&self) -> Option<T> {
        if self.gone.replace(true) {
            return None;
        }
        // SAFETY: it was there, and is taken out once.
        Some(unsafe { self.slot.with(|slot| slot.assume_init_read()) })
    }

    #[inline]
    fn put_back(&self, value: T) {
        // SAFETY: it was taken out of there, and nobody else looks.
        unsafe { self.slot.with_mut(|slot| *slot = MaybeUninit::new(value)) };
        self.gone.set(false);
    }
}

impl<T, F: SendFace<T>> SendStep<'_, T, F> {
    #[cold]
    #[track_caller]
    fn closed(&self, value: T) -> F::Out {
        let chan = self.chan.expect("nil is never closed");
        let caller = Location::caller();
        let text = || sent_on_closed(chan, self.site, caller);
        F::closed(value, Closed { text: &text })
    }
}

impl<T, F> Drop for SendStep<'_, T, F> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: whoever waits has left before.
        drop(unsafe { self.take_out() });
    }
}
