//! Handles that certainly stay with one thread or one task.
//!
//! Moves are invisible in Rust, so who has a handle must come from types. A
//! [`Held`] is a handle that only one party can ever use: while that party is
//! parked, nobody uses it. This is what makes a proof of more than "no handle
//! is left" possible, and the proof is worth what these types are worth:
//!
//! V1  **By a thread** ([`OnThread`]). The type is neither `Send` nor `Sync`,
//!     so it, and references to it, stay on the thread that bound it, wherever
//!     there it is stored, forgotten memory and thread locals included. What
//!     its operations give out and what can act on the channel later (a
//!     future, a case of a select, an iterator) is not `Send` either: the face
//!     of a future or case is [`Bound`] to the residence. A thread that is
//!     parked in a channel operation runs no code, so it uses none of them.
//! V2  **By a task** ([`InTask`]). The type may cross threads, as its task
//!     does, but has the lifetime of a local variable of the task's own
//!     future ([`Own`], made in the body by [`task!`](crate::task!)), and so
//!     has all that it gives out. It can be in no static, in no `'static`
//!     future, in no value that was there before the body began, and not in
//!     the body's result. What has such a lifetime can be used by others
//!     while it lasts, but in safe Rust only by those whom the body waits for
//!     without returning: scoped threads. (A future may be forgotten, so no
//!     sound library can lend what it borrows to a party that it does not
//!     wait for.) Then the future is being polled, and a task that is being
//!     polled is not parked. A sub-executor inside the task is polled with it.
//! V3  A `Held` never gives out the handle, or a reference to it, and there is
//!     no way from a reference to it to one. Two operations make ordinary
//!     handles: `clone`, whose result is counted as a handle of its own and
//!     is unaccounted for, and [`Held::into_inner`], which strikes the entry
//!     first. Both need the owner to run.
//! V4  A handle inside a [`Shared`](crate::Shared) struct is a
//!     [`Kept`](crate::Kept), which has no operations: they are reached
//!     through a handle of the struct that is held ([`At`], as bound as that).
//!
//! What code that says `unsafe` does with these types is outside the argument,
//! as is calling what is hidden from the documentation.
//!
//! Not here: who is parked and what follows from it ([`crate::evidence`]).

mod ops;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use chan_core::observe::{self, Holder};
use chan_core::{Cancel, Chan, Receiver, RecvChan, SendChan, Sender, Ticker, Timer};

use crate::ledger::{self, Account, Entry, Seat, Tally, Thing};

pub use ops::HeldIter;

/// Kept by one thread: what has this in its type stays there. See [`local`].
#[derive(Debug)]
pub struct OnThread(PhantomData<*const ()>);

/// Kept by one task: what has this in its type ends with the task's body. See
/// [`task!`](crate::task!).
#[derive(Debug)]
pub struct InTask<'t>(PhantomData<&'t ()>);

/// Where a [`Held`] handle stays: [`OnThread`] or [`InTask`].
pub trait Residence: sealed::Residence {}

impl Residence for OnThread {}
impl Residence for InTask<'_> {}

/// What leakwatch can keep count of: the handles of a channel, a [`Cancel`]
/// handle, and a [`Shared`](crate::Shared) struct.
pub trait Handle: sealed::Handle {}

pub(crate) mod sealed {
    use super::{Entry, InTask, OnThread};

    /// Keeps others out: the argument of this file is about two residences.
    pub trait Residence {}
    impl Residence for OnThread {}
    impl Residence for InTask<'_> {}

    /// Keeps others out: an entry must stand for a counted handle.
    pub trait Handle {
        /// What is entered; nothing for nil.
        fn entry(&self) -> Option<Entry>;
    }
}

macro_rules! handles {
    ($($handle:ident $(<$t:ident>)?),*) => {
        $(
            impl$(<$t>)? Handle for $handle$(<$t>)? {}
            impl$(<$t>)? sealed::Handle for $handle$(<$t>)? {
                fn entry(&self) -> Option<Entry> {
                    let holding = self.holding()?;
                    Some(Entry {
                        thing: Thing::Channel(holding.channel),
                        tally: Tally::of(holding.can),
                    })
                }
            }
        )*
    };
}

handles!(
    Chan<T>,
    SendChan<T>,
    RecvChan<T>,
    Sender<T>,
    Receiver<T>,
    Timer,
    Ticker
);

impl Handle for Cancel {}
impl sealed::Handle for Cancel {
    fn entry(&self) -> Option<Entry> {
        Some(Entry {
            thing: Thing::Context(observe::context_of(self)),
            tally: Tally::whole(),
        })
    }
}

/// A handle that one thread or one task has to itself.
///
/// Made by [`spawn!`](crate::spawn!) and [`task!`](crate::task!) of what they
/// capture, by [`Own::hold`], and by [`local`]. It has the operations of its
/// handle under the same names, blocking, trying, timed and async, and is an
/// operand of `select!` and `select_async!`. `clone` gives an ordinary handle.
///
/// # Examples
///
/// ```
/// use chan_core::Chan;
///
/// let chan = leakwatch::local(Chan::new(1));
/// chan.send(1);
/// assert_eq!(chan.recv(), Some(1));
/// let other: Chan<i32> = chan.clone();
/// # drop(other);
/// ```
pub struct Held<H: Handle, R: Residence> {
    // In this order: the entry goes before the handle is counted out (L1).
    seat: Seat,
    handle: H,
    residence: PhantomData<R>,
}

