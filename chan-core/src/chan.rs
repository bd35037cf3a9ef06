//! The face with Go's manners: one handle that sends, receives and closes,
//! and the two views of it that do less.

use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use crate::about::about_the_channel;
use crate::blocking::Stop;
use crate::case::{RecvArm, RecvCase, SendArm, SendCase};
use crate::error::{CloseError, Empty, Full, RecvTimedOut, SendTimedOut};
use crate::face::GoFace;
use crate::future::{RecvFuture, SendFuture};
use crate::handle::{self, ALL, Handle, RX, TX};
use crate::hchan::Hchan;
use crate::nil;
use crate::results::{Nothing, Refused};
use crate::waitq::{Direction, Site};
use crate::watch::Misuse;

/// Go's `chan T`.
///
/// Every rule of Go holds: a send on a closed channel panics, a second close
/// panics, nil waits for ever, and dropping handles closes nothing. A waiter
/// that is left behind stays behind; leakwatch can prove it.
///
/// Any number of threads and tasks may share or clone it.
///
/// # Examples
///
/// ```
/// use chan_core::Chan;
///
/// let jobs = Chan::new(2);
/// jobs.send(1);
/// jobs.send(2);
/// jobs.close();
/// assert_eq!(jobs.recv(), Some(1));
/// assert_eq!(jobs.recv(), Some(2));
/// assert_eq!(jobs.recv(), None); // Go's `v, ok := <-jobs` with ok == false
/// ```
pub struct Chan<T>(Option<Handle<T, ALL>>);

/// Go's `chan<- T`: sends and closes.
///
/// # Examples
///
/// ```
/// let chan = chan_core::Chan::new(1);
/// let producer: chan_core::SendChan<u8> = chan.sender();
/// producer.send(7);
/// producer.close();
/// assert_eq!(chan.recv(), Some(7));
/// ```
pub struct SendChan<T>(Option<Handle<T, TX>>);

/// Go's `<-chan T`: receives, and cannot close.
///
/// A thread that waits on one of these, of a channel whose senders are all
/// gone, is a proven zombie.
///
/// # Examples
///
/// ```
/// let chan = chan_core::Chan::new(1);
/// let consumer: chan_core::RecvChan<u8> = chan.receiver();
/// chan.send(7);
/// assert_eq!(consumer.recv(), Some(7));
/// ```
pub struct RecvChan<T>(Option<Handle<T, RX>>);

impl<T> Chan<T> {
    /// Go's `make(chan T, capacity)`.
    ///
    /// # Panics
    ///
    /// `makechan: size out of range` if the buffer cannot be had.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(0);
    /// std::thread::scope(|s| {
    ///     s.spawn(|| chan.send(1));
    ///     assert_eq!(chan.recv(), Some(1));
    /// });
    /// ```
    #[track_caller]
    pub fn new(capacity: usize) -> Self {
        crate::Builder::new().capacity(capacity).chan()
    }

    /// Go's nil channel: every operation on it waits for ever, in a select it
    /// is as if absent, and only closing it panics.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::<u8>::nil();
    /// assert!(chan.is_nil());
    /// assert!(chan.try_recv().is_err());
    /// assert_eq!((chan.len(), chan.capacity()), (0, 0));
    /// ```
    pub const fn nil() -> Self {
        Chan(None)
    }

    /// What a select sorts its channels by.
    #[cfg(all(test, loom))]
    pub(crate) fn address(&self) -> usize {
        self.chan()
            .map_or(0, |chan| std::ptr::from_ref(chan.header()) as usize)
    }

    /// The send-only view of this channel; a handle of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(1);
    /// chan.sender().send(1);
    /// assert_eq!(chan.len(), 1);
    /// ```
    pub fn sender(&self) -> SendChan<T> {
        SendChan(self.0.as_ref().map(Handle::narrowed))
    }

    /// The receive-only view of this channel; a handle of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(1);
    /// chan.send(1);
    /// assert_eq!(chan.receiver().recv(), Some(1));
    /// ```
    pub fn receiver(&self) -> RecvChan<T> {
        RecvChan(self.0.as_ref().map(Handle::narrowed))
    }

    /// Gives up this handle for its two views.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::Chan::new(1).split();
    /// tx.send(1);
    /// assert_eq!(rx.recv(), Some(1));
    /// ```
    pub fn split(self) -> (SendChan<T>, RecvChan<T>) {
        match self.0.map(Handle::split) {
            Some((tx, rx)) => (SendChan(Some(tx)), RecvChan(Some(rx))),
            None => (SendChan(None), RecvChan(None)),
        }
    }
}

