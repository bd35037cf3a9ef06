//! What a channel says to those who look without its lock: whether a receive
//! or a send could be done, and whether it is closed, in one word.
//!
//! The holder of the lock brings the word up to date before it gives the lock
//! back ([`crate::header::Guard`]).
//!
//! R1  A word that says "not ready" was true when it was read: whatever makes a
//!     channel ready is in the word before the operation that did it returns.
//!     (Whoever waited and is told under the lock that its wait is over, before
//!     the word changes, learns nothing by that which the word denies: a value
//!     that is handed over takes readiness away, and those whom a close has
//!     settled take the lock before they go on.) A word that says "ready" is a
//!     hint: a waiter that another channel has won is still in its queue, and
//!     who asks for a permit has no value.
//! R2  The number of a word grows with each change. So words that are read
//!     twice, and the second time add up to the same sum, have not changed
//!     between: all channels were as they say, together, at the moment when
//!     the first reading ended.
//!
//! R2 in terms of the memory model: take all that happens before a read of the
//! first round. No change of a word that was read can be among it, or the
//! second round, which comes later, would have seen it. So it is a state of
//! the whole in which all words are as they were read.
//!
//! Atomics: the word is written under the lock with Release and read with
//! Acquire. So a reading shows what was done before the word was written: that
//! makes R2 hold, and lets "closed" publish what the closer did (rule 39 of the
//! parity table). Models: `closed_flag_publishes`, `one_look_at_two_channels`;
//! of R1: `look_meets_send_and_close`, `look_meets_values_that_come_and_go`,
//! `look_meets_room_that_comes_and_goes`.

use crate::sync::atomic::{AtomicU64, Ordering};
use crate::waitq::Direction;

/// The word of a channel.
pub(crate) struct Readiness(AtomicU64);

/// The word as it was at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(u64);

/// A timer feeds the channel: it may be due, and the word not know.
const TIMED: u64 = 1;
const CLOSED: u64 = 2;
const RECV: u64 = 4;
const SEND: u64 = 8;
const FLAGS: u64 = CLOSED | RECV | SEND;
/// The number is above the flags.
const ONE: u64 = 16;

impl Readiness {
    /// Of a channel that is empty; `timed` if time feeds it.
    pub(crate) fn new(timed: bool, room: bool) -> Self {
        let timed = if timed { TIMED } else { 0 };
        Readiness(AtomicU64::new(timed | if room { SEND } else { 0 }))
    }

    #[inline(always)]
    pub(crate) fn look(&self) -> Seen {
        Seen(self.0.load(Ordering::Acquire))
    }

    /// Brings it up to date. Under the lock.
    #[inline(always)]
    pub(crate) fn set(&self, closed: bool, recv: bool, send: bool) {
        // Ours alone to write: nobody else has the lock.
        let old = self.0.load(Ordering::Relaxed);
        let flags = u64::from(closed) * CLOSED + u64::from(recv) * RECV + u64::from(send) * SEND;
        if old & FLAGS != flags {
            let new = (old & !FLAGS | flags).wrapping_add(ONE);
            self.0.store(new, Ordering::Release);
        }
    }
}

impl Seen {
    #[inline(always)]
    pub(crate) fn is_closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// Whether an operation may be possible. With a closed channel it is: it
    /// ends at once.
    #[inline(always)]
    pub(crate) fn may(self, direction: Direction) -> bool {
        let flag = match direction {
            Direction::Recv => RECV,
            Direction::Send => SEND,
            Direction::Close => 0,
        };
        self.0 & (flag | CLOSED) != 0
    }

    /// Whether it is closed, and nothing is left in it.
    #[inline(always)]
    pub(crate) fn is_closed_and_empty(self) -> bool {
        self.0 & (CLOSED | RECV) == CLOSED
    }

    /// Whether a timer must be asked first.
    #[inline(always)]
    pub(crate) fn is_timed(self) -> bool {
        self.0 & TIMED != 0
    }

    /// For sums of words (R2).
    #[inline(always)]
    pub(crate) fn word(self) -> u64 {
        self.0
    }
}
