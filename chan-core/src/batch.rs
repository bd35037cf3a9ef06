//! Many values at a time: one lock and one pass of wakes for a batch, where
//! the values are there and there is room for them. And a send that makes
//! room for itself.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::bulk::Batch;
use crate::chan::{Chan, RecvChan, SendChan, send_on_closed};
use crate::error::{Empty, Full, SendError, TryRecvError, TrySendError};
use crate::face::{Closed, GoFace, RustFace, SendFace};
use crate::future::{RecvFuture, SendFuture};
use crate::hchan::Hchan;
use crate::nil;
use crate::receiver::Receiver;
use crate::results::Sent;
use crate::sender::Sender;
use crate::waiting::sent_on_closed;
use crate::waitq::{Direction, Site};

/// Sends all of `values`, waiting for room; false if the channel is closed.
fn send_all<T>(chan: Option<&Hchan<T>>, values: &mut VecDeque<T>, site: Site) -> bool {
    let Some(chan) = chan else {
        if !values.is_empty() {
            nil::wait(Direction::Send, None, site);
        }
        return true;
    };
    loop {
        match chan.send_batch(values) {
            Batch::Whole => return true,
            Batch::Closed => return false,
            Batch::Stuck => {}
        }
        let Some(value) = values.pop_front() else {
            return true;
        };
        if let Err((_, value)) = chan.send(value, None, site) {
            values.push_front(value);
            return false;
        }
    }
}

/// Receives up to `max` values, waiting for the first; how many.
fn recv_some<T>(chan: Option<&Hchan<T>>, values: &mut Vec<T>, max: usize, site: Site) -> usize {
    let before = values.len();
    let Some(chan) = chan else {
        if max > 0 {
            nil::wait(Direction::Recv, None, site);
        }
        return 0;
    };
    if chan.recv_batch(values, max) == Batch::Stuck && values.len() == before {
        let Ok(first) = chan.recv(None, site, drop) else {
            return 0;
        };
        values.push(first);
        chan.recv_batch(values, max - 1);
    }
    values.len() - before
}

/// The same in a task.
async fn recv_some_async<T>(
    chan: Option<&Hchan<T>>,
    values: &mut Vec<T>,
    max: usize,
    site: Site,
) -> usize {
    let before = values.len();
    let stuck = match chan {
        Some(chan) => chan.recv_batch(values, max) == Batch::Stuck,
        None => max > 0,
    };
    if stuck && values.len() == before {
        let first = RecvFuture::<_, RustFace>::new(chan, site, false).await;
        if let (Ok(first), Some(chan)) = (first, chan) {
            values.push(first);
            chan.recv_batch(values, max - 1);
        }
    }
    values.len() - before
}

/// What is there at this moment, and no more.
fn drain<T>(chan: Option<&Hchan<T>>) -> Drain<T> {
    let mut values = Vec::new();
    if let Some(chan) = chan {
        chan.recv_batch(&mut values, chan.ready());
    }
    Drain(values.into_iter())
}

/// The values that were in a channel; made by [`Receiver::drain`],
/// [`Chan::drain`] and [`RecvChan::drain`].
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::bounded(2);
/// tx.send_many(&mut [1, 2].into()).unwrap();
/// let values: chan_core::Drain<i32> = rx.drain();
/// assert_eq!(values.len(), 2);
/// ```
pub struct Drain<T>(std::vec::IntoIter<T>);

impl<T> Iterator for Drain<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<T> ExactSizeIterator for Drain<T> {}
impl<T> FusedIterator for Drain<T> {}

impl<T> fmt::Debug for Drain<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Drain({} left)", self.len())
    }
}

/// Sends many values from a task; made by [`Sender::send_many_async`],
/// [`Chan::send_many_async`] and [`SendChan::send_many_async`].
///
/// # Cancel safety
///
/// Dropping it at any time loses nothing: what has not been sent is in the
/// queue it was given, the one it was waiting to send included.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (tx, rx) = chan_core::bounded(2);
/// tx.send_many_async(&mut [1, 2].into()).await.unwrap();
/// assert_eq!(rx.len(), 2);
/// # });
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct SendManyFuture<'a, T, F: SendFace<()>> {
    chan: Option<&'a Hchan<T>>,
    values: &'a mut VecDeque<T>,
    site: Site,
    /// The one that waits for room. Pinned with the future.
    sending: Option<SendFuture<'a, T, RustFace>>,
    face: PhantomData<fn() -> F>,
}