/// Methods of every face with Go's manners.
macro_rules! go_face {
    ($face:ident, $make:literal) => {
        about_the_channel!($face, $make);

        impl<T> $face<T> {
            /// How many values the channel holds while nobody receives: 0 for
            /// an unbuffered one and for nil, `usize::MAX` for an unbounded
            /// one.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert_eq!(it.capacity(), 4);
            /// ```
            pub fn capacity(&self) -> usize {
                let header = self.chan().map(Hchan::header);
                header.map_or(0, |header| header.shown(header.capacity()))
            }

            pub(crate) fn from_handle(handle: Handle<T, { go_face!(@can $face) }>) -> Self {
                $face(Some(handle))
            }

            pub(crate) fn handle(&self) -> Option<&Handle<T, { go_face!(@can $face) }>> {
                self.0.as_ref()
            }

            pub(crate) fn chan(&self) -> Option<&Hchan<T>> {
                self.0.as_ref().map(Handle::chan)
            }

            /// Whether this is the nil channel.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert!(!it.is_nil());
            /// ```
            pub fn is_nil(&self) -> bool {
                self.0.is_none()
            }

            /// Whether both are the same channel: Go's `==`. Nil equals nil.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert!(it.same_channel(&it.clone()));
            /// ```
            pub fn same_channel(&self, other: &Self) -> bool {
                match (&self.0, &other.0) {
                    (Some(one), Some(other)) => one.same_channel(other),
                    (None, None) => true,
                    _ => false,
                }
            }
        }

        impl<T> Clone for $face<T> {
            fn clone(&self) -> Self {
                $face(self.0.clone())
            }
        }

        /// Nil, as the zero value of a channel variable is in Go.
        impl<T> Default for $face<T> {
            fn default() -> Self {
                $face(None)
            }
        }

        impl<T> fmt::Debug for $face<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match &self.0 {
                    Some(handle) => f.debug_tuple(stringify!($face)).field(handle).finish(),
                    None => f.write_str(concat!(stringify!($face), "(nil)")),
                }
            }
        }
    };
    (@can Chan) => {
        ALL
    };
    (@can SendChan) => {
        TX
    };
    (@can RecvChan) => {
        RX
    };
}

/// The sending half of Go's manners.
macro_rules! go_sends {
    ($face:ident, $make:literal) => {
        impl<T> $face<T> {
            /// Go's `c <- value`: waits for room (or, without a buffer, for a
            /// receiver). On nil it waits for ever.
            ///
            /// # Panics
            ///
            /// `send on closed channel`, also if it is closed while this
            /// waits; the value is dropped.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// it.send(1);
            /// assert_eq!(it.len(), 1);
            /// ```
            #[inline]
            #[track_caller]
            pub fn send(&self, value: T) {
                let site = Location::caller();
                match send_until(self.chan(), value, None, site) {
                    Ok(()) => {}
                    Err(_) => unreachable!("only a deadline ends the wait"),
                }
            }

            /// Go's send in a select with a default.
            ///
            /// # Errors
            ///
            /// [`Full`] with the value if it would have to wait.
            ///
            /// # Panics
            ///
            /// `send on closed channel`, whether or not there is room.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert!(it.try_send(1).is_ok());
            /// ```
            #[inline]
            #[track_caller]
            pub fn try_send(&self, value: T) -> Result<(), Full<T>> {
                let Some(chan) = self.chan() else {
                    return Err(Full(value));
                };
                match chan.try_send(value) {
                    Ok(()) => Ok(()),
                    Err(Refused::Full(value)) => Err(Full(value)),
                    Err(Refused::Closed(value)) => send_on_closed(chan, value, Location::caller()),
                }
            }

            /// Sends, waiting no longer than `timeout`.
            ///
            /// # Errors
            ///
            /// [`SendTimedOut`] with the value.
            ///
            /// # Panics
            ///
            /// `send on closed channel`, also if it is closed while this
            /// waits.
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Duration;
            #[doc = $make]
            /// assert!(it.send_timeout(1, Duration::from_millis(5)).is_ok());
            /// ```
            #[track_caller]
            pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendTimedOut<T>> {
                // A time beyond the clock's end never comes.
                let deadline = Instant::now().checked_add(timeout);
                send_until(self.chan(), value, deadline, Location::caller()).map_err(SendTimedOut)
            }

            /// Sends, waiting no longer than until `deadline`. One that has
            /// passed is a [`try_send`](Self::try_send).
            ///
            /// # Errors
            ///
            /// [`SendTimedOut`] with the value.
            ///
            /// # Panics
            ///
            /// `send on closed channel`, also if it is closed while this
            /// waits.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert!(it.send_deadline(1, std::time::Instant::now()).is_ok());
            /// ```
            #[track_caller]
            pub fn send_deadline(
                &self,
                value: T,
                deadline: Instant,
            ) -> Result<(), SendTimedOut<T>> {
                let site = Location::caller();
                send_until(self.chan(), value, Some(deadline), site).map_err(SendTimedOut)
            }

            /// Sends from a task.
            ///
            /// # Panics
            ///
            /// When polled: `send on closed channel`. A future has no caller
            /// whose line the panic could carry; the text names the line that
            /// made it.
            ///
            /// # Cancel safety
            ///
            /// Dropped before the value was taken, the future takes the value
            /// with it; after that the send is complete. See [`SendFuture`].
            ///
            /// # Examples
            ///
            /// ```
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// it.send_async(1).await;
            /// assert_eq!(it.len(), 1);
            /// # });
            /// ```
            #[inline(always)]
            #[track_caller]
            pub fn send_async(&self, value: T) -> SendFuture<'_, T, GoFace> {
                SendFuture::new(self.chan(), value, Location::caller(), false)
            }

            /// Go's `close(c)`: whoever waits is settled at this instant, and
            /// receivers drain what is left.
            ///
            /// # Panics
            ///
            /// `close of closed channel`, `close of nil channel`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// it.close();
            /// assert!(it.is_closed());
            /// ```
            #[track_caller]
            pub fn close(&self) {
                let site = Location::caller();
                let Some(chan) = self.chan() else {
                    panic!("close of nil channel");
                };
                if !chan.close(site) {
                    let text = handle::misuse(chan, Misuse::DoubleClose, site);
                    panic!("{text}");
                }
            }

            /// Closes where [`close`](Self::close) might panic.
            ///
            /// # Errors
            ///
            /// It was closed before, or is nil.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert!(it.try_close().is_ok());
            /// assert!(it.try_close().is_err());
            /// ```
            #[track_caller]
            pub fn try_close(&self) -> Result<(), CloseError> {
                match self.chan() {
                    None => Err(CloseError::Nil),
                    Some(chan) if chan.close(Location::caller()) => Ok(()),
                    Some(_) => Err(CloseError::Closed),
                }
            }
        }

        impl<'a, T> SendArm<'a> for &'a $face<T> {
            type Item = T;
            type Face = GoFace;

            fn arm(self, value: T) -> SendCase<'a, T, GoFace> {
                SendCase::new(self.chan(), value, Location::caller())
            }
        }
    };
}

