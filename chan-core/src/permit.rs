//! Permits: room that is reserved now and used, or not, later.
//!
//! A permit is a credit, not a slot: values and permits together never exceed
//! the capacity, and the value takes its place in the queue when it is sent.

use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::blocking::Stop;
use crate::chan::{Chan, SendChan, send_on_closed};
use crate::error::{Full, SendError, SendTimedOut, SendTimeoutError, TrySendError};
use crate::face::{Closed, GoFace, RustFace, SendFace};
use crate::grant::ReserveStep;
use crate::handle::{ALL, Handle, TX};
use crate::hchan::Hchan;
use crate::nil;
use crate::operation::Operation;
use crate::results::Reserved;
use crate::sender::Sender;
use crate::waiting::sent_on_closed;
use crate::waitq::{Direction, Site};

/// A handle that can send, of either kind.
pub(crate) enum SendingHandle<'a, T> {
    Tx(&'a Handle<T, TX>),
    All(&'a Handle<T, ALL>),
}

impl<T> Clone for SendingHandle<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SendingHandle<'_, T> {}

impl<'a, T> SendingHandle<'a, T> {
    fn chan(self) -> &'a Hchan<T> {
        match self {
            SendingHandle::Tx(handle) => handle.chan(),
            SendingHandle::All(handle) => handle.chan(),
        }
    }

    fn owned(self) -> Handle<T, TX> {
        match self {
            SendingHandle::Tx(handle) => handle.narrowed(),
            SendingHandle::All(handle) => handle.narrowed(),
        }
    }
}

/// Room for one value: [`send`](Permit::send) puts it there without waiting.
///
/// Made by [`Sender::reserve`] and its siblings, and by [`Chan::reserve`].
/// Dropped unused, the room goes to whoever waits for some. A permit that is
/// forgotten keeps its room for as long as the channel lives.
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::bounded(1);
/// let permit = tx.reserve().unwrap();
/// assert!(tx.try_send(1).is_err(), "the only slot is promised");
/// permit.send(2).unwrap();
/// assert_eq!(rx.recv(), Ok(2));
/// ```
#[must_use = "a permit that is dropped gives its room back"]
pub struct Permit<'a, T>(SendingHandle<'a, T>);

/// A [`Permit`] that owns a handle of its channel; made by
/// [`Permit::into_owned`].
///
/// # Examples
///
/// ```
/// let (tx, rx) = chan_core::bounded(1);
/// let permit = tx.reserve().unwrap().into_owned();
/// std::thread::spawn(move || permit.send("from afar"));
/// assert_eq!(rx.recv(), Ok("from afar"));
/// ```
#[must_use = "a permit that is dropped gives its room back"]
pub struct OwnedPermit<T>(Option<Handle<T, TX>>);

impl<T> Permit<'_, T> {
    /// Sends a value into the room that is reserved. It never waits.
    ///
    /// # Errors
    ///
    /// The channel has been closed meanwhile: the value comes back, with
    /// either kind of handle.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(1);
    /// let permit = chan.reserve();
    /// chan.close();
    /// assert_eq!(permit.send(1).unwrap_err().into_inner(), 1);
    /// ```
    pub fn send(self, value: T) -> Result<(), SendError<T>> {
        let handle = self.0;
        // It is spent, whatever becomes of the value.
        mem::forget(self);
        handle.chan().send_permitted(value).map_err(SendError)
    }

    /// The same permit with a handle of its own, to be sent elsewhere.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(1);
    /// let permit = tx.reserve().unwrap().into_owned();
    /// drop(tx);
    /// assert!(!rx.is_closed(), "the permit can still send");
    /// permit.send(1).unwrap();
    /// assert_eq!(rx.recv(), Ok(1));
    /// ```
    pub fn into_owned(self) -> OwnedPermit<T> {
        let owned = OwnedPermit(Some(self.0.owned()));
        mem::forget(self);
        owned
    }
}

impl<T> OwnedPermit<T> {
    /// Sends a value into the room that is reserved, as [`Permit::send`] does.
    ///
    /// # Errors
    ///
    /// The channel has been closed meanwhile: the value comes back.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(1);
    /// tx.reserve().unwrap().into_owned().send(1).unwrap();
    /// assert_eq!(rx.recv(), Ok(1));
    /// ```
    pub fn send(mut self, value: T) -> Result<(), SendError<T>> {
        // Taken out, so that the drop has nothing to give back.
        let handle = self.0.take().expect("it is spent once");
        handle.chan().send_permitted(value).map_err(SendError)
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.0.chan().release();
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.chan().release();
        }
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Permit")
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedPermit").field(&self.0).finish()
    }
}

