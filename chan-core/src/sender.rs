//! The sending side with Rust's manners.

use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use crate::about::{about_the_channel, capacity_or_none};
use crate::blocking::Stop;
use crate::case::{SendArm, SendCase};
use crate::error::{AlreadyClosed, SendError, SendTimeoutError, TrySendError};
use crate::face::RustFace;
use crate::future::SendFuture;
use crate::handle::{Handle, TX};
use crate::hchan::Hchan;
use crate::results::Refused;
use crate::waitq::Site;

/// Sends values; made by [`bounded`](crate::bounded) and
/// [`unbounded`](crate::unbounded).
///
/// Any number of threads and tasks may share or clone it. When the last clone
/// is dropped the channel closes: receivers drain it and then get an error.
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::bounded(1);
/// tx.send("hello").unwrap();
/// drop(tx);
/// assert_eq!(rx.recv(), Ok("hello"));
/// assert!(rx.recv().is_err());
/// ```
pub struct Sender<T>(Handle<T, TX>);

impl<T> Sender<T> {
    pub(crate) fn from_handle(handle: Handle<T, TX>) -> Self {
        Sender(handle)
    }

    /// Sends a value, waiting for room (or, without a buffer, for a receiver).
    ///
    /// # Errors
    ///
    /// The channel is closed, or closes while this waits: the value comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(1);
    /// assert!(tx.send(1).is_ok());
    /// drop(rx);
    /// assert_eq!(tx.send(2).unwrap_err().into_inner(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        let sent = self.0.chan().send(value, None, Location::caller());
        sent.map_err(|(_, value)| SendError(value))
    }

    /// Sends a value if that can be done at once.
    ///
    /// # Errors
    ///
    /// [`Full`](TrySendError::Full) or [`Disconnected`](TrySendError::Disconnected),
    /// with the value.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, _rx) = chan_core::bounded(1);
    /// assert!(tx.try_send(1).is_ok());
    /// assert!(tx.try_send(2).unwrap_err().is_full());
    /// ```
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.0.chan().try_send(value) {
            Ok(()) => Ok(()),
            Err(Refused::Full(value)) => Err(TrySendError::Full(value)),
            Err(Refused::Closed(value)) => Err(TrySendError::Disconnected(value)),
        }
    }

    /// Sends a value, waiting no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// [`Timeout`](SendTimeoutError::Timeout) or
    /// [`Disconnected`](SendTimeoutError::Disconnected), with the value.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let (tx, _rx) = chan_core::bounded(0);
    /// let error = tx.send_timeout(1, Duration::from_millis(5)).unwrap_err();
    /// assert!(error.is_timeout());
    /// ```
    #[track_caller]
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        // A time beyond the clock's end never comes.
        let deadline = Instant::now().checked_add(timeout);
        self.send_until(value, deadline, Location::caller())
    }

    /// Sends a value, waiting no longer than until `deadline`. One that has
    /// passed makes it a [`try_send`](Self::try_send).
    ///
    /// # Errors
    ///
    /// As for [`Sender::send_timeout`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// let (tx, _rx) = chan_core::bounded(0);
    /// let error = tx.send_deadline(1, Instant::now()).unwrap_err();
    /// assert!(error.is_timeout());
    /// ```
    #[track_caller]
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.send_until(value, Some(deadline), Location::caller())
    }

    fn send_until(
        &self,
        value: T,
        deadline: Option<Instant>,
        site: Site,
    ) -> Result<(), SendTimeoutError<T>> {
        let sent = self.0.chan().send(value, deadline, site);
        sent.map_err(|(stop, value)| match stop {
            Stop::Timeout => SendTimeoutError::Timeout(value),
            Stop::Closed => SendTimeoutError::Disconnected(value),
        })
    }

    /// Sends a value from a task.
    ///
    /// # Errors
    ///
    /// As for [`Sender::send`].
    ///
    /// # Cancel safety
    ///
    /// Dropped before the value was taken, the future takes the value with
    /// it; after that the send is complete. See [`SendFuture`].
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (tx, rx) = chan_core::bounded(0);
    /// let (sent, received) = tokio::join!(tx.send_async(1), rx.recv_async());
    /// assert_eq!((sent, received), (Ok(()), Ok(1)));
    /// # });
    /// ```
    #[inline(always)]
    #[track_caller]
    pub fn send_async(&self, value: T) -> SendFuture<'_, T, RustFace> {
        SendFuture::new(self.chan(), value, Location::caller(), false)
    }

    /// Closes the channel for everybody: sends fail from now on, receivers
    /// drain it. Go's rule that the sending side closes.
    ///
    /// # Errors
    ///
    /// [`AlreadyClosed`], also when the other side is gone.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(1);
    /// tx.send(1).unwrap();
    /// assert!(tx.close().is_ok());
    /// assert!(tx.close().is_err());
    /// assert_eq!(rx.iter().collect::<Vec<_>>(), [1]);
    /// ```
    #[track_caller]
    pub fn close(&self) -> Result<(), AlreadyClosed> {
        if self.0.chan().close(Location::caller()) {
            Ok(())
        } else {
            Err(AlreadyClosed)
        }
    }

    /// Whether both are ends of one channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, _rx) = chan_core::bounded::<u8>(1);
    /// assert!(tx.same_channel(&tx.clone()));
    /// ```
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        self.0.same_channel(&other.0)
    }

    #[track_caller]
    fn arm(&self, value: T) -> SendCase<'_, T, RustFace> {
        SendCase::new(Some(self.0.chan()), value, Location::caller())
    }
}

about_the_channel!(Sender, "let (it, _rx) = chan_core::bounded::<u8>(4);");
capacity_or_none!(Sender, "let (it, _rx) = chan_core::bounded::<u8>(4);");

impl<T> Sender<T> {
    pub(crate) fn handle(&self) -> Option<&Handle<T, TX>> {
        Some(&self.0)
    }

    pub(crate) fn chan(&self) -> Option<&Hchan<T>> {
        Some(self.0.chan())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.0).finish()
    }
}

impl<'a, T> SendArm<'a> for &'a Sender<T> {
    type Item = T;
    type Face = RustFace;

    fn arm(self, value: T) -> SendCase<'a, T, RustFace> {
        Sender::arm(self, value)
    }
}