/// A handle that is kept by a [`Shared`](crate::Shared) struct, in the hands
/// of one thread or one task; made by [`Held::at`].
pub struct At<'a, H: Handle, R: Residence> {
    handle: &'a H,
    residence: PhantomData<R>,
}

impl<H: Handle, R: Residence> Held<H, R> {
    fn new(account: &Arc<Account>, handle: H) -> Self {
        Held {
            seat: Seat::take(account, handle.entry()),
            handle,
            residence: PhantomData,
        }
    }

    /// The ordinary handle. From here on anybody may have it.
    ///
    /// # Examples
    ///
    /// ```
    /// let held = leakwatch::local(chan_core::Chan::<u8>::new(1));
    /// let chan: chan_core::Chan<u8> = held.into_inner();
    /// # drop(chan);
    /// ```
    pub fn into_inner(self) -> H {
        drop(self.seat);
        self.handle
    }

    pub(crate) fn raw(&self) -> &H {
        &self.handle
    }
}

impl<'a, H: Handle, R: Residence> At<'a, H, R> {
    pub(crate) fn new(handle: &'a H) -> Self {
        At {
            handle,
            residence: PhantomData,
        }
    }

    pub(crate) fn raw(&self) -> &'a H {
        self.handle
    }
}

impl<T, R: Residence> Held<Chan<T>, R> {
    /// Gives up this handle for its two views, held as it was.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = leakwatch::local(chan_core::Chan::new(1)).split();
    /// tx.send(1);
    /// assert_eq!(rx.recv(), Some(1));
    /// ```
    #[allow(clippy::type_complexity, reason = "two of the same")]
    pub fn split(self) -> (Held<SendChan<T>, R>, Held<RecvChan<T>, R>) {
        let account = Arc::clone(self.seat.account());
        let (tx, rx) = self.into_inner().split();
        (Held::new(&account, tx), Held::new(&account, rx))
    }
}

/// Binds a handle to this thread: it can be used here and nowhere else, so
/// while this thread is parked nobody uses it.
///
/// Any thread can do that, however it was spawned.
///
/// # Examples
///
/// ```
/// use chan_core::Chan;
///
/// let (tx, rx) = Chan::<u32>::new(0).split();
/// let worker = std::thread::spawn(move || {
///     let rx = leakwatch::local(rx);
///     rx.recv()
/// });
/// tx.send(7);
/// assert_eq!(worker.join().unwrap(), Some(7));
/// ```
pub fn local<H: Handle>(handle: H) -> Held<H, OnThread> {
    Held::new(&ledger::of_this_thread(), handle)
}

/// Binds handles to the thread or task that it belongs to: the `own` of
/// [`spawn!`](crate::spawn!) and [`task!`](crate::task!).
///
/// # Examples
///
/// ```
/// use chan_core::Chan;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// leakwatch::task!("counts", [] async move |own| {
///     let chan = own.hold(Chan::new(1));
///     chan.send_async(1).await;
///     assert_eq!(chan.recv_async().await, Some(1));
/// })
/// .await;
/// # });
/// ```
pub struct Own<W> {
    account: Arc<Account>,
    whose: PhantomData<W>,
}

/// An [`Own`] is a task's.
#[derive(Debug)]
pub enum ByTask {}

impl Own<OnThread> {
    /// Of this thread.
    #[doc(hidden)]
    pub fn this_thread() -> Self {
        Own {
            account: ledger::of_this_thread(),
            whose: PhantomData,
        }
    }

    /// Binds a handle to this thread, as [`local`] does.
    pub fn hold<H: Handle>(&self, handle: H) -> Held<H, OnThread> {
        Held::new(&self.account, handle)
    }
}

impl Own<ByTask> {
    /// Of a task. Whoever makes one outside of the task's body breaks V2:
    /// this is for the macro.
    pub(crate) fn new(account: Arc<Account>) -> Self {
        Own {
            account,
            whose: PhantomData,
        }
    }

    /// Binds a handle to this task, for as long as its body runs.
    pub fn hold<'t, H: Handle>(&'t self, handle: H) -> Held<H, InTask<'t>> {
        Held::new(&self.account, handle)
    }
}

/// What a spawn can capture: a handle, or one that is held, which it takes
/// over.
pub trait Capture {
    /// What is captured.
    type Handle: Handle;
    /// The handle, held no more.
    fn give_up(self) -> Self::Handle;
}

impl<H: Handle> Capture for H {
    type Handle = H;

    fn give_up(self) -> H {
        self
    }
}

impl<H: Handle, R: Residence> Capture for Held<H, R> {
    type Handle = H;

    fn give_up(self) -> H {
        self.into_inner()
    }
}

impl<H: Handle + fmt::Debug, R: Residence> fmt::Debug for Held<H, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.handle).finish()
    }
}

impl<H: Handle + fmt::Debug, R: Residence> fmt::Debug for At<'_, H, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("At").field(&self.handle).finish()
    }
}

impl<W> fmt::Debug for Own<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Own").finish()
    }
}
