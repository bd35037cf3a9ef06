//! Values that came back: they were handed to futures that were dropped before
//! they could take them. They go out before the buffer, in the order of their
//! hand-off.
//!
//! Guarded by the lock of the channel. Values are handed out, and dropped by
//! their new owner after the lock. The nodes are made by the future's drop
//! before it takes the lock and freed by the receiver after it gives it back:
//! nothing is allocated under it.
//!
//! A runtime that ends with a hundred thousand receivers served drops them in
//! whatever order, so the nodes form a pairing heap: one is put in with a single
//! comparison, and the first is taken out in logarithmic time, as an average
//! over many. No step recurs.
//!
//! T1  A node's ticket is no more than those of the nodes below it. (Numbers
//!     of hand-offs differ.)

/// A value that was handed to a future which was dropped before it could take
/// it, with the number of that hand-off.
pub(crate) struct Comeback<T> {
    ticket: u64,
    value: Option<T>,
    /// The first of those below it.
    below: Option<Box<Comeback<T>>>,
    /// The next of those below the same node.
    beside: Option<Box<Comeback<T>>>,
}

impl<T> Comeback<T> {
    /// Room for a value that is still to come.
    pub(crate) fn empty() -> Box<Self> {
        Box::new(Comeback {
            ticket: 0,
            value: None,
            below: None,
            beside: None,
        })
    }

    /// The value of a node that was inserted.
    pub(crate) fn into_value(self) -> T {
        self.value.expect("a node in the list has a value")
    }

    /// One heap of two; neither is beside another.
    fn join(mut self: Box<Self>, mut other: Box<Self>) -> Box<Self> {
        if other.ticket < self.ticket {
            std::mem::swap(&mut self, &mut other);
        }
        other.beside = self.below.take();
        self.below = Some(other);
        self
    }
}

/// Values that came back, ordered by hand-off. (How many, the header knows.)
/// It is a pointer, null if there are none: that much a header can keep.
#[repr(transparent)]
pub(crate) struct Returned<T> {
    first: Option<Box<Comeback<T>>>,
}

impl<T> Returned<T> {
    /// Puts a value where its hand-off says.
    pub(crate) fn insert(&mut self, mut node: Box<Comeback<T>>, ticket: u64, value: T) {
        node.ticket = ticket;
        node.value = Some(value);
        self.first = Some(match self.first.take() {
            Some(first) => first.join(node),
            None => node,
        });
    }

    /// Takes the value that was handed off first; its node is to be dropped
    /// after the lock.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<Box<Comeback<T>>> {
        let mut node = self.first.take()?;
        self.first = node.below.take().map(Self::join_all);
        Some(node)
    }

    /// One heap of those that are beside each other: in pairs, and the pairs
    /// from the last to the first.
    fn join_all(first: Box<Comeback<T>>) -> Box<Comeback<T>> {
        let mut left = Some(first);
        let mut pairs = None;
        while let Some(mut one) = left {
            left = one.beside.take();
            if let Some(mut other) = left {
                left = other.beside.take();
                one = one.join(other);
            }
            one.beside = pairs;
            pairs = Some(one);
        }
        let mut whole = pairs.expect("there is one at least");
        left = whole.beside.take();
        while let Some(mut pair) = left {
            left = pair.beside.take();
            whole = whole.join(pair);
        }
        whole
    }
}

impl<T> Drop for Returned<T> {
    fn drop(&mut self) {
        // One by one, also after a panic: a deep heap dropped as a whole would
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    impl<T> Returned<T> {
        fn new() -> Self {
            Returned { first: None }
        }
    }

    fn drain(returned: &mut Returned<u64>) -> Vec<u64> {
        std::iter::from_fn(|| returned.pop().map(|node| node.into_value())).collect()
    }

    #[test]
    fn whatever_the_order_of_the_drops_values_come_in_that_of_their_hand_offs() {
        let mut random = fastrand::Rng::with_seed(1);
        for len in 0..100 {
            let up = Vec::from_iter(0..len);
            let down = up.iter().rev().copied().collect();
            let mut mixed = up.clone();
            random.shuffle(&mut mixed);
            for order in [up.clone(), down, mixed] {
                let mut returned = Returned::new();
                for &ticket in &order {
                    returned.insert(Comeback::empty(), ticket, ticket);
                }
                assert_eq!(drain(&mut returned), up);
                assert!(returned.first.is_none());
            }
        }
    }

    #[test]
    fn values_come_and_go_in_turns() {
        let mut random = fastrand::Rng::with_seed(2);
        let mut returned = Returned::new();
        let mut plain = std::collections::BTreeSet::new();
        for _ in 0..10_000 {
            if random.u8(..) < 140 {
                let ticket = random.u64(..);
                returned.insert(Comeback::empty(), ticket, ticket);
                plain.insert(ticket);
            } else {
                let first = returned.pop().map(|node| node.into_value());
                assert_eq!(first, plain.pop_first());
            }
            assert_eq!(returned.first.is_none(), plain.is_empty());
        }
        assert_eq!(drain(&mut returned), Vec::from_iter(plain));
    }

    /// A heap of any form is left without recursion: one node below the other,
    /// and all of them below one.
    #[test]
    fn a_large_heap_ends_on_a_small_stack() {
        let small = std::thread::Builder::new().stack_size(64 * 1024);
        let run = || {
            for up in [false, true] {
                let mut returned = Returned::new();
                for number in 0..100_000_u64 {
                    let ticket = if up { number } else { 100_000 - number };
                    returned.insert(Comeback::empty(), ticket, ticket);
                }
                drop(returned);
            }
        };
        small.spawn(run).unwrap().join().unwrap();
    }
}