impl<'a, T, F: SendFace<()>> SendManyFuture<'a, T, F> {
    fn new(chan: Option<&'a Hchan<T>>, values: &'a mut VecDeque<T>, site: Site) -> Self {
        SendManyFuture {
            chan,
            values,
            site,
            sending: None,
            face: PhantomData,
        }
    }

    /// All is sent, or the channel is closed.
    #[track_caller]
    fn end(chan: Option<&Hchan<T>>, site: Site, sent: bool) -> Poll<F::Reserved<()>> {
        let (false, Some(chan)) = (sent, chan) else {
            return Poll::Ready(F::reserved(()));
        };
        let caller = Location::caller();
        let text = || sent_on_closed(chan, site, caller);
        Poll::Ready(F::refused(Closed { text: &text }))
    }
}

impl<T, F: SendFace<()>> Future for SendManyFuture<'_, T, F> {
    type Output = F::Reserved<()>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `sending` is pinned with the future: it is polled and ended
        // in its place and never moved. The other fields are not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        loop {
            if let Some(sending) = &mut this.sending {
                // SAFETY: as above.
                let sent = ready!(unsafe { Pin::new_unchecked(sending) }.poll(cx));
                this.sending = None;
                if let Err(SendError(value)) = sent {
                    this.values.push_front(value);
                    return Self::end(this.chan, this.site, false);
                }
            }
            let batch = match this.chan {
                Some(chan) => chan.send_batch(this.values),
                None if this.values.is_empty() => Batch::Whole,
                None => Batch::Stuck,
            };
            match batch {
                Batch::Whole => return Self::end(this.chan, this.site, true),
                Batch::Closed => return Self::end(this.chan, this.site, false),
                Batch::Stuck => {}
            }
            let next = this.values.pop_front();
            this.sending = next.map(|value| SendFuture::new(this.chan, value, this.site, false));
        }
    }
}

impl<T, F: SendFace<()>> Drop for SendManyFuture<'_, T, F> {
    fn drop(&mut self) {
        let Some(sending) = &mut self.sending else {
            return;
        };
        // SAFETY: pinned with the future, which ends here; not moved.
        if let Some(value) = unsafe { Pin::new_unchecked(sending) }.take_back() {
            self.values.push_front(value);
        }
    }
}

impl<T, F: SendFace<()>> fmt::Debug for SendManyFuture<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendManyFuture")
    }
}

impl<T> Sender<T> {
    /// Sends a value without waiting. If there is no room the oldest value of
    /// the buffer leaves to make some, and is returned.
    ///
    /// # Errors
    ///
    /// [`Disconnected`](TrySendError::Disconnected) on a closed channel.
    /// [`Full`](TrySendError::Full) where room cannot be made: without a
    /// buffer, while others wait to send (they came first), or while every
    /// slot is promised to a [`Permit`](crate::Permit).
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(2);
    /// assert_eq!(tx.force_send(1), Ok(None));
    /// assert_eq!(tx.force_send(2), Ok(None));
    /// assert_eq!(tx.force_send(3), Ok(Some(1)));
    /// assert_eq!(rx.drain().collect::<Vec<_>>(), [2, 3]);
    /// ```
    pub fn force_send(&self, value: T) -> Result<Option<T>, TrySendError<T>> {
        let chan = self.chan().expect("a sender has a channel");
        chan.force_send(value).map_err(|refused| match refused {
            Sent::Closed(value) => TrySendError::Disconnected(value),
            Sent::Full(value) => TrySendError::Full(value),
            Sent::Done(_) => unreachable!("that is no refusal"),
        })
    }

    /// Sends all of `values`, in their order, waiting for room. They leave
    /// the queue from its front as they are sent.
    ///
    /// # Errors
    ///
    /// The channel is closed, or closes while this waits: what was not sent
    /// is still in `values`.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(8);
    /// tx.send_many(&mut (1..=5).collect()).unwrap();
    /// assert_eq!(rx.drain().sum::<i32>(), 15);
    /// ```
    #[track_caller]
    pub fn send_many(&self, values: &mut VecDeque<T>) -> Result<(), SendError<()>> {
        match send_all(self.chan(), values, Location::caller()) {
            true => Ok(()),
            false => Err(SendError(())),
        }
    }

