//! What a channel says to those who look without its lock: whether a receive
//! or a send could be done, and whether it is closed.
//!
//! They read the word that is kept here and the indices of the two sides
//! ([`crate::sides`]). The holder of the channel's lock brings the word up to
//! date before it gives the lock back ([`crate::header::Guard`]); what goes in
//! and out plainly changes an index and not the word.
//!
//! R1  A look that says "not ready" was true at a moment of the look: whatever
//!     makes a channel ready is in the word or in an index before the operation
//!     that did it returns. (Whoever waited and is told under the lock that its
//!     wait is over, before the word changes, learns nothing by that which the
//!     word denies: a value that is handed over takes readiness away, and those
//!     whom a close has settled take the lock before they go on.) A look that
//!     says "ready" is a hint: a waiter that another channel has won is still in
//!     its queue, and who asks for a permit has no value.
//! R2  The number of a word grows with each change, so the word does, whatever
//!     flags are below it; and the indices grow. So
//!     looks that are taken twice, and the second time add up to the same sum,
//!     have not changed between: all channels were as they say, together, at
//!     the moment when the first round ended.
//!
//! R1 in terms of the reads: the word is read first and last, and is the same,
//! so its flags held all the while. Of the indices the one is read first whose
//! growth would make the channel ready by itself (out, for a send; in for a
//! receive is read last, as no value can come out that is not in). At the
//! moment of the second read the two were as they were read, or even less
//! ready: see [`Sides::len`] and [`Sides::full`]. If the index that is read last
//! says that the channel is plain, that is enough: nobody waited at the moment
//! when it was read, it was open, and nothing had come back.
//!
//! R2 in terms of the memory model: take all that happens before a read of the
//! first round. No change of an atomic that was read can be among it, or the
//! second round, which comes later, would have seen it. So it is a state of
//! the whole in which all are as they were read.
//!
//! Atomics: the word is written under the lock with Release and read with
//! Acquire. So a reading shows what was done before the word was written: that
//! makes R2 hold, and lets "closed" publish what the closer did (rule 39 of the
//! parity table). Models: `closed_flag_publishes`, `one_look_at_two_channels`;
//! of R1: `close_meets_look`, `look_meets_send_and_close`,
//! `look_meets_values_that_come_and_go`, `look_meets_room_that_comes_and_goes`,
//! `look_meets_force_send`, `look_meets_close_and_receipt`.

use crate::sides::{Index, Sides};
use crate::sync::atomic::{AtomicU64, Ordering};
use crate::waitq::Direction;

/// The word of a channel.
pub(crate) struct Readiness(AtomicU64);

/// What the holder of the lock has to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    /// A timer feeds the channel: it may be due, and the word not know.
    pub(crate) const TIMED: Flags = Flags(1);
    pub(crate) const CLOSED: Flags = Flags(2);
    /// Somebody waits to receive.
    pub(crate) const RECEIVERS: Flags = Flags(4);
    /// Somebody waits to send, or for a permit.
    pub(crate) const SENDERS: Flags = Flags(8);
    /// Values that came back.
    pub(crate) const RETURNED: Flags = Flags(16);
    /// Permits are out. Nothing is plain meanwhile, so the next is true.
    pub(crate) const PERMITS: Flags = Flags(32);
    /// Values and permits fill the buffer.
    pub(crate) const FULL: Flags = Flags(64);
    /// There is no buffer, so nothing is plain.
    pub(crate) const UNBUFFERED: Flags = Flags(128);
    const ALL: u64 = 255;

    #[inline(always)]
    fn of(word: u64) -> Flags {
        Flags((word & Flags::ALL) as u8)
    }

    #[inline(always)]
    pub(crate) fn when(self, holds: bool) -> Flags {
        Flags(self.0 * u8::from(holds))
    }

    #[inline(always)]
    pub(crate) fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    #[inline(always)]
    pub(crate) fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    #[inline(always)]
    fn has(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }
}

/// The number is above the flags.
const ONE: u64 = Flags::ALL + 1;

/// R2: each of the three only grows.
#[inline(always)]
fn sum(word: u64, one: Index, other: Index) -> u64 {
    let indices = one.growing().wrapping_add(other.growing());
    word.wrapping_add(indices)
}

/// A channel as it was at some moment, as far as one look shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    flags: Flags,
    ready: bool,
    sum: u64,
}

impl Readiness {
    pub(crate) fn new(flags: Flags) -> Self {
        Readiness(AtomicU64::new(flags.0.into()))
    }

