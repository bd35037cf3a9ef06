//! Whole operations on one channel, by a thread that waits if it must.
//!
//! Each looks once; if it cannot go on it looks again with its waiter ready,
//! parks it under the same lock, and waits until its party is done or the
//! deadline has come. Wakes are fired and memory is had and given back
//! outside the lock.
//!
//! Not here: the rules ([`crate::hchan`]), what is done without waiting
//! ([`crate::at_once`]), how a thread sleeps ([`crate::parker`]), tasks
//! ([`crate::operation`]).

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::time::Instant;

use crate::hchan::Hchan;
use crate::parker::Party;
use crate::plain::Held;
use crate::results::{Nothing, Received, Refused, Reserved, Sent};
use crate::ring::Slot;
use crate::spin;
use crate::sync::UnsafeCell;
use crate::waitq::{Direction, Site, Waiter};

/// Why a blocking operation did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Closed,
    Timeout,
}

/// Values of more bytes are not passed in registers.
const LARGE: usize = 2 * size_of::<usize>();

impl<T> Hchan<T> {
    /// Sends, waiting as long as the deadline allows.
    #[inline]
    pub(crate) fn send(
        &self,
        value: T,
        deadline: Option<Instant>,
        site: Site,
    ) -> Result<(), (Stop, T)> {
        match self.put_plain(value) {
            Ok(()) => Ok(()),
            Err((value, held)) => self.send_or_wait(value, held, deadline, site),
        }
    }

    /// Receives, waiting as long as the deadline allows. (What stopped it is
    /// given in the caller's words here: a result that is turned into another
    /// copies the value once more.)
    #[inline]
    pub(crate) fn recv<E>(
        &self,
        deadline: Option<Instant>,
        site: Site,
        stopped: impl FnOnce(Stop) -> E,
    ) -> Result<T, E> {
        // To find it closed takes loads only.
        if self.header().is_over() {
            return Err(stopped(Stop::Closed));
        }
        match self.take_plain() {
            Ok(value) => Ok(value),
            // Measured: large values are copied once less so, and for small ones
            // the call alone is shorter.
            Err(held) if size_of::<T>() > LARGE => {
                self.recv_or_wait(held, deadline, site).map_err(stopped)
            }
            Err(held) => self.recv_or_stop(held, deadline, site, stopped),
        }
    }

    /// [`Hchan::recv_or_wait`] in the caller's words.
    #[inline(never)]
    fn recv_or_stop<E>(
        &self,
        held: Held<'_>,
        deadline: Option<Instant>,
        site: Site,
        stopped: impl FnOnce(Stop) -> E,
    ) -> Result<T, E> {
        self.recv_or_wait(held, deadline, site).map_err(stopped)
    }

    #[inline(never)]
    fn send_or_wait(
        &self,
        value: T,
        held: Held<'_>,
        deadline: Option<Instant>,
        site: Site,
    ) -> Result<(), (Stop, T)> {
        if held.is_some() && !spin::looks_ahead(self.header().capacity()) {
            return self.send_slow(value, held, deadline, site);
        }
        match self.send_whole(value, held) {
            Ok(()) => Ok(()),
            Err(Refused::Closed(value)) => Err((Stop::Closed, value)),
            Err(Refused::Full(value)) => {
                let sides = &self.header().sides;
                let yielding = self.header().yielding();
                if !spin::look_ahead(sides.capacity(), yielding, || sides.full().is_none()) {
                    return self.send_slow(value, None, deadline, site);
                }
                // One lock, most likely; the other would be in the receivers' way.
                match self.put_again(value) {
                    Ok(()) => Ok(()),
                    Err((value, held)) => self.send_slow(value, held, deadline, site),
                }
            }
        }
    }

    #[inline(never)]
    fn recv_or_wait(
        &self,
        held: Held<'_>,
        deadline: Option<Instant>,
        site: Site,
    ) -> Result<T, Stop> {
        let timed = self.header().source().is_some();
        if held.is_some() && !timed && !spin::looks_ahead(self.header().capacity()) {
            return self.recv_slow(held, deadline, site);
        }
        let received = match held {
            Some(_) => self.recv_whole(held),
            None => self.try_recv_empty(),
        };
        match received {
            Ok(value) => Ok(value),
            Err(Nothing::Closed) => Err(Stop::Closed),
            Err(Nothing::Empty) => {
                let sides = &self.header().sides;
                let yielding = self.header().yielding();
                if !spin::look_ahead(sides.capacity(), yielding, || sides.empty().is_none()) {
                    return self.recv_slow(None, deadline, site);
                }
                match self.take_again() {
                    Ok(value) => Ok(value),
                    Err(held) => self.recv_slow(held, deadline, site),
                }
            }
        }
    }

    /// [`Hchan::put_plain`], with a frame of its own.
    #[inline(never)]
    fn put_again(&self, value: T) -> Result<(), (T, Held<'_>)> {
        self.put_plain(value)
    }

