//! The receiving side with Rust's manners.

use std::fmt;
use std::iter::FusedIterator;
use std::panic::Location;
use std::time::{Duration, Instant};

use crate::about::{about_the_channel, capacity_or_none};
use crate::blocking::Stop;
use crate::case::{RecvArm, RecvCase};
use crate::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::face::RustFace;
use crate::future::RecvFuture;
use crate::handle::{Handle, RX};
use crate::hchan::Hchan;
use crate::nil;
use crate::results::Nothing;
use crate::waitq::{Direction, Site};

/// Receives values; made by [`bounded`](crate::bounded),
/// [`unbounded`](crate::unbounded), [`after`](crate::after) or [`never()`].
///
/// Any number of threads and tasks may share or clone it; each value goes to
/// one of them. When the last clone is dropped the channel closes and what is
/// left in it is dropped; sends then give their values back.
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::bounded(2);
/// tx.send(1).unwrap();
/// tx.send(2).unwrap();
/// drop(tx);
/// assert_eq!(rx.into_iter().sum::<i32>(), 3);
/// ```
pub struct Receiver<T>(Option<Handle<T, RX>>);

/// A receiver that never receives: Go's nil channel. In a select it is a case
/// that is never ready.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// let rx = chan_core::never::<u8>();
/// assert!(rx.try_recv().unwrap_err().is_empty());
/// assert!(rx.recv_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
/// ```
pub const fn never<T>() -> Receiver<T> {
    Receiver(None)
}

impl<T> Receiver<T> {
    pub(crate) fn from_handle(handle: Handle<T, RX>) -> Self {
        Receiver(Some(handle))
    }

    /// Receives a value, waiting for one.
    ///
    /// # Errors
    ///
    /// The channel is closed and drained.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(0);
    /// std::thread::spawn(move || tx.send(1));
    /// assert_eq!(rx.recv(), Ok(1));
    /// assert!(rx.recv().is_err());
    /// ```
    #[inline]
    #[track_caller]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_until(None, Location::caller(), |_| RecvError)
    }

    /// Receives a value if that can be done at once.
    ///
    /// # Errors
    ///
    /// [`Empty`](TryRecvError::Empty), or [`Disconnected`](TryRecvError::Disconnected)
    /// when closed and drained.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(1);
    /// assert!(rx.try_recv().unwrap_err().is_empty());
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let Some(handle) = &self.0 else {
            return Err(TryRecvError::Empty);
        };
        match handle.chan().try_recv() {
            Ok(value) => Ok(value),
            Err(Nothing::Empty) => Err(TryRecvError::Empty),
            Err(Nothing::Closed) => Err(TryRecvError::Disconnected),
        }
    }

    /// Receives a value, waiting no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// [`Timeout`](RecvTimeoutError::Timeout), or
    /// [`Disconnected`](RecvTimeoutError::Disconnected) when closed and drained.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// let error = rx.recv_timeout(Duration::from_millis(5)).unwrap_err();
    /// assert!(error.is_timeout());
    /// ```
    #[track_caller]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        // A time beyond the clock's end never comes.
        let deadline = Instant::now().checked_add(timeout);
        self.recv_in_time(deadline, Location::caller())
    }

    /// Receives a value, waiting no longer than until `deadline`. One that has
    /// passed makes it a [`try_recv`](Self::try_recv).
    ///
    /// # Errors
    ///
    /// As for [`Receiver::recv_timeout`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// assert!(rx.recv_deadline(Instant::now()).unwrap_err().is_timeout());
    /// ```
    #[track_caller]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.recv_in_time(Some(deadline), Location::caller())
    }

    /// Receives a value in a task.
    ///
    /// # Errors
    ///
    /// As for [`Receiver::recv`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future at any time loses nothing. See [`RecvFuture`].
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (tx, rx) = chan_core::bounded(1);
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.recv_async().await, Ok(1));
    /// # });
    /// ```
    #[inline(always)]
    #[track_caller]
    pub fn recv_async(&self) -> RecvFuture<'_, T, RustFace> {
        RecvFuture::new(self.chan(), Location::caller(), false)
    }

    /// Iterates over the values until the channel is closed and drained,
    /// waiting for each.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(3);
    /// for n in 1..=3 {
    ///     tx.send(n).unwrap();
    /// }
    /// drop(tx);
    /// assert_eq!(rx.iter().collect::<Vec<_>>(), [1, 2, 3]);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// Iterates over the values that are there, without waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(3);
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1]);
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter(self)
    }

    /// Whether both are ends of one channel. Two that never receive are.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// assert!(rx.same_channel(&rx.clone()));
    /// ```
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => one.same_channel(other),
            (None, None) => true,
            _ => false,
        }
    }

    fn recv_in_time(&self, deadline: Option<Instant>, site: Site) -> Result<T, RecvTimeoutError> {
        self.recv_until(deadline, site, |stop| match stop {
            Stop::Timeout => RecvTimeoutError::Timeout,
            Stop::Closed => RecvTimeoutError::Disconnected,
        })
    }

    #[inline]
    fn recv_until<E>(
        &self,
        deadline: Option<Instant>,
        site: Site,
        stopped: impl FnOnce(Stop) -> E,
    ) -> Result<T, E> {
        match &self.0 {
            Some(handle) => handle.chan().recv(deadline, site, stopped),
            None => {
                nil::wait(Direction::Recv, deadline, site);
                Err(stopped(Stop::Timeout))
            }
        }
    }

    #[track_caller]
    fn arm(&self) -> RecvCase<'_, T, RustFace> {
        RecvCase::new(self.chan(), Location::caller())
    }

    pub(crate) fn handle(&self) -> Option<&Handle<T, RX>> {
        self.0.as_ref()
    }

    pub(crate) fn chan(&self) -> Option<&Hchan<T>> {
        self.handle().map(Handle::chan)
    }
}

