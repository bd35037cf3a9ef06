//! The queues of a channel: who waits, in the order of arrival.
//!
//! A [`Waiter`] is one case of a waiting [`Party`]: Go's `sudog`. It lives
//! with its party (in a stack frame or a pinned future), and is linked into
//! the queue of its channel; waiting allocates nothing. (The first on a channel
//! who waits for its close makes the place for that queue.) The list is doubly
//! linked so that a losing case or a dropped future leaves in O(1).
//!
//! Q1  `links`, `len` and `standing` are guarded by the lock of the waiter's
//!     channel.
//! Q2  A linked waiter, its party and its slot are alive and do not move: the
//!     owner unlinks it, under the lock, before they end. (Whoever completes
//!     the wait of a thread unlinks it first and touches it no more.)
//! Q3  A waiter is in one queue at most; `standing` says in which.
//! Q4  `outcome` is written by the winner before its party is done, and read
//!     by the owner after.

mod room;

pub(crate) use room::WaiterRoom;

use std::panic::Location;
use std::ptr::NonNull;

use crate::parker::Party;
use crate::sync::UnsafeCell;

/// A line that waits.
pub(crate) type Site = &'static Location<'static>;

/// Which queue a waiter is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Place {
    /// In none.
    Nowhere,
    /// Waits to receive.
    Recvq,
    /// Waits to send.
    Sendq,
    /// Waits for the channel to close.
    Closeq,
    /// A task whose wait is over and that has not been polled since. A value
    /// it was handed is in its slot.
    Handed,
}

/// Which way a case goes.
///
/// # Examples
///
/// ```
/// use std::{pin::pin, task::{Context, Waker}};
/// use chan_core::observe::{self, Direction};
///
/// let (_tx, rx) = chan_core::Builder::new().name("direction").channel::<u8>();
/// let mut receive = pin!(rx.recv_async());
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(Future::poll(receive.as_mut(), &mut cx).is_pending());
/// let all = observe::channels();
/// let seen = all.iter().find(|channel| channel.name() == Some("direction")).unwrap();
/// assert_eq!(seen.snapshot().waits[0].direction, Direction::Recv);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// It waits for a value.
    Recv,
    /// It waits for somebody to take its value, or for a permit to send one.
    Send,
    /// It waits for the channel to close.
    Close,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    /// Not yet.
    Pending,
    /// The value went over, and the waiter has left its queue for good.
    Moved,
    /// The value went over to a task, or from one, that is listed until it
    /// leaves ([`Place::Handed`]).
    Handed,
    /// The channel was closed.
    Closed,
}

impl Outcome {
    /// Whether the value went over.
    #[inline(always)]
    pub(crate) fn has_moved(self) -> bool {
        matches!(self, Outcome::Moved | Outcome::Handed)
    }
}

struct Links {
    next: Option<NonNull<Waiter>>,
    prev: Option<NonNull<Waiter>>,
    /// The waiter's number on this channel: of its arrival, later of its
    /// hand-off, or of the first one if the value was handed over before.
    ticket: u64,
}

/// Where a waiter is, whether a close that settled it owes it a wake, and which
/// way it goes; in one byte.
#[derive(Clone, Copy)]
struct Standing(u8);

impl Standing {
    const PLACE: u8 = 0b111;
    const OWED: u8 = 0b1000;
    const DIRECTION: u32 = 4;

    #[inline(always)]
    fn new(direction: Direction) -> Self {
        Standing(Place::Nowhere as u8 | (direction as u8) << Self::DIRECTION)
    }

    #[inline(always)]
    fn place(self) -> Place {
        match self.0 & Self::PLACE {
            0 => Place::Nowhere,
            1 => Place::Recvq,
            2 => Place::Sendq,
            3 => Place::Closeq,
            _ => Place::Handed,
        }
    }

    #[inline(always)]
    fn set_place(&mut self, place: Place) {
        self.0 = self.0 & !Self::PLACE | place as u8;
    }

    #[inline(always)]
    fn direction(self) -> Direction {
        match self.0 >> Self::DIRECTION {
            0 => Direction::Recv,
            1 => Direction::Send,
            _ => Direction::Close,
        }
    }

    fn is_owed(self) -> bool {
        self.0 & Self::OWED != 0
    }

    fn set_owed(&mut self, owed: bool) {
        self.0 = self.0 & !Self::OWED | if owed { Self::OWED } else { 0 };
    }
}

/// One case of a waiting party. Many lie in futures that are moved before they
/// wait: it is small, and what it has before that is apart ([`WaiterRoom`]).
#[repr(C)]
pub(crate) struct Waiter {
    node: Node,
    site: Site,
}

