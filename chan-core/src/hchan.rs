//! The channel itself: Go's `hchan`, with its send, receive and close.
//!
//! A channel is a [`Header`], which does not know the element, and the values:
//! slots behind it in the same allocation, or blocks, and those that came back.
//! An [`Op`] is all of it with the lock of the channel held, and every rule of
//! the channel is a method of it. What goes in and out while nobody waits needs
//! less: [`crate::plain`].
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
//! What moves values is inlined in release builds only: in others each function
//! keeps copies of the value in its frame, and a frame of all of them is too
//! large for large values.
//!
//! Not here: slots ([`crate::ring`], [`crate::blocks`]), how one waits ([`crate::parker`], [`crate::blocking`]), what a
//! handle's drop means ([`crate::handle`]).

use std::alloc::{self, Layout};
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use crate::birth::{Birth, Manners, UNBOUNDED};
use crate::blocks::{self, Spare};
use crate::capability::Capability;
use crate::header::{Guard, Guarded, Header, Kind, Origin};
use crate::parker::Wake;
use crate::registry::{self, Maker};
use crate::results::{Discarded, Forced, Received, Reserved, Sent};
use crate::returned::{Comeback, Returned};
use crate::ring::{self, Slot};
use crate::sides;
use crate::waitq::Waiter;

/// See the head of this file.
#[repr(C)]
pub(crate) struct Hchan<T> {
    // First: a pointer to the channel is a pointer to its header.
    header: Header,
    spare: Spare<T>,
    // Last: as many slots as the capacity says follow.
    slots: [Slot<T>; 0],
}

const _: () =
    assert!(cfg!(loom) || size_of::<usize>() < 8 || size_of::<Hchan<u64>>() == 3 * sides::LINE);

// SAFETY: values cross threads through the channel, so `T: Send`; they are
// reached under the locks only, so nobody shares a `&T`.
unsafe impl<T: Send> Send for Hchan<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Hchan<T> {}

impl<T> Hchan<T> {
    const OF_RUST: &'static Kind = &Self::make_kind(Manners::Rust, false);
    const OF_GO: &'static Kind = &Self::make_kind(Manners::Go, false);
    const OF_CONTEXTS: &'static Kind = &Self::make_kind(Manners::Go, true);

    const fn make_kind(manners: Manners, is_context: bool) -> Kind {
        Kind {
            element: std::any::type_name::<T>,
            manners,
            is_context,
            free: free::<T>,
        }
    }

    /// The kind of a channel that is made so.
    #[inline(always)]
    fn kind(birth: &Birth) -> &'static Kind {
        match birth.manners {
            Manners::Rust => Self::OF_RUST,
            Manners::Go if birth.is_context => Self::OF_CONTEXTS,
            Manners::Go => Self::OF_GO,
        }
    }

    /// A channel with one handle that has `all` capabilities, or nothing if
    /// its slots cannot be had. (Inline, so that what it is made with need not
    /// pass through memory: written by words and read by pairs, it would be
    /// waited for.)
    #[inline(always)]
    pub(crate) fn new(birth: Birth, capacity: usize, all: Capability) -> Option<NonNull<Self>> {
        let (kind, origin) = (Self::kind(&birth), Origin::of(birth));
        let chan = Self::allocate(capacity)?;
        // SAFETY: just allocated for it and its slots, and nobody knows it yet.
        // These are all the fields.
        unsafe {
            let this = chan.as_ptr();
            let maker = Maker::this_thread();
            Header::write(chan.cast(), origin, capacity, all, kind, maker);
            (&raw mut (*this).spare).write(Spare::none());
            let slots = (&raw mut (*this).slots).cast::<Slot<T>>();
            if capacity != UNBOUNDED {
                ring::make_cells(slots, capacity);
                // The pointer is made from that of the allocation, so it
                // reaches beyond the channel itself.
                let sides = &chan.as_ref().header.sides;
                for side in [&sides.tail, &sides.head] {
                    side.own.with_mut(|own| own.base = slots.cast());
                }
            }
            // It is alive; `destroy` unlinks it before the memory goes.
            registry::link(chan.cast(), maker);
        }
        Some(chan)
    }

    /// What a channel and its slots take, if that can be had at all. Go's
    /// bounds: the capacity is an `int`, and the size a valid size.
    fn layout(capacity: usize) -> Option<Layout> {
        let slots = if capacity == UNBOUNDED { 0 } else { capacity };
        // (Of elements without a size there may be as many as can be counted.)
        isize::try_from(slots).ok()?;
        let (layout, _) = Layout::new::<Self>()
            .extend(Layout::array::<Slot<T>>(slots).ok()?)
            .ok()?;
        layout.align_to(sides::ALIGNMENT).ok()
    }

    /// Memory for a channel.
    fn allocate(capacity: usize) -> Option<NonNull<Self>> {
        let layout = Self::layout(capacity)?;
        // SAFETY: the layout is not empty, since a channel has a header.
        NonNull::new(unsafe { alloc::alloc(layout) }.cast())
    }

    #[inline(always)]
    pub(crate) fn spare(&self) -> &Spare<T> {
        &self.spare
    }

    #[inline(always)]
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Where the slots are. (The address: they are not to be reached from here.)
    #[inline(always)]
    pub(crate) fn slots(&self) -> *const Slot<T> {
        (&raw const self.slots).cast()
    }

    /// The channel with its lock held.
    #[inline(always)]
    pub(crate) fn op<'g, 'h>(&'g self, guard: &'g mut Guard<'h>) -> Op<'g, 'h, T> {
        assert!(ptr::eq(guard.header(), &self.header));
        Op { chan: self, guard }
    }
}