/// Waits for a permit; made by [`Sender::reserve_async`] and
/// [`Chan::reserve_async`].
///
/// # Cancel safety
///
/// Dropping it at any time leaves no trace: a permit it was granted and has
/// not returned goes to the next who waits. Beside foreign futures in one
/// `select!` this is the safe way to send: the value stays with its owner
/// until the permit is there.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (tx, rx) = chan_core::bounded(1);
/// let reserve: chan_core::ReserveFuture<'_, _, _> = tx.reserve_async();
/// reserve.await.unwrap().send(1).unwrap();
/// assert_eq!(rx.recv(), Ok(1));
/// # });
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct ReserveFuture<'a, T, F: SendFace<()>> {
    operation: Operation<ReserveStep<'a, T>>,
    handle: Option<SendingHandle<'a, T>>,
    face: std::marker::PhantomData<fn() -> F>,
}

impl<'a, T, F: SendFace<()>> ReserveFuture<'a, T, F> {
    fn new(handle: Option<SendingHandle<'a, T>>, site: Site) -> Self {
        let step = ReserveStep::new(handle.map(SendingHandle::chan));
        ReserveFuture {
            operation: Operation::new(step, site, false),
            handle,
            face: std::marker::PhantomData,
        }
    }
}

impl<'a, T, F: SendFace<()>> Future for ReserveFuture<'a, T, F> {
    type Output = F::Reserved<Permit<'a, T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.handle;
        // SAFETY: the operation is pinned with the future: nothing moves out
        // of it, and the future has no Drop that could.
        let operation = unsafe { self.into_ref().map_unchecked(|this| &this.operation) };
        let granted = ready!(operation.poll(cx));
        let handle = handle.expect("nil grants nothing");
        Poll::Ready(if let Some(granted) = granted {
            granted.take();
            F::reserved(Permit(handle))
        } else {
            let caller = Location::caller();
            let text = || sent_on_closed(handle.chan(), operation.site(), caller);
            F::refused(Closed { text: &text })
        })
    }
}

impl<T, F: SendFace<()>> fmt::Debug for ReserveFuture<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReserveFuture")
    }
}

/// Panics where a permit cannot be.
#[track_caller]
fn has_buffer<T>(chan: &Hchan<T>) {
    assert!(
        chan.header().capacity() > 0,
        "reserve on an unbuffered channel: it has no room to reserve"
    );
}

impl<T> Sender<T> {
    fn sending(&self) -> SendingHandle<'_, T> {
        SendingHandle::Tx(self.handle().expect("a sender has a channel"))
    }

    /// Reserves room for one value, waiting for it.
    ///
    /// # Errors
    ///
    /// The channel is closed, or closes while this waits.
    ///
    /// # Panics
    ///
    /// On an unbuffered channel, where there is no room to reserve.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = chan_core::bounded(1);
    /// let permit = tx.reserve().unwrap();
    /// // The value need not be there before there is room for it.
    /// permit.send("expensive").unwrap();
    /// assert_eq!(rx.recv(), Ok("expensive"));
    /// ```
    #[track_caller]
    pub fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        let handle = self.sending();
        has_buffer(handle.chan());
        let reserved = handle.chan().reserve(None, Location::caller());
        reserved.map(|()| Permit(handle)).map_err(|_| SendError(()))
    }

    /// Reserves room for one value if there is some.
    ///
    /// # Errors
    ///
    /// [`Full`](TrySendError::Full) or [`Disconnected`](TrySendError::Disconnected).
    ///
    /// # Panics
    ///
    /// On an unbuffered channel.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, _rx) = chan_core::bounded::<u8>(1);
    /// let permit = tx.try_reserve().unwrap();
    /// assert!(tx.try_reserve().unwrap_err().is_full());
    /// drop(permit);
    /// assert!(tx.try_reserve().is_ok());
    /// ```
    #[track_caller]
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        let handle = self.sending();
        has_buffer(handle.chan());
        match handle.chan().try_reserve() {
            Reserved::Granted => Ok(Permit(handle)),
            Reserved::Full => Err(TrySendError::Full(())),
            Reserved::Closed => Err(TrySendError::Disconnected(())),
        }
    }

    /// Reserves room for one value, waiting for it no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// [`Timeout`](SendTimeoutError::Timeout) or
    /// [`Disconnected`](SendTimeoutError::Disconnected).
    ///
    /// # Panics
    ///
    /// On an unbuffered channel.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let (tx, _rx) = chan_core::bounded(1);
    /// tx.send(1).unwrap();
    /// assert!(tx.reserve_timeout(Duration::from_millis(5)).is_err());
    /// ```
    #[track_caller]
    pub fn reserve_timeout(
        &self,
        timeout: Duration,
    ) -> Result<Permit<'_, T>, SendTimeoutError<()>> {
        let handle = self.sending();
        has_buffer(handle.chan());
        // A time beyond the clock's end never comes.
        let deadline = Instant::now().checked_add(timeout);
        match handle.chan().reserve(deadline, Location::caller()) {
            Ok(()) => Ok(Permit(handle)),
            Err(Stop::Timeout) => Err(SendTimeoutError::Timeout(())),
            Err(Stop::Closed) => Err(SendTimeoutError::Disconnected(())),
        }
    }

    /// Reserves room for one value in a task.
    ///
    /// # Errors
    ///
    /// As for [`Sender::reserve`].
    ///
    /// # Panics
    ///
    /// On an unbuffered channel, when called.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future at any time leaves no trace. See [`ReserveFuture`].
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (tx, rx) = chan_core::bounded(1);
    /// let permit = tx.reserve_async().await.unwrap();
    /// permit.send(1).unwrap();
    /// assert_eq!(rx.recv_async().await, Ok(1));
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve_async(&self) -> ReserveFuture<'_, T, RustFace> {
        let handle = self.sending();
        has_buffer(handle.chan());
        ReserveFuture::new(Some(handle), Location::caller())
    }
}

