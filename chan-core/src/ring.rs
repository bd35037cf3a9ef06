//! The values of a channel: a ring for those that wait their turn, and the
//! list of those that came back.
//!
//! Both are guarded by the channel's lock and never drop a value by
//! themselves while it is held: they hand values out, their owner drops them.
//!
//! G1  The slots `head .. head + len` (modulo the capacity) hold values, all
//!     others do not.

use std::mem::MaybeUninit;

/// A ring of fixed capacity, allocated once.
pub(crate) struct Ring<T> {
    slots: Box<[MaybeUninit<T>]>,
    head: usize,
    len: usize,
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
        })
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.len == self.slots.len()
    }

    /// Appends a value to a ring that is not full.
    #[inline(always)]
    pub(crate) fn push(&mut self, value: T) {
        debug_assert!(!self.is_full());
        let at = self.wrap(self.head + self.len);
        self.slots[at].write(value);
        self.len += 1;
    }

    /// Takes the oldest value.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<T> {
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
