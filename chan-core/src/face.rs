//! How the two manners say what became of an operation.

use std::convert::Infallible;
use std::marker::PhantomData;

use crate::error::{
    RecvError, RecvTimedOut, RecvTimeoutError, SendError, SendTimedOut, SendTimeoutError,
};

/// How a face says what it received.
///
/// # Examples
///
/// ```
/// use chan_core::select::{GoFace, RecvFace, RustFace};
///
/// assert_eq!(<GoFace as RecvFace<u8>>::value(1), Some(1));
/// assert_eq!(<RustFace as RecvFace<u8>>::value(1), Ok(1));
/// ```
pub trait RecvFace<T> {
    /// The result of a receive.
    type Out;
    /// The result of a receive that may be too late.
    type Timed;
    /// A value came.
    fn value(value: T) -> Self::Out;
    /// The channel is closed and drained.
    fn closed() -> Self::Out;
    /// The receive ended in time.
    fn in_time(out: Self::Out) -> Self::Timed;
    /// It did not.
    fn too_late() -> Self::Timed;
}

/// How a face says what became of a send.
///
/// # Examples
///
/// ```
/// use chan_core::select::{RustFace, SendFace};
///
/// assert_eq!(<RustFace as SendFace<u8>>::sent(), Ok(()));
/// assert!(<RustFace as SendFace<u8>>::too_late(1).unwrap_err().is_timeout());
/// ```
pub trait SendFace<T> {
    /// The result of a send.
    type Out;
    /// The result of a send that may be too late.
    type Timed;
    /// The result of asking for the permit `P`.
    type Reserved<P>;
    /// The value went over.
    fn sent() -> Self::Out;
    /// The channel is closed.
    ///
    /// # Panics
    ///
    /// `send on closed channel`, for [`GoFace`].
    #[track_caller]
    fn closed(value: T, closed: Closed<'_>) -> Self::Out;
    /// The send ended in time.
    fn in_time(out: Self::Out) -> Self::Timed;
    /// It did not: the value comes back.
    fn too_late(value: T) -> Self::Timed;
    /// The permit is there.
    fn reserved<P>(permit: P) -> Self::Reserved<P>;
    /// There is none: the channel is closed.
    ///
    /// # Panics
    ///
    /// As for `closed`.
    #[track_caller]
    fn refused<P>(closed: Closed<'_>) -> Self::Reserved<P>;
}

/// Results as [`Receiver`](crate::Receiver) and [`Sender`](crate::Sender)
/// give them.
///
/// # Examples
///
/// ```
/// use chan_core::select::{RecvFace, RustFace};
///
/// assert_eq!(<RustFace as RecvFace<u8>>::closed(), Err(chan_core::RecvError));
/// ```
#[derive(Debug)]
pub enum RustFace {}

/// Results as [`Chan`](crate::Chan) gives them.
///
/// # Examples
///
/// ```
/// use chan_core::select::{GoFace, RecvFace};
///
/// assert_eq!(<GoFace as RecvFace<u8>>::closed(), None);
/// ```
#[derive(Debug)]
pub enum GoFace {}

impl<T> RecvFace<T> for RustFace {
    type Out = Result<T, RecvError>;
    type Timed = Result<T, RecvTimeoutError>;

    fn value(value: T) -> Self::Out {
        Ok(value)
    }

    fn closed() -> Self::Out {
        Err(RecvError)
    }

    fn in_time(out: Self::Out) -> Self::Timed {
        out.map_err(RecvTimeoutError::from)
    }

    fn too_late() -> Self::Timed {
        Err(RecvTimeoutError::Timeout)
    }
}

impl<T> RecvFace<T> for GoFace {
    type Out = Option<T>;
    type Timed = Result<Option<T>, RecvTimedOut>;

    fn value(value: T) -> Self::Out {
        Some(value)
    }

    fn closed() -> Self::Out {
        None
    }

    fn in_time(out: Self::Out) -> Self::Timed {
        Ok(out)
    }

    fn too_late() -> Self::Timed {
        Err(RecvTimedOut)
    }
}

impl<T> SendFace<T> for RustFace {
    type Out = Result<(), SendError<T>>;
    type Timed = Result<(), SendTimeoutError<T>>;
    type Reserved<P> = Result<P, SendError<()>>;

    fn sent() -> Self::Out {
        Ok(())
    }

    fn closed(value: T, _: Closed<'_>) -> Self::Out {
        Err(SendError(value))
    }

    fn in_time(out: Self::Out) -> Self::Timed {
        out.map_err(SendTimeoutError::from)
    }

    fn too_late(value: T) -> Self::Timed {
        Err(SendTimeoutError::Timeout(value))
    }

    fn reserved<P>(permit: P) -> Self::Reserved<P> {
        Ok(permit)
    }

    fn refused<P>(_: Closed<'_>) -> Self::Reserved<P> {
        Err(SendError(()))
    }
}

impl<T> SendFace<T> for GoFace {
    type Out = ();
    type Timed = Result<(), SendTimedOut<T>>;
    type Reserved<P> = P;

    fn sent() {}

    fn closed(value: T, closed: Closed<'_>) {
        // Dropped first: a destructor that panics must not meet our panic.
        drop(value);
        panic!("{}", closed.text());
    }

    fn in_time((): Self::Out) -> Self::Timed {
        Ok(())
    }

    fn too_late(value: T) -> Self::Timed {
        Err(SendTimedOut(value))
    }

    fn reserved<P>(permit: P) -> P {
        permit
    }

    fn refused<P>(closed: Closed<'_>) -> P {
        panic!("{}", closed.text());
    }
}

/// Results as the face `F` gives them, of an operation that is bound to
/// wherever an `R` may go: a case or a future of this face crosses threads
/// only if `R` does.
///
/// # Examples
///
/// ```
/// use chan_core::select::{Bound, GoFace, RecvFace};
///
/// type Here = Bound<GoFace, *const ()>; // not `Send`
/// assert_eq!(<Here as RecvFace<u8>>::value(1), Some(1));
/// ```
#[derive(Debug)]
pub struct Bound<F, R>(Infallible, PhantomData<(F, R)>);

impl<T, F: RecvFace<T>, R> RecvFace<T> for Bound<F, R> {
    type Out = F::Out;
    type Timed = F::Timed;

    fn value(value: T) -> Self::Out {
        F::value(value)
    }

    fn closed() -> Self::Out {
        F::closed()
    }

    fn in_time(out: Self::Out) -> Self::Timed {
        F::in_time(out)
    }

    fn too_late() -> Self::Timed {
        F::too_late()
    }
}

impl<T, F: SendFace<T>, R> SendFace<T> for Bound<F, R> {
    type Out = F::Out;
    type Timed = F::Timed;
    type Reserved<P> = F::Reserved<P>;

    fn sent() -> Self::Out {
        F::sent()
    }

    #[track_caller]
    fn closed(value: T, closed: Closed<'_>) -> Self::Out {
        F::closed(value, closed)
    }

    fn in_time(out: Self::Out) -> Self::Timed {
        F::in_time(out)
    }

    fn too_late(value: T) -> Self::Timed {
        F::too_late(value)
    }

    fn reserved<P>(permit: P) -> Self::Reserved<P> {
        F::reserved(permit)
    }

    #[track_caller]
    fn refused<P>(closed: Closed<'_>) -> Self::Reserved<P> {
        F::refused(closed)
    }
}

/// The send that met a closed channel.
///
/// # Examples
///
/// ```
/// use chan_core::select::{Closed, GoFace, SendFace};
///
/// /// How a face that is not ours would hand a refusal to Go's.
/// fn refuse(value: u8, closed: Closed<'_>) {
///     <GoFace as SendFace<u8>>::closed(value, closed); // panics
/// }
/// ```
pub struct Closed<'a> {
    pub(crate) text: &'a dyn Fn() -> String,
}

impl Closed<'_> {
    /// Tells the watcher and makes Go's text, with the line of the close.
    fn text(&self) -> String {
        (self.text)()
    }
}

impl std::fmt::Debug for Closed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Closed")
    }
}
