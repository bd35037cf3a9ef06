//! Whole operations on one channel, by a thread that waits if it must.
//!
//! Each looks once; if it cannot go on it looks again with its waiter ready,
//! parks it under the same lock, and waits until its party is done or the
//! deadline has come. Wakes are fired and memory is had and given back
//! outside the lock.
//!
//! Not here: the rules ([`crate::hchan`]), how a thread sleeps
//! ([`crate::parker`]), tasks ([`crate::selection`]).

use std::mem::MaybeUninit;
use std::panic;
use std::ptr::NonNull;
use std::time::Instant;

use crate::blocks::Fresh;
use crate::hchan::Hchan;
use crate::parker::{Party, Wake};
use crate::plain::Held;
use crate::results::{Forced, Nothing, Received, Refused, Reserved, Sent};
use crate::ring::Slot;
use crate::spin;
use crate::sync::UnsafeCell;
use crate::waitq::{Direction, Site, Waiter};
use crate::wakes::Wakes;

/// Why a blocking operation did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Closed,
    Timeout,
}

/// Values of more bytes are not passed in registers.
const LARGE: usize = 2 * size_of::<usize>();

impl<T> Hchan<T> {
    // ---- At once or not at all. ----

    /// Sends if that can be done at once. To find the channel full or closed
    /// takes loads only.
    #[inline(always)]
    pub(crate) fn try_send(&self, value: T) -> Result<(), Refused<T>> {
        match self.header().sides.full() {
            Some(out) if self.header().is_only_full(out) => Err(Refused::Full(value)),
            Some(_) => self.try_send_full(value),
            None => self.send_into_room(value),
        }
    }

    /// Sends where the buffer has room, it seems. (As
    /// [`Hchan::recv_what_is_there`].)
    #[inline(never)]
    fn send_into_room(&self, value: T) -> Result<(), Refused<T>> {
        match self.put_plain(value) {
            Ok(()) => Ok(()),
            Err((value, held)) => self.send_whole(value, held),
        }
    }