    /// [`Hchan::take_plain`], with a frame of its own.
    #[inline(never)]
    fn take_again(&self) -> Result<T, Held<'_>> {
        self.take_plain()
    }

    /// Sends, and queues up under the same lock if it must.
    fn send_slow(
        &self,
        value: T,
        held: Held<'_>,
        deadline: Option<Instant>,
        site: Site,
    ) -> Result<(), (Stop, T)> {
        let party = Party::thread(1, false, deadline.is_some());
        let slot: Slot<T> = UnsafeCell::new(MaybeUninit::uninit());
        let waiter = waiter(&party, Some(&slot), Direction::Send, site);
        {
            let mut guard = held.unwrap_or_else(|| self.header().lock());
            let sent = self.op(&mut guard).send(value);
            match sent {
                Sent::Done(wake) => {
                    drop(guard);
                    wake.fire();
                    return Ok(());
                }
                Sent::Closed(value) => return Err((Stop::Closed, value)),
                Sent::Full(value) => {
                    // SAFETY: not linked yet, so nobody else looks.
                    unsafe { slot.with_mut(|slot| *slot = MaybeUninit::new(value)) };
                    // SAFETY: all three live until `wait_out` returns, which
                    // is when the waiter is linked no more.
                    unsafe { guard.park(NonNull::from(&waiter)) };
                }
            }
        }
        match self.wait_out(&party, &waiter, deadline) {
            Ok(()) => Ok(()),
            // SAFETY: nobody took the value, and nobody can any more.
            Err(stop) => Err((stop, unsafe { slot.into_inner().assume_init() })),
        }
    }

    /// Receives, and queues up under the same lock if it must.
    fn recv_slow(&self, held: Held<'_>, deadline: Option<Instant>, site: Site) -> Result<T, Stop> {
        let party = Party::thread(1, false, deadline.is_some());
        let slot: Slot<T> = UnsafeCell::new(MaybeUninit::uninit());
        let waiter = waiter(&party, Some(&slot), Direction::Recv, site);
        {
            let mut guard = held.unwrap_or_else(|| self.header().lock());
            let received = self.op(&mut guard).recv();
            match received {
                Received::Value(value, wake) => {
                    drop(guard);
                    wake.fire();
                    return Ok(value);
                }
                Received::Returned(node) => {
                    drop(guard);
                    return Ok(node.into_value());
                }
                Received::Closed => return Err(Stop::Closed),
                // SAFETY: as in `send_slow`.
                Received::Empty => unsafe { guard.park(NonNull::from(&waiter)) },
            }
        }
        self.wait_out(&party, &waiter, deadline)?;
        // SAFETY: a receive that succeeded has its value in the slot.
        Ok(unsafe { slot.into_inner().assume_init() })
    }

    /// Takes a permit, waiting as long as the deadline allows.
    pub(crate) fn reserve(&self, deadline: Option<Instant>, site: Site) -> Result<(), Stop> {
        let party = Party::thread(1, false, deadline.is_some());
        let waiter = waiter::<T>(&party, None, Direction::Send, site);
        {
            let mut guard = self.header().lock();
            let reserved = self.op(&mut guard).reserve();
            match reserved {
                Reserved::Granted => return Ok(()),
                Reserved::Closed => return Err(Stop::Closed),
                // SAFETY: as in `send_slow`.
                Reserved::Full => unsafe { guard.park(NonNull::from(&waiter)) },
            }
        }
        self.wait_out(&party, &waiter, deadline)
    }

    /// Waits for the close as long as the deadline allows; whether it came.
    pub(crate) fn wait_closed(&self, deadline: Option<Instant>, site: Site) -> bool {
        let party = Party::thread(1, false, deadline.is_some());
        let waiter = waiter::<T>(&party, None, Direction::Close, site);
        self.header().ensure_rare();
        {
            let mut guard = self.header().lock();
            if guard.is_closed() {
                return true;
            }
            // SAFETY: as in `send_slow`.
            unsafe { guard.park(NonNull::from(&waiter)) };
        }
        self.wait_out(&party, &waiter, deadline) == Err(Stop::Closed)
    }

    /// Waits until the waiter's operation is over, one way or another. It is
    /// not linked when this returns.
    fn wait_out(
        &self,
        party: &Party,
        waiter: &Waiter,
        deadline: Option<Instant>,
    ) -> Result<(), Stop> {
        if !party.wait(deadline, self.header().yielding()) {
            // A timer that is due may still hand us its value.
            self.header().refresh();
            let mut guard = self.header().lock();
            if !party.is_done() {
                // SAFETY: ours, and of this channel.
                unsafe { guard.withdraw(NonNull::from(waiter)) };
                return Err(Stop::Timeout);
            }
        }
        // SAFETY: ours, and done.
        match unsafe { waiter.outcome() } {
            outcome if outcome.has_moved() => Ok(()),
            _ => {
                // A close leaves its waiters linked (parker, P3).
                // SAFETY: ours, and of this channel.
                unsafe { self.header().lock().withdraw(NonNull::from(waiter)) };
                Err(Stop::Closed)
            }
        }
    }
}

/// The only waiter of a party that waits for one operation.
pub(crate) fn waiter<T>(
    party: &Party,
    slot: Option<&Slot<T>>,
    direction: Direction,
    site: Site,
) -> Waiter {
    let slot = slot.map(|slot| NonNull::from(slot).cast());
    Waiter::new(NonNull::from(party), slot, direction, 0, site)
}
