//! What the lock of a channel guards: who waits on it, how waits end, and its
//! history. Every rule of the element is in [`crate::hchan`].

use std::ptr::NonNull;

use super::Guard;
use super::rare::GuardedRare;
use crate::parker::{self, Wake};
use crate::readiness::Flags;
use crate::registry::Maker;
use crate::waitq::{Direction, Outcome, Place, Site, WaitQueue, Waiter};

/// What the lock guards: what each wait and each hand-over touches. It fills a
/// cache line with the word of [`Readiness`] before it; what few channels need
/// is elsewhere ([`super::rare`]).
///
/// [`Readiness`]: crate::readiness::Readiness
#[repr(C)]
pub(crate) struct Guarded {
    pub(crate) recvq: WaitQueue,
    pub(crate) sendq: WaitQueue,
    /// What those without the lock are told, and what they always are.
    pub(super) told: Flags,
    pub(super) base: Flags,
    /// Whether it is closed, and whether values came back and are in no slot:
    /// these two flags.
    pub(super) state: Flags,
    /// Who made it: fixed, and here because there is room.
    pub(crate) maker: Maker,
    /// Slots of the buffer that are promised to permits.
    pub(crate) permits: usize,
    pub(crate) handed: WaitQueue,
    pub(super) next_ticket: u64,
    /// Values that went from a sender to a receiver without the buffer.
    pub(crate) handed_over: u64,
}

impl Guarded {
    /// Of a channel that nobody has used. `base` is what those without the lock
    /// are always told.
    #[inline(always)]
    pub(super) fn new(base: Flags, maker: Maker) -> Self {
        Guarded {
            recvq: WaitQueue::new(),
            sendq: WaitQueue::new(),
            told: base,
            base,
            state: Flags::default(),
            maker,
            permits: 0,
            handed: WaitQueue::new(),
            next_ticket: 1,
            handed_over: 0,
        }
    }

    #[inline(always)]
    pub(crate) fn is_closed(&self) -> bool {
        self.state.is_closed()
    }

    /// Whether values came back that nobody has received.
    #[inline(always)]
    pub(crate) fn has_returned(&self) -> bool {
        self.state.has_returned()
    }

    /// The next number of an arrival or a hand-off.
    pub(crate) fn ticket(&mut self) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        ticket
    }

    /// Takes the oldest waiter that is not won by another channel out of a
    /// queue, claimed. Those that are won are taken out on the way.
    #[inline]
    pub(crate) fn pop_claimed(queue: &mut WaitQueue) -> Option<NonNull<Waiter>> {
        loop {
            let waiter = queue.pop_front()?;
            // SAFETY: it was linked, and its owner cannot leave before this
            // lock is given back (waitq, Q2).
            if unsafe { waiter.as_ref().party().as_ref() }.claim() {
                return Some(waiter);
            }
        }
    }

    /// The same in the queue of senders, for one that has a value to send.
    pub(crate) fn pop_claimed_sender_with_a_value(&mut self) -> Option<NonNull<Waiter>> {
        let mut found = None;
        for waiter in self.sendq.iter().filter(|waiter| waiter.slot().is_some()) {
            // SAFETY: linked, hence alive.
            if unsafe { waiter.party().as_ref() }.claim() {
                found = Some(NonNull::from(waiter));
                break;
            }
        }
        let waiter = found?;
        // SAFETY: it is in this queue.
        unsafe { self.sendq.remove(waiter) };
        Some(waiter)
    }

    /// Completes the wait of a claimed waiter whose value has moved. A value
    /// that was handed over before keeps the number of its first hand-off.
    ///
    /// # Safety
    ///
    /// The waiter came from [`Guarded::pop_claimed`] under this lock.
    #[inline(always)]
    pub(crate) unsafe fn complete(&mut self, waiter: NonNull<Waiter>, first: Option<u64>) -> Wake {
        // SAFETY: alive until its party is done, and ours to write (Q4).
        unsafe {
            let party = waiter.as_ref().party();
            if !party.as_ref().is_task() {
                waiter.as_ref().set_outcome(Outcome::Moved);
                return parker::finish_thread(party.as_ptr());
            }
            let ticket = first.unwrap_or_else(|| self.ticket());
            waiter.as_ref().set_ticket(ticket);
            self.handed.push_back(waiter, Place::Handed);
            waiter.as_ref().set_outcome(Outcome::Handed);
            parker::finish_task(party.as_ptr())
        }
    }
}