    /// Sends if that is plain, for a task, which looks on by itself. At a large
    /// buffer it most likely is, and a look would take the other side's line.
    ///
    /// # Safety
    ///
    /// As for [`Hchan::put_plain_from`].
    #[inline(always)]
    pub(crate) unsafe fn send_plainly(&self, value: *const T) -> Result<(), Held<'_>> {
        let sides = &self.header().sides;
        if !sides.are_apart() && sides.full().is_some() {
            return Err(None);
        }
        // SAFETY: the caller's promise.
        unsafe { self.put_plain_from(value) }
    }

    /// The same where values seem to fill the buffer. (What does not happen is
    /// out of line, so that this needs no frame.)
    #[inline(never)]
    fn try_send_full(&self, value: T) -> Result<(), Refused<T>> {
        let seen = self.header().look(Direction::Send);
        if seen.may() && !seen.is_closed() {
            return self.send_unplainly(value);
        }
        Err(match seen.is_closed() {
            true => Refused::Closed(value),
            false => Refused::Full(value),
        })
    }

    #[inline(never)]
    fn send_unplainly(&self, value: T) -> Result<(), Refused<T>> {
        self.send_whole(value, None)
    }

    /// [`Hchan::send_held`] and what is owed after it. (One function: a wake
    /// that is handed from one to the next is written to memory and read back
    /// at once, in other sizes than it was written.)
    #[inline(never)]
    fn send_whole(&self, value: T, held: Held<'_>) -> Result<(), Refused<T>> {
        let mut guard = held.unwrap_or_else(|| self.header().lock());
        let sent = self.op(&mut guard).send(value);
        drop(guard);
        match sent {
            Sent::Full(value) if self.header().is_unbounded() => {
                self.grow_and_send(value).conclude()
            }
            sent => sent.conclude(),
        }
    }

    /// Sends if that can be done at once, and most likely it can.
    #[inline]
    pub(crate) fn send_now(&self, value: T) -> Sent<T> {
        match self.put_plain(value) {
            Ok(()) => Sent::Done(Wake::None),
            Err((value, held)) => self.send_held(value, held),
        }
    }

    /// Sends with the lock of the channel, which may be held already.
    #[inline(never)]
    fn send_held(&self, value: T, held: Held<'_>) -> Sent<T> {
        let mut guard = held.unwrap_or_else(|| self.header().lock());
        let sent = self.op(&mut guard).send(value);
        drop(guard);
        match sent {
            Sent::Full(value) if self.header().is_unbounded() => self.grow_and_send(value),
            sent => sent,
        }
    }

    /// Sends on a channel without a limit whose blocks are full.
    #[cold]
    fn grow_and_send(&self, mut value: T) -> Sent<T> {
        loop {
            self.grow();
            let mut guard = self.header().lock();
            let mut op = self.op(&mut guard);
            op.begin();
            match op.send(value) {
                // Others have filled it, or it is another's first block.
                Sent::Full(back) => value = back,
                sent => return sent,
            }
        }
    }

    /// Sees to it that there is a spare block.
    pub(crate) fn grow(&self) {
        drop(self.spare().offer(Fresh::new()));
    }

    /// Receives if that can be done at once. To find the channel empty or
    /// closed takes loads only.
    #[inline(always)]
    pub(crate) fn try_recv(&self) -> Result<T, Nothing> {
        let received = match self.header().sides.empty() {
            Some(gone_in) if self.header().is_only_empty(gone_in) => return Err(Nothing::Empty),
            Some(_) => self.recv_after_all(),
            None => self.recv_what_is_there(),
        };
        // (A small value passes in registers so, which it does not beside a reason.
        // What was closed and empty during the call is so now.)
        received.ok_or_else(|| match self.header().is_over() {
            true => Nothing::Closed,
            false => Nothing::Empty,
        })
    }

    /// [`Hchan::try_recv_empty`], which does not say why it has nothing.
    #[inline(never)]
    fn recv_after_all(&self) -> Option<T> {
        self.try_recv_empty().ok()
    }

    /// Receives where the buffer has values, it seems. (Out of line, so that to find
    /// nothing needs no frame.)
    #[inline(never)]
    fn recv_what_is_there(&self) -> Option<T> {
        match self.take_plain() {
            Ok(value) => Some(value),
            Err(held) => self.recv_whole(held).ok(),
        }
    }

    /// As [`Hchan::send_plainly`].
    #[inline(always)]
    pub(crate) fn recv_plainly(&self) -> Result<T, Held<'_>> {
        let sides = &self.header().sides;
        if !sides.are_apart() && sides.empty().is_some() {
            return Err(None);
        }
        self.take_plain()
    }

    /// The same where the buffer seems to be empty.
    #[inline(never)]
    fn try_recv_empty(&self) -> Result<T, Nothing> {
        let seen = self.header().look(Direction::Recv);
        if seen.is_closed_and_empty() {
            return Err(Nothing::Closed);
        }
        if seen.may() || seen.is_timed() {
            return self.recv_whole(None);
        }
        Err(Nothing::Empty)
    }

    /// [`Hchan::recv_held`] and what is owed after it, as [`Hchan::send_whole`].
    #[inline(never)]
    fn recv_whole(&self, held: Held<'_>) -> Result<T, Nothing> {
        let mut guard = held.unwrap_or_else(|| self.header().lock());
        let received = self.op(&mut guard).recv();
        drop(guard);
        if matches!(received, Received::Empty) {
            return self.recv_refreshed();
        }
        received.conclude()
    }

    /// The same after nothing was found: a timer may be due.
    #[cold]
    pub(crate) fn recv_refreshed(&self) -> Result<T, Nothing> {
        if !self.header().refresh() {
            return Err(Nothing::Empty);
        }
        let received = self.op(&mut self.header().lock()).recv();
        received.conclude()
    }

    /// Receives if that can be done at once, and most likely it can.
    #[inline]
    pub(crate) fn recv_now(&self) -> Received<T> {
        match self.take_plain() {
            Ok(value) => Received::Value(value, Wake::None),
            Err(held) => self.recv_held(held),
        }
    }

    /// Receives with the lock of the channel, which may be held already.
    #[inline(never)]
    fn recv_held(&self, held: Held<'_>) -> Received<T> {
        let mut guard = held.unwrap_or_else(|| self.header().lock());
        let received = self.op(&mut guard).recv();
        drop(guard);
        if matches!(received, Received::Empty) && self.header().refresh() {
            return self.op(&mut self.header().lock()).recv();
        }
        received
    }

    /// Takes a permit if that can be done at once.
    pub(crate) fn try_reserve(&self) -> Reserved {
        self.op(&mut self.header().lock()).reserve()
    }

    /// Sends, at the cost of the oldest value if there is no room.
    pub(crate) fn force_send(&self, value: T) -> Result<Option<T>, Sent<T>> {
        if self.header().is_unbounded() {
            return fired(self.send_now(value)).map(|()| None);
        }
        let forced = self.op(&mut self.header().lock()).force_send(value);
        match forced {
            Forced::Done(oldest, wake) => {
                wake.fire();
                Ok(oldest)
            }
            Forced::Full(value) => Err(Sent::Full(value)),
            Forced::Closed(value) => Err(Sent::Closed(value)),
        }
    }

    /// Sends with a permit, which is spent; the value back if it is closed.
    pub(crate) fn send_permitted(&self, value: T) -> Result<(), T> {
        let sent = if self.header().is_unbounded() {
            // There a permit stands for nothing.
            self.release();
            fired(self.send_now(value))
        } else {
            let (sent, admitted) = self.op(&mut self.header().lock()).send_permitted(value);
            match sent {
                Sent::Done(handed) => {
                    fire_both(handed, admitted);
                    Ok(())
                }
                refused => Err(refused),
            }
        };
        sent.map_err(|refused| match refused {
            Sent::Closed(value) | Sent::Full(value) => value,
            Sent::Done(_) => unreachable!("that is no refusal"),
        })
    }

    /// Gives an unused permit back.
    pub(crate) fn release(&self) {
        let wake = self.op(&mut self.header().lock()).release();
        wake.fire();
    }

    // ---- One value, waiting. ----

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

/// The wake of a send that is done, fired.
fn fired<T>(sent: Sent<T>) -> Result<(), Sent<T>> {
    match sent {
        Sent::Done(wake) => {
            wake.fire();
            Ok(())
        }
        refused => Err(refused),
    }
}

/// Fires two wakes, the second also if the first panics.
fn fire_both(first: Wake, second: Wake) {
    let mut wakes = Wakes::new();
    wakes.push(first);
    wakes.push(second);
    if let Some(panic) = wakes.fire() {
        panic::resume_unwind(panic);
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