/// What of a waiter is written when it begins to wait.
struct Node {
    links: UnsafeCell<Links>,
    party: NonNull<Party>,
    /// The `UnsafeCell<MaybeUninit<T>>` of the owner: where a received value
    /// goes, or where a sent one is. Of one who wants no value to move, but
    /// a permit or a close, nothing.
    slot: Option<NonNull<()>>,
    /// Of the last in its queue: how many are in it. (Each is some hundred bytes
    /// of somebody's memory.)
    len: UnsafeCell<u32>,
    standing: UnsafeCell<Standing>,
    outcome: UnsafeCell<Outcome>,
    index: u16,
}

impl Node {
    #[inline(always)]
    fn new(
        party: NonNull<Party>,
        slot: Option<NonNull<()>>,
        direction: Direction,
        index: u16,
    ) -> Self {
        let links = Links {
            next: None,
            prev: None,
            ticket: 0,
        };
        Node {
            links: UnsafeCell::new(links),
            party,
            slot,
            len: UnsafeCell::new(0),
            standing: UnsafeCell::new(Standing::new(direction)),
            outcome: UnsafeCell::new(Outcome::Pending),
            index,
        }
    }
}

impl Waiter {
    /// The case number `index` of `party`.
    #[inline(always)]
    pub(crate) fn new(
        party: NonNull<Party>,
        slot: Option<NonNull<()>>,
        direction: Direction,
        index: u16,
        site: Site,
    ) -> Self {
        Waiter {
            node: Node::new(party, slot, direction, index),
            site,
        }
    }

    pub(crate) fn party(&self) -> NonNull<Party> {
        self.node.party
    }

    /// The slot of one who has or wants a value.
    pub(crate) fn slot(&self) -> Option<NonNull<()>> {
        self.node.slot
    }

    /// Which way it goes.
    ///
    /// # Safety
    ///
    /// The caller holds the lock of the channel.
    #[inline(always)]
    pub(crate) unsafe fn direction(&self) -> Direction {
        // SAFETY: Q1.
        unsafe { self.node.standing.with(|standing| standing.direction()) }
    }

    pub(crate) fn index(&self) -> usize {
        self.node.index.into()
    }

    pub(crate) fn site(&self) -> Site {
        self.site
    }

    /// How the wait ended.
    ///
    /// # Safety
    ///
    /// The caller is the owner of a party that is done, or holds the lock of
    /// the channel.
    pub(crate) unsafe fn outcome(&self) -> Outcome {
        // SAFETY: Q4.
        unsafe { self.node.outcome.with(|outcome| *outcome) }
    }

    /// Whether the one who completed the wait has taken this waiter out, so
    /// that its owner need not (parker, P3).
    ///
    /// # Safety
    ///
    /// The caller is the owner, and `party` the waiter's.
    #[inline]
    pub(crate) unsafe fn has_left(&self, party: &Party) -> bool {
        // SAFETY: Q4, once it is done; of a case that has not won nobody ever
        // writes it.
        party.is_done() && unsafe { self.outcome() } == Outcome::Moved
    }

    /// # Safety
    ///
    /// The caller won the claim on the party and holds the lock.
    pub(crate) unsafe fn set_outcome(&self, outcome: Outcome) {
        // SAFETY: Q4.
        unsafe { self.node.outcome.with_mut(|slot| *slot = outcome) }
    }

    /// # Safety
    ///
    /// The caller holds the lock of the channel.
    pub(crate) unsafe fn place(&self) -> Place {
        // SAFETY: Q1.
        unsafe { self.node.standing.with(|standing| standing.place()) }
    }

    /// # Safety
    ///
    /// The caller holds the lock of the channel.
    pub(crate) unsafe fn ticket(&self) -> u64 {
        // SAFETY: Q1.
        unsafe { self.node.links.with(|links| links.ticket) }
    }

    /// # Safety
    ///
    /// The caller holds the lock of the channel.
    pub(crate) unsafe fn set_ticket(&self, ticket: u64) {
        // SAFETY: Q1.
        unsafe { self.node.links.with_mut(|links| links.ticket = ticket) }
    }

    /// # Safety
    ///
    /// The caller holds the lock of the channel.
    pub(crate) unsafe fn set_wake_owed(&self, owed: bool) {
        // SAFETY: Q1.
        unsafe {
            self.node
                .standing
                .with_mut(|standing| standing.set_owed(owed))
        }
    }

