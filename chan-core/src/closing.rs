//! Waiting for a channel to close.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::chan::{Chan, RecvChan, SendChan};
use crate::grant::CloseStep;
use crate::hchan::Hchan;
use crate::nil;
use crate::operation::Operation;
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::waitq::{Direction, Site};

/// Waits for a channel to close; made by [`Sender::closed`] and its siblings.
///
/// # Cancel safety
///
/// Dropping it at any time leaves no trace.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (tx, rx) = chan_core::bounded::<u8>(1);
/// let closed: chan_core::ClosedFuture<'_, u8> = tx.closed();
/// drop(rx);
/// closed.await;
/// # });
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct ClosedFuture<'a, T> {
    operation: Operation<CloseStep<'a, T>>,
}

impl<'a, T> ClosedFuture<'a, T> {
    fn new(chan: Option<&'a Hchan<T>>, site: Site) -> Self {
        ClosedFuture {
            operation: Operation::new(CloseStep::new(chan), site, false),
        }
    }
}

impl<T> Future for ClosedFuture<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the only field is pinned with the future: nothing moves out
        // of it, and the future has no Drop that could.
        unsafe { self.into_ref().map_unchecked(|this| &this.operation) }.poll(cx)
    }
}

impl<T> fmt::Debug for ClosedFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClosedFuture")
    }
}

/// Waits for the close; whether it came in time.
fn wait<T>(chan: Option<&Hchan<T>>, deadline: Option<Instant>, site: Site) -> bool {
    match chan {
        Some(chan) => chan.wait_closed(deadline, site),
        None => {
            nil::wait(Direction::Close, deadline, site);
            false
        }
    }
}

macro_rules! waits_for_the_close {
    ($face:ident, $what:literal, $make:literal) => {
        impl<T> $face<T> {
            #[doc = $what]
            ///
            /// # Cancel safety
            ///
            /// Dropping the future at any time leaves no trace.
            ///
            /// # Examples
            ///
            /// ```
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// close();
            /// it.closed().await;
            /// assert!(it.is_closed());
            /// # });
            /// ```
            #[track_caller]
            pub fn closed(&self) -> ClosedFuture<'_, T> {
                ClosedFuture::new(self.chan(), Location::caller())
            }

            /// The same, by a thread.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// close();
            /// it.wait_closed();
            /// assert!(it.is_closed());
            /// ```
            #[track_caller]
            pub fn wait_closed(&self) {
                wait(self.chan(), None, Location::caller());
            }

            /// The same, waiting no longer than `timeout`: whether it is
            /// closed.
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Duration;
            #[doc = $make]
            /// assert!(!it.wait_closed_timeout(Duration::from_millis(5)));
            /// close();
            /// assert!(it.wait_closed_timeout(Duration::from_millis(5)));
            /// ```
            #[track_caller]
            pub fn wait_closed_timeout(&self, timeout: Duration) -> bool {
                // A time beyond the clock's end never comes.
                let deadline = Instant::now().checked_add(timeout);
                wait(self.chan(), deadline, Location::caller())
            }
        }
    };
}

waits_for_the_close!(
    Sender,
    "Waits until the channel is closed: by somebody, or because the last
receiver is gone. What is in it may still be received.",
    "let (it, rx) = chan_core::bounded::<u8>(4);
let close = || drop(rx);"
);
waits_for_the_close!(
    Receiver,
    "Waits until the channel is closed: by somebody, or because the last
sender is gone. What is in it may still be received.",
    "let (tx, it) = chan_core::bounded::<u8>(4);
let close = || drop(tx);"
);
waits_for_the_close!(
    Chan,
    "Waits until somebody closes the channel; on nil for ever. What is in it
may still be received.",
    "let it = chan_core::Chan::<u8>::new(4);
let close = || it.close();"
);
waits_for_the_close!(
    SendChan,
    "Waits until somebody closes the channel; on nil for ever. What is in it
may still be received.",
    "let (it, _rx) = chan_core::Chan::<u8>::new(4).split();
let close = || it.close();"
);
waits_for_the_close!(
    RecvChan,
    "Waits until somebody closes the channel; on nil for ever. What is in it
may still be received.",
    "let (tx, it) = chan_core::Chan::<u8>::new(4).split();
let close = || tx.close();"
);
