//! Whole operations on one channel that do not wait: done at once, or not at all.
//!
//! To find that nothing can be done takes loads only. What there is to do is a call
//! most of the time, so that to find nothing is a few instructions in the caller,
//! and needs no frame. Wakes are fired and memory is had and given back outside
//! the lock.
//!
//! Not here: the rules ([`crate::hchan`]), what needs the lock of one side only
//! ([`crate::plain`]), who waits ([`crate::blocking`], [`crate::operation`]).

use std::panic;

use crate::blocks::Fresh;
use crate::hchan::Hchan;
use crate::parker::Wake;
use crate::plain::Held;
use crate::results::{Forced, Nothing, Received, Refused, Reserved, Sent};
use crate::waitq::Direction;
use crate::wakes::Wakes;

impl<T> Hchan<T> {
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
        match self.put_simply(value) {
            Ok(()) => Ok(()),
            Err(value) => self.send_unless_full(value),
        }
    }

    /// The same with the lock, whoever has it, and whatever it takes.
    #[inline(never)]
    fn send_unless_full(&self, value: T) -> Result<(), Refused<T>> {
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

    /// [`Hchan::try_send`] where values seem to fill the buffer. (What does not
    /// happen is out of line, so that this needs no frame.)
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
    pub(crate) fn send_whole(&self, value: T, held: Held<'_>) -> Result<(), Refused<T>> {
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
        // What was closed and empty during the call is so now, unless a value has
        // come back: then there is one to be had, and this is not the end.)
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
        match self.take_simply() {
            Some(value) => Some(value),
            None => self.recv_unless_empty(),
        }
    }

    /// As [`Hchan::send_unless_full`].
    #[inline(never)]
    fn recv_unless_empty(&self) -> Option<T> {
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

    /// [`Hchan::try_recv`] where the buffer seems to be empty.
    #[inline(never)]
    pub(crate) fn try_recv_empty(&self) -> Result<T, Nothing> {
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
    pub(crate) fn recv_whole(&self, held: Held<'_>) -> Result<T, Nothing> {
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
