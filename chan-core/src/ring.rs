//! The values of a channel: a ring (or, without a limit, [`Blocks`]) for those
//! that wait their turn, and the list of those that came back.
//!
//! All are guarded by the channel's lock and never drop a value by
//! themselves while it is held: they hand values out, their owner drops them.
//!
//! G1  The slots `head .. head + len` (modulo the capacity) hold values, all
//!     others do not.
//! G2  `limit` is the capacity less the slots that are promised to permits.

use std::mem::MaybeUninit;

use crate::blocks::{Block, Blocks};

/// The values that wait their turn.
pub(crate) enum Buffer<T> {
    /// Of a channel with a capacity, 0 included.
    Ring(Ring<T>),
    /// Of a channel without a limit.
    Blocks(Blocks<T>),
}

impl<T> Buffer<T> {
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        match self {
            Buffer::Ring(ring) => ring.len,
            Buffer::Blocks(blocks) => blocks.len(),
        }
    }

    /// Whether a value cannot be pushed. Blocks are full until they get a new
    /// one by [`Buffer::grow`].
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Buffer::Ring(ring) => ring.is_full(),
            Buffer::Blocks(blocks) => !blocks.has_room(),
        }
    }

    /// Appends a value to a buffer that is not full.
    #[inline(always)]
    pub(crate) fn push(&mut self, value: T) {
        match self {
            Buffer::Ring(ring) => ring.push(value),
            Buffer::Blocks(blocks) => blocks.push(value),
        }
    }

    /// Takes the oldest value.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<T> {
        match self {
            Buffer::Ring(ring) => ring.pop(),
            Buffer::Blocks(blocks) => blocks.pop(),
        }
    }

    /// Takes a block in, or gives it back.
    pub(crate) fn grow(&mut self, block: Box<Block<T>>) -> Option<Box<Block<T>>> {
        match self {
            Buffer::Ring(_) => Some(block),
            Buffer::Blocks(blocks) => blocks.grow(block),
        }
    }

    /// Promises a free slot to a permit; false if there is none.
    pub(crate) fn reserve(&mut self) -> bool {
        match self {
            Buffer::Ring(ring) if ring.is_full() => return false,
            Buffer::Ring(ring) => ring.limit -= 1,
            Buffer::Blocks(_) => {}
        }
        true
    }

    /// Takes such a promise back.
    pub(crate) fn release(&mut self) {
        if let Buffer::Ring(ring) = self {
            ring.limit += 1;
            debug_assert!(ring.limit <= ring.slots.len(), "G2");
        }
    }
}

/// A ring of fixed capacity, allocated once.
pub(crate) struct Ring<T> {
    slots: Box<[MaybeUninit<T>]>,
    head: usize,
    len: usize,
    limit: usize,
}

impl<T> Ring<T> {
    /// A ring of `capacity` slots, or nothing if they cannot be had.
    pub(crate) fn new(capacity: usize) -> Option<Self> {
        // Go's bounds: the capacity is an `int` and the buffer's size a valid
        // size. (Of elements without a size there may be as many as can be
        // counted; `wrap` needs twice the capacity to be a number.)
        let bytes = capacity.checked_mul(size_of::<T>().max(1))?;
        if bytes > isize::MAX as usize {
            return None;
        }
        let mut slots: Vec<MaybeUninit<T>> = Vec::new();
        slots.try_reserve_exact(capacity).ok()?;
        // Not one by one: that is a long walk through elements without a size.
        // SAFETY: reserved, and a `MaybeUninit` needs no value.
        unsafe { slots.set_len(capacity) };
        Some(Ring {
            slots: slots.into_boxed_slice(),
            head: 0,
            len: 0,
            limit: capacity,
        })
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.len >= self.limit
    }

    #[inline(always)]
    fn push(&mut self, value: T) {
        debug_assert!(!self.is_full());
        let at = self.wrap(self.head + self.len);
        self.slots[at].write(value);
        self.len += 1;
    }

    #[inline(always)]
    fn pop(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        // SAFETY: G1; the slot is given up with the same step.
        let value = unsafe { self.slots[self.head].assume_init_read() };
        self.head = self.wrap(self.head + 1);
        self.len -= 1;
        Some(value)
    }

    /// Both are below twice the capacity, so one subtraction will do.
    #[inline(always)]
    fn wrap(&self, at: usize) -> usize {
        if at >= self.slots.len() {
            at - self.slots.len()
        } else {
            at
        }
    }
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // Values whose drop panics take none of the others with them.
        struct Rest<'r, T>(&'r mut Ring<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                while let Some(value) = self.0.pop() {
                    drop(value);
                }
            }
        }
        let rest = Rest(self);
        while let Some(value) = rest.0.pop() {
            drop(value);
        }
    }
}

/// A value that was handed to a future which was dropped before it could take
/// it, with the number of that hand-off.
pub(crate) struct Comeback<T> {
    ticket: u64,
    value: Option<T>,
    next: Option<Box<Comeback<T>>>,
}

impl<T> Comeback<T> {
    /// Room for a value that is still to come.
    pub(crate) fn empty() -> Box<Self> {
        Box::new(Comeback {
            ticket: 0,
            value: None,
            next: None,
        })
    }
}

/// Values that came back, ordered by hand-off. They go out before the ring.
///
/// The nodes are made by the future's drop before it takes the lock and freed
/// by the receiver after it gives it back: nothing is allocated under it.
pub(crate) struct Returned<T> {
    first: Option<Box<Comeback<T>>>,
    len: usize,
}

impl<T> Returned<T> {
    pub(crate) fn new() -> Self {
        Returned {
            first: None,
            len: 0,
        }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts a value where its hand-off says.
    pub(crate) fn insert(&mut self, mut node: Box<Comeback<T>>, ticket: u64, value: T) {
        node.ticket = ticket;
        node.value = Some(value);
        let mut at = &mut self.first;
        while at.as_ref().is_some_and(|other| other.ticket < ticket) {
            at = &mut at.as_mut().expect("looked at above").next;
        }
        node.next = at.take();
        *at = Some(node);
        self.len += 1;
    }

    /// Takes the value that was handed off first; its node is to be dropped
    /// after the lock.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Box<Comeback<T>>> {
        let mut node = self.first.take()?;
        self.first = node.next.take();
        self.len -= 1;
        Some(node)
    }
}

impl<T> Drop for Returned<T> {
    fn drop(&mut self) {
        // One by one, also after a panic: a long list dropped as a whole would
        // recurse.
        struct Rest<'r, T>(&'r mut Returned<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                while let Some(node) = self.0.pop() {
                    drop(node);
                }
            }
        }
        let rest = Rest(self);
        while let Some(node) = rest.0.pop() {
            drop(node);
        }
    }
}

impl<T> Comeback<T> {
    /// The value of a node that was inserted.
    pub(crate) fn into_value(self) -> T {
        self.value.expect("a node in the list has a value")
    }
}