    /// Sends as many of `values` as there is room for; how many.
    ///
    /// # Errors
    ///
    /// The channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, _rx) = chan_core::bounded(3);
    /// let mut values = (1..=5).collect();
    /// assert_eq!(tx.try_send_many(&mut values), Ok(3));
    /// assert_eq!(values, [4, 5]);
    /// ```
    pub fn try_send_many(&self, values: &mut VecDeque<T>) -> Result<usize, SendError<()>> {
        let before = values.len();
        let chan = self.chan().expect("a sender has a channel");
        match chan.send_batch(values) {
            Batch::Closed if values.len() == before => Err(SendError(())),
            _ => Ok(before - values.len()),
        }
    }

    /// Sends all of `values` from a task, as [`Sender::send_many`] does.
    ///
    /// # Errors
    ///
    /// As for [`Sender::send_many`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future at any time loses nothing. See [`SendManyFuture`].
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (tx, rx) = chan_core::bounded(8);
    /// tx.send_many_async(&mut (1..=5).collect()).await.unwrap();
    /// assert_eq!(rx.drain().sum::<i32>(), 15);
    /// # });
    /// ```
    #[track_caller]
    pub fn send_many_async<'a>(
        &'a self,
        values: &'a mut VecDeque<T>,
    ) -> SendManyFuture<'a, T, RustFace> {
        SendManyFuture::new(self.chan(), values, Location::caller())
    }
}

macro_rules! go_sends_many {
    ($face:ident, $make:literal) => {
        impl<T> $face<T> {
            /// Sends a value without waiting. If there is no room the oldest
            /// value of the buffer leaves to make some, and is returned.
            ///
            /// # Errors
            ///
            /// [`Full`] where room cannot be made: without a buffer, while
            /// others wait to send (they came first), while every slot is
            /// promised to a [`Permit`](crate::Permit), or on nil.
            ///
            /// # Panics
            ///
            /// `send on closed channel`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert_eq!(it.force_send(1), Ok(None));
            /// assert_eq!(it.force_send(2), Ok(None));
            /// assert_eq!(it.force_send(3), Ok(Some(1)));
            /// ```
            #[track_caller]
            pub fn force_send(&self, value: T) -> Result<Option<T>, Full<T>> {
                let Some(chan) = self.chan() else {
                    return Err(Full(value));
                };
                match chan.force_send(value) {
                    Ok(oldest) => Ok(oldest),
                    Err(Sent::Full(value)) => Err(Full(value)),
                    Err(Sent::Closed(value)) => send_on_closed(chan, value, Location::caller()),
                    Err(Sent::Done(_)) => unreachable!("that is no refusal"),
                }
            }

            /// Sends all of `values`, in their order, waiting for room. They
            /// leave the queue from its front as they are sent. On nil it
            /// waits for ever.
            ///
            /// # Panics
            ///
            /// `send on closed channel`, also if it is closed while this
            /// waits. What was not sent is still in `values`.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// it.send_many(&mut [1, 2].into());
            /// assert_eq!(it.len(), 2);
            /// ```
            #[track_caller]
            pub fn send_many(&self, values: &mut VecDeque<T>) {
                let site = Location::caller();
                if let (false, Some(chan)) = (send_all(self.chan(), values, site), self.chan()) {
                    send_on_closed(chan, (), site)
                }
            }

            /// Sends as many of `values` as there is room for; how many.
            ///
            /// # Panics
            ///
            /// `send on closed channel`, if there is a value to send.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert_eq!(it.try_send_many(&mut [1, 2, 3].into()), 2);
            /// ```
            #[track_caller]
            pub fn try_send_many(&self, values: &mut VecDeque<T>) -> usize {
                let before = values.len();
                let Some(chan) = self.chan() else {
                    return 0;
                };
                match chan.send_batch(values) {
                    Batch::Closed if values.len() == before => {
                        send_on_closed(chan, (), Location::caller())
                    }
                    _ => before - values.len(),
                }
            }

            /// Sends all of `values` from a task, as
            /// [`send_many`](Self::send_many) does.
            ///
            /// # Panics
            ///
            /// When polled: `send on closed channel`.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future at any time loses nothing. See
            /// [`SendManyFuture`].
            ///
            /// # Examples
            ///
            /// ```
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// it.send_many_async(&mut [1, 2].into()).await;
            /// assert_eq!(it.len(), 2);
            /// # });
            /// ```
            #[track_caller]
            pub fn send_many_async<'a>(
                &'a self,
                values: &'a mut VecDeque<T>,
            ) -> SendManyFuture<'a, T, GoFace> {
                SendManyFuture::new(self.chan(), values, Location::caller())
            }
        }
    };
}

