//! How many there are who can use a channel, and who still needs its memory:
//! the three counts of a header, and what is at the end of each (H2, H3).

use std::ptr::NonNull;

use super::Header;
use crate::capability::{Capability, Gone, Handles, LIMIT, WeakCount, too_many_handles};
use crate::sync::atomic::Ordering;

impl Header {
    pub(crate) fn handles(&self) -> Handles {
        Handles::unpack(self.handles.load(Ordering::Acquire))
    }

    /// Counts a new handle.
    #[inline]
    pub(crate) fn add_handle(&self, can: Capability) {
        let word = self.handles.fetch_add(can.0, Ordering::Relaxed);
        let Handles { send, recv, close } = Handles::unpack(word);
        if (send | recv | close) as u64 >= LIMIT {
            // As `Arc` does: going on would let the count spill over.
            too_many_handles();
        }
    }

    /// Counts a new handle, unless one of the sides it belongs to has gone.
    pub(crate) fn revive(&self, can: Capability) -> bool {
        let mut word = self.handles.load(Ordering::Relaxed);
        loop {
            let now = Handles::unpack(word);
            let wants = Handles::unpack(can.0);
            if (wants.send > 0 && now.sending_side_gone())
                || (wants.recv > 0 && now.receiving_side_gone())
            {
                return false;
            }
            if (now.send | now.recv | now.close) as u64 >= LIMIT {
                too_many_handles();
            }
            // Relaxed, like `add_handle`: the word decides alone. Counted in,
            // the handle keeps its sides from leaving.
            match self.handles.compare_exchange_weak(
                word,
                word + can.0,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
    }

    /// Counts a handle out; the sides that went with it.
    ///
    /// A pointer, not a reference, here and in [`Header::leave`]: others may
    /// end the channel before this returns.
    ///
    /// # Safety
    ///
    /// The handle is counted in, and not used after but for the sides that
    /// went with it.
    #[inline]
    pub(crate) unsafe fn remove_handle(this: NonNull<Header>, can: Capability) -> Gone {
        // SAFETY: a handle that is counted in keeps it alive.
        let handles = unsafe { &(*this.as_ptr()).handles };
        let word = handles.fetch_sub(can.0, Ordering::AcqRel);
        let before = Handles::unpack(word);
        let after = Handles::unpack(word - can.0);
        Gone {
            senders: after.sending_side_gone() && !before.sending_side_gone(),
            receivers: after.receiving_side_gone() && !before.receiving_side_gone(),
            all: word == can.0,
        }
    }

    /// Gives up `sides` sides; true for the last, who destroys.
    ///
    /// # Safety
    ///
    /// These sides have gone, and have not left. Only the last uses the
    /// channel after.
    pub(crate) unsafe fn leave(this: NonNull<Header>, sides: usize) -> bool {
        // SAFETY: a side that has not left keeps it alive.
        let count = unsafe { &(*this.as_ptr()).present };
        // Nobody else is there, so nobody else counts: a load will do. Acquire
        // pairs with the Release of the other side, if it has left.
        if count.load(Ordering::Acquire) == sides {
            return true;
        }
        if count.fetch_sub(sides, Ordering::Release) != sides {
            return false;
        }
        // Acquire pairs with the Release of the other side.
        count.load(Ordering::Acquire);
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
        if memory.fetch_add(1, Ordering::Relaxed) > isize::MAX as usize {
            too_many_handles();
        }
    }

    pub(crate) fn weak(&self) -> &WeakCount {
        &self.weak
    }

    /// Gives up a share of the memory, and frees it if it was the last.
    ///
    /// # Safety
    ///
    /// The caller owns a share and uses it no more. The pointer was made from
    /// the pointer of the whole channel.
    pub(crate) unsafe fn release_memory(this: NonNull<Header>) {
        // SAFETY: the share keeps it alive.
        let header = unsafe { this.as_ref() };
        // The only share: nobody can make another, so a load will do. Acquire
        // pairs with the Release of the other shares.
        let alone = header.memory.load(Ordering::Acquire) == 1;
        if alone || header.memory.fetch_sub(1, Ordering::Release) == 1 {
            header.memory.load(Ordering::Acquire);
            let free = header.free;
            // SAFETY: nobody else has a share, so nobody can get one.
            unsafe { free(this) };
        }
    }
}
