//! What operations answer when they do not succeed.
//!
//! The names and meanings of crossbeam-channel where it has them, so that its
//! users change a `use` line. An error of a send gives the value back. None
//! needs `T: Debug`.

use std::error::Error;
use std::fmt;

/// Defines an error that carries the value of a send.
macro_rules! carries_value {
    ($name:ident, $text:literal) => {
        impl<T> $name<T> {
            /// The value that was not sent.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("assert_eq!(chan_core::", stringify!($name), "(7).into_inner(), 7);")]
            /// ```
            pub fn into_inner(self) -> T {
                self.0
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl<T> Error for $name<T> {}
    };
}

/// Defines Display and Error of an error without a value.
macro_rules! plain {
    ($name:ty, $text:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($text)
            }
        }

        impl Error for $name {}
    };
}

/// [`Sender::send`](crate::Sender::send) on a closed channel.
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::bounded(1);
/// drop(rx);
/// assert_eq!(tx.send(7), Err(chan_core::SendError(7)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);
carries_value!(SendError, "sending on a closed channel");

/// [`Sender::try_send`](crate::Sender::try_send) could not send at once.
///
/// # Examples
///
/// ```
/// use chan_core::TrySendError;
/// let (tx, rx) = chan_core::bounded(1);
/// tx.send(1).unwrap();
/// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
/// drop(rx);
/// assert_eq!(tx.try_send(3), Err(TrySendError::Disconnected(3)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// No room, and no receiver waits.
    Full(T),
    /// The channel is closed.
    Disconnected(T),
}

/// [`Sender::send_timeout`](crate::Sender::send_timeout) gave up.
///
/// # Examples
///
/// ```
/// use chan_core::SendTimeoutError;
/// let (tx, _rx) = chan_core::bounded(0);
/// let late = tx.send_deadline(1, std::time::Instant::now());
/// assert_eq!(late, Err(SendTimeoutError::Timeout(1)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// The time is over.
    Timeout(T),
    /// The channel is closed.
    Disconnected(T),
}

macro_rules! two_ways_to_fail {
    ($name:ident, $first:ident, $first_text:literal) => {
        impl<T> $name<T> {
            /// The value that was not sent.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("use chan_core::", stringify!($name), ";")]
            #[doc = concat!("assert_eq!(", stringify!($name), "::", stringify!($first), "(7).into_inner(), 7);")]
            /// ```
            pub fn into_inner(self) -> T {
                match self {
                    $name::$first(value) | $name::Disconnected(value) => value,
                }
            }

            /// Whether the channel is closed.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = concat!("assert!(chan_core::", stringify!($name), "::Disconnected(7).is_disconnected());")]
            /// ```
            pub fn is_disconnected(&self) -> bool {
                matches!(self, $name::Disconnected(_))
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $name::$first(_) => concat!(stringify!($first), "(..)"),
                    $name::Disconnected(_) => "Disconnected(..)",
                })
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $name::$first(_) => $first_text,
                    $name::Disconnected(_) => "sending on a closed channel",
                })
            }
        }

        impl<T> Error for $name<T> {}

        impl<T> From<SendError<T>> for $name<T> {
            fn from(error: SendError<T>) -> Self {
                $name::Disconnected(error.0)
            }
        }
    };
}

two_ways_to_fail!(TrySendError, Full, "sending on a full channel");
two_ways_to_fail!(SendTimeoutError, Timeout, "timed out waiting to send");

impl<T> TrySendError<T> {
    /// Whether there was merely no room.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(chan_core::TrySendError::Full(7).is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        matches!(self, TrySendError::Full(_))
    }
}

impl<T> SendTimeoutError<T> {
    /// Whether the time was over.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(chan_core::SendTimeoutError::Timeout(7).is_timeout());
    /// ```
    pub fn is_timeout(&self) -> bool {
        matches!(self, SendTimeoutError::Timeout(_))
    }
}

/// [`Receiver::recv`](crate::Receiver::recv) on a closed and drained channel.
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::bounded::<u8>(1);
/// drop(tx);
/// assert_eq!(rx.recv(), Err(chan_core::RecvError));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;
plain!(RecvError, "receiving on an empty and closed channel");

/// [`Receiver::try_recv`](crate::Receiver::try_recv) got nothing.
///
/// # Examples
///
/// ```
/// use chan_core::TryRecvError;
/// let (tx, rx) = chan_core::bounded::<u8>(1);
/// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
/// drop(tx);
/// assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing to receive now.
    Empty,
    /// Closed and drained: nothing ever again.
    Disconnected,
}