/// Frees a channel whose values are gone.
///
/// # Safety
///
/// Nobody else has a share of the memory.
unsafe fn free<T>(header: NonNull<Header>) {
    let chan = header.cast::<Hchan<T>>().as_ptr();
    // SAFETY: made in `new`, as a channel whose first field the header is.
    // What came back is `ManuallyDrop`, and slots have no drop: no code of `T`
    // runs here, where `T` may be past its life.
    unsafe {
        let capacity = (*chan).header.capacity();
        let layout = Hchan::<T>::layout(capacity).expect("it was had");
        if capacity != UNBOUNDED {
            ring::end_cells((&raw mut (*chan).slots).cast::<Slot<T>>(), capacity);
        }
        ptr::drop_in_place(chan);
        alloc::dealloc(chan.cast(), layout);
    }
}

/// A channel whose lock is held.
pub(crate) struct Op<'g, 'h, T> {
    chan: &'g Hchan<T>,
    guard: &'g mut Guard<'h>,
}

impl<T> Op<'_, '_, T> {
    /// The values that came back, of a channel that has a place for them.
    fn returned(&mut self) -> &mut Returned<T> {
        let first = ptr::from_mut(&mut self.guard.rare_made().first);
        // SAFETY: U4, it is a list of this channel's element, which nobody else
        // makes or changes; such a list is a pointer, null if it is empty.
        unsafe { &mut *first.cast() }
    }

    /// Whether there is room for a value without a new block.
    #[inline(always)]
    fn has_room(&self) -> bool {
        let sides = &self.chan.header.sides;
        if !sides.are_unbounded() {
            return !self.guard.is_full();
        }
        // SAFETY: the lock of the channel is that of both sides (L1).
        unsafe {
            let tail = &sides.tail.own;
            tail.with_mut(|own| blocks::has_room(own, self.chan.spare()))
        }
    }

    /// Puts a value into a slot that is free.
    #[inline(always)]
    fn push(&mut self, value: T) {
        let side = &self.chan.header.sides.tail;
        // SAFETY: L1, and there is room.
        unsafe { side.own.with_mut(|own| self.chan.put(own, value)) };
        side.step();
    }

    /// Takes the oldest value of the buffer.
    #[inline(always)]
    fn pop(&mut self) -> Option<T> {
        let sides = &self.chan.header.sides;
        if sides.len() == 0 {
            return None;
        }
        // SAFETY: L1, and there is a value. (A block that nobody needs is freed
        // under the lock: once in a hundred times.)
        let (value, _block) = unsafe { sides.head.own.with_mut(|own| self.chan.take(own)) };
        sides.head.step();
        Some(value)
    }

    /// How many values a receiver could take without waiting.
    pub(crate) fn ready(&mut self) -> usize {
        let values = self.guard.len();
        if self.guard.is_closed() {
            values
        } else {
            values + self.guard.sendq.len()
        }
    }

    /// Gives a channel without a limit its first block, if that was offered.
    pub(crate) fn begin(&mut self) {
        let sides = &self.chan.header.sides;
        // SAFETY: L1; both locks are held.
        unsafe {
            sides.tail.own.with_mut(|tail| {
                let head = &sides.head.own;
                head.with_mut(|head| blocks::begin(tail, head, self.chan.spare()));
            });
        }
    }

