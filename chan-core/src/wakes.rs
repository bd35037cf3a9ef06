//! A handful of wakes, taken under a lock and fired after it.

use crate::panics::{self, Panic};
use crate::parker::Wake;

/// Enough that closing a crowded channel seldom locks twice, and small enough
/// for any stack.
const ROOM: usize = 32;

/// Up to [`ROOM`] wakes.
#[must_use = "wakes that are not fired strand their parties"]
pub(crate) struct Wakes {
    list: [Wake; ROOM],
    len: usize,
}

impl Wakes {
    pub(crate) fn new() -> Self {
        Wakes {
            list: [const { Wake::None }; ROOM],
            len: 0,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len == ROOM
    }

    /// Adds a wake, if it is one.
    ///
    /// # Panics
    ///
    /// If full.
    pub(crate) fn push(&mut self, wake: Wake) {
        if let Wake::None = wake {
            return;
        }
        self.list[self.len] = wake;
        self.len += 1;
    }

    /// Fires all, also if some waker panics; the first panic is returned.
    pub(crate) fn fire(&mut self) -> Option<Panic> {
        let mut first = None;
        for slot in &mut self.list[..self.len] {
            let wake = std::mem::replace(slot, Wake::None);
            let fired = panics::catch(|| wake.fire());
            panics::keep_first(&mut first, fired.err());
        }
        self.len = 0;
        first
    }
}
