//! Values that came back: they were handed to futures that were dropped before
//! they could take them. They go out before the buffer, in the order of their
//! hand-off.
//!
//! Guarded by the lock of the channel. Values are handed out, and dropped by
//! their new owner after the lock.

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
