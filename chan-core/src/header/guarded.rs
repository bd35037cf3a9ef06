//! What the lock of a channel guards: who waits on it, how waits end, and its
//! history. Every rule of the element is in [`crate::hchan`].

use std::panic::Location;
use std::ptr::NonNull;

use crate::parker::{self, Wake};
use crate::readiness::Flags;
use crate::waitq::{Direction, Outcome, Place, WaitQueue, Waiter};
use crate::watch::Note;

/// Notes of a watcher; there only if one was installed when they were due.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    pub(crate) closed: Option<Note>,
    pub(crate) receivers_orphaned: Option<Note>,
    pub(crate) senders_orphaned: Option<Note>,
}

/// What the lock guards. In this order: what each wait and each hand-over
/// touches is in one cache line, with the word of [`Readiness`] before it, and
/// the rest is touched seldom.
///
/// [`Readiness`]: crate::readiness::Readiness
#[repr(C)]
pub(crate) struct Guarded {
    pub(crate) recvq: WaitQueue,
    pub(crate) sendq: WaitQueue,
    /// What those without the lock are told, and what they always are.
    pub(super) told: Flags,
    pub(super) base: Flags,
    pub(crate) closed: bool,
    /// What the two sides are told (L2 of `sides`).
    pub(super) plain: bool,
    /// Values that came back and are in no slot. (Each has an allocation.)
    pub(crate) returned: u32,
    /// Slots of the buffer that are promised to permits.
    pub(crate) permits: usize,
    pub(crate) handed: WaitQueue,
    pub(super) next_ticket: u64,
    /// Values that went from a sender to a receiver without the buffer.
    pub(crate) handed_over: u64,
    pub(crate) closeq: WaitQueue,
    /// The line of an explicit close.
    pub(crate) closed_at: Option<&'static Location<'static>>,
    /// Values that left the buffer because nobody could receive them any more.
    pub(crate) discarded: u64,
    /// Values handed over before this ticket do not come back.
    pub(super) outdated: u64,
    pub(crate) notes: Option<Box<Notes>>,
}

impl Guarded {
    /// Of a channel that nobody has used. `base` is what those without the lock
    /// are always told, `buffered` whether anything can be plain.
    #[inline(always)]
    pub(super) fn new(base: Flags, buffered: bool) -> Self {
        Guarded {
            recvq: WaitQueue::new(),
            sendq: WaitQueue::new(),
            told: base,
            base,
            closed: false,
            plain: buffered,
            permits: 0,
            returned: 0,
            handed: WaitQueue::new(),
            next_ticket: 1,
            handed_over: 0,
            discarded: 0,
            outdated: 0,
            closeq: WaitQueue::new(),
            closed_at: None,
            notes: None,
        }
    }

    /// The next number of an arrival or a hand-off.
    pub(crate) fn ticket(&mut self) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        ticket
    }

    /// From here on, what was handed over before does not come back.
    pub(crate) fn outdate(&mut self) {
        self.outdated = self.next_ticket;
    }

    /// Queues a waiter.
    ///
    /// # Safety
    ///
    /// As for [`WaitQueue::push_back`]; the waiter's channel is this one.
    #[inline(always)]
    pub(crate) unsafe fn park(&mut self, waiter: NonNull<Waiter>) {
        let ticket = self.ticket();
        // SAFETY: the caller's promise.
        unsafe {
            waiter.as_ref().set_ticket(ticket);
            let (queue, place) = match waiter.as_ref().direction() {
                Direction::Recv => (&mut self.recvq, Place::Recvq),
                Direction::Send => (&mut self.sendq, Place::Sendq),
                Direction::Close => (&mut self.closeq, Place::Closeq),
            };
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
                Place::Closeq => self.closeq.remove(waiter),
            }
        }
    }

    /// Takes the oldest waiter that is not won by another channel out of a
    /// queue, claimed. Those that are won are taken out on the way.
    #[inline]
    pub(crate) fn pop_claimed(queue: &mut WaitQueue) -> Option<NonNull<Waiter>> {
        loop {
            let waiter = queue.pop_front()?;
            // SAFETY: it was linked, and its owner cannot leave before this
            // lock is given back (waitq, Q2).
            if unsafe { waiter.as_ref().party().as_ref() }.claim(waiter) {
                return Some(waiter);
            }
        }
    }

    /// The same in the queue of senders, for one that has a value to send.
    pub(crate) fn pop_claimed_sender_with_a_value(&mut self) -> Option<NonNull<Waiter>> {
        let mut found = None;
        for waiter in self.sendq.iter().filter(|waiter| waiter.slot().is_some()) {
            let pointer = NonNull::from(waiter);
            // SAFETY: linked, hence alive.
            if unsafe { waiter.party().as_ref() }.claim(pointer) {
                found = Some(pointer);
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
            let mut outcome = Outcome::Moved;
            if party.as_ref().is_task() {
                let ticket = first.unwrap_or_else(|| self.ticket());
                waiter.as_ref().set_ticket(ticket);
                self.handed.push_back(waiter, Place::Handed);
                outcome = Outcome::Handed;
            }
            waiter.as_ref().set_outcome(outcome);
            parker::finish(party.as_ptr())
        }
    }

    /// A value was received after the close: what its watcher is owed.
    #[cold]
    pub(crate) fn received_late(&self) -> Wake {
        let note = self.notes.as_ref().and_then(|notes| notes.closed.clone());
        note.map_or(Wake::None, Wake::Late)
    }

    /// Whether somebody a close has settled is still to be woken.
    #[inline]
    pub(crate) fn owes_wakes(&self) -> bool {
        !self.recvq.is_empty() || !self.sendq.is_empty() || !self.closeq.is_empty()
    }

    /// Closes: from here on every waiter has its answer. False if closed.
    #[inline]
    pub(crate) fn close(&mut self, at: Option<&'static Location<'static>>) -> bool {
        if self.closed {
            return false;
        }
        self.closed = true;
        self.closed_at = at;
        if self.owes_wakes() {
            self.settle();
        }
        true
    }

    /// Tells whoever waits that the channel is closed.
    fn settle(&mut self) {
        let queues = [&self.recvq, &self.sendq, &self.closeq];
        for waiter in queues.into_iter().flat_map(WaitQueue::iter) {
            let party = waiter.party();
            // SAFETY: linked, hence alive; the claim makes it ours.
            unsafe {
                if party.as_ref().claim(NonNull::from(waiter)) {
                    waiter.set_outcome(Outcome::Closed);
                    waiter.set_wake_owed(parker::mark_done(party.as_ptr()));
                }
            }
        }
    }

    /// After [`Guarded::close`]: takes waiters out, until `wakes` is full.
    pub(crate) fn take_wakes(&mut self, wakes: &mut crate::wakes::Wakes) {
        for queue in [&mut self.recvq, &mut self.sendq, &mut self.closeq] {
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
                            self.handed.push_back(waiter, Place::Handed);
                        }
                    }
                }
            }
        }
    }
}