go_sends_many!(Chan, "let it = chan_core::Chan::<i32>::new(2);");
go_sends_many!(
    SendChan,
    "let (it, _rx) = chan_core::Chan::<i32>::new(2).split();"
);

macro_rules! receives_many {
    ($face:ident, $make:literal) => {
        impl<T> $face<T> {
            /// Receives up to `max` values to the end of `values`, waiting for
            /// the first if there is none; how many. 0 says that the channel
            /// is closed and drained (or that `max` is 0).
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// let mut values = Vec::new();
            /// assert_eq!(it.recv_many(&mut values, 2), 2);
            /// assert_eq!(it.recv_many(&mut values, 2), 1);
            /// assert_eq!(values, [1, 2, 3]);
            /// ```
            #[track_caller]
            pub fn recv_many(&self, values: &mut Vec<T>, max: usize) -> usize {
                recv_some(self.chan(), values, max, Location::caller())
            }

            /// Receives up to `max` values in a task, as
            /// [`recv_many`](Self::recv_many) does.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future at any time loses nothing: what was
            /// received is in `values`.
            ///
            /// # Examples
            ///
            /// ```
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// let mut values = Vec::new();
            /// assert_eq!(it.recv_many_async(&mut values, 8).await, 3);
            /// # });
            /// ```
            #[track_caller]
            pub fn recv_many_async<'a>(
                &'a self,
                values: &'a mut Vec<T>,
                max: usize,
            ) -> impl Future<Output = usize> + use<'a, T> {
                recv_some_async(self.chan(), values, max, Location::caller())
            }

            /// Takes all values that are there, those of waiting senders
            /// included. What is sent later stays.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// assert_eq!(it.drain().collect::<Vec<_>>(), [1, 2, 3]);
            /// assert!(it.is_empty());
            /// ```
            pub fn drain(&self) -> Drain<T> {
                drain(self.chan())
            }
        }
    };
}

receives_many!(
    Receiver,
    "let (tx, it) = chan_core::bounded(4);
(1..=3).for_each(|n| tx.send(n).unwrap());"
);
receives_many!(
    Chan,
    "let it = chan_core::Chan::new(4);
(1..=3).for_each(|n| it.send(n));"
);
receives_many!(
    RecvChan,
    "let (tx, it) = chan_core::Chan::new(4).split();
(1..=3).for_each(|n| tx.send(n));"
);

impl<T> Receiver<T> {
    /// Receives up to `max` values to the end of `values`, without waiting;
    /// how many, one at least.
    ///
    /// # Errors
    ///
    /// As for [`Receiver::try_recv`].
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(4);
    /// let mut values = Vec::new();
    /// assert!(rx.try_recv_many(&mut values, 8).unwrap_err().is_empty());
    /// tx.send(1).unwrap();
    /// assert_eq!(rx.try_recv_many(&mut values, 8), Ok(1));
    /// ```
    pub fn try_recv_many(&self, values: &mut Vec<T>, max: usize) -> Result<usize, TryRecvError> {
        let before = values.len();
        let Some(chan) = self.chan() else {
            return Err(TryRecvError::Empty);
        };
        match (chan.recv_batch(values, max), values.len() - before) {
            (Batch::Closed, 0) => Err(TryRecvError::Disconnected),
            (Batch::Stuck, 0) => Err(TryRecvError::Empty),
            (_, received) => Ok(received),
        }
    }
}

macro_rules! go_tries_many {
    ($face:ident, $make:literal) => {
        impl<T> $face<T> {
            /// Receives up to `max` values to the end of `values`, without
            /// waiting; how many. `Ok(0)` is closed and drained (or `max` is
            /// 0).
            ///
            /// # Errors
            ///
            /// [`Empty`] if it would have to wait.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// let mut values = Vec::new();
            /// assert_eq!(it.try_recv_many(&mut values, 8), Ok(1));
            /// assert!(it.try_recv_many(&mut values, 8).is_err());
            /// ```
            pub fn try_recv_many(&self, values: &mut Vec<T>, max: usize) -> Result<usize, Empty> {
                let before = values.len();
                let Some(chan) = self.chan() else {
                    return Err(Empty);
                };
                match (chan.recv_batch(values, max), values.len() - before) {
                    (Batch::Stuck, 0) => Err(Empty),
                    (_, received) => Ok(received),
                }
            }
        }
    };
}

go_tries_many!(
    Chan,
    "let it = chan_core::Chan::new(4);
it.send(1);"
);
go_tries_many!(
    RecvChan,
    "let (tx, it) = chan_core::Chan::new(4).split();
tx.send(1);"
);