macro_rules! go_reserves {
    ($face:ident, $kind:ident, $make:literal) => {
        impl<T> $face<T> {
            fn sending(&self) -> Option<SendingHandle<'_, T>> {
                self.handle().map(SendingHandle::$kind)
            }

            /// Reserves room for one value, waiting for it; on nil for ever.
            ///
            /// # Panics
            ///
            /// `send on closed channel`, also if it is closed while this
            /// waits. On an unbuffered channel, where there is no room to
            /// reserve.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// let permit = it.reserve();
            /// assert!(it.try_send(1).is_err(), "the only slot is promised");
            /// permit.send(2).unwrap();
            /// assert_eq!(it.len(), 1);
            /// ```
            #[track_caller]
            pub fn reserve(&self) -> Permit<'_, T> {
                match self.reserve_until(None, Location::caller()) {
                    Ok(permit) => permit,
                    Err(_) => unreachable!("only a deadline ends the wait"),
                }
            }

            /// Reserves room for one value if there is some.
            ///
            /// # Errors
            ///
            /// [`Full`] if it would have to wait.
            ///
            /// # Panics
            ///
            /// `send on closed channel`. On an unbuffered channel.
            ///
            /// # Examples
            ///
            /// ```
            #[doc = $make]
            /// let permit = it.try_reserve().unwrap();
            /// assert!(it.try_reserve().is_err());
            /// permit.send(1).unwrap();
            /// ```
            #[track_caller]
            pub fn try_reserve(&self) -> Result<Permit<'_, T>, Full<()>> {
                let Some(handle) = self.sending() else {
                    return Err(Full(()));
                };
                has_buffer(handle.chan());
                match handle.chan().try_reserve() {
                    Reserved::Granted => Ok(Permit(handle)),
                    Reserved::Full => Err(Full(())),
                    Reserved::Closed => send_on_closed(handle.chan(), (), Location::caller()),
                }
            }

            /// Reserves room for one value, waiting for it no longer than
            /// `timeout`.
            ///
            /// # Errors
            ///
            /// [`SendTimedOut`].
            ///
            /// # Panics
            ///
            /// `send on closed channel`, also if it is closed while this
            /// waits. On an unbuffered channel.
            ///
            /// # Examples
            ///
            /// ```
            /// # use std::time::Duration;
            #[doc = $make]
            /// it.send(1);
            /// assert!(it.reserve_timeout(Duration::from_millis(5)).is_err());
            /// ```
            #[track_caller]
            pub fn reserve_timeout(
                &self,
                timeout: Duration,
            ) -> Result<Permit<'_, T>, SendTimedOut<()>> {
                // A time beyond the clock's end never comes.
                let deadline = Instant::now().checked_add(timeout);
                self.reserve_until(deadline, Location::caller())
            }

            #[track_caller]
            fn reserve_until(
                &self,
                deadline: Option<Instant>,
                site: Site,
            ) -> Result<Permit<'_, T>, SendTimedOut<()>> {
                let Some(handle) = self.sending() else {
                    nil::wait(Direction::Send, deadline, site);
                    return Err(SendTimedOut(()));
                };
                has_buffer(handle.chan());
                match handle.chan().reserve(deadline, site) {
                    Ok(()) => Ok(Permit(handle)),
                    Err(Stop::Timeout) => Err(SendTimedOut(())),
                    Err(Stop::Closed) => send_on_closed(handle.chan(), (), site),
                }
            }

            /// Reserves room for one value in a task; on nil it waits for
            /// ever.
            ///
            /// # Panics
            ///
            /// On an unbuffered channel, when called. When polled: `send on
            /// closed channel`.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future at any time leaves no trace. See
            /// [`ReserveFuture`].
            ///
            /// # Examples
            ///
            /// ```
            /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            #[doc = $make]
            /// it.reserve_async().await.send(1).unwrap();
            /// assert_eq!(it.len(), 1);
            /// # });
            /// ```
            #[track_caller]
            pub fn reserve_async(&self) -> ReserveFuture<'_, T, GoFace> {
                let handle = self.sending();
                if let Some(handle) = handle {
                    has_buffer(handle.chan());
                }
                ReserveFuture::new(handle, Location::caller())
            }
        }
    };
}

go_reserves!(Chan, All, "let it = chan_core::Chan::<i32>::new(1);");
go_reserves!(
    SendChan,
    Tx,
    "let (it, _rx) = chan_core::Chan::<i32>::new(1).split();"
);
