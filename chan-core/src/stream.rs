//! Channels as a `Stream` (feature `futures`).
//!
//! A stream has one wait of its own, allocated when it first has to wait and
//! used again for every wait after that: polling it often leaves nothing
//! behind, and between polls it keeps its place in the queue.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_core::stream::FusedStream;

use crate::chan::{Chan, RecvChan};
use crate::coop;
use crate::face::RustFace;
use crate::future::RecvFuture;
use crate::handle::{Handle, RX};
use crate::hchan::Hchan;
use crate::lease::Lease;
use crate::receiver::Receiver;
use crate::results::Nothing;
use crate::waitq::Site;

/// The values of a channel until it is closed and drained; made by
/// [`Receiver::stream`], [`Receiver::into_stream`] and their siblings. On nil
/// it waits for ever.
///
/// # Cancel safety
///
/// Dropping it, or a future that waits for its next value, at any time loses
/// nothing: a value it was handed and has not returned goes to the next
/// receiver.
///
/// # Examples
///
/// ```
/// use futures_util::StreamExt;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (tx, rx) = chan_core::bounded(1);
/// tx.send(1).unwrap();
/// assert_eq!(rx.stream().next().await, Some(1));
/// # });
/// ```
#[must_use = "streams do nothing unless polled"]
pub struct RecvStream<'a, T> {
    // Before `_owner`: the wait ends before what it waits on.
    wait: Option<Pin<Box<RecvFuture<'a, T, RustFace>>>>,
    waiting: bool,
    ended: bool,
    chan: Option<Lease<'a, T>>,
    site: Site,
    /// Keeps `chan` alive, if nobody else does; for its drop.
    _owner: Option<Handle<T, RX>>,
}

impl<'a, T> RecvStream<'a, T> {
    fn borrowed(chan: Option<&'a Hchan<T>>, site: Site) -> Self {
        RecvStream {
            wait: None,
            waiting: false,
            ended: false,
            chan: chan.map(Lease::of),
            site,
            _owner: None,
        }
    }

    fn owned(owner: Option<Handle<T, RX>>, site: Site) -> Self {
        // SAFETY: the handle lives in the stream, behind everything that uses
        // the lease, which never leaves the stream. `'a` is not longer than
        // `T` lives.
        let chan = owner.as_ref().map(|owner| unsafe { owner.lease() });
        RecvStream {
            chan,
            _owner: owner,
            ..RecvStream::borrowed(None, site)
        }
    }

    /// What is there at once, if anything: the answer of `poll_next`.
    fn look(&mut self, chan: &'a Hchan<T>) -> Option<Option<T>> {
        let value = match chan.try_recv() {
            Ok(value) => value,
            Err(Nothing::Closed) => {
                self.ended = true;
                return Some(None);
            }
            Err(Nothing::Empty) => return None,
        };
        coop::was_ready();
        Some(Some(value))
    }
}

impl<T> Stream for RecvStream<'_, T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        if !this.waiting {
            if coop::must_yield(cx) {
                return Poll::Pending;
            }
            if let Some(answer) = this.chan.and_then(|chan| this.look(chan.chan())) {
                return Poll::Ready(answer);
            }
            let receive = RecvFuture::new(this.chan.map(Lease::chan), this.site, false);
            match &mut this.wait {
                Some(wait) => wait.set(receive),
                None => this.wait = Some(Box::pin(receive)),
            }
            this.waiting = true;
        }
        let wait = this.wait.as_mut().expect("it waits");
        let received = ready!(wait.as_mut().poll(cx));
        this.waiting = false;
        this.ended = received.is_err();
        Poll::Ready(received.ok())
    }
}

impl<T> FusedStream for RecvStream<'_, T> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<T> fmt::Debug for RecvStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvStream")
            .field("waiting", &self.waiting)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

macro_rules! streams {
    ($face:ident, $owner:expr, $make:literal) => {
        impl<T> $face<T> {
            /// The values as a stream, until the channel is closed and
            /// drained.
            ///
            /// # Examples
            ///
            /// ```
            /// use futures_util::StreamExt;
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// let values: Vec<i32> = it.stream().collect().await;
            /// assert_eq!(values, [1, 2]);
            /// # });
            /// ```
            #[track_caller]
            pub fn stream(&self) -> RecvStream<'_, T> {
                RecvStream::borrowed(self.chan(), Location::caller())
            }

            /// The same, with a receiving handle of its own in place of this
            /// one.
            ///
            /// # Examples
            ///
            /// ```
            /// use futures_util::StreamExt;
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// let values: Vec<i32> = it.into_stream().collect().await;
            /// assert_eq!(values, [1, 2]);
            /// # });
            /// ```
            #[track_caller]
            pub fn into_stream<'a>(self) -> RecvStream<'a, T>
            where
                T: 'a,
            {
                let own: fn(&Self) -> Option<Handle<T, RX>> = $owner;
                RecvStream::owned(own(&self), Location::caller())
            }
        }
    };
}

streams!(
    Receiver,
    |it| it.handle().cloned(),
    "let (tx, it) = chan_core::bounded(2);
tx.send_many(&mut [1, 2].into()).unwrap();
drop(tx);"
);
streams!(
    RecvChan,
    |it| it.handle().cloned(),
    "let (tx, it) = chan_core::Chan::new(2).split();
tx.send_many(&mut [1, 2].into());
tx.close();"
);
streams!(
    Chan,
    |it| it.handle().map(Handle::narrowed),
    "let it = chan_core::Chan::new(2);
it.send_many(&mut [1, 2].into());
it.close();"
);