/// The receiving half of Go's manners.
macro_rules! go_receives {
    ($face:ident, $make:literal) => {
        impl<T> $face<T> {
            /// Go's `v, ok := <-c`: waits for a value; `None` is `ok == false`,
            /// closed and drained. On nil it waits for ever.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// # feed(&it);
            /// assert_eq!(it.recv(), Some(1));
            /// assert_eq!(it.recv(), None);
            /// ```
            #[inline]
            #[track_caller]
            pub fn recv(&self) -> Option<T> {
                match recv_until(self.chan(), None, Location::caller()) {
                    Ok(value) => Some(value),
                    Err(_) => None,
                }
            }

            /// Go's receive in a select with a default. `Ok(None)` is closed
            /// and drained.
            ///
            /// # Errors
            ///
            /// [`Empty`] if it would have to wait.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// # feed(&it);
            /// assert_eq!(it.try_recv(), Ok(Some(1)));
            /// assert_eq!(it.try_recv(), Ok(None));
            /// ```
            #[inline]
            pub fn try_recv(&self) -> Result<Option<T>, Empty> {
                let Some(chan) = self.chan() else {
                    return Err(Empty);
                };
                match chan.try_recv() {
                    Ok(value) => Ok(Some(value)),
                    Err(Nothing::Empty) => Err(Empty),
                    Err(Nothing::Closed) => Ok(None),
                }
            }

            /// Receives, waiting no longer than `timeout`. `Ok(None)` is
            /// closed and drained.
            ///
            /// # Errors
            ///
            /// [`RecvTimedOut`].
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Duration;
            #[doc = $make]
            /// # feed(&it);
            /// assert_eq!(it.recv_timeout(Duration::from_millis(5)), Ok(Some(1)));
            /// ```
            #[track_caller]
            pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<T>, RecvTimedOut> {
                // A time beyond the clock's end never comes.
                let deadline = Instant::now().checked_add(timeout);
                recv_in_time(self.chan(), deadline, Location::caller())
            }

            /// Receives, waiting no longer than until `deadline`. One that has
            /// passed is a [`try_recv`](Self::try_recv). `Ok(None)` is closed
            /// and drained.
            ///
            /// # Errors
            ///
            /// [`RecvTimedOut`].
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// # feed(&it);
            /// assert_eq!(it.recv_deadline(std::time::Instant::now()), Ok(Some(1)));
            /// ```
            #[track_caller]
            pub fn recv_deadline(&self, deadline: Instant) -> Result<Option<T>, RecvTimedOut> {
                recv_in_time(self.chan(), Some(deadline), Location::caller())
            }

            /// Receives in a task; `None` is closed and drained.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future at any time loses nothing. See
            /// [`RecvFuture`].
            ///
            /// # Examples
            ///
            /// ```
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// # feed(&it);
            /// assert_eq!(it.recv_async().await, Some(1));
            /// # });
            /// ```
            #[inline(always)]
            #[track_caller]
            pub fn recv_async(&self) -> RecvFuture<'_, T, GoFace> {
                RecvFuture::new(self.chan(), Location::caller(), false)
            }

            /// Go's `for v := range c`: until closed and drained. Over nil it
            /// waits for ever.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// # feed(&it);
            /// assert_eq!(it.iter().collect::<Vec<_>>(), [1]);
            /// ```
            pub fn iter(&self) -> Range<'_, T> {
                Range(self.chan())
            }
        }

        impl<'a, T> IntoIterator for &'a $face<T> {
            type Item = T;
            type IntoIter = Range<'a, T>;

            fn into_iter(self) -> Range<'a, T> {
                self.iter()
            }
        }

        impl<'a, T> RecvArm<'a> for &'a $face<T> {
            type Item = T;
            type Face = GoFace;

            fn arm(self) -> RecvCase<'a, T, GoFace> {
                RecvCase::new(self.chan(), Location::caller())
            }
        }
    };
}

