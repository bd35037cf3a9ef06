//! The books of a round: what became of every value.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Its send reported success.
pub(crate) const SENT: u8 = 1;
/// Somebody received it.
pub(crate) const RECEIVED: u8 = 2;
/// A send that failed gave it back.
pub(crate) const RETURNED: u8 = 4;
/// A send that made room for itself got it out.
pub(crate) const DISPLACED: u8 = 8;

/// What became of the values of one round.
pub(crate) struct Books {
    marks: Box<[AtomicU8]>,
    drops: Box<[AtomicU8]>,
    made: AtomicUsize,
    /// Marks that were made twice.
    doubled: AtomicUsize,
}

/// A value. Its end is entered in the books.
pub(crate) struct Token {
    id: usize,
    books: Arc<Books>,
    /// Something to free, so that a lost value is lost memory, which the
    /// tools for memory see as well.
    _weight: Box<usize>,
}

impl Books {
    /// For at most `most` values.
    pub(crate) fn new(most: usize) -> Arc<Books> {
        let zeros = || (0..most).map(|_| AtomicU8::new(0)).collect();
        Arc::new(Books {
            marks: zeros(),
            drops: zeros(),
            made: AtomicUsize::new(0),
            doubled: AtomicUsize::new(0),
        })
    }

    pub(crate) fn token(self: &Arc<Self>) -> Token {
        let id = self.made.fetch_add(1, Ordering::Relaxed);
        Token {
            id,
            books: Arc::clone(self),
            _weight: Box::new(id),
        }
    }

    pub(crate) fn mark(&self, id: usize, mark: u8) {
        if self.marks[id].fetch_or(mark, Ordering::Relaxed) & mark != 0 {
            self.doubled.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The sums of a round that is over: nobody has a value or a handle.
    /// `all_arrive` says that receivers took whatever was sent.
    pub(crate) fn close(&self, all_arrive: bool) -> Result<Sums, String> {
        let doubled = self.doubled.load(Ordering::Relaxed);
        if doubled > 0 {
            return Err(format!(
                "values said twice to be sent, received or returned: {doubled}"
            ));
        }
        let mut sums = Sums::default();
        for id in 0..self.made.load(Ordering::Relaxed) {
            let drops = self.drops[id].load(Ordering::Relaxed);
            if drops != 1 {
                return Err(format!("value {id} was dropped {drops} times"));
            }
            let marks = self.marks[id].load(Ordering::Relaxed);
            let [sent, received, returned, displaced] =
                [SENT, RECEIVED, RETURNED, DISPLACED].map(|mark| u64::from(marks & mark != 0));
            if returned == 1 && sent + received + displaced > 0 {
                return Err(format!("value {id} came back, and was sent or came out"));
            }
            if received + displaced > 1 {
                return Err(format!("value {id} was received, and made room"));
            }
            if all_arrive && sent == 1 && received + displaced == 0 {
                return Err(format!("value {id} was sent and did not arrive"));
            }
            sums.made += 1;
            sums.received += received;
            sums.returned += returned;
            sums.displaced += displaced;
            sums.dropped += 1 - received - returned - displaced;
        }
        Ok(sums)
    }
}

impl Token {
    pub(crate) fn id(&self) -> usize {
        self.id
    }

    pub(crate) fn end(self, mark: u8) {
        self.books.mark(self.id, mark);
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.books.drops[self.id].fetch_add(1, Ordering::Relaxed);
    }
}

/// How many values went which way. Each went one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) made: u64,
    pub(crate) received: u64,
    /// By an error of a send.
    pub(crate) returned: u64,
    /// By a send that made room for itself.
    pub(crate) displaced: u64,
    /// With a future, in a panic, or with the channel.
    pub(crate) dropped: u64,
}

impl Sums {
    pub(crate) fn add(&mut self, other: Sums) {
        self.made += other.made;
        self.received += other.received;
        self.returned += other.returned;
        self.displaced += other.displaced;
        self.dropped += other.dropped;
    }
}
