//! Sends and receives of tasks that give up in time, on any executor.
//!
//! An operation that is over counts, however late it is looked at: the future
//! asks the channel first and the clock second, and when it gives up it asks
//! the channel once more, under its lock.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::alarm::Alarm;
use crate::case_list::CaseList;
use crate::chan::{Chan, RecvChan, SendChan};
#[cfg(doc)]
use crate::error::{RecvTimedOut, SendTimedOut};
use crate::face::{GoFace, RecvFace, RustFace, SendFace};
use crate::future::{RecvFuture, SendFuture};
use crate::receiver::Receiver;
use crate::selection::Selection;
use crate::sender::Sender;

/// Receives a value in time; made by
/// [`Receiver::recv_timeout_async`] and its siblings.
///
/// # Cancel safety
///
/// Dropping it at any time loses no value, as for [`RecvFuture`].
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (_tx, rx) = chan_core::bounded::<u8>(1);
/// let soon = std::time::Duration::from_millis(5);
/// assert!(rx.recv_timeout_async(soon).await.unwrap_err().is_timeout());
/// # });
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct RecvTimeoutFuture<'a, T, F: RecvFace<T>> {
    receive: RecvFuture<'a, T, F>,
    alarm: Alarm,
}

/// Sends a value in time; made by [`Sender::send_timeout_async`] and its
/// siblings.
///
/// # Cancel safety
///
/// As for [`SendFuture`]: dropped before somebody took the value, it drops the
/// value; after that the send is complete.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (tx, _rx) = chan_core::bounded(0);
/// let soon = std::time::Duration::from_millis(5);
/// let send: chan_core::SendTimeoutFuture<'_, _, _> = tx.send_timeout_async(1, soon);
/// assert_eq!(send.await.unwrap_err().into_inner(), 1);
/// # });
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct SendTimeoutFuture<'a, T, F: SendFace<T>> {
    send: SendFuture<'a, T, F>,
    alarm: Alarm,
}

/// A select of a task: the result of the first case to win, or nothing if the
/// time is over before that. `N` is the number of cases.
///
/// # Cancel safety
///
/// Dropped in any state it loses nothing: a value received goes on to the next
/// receiver, a value sent stays sent, and the values of send cases that did
/// not happen are dropped with it.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use chan_core::select::{Alarm, CaseList, End, RecvArm, SelectFuture, Won};
///
/// let (tx, rx) = chan_core::bounded(1);
/// let never = chan_core::never::<u8>();
/// tx.send(7).unwrap();
/// let cases = End.and((&never).arm()).and((&rx).arm());
/// // No case goes before the others; "chance" picks the last.
/// let select = SelectFuture::<_, 2, _>::new(cases, 0, |below| below - 1, Alarm::new(None));
/// assert!(matches!(select.await, Some(Won::This(Ok(7)))));
/// # });
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct SelectFuture<L: CaseList, const N: usize, C> {
    selection: Selection<L, N>,
    chance: C,
    alarm: Alarm,
}

impl<L: CaseList, const N: usize, C: FnMut(u32) -> u32> SelectFuture<L, N, C> {
    /// A select that looks at the first `first` cases in their order and at
    /// the others as `chance` says, which gives numbers below its argument,
    /// each equally likely.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::select::{Alarm, CaseList, End, RecvArm, SelectFuture};
    ///
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// let alarm = Alarm::within(std::time::Duration::from_secs(1));
    /// let select = SelectFuture::<_, 1, _>::new(End.and(rx.arm()), 0, |_| 0, alarm);
    /// drop(select); // it has not looked yet
    /// ```
    pub fn new(cases: L, first: usize, chance: C, alarm: Alarm) -> Self {
        SelectFuture {
            selection: Selection::new(cases, first, alarm.is_set()),
            chance,
            alarm,
        }
    }
}

impl<L: CaseList, const N: usize, C: FnMut(u32) -> u32> Future for SelectFuture<L, N, C> {
    type Output = Option<L::Won>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `selection` is pinned with the future and never moved; the
        // others are not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let mut selection = unsafe { Pin::new_unchecked(&mut this.selection) };
        if let Poll::Ready(won) = selection.as_mut().poll(cx, &mut this.chance) {
            return Poll::Ready(Some(won));
        }
        if !this.alarm.is_due(cx) {
            return Poll::Pending;
        }
        Poll::Ready(selection.give_up())
    }
}

impl<L: CaseList, const N: usize, C> fmt::Debug for SelectFuture<L, N, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SelectFuture of {N}")
    }
}

impl<T, F: RecvFace<T>> Future for RecvTimeoutFuture<'_, T, F> {
    type Output = F::Timed;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Timed> {
        // SAFETY: `receive` is pinned with the future and never moved; the
        // alarm is not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let mut receive = unsafe { Pin::new_unchecked(&mut this.receive) };
        if let Poll::Ready(out) = receive.as_mut().poll(cx) {
            return Poll::Ready(F::in_time(out));
        }
        if !this.alarm.is_due(cx) {
            return Poll::Pending;
        }
        Poll::Ready(match receive.give_up() {
            Some(out) => F::in_time(out),
            None => F::too_late(),
        })
    }
}