go_face!(Chan, "let it = chan_core::Chan::<u8>::new(4);");
go_face!(
    SendChan,
    "let (it, _rx) = chan_core::Chan::<u8>::new(4).split();"
);
go_face!(
    RecvChan,
    "let (_tx, it) = chan_core::Chan::<u8>::new(4).split();"
);

go_sends!(Chan, "let it = chan_core::Chan::<i32>::new(1);");
go_sends!(
    SendChan,
    "let (it, _rx) = chan_core::Chan::<i32>::new(1).split();"
);

go_receives!(
    Chan,
    "# fn feed(it: &chan_core::Chan<i32>) { it.send(1); it.close(); }
let it = chan_core::Chan::new(1);"
);
go_receives!(
    RecvChan,
    "# fn feed(_: &chan_core::RecvChan<i32>) {}
let (tx, it) = chan_core::Chan::new(1).split();
tx.send(1);
tx.close();"
);

/// Made by [`Chan::iter`] and [`RecvChan::iter`].
///
/// # Examples
///
/// ```
/// let chan = chan_core::Chan::new(2);
/// chan.send_many(&mut [1, 2].into());
/// chan.close();
/// let mut sum = 0;
/// for value in &chan {
///     sum += value;
/// }
/// assert_eq!(sum, 3);
/// ```
pub struct Range<'a, T>(Option<&'a Hchan<T>>);

impl<T> Iterator for Range<'_, T> {
    type Item = T;

    #[track_caller]
    fn next(&mut self) -> Option<T> {
        recv_until(self.0, None, Location::caller()).ok()
    }
}

impl<T> fmt::Debug for Range<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Range")
    }
}

#[inline]
#[track_caller]
fn send_until<T>(
    chan: Option<&Hchan<T>>,
    value: T,
    deadline: Option<Instant>,
    site: Site,
) -> Result<(), T> {
    let Some(chan) = chan else {
        nil::wait(Direction::Send, deadline, site);
        return Err(value);
    };
    match chan.send(value, deadline, site) {
        Ok(()) => Ok(()),
        Err((Stop::Timeout, value)) => Err(value),
        Err((Stop::Closed, value)) => send_on_closed(chan, value, site),
    }
}

#[inline]
fn recv_until<T>(
    chan: Option<&Hchan<T>>,
    deadline: Option<Instant>,
    site: Site,
) -> Result<T, Stop> {
    match chan {
        Some(chan) => chan.recv(deadline, site, |stop| stop),
        None => {
            nil::wait(Direction::Recv, deadline, site);
            Err(Stop::Timeout)
        }
    }
}

fn recv_in_time<T>(
    chan: Option<&Hchan<T>>,
    deadline: Option<Instant>,
    site: Site,
) -> Result<Option<T>, RecvTimedOut> {
    match recv_until(chan, deadline, site) {
        Ok(value) => Ok(Some(value)),
        Err(Stop::Closed) => Ok(None),
        Err(Stop::Timeout) => Err(RecvTimedOut),
    }
}

#[cold]
#[track_caller]
pub(crate) fn send_on_closed<T, V>(chan: &Hchan<T>, value: V, site: Site) -> ! {
    // Dropped first: a destructor that panics must not meet our panic.
    drop(value);
    let text = handle::misuse(chan, Misuse::SendAfterClose, site);
    panic!("{text}");
}