    /// # Safety
    ///
    /// The caller holds the lock of the channel.
    pub(crate) unsafe fn wake_owed(&self) -> bool {
        // SAFETY: Q1.
        unsafe { self.node.standing.with(|standing| standing.is_owed()) }
    }
}

/// Q2, checked: a waiter that ends while it is linked leaves a hole in a queue.
#[cfg(any(debug_assertions, loom))]
impl Drop for Node {
    fn drop(&mut self) {
        // SAFETY: the owner ends it, so nobody else may know it any more.
        let place = unsafe { self.standing.with(|standing| standing.place()) };
        assert!(
            place == Place::Nowhere || std::thread::panicking(),
            "Q2: a linked waiter ends"
        );
    }
}

/// A FIFO of waiters, guarded by the lock of the channel it belongs to: one
/// word, since all else is with the waiters. The last one's `next` is the first,
/// and its `len` that of the queue; the first has no `prev`.
pub(crate) struct WaitQueue {
    tail: Option<NonNull<Waiter>>,
}

impl WaitQueue {
    pub(crate) const fn new() -> Self {
        WaitQueue { tail: None }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.tail.is_none()
    }

    /// # Safety
    ///
    /// The waiter is in this queue, or is about to be.
    #[inline(always)]
    unsafe fn with<R>(&self, waiter: NonNull<Waiter>, change: impl FnOnce(&mut Links) -> R) -> R {
        // SAFETY: linked, hence alive (Q2), and so are its neighbours; the
        // links are ours, since the queue is had under the lock (Q1).
        unsafe { waiter.as_ref().node.links.with_mut(change) }
    }

    /// # Safety
    ///
    /// As for [`WaitQueue::with`].
    #[inline(always)]
    unsafe fn with_len<R>(&self, last: NonNull<Waiter>, change: impl FnOnce(&mut u32) -> R) -> R {
        // SAFETY: as in `with`.
        unsafe { last.as_ref().node.len.with_mut(change) }
    }

    /// # Safety
    ///
    /// As for [`WaitQueue::with`].
    #[inline(always)]
    unsafe fn set_place(&self, waiter: NonNull<Waiter>, place: Place) {
        // SAFETY: as in `with`.
        unsafe {
            waiter.as_ref().node.standing.with_mut(|standing| {
                let nowhere = [standing.place(), place].contains(&Place::Nowhere);
                debug_assert!(nowhere && standing.place() != place, "Q3");
                standing.set_place(place);
            });
        }
    }

    pub(crate) fn len(&self) -> usize {
        let Some(tail) = self.tail else { return 0 };
        // SAFETY: it is in this queue.
        unsafe { self.with_len(tail, |len| *len as usize) }
    }

    fn head(&self) -> Option<NonNull<Waiter>> {
        // SAFETY: it is in this queue.
        unsafe { self.with(self.tail?, |links| links.next) }
    }

    /// The one behind a waiter.
    ///
    /// # Safety
    ///
    /// The waiter is in this queue.
    #[inline(always)]
    unsafe fn after(&self, waiter: NonNull<Waiter>) -> Option<NonNull<Waiter>> {
        if self.tail == Some(waiter) {
            return None;
        }
        // SAFETY: the caller's promise.
        unsafe { self.with(waiter, |links| links.next) }
    }

    /// Appends a waiter to the queue that stands for `place`.
    ///
    /// # Safety
    ///
    /// The waiter is in no queue, and Q2 will hold until it is removed.
    #[inline]
    pub(crate) unsafe fn push_back(&mut self, waiter: NonNull<Waiter>, place: Place) {
        let tail = self.tail;
        // SAFETY: `tail` is in this queue, and the waiter will be.
        unsafe {
            let (next, len) = match tail {
                Some(tail) => (
                    self.with(tail, |links| links.next.replace(waiter).unwrap_or(waiter)),
                    self.with_len(tail, |len| *len),
                ),
                None => (waiter, 0),
            };
            self.set_place(waiter, place);
            self.with(waiter, |links| {
                links.prev = tail;
                links.next = Some(next);
            });
            self.with_len(waiter, |of_all| *of_all = len + 1);
        }
        self.tail = Some(waiter);
    }

    /// Takes the oldest waiter out.
    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<NonNull<Waiter>> {
        let waiter = self.head()?;
        // SAFETY: the head is in this queue.
        unsafe { self.remove(waiter) };
        Some(waiter)
    }

