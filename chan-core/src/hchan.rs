//! The channel itself: Go's `hchan`, with its send, receive and close.
//!
//! A channel is a [`Header`], which does not know the element, and a [`Store`]
//! of values. Both are guarded by the header's lock; an [`Op`] is the two of
//! them with the lock held, and every rule of the channel is a method of it.
//!
//! I1  Values buffered ⇒ no receiver waits. (A receiver that a select has won
//!     elsewhere may still be linked until the next look; it does not count
//!     here and in I2, I3.)
//! I2  A sender waits on a buffered channel ⇒ values and permits fill the
//!     buffer. (One who waits for a permit is a sender without a value.)
//! I3  A receiver and a sender that has a value wait at the same time only as
//!     the cases of one select on an unbuffered channel.
//! I4  Closed ⇒ whoever is still queued has its answer and awaits its wake;
//!     nobody joins a queue, no value enters the ring.
//! I5  Values sent = values received + values in the channel, at every
//!     moment somebody else can look: a hand-off counts as received, a value
//!     that comes back no longer does. (Values that are
//!     discarded because nobody can receive them any more are in no count.)
//! I6  Wakers, destructors and watchers run after the lock is given back.
//!
//! The order of attempts is Go's (rules 14, 21 and 58 of the parity table):
//! a send looks for closed, then a waiting receiver, then room; a receive for
//! values that came back, the buffer (whose freed slot goes to a waiting
//! sender), a waiting sender, and closed last.
//!
//! A permit is a credit, not a slot: values and permits together never exceed
//! the capacity. Hand-offs need no slot, so they pass by those who wait for a
//! permit.
//!
//! Not here: how one waits ([`crate::parker`], [`crate::blocking`]), what a
//! handle's drop means ([`crate::handle`]).

use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{self, Location};
use std::ptr::NonNull;

use crate::birth::{Birth, UNBOUNDED};
use crate::blocks::{Block, Blocks};
use crate::capability::Capability;
use crate::header::{Guard, Guarded, Header};
use crate::parker::Wake;
use crate::ring::{Buffer, Comeback, Returned, Ring};
use crate::sync::{MutPtr, UnsafeCell};
use crate::waitq::Waiter;
use crate::wakes::Wakes;
use crate::{panics, registry, watch};

/// Where a waiting receiver gets its value and a waiting sender has it.
pub(crate) type Slot<T> = UnsafeCell<MaybeUninit<T>>;

/// The values of a channel.
pub(crate) struct Store<T> {
    buffer: Buffer<T>,
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
    /// No room; without a limit, none until [`Op::grow`].
    Full(T),
    Closed(T),
}

/// What became of a send that takes the place of an older value.
pub(crate) enum Forced<T> {
    /// It is in, at the cost of this value.
    Done(Option<T>, Wake),
    Full(T),
    Closed(T),
}

/// What became of a request for a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserved {
    Granted,
    Full,
    Closed,
}

/// What became of a receive.
pub(crate) enum Received<T> {
    Value(T, Wake),
    /// A value that had come back, still in its node.
    Returned(Box<Comeback<T>>),
    Empty,
    Closed,
}