about_the_channel!(Receiver, "let (_tx, it) = chan_core::bounded::<u8>(4);");
capacity_or_none!(Receiver, "let (_tx, it) = chan_core::bounded::<u8>(4);");

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Receiver(self.0.clone())
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(handle) => f.debug_tuple("Receiver").field(handle).finish(),
            None => f.write_str("Receiver(never)"),
        }
    }
}

impl<'a, T> RecvArm<'a> for &'a Receiver<T> {
    type Item = T;
    type Face = RustFace;

    fn arm(self) -> RecvCase<'a, T, RustFace> {
        Receiver::arm(self)
    }
}

/// Made by [`Receiver::iter`].
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::bounded(2);
/// tx.send_many(&mut [1, 2].into()).unwrap();
/// drop(tx);
/// assert_eq!(rx.iter().max(), Some(2));
/// ```
pub struct Iter<'a, T>(&'a Receiver<T>);

/// Made by [`Receiver::try_iter`].
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::bounded(2);
/// tx.send(1).unwrap();
/// assert_eq!(rx.try_iter().count(), 1);
/// ```
pub struct TryIter<'a, T>(&'a Receiver<T>);

/// Made by [`Receiver::into_iter`](IntoIterator::into_iter).
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::bounded(2);
/// tx.send_many(&mut [1, 2].into()).unwrap();
/// drop(tx);
/// assert_eq!(rx.into_iter().last(), Some(2));
/// ```
pub struct IntoIter<T>(Receiver<T>);

macro_rules! debug_of_an_iterator {
    ($name:ident, $type:ty) => {
        impl<T> fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0).finish()
            }
        }
    };
}

debug_of_an_iterator!(Iter, Iter<'_, T>);
debug_of_an_iterator!(TryIter, TryIter<'_, T>);
debug_of_an_iterator!(IntoIter, IntoIter<T>);

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}
impl<T> FusedIterator for IntoIter<T> {}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}
