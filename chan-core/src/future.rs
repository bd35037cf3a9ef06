//! The futures of sends and receives: an [`Operation`] each; what is said there
//! of dropping holds here.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::case::{RecvCase, SendCase};
use crate::error::SendError;
use crate::face::{RecvFace, RustFace, SendFace};
use crate::hchan::Hchan;
use crate::operation::Operation;
use crate::steps::{RecvStep, SendStep};
use crate::waitq::Site;

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
    operation: Operation<RecvStep<'a, T, F>>,
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
    operation: Operation<SendStep<'a, T, F>>,
}

impl<'a, T, F: RecvFace<T>> RecvFuture<'a, T, F> {
    /// Whether it waits for ever is for watchers to know; whoever makes it sees
    /// to the deadline.
    #[inline(always)]
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, site: Site, has_deadline: bool) -> Self {
        RecvFuture {
            operation: Operation::new(RecvStep::new(chan), site, has_deadline),
        }
    }

    /// Stops waiting: the result, if it came before that.
    pub(crate) fn give_up(self: Pin<&mut Self>) -> Option<F::Out> {
        self.operation().give_up()
    }
}

impl<'a, T, F: SendFace<T>> SendFuture<'a, T, F> {
    /// As [`RecvFuture::new`].
    #[inline(always)]
    pub(crate) fn new(
        chan: Option<&'a Hchan<T>>,
        value: T,
        site: Site,
        has_deadline: bool,
    ) -> Self {
        SendFuture {
            operation: Operation::new(SendStep::new(chan, value), site, has_deadline),
        }
    }

    /// Stops waiting: the result, if it came before that, or the value.
    #[track_caller]
    pub(crate) fn give_up(self: Pin<&mut Self>) -> Result<F::Out, T> {
        let operation = self.operation();
        if let Some(result) = operation.give_up() {
            return Ok(result);
        }
        // SAFETY: the wait is over.
        let value = unsafe { operation.step().take_out() };
        Err(value.expect("it is not done"))
    }
}

impl<T> SendFuture<'_, T, RustFace> {
    /// Ends it in whatever state it is: the value, if it has not gone. It does
    /// not send what it has not tried to send, so nothing foreign is called.
    pub(crate) fn take_back(self: Pin<&mut Self>) -> Option<T> {
        let operation = self.operation();
        if operation.is_parked()
            && let Some(sent) = operation.give_up()
        {
            return sent.err().map(SendError::into_inner);
        }
        // SAFETY: the wait is over.
        unsafe { operation.step().take_out() }
    }
}

macro_rules! future_of_one {
    ($future:ident, $step:ident, $face:ident) => {
        impl<'a, T, F: $face<T>> $future<'a, T, F> {
            #[inline(always)]
            fn operation(self: Pin<&mut Self>) -> Pin<&Operation<$step<'a, T, F>>> {
                // SAFETY: the only field is pinned with the future: nothing
                // moves out of it, and the future has no Drop that could.
                unsafe { self.into_ref().map_unchecked(|this| &this.operation) }
            }
        }

        impl<T, F: $face<T>> Future for $future<'_, T, F> {
            type Output = F::Out;

            #[inline]
            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Out> {
                self.operation().poll(cx)
            }
        }

        impl<T, F: $face<T>> fmt::Debug for $future<'_, T, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($future))
            }
        }
    };
}

future_of_one!(RecvFuture, RecvStep, RecvFace);
future_of_one!(SendFuture, SendStep, SendFace);

/// The case alone: what a select of this one case would do.
impl<'a, T, F: RecvFace<T>> IntoFuture for RecvCase<'a, T, F> {
    type Output = F::Out;
    type IntoFuture = RecvFuture<'a, T, F>;

    fn into_future(self) -> RecvFuture<'a, T, F> {
        let (chan, site) = self.into_parts();
        RecvFuture::new(chan, site, false)
    }
}

/// The case alone: what a select of this one case would do.
impl<'a, T, F: SendFace<T>> IntoFuture for SendCase<'a, T, F> {
    type Output = F::Out;
    type IntoFuture = SendFuture<'a, T, F>;

    fn into_future(self) -> SendFuture<'a, T, F> {
        let (chan, value, site) = self.into_parts();
        SendFuture::new(chan, value.expect("it has not gone"), site, false)
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
        let site = std::panic::Location::caller();
        SelectNothing(crate::nil::Nothing::new(site, false))
    }
}

impl Future for SelectNothing {
    type Output = std::convert::Infallible;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the only field is pinned with the future.
        unsafe { self.as_ref().map_unchecked(|this| &this.0) }.list(cx);
        Poll::Pending
    }
}

/// They are moved before they wait, so their size counts.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(cfg!(loom) || size_of::<RecvFuture<'_, u64, crate::face::RustFace>>() <= 112);
    assert!(cfg!(loom) || size_of::<SendFuture<'_, u64, crate::face::RustFace>>() <= 120);
};
