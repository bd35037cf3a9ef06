//! What handles can do, how many of each kind there are and which sides have not
//! left, in one word; and how many weak ones, in another.
//!
//! Atomics: the word of a [`WeakCount`] is Relaxed on the way up, Release on
//! the way down, and read by watchers, Acquire.

use crate::sync::atomic::{AtomicU64, Ordering};

/// What a handle can do, as an addend to the packed counts: two fields of 30
/// bits. Whoever can send can close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capability(u64);

const FIELD: u32 = 30;
const MASK: u64 = (1 << FIELD) - 1;
const COUNTS: u64 = (1 << (2 * FIELD)) - 1;
/// The sides that have not left, above the counts.
const SENDERS: u64 = 1 << (2 * FIELD);
const RECEIVERS: u64 = SENDERS << 1;
/// There has been a weak handle: it may make a handle of a side that has none.
pub(crate) const WEAK: u64 = RECEIVERS << 1;
/// Half of what a field holds: clones race to notice it long before it spills.
const LIMIT: u64 = 1 << (FIELD - 1);

impl Capability {
    pub(crate) const SEND: Capability = Capability(1);
    pub(crate) const RECV: Capability = Capability(1 << FIELD);

    pub(crate) const fn and(self, other: Capability) -> Capability {
        Capability(self.0 | other.0)
    }

    /// What it adds to the counts.
    #[inline(always)]
    pub(crate) const fn addend(self) -> u64 {
        self.0
    }

    /// The sides it belongs to.
    #[inline(always)]
    pub(crate) const fn sides(self) -> u64 {
        ((self.0 & MASK) * SENDERS) | ((self.0 >> FIELD) * RECEIVERS)
    }

    /// The fields it is counted in.
    #[inline(always)]
    const fn fields(self) -> u64 {
        self.0 * MASK
    }

    /// One such handle, as it is shown.
    pub(crate) fn shown(self) -> Handles {
        Word(self.0).handles()
    }
}

/// The word: counts, sides, and whether there has been a weak handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    /// Of a channel with one handle.
    pub(crate) const fn first(all: Capability) -> Word {
        Word(all.addend() | all.sides())
    }

    /// Whether the handle is the only one, and nobody else can come or is on
    /// the way out.
    #[inline(always)]
    pub(crate) const fn is_first(self, can: Capability) -> bool {
        self.0 == Word::first(can).0
    }

    /// Whether the handle is the only one of its side, and will be.
    #[inline(always)]
    pub(crate) const fn is_last_of_side(self, can: Capability) -> bool {
        self.0 & (can.fields() | WEAK) == can.0
    }

    /// Whether no handle is counted but this one.
    pub(crate) const fn counts_only(self, can: Capability) -> bool {
        self.0 & COUNTS == can.0
    }

    /// Whether no sides are left but these.
    pub(crate) const fn has_only_sides(self, sides: u64) -> bool {
        self.0 & (SENDERS | RECEIVERS) == sides
    }

    pub(crate) const fn handles(self) -> Handles {
        let send = (self.0 & MASK) as usize;
        let recv = ((self.0 >> FIELD) & MASK) as usize;
        Handles {
            send,
            recv,
            close: send,
        }
    }

    /// Whether a field holds all it may.
    #[inline(always)]
    pub(crate) const fn is_at_limit(self) -> bool {
        // Half of what a field holds is its highest bit.
        self.0 & (LIMIT | (LIMIT << FIELD)) != 0
    }
}

/// The numbers of live handles that can do each thing.
///
/// # Examples
///
/// ```
/// use chan_core::observe;
///
/// let (tx, _rx) = chan_core::Builder::new().name("counted").channel::<u8>();
/// let _more = tx.clone();
/// let all = observe::channels();
/// let seen = all.iter().find(|channel| channel.name() == Some("counted")).unwrap();
/// let handles: observe::Handles = seen.snapshot().handles;
/// assert_eq!((handles.send, handles.recv), (2, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handles {
    /// Handles that can send.
    pub send: usize,
    /// Handles that can receive.
    pub recv: usize,
    /// Handles that can close.
    pub close: usize,
}

impl Handles {
    /// Nobody can put a value in or close: receivers wait in vain.
    ///
    /// # Examples
    ///
    /// ```
    /// let (send, recv) = chan_core::Builder::new().name("no senders").chan::<u8>().split();
    /// drop(send);
    /// let all = chan_core::observe::channels();
    /// let seen = all.iter().find(|channel| channel.name() == Some("no senders")).unwrap();
    /// assert!(seen.snapshot().handles.sending_side_gone());
    /// # drop(recv);
    /// ```
    pub fn sending_side_gone(&self) -> bool {
        self.send == 0 && self.close == 0
    }

    /// Nobody can take a value out.
    ///
    /// # Examples
    ///
    /// ```
    /// let (send, recv) = chan_core::Builder::new().name("no receivers").chan::<u8>().split();
    /// drop(recv);
    /// let all = chan_core::observe::channels();
    /// let seen = all.iter().find(|channel| channel.name() == Some("no receivers")).unwrap();
    /// assert!(seen.snapshot().handles.receiving_side_gone());
    /// # drop(send);
    /// ```
    pub fn receiving_side_gone(&self) -> bool {
        self.recv == 0
    }
}

/// The weak handles that there are, in the lower half, and those ever made, in
/// the upper one.
pub(crate) struct WeakCount(AtomicU64);

/// A weak handle, among those ever made.
const MADE: u64 = 1 << 32;

impl WeakCount {
    pub(crate) fn new() -> Self {
        WeakCount(AtomicU64::new(0))
    }

    pub(crate) fn add(&self) {
        let word = self.0.fetch_add(MADE | 1, Ordering::Relaxed);
        if word % MADE >= MADE / 2 {
            // They would spill over, and a watcher would count none.
            too_many_handles();
        }
    }

    pub(crate) fn remove(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }

    /// Reads the live handles, and how many weak ones there were meanwhile: one
    /// at least if that changed. The same word before and after says that none
    /// came and none was used; so does that there is no count, which is there
    /// before the first of them.
    pub(crate) fn around<'c>(
        count: impl Fn() -> Option<&'c WeakCount>,
        handles: impl FnOnce() -> Handles,
    ) -> (Handles, usize) {
        let word = || count().map_or(0, |count| count.0.load(Ordering::Acquire));
        let before = word();
        let handles = handles();
        let after = word();
        let weak = (before % MADE).max(after % MADE);
        (handles, weak.max(u64::from(before != after)) as usize)
    }
}

/// What went with a handle.
pub(crate) struct Gone {
    /// The sides of these two, as they are in the word.
    pub(crate) sides: u64,
    /// Nobody is left who can send or close.
    pub(crate) senders: bool,
    /// Nobody is left who can receive.
    pub(crate) receivers: bool,
    /// Nobody is left.
    pub(crate) all: bool,
}

#[cold]
pub(crate) fn too_many_handles() -> ! {
    eprintln!("a channel has too many handles (max {LIMIT} of one kind); aborting");
    std::process::abort()
}