impl<T> Hchan<T> {
    /// A channel with one handle that has `all` capabilities, or nothing if
    /// its ring cannot be had.
    pub(crate) fn new(birth: Birth, all: Capability) -> Option<NonNull<Self>> {
        let buffer = match birth.capacity {
            UNBOUNDED => Buffer::Blocks(Blocks::new()),
            capacity => Buffer::Ring(Ring::new(capacity)?),
        };
        let store = Store {
            buffer,
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

    /// Closes; false if it was closed. Whoever waits is woken.
    pub(crate) fn close(&self, at: Option<&'static Location<'static>>) -> bool {
        let mut guard = self.header.lock();
        let unheard = watch::watcher().is_some() && is_unheard_of(&guard);
        if !guard.close(at) {
            return false;
        }
        drop(guard);
        // Channels that close because a side was dropped are the daily course.
        if let Some(site) = at {
            let closing = watch::Closing {
                channel: self.header.id(),
                birth: self.header.birth().site,
                site,
                unheard,
            };
            let note = watch::guarded(|watcher| watcher.closed(&closing)).flatten();
            self.attach(note, |notes| &mut notes.closed);
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
            let more = guard.owes_wakes();
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
            guard.close(None);
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
        let note = watch::guarded(|watcher| watcher.note(moment)).flatten();
        self.attach(note, place);
    }

    fn attach(
        &self,
        note: Option<watch::Note>,
        place: fn(&mut crate::header::Notes) -> &mut Option<watch::Note>,
    ) {
        let Some(note) = note else { return };
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

/// Whether a close now would be heard by nobody: see [`watch::Closing`].
fn is_unheard_of(guard: &Guard<'_>) -> bool {
    let header = guard.header();
    let handles = header.handles();
    let waits = [&guard.recvq, &guard.sendq, &guard.closeq];
    guard.sent == 0
        && waits.iter().all(|queue| queue.is_empty())
        && handles.send <= 1
        && handles.recv <= 1
        && header.links.is_of_this_thread()
        && !header.birth().is_context
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
    fn buffer_changed(&mut self) {
        let store = self.store();
        let len = store.buffer.len() + store.returned.len();
        self.guarded.full = !self.header.is_unbounded() && self.store().buffer.is_full();
        self.header.set_len(len);
        self.check();
    }

    /// How many values a receiver could take without waiting.
    pub(crate) fn ready(&mut self) -> usize {
        let store = self.store();
        let values = store.buffer.len() + store.returned.len();
        if self.guarded.closed {
            values
        } else {
            values + self.guarded.sendq.len()
        }
    }

    /// Gives a channel without a limit a new block, or gives it back.
    pub(crate) fn grow(&mut self, block: Box<Block<T>>) -> Option<Box<Block<T>>> {
        self.store().buffer.grow(block)
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
        if self.store().buffer.is_full() {
            return Sent::Full(value);
        }
        self.append(value);
        Sent::Done(Wake::None)
    }

    /// Puts a value into a buffer that is not full.
    #[inline(always)]
    fn append(&mut self, value: T) {
        self.store().buffer.push(value);
        self.guarded.sent += 1;
        self.buffer_changed();
    }

    /// Sends whether or not there is room: if there is none, the oldest value
    /// of the buffer leaves. It never passes a waiting sender.
    pub(crate) fn force_send(&mut self, value: T) -> Forced<T> {
        let value = match self.send(value) {
            Sent::Done(wake) => return Forced::Done(None, wake),
            Sent::Closed(value) => return Forced::Closed(value),
            Sent::Full(value) => value,
        };
        if !self.guarded.sendq.is_empty() {
            return Forced::Full(value);
        }
        let Some(oldest) = self.store().buffer.pop() else {
            return Forced::Full(value);
        };
        self.guarded.received += 1;
        self.append(value);
        Forced::Done(Some(oldest), Wake::None)
    }

    /// Receives if that can be done at once.
    #[inline]
    pub(crate) fn recv(&mut self) -> Received<T> {
        if let Some(node) = self.store().returned.pop() {
            self.guarded.received += 1;
            self.buffer_changed();
            return Received::Returned(node);
        }
        if let Some(value) = self.store().buffer.pop() {
            self.guarded.received += 1;
            let wake = self.admit();
            self.buffer_changed();
            return Received::Value(value, wake);
        }
        if self.guarded.closed {
            return Received::Closed;
        }
        match self.pop_sender_with_a_value() {
            Some(sender) => {
                self.guarded.sent += 1;
                self.guarded.received += 1;
                // SAFETY: just claimed, and it has a value.
                let (value, wake) = unsafe { self.take_from(sender) };
                Received::Value(value, wake)
            }
            None => Received::Empty,
        }
    }

    /// The oldest waiting sender that has a value, claimed. Those who want a
    /// permit stay: there is no slot for them.
    #[inline]
    fn pop_sender_with_a_value(&mut self) -> Option<NonNull<Waiter>> {
        if self.guarded.permits == 0 {
            // Whoever waits for a permit waits for others to give theirs up.
            return Guarded::pop_claimed(&mut self.guarded.sendq);
        }
        self.guarded.pop_claimed_sender_with_a_value()
    }

    /// Gives a slot that was just freed to the oldest waiting sender: its
    /// value goes to the tail (the receiver got the head), or it gets its
    /// permit.
    #[inline]
    fn admit(&mut self) -> Wake {
        if self.guarded.closed {
            return self.guarded.received_late();
        }
        let Some(sender) = Guarded::pop_claimed(&mut self.guarded.sendq) else {
            return Wake::None;
        };
        // SAFETY: just claimed.
        unsafe {
            if sender.as_ref().slot().is_none() {
                self.promise();
                return self.guarded.complete(sender, None);
            }
            let (value, wake) = self.take_from(sender);
            self.store().buffer.push(value);
            self.guarded.sent += 1;
            wake
        }
    }

    // ---- Permits. ----

    /// Takes a permit if there is room for one.
    pub(crate) fn reserve(&mut self) -> Reserved {
        if self.guarded.closed {
            return Reserved::Closed;
        }
        if !self.store().buffer.reserve() {
            return Reserved::Full;
        }
        self.guarded.permits += 1;
        self.buffer_changed();
        Reserved::Granted
    }

    /// Promises a slot that is known to be free.
    fn promise(&mut self) {
        let promised = self.store().buffer.reserve();
        debug_assert!(promised, "a slot was just freed");
        self.guarded.permits += 1;
    }

    /// Takes a permit back, unused; its slot goes to a waiting sender.
    pub(crate) fn release(&mut self) -> Wake {
        self.guarded.permits -= 1;
        if self.guarded.closed {
            // The buffer may be another one by now.
            return Wake::None;
        }
        self.store().buffer.release();
        let wake = self.admit();
        self.buffer_changed();
        wake
    }

    /// Sends with a permit of a channel with a limit. It is spent, and there
    /// is room.
    pub(crate) fn send_permitted(&mut self, value: T) -> (Sent<T>, Wake) {
        if self.guarded.closed {
            self.guarded.permits -= 1;
            return (Sent::Closed(value), Wake::None);
        }
        match Guarded::pop_claimed(&mut self.guarded.recvq) {
            Some(receiver) => {
                self.guarded.sent += 1;
                // SAFETY: just claimed.
                let handed = unsafe { self.hand(receiver, value, None) };
                (Sent::Done(handed), self.release())
            }
            None => {
                self.guarded.permits -= 1;
                self.store().buffer.release();
                self.append(value);
                (Sent::Done(Wake::None), Wake::None)
            }
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
            let slot = receiver.as_ref().slot().expect("a receiver has a slot");
            let slot = slot.cast::<Slot<T>>();
            slot.as_ref()
                .with_mut(|slot| *slot = MaybeUninit::new(value));
            self.guarded.complete(receiver, first)
        }
    }

    /// Takes the value of a sender.
    ///
    /// # Safety
    ///
    /// The sender has a value, waits on this channel and was claimed under this
    /// lock.
    #[inline]
    unsafe fn take_from(&mut self, sender: NonNull<Waiter>) -> (T, Wake) {
        // SAFETY: the slot of a waiting sender holds a `T`, which is ours with
        // the claim; its owner sees that it moved by the outcome.
        unsafe {
            let slot = sender.as_ref().slot().expect("it has a value");
            let slot = slot.cast::<Slot<T>>();
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
                self.buffer_changed();
                (Wake::None, None)
            }
        }
    }

    /// Takes out all values, to be dropped after the lock.
    fn take_all(&mut self) -> (Returned<T>, Buffer<T>) {
        let store = self.store();
        let empty = Buffer::Blocks(Blocks::new());
        let buffer = std::mem::replace(&mut store.buffer, empty);
        let returned = std::mem::replace(&mut store.returned, Returned::new());
        self.header.set_len(0);
        (returned, buffer)
    }

    /// I1 to I5, as far as a look can tell.
    #[inline(always)]
    fn check(&mut self) {
        #[cfg(debug_assertions)]
        self.check_invariants();
    }

    #[cfg(debug_assertions)]
    fn check_invariants(&mut self) {
        // Long queues are not worth the walk.
        if self.guarded.recvq.len() + self.guarded.sendq.len() > 64 {
            return;
        }
        let alive = |waiter: &&Waiter| {
            // SAFETY: linked, hence alive.
            !unsafe { waiter.party().as_ref() }.is_claimed()
        };
        let receivers = self.guarded.recvq.iter().filter(alive).count();
        let senders = self.guarded.sendq.iter().filter(alive).count();
        let has_value = |waiter: &&Waiter| waiter.slot().is_some();
        let with_values = self.guarded.sendq.iter().filter(alive).filter(has_value);
        let with_values = with_values.count();
        let capacity = self.header.capacity();
        let store = self.store();
        let (buffered, returned) = (store.buffer.len(), store.returned.len());
        let guarded = &self.guarded;
        if !guarded.closed {
            assert!(buffered + returned == 0 || receivers == 0, "I1");
            assert!(senders == 0 || buffered + guarded.permits >= capacity, "I2");
            if capacity != UNBOUNDED {
                assert!(buffered + guarded.permits <= capacity, "I2");
            }
        } else {
            assert!(receivers == 0 && senders == 0, "I4");
        }
        assert!(capacity == 0 || receivers == 0 || with_values == 0, "I3");
        assert_eq!(
            guarded.sent,
            guarded.received + (buffered + returned) as u64,
            "I5"
        );
    }
}