/// [`Receiver::recv_timeout`](crate::Receiver::recv_timeout) got nothing.
///
/// # Examples
///
/// ```
/// use chan_core::RecvTimeoutError;
/// let (_tx, rx) = chan_core::bounded::<u8>(1);
/// let late = rx.recv_deadline(std::time::Instant::now());
/// assert_eq!(late, Err(RecvTimeoutError::Timeout));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// The time is over.
    Timeout,
    /// Closed and drained: nothing ever again.
    Disconnected,
}

impl TryRecvError {
    /// Whether there is merely nothing now.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(chan_core::TryRecvError::Empty.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        *self == TryRecvError::Empty
    }

    /// Whether there will never be anything again.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(chan_core::TryRecvError::Disconnected.is_disconnected());
    /// ```
    pub fn is_disconnected(&self) -> bool {
        *self == TryRecvError::Disconnected
    }
}

impl RecvTimeoutError {
    /// Whether the time was over.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(chan_core::RecvTimeoutError::Timeout.is_timeout());
    /// ```
    pub fn is_timeout(&self) -> bool {
        *self == RecvTimeoutError::Timeout
    }

    /// Whether there will never be anything again.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(chan_core::RecvTimeoutError::Disconnected.is_disconnected());
    /// ```
    pub fn is_disconnected(&self) -> bool {
        *self == RecvTimeoutError::Disconnected
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "receiving on an empty channel",
            TryRecvError::Disconnected => "receiving on an empty and closed channel",
        })
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RecvTimeoutError::Timeout => "timed out waiting to receive",
            RecvTimeoutError::Disconnected => "receiving on an empty and closed channel",
        })
    }
}

impl Error for TryRecvError {}
impl Error for RecvTimeoutError {}

impl From<RecvError> for TryRecvError {
    fn from(_: RecvError) -> Self {
        TryRecvError::Disconnected
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(_: RecvError) -> Self {
        RecvTimeoutError::Disconnected
    }
}

/// [`Sender::close`](crate::Sender::close) on a channel that was closed before.
///
/// # Examples
///
/// ```
/// let (tx, _rx) = chan_core::bounded::<u8>(1);
/// assert_eq!(tx.close(), Ok(()));
/// assert_eq!(tx.close(), Err(chan_core::AlreadyClosed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyClosed;
plain!(AlreadyClosed, "closing a closed channel");

/// [`Chan::try_close`](crate::Chan::try_close) did not close.
///
/// # Examples
///
/// ```
/// use chan_core::{Chan, CloseError};
/// assert_eq!(Chan::<u8>::nil().try_close(), Err(CloseError::Nil));
/// let chan = Chan::<u8>::new(0);
/// chan.close();
/// assert_eq!(chan.try_close(), Err(CloseError::Closed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseError {
    /// It was closed before. [`Chan::close`](crate::Chan::close) would panic.
    Closed,
    /// It is nil. [`Chan::close`](crate::Chan::close) would panic.
    Nil,
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CloseError::Closed => "close of closed channel",
            CloseError::Nil => "close of nil channel",
        })
    }
}

impl Error for CloseError {}

/// [`Chan::try_send`](crate::Chan::try_send) would have had to wait.
///
/// # Examples
///
/// ```
/// let chan = chan_core::Chan::new(0);
/// assert_eq!(chan.try_send(1), Err(chan_core::Full(1)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Full<T>(pub T);
carries_value!(Full, "sending on a full channel");

/// [`Chan::try_recv`](crate::Chan::try_recv) would have had to wait.
///
/// # Examples
///
/// ```
/// let chan = chan_core::Chan::<u8>::new(0);
/// assert_eq!(chan.try_recv(), Err(chan_core::Empty));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Empty;
plain!(Empty, "receiving on an empty channel");

/// A timed send of [`Chan`](crate::Chan) gave up; the value comes back.
///
/// # Examples
///
/// ```
/// let chan = chan_core::Chan::new(0);
/// let late = chan.send_deadline(1, std::time::Instant::now());
/// assert_eq!(late, Err(chan_core::SendTimedOut(1)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendTimedOut<T>(pub T);
carries_value!(SendTimedOut, "timed out waiting to send");

/// A timed receive of [`Chan`](crate::Chan) gave up.
///
/// # Examples
///
/// ```
/// let chan = chan_core::Chan::<u8>::new(0);
/// let late = chan.recv_deadline(std::time::Instant::now());
/// assert_eq!(late, Err(chan_core::RecvTimedOut));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvTimedOut;
plain!(RecvTimedOut, "timed out waiting to receive");
