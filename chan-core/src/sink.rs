//! Channels as a `Sink` (feature `futures`).
//!
//! A sink has one wait of its own, as a stream has, and holds one value at
//! most: that which waits for room.

use std::convert::Infallible;
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;

use crate::chan::{Chan, SendChan};
use crate::coop;
use crate::error::SendError;
use crate::face::{GoFace, RustFace, SendFace};
use crate::future::SendFuture;
use crate::handle::{Handle, TX};
use crate::hchan::Hchan;
use crate::lease::Lease;
use crate::results::Refused;
use crate::sender::Sender;
use crate::waitq::Site;

/// Sends what is put into it; made by [`Sender::sink`], [`Sender::into_sink`]
/// and their siblings. On nil it waits for ever.
///
/// Flushing waits until the last value is in the channel (or, without a
/// buffer, received). Closing the sink flushes it and gives up its own handle,
/// if it has one; it does not close the channel for others.
///
/// # Errors
///
/// With Rust's manners: the channel is closed, and the value comes back.
///
/// # Panics
///
/// With Go's manners: `send on closed channel`. With both, when a value is put
/// in before the sink said that it is ready, or after it was closed.
///
/// # Cancel safety
///
/// Dropped while a value waits for room, it drops that value.
///
/// # Examples
///
/// ```
/// use futures_util::SinkExt;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (tx, rx) = chan_core::bounded(1);
/// tx.sink().send(1).await.unwrap();
/// assert_eq!(rx.recv(), Ok(1));
/// # });
/// ```
#[must_use = "sinks do nothing unless polled"]
pub struct SendSink<'a, T, F: SendFace<T>> {
    // Before `owner`: the wait ends before what it waits on.
    send: Option<Pin<Box<SendFuture<'a, T, F>>>>,
    sending: bool,
    closed: bool,
    chan: Option<Lease<'a, T>>,
    site: Site,
    /// Keeps `chan` alive, if nobody else does.
    owner: Option<Handle<T, TX>>,
}

/// How a face says that a sink failed.
///
/// # Examples
///
/// ```
/// use chan_core::{SinkFace, select::RustFace};
///
/// assert_eq!(<RustFace as SinkFace<u8>>::sunk(Ok(())), Ok(()));
/// ```
pub trait SinkFace<T>: SendFace<T> {
    /// What went wrong.
    type Error;
    /// The result of a send as that of a sink.
    fn sunk(out: Self::Out) -> Result<(), Self::Error>;
}

impl<T> SinkFace<T> for RustFace {
    type Error = SendError<T>;

    fn sunk(out: Result<(), SendError<T>>) -> Result<(), SendError<T>> {
        out
    }
}

impl<T> SinkFace<T> for GoFace {
    type Error = Infallible;

    fn sunk((): ()) -> Result<(), Infallible> {
        Ok(())
    }
}

impl<'a, T, F: SendFace<T>> SendSink<'a, T, F> {
    fn borrowed(chan: Option<&'a Hchan<T>>, site: Site) -> Self {
        SendSink {
            send: None,
            sending: false,
            closed: false,
            chan: chan.map(Lease::of),
            site,
            owner: None,
        }
    }

    fn owned(owner: Option<Handle<T, TX>>, site: Site) -> Self {
        // SAFETY: as for a stream: the handle lives in the sink, behind
        // everything that uses the lease, and `'a` is not longer than `T`
        // lives.
        let chan = owner.as_ref().map(|owner| unsafe { owner.lease() });
        SendSink {
            chan,
            owner,
            ..SendSink::borrowed(None, site)
        }
    }

    /// Has a value wait for room.
    fn arm(&mut self, value: T) {
        let send = SendFuture::new(self.chan.map(Lease::chan), value, self.site, false);
        match &mut self.send {
            Some(slot) => slot.set(send),
            None => self.send = Some(Box::pin(send)),
        }
        self.sending = true;
    }
}

impl<T, F: SinkFace<T>> Sink<T> for SendSink<'_, T, F> {
    type Error = F::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), F::Error>> {
        if !self.sending && coop::must_yield(cx) {
            return Poll::Pending;
        }
        self.as_mut().poll_flush(cx)
    }

    fn start_send(self: Pin<&mut Self>, value: T) -> Result<(), F::Error> {
        let this = self.get_mut();
        assert!(!this.closed, "a sink that was closed takes no more values");
        assert!(!this.sending, "a sink takes a value when it is ready");
        let sent = match this.chan {
            Some(lease) => lease.chan().try_send(value),
            None => Err(Refused::Full(value)),
        };
        match sent {
            Ok(()) => coop::was_ready(),
            // The next flush waits, or says in the manners of the channel
            // that it is closed.
            Err(Refused::Full(value) | Refused::Closed(value)) => this.arm(value),
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), F::Error>> {
        let this = self.get_mut();
        if !this.sending {
            return Poll::Ready(Ok(()));
        }
        let send = this.send.as_mut().expect("it sends");
        let out = ready!(send.as_mut().poll(cx));
        this.sending = false;
        Poll::Ready(F::sunk(out))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), F::Error>> {
        let flushed = ready!(self.as_mut().poll_flush(cx));
        let this = self.get_mut();
        this.closed = true;
        // In this order: the wait ends before what it waits on.
        this.send = None;
        this.chan = None;
        this.owner = None;
        Poll::Ready(flushed)
    }
}

impl<T, F: SendFace<T>> fmt::Debug for SendSink<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendSink")
            .field("sending", &self.sending)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

macro_rules! sinks {
    ($face:ident, $manners:ident, $owner:expr, $make:literal, $rest:literal) => {
        impl<T> $face<T> {
            /// The sending side as a sink.
            ///
            /// # Examples
            ///
            /// ```
            /// use futures_util::{SinkExt, stream};
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// it.sink().send_all(&mut stream::iter([1, 2]).map(Ok)).await.unwrap();
            #[doc = $rest]
            /// # use futures_util::StreamExt;
            /// # });
            /// ```
            #[track_caller]
            pub fn sink(&self) -> SendSink<'_, T, $manners> {
                SendSink::borrowed(self.chan(), Location::caller())
            }

            /// The same, with a sending handle of its own in place of this
            /// one, which it gives up when it is closed.
            ///
            /// # Examples
            ///
            /// ```
            /// use futures_util::SinkExt;
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// let mut sink = it.into_sink();
            /// sink.send(1).await.unwrap();
            /// sink.send(2).await.unwrap();
            /// sink.close().await.unwrap();
            #[doc = $rest]
            /// # });
            /// ```
            #[track_caller]
            pub fn into_sink<'a>(self) -> SendSink<'a, T, $manners>
            where
                T: 'a,
            {
                let own: fn(&Self) -> Option<Handle<T, TX>> = $owner;
                SendSink::owned(own(&self), Location::caller())
            }
        }
    };
}

sinks!(
    Sender,
    RustFace,
    |it| it.handle().cloned(),
    "let (it, rx) = chan_core::bounded(2);",
    "assert_eq!(rx.drain().collect::<Vec<_>>(), [1, 2]);"
);
sinks!(
    SendChan,
    GoFace,
    |it| it.handle().cloned(),
    "let (it, rx) = chan_core::Chan::new(2).split();",
    "assert_eq!(rx.drain().collect::<Vec<_>>(), [1, 2]);"
);
sinks!(
    Chan,
    GoFace,
    |it| it.handle().map(Handle::narrowed),
    "let it = chan_core::Chan::new(2);
let rx = it.receiver();",
    "assert_eq!(rx.drain().collect::<Vec<_>>(), [1, 2]);"
);
