//! Sends and receives of tasks that give up in time, on any executor: our own
//! timer thread wakes the task.
//!
//! An operation that is over counts, however late it is looked at: the future
//! asks the channel first and the clock second, and when it gives up it asks
//! the channel once more, under its lock.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::case::{RecvCase, SendCase};
use crate::chan::{Chan, RecvChan, SendChan};
#[cfg(doc)]
use crate::error::{RecvTimedOut, SendTimedOut};
use crate::face::{GoFace, RecvFace, RustFace, SendFace};
use crate::future::{RecvFuture, SendFuture};
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::time::{self, TimerId};

/// Wakes a task at a time.
struct Alarm {
    /// Nothing if the time is beyond the clock's end.
    deadline: Option<Instant>,
    set: Option<(TimerId, Arc<Bell>)>,
}

/// Who is to be woken. Its lock is held to look at it and to replace it, never
/// while a waker is called, cloned or dropped.
struct Bell(Mutex<Option<Waker>>);

impl Bell {
    fn replace(&self, waker: Option<Waker>) -> Option<Waker> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut slot, waker)
    }
}

impl Alarm {
    fn new(deadline: Option<Instant>) -> Self {
        Alarm {
            deadline,
            set: None,
        }
    }

    fn in_time(timeout: Duration) -> Self {
        // A time beyond the clock's end never comes.
        Alarm::new(Instant::now().checked_add(timeout))
    }

    /// Whether the time has come. If not, the task will be woken when it does.
    fn is_due(&mut self, cx: &Context<'_>) -> bool {
        let Some(deadline) = self.deadline else {
            return false;
        };
        if Instant::now() >= deadline {
            return true;
        }
        let waker = cx.waker().clone();
        match &self.set {
            Some((_, bell)) => drop(bell.replace(Some(waker))),
            None => {
                let bell = Arc::new(Bell(Mutex::new(Some(waker))));
                let rung = bell.clone();
                let id = time::schedule(deadline, move || {
                    if let Some(waker) = rung.replace(None) {
                        waker.wake();
                    }
                });
                self.set = Some((id, bell));
            }
        }
        // It may have rung for the waker that was replaced.
        Instant::now() >= deadline
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some((id, _)) = self.set {
            time::cancel(id);
        }
    }
}

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
#[must_use = "futures do nothing unless polled"]
pub struct SendTimeoutFuture<'a, T, F: SendFace<T>> {
    send: SendFuture<'a, T, F>,
    alarm: Alarm,
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
                let case = RecvCase::new(self.chan(), Location::caller());
                RecvTimeoutFuture {
                    receive: RecvFuture::with_deadline(case, true),
                    alarm: Alarm::in_time(timeout),
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
                let case = RecvCase::new(self.chan(), Location::caller());
                RecvTimeoutFuture {
                    receive: RecvFuture::with_deadline(case, true),
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
                let case = SendCase::new(self.chan(), value, Location::caller());
                SendTimeoutFuture {
                    send: SendFuture::with_deadline(case, true),
                    alarm: Alarm::in_time(timeout),
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
                let case = SendCase::new(self.chan(), value, Location::caller());
                SendTimeoutFuture {
                    send: SendFuture::with_deadline(case, true),
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