    /// Sends if that can be done at once.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn send(&mut self, value: T) -> Sent<T> {
        if self.guard.is_closed() {
            return Sent::Closed(value);
        }
        if let Some(receiver) = Guarded::pop_claimed(&mut self.guard.recvq) {
            // SAFETY: just claimed.
            return Sent::Done(unsafe { self.hand(receiver, value, None) });
        }
        if !self.has_room() {
            return Sent::Full(value);
        }
        self.append(value);
        Sent::Done(Wake::None)
    }

    /// Puts a value into a buffer that is not full.
    #[inline(always)]
    fn append(&mut self, value: T) {
        self.push(value);
        self.check();
    }

    /// Sends whether or not there is room: if there is none, the oldest value
    /// of the buffer leaves. It never passes a waiting sender.
    pub(crate) fn force_send(&mut self, value: T) -> Forced<T> {
        let value = match self.send(value) {
            Sent::Done(wake) => return Forced::Done(None, wake),
            Sent::Closed(value) => return Forced::Closed(value),
            Sent::Full(value) => value,
        };
        if !self.guard.sendq.is_empty() || self.chan.header.sides.len() == 0 {
            return Forced::Full(value);
        }
        Forced::Done(Some(self.displace(value)), Wake::None)
    }

    /// Takes the oldest value out of a full buffer and puts one in. It counts
    /// as in before the other counts as out: the buffer is never empty to those
    /// who look without the lock (R1 of `readiness`), and never has room.
    fn displace(&mut self, value: T) -> T {
        let sides = &self.chan.header.sides;
        // SAFETY: L1, and there is a value; without it there is room.
        let oldest = unsafe {
            let (oldest, _block) = sides.head.own.with_mut(|own| self.chan.take(own));
            sides.tail.own.with_mut(|own| self.chan.put(own, value));
            oldest
        };
        sides.tail.step();
        sides.head.step();
        self.check();
        oldest
    }

    /// Receives if that can be done at once.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn recv(&mut self) -> Received<T> {
        if self.guard.has_returned()
            && let Some(node) = self.pop_returned()
        {
            return Received::Returned(node);
        }
        if let Some(value) = self.pop() {
            let wake = self.admit();
            self.check();
            return Received::Value(value, wake);
        }
        if self.guard.is_closed() {
            return Received::Closed;
        }
        match self.pop_sender_with_a_value() {
            Some(sender) => {
                self.guard.handed_over += 1;
                // SAFETY: just claimed, and it has a value.
                let (value, wake) = unsafe { self.take_from(sender) };
                Received::Value(value, wake)
            }
            None => Received::Empty,
        }
    }

    /// Takes the value that came back first, in its node.
    #[cold]
    fn pop_returned(&mut self) -> Option<Box<Comeback<T>>> {
        let node = self.returned().pop()?;
        self.guard.uncount_returned();
        self.check();
        Some(node)
    }

    /// Takes out a value that nobody can receive any more.
    pub(crate) fn discard(&mut self) -> Option<Discarded<T>> {
        let value = if self.guard.has_returned() {
            Discarded::Returned(self.pop_returned()?)
        } else {
            Discarded::Value(self.pop()?)
        };
        self.guard.count_discarded();
        Some(value)
    }

    /// The oldest waiting sender that has a value, claimed. Those who want a
    /// permit stay: there is no slot for them.
    #[inline]
    fn pop_sender_with_a_value(&mut self) -> Option<NonNull<Waiter>> {
        if self.guard.permits == 0 {
            // Whoever waits for a permit waits for others to give theirs up.
            return Guarded::pop_claimed(&mut self.guard.sendq);
        }
        self.guard.pop_claimed_sender_with_a_value()
    }

    /// Gives a slot that was just freed to the oldest waiting sender: its
    /// value goes to the tail (the receiver got the head), or it gets its
    /// permit.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn admit(&mut self) -> Wake {
        if self.guard.is_closed() {
            return self.guard.received_late();
        }
        let Some(sender) = Guarded::pop_claimed(&mut self.guard.sendq) else {
            return Wake::None;
        };
        // SAFETY: just claimed.
        unsafe {
            if sender.as_ref().slot().is_none() {
                self.promise();
                return self.guard.complete(sender, None);
            }
            let (value, wake) = self.take_from(sender);
            self.push(value);
            wake
        }
    }

    // ---- Permits. ----

    /// Takes a permit if there is room for one.
    pub(crate) fn reserve(&mut self) -> Reserved {
        if self.guard.is_closed() {
            return Reserved::Closed;
        }
        if self.guard.is_full() {
            return Reserved::Full;
        }
        self.guard.permits += 1;
        self.check();
        Reserved::Granted
    }

    /// Promises a slot that is known to be free.
    fn promise(&mut self) {
        debug_assert!(!self.guard.is_full(), "a slot was just freed");
        self.guard.permits += 1;
    }

    /// Takes a permit back, unused; its slot goes to a waiting sender.
    pub(crate) fn release(&mut self) -> Wake {
        self.guard.permits -= 1;
        // (With the close everybody who waited has left.)
        let wake = if self.guard.is_closed() {
            Wake::None
        } else {
            self.admit()
        };
        self.check();
        wake
    }

    /// Sends with a permit of a channel with a limit. It is spent, and there
    /// is room.
    pub(crate) fn send_permitted(&mut self, value: T) -> (Sent<T>, Wake) {
        if self.guard.is_closed() {
            self.guard.permits -= 1;
            return (Sent::Closed(value), Wake::None);
        }
        match Guarded::pop_claimed(&mut self.guard.recvq) {
            Some(receiver) => {
                // SAFETY: just claimed.
                let handed = unsafe { self.hand(receiver, value, None) };
                (Sent::Done(handed), self.release())
            }
            None => {
                self.guard.permits -= 1;
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
    #[cfg_attr(not(debug_assertions), inline(always))]
    unsafe fn hand(&mut self, receiver: NonNull<Waiter>, value: T, first: Option<u64>) -> Wake {
        // A value that came back was counted when it was handed over first.
        self.guard.handed_over += u64::from(first.is_none());
        // SAFETY: the slot of a receiver of this channel takes a `T`, and is
        // ours until the party is done (waitq, Q4).
        unsafe {
            let slot = receiver.as_ref().slot().expect("a receiver has a slot");
            let slot = slot.cast::<Slot<T>>();
            slot.as_ref()
                .with_mut(|slot| *slot = MaybeUninit::new(value));
            self.guard.complete(receiver, first)
        }
    }

    /// Takes the value of a sender.
    ///
    /// # Safety
    ///
    /// The sender has a value, waits on this channel and was claimed under this
    /// lock.
    #[cfg_attr(not(debug_assertions), inline(always))]
    unsafe fn take_from(&mut self, sender: NonNull<Waiter>) -> (T, Wake) {
        // SAFETY: the slot of a waiting sender holds a `T`, which is ours with
        // the claim; its owner sees that it moved by the outcome.
        unsafe {
            let slot = sender.as_ref().slot().expect("it has a value");
            let slot = slot.cast::<Slot<T>>();
            let value = slot.as_ref().with(|slot| slot.assume_init_read());
            (value, self.guard.complete(sender, None))
        }
    }

    /// A value that was handed over comes back: its receiver does not want it.
    /// It goes to the next one who waits, else to the list of the returned.
    ///
    /// The node is used, or handed back to be dropped after the lock. There is a
    /// place for the list (U2 of `rare`).
    pub(crate) fn give_back(
        &mut self,
        value: T,
        ticket: u64,
        node: Box<Comeback<T>>,
    ) -> (Wake, Option<Box<Comeback<T>>>) {
        // After a close everybody who is queued has been told "closed".
        let next = if self.guard.is_closed() {
            None
        } else {
            Guarded::pop_claimed(&mut self.guard.recvq)
        };
        match next {
            // SAFETY: just claimed.
            Some(receiver) => (
                unsafe { self.hand(receiver, value, Some(ticket)) },
                Some(node),
            ),
            None => {
                self.returned().insert(node, ticket, value);
                self.guard.count_returned();
                self.check();
                (Wake::None, None)
            }
        }
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
        if self.guard.recvq.len() + self.guard.sendq.len() > 64 {
            return;
        }
        let alive = |waiter: &&Waiter| {
            // SAFETY: linked, hence alive.
            !unsafe { waiter.party().as_ref() }.is_claimed()
        };
        let receivers = self.guard.recvq.iter().filter(alive).count();
        let senders = self.guard.sendq.iter().filter(alive).count();
        let has_value = |waiter: &&Waiter| waiter.slot().is_some();
        let with_values = self.guard.sendq.iter().filter(alive).filter(has_value);
        let with_values = with_values.count();
        let capacity = self.chan.header.capacity();
        let (buffered, all) = (self.chan.header.sides.len(), self.guard.len());
        let guarded = &*self.guard;
        if !guarded.is_closed() {
            assert!(all == 0 || receivers == 0, "I1");
            assert!(senders == 0 || buffered + guarded.permits >= capacity, "I2");
            if capacity != UNBOUNDED {
                assert!(buffered + guarded.permits <= capacity, "I2");
            }
        } else {
            assert!(receivers == 0 && senders == 0, "I4");
        }
        assert!(capacity == 0 || receivers == 0 || with_values == 0, "I3");
        // What was sent and not received is in the buffer or came back.
        let sides = &self.chan.header.sides;
        let in_slots = sides.tail.index().count() - sides.head.index().count();
        assert_eq!(in_slots, buffered as u64, "I5");
        // SAFETY: both locks are held.
        unsafe {
            let known = |side: &sides::Side| side.own.with_mut(|own| own.count_known());
            assert!(known(&sides.head) <= buffered, "L4");
            let room = capacity - buffered;
            assert!(known(&sides.tail) <= room, "L4");
        }
    }
}
