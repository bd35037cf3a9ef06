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
use crate::plain::Held;
use crate::results::{Nothing, Received, Refused, Sent};
use crate::ring::Slot;
use crate::sync::UnsafeCell;
use crate::waiting::{give_back, sent_on_closed};
use crate::waitq::{Direction, Outcome, Site, Waiter};

/// A receive.
pub(crate) struct RecvStep<'a, T, F> {
    chan: Option<&'a Hchan<T>>,
    /// Where a value is handed over.
    slot: Slot<T>,
    face: PhantomData<fn() -> F>,
}

/// A send.
pub(crate) struct SendStep<'a, T, F> {
    chan: Option<&'a Hchan<T>>,
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
    pub(crate) fn new(chan: Option<&'a Hchan<T>>) -> Self {
        RecvStep {
            chan,
            slot: UnsafeCell::new(MaybeUninit::uninit()),
            face: PhantomData,
        }
    }
}

impl<'a, T, F> SendStep<'a, T, F> {
    #[inline(always)]
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, value: T) -> Self {
        SendStep {
            chan,
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
    fn plainly(&self) -> Result<F::Out, Held<'_>> {
        // (`ok_or` would drop what it does not need, in a call.)
        let Some(chan) = self.chan else {
            return Err(None);
        };
        match chan.recv_plainly() {
            Ok(value) => Ok(F::value(value)),
            Err(held) => Err(held),
        }
    }

    #[inline(always)]
    fn may(&self) -> bool {
        self.header().is_some_and(|header| {
            let seen = header.look(Direction::Recv);
            seen.may() || seen.is_timed()
        })
    }

    #[inline(always)]
    fn may_now(&self, guard: &Guard<'_>) -> bool {
        self.chan.is_some() && (guard.len() > 0 || guard.is_closed() || !guard.sendq.is_empty())
    }

    #[inline]
    fn otherwise(&self, site: Site) -> Option<F::Out> {
        match self.chan?.recv_refreshed() {
            Ok(value) => Some(F::value(value)),
            Err(Nothing::Empty) => None,
            Err(Nothing::Closed) => Some(self.closed(site)),
        }
    }

    #[inline]
    fn at_once(&self, site: Site) -> Option<F::Out> {
        match self.chan?.try_recv() {
            Ok(value) => Some(F::value(value)),
            Err(Nothing::Empty) => None,
            Err(Nothing::Closed) => Some(self.closed(site)),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn attempt(&self, guard: &mut Guard<'_>) -> Option<Received<T>> {
        match self.chan?.op(guard).recv() {
            Received::Empty => None,
            received => Some(received),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn conclude(&self, got: Received<T>, site: Site) -> F::Out {
        match got.conclude() {
            Ok(value) => F::value(value),
            Err(_) => self.closed(site),
        }
    }

    #[inline(always)]
    fn slot(&self) -> Option<NonNull<()>> {
        Some(NonNull::from(&self.slot).cast())
    }

    #[inline]
    unsafe fn settle(&self, outcome: Outcome, site: Site) -> F::Out {
        if outcome.has_moved() {
            // SAFETY: it moved in, and is taken out once.
            F::value(unsafe { self.slot.with(|slot| slot.assume_init_read()) })
        } else {
            self.closed(site)
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
    fn closed(&self, site: Site) -> F::Out {
        handle::took_closed(self.chan, site);
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
    fn plainly(&self) -> Result<F::Out, Held<'_>> {
        let Some(chan) = self.chan else {
            return Err(None);
        };
        debug_assert!(!self.gone.get(), "it is fresh");
        // SAFETY: it is not parked (O2), and the value is there. If it was sent it
        // is no longer, and `gone` says so.
        unsafe { self.slot.with(|slot| chan.send_plainly(slot.as_ptr())) }?;
        self.gone.set(true);
        Ok(F::sent())
    }

    #[inline(always)]
    fn may(&self) -> bool {
        self.header()
            .is_some_and(|header| header.look(Direction::Send).may())
    }

    #[inline(always)]
    fn may_now(&self, guard: &Guard<'_>) -> bool {
        self.chan.is_some() && (guard.is_closed() || !guard.recvq.is_empty() || !guard.is_full())
    }

    #[inline]
    #[track_caller]
    fn otherwise(&self, site: Site) -> Option<F::Out> {
        if !self.chan?.header().is_unbounded() {
            return None;
        }
        // Its blocks are full.
        self.at_once(site)
    }

    #[inline]
    #[track_caller]
    fn at_once(&self, site: Site) -> Option<F::Out> {
        let chan = self.chan?;
        // SAFETY: it is not parked (O2).
        let value = unsafe { self.take_out() }?;
        match chan.try_send(value) {
            Ok(()) => Some(F::sent()),
            Err(Refused::Full(value)) => {
                self.put_back(value);
                None
            }
            Err(Refused::Closed(value)) => Some(self.closed(value, site)),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn attempt(&self, guard: &mut Guard<'_>) -> Option<Sent<T>> {
        let chan = self.chan?;
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

    #[cfg_attr(not(debug_assertions), inline(always))]
    #[track_caller]
    fn conclude(&self, got: Sent<T>, site: Site) -> F::Out {
        match got.conclude() {
            Ok(()) => F::sent(),
            Err(Refused::Closed(value) | Refused::Full(value)) => self.closed(value, site),
        }
    }

    #[inline(always)]
    fn slot(&self) -> Option<NonNull<()>> {
        Some(NonNull::from(&self.slot).cast())
    }

    #[inline]
    #[track_caller]
    unsafe fn settle(&self, outcome: Outcome, site: Site) -> F::Out {
        if outcome.has_moved() {
            self.gone.set(true);
            return F::sent();
        }
        // SAFETY: the wait is over (O2).
        let value = unsafe { self.take_out() };
        self.closed(value.expect("it came back"), site)
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
    fn closed(&self, value: T, site: Site) -> F::Out {
        let chan = self.chan.expect("nil is never closed");
        let caller = Location::caller();
        let text = || sent_on_closed(chan, site, caller);
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