impl<T, F: SendFace<T>> Future for SendTimeoutFuture<'_, T, F> {
    type Output = F::Timed;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Timed> {
        // SAFETY: `send` is pinned with the future and never moved; the alarm
        // is not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: as above.
        let mut send = unsafe { Pin::new_unchecked(&mut this.send) };
        if let Poll::Ready(out) = send.as_mut().poll(cx) {
            return Poll::Ready(F::in_time(out));
        }
        if !this.alarm.is_due(cx) {
            return Poll::Pending;
        }
        Poll::Ready(match send.give_up() {
            Ok(out) => F::in_time(out),
            Err(value) => F::too_late(value),
        })
    }
}

impl<T, F: RecvFace<T>> fmt::Debug for RecvTimeoutFuture<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecvTimeoutFuture")
    }
}

impl<T, F: SendFace<T>> fmt::Debug for SendTimeoutFuture<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendTimeoutFuture")
    }
}

macro_rules! receives_in_time {
    ($face:ident, $manners:ident, $errors:literal, $make:literal) => {
        impl<T> $face<T> {
            /// Receives a value in a task, on whatever executor, waiting no
            /// longer than `timeout` from now.
            ///
            /// # Errors
            ///
            #[doc = $errors]
            ///
            /// # Panics
            ///
            /// When polled, if the first timer of the process cannot start
            /// its thread.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future at any time loses nothing.
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Duration;
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// let received = it.recv_timeout_async(Duration::from_millis(5)).await;
            /// assert!(received.is_err());
            /// # });
            /// ```
            #[track_caller]
            pub fn recv_timeout_async(
                &self,
                timeout: Duration,
            ) -> RecvTimeoutFuture<'_, T, $manners> {
                RecvTimeoutFuture {
                    receive: RecvFuture::new(self.chan(), Location::caller(), true),
                    alarm: Alarm::within(timeout),
                }
            }

            /// The same, waiting no longer than until `deadline`.
            ///
            /// # Errors
            ///
            #[doc = $errors]
            ///
            /// # Cancel safety
            ///
            /// Dropping the future at any time loses nothing.
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Instant;
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// assert!(it.recv_deadline_async(Instant::now()).await.is_err());
            /// # });
            /// ```
            #[track_caller]
            pub fn recv_deadline_async(
                &self,
                deadline: Instant,
            ) -> RecvTimeoutFuture<'_, T, $manners> {
                RecvTimeoutFuture {
                    receive: RecvFuture::new(self.chan(), Location::caller(), true),
                    alarm: Alarm::new(Some(deadline)),
                }
            }
        }
    };
}

macro_rules! sends_in_time {
    ($face:ident, $manners:ident, $errors:literal, $panics:literal, $make:literal) => {
        impl<T> $face<T> {
            /// Sends a value from a task, on whatever executor, waiting no
            /// longer than `timeout` from now.
            ///
            /// # Errors
            ///
            #[doc = $errors]
            ///
            /// # Panics
            ///
            #[doc = $panics]
            ///
            /// # Cancel safety
            ///
            /// Dropped before the value was taken, the future takes the value
            /// with it; after that the send is complete.
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Duration;
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// let late = it.send_timeout_async(7, Duration::from_millis(5)).await;
            /// assert!(late.is_err());
            /// # });
            /// ```
            #[track_caller]
            pub fn send_timeout_async(
                &self,
                value: T,
                timeout: Duration,
            ) -> SendTimeoutFuture<'_, T, $manners> {
                SendTimeoutFuture {
                    send: SendFuture::new(self.chan(), value, Location::caller(), true),
                    alarm: Alarm::within(timeout),
                }
            }

            /// The same, waiting no longer than until `deadline`.
            ///
            /// # Errors
            ///
            #[doc = $errors]
            ///
            /// # Panics
            ///
            #[doc = $panics]
            ///
            /// # Cancel safety
            ///
            /// As for [`send_timeout_async`](Self::send_timeout_async).
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Instant;
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// assert!(it.send_deadline_async(7, Instant::now()).await.is_err());
            /// # });
            /// ```
            #[track_caller]
            pub fn send_deadline_async(
                &self,
                value: T,
                deadline: Instant,
            ) -> SendTimeoutFuture<'_, T, $manners> {
                SendTimeoutFuture {
                    send: SendFuture::new(self.chan(), value, Location::caller(), true),
                    alarm: Alarm::new(Some(deadline)),
                }
            }
        }
    };
}

receives_in_time!(
    Receiver,
    RustFace,
    "As for [`Receiver::recv_timeout`].",
    "let (_tx, it) = chan_core::bounded::<u8>(0);"
);
receives_in_time!(
    Chan,
    GoFace,
    "[`RecvTimedOut`]. `Ok(None)` is closed and drained.",
    "let it = chan_core::Chan::<u8>::new(0);"
);
receives_in_time!(
    RecvChan,
    GoFace,
    "[`RecvTimedOut`]. `Ok(None)` is closed and drained.",
    "let (_tx, it) = chan_core::Chan::<u8>::new(0).split();"
);
sends_in_time!(
    Sender,
    RustFace,
    "As for [`Sender::send_timeout`].",
    "When polled, if the first timer of the process cannot start its thread.",
    "let (it, _rx) = chan_core::bounded::<u8>(0);"
);
sends_in_time!(
    Chan,
    GoFace,
    "[`SendTimedOut`] with the value.",
    "When polled: `send on closed channel`; or if the first timer of the
process cannot start its thread.",
    "let it = chan_core::Chan::<u8>::new(0);"
);
sends_in_time!(
    SendChan,
    GoFace,
    "[`SendTimedOut`] with the value.",
    "When polled: `send on closed channel`; or if the first timer of the
process cannot start its thread.",
    "let (it, _rx) = chan_core::Chan::<u8>::new(0).split();"
);
