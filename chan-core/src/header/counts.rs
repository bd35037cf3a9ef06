//! How many there are who can use a channel, and who still needs its memory:
//! the counts of a header, and what is at the end of each (H2, H3).

use std::ptr::NonNull;

use super::Header;
use crate::capability::{Capability, Gone, Handles, WEAK, WeakCount, Word, too_many_handles};
use crate::spin::Yielding;
use crate::sync::atomic::Ordering;

/// What a handle that is about to go leaves behind.
pub(crate) enum Standing {
    /// Nobody, for good: the channel ends. It is counted out.
    Nobody,
    /// None of its side, for good. It is still counted in.
    NoneOfItsSide,
    /// Others, or such as may still come.
    Others,
}

impl Header {
    #[inline(always)]
    fn word(&self, order: Ordering) -> Word {
        Word(self.handles.load(order))
    }

    pub(crate) fn handles(&self) -> Handles {
        self.word(Ordering::Acquire).handles()
    }

    /// The live handles, and how many weak ones there were meanwhile.
    pub(crate) fn handles_and_weak(&self) -> (Handles, usize) {
        WeakCount::around(|| Some(&self.rare()?.weak), || self.handles())
    }

    /// Whether a thread that waits yields: not where several may send and
    /// several receive, as far as the handles say. (Relaxed: it decides how to
    /// wait, and nothing is read that others have written.)
    pub(crate) fn yielding(&self) -> Yielding {
        let handles = self.word(Ordering::Relaxed).handles();
        if handles.send > 1 && handles.recv > 1 {
            Yielding::No
        } else {
            Yielding::Yes
        }
    }

    /// Counts a new handle.
    #[inline]
    pub(crate) fn add_handle(&self, can: Capability) {
        let word = self.handles.fetch_add(can.addend(), Ordering::Relaxed);
        if Word(word).is_at_limit() {
            // As `Arc` does: going on would let the count spill over.
            too_many_handles();
        }
    }

    /// From here on, there may be weak handles. (Before the handle that it is
    /// made of is counted out, so whoever finds the others gone sees it.)
    pub(crate) fn expect_weak(&self) {
        self.handles.fetch_or(WEAK, Ordering::Relaxed);
    }