    #[inline(always)]
    fn word(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    #[inline(always)]
    pub(crate) fn flags(&self) -> Flags {
        Flags::of(self.word())
    }

    /// A look at whether `direction` is possible.
    #[inline(always)]
    pub(crate) fn look<M>(&self, sides: &Sides<M>, direction: Direction) -> Seen {
        let word = self.word();
        let flags = Flags::of(word);
        let (one, last);
        let buffer = match direction {
            Direction::Recv => {
                one = sides.head.index_from_afar();
                last = sides.tail.index_from_afar();
                !last.is_level_with(one)
            }
            Direction::Send => {
                one = sides.tail.index_from_afar();
                last = sides.head.index_from_afar();
                one.count().saturating_sub(last.count()) < sides.capacity() as u64
            }
            Direction::Close => return self.look_for_close(word),
        };
        let sum = sum(word, one, last);
        if last.is_plain() {
            // R1: the buffer was all there was to know.
            let flags = Flags::default();
            return Seen {
                flags,
                ready: buffer,
                sum,
            };
        }
        let possible = match direction {
            Direction::Send => {
                let room = if flags.has(Flags::PERMITS) {
                    !flags.has(Flags::FULL)
                } else {
                    buffer
                };
                room || flags.has(Flags::RECEIVERS)
            }
            _ => buffer || flags.has(Flags::SENDERS.and(Flags::RETURNED)),
        };
        // A word that has changed meanwhile says nothing for sure: R1.
        let ready = possible || self.word() != word;
        Seen { flags, ready, sum }
    }

    /// The same of a wait for the close. (Nobody changes the buffer by that.)
    #[inline]
    fn look_for_close(&self, word: u64) -> Seen {
        Seen {
            flags: Flags::of(word),
            ready: self.word() != word,
            sum: word,
        }
    }

    /// The sum of a second look (R2), which asks for nothing else.
    #[inline(always)]
    pub(crate) fn look_again<M>(&self, sides: &Sides<M>, direction: Direction) -> u64 {
        let word = self.word();
        if direction == Direction::Close {
            return word;
        }
        let (one, other) = (&sides.head, &sides.tail);
        sum(word, one.index_from_afar(), other.index_from_afar())
    }

    /// Whether at a moment of this call `buffer` was true, and nothing was to be
    /// known beside that but that somebody waits for the `same`. R1: the word is
    /// read first and last.
    #[inline(always)]
    pub(crate) fn shows_nothing_but(&self, same: Flags, buffer: impl FnOnce() -> bool) -> bool {
        let word = self.word();
        let same = same.and(Flags::UNBUFFERED);
        Flags::of(word).without(same) == Flags::default() && buffer() && self.word() == word
    }

    /// Brings it up to date, as something has changed. Under the lock.
    #[inline(always)]
    pub(crate) fn set(&self, flags: Flags) {
        // Ours alone to write: nobody else has the lock.
        let old = self.0.load(Ordering::Relaxed);
        let new = (old & !Flags::ALL | u64::from(flags.0)).wrapping_add(ONE);
        self.0.store(new, Ordering::Release);
    }
}

impl Flags {
    #[inline(always)]
    pub(crate) fn is_closed(self) -> bool {
        self.has(Flags::CLOSED)
    }

    /// Whether there is nothing to be known but the buffer (L2 of `sides`).
    #[inline(always)]
    pub(crate) fn are_plain(self) -> bool {
        self == Flags::default()
    }

    /// Whether it is closed, and nothing has come back.
    #[inline(always)]
    pub(crate) fn is_closed_for_good(self) -> bool {
        self.is_closed() && !self.has_returned()
    }

    /// Whether values came back that are in no index.
    #[inline(always)]
    pub(crate) fn has_returned(self) -> bool {
        self.has(Flags::RETURNED)
    }
}

impl Seen {
    #[inline(always)]
    pub(crate) fn is_closed(self) -> bool {
        self.flags.is_closed()
    }

    /// Whether the operation may be possible. With a closed channel it is: it
    /// ends at once.
    #[inline(always)]
    pub(crate) fn may(self) -> bool {
        self.ready || self.is_closed()
    }

    /// Of a look for a receive: whether it is closed, and nothing is left in it.
    #[inline(always)]
    pub(crate) fn is_closed_and_empty(self) -> bool {
        self.is_closed() && !self.ready
    }

    /// Whether a timer must be asked first.
    #[inline(always)]
    pub(crate) fn is_timed(self) -> bool {
        self.flags.has(Flags::TIMED)
    }

    /// For sums of looks (R2).
    #[inline(always)]
    pub(crate) fn sum(self) -> u64 {
        self.sum
    }
}
