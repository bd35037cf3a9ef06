//! The futures of single operations.
//!
//! Each tries its case as it is, and readies it for a wait only when it has to:
//! a future that is ready at once is little more than the call. What waits is a
//! [`TaskWait`] of one case; what is said there of dropping holds here.

use std::cell::OnceCell;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::case::{Alternative, RecvCase, SendCase};
use crate::case_list::{Cons, End, Won};
use crate::coop;
use crate::error::SendError;
use crate::face::{RecvFace, RustFace, SendFace};
use crate::task_wait::TaskWait;
use crate::waiting::Waiting;

/// What waits for one case.
type Wait<C> = TaskWait<Cons<End, <C as Alternative>::Waiting>, 1>;

/// One operation of a task.
struct Operation<C: Alternative> {
    has_deadline: bool,
    /// There until it waits, or is done. Not pinned.
    case: Option<C>,
    waiting: OnceCell<Wait<C>>,
}

impl<C: Alternative> Operation<C>
where
    C::Waiting: Waiting<Out = C::Result>,
{
    #[inline]
    fn new(case: C, has_deadline: bool) -> Self {
        Operation {
            has_deadline,
            case: Some(case),
            waiting: OnceCell::new(),
        }
    }

    /// What waits, if it does.
    #[inline]
    fn waiting(self: Pin<&mut Self>) -> Option<Pin<&Wait<C>>> {
        // SAFETY: `waiting` is pinned with `self` and never moved; neither type
        // has a Drop that could.
        unsafe {
            let wait = self.get_unchecked_mut().waiting.get()?;
            Some(Pin::new_unchecked(wait))
        }
    }

    /// The case, which has not come to wait.
    fn case(self: Pin<&mut Self>) -> &mut Option<C> {
        // SAFETY: the case is not pinned.
        unsafe { &mut self.get_unchecked_mut().case }
    }

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Result> {
        if let Some(wait) = self.as_mut().waiting() {
            // One case: there is nothing to choose.
            return wait.poll(cx, |_| 0).map(|Won::This(result)| result);
        }
        if coop::must_yield(cx) {
            return Poll::Pending;
        }
        let case = self.as_mut().case();
        if let Some(result) = case.as_ref().expect("polled after it was ready").attempt() {
            *case = None;
            coop::was_ready();
            return Poll::Ready(result);
        }
        self.begin_to_wait(cx)
    }

    #[inline(never)]
    #[track_caller]
    fn begin_to_wait(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<C::Result> {
        // SAFETY: `waiting` is pinned with `self` and never moved.
        let this = unsafe { self.get_unchecked_mut() };
        let case = this.case.take().expect("it is not done");
        let wait = this
            .waiting
            .get_or_init(|| TaskWait::operation(Cons(End, case.waiting()), this.has_deadline));
        // SAFETY: as above.
        let wait = unsafe { Pin::new_unchecked(wait) };
        wait.queue_up(cx).map(|Won::This(result)| result)
    }
}

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
    operation: Operation<RecvCase<'a, T, F>>,
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
    operation: Operation<SendCase<'a, T, F>>,
}

macro_rules! future_of_one {
    ($future:ident, $case:ident, $face:ident) => {
        impl<'a, T, F: $face<T>> $future<'a, T, F> {
            #[inline]
            pub(crate) fn new(case: $case<'a, T, F>) -> Self {
                Self::with_deadline(case, false)
            }

            /// Whether it waits for ever is for watchers to know; whoever
            /// makes it sees to the deadline.
            #[inline]
            pub(crate) fn with_deadline(case: $case<'a, T, F>, has_deadline: bool) -> Self {
                $future {
                    operation: Operation::new(case, has_deadline),
                }
            }

            #[inline]
            fn operation(self: Pin<&mut Self>) -> Pin<&mut Operation<$case<'a, T, F>>> {
                // SAFETY: the only field is pinned with the future: nothing
                // moves out of it, and neither type has a Drop that could.
                unsafe { self.map_unchecked_mut(|this| &mut this.operation) }
            }
        }

        impl<T, F: $face<T>> Future for $future<'_, T, F> {
            type Output = F::Out;

            #[inline]
            fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Out> {
                self.operation().poll(cx)
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

future_of_one!(RecvFuture, RecvCase, RecvFace);
future_of_one!(SendFuture, SendCase, SendFace);

impl<T, F: RecvFace<T>> RecvFuture<'_, T, F> {
    /// Stops waiting: the result, if it came before that.
    pub(crate) fn give_up(self: Pin<&mut Self>) -> Option<F::Out> {
        let mut operation = self.operation();
        match operation.as_mut().waiting() {
            Some(wait) => wait.give_up().map(|Won::This(result)| result),
            None => operation.case().take()?.attempt(),
        }
    }
}

impl<T, F: SendFace<T>> SendFuture<'_, T, F> {
    /// Stops waiting: the result, if it came before that, or the value.
    #[track_caller]
    pub(crate) fn give_up(self: Pin<&mut Self>) -> Result<F::Out, T> {
        let mut operation = self.operation();
        let value = match operation.as_mut().waiting() {
            Some(wait) => match wait.give_up() {
                Some(Won::This(result)) => return Ok(result),
                // SAFETY: that was the end of the wait.
                None => unsafe { wait.cases().1.disarm() },
            },
            None => {
                let case = operation.case().take().expect("it is not done");
                match case.attempt() {
                    Some(result) => return Ok(result),
                    None => case.into_value(),
                }
            }
        };
        Err(value.expect("it has not won"))
    }
}

impl<T> SendFuture<'_, T, RustFace> {
    /// Ends it in whatever state it is: the value, if it has not gone. It does
    /// not send what it has not tried to send, so nothing foreign is called.
    pub(crate) fn take_back(self: Pin<&mut Self>) -> Option<T> {
        let mut operation = self.operation();
        let Some(wait) = operation.as_mut().waiting() else {
            return operation.case().take()?.into_value();
        };
        if wait.is_parked()
            && let Some(Won::This(sent)) = wait.give_up()
        {
            return sent.err().map(SendError::into_inner);
        }
        // SAFETY: the wait is over.
        unsafe { wait.cases().1.disarm() }
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
