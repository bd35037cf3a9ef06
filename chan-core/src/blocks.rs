//! Values without a limit: a list of blocks, of which an idle channel keeps
//! two at most.
//!
//! Guarded by the channel's lock, like [`crate::ring`]. Blocks are made
//! before the lock is taken and given in with [`Blocks::grow`]; a burst's
//! blocks go back to the allocator as they are emptied.
//!
//! B1  The values are the slots `first ..` of the head block to `.. end` of
//!     the tail block, `len` of them; all other slots hold none.
//! B2  `head` and `tail` are both there or both not. `tail` is reached from
//!     `head` by `next`, and is the only one whose `next` is empty.

use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// A part of the list.
pub(crate) struct Block<T> {
    next: Option<NonNull<Block<T>>>,
    slots: Box<[MaybeUninit<T>]>,
}

impl<T> Block<T> {
    /// As many slots as fill two kilobytes: one at least, 64 at most.
    const SLOTS: usize = {
        let fit = 2048
            / if size_of::<T>() == 0 {
                1
            } else {
                size_of::<T>()
            };
        if fit == 0 {
            1
        } else if fit > 64 {
            64
        } else {
            fit
        }
    };

    /// An empty block. It is never on the stack as a whole: elements may be
    /// large.
    pub(crate) fn new() -> Box<Self> {
        let slots = Box::new_uninit_slice(Self::SLOTS);
        Box::new(Block { next: None, slots })
    }
}

/// See the head of this file.
pub(crate) struct Blocks<T> {
    head: Option<NonNull<Block<T>>>,
    tail: Option<NonNull<Block<T>>>,
    first: usize,
    end: usize,
    len: usize,
    /// An empty block for the next one who needs it.
    spare: Option<Box<Block<T>>>,
}

impl<T> Blocks<T> {
    /// Nothing, not even a block.
    pub(crate) fn new() -> Self {
        Blocks {
            head: None,
            tail: None,
            first: 0,
            end: 0,
            len: 0,
            spare: None,
        }
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether a value can be pushed without a new block.
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        (self.tail.is_some() && self.end < Block::<T>::SLOTS) || self.spare.is_some()
    }

    /// Takes a new block in, or gives it back if there is one to spare.
    pub(crate) fn grow(&mut self, block: Box<Block<T>>) -> Option<Box<Block<T>>> {
        if self.has_room() {
            return Some(block);
        }
        self.spare = Some(block);
        None
    }

    /// Appends a value. There must be room.
    #[inline(always)]
    pub(crate) fn push(&mut self, value: T) {
        let mut tail = match self.tail {
            Some(tail) if self.end < Block::<T>::SLOTS => tail,
            _ => self.extend(),
        };
        // SAFETY: B2, the tail is ours and alive; nobody else has a reference.
        unsafe { tail.as_mut() }.slots[self.end].write(value);
        self.end += 1;
        self.len += 1;
    }

    /// Makes the spare block the tail.
    #[cold]
    fn extend(&mut self) -> NonNull<Block<T>> {
        let spare = self.spare.take().expect("there is room");
        let block = NonNull::from(Box::leak(spare));
        match self.tail {
            // SAFETY: B2, alive and ours.
            Some(mut tail) => unsafe { tail.as_mut() }.next = Some(block),
            None => {
                self.head = Some(block);
                self.first = 0;
            }
        }
        self.tail = Some(block);
        self.end = 0;
        block
    }

    /// Takes the oldest value.
    #[inline(always)]
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        let head = self.head.expect("B2");
        // SAFETY: B2, alive and ours; B1, the slot holds a value, which is
        // given up with the same step.
        let value = unsafe { head.as_ref().slots[self.first].assume_init_read() };
        self.first += 1;
        self.len -= 1;
        if self.first == Block::<T>::SLOTS || self.len == 0 {
            self.leave(head);
        }
        Some(value)
    }

    /// Lets go of a head block whose last value has been taken.
    #[inline]
    fn leave(&mut self, head: NonNull<Block<T>>) {
        if self.len == 0 {
            // The only block (B1): it starts again.
            debug_assert!(self.tail == Some(head));
            self.first = 0;
            self.end = 0;
            return;
        }
        self.unlink(head);
    }

    #[cold]
    fn unlink(&mut self, head: NonNull<Block<T>>) {
        // SAFETY: made by `Box`, in the list until now, empty.
        let mut block = unsafe { Box::from_raw(head.as_ptr()) };
        self.head = block.next.take();
        self.first = 0;
        if self.spare.is_none() {
            self.spare = Some(block);
        }
    }
}

// SAFETY: the blocks are owned by the list; the values cross as `T: Send`.
unsafe impl<T: Send> Send for Blocks<T> {}

impl<T> Drop for Blocks<T> {
    fn drop(&mut self) {
        /// A value whose drop panics takes neither the others nor the memory
        /// with it.
        struct Rest<'b, T>(&'b mut Blocks<T>);
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                while let Some(value) = self.0.pop() {
                    drop(value);
                }
                while let Some(block) = self.0.head {
                    // SAFETY: made by `Box`, in the list, and empty.
                    self.0.head = unsafe { Box::from_raw(block.as_ptr()) }.next;
                }
            }
        }
        let rest = Rest(self);
        while let Some(value) = rest.0.pop() {
            drop(value);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// How many blocks there are, the spare one included.
    fn blocks<T>(list: &Blocks<T>) -> usize {
        let mut count = usize::from(list.spare.is_some());
        let mut at = list.head;
        while let Some(block) = at {
            count += 1;
            // SAFETY: in the list, which is not changed meanwhile.
            at = unsafe { block.as_ref() }.next;
        }
        count
    }

    fn push<T>(list: &mut Blocks<T>, value: T) {
        if !list.has_room() {
            assert!(list.grow(Block::new()).is_none());
        }
        list.push(value);
    }

    #[test]
    fn values_leave_in_their_order_and_memory_follows() {
        let mut list = Blocks::new();
        for round in 1..5_usize {
            let many = round * 1_000;
            (0..many).for_each(|n| push(&mut list, n));
            assert!(blocks(&list) >= many / Block::<usize>::SLOTS);
            assert!((0..many).all(|n| list.pop() == Some(n)));
            assert_eq!((list.pop(), list.len()), (None, 0));
            assert!(blocks(&list) <= 2, "a burst leaves two blocks at most");
        }
    }

    #[test]
    fn a_queue_that_moves_on_needs_no_new_blocks() {
        let mut list = Blocks::new();
        let mut made = 0;
        for n in 0..10_000_u64 {
            if !list.has_room() {
                made += 1;
                assert!(list.grow(Block::new()).is_none());
            }
            list.push(n);
            if n >= 40 {
                assert_eq!(list.pop(), Some(n - 40));
            }
        }
        assert!(made <= 3, "{made} blocks were made");
    }

    #[test]
    fn elements_of_all_sizes() {
        let mut none = Blocks::new();
        (0..1_000).for_each(|_| push(&mut none, ()));
        assert_eq!((0..1_000).filter_map(|_| none.pop()).count(), 1_000);
        // One to a block, and never on the stack.
        let mut large = Blocks::<[u8; 5_000]>::new();
        (0..3).for_each(|n| push(&mut large, [n; 5_000]));
        assert_eq!(large.pop().unwrap()[4_999], 0);
        assert_eq!(large.len(), 2);
    }
}