    /// Counts a new handle, unless one of the sides it belongs to has gone.
    pub(crate) fn revive(&self, can: Capability) -> bool {
        let mut word = self.word(Ordering::Relaxed);
        let wants = can.shown();
        loop {
            let now = word.handles();
            if (wants.send > 0 && now.sending_side_gone())
                || (wants.recv > 0 && now.receiving_side_gone())
            {
                return false;
            }
            if word.is_at_limit() {
                too_many_handles();
            }
            // Relaxed, like `add_handle`: the word decides alone. Counted in,
            // the handle keeps its sides from leaving.
            match self.handles.compare_exchange_weak(
                word.0,
                word.0 + can.addend(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(seen) => word = Word(seen),
            }
        }
    }

    /// What a handle that is about to go leaves behind.
    #[inline(always)]
    pub(crate) fn standing(&self, can: Capability) -> Standing {
        // Acquire pairs with the Release of those who were counted out: what
        // they did is seen, and whether there were weak handles among it.
        let word = self.word(Ordering::Acquire);
        if word.is_first(can) {
            // Nobody is left who could change it; a watcher may read it.
            self.handles.store(0, Ordering::Release);
            Standing::Nobody
        } else if word.is_last_of_side(can) {
            Standing::NoneOfItsSide
        } else {
            Standing::Others
        }
    }

    /// Counts a handle out; the sides that went with it.
    ///
    /// A pointer, not a reference, here and below: others may end the channel
    /// before this returns.
    ///
    /// # Safety
    ///
    /// The handle is counted in, and not used after but for the sides that
    /// went with it.
    #[inline]
    pub(crate) unsafe fn remove_handle(this: NonNull<Header>, can: Capability) -> Gone {
        // SAFETY: a handle that is counted in keeps it alive.
        let handles = unsafe { &(*this.as_ptr()).handles };
        let word = Word(handles.fetch_sub(can.addend(), Ordering::AcqRel));
        let before = word.handles();
        let after = Word(word.0 - can.addend()).handles();
        let senders = after.sending_side_gone() && !before.sending_side_gone();
        let receivers = after.receiving_side_gone() && !before.receiving_side_gone();
        let mut sides = 0;
        if senders {
            sides |= Capability::SEND.sides();
        }
        if receivers {
            sides |= Capability::RECV.sides();
        }
        Gone {
            sides,
            senders,
            receivers,
            all: word.counts_only(can),
        }
    }

    /// Gives up sides; true for the last, who destroys.
    ///
    /// # Safety
    ///
    /// These sides have gone, and have not left. Only the last uses the
    /// channel after.
    pub(crate) unsafe fn leave(this: NonNull<Header>, sides: u64) -> bool {
        // SAFETY: a side that has not left keeps it alive.
        let word = unsafe { &(*this.as_ptr()).handles };
        // The others have left, so nobody else counts sides: a load will do.
        // Acquire pairs with the Release of the other side, if it has left.
        if Word(word.load(Ordering::Acquire)).has_only_sides(sides) {
            return true;
        }
        // SAFETY: as above, and the sides are not given up twice.
        unsafe { Header::subtract(this, sides) }
    }

    /// Counts the last handle of a side out and gives up that side, in one.
    /// True if it was the last one, who destroys.
    ///
    /// # Safety
    ///
    /// As for [`Header::leave`], of the side of a handle that is counted in
    /// and is [the last of it](Standing::NoneOfItsSide).
    #[inline]
    pub(crate) unsafe fn leave_with(this: NonNull<Header>, can: Capability) -> bool {
        // SAFETY: the caller's promise.
        unsafe { Header::subtract(this, can.addend() | can.sides()) }
    }

    /// # Safety
    ///
    /// As for [`Header::leave`].
    #[inline]
    unsafe fn subtract(this: NonNull<Header>, what: u64) -> bool {
        // SAFETY: a side that has not left keeps it alive.
        let word = unsafe { &(*this.as_ptr()).handles };
        let before = word.fetch_sub(what, Ordering::Release);
        if !Word(before - what).has_only_sides(0) {
            return false;
        }
        // Acquire pairs with the Release of the other side.
        word.load(Ordering::Acquire);
        true
    }

    /// Keeps the memory alive.
    ///
    /// # Safety
    ///
    /// The memory is alive, and stays so during this call.
    pub(crate) unsafe fn keep_memory(this: NonNull<Header>) {
        // SAFETY: the caller's promise.
        let memory = unsafe { &this.as_ref().memory };
        if memory.fetch_add(1, Ordering::Relaxed) > i32::MAX as u32 {
            too_many_handles();
        }
    }

    /// Whether somebody besides the handles has a share of the memory. (Asked by
    /// the last who uses them, off the list: nobody can get one but by another.)
    pub(crate) fn is_shared(&self) -> bool {
        self.memory.load(Ordering::Relaxed) > 1
    }

    /// Gives up a share of the memory, and frees it if it was the last.
    ///
    /// # Safety
    ///
    /// The caller owns a share and uses it no more. The pointer was made from
    /// the pointer of the whole channel.
    #[inline]
    pub(crate) unsafe fn release_memory(this: NonNull<Header>) {
        // SAFETY: the share keeps it alive.
        let header = unsafe { this.as_ref() };
        // The only share: nobody can make another, so a load will do. Acquire
        // pairs with the Release of the other shares.
        let alone = header.memory.load(Ordering::Acquire) == 1;
        if alone || header.memory.fetch_sub(1, Ordering::Release) == 1 {
            header.memory.load(Ordering::Acquire);
            let free = header.kind.free;
            // SAFETY: nobody else has a share, so nobody can get one.
            unsafe { free(this) };
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::Chan;
    use crate::spin::Yielding;

    #[test]
    fn nobody_yields_where_several_send_and_several_receive() {
        let (tx, rx) = Chan::<u8>::new(0).split();
        let yielding = || tx.chan().unwrap().header().yielding();
        assert_eq!(yielding(), Yielding::Yes, "one and one");
        let another = tx.clone();
        assert_eq!(yielding(), Yielding::Yes, "two who send to one");
        let _rx = rx.clone();
        assert_eq!(yielding(), Yielding::No, "two and two");
        drop(another);
        assert_eq!(yielding(), Yielding::Yes, "one who sends to two");
    }
}
