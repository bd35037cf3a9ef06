//! Making a channel with more than a capacity.

use std::borrow::Cow;
use std::panic::Location;

use crate::birth::{Birth, Manners, UNBOUNDED};
use crate::chan::Chan;
use crate::handle;
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::watch;

/// Makes channels with a name.
///
/// # Examples
///
/// ```
/// use chan_core::Builder;
///
/// let (tx, rx) = Builder::new().capacity(16).name("configmaps").channel();
/// tx.send(1).unwrap();
/// assert_eq!(rx.recv(), Ok(1));
///
/// let done = Builder::new().name("done").chan::<()>();
/// done.close();
/// assert_eq!(done.recv(), None);
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a builder makes nothing until it is asked to"]
pub struct Builder {
    capacity: usize,
    name: Option<Cow<'static, str>>,
}

impl Builder {
    /// An unbuffered channel without a name, until told otherwise.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Builder::new().chan::<u8>();
    /// assert_eq!(chan.capacity(), 0);
    /// ```
    #[inline]
    pub fn new() -> Self {
        Builder::default()
    }

    /// How many values the channel holds while nobody receives them. 0 makes
    /// every send wait for its receiver.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Builder::new().capacity(3).chan::<u8>();
    /// assert_eq!(chan.capacity(), 3);
    /// ```
    #[inline]
    pub fn capacity(mut self, capacity: usize) -> Self {
        // One less can be had no more than this, and says so when it is made.
        self.capacity = capacity.min(UNBOUNDED - 1);
        self
    }

    /// No limit: a send never waits, and what is not received piles up. What a
    /// burst needed is given back when it is over.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::Builder::new().unbounded().channel();
    /// (0..1000).for_each(|n| tx.send(n).unwrap());
    /// assert_eq!((rx.len(), rx.capacity()), (1000, None));
    /// ```
    #[inline]
    pub fn unbounded(mut self) -> Self {
        self.capacity = UNBOUNDED;
        self
    }

    /// The name that reports show.
    ///
    /// # Examples
    ///
    /// ```
    /// let shard = 3;
    /// let (_tx, rx) = chan_core::Builder::new()
    ///     .name(format!("shard-{shard}"))
    ///     .channel::<u8>();
    /// assert!(format!("{rx:?}").contains("shard-3"));
    /// ```
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// A channel with Rust's manners.
    ///
    /// # Panics
    ///
    /// `makechan: size out of range` if the buffer cannot be had.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::Builder::new().capacity(1).channel();
    /// tx.send("hello").unwrap();
    /// assert_eq!(rx.recv(), Ok("hello"));
    /// ```
    #[track_caller]
    pub fn channel<T>(self) -> (Sender<T>, Receiver<T>) {
        let capacity = self.capacity;
        let birth = self.birth(Manners::Rust, Location::caller());
        let (tx, rx) = handle::make(birth, capacity).split();
        (Sender::from_handle(tx), Receiver::from_handle(rx))
    }

    /// A channel with Go's manners.
    ///
    /// # Panics
    ///
    /// `makechan: size out of range` if the buffer cannot be had.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Builder::new().capacity(1).chan();
    /// chan.send("hello");
    /// assert_eq!(chan.recv(), Some("hello"));
    /// ```
    #[track_caller]
    pub fn chan<T>(self) -> Chan<T> {
        let capacity = self.capacity;
        let birth = self.birth(Manners::Go, Location::caller());
        Chan::from_handle(handle::make(birth, capacity))
    }

    /// The channel of a context, which says where the context was born.
    pub(crate) fn context_chan<T>(self, site: &'static Location<'static>) -> Chan<T> {
        let capacity = self.capacity;
        let mut birth = self.birth(Manners::Go, site);
        birth.is_context = true;
        Chan::from_handle(handle::make(birth, capacity))
    }

    #[inline(always)]
    fn birth(self, manners: Manners, site: &'static Location<'static>) -> Birth {
        Birth {
            site,
            name: self.name,
            source: None,
            scope: watch::current_scope().0,
            manners,
            is_context: false,
        }
    }
}

/// A channel of capacity `capacity` with Rust's manners. With 0, every send
/// waits for its receiver.
///
/// # Panics
///
/// `makechan: size out of range` if the buffer cannot be had.
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::bounded(0);
/// std::thread::spawn(move || tx.send(42).unwrap());
/// assert_eq!(rx.recv(), Ok(42));
/// ```
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    Builder::new().capacity(capacity).channel()
}

/// A channel without a limit, with Rust's manners: a send never waits. What is
/// not received piles up, so see to it that somebody receives.
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::unbounded();
/// (1..=3).for_each(|n| tx.send(n).unwrap());
/// drop(tx);
/// assert_eq!(rx.iter().sum::<i32>(), 6);
/// ```
#[track_caller]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    Builder::new().unbounded().channel()
}
