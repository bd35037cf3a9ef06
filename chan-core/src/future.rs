//! The futures of single operations.
//!
//! Each is a [`Selection`](crate::selection::Selection) of one case; what is said there of dropping holds
//! here.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::case::{Alternative, RecvCase, SendCase};
use crate::case_list::{Cons, End, Won};
use crate::error::SendError;
use crate::face::{RecvFace, RustFace, SendFace};
use crate::selection::TaskWait;
use crate::waiting::{RecvWaiting, SendWaiting};

/// Receives a value; made by [`Receiver::recv_async`](crate::Receiver::recv_async)
/// and [`Chan::recv_async`](crate::Chan::recv_async).
///
/// # Cancel safety
///
/// Dropping it at any time loses no value: one that it was handed and has not
/// returned goes to the next receiver, ahead of everything sent later.
///
/// A task that waits with two of these on one channel may be told by one that
/// the channel is closed while the other has been handed the last value, which
/// comes back when it is dropped: look again before you leave.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (tx, rx) = chan_core::bounded(1);
/// let receive = rx.recv_async();
/// tx.send(1).unwrap();
/// assert_eq!(receive.await, Ok(1));
/// # });
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct RecvFuture<'a, T, F: RecvFace<T>> {
    selection: TaskWait<Cons<End, RecvWaiting<'a, T, F>>, 1>,
}

/// Sends a value; made by [`Sender::send_async`](crate::Sender::send_async)
/// and [`Chan::send_async`](crate::Chan::send_async).
///
/// # Cancel safety
///
/// Dropped before somebody took the value, it drops the value and leaves no
/// trace. Once the value was taken the send is complete, whether or not the
/// future is polled again; dropping it cannot undo that.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (tx, rx) = chan_core::bounded(1);
/// let send: chan_core::SendFuture<'_, _, _> = tx.send_async(1);
/// send.await.unwrap();
/// assert_eq!(rx.recv(), Ok(1));
/// # });
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct SendFuture<'a, T, F: SendFace<T>> {
    selection: TaskWait<Cons<End, SendWaiting<'a, T, F>>, 1>,
}

macro_rules! future_of_one {
    ($future:ident, $case:ident, $waiting:ident, $face:ident) => {
        impl<'a, T, F: $face<T>> $future<'a, T, F> {
            pub(crate) fn new(case: $case<'a, T, F>) -> Self {
                Self::with_deadline(case, false)
            }

            /// Whether it waits for ever is for watchers to know; whoever
            /// makes it sees to the deadline.
            pub(crate) fn with_deadline(case: $case<'a, T, F>, has_deadline: bool) -> Self {
                $future {
                    selection: TaskWait::operation(Cons(End, case.waiting()), has_deadline),
                }
            }

            fn selection(
                self: Pin<&mut Self>,
            ) -> Pin<&mut TaskWait<Cons<End, $waiting<'a, T, F>>, 1>> {
                // SAFETY: the only field is pinned with the future: nothing
                // moves out of it, and neither type has a Drop that could.
                unsafe { self.map_unchecked_mut(|this| &mut this.selection) }
            }
        }

        impl<T, F: $face<T>> Future for $future<'_, T, F> {
            type Output = F::Out;

            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Out> {
                // One case: there is nothing to choose.
                match ready!(self.selection().as_ref().poll(cx, |_| 0)) {
                    Won::This(result) => Poll::Ready(result),
                }
            }
        }

        /// The case alone: what a select of this one case would do.
        impl<'a, T, F: $face<T>> IntoFuture for $case<'a, T, F> {
            type Output = F::Out;
            type IntoFuture = $future<'a, T, F>;

            fn into_future(self) -> $future<'a, T, F> {
                $future::new(self)
            }
        }

        impl<T, F: $face<T>> fmt::Debug for $future<'_, T, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($future))
            }
        }
    };
}

future_of_one!(RecvFuture, RecvCase, RecvWaiting, RecvFace);
future_of_one!(SendFuture, SendCase, SendWaiting, SendFace);

impl<T, F: RecvFace<T>> RecvFuture<'_, T, F> {
    /// Stops waiting: the result, if it came before that.
    pub(crate) fn give_up(self: Pin<&mut Self>) -> Option<F::Out> {
        match self.selection().as_ref().give_up()? {
            Won::This(result) => Some(result),
        }
    }
}

impl<T, F: SendFace<T>> SendFuture<'_, T, F> {
    /// Stops waiting: the result, if it came before that, or the value.
    #[track_caller]
    pub(crate) fn give_up(self: Pin<&mut Self>) -> Result<F::Out, T> {
        let selection = self.selection();
        match selection.as_ref().give_up() {
            Some(Won::This(result)) => Ok(result),
            None => {
                // SAFETY: that was the end of the wait.
                let value = unsafe { selection.cases().1.disarm() };
                Err(value.expect("it has not won"))
            }
        }
    }
}

impl<T> SendFuture<'_, T, RustFace> {
    /// Ends it in whatever state it is: the value, if it has not gone. It does
    /// not send what it has not tried to send, so nothing foreign is called.
    pub(crate) fn take_back(self: Pin<&mut Self>) -> Option<T> {
        let selection = self.selection();
        if selection.is_parked()
            && let Some(Won::This(sent)) = selection.as_ref().give_up()
        {
            return sent.err().map(SendError::into_inner);
        }
        // SAFETY: no wait has begun, or it is over.
        unsafe { selection.cases().1.disarm() }
    }
}

/// Waits for ever: a select without cases, in a task.
///
/// # Examples
///
/// ```
/// use std::{pin::pin, task::{Context, Waker}};
/// use chan_core::select::SelectNothing;
///
/// let mut nothing = pin!(SelectNothing::new());
/// let mut cx = Context::from_waker(Waker::noop());
/// assert!(Future::poll(nothing.as_mut(), &mut cx).is_pending());
/// ```
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct SelectNothing(crate::nil::Nothing);

impl SelectNothing {
    /// A select that no case can end.
    ///
    /// # Examples
    ///
    /// ```
    /// let nothing = chan_core::select::SelectNothing::new();
    /// drop(nothing); // the only way out
    /// ```
    #[track_caller]
    #[allow(
        clippy::new_without_default,
        reason = "the place that makes it is part of it"
    )]
    pub fn new() -> Self {
        SelectNothing(crate::nil::Nothing::new(std::panic::Location::caller()))
    }
}

impl Future for SelectNothing {
    type Output = std::convert::Infallible;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the only field is pinned with the future.
        unsafe { self.as_ref().map_unchecked(|this| &this.0) }.list();
        Poll::Pending
    }
}
