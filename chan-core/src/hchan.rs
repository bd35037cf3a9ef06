//! The channel itself: Go's `hchan`, with its send, receive and close.
//!
//! A channel is a [`Header`], which does not know the element, and a [`Store`]
//! of values. Both are guarded by the header's lock; an [`Op`] is the two of
//! them with the lock held, and every rule of the channel is a method of it.
//!
//! I1  Values buffered ⇒ no receiver waits. (A receiver that a select has won
//!     elsewhere may still be linked until the next look; it does not count
//!     here and in I2, I3.)
//! I2  A sender waits on a buffered channel ⇒ the ring is full.
//! I3  Receivers and senders wait at the same time only as the cases of one
//!     select on an unbuffered channel.
//! I4  Closed ⇒ whoever is still queued has its answer and awaits its wake;
//!     nobody joins a queue, no value enters the ring.
//! I5  Values sent = values received + values in the channel, at every
//!     moment somebody else can look: a hand-off counts as received, a value
//!     that comes back no longer does.
//! I6  Wakers, destructors and watchers run after the lock is given back.
//!
//! The order of attempts is Go's (rules 14, 21 and 58 of the parity table):
//! a send looks for closed, then a waiting receiver, then room; a receive for
//! values that came back, the ring (whose freed slot goes to a waiting
//! sender), a waiting sender, and closed last.
//!
//! Not here: how one waits ([`crate::parker`]), what a handle's drop means
//! ([`crate::handle`]).

use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{self, Location};
use std::ptr::NonNull;
use std::time::Instant;

use crate::header::{Birth, Capability, Guard, Guarded, Header};
use crate::parker::{Party, Wake};
use crate::ring::{Comeback, Returned, Ring};
use crate::sync::{MutPtr, UnsafeCell};
use crate::waitq::{Direction, Outcome, Waiter};
use crate::wakes::Wakes;
use crate::{panics, registry, watch};

/// Where a waiting receiver gets its value and a waiting sender has it.
pub(crate) type Slot<T> = UnsafeCell<MaybeUninit<T>>;

/// The values of a channel.
pub(crate) struct Store<T> {
    ring: Ring<T>,
    returned: Returned<T>,
}

/// See the head of this file.
#[repr(C)]
pub(crate) struct Hchan<T> {
    // First: a pointer to the channel is a pointer to its header.
    header: Header,
    store: UnsafeCell<ManuallyDrop<Store<T>>>,
}

// SAFETY: values cross threads through the channel, so `T: Send`; the store is
// reached under the lock only, so nobody shares a `&T`.
unsafe impl<T: Send> Send for Hchan<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Hchan<T> {}

/// What became of a send.
pub(crate) enum Sent<T> {
    Done(Wake),
    Full(T),
    Closed(T),
}

/// What became of a receive.
pub(crate) enum Received<T> {
    Value(T, Wake),
    /// A value that had come back, still in its node.
    Returned(Box<Comeback<T>>),
    Empty,
    Closed,
}

/// Why a blocking operation did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Closed,
    Timeout,
}

impl<T> Hchan<T> {
    /// A channel with one handle that has `all` capabilities, or nothing if
    /// its ring cannot be had.
    pub(crate) fn new(birth: Birth, all: Capability) -> Option<NonNull<Self>> {
        let ring = Ring::new(birth.capacity)?;
        let store = Store {
            ring,
            returned: Returned::new(),
        };
        let chan = Box::new(Hchan {
            header: Header::new(birth, all, std::any::type_name::<T>, free::<T>),
            store: UnsafeCell::new(ManuallyDrop::new(store)),
        });
        let chan = NonNull::from(Box::leak(chan));
        // SAFETY: alive; `destroy` unlinks it before the memory goes.
        unsafe { registry::link(chan.cast()) };
        Some(chan)
    }