impl Guard<'_> {
    /// Who waits for the close, if anybody ever did.
    #[inline(always)]
    pub(crate) fn closeq(&self) -> Option<&WaitQueue> {
        Some(&self.rare()?.closeq)
    }

    /// The line of an explicit close.
    pub(crate) fn closed_at(&self) -> Option<Site> {
        self.rare()?.closed_at
    }

    /// Of a channel that was closed just now, and has a place for the line.
    pub(crate) fn set_closed_at(&mut self, site: Site) {
        self.rare_made().closed_at = Some(site);
    }

    /// From here on, what was handed over before does not come back. Of a timer,
    /// which has a place for that.
    pub(crate) fn outdate(&mut self) {
        let next = self.next_ticket;
        self.rare_made().outdated = next;
    }

    /// Whether a value that was handed over and comes back is out of date: its
    /// timer was set anew, or the next tick is there already.
    pub(crate) fn is_outdated(&self, ticket: u64) -> bool {
        let is_older = |rare: &GuardedRare| ticket < rare.outdated;
        self.rare().is_some_and(is_older) || self.header().source().is_some() && self.len() > 0
    }

    /// Values that came back and are in no slot.
    #[cold]
    pub(super) fn returned(&self) -> u32 {
        self.rare().map_or(0, |rare| rare.returned)
    }

    /// A value has come back, which is in no slot.
    pub(crate) fn count_returned(&mut self) {
        self.state = self.state.and(Flags::RETURNED);
        self.rare_made().returned += 1;
    }

    /// One of those is received, or discarded.
    pub(crate) fn uncount_returned(&mut self) {
        let rare = self.rare_made();
        rare.returned -= 1;
        if rare.returned == 0 {
            self.state = self.state.without(Flags::RETURNED);
        }
    }

    /// A value was taken out that nobody can receive any more. (It is counted
    /// where somebody may look: U2 of `rare`.)
    pub(crate) fn count_discarded(&mut self) {
        if let Some(rare) = self.rare_mut() {
            rare.discarded += 1;
        }
    }

    /// Queues a waiter.
    ///
    /// # Safety
    ///
    /// As for [`WaitQueue::push_back`]; the waiter's channel is this one. For
    /// who waits for the close there is a place (U2 of `rare`).
    #[inline(always)]
    pub(crate) unsafe fn park(&mut self, waiter: NonNull<Waiter>) {
        // SAFETY: the caller's promise.
        unsafe { self.park_as(waiter, waiter.as_ref().direction()) };
    }

    /// The same of one whose direction is known.
    ///
    /// # Safety
    ///
    /// As for [`Guard::park`].
    #[inline(always)]
    pub(crate) unsafe fn park_as(&mut self, waiter: NonNull<Waiter>, direction: Direction) {
        let ticket = self.ticket();
        let (queue, place) = match direction {
            Direction::Recv => (&mut self.recvq, Place::Recvq),
            Direction::Send => (&mut self.sendq, Place::Sendq),
            Direction::Close => (&mut self.rare_made().closeq, Place::Closeq),
        };
        // SAFETY: the caller's promise.
        unsafe {
            waiter.as_ref().set_ticket(ticket);
            queue.push_back(waiter, place);
        }
    }

    /// Takes a waiter out of whatever queue it is in, if any.
    ///
    /// # Safety
    ///
    /// The waiter is alive and its channel is this one.
    pub(crate) unsafe fn withdraw(&mut self, waiter: NonNull<Waiter>) {
        // SAFETY: alive, and `place` says where it is.
        unsafe {
            match waiter.as_ref().place() {
                Place::Nowhere => {}
                Place::Recvq => self.recvq.remove(waiter),
                Place::Sendq => self.sendq.remove(waiter),
                Place::Handed => self.handed.remove(waiter),
                Place::Closeq => self.rare_made().closeq.remove(waiter),
            }
        }
    }

    /// A value was received after the close: what its watcher is owed.
    #[cold]
    pub(crate) fn received_late(&self) -> Wake {
        let notes = self.rare().and_then(|rare| rare.notes.as_ref());
        let note = notes.and_then(|notes| notes.closed.clone());
        note.map_or(Wake::None, Wake::Late)
    }

    /// Whether somebody a close has settled is still to be woken.
    #[inline]
    pub(crate) fn owes_wakes(&self) -> bool {
        let waited_for = self.closeq().is_some_and(|closeq| !closeq.is_empty());
        !self.recvq.is_empty() || !self.sendq.is_empty() || waited_for
    }

    /// Closes: from here on every waiter has its answer. False if closed.
    #[inline]
    pub(crate) fn close(&mut self) -> bool {
        if self.is_closed() {
            return false;
        }
        self.state = self.state.and(Flags::CLOSED);
        if self.owes_wakes() {
            self.settle();
        }
        true
    }

    /// Tells whoever waits that the channel is closed.
    fn settle(&mut self) {
        // (Once: each access of its own would end the one before.)
        let (guarded, rare) = self.both();
        let closeq = rare.map(|rare| &rare.closeq);
        let queues = [Some(&guarded.recvq), Some(&guarded.sendq), closeq];
        for waiter in queues.into_iter().flatten().flat_map(WaitQueue::iter) {
            let party = waiter.party();
            // SAFETY: linked, hence alive; the claim makes it ours.
            unsafe {
                if party.as_ref().claim() {
                    waiter.set_outcome(Outcome::Closed);
                    waiter.set_wake_owed(parker::mark_done(party.as_ptr()));
                }
            }
        }
    }

    /// After [`Guarded::close`]: takes waiters out, until `wakes` is full.
    pub(crate) fn take_wakes(&mut self, wakes: &mut crate::wakes::Wakes) {
        let (guarded, rare) = self.both();
        let closeq = rare.map(|rare| &mut rare.closeq);
        let queues = [Some(&mut guarded.recvq), Some(&mut guarded.sendq), closeq];
        for queue in queues.into_iter().flatten() {
            while !wakes.is_full() {
                let Some(waiter) = queue.pop_front() else {
                    break;
                };
                // SAFETY: it was linked, and its owner cannot leave before
                // this lock is given back.
                unsafe {
                    if waiter.as_ref().wake_owed() {
                        let party = waiter.as_ref().party();
                        wakes.push(parker::owed_wake(party.as_ptr()));
                        // A task is seen until it is polled, as after a
                        // hand-off ([`Guarded::complete`]).
                        if party.as_ref().is_task() {
                            guarded.handed.push_back(waiter, Place::Handed);
                        }
                    }
                }
            }
        }
    }
}