    /// Takes a waiter out.
    ///
    /// # Safety
    ///
    /// The waiter is in this queue.
    #[inline]
    pub(crate) unsafe fn remove(&mut self, waiter: NonNull<Waiter>) {
        // SAFETY: the waiter is in this queue, and so are its neighbours and
        // the tail.
        unsafe {
            let tail = self.tail;
            self.set_place(waiter, Place::Nowhere);
            let (prev, next) = self.with(waiter, |links| (links.prev, links.next));
            let after = next.filter(|_| tail != Some(waiter));
            cursor::leave(waiter, after);
            match (after, tail) {
                (Some(after), Some(tail)) => {
                    self.with(after, |links| links.prev = prev);
                    self.with(prev.unwrap_or(tail), |links| links.next = Some(after));
                    self.with_len(tail, |len| *len -= 1);
                }
                _ => {
                    // The last one. What it knows, the one before it knows now.
                    if let Some(prev) = prev {
                        self.with(prev, |links| links.next = next);
                        let len = self.with_len(waiter, |len| *len);
                        self.with_len(prev, |of_all| *of_all = len - 1);
                    }
                    self.tail = prev;
                }
            }
        }
    }

    /// The waiters, oldest first.
    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter {
            next: self.head(),
            queue: self,
        }
    }
}

impl WaitQueue {
    /// Reads on from the cursor, or from the front if `from_front`: up to
    /// `most` waiters, then the cursor stands before the next one. Whether
    /// there is one.
    #[cfg(not(loom))]
    pub(crate) fn read_on(
        &self,
        _turn: &cursor::Turn,
        from_front: bool,
        most: usize,
        mut see: impl FnMut(&Waiter),
    ) -> bool {
        let mut next = if from_front {
            self.head()
        } else {
            cursor::get()
        };
        for _ in 0..most {
            let Some(waiter) = next else { break };
            // SAFETY: the cursor stands at a waiter that is linked in this
            // queue, whose lock is held (Q1, Q2).
            unsafe {
                see(waiter.as_ref());
                next = self.after(waiter);
            }
        }
        cursor::set(next);
        next.is_some()
    }
}

/// Where the one reader of long queues stands between two holds of a lock. A
/// waiter that leaves its queue takes the cursor on to the next, so a reader
/// sees whoever is in the queue all the time, however much it changes.
///
/// Atomics:
/// - `AT`: all who write it, and all whose decisions rest on it, hold the lock
///   of the channel that is being read. Others compare it with a waiter of
///   their own, which it is not: it was moved on before that memory could be
///   used anew. Relaxed. No model: it needs a static.
#[cfg(not(loom))]
pub(crate) mod cursor {
    use std::ptr::{self, NonNull};
    use std::sync::atomic::{AtomicPtr, Ordering};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::Waiter;

    static AT: AtomicPtr<Waiter> = AtomicPtr::new(ptr::null_mut());
    static TURN: Mutex<()> = Mutex::new(());

    /// One reads at a time.
    pub(crate) struct Turn(#[allow(dead_code, reason = "held")] MutexGuard<'static, ()>);

    /// Waits for its turn. Not with a channel's lock held.
    pub(crate) fn turn() -> Turn {
        Turn(TURN.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn get() -> Option<NonNull<Waiter>> {
        NonNull::new(AT.load(Ordering::Relaxed))
    }

    pub(super) fn set(at: Option<NonNull<Waiter>>) {
        AT.store(
            at.map_or(ptr::null_mut(), NonNull::as_ptr),
            Ordering::Relaxed,
        );
    }

    /// A waiter is about to leave its queue, in which `after` is the next. The
    /// lock of its channel is held.
    #[inline]
    pub(super) fn leave(waiter: NonNull<Waiter>, after: Option<NonNull<Waiter>>) {
        if AT.load(Ordering::Relaxed) == waiter.as_ptr() {
            set(after);
        }
    }
}

/// Models have no long queues.
#[cfg(loom)]
mod cursor {
    use std::ptr::NonNull;

    use super::Waiter;

    pub(super) fn leave(_: NonNull<Waiter>, _: Option<NonNull<Waiter>>) {}
}

/// Walks a queue whose lock is held.
pub(crate) struct Iter<'q> {
    next: Option<NonNull<Waiter>>,
    queue: &'q WaitQueue,
}

impl<'q> Iterator for Iter<'q> {
    type Item = &'q Waiter;

    fn next(&mut self) -> Option<&'q Waiter> {
        let waiter = self.next?;
        // SAFETY: linked, hence alive while the lock is held (Q2), which the
        // borrow of the queue shows.
        unsafe {
            self.next = self.queue.after(waiter);
            Some(waiter.as_ref())
        }
    }
}