    #[inline(always)]
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The channel with its lock held.
    #[inline(always)]
    pub(crate) fn op<'g>(&'g self, guard: &'g mut Guard<'_>) -> Op<'g, T> {
        assert!(std::ptr::eq(guard.header(), &self.header));
        Op {
            header: &self.header,
            guarded: guard,
            store: self.store.get_mut(),
        }
    }

    // ---- Whole operations. ----

    /// Sends if that can be done at once.
    #[inline]
    pub(crate) fn try_send(&self, value: T) -> Sent<T> {
        self.op(&mut self.header.lock()).send(value)
    }

    /// Receives if that can be done at once.
    #[inline]
    pub(crate) fn try_recv(&self) -> Received<T> {
        let received = self.op(&mut self.header.lock()).recv();
        if matches!(received, Received::Empty) && self.header.refresh() {
            return self.op(&mut self.header.lock()).recv();
        }
        received
    }

    /// Sends, waiting as long as the deadline allows.
    #[inline]
    pub(crate) fn send(
        &self,
        value: T,
        deadline: Option<Instant>,
        site: &'static Location<'static>,
    ) -> Result<(), (Stop, T)> {
        match self.try_send(value) {
            Sent::Done(wake) => {
                wake.fire();
                Ok(())
            }
            Sent::Closed(value) => Err((Stop::Closed, value)),
            Sent::Full(value) => self.send_slow(value, deadline, site),
        }
    }

    /// Receives, waiting as long as the deadline allows.
    #[inline]
    pub(crate) fn recv(
        &self,
        deadline: Option<Instant>,
        site: &'static Location<'static>,
    ) -> Result<T, Stop> {
        match self.try_recv() {
            Received::Value(value, wake) => {
                wake.fire();
                Ok(value)
            }
            Received::Returned(node) => Ok(node.into_value()),
            Received::Closed => Err(Stop::Closed),
            Received::Empty => self.recv_slow(deadline, site),
        }
    }

    #[cold]
    fn send_slow(
        &self,
        value: T,
        deadline: Option<Instant>,
        site: &'static Location<'static>,
    ) -> Result<(), (Stop, T)> {
        let party = Party::thread(1, false, deadline.is_some());
        let slot: Slot<T> = UnsafeCell::new(MaybeUninit::uninit());
        let waiter = waiter(&party, &slot, Direction::Send, site);
        {
            let mut guard = self.header.lock();
            // Things may have changed since the first look.
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

    #[cold]
    fn recv_slow(
        &self,
        deadline: Option<Instant>,
        site: &'static Location<'static>,
    ) -> Result<T, Stop> {
        let party = Party::thread(1, false, deadline.is_some());
        let slot: Slot<T> = UnsafeCell::new(MaybeUninit::uninit());
        let waiter = waiter(&party, &slot, Direction::Recv, site);
        {
            let mut guard = self.header.lock();
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

    /// Waits until the waiter's operation is over, one way or another. It is
    /// not linked when this returns.
    fn wait_out(
        &self,
        party: &Party,
        waiter: &Waiter,
        deadline: Option<Instant>,
    ) -> Result<(), Stop> {
        if !party.wait(deadline) {
            // A timer that is due may still hand us its value.
            self.header.refresh();
            let mut guard = self.header.lock();
            if !party.is_done() {
                // SAFETY: ours, and of this channel.
                unsafe { guard.withdraw(NonNull::from(waiter)) };
                return Err(Stop::Timeout);
            }
        }
        // SAFETY: ours, and done.
        match unsafe { waiter.outcome() } {
            Outcome::Moved => Ok(()),
            _ => {
                // A close leaves its waiters linked (parker, P3).
                // SAFETY: ours, and of this channel.
                unsafe { self.header.lock().withdraw(NonNull::from(waiter)) };
                Err(Stop::Closed)
            }
        }
    }

    /// Closes; false if it was closed. Whoever waits is woken.
    pub(crate) fn close(&self, at: Option<&'static Location<'static>>) -> bool {
        if !self.header.lock().close(&self.header, at) {
            return false;
        }
        // Channels that close because a side was dropped are the daily course.
        if at.is_some() {
            self.note(watch::Moment::Closed, |notes| &mut notes.closed);
        }
        self.wake_the_settled();
        true
    }

    /// After a close. A waker that panics keeps no one else asleep.
    fn wake_the_settled(&self) {
        let mut panicked = None;
        let mut wakes = Wakes::new();
        loop {
            let mut guard = self.header.lock();
            guard.take_wakes(&mut wakes);
            let more = !guard.recvq.is_empty() || !guard.sendq.is_empty();
            drop(guard);
            panics::keep_first(&mut panicked, wakes.fire());
            if !more {
                break;
            }
        }
        if let Some(panic) = panicked {
            panic::resume_unwind(panic);
        }
    }

    /// Closes because nobody can receive any more, and drops what is left.
    pub(crate) fn close_and_discard(&self) {
        let discarded = {
            let mut guard = self.header.lock();
            guard.close(&self.header, None);
            self.op(&mut guard).take_all()
        };
        self.wake_the_settled();
        drop(discarded);
    }

    /// Attaches a watcher's note to this channel.
    #[cold]
    pub(crate) fn note(
        &self,
        moment: watch::Moment,
        place: fn(&mut crate::header::Notes) -> &mut Option<watch::Note>,
    ) {
        let Some(Some(note)) = watch::guarded(|watcher| watcher.note(moment)) else {
            return;
        };
        // Allocated here, in case there is none yet; dropped after the lock.
        let fresh = Box::<crate::header::Notes>::default();
        let mut guard = self.header.lock();
        let notes = guard.notes.get_or_insert(fresh);
        let old = place(notes).replace(note);
        drop(guard);
        drop(old);
    }

    /// Ends the channel: nobody has a handle any more.
    ///
    /// # Safety
    ///
    /// Called once, by the one who found the last side gone. The pointer is
    /// not used after.
    pub(crate) unsafe fn destroy(this: NonNull<Self>) {
        // SAFETY: the handles' share of the memory is still ours.
        let chan = unsafe { this.as_ref() };
        // SAFETY: linked in `new`; this is called once.
        unsafe { registry::unlink(this.cast()) };
        let (values, notes) = {
            // A watcher may hold the lock, never the store; taking both keeps
            // the rule simple.
            let mut guard = chan.header.lock();
            let values = chan.op(&mut guard).take_all();
            (values, guard.notes.take())
        };
        // SAFETY: our share, used no more. Given back before the values are
        // dropped, so that a panic there leaks nothing.
        unsafe { Header::release_memory(this.cast()) };
        drop(notes);
        drop(values);
    }
}

/// Frees a channel whose values are gone.
///
/// # Safety
///
/// Nobody else has a share of the memory.
unsafe fn free<T>(header: NonNull<Header>) {
    // SAFETY: made by `Box` in `new`, as a channel whose first field the
    // header is. The store is `ManuallyDrop`: no code of `T` runs here, where
    // `T` may be past its life.
    drop(unsafe { Box::from_raw(header.cast::<Hchan<T>>().as_ptr()) });
}

/// The only waiter of a party that waits for one operation.
pub(crate) fn waiter<T>(
    party: &Party,
    slot: &Slot<T>,
    direction: Direction,
    site: &'static Location<'static>,
) -> Waiter {
    Waiter::new(
        NonNull::from(party),
        NonNull::from(slot).cast(),
        direction,
        0,
        site,
    )
}

/// A channel whose lock is held.
pub(crate) struct Op<'g, T> {
    header: &'g Header,
    guarded: &'g mut Guarded,
    store: MutPtr<ManuallyDrop<Store<T>>>,
}

impl<T> Op<'_, T> {
    #[inline(always)]
    fn store(&mut self) -> &mut Store<T> {
        // SAFETY: the lock is held while `self` lives, and guards the store.
        unsafe { self.store.deref() }
    }

    #[inline(always)]
    fn len_changed(&mut self) {
        let store = self.store();
        let len = store.ring.len() + store.returned.len();
        self.header.set_len(len);
        self.check();
    }

    /// Sends if that can be done at once.
    #[inline]
    pub(crate) fn send(&mut self, value: T) -> Sent<T> {
        if self.guarded.closed {
            return Sent::Closed(value);
        }
        if let Some(receiver) = Guarded::pop_claimed(&mut self.guarded.recvq) {
            self.guarded.sent += 1;
            // SAFETY: just claimed.
            return Sent::Done(unsafe { self.hand(receiver, value, None) });
        }
        if self.store().ring.is_full() {
            return Sent::Full(value);
        }
        self.store().ring.push(value);
        self.guarded.sent += 1;
        self.len_changed();
        Sent::Done(Wake::None)
    }

    /// Receives if that can be done at once.
    #[inline]
    pub(crate) fn recv(&mut self) -> Received<T> {
        if let Some(node) = self.store().returned.pop() {
            self.guarded.received += 1;
            self.len_changed();
            return Received::Returned(node);
        }
        if let Some(value) = self.store().ring.pop() {
            self.guarded.received += 1;
            let wake = self.refill();
            self.len_changed();
            return Received::Value(value, wake);
        }
        if self.guarded.closed {
            return Received::Closed;
        }
        match Guarded::pop_claimed(&mut self.guarded.sendq) {
            Some(sender) => {
                self.guarded.sent += 1;
                self.guarded.received += 1;
                // SAFETY: just claimed.
                let (value, wake) = unsafe { self.take_from(sender) };
                Received::Value(value, wake)
            }
            None => Received::Empty,
        }
    }

    /// Gives a slot that was just freed to the oldest waiting sender: the
    /// receiver got the head, the sender's value goes to the tail.
    #[inline]
    fn refill(&mut self) -> Wake {
        if self.guarded.closed {
            return Wake::None;
        }
        match Guarded::pop_claimed(&mut self.guarded.sendq) {
            Some(sender) => {
                // SAFETY: just claimed.
                let (value, wake) = unsafe { self.take_from(sender) };
                self.store().ring.push(value);
                self.guarded.sent += 1;
                wake
            }
            None => Wake::None,
        }
    }

    /// Hands a value to a receiver.
    ///
    /// # Safety
    ///
    /// The receiver waits on this channel and was claimed under this lock.
    #[inline]
    unsafe fn hand(&mut self, receiver: NonNull<Waiter>, value: T, first: Option<u64>) -> Wake {
        self.guarded.received += 1;
        // SAFETY: the slot of a receiver of this channel takes a `T`, and is
        // ours until the party is done (waitq, Q4).
        unsafe {
            let slot = receiver.as_ref().slot().cast::<Slot<T>>();
            slot.as_ref()
                .with_mut(|slot| *slot = MaybeUninit::new(value));
            self.guarded.complete(receiver, first)
        }
    }

    /// Takes the value of a sender.
    ///
    /// # Safety
    ///
    /// The sender waits on this channel and was claimed under this lock.
    #[inline]
    unsafe fn take_from(&mut self, sender: NonNull<Waiter>) -> (T, Wake) {
        // SAFETY: the slot of a waiting sender holds a `T`, which is ours with
        // the claim; its owner sees that it moved by the outcome.
        unsafe {
            let slot = sender.as_ref().slot().cast::<Slot<T>>();
            let value = slot.as_ref().with(|slot| slot.assume_init_read());
            (value, self.guarded.complete(sender, None))
        }
    }

    /// A value that was handed over comes back: its receiver does not want it.
    /// It goes to the next one who waits, else to the list of the returned.
    ///
    /// The node is used, or handed back to be dropped after the lock.
    pub(crate) fn give_back(
        &mut self,
        value: T,
        ticket: u64,
        node: Box<Comeback<T>>,
    ) -> (Wake, Option<Box<Comeback<T>>>) {
        self.guarded.received -= 1;
        // After a close everybody who is queued has been told "closed".
        let next = if self.guarded.closed {
            None
        } else {
            Guarded::pop_claimed(&mut self.guarded.recvq)
        };
        match next {
            // SAFETY: just claimed.
            Some(receiver) => (
                unsafe { self.hand(receiver, value, Some(ticket)) },
                Some(node),
            ),
            None => {
                self.store().returned.insert(node, ticket, value);
                self.len_changed();
                (Wake::None, None)
            }
        }
    }

    /// Takes out all values, to be dropped after the lock.
    fn take_all(&mut self) -> (Returned<T>, Ring<T>) {
        let empty = Ring::new(0).expect("no bytes");
        let store = self.store();
        let ring = std::mem::replace(&mut store.ring, empty);
        let returned = std::mem::replace(&mut store.returned, Returned::new());
        self.header.set_len(0);
        (returned, ring)
    }

    /// I1 to I5, as far as a look can tell.
    #[inline(always)]
    fn check(&mut self) {
        #[cfg(debug_assertions)]
        self.check_invariants();
    }

    #[cfg(debug_assertions)]
    fn check_invariants(&mut self) {
        let lives = |queue: &crate::waitq::WaitQueue| {
            queue
                .iter()
                // SAFETY: linked, hence alive.
                .filter(|waiter| !unsafe { waiter.party().as_ref() }.is_claimed())
                .count()
        };
        // Long queues are not worth the walk.
        if self.guarded.recvq.len() + self.guarded.sendq.len() > 64 {
            return;
        }
        let (receivers, senders) = (lives(&self.guarded.recvq), lives(&self.guarded.sendq));
        let capacity = self.header.capacity();
        let store = self.store();
        let (ring, returned, full) = (store.ring.len(), store.returned.len(), store.ring.is_full());
        let guarded = &self.guarded;
        if !guarded.closed {
            assert!(ring + returned == 0 || receivers == 0, "I1");
            assert!(senders == 0 || full, "I2");
        } else {
            assert!(receivers == 0 && senders == 0, "I4");
        }
        assert!(capacity == 0 || receivers == 0 || senders == 0, "I3");
        assert_eq!(
            guarded.sent,
            guarded.received + (ring + returned) as u64,
            "I5"
        );
    }
}
