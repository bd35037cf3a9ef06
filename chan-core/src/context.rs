//! Go's `context`: the end of a piece of work, told to everybody who does a
//! part of it.
//!
//! A context is cancelled once, by its [`Cancel`] handle, by its deadline or
//! by its parent; its [`done`](Context::done) channel then closes. Dropping a
//! context or a handle never cancels; [`Cancel::drop_guard`] does so on
//! purpose. How that goes through the tree is said in [`tree`].

pub(crate) mod cancels;
mod tree;

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::chan::RecvChan;
use crate::context::tree::Inner;
use crate::waitq::Site;
use crate::watch::ChannelId;

/// Why a context was cancelled: Go's `ctx.Err()`.
///
/// # Examples
///
/// ```
/// use chan_core::{Cause, Context};
/// let (ctx, cancel) = Context::background().with_cancel();
/// assert_eq!(ctx.cause(), None);
/// cancel.cancel();
/// assert_eq!(ctx.cause(), Some(Cause::Cancelled));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Somebody called [`Cancel::cancel`].
    Cancelled,
    /// Its deadline, or that of a parent, has passed.
    DeadlineExceeded,
}

impl fmt::Display for Cause {
    /// Go's texts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Cancelled => "context canceled",
            Cause::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl Error for Cause {}

/// How a context was cancelled.
///
/// # Examples
///
/// ```
/// use chan_core::{Cancellation, Cause, Context};
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// cancel.cancel();
/// let how: Cancellation = ctx.cancellation().unwrap();
/// assert_eq!(how.cause, Cause::Cancelled);
/// println!("cancelled {:?} ago at {}", how.at.elapsed(), how.site);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cancellation {
    /// Why.
    pub cause: Cause,
    /// When.
    pub at: Instant,
    /// The line of the cancel; for a deadline, the line that set it.
    pub site: &'static Location<'static>,
}

/// The end of a piece of work. Clones are the same context.
///
/// # Examples
///
/// ```
/// use chan_core::Context;
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// let worker = std::thread::spawn({
///     let ctx = ctx.clone();
///     move || ctx.done().recv()
/// });
/// cancel.cancel();
/// assert_eq!(worker.join().unwrap(), None); // closed
/// assert!(ctx.is_cancelled());
/// ```
#[derive(Clone)]
pub struct Context(Arc<Inner>);

/// A context that does not keep it alive.
///
/// # Examples
///
/// ```
/// use chan_core::{Context, WeakContext};
///
/// let (ctx, _cancel) = Context::background().with_cancel();
/// let weak: WeakContext = ctx.downgrade();
/// assert!(weak.upgrade().is_some_and(|ctx| !ctx.is_cancelled()));
/// ```
#[derive(Clone)]
pub struct WeakContext(Weak<Inner>);

/// Cancels a context. Clones cancel the same one.
///
/// # Examples
///
/// ```
/// use chan_core::{Cancel, Context};
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// let another: Cancel = cancel.clone();
/// drop(cancel); // cancels nothing
/// assert!(!ctx.is_cancelled());
/// another.cancel();
/// assert!(ctx.is_cancelled());
/// ```
#[must_use = "a context nobody can cancel ends with its parent only"]
pub struct Cancel(Arc<Inner>);

/// Cancels its context when dropped.
///
/// # Examples
///
/// ```
/// use chan_core::{CancelOnDrop, Context};
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// {
///     let _guard: CancelOnDrop = cancel.drop_guard();
///     // Whatever way this block is left...
/// }
/// assert!(ctx.is_cancelled());
/// ```
#[derive(Debug)]
#[must_use = "dropped at once, it cancels at once"]
pub struct CancelOnDrop(Cancel);

impl Context {
    /// The root of every tree of contexts. It is never cancelled; its `done`
    /// channel is nil, as in Go.
    ///
    /// # Examples
    ///
    /// ```
    /// let ctx = chan_core::Context::background();
    /// assert!(ctx.done().is_nil());
    /// ```
    #[track_caller]
    pub fn background() -> Context {
        Context(Arc::new(Inner::root(Location::caller())))
    }

    /// A child that can be cancelled by itself.
    ///
    /// # Examples
    ///
    /// ```
    /// let (parent, cancel) = chan_core::Context::background().with_cancel();
    /// let (child, _cancel_child) = parent.with_cancel();
    /// cancel.cancel();
    /// assert!(child.is_cancelled());
    /// ```
    #[track_caller]
    pub fn with_cancel(&self) -> (Context, Cancel) {
        self.child(None, Location::caller())
    }

    /// A child that is cancelled at `deadline`, if its parent's does not come
    /// first.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Instant;
    /// use chan_core::{Cause, Context};
    ///
    /// let (ctx, _cancel) = Context::background().with_deadline(Instant::now());
    /// assert_eq!(ctx.done().recv(), None);
    /// assert_eq!(ctx.cause(), Some(Cause::DeadlineExceeded));
    /// ```
    #[track_caller]
    pub fn with_deadline(&self, deadline: Instant) -> (Context, Cancel) {
        self.child(Some(deadline), Location::caller())
    }

    /// A child that is cancelled after `timeout`. One beyond the end of the
    /// clock never comes.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let background = chan_core::Context::background();
    /// let (ctx, _cancel) = background.with_timeout(Duration::from_millis(5));
    /// assert!(ctx.deadline().is_some());
    /// assert_eq!(ctx.done().recv(), None);
    /// ```
    #[track_caller]
    pub fn with_timeout(&self, timeout: Duration) -> (Context, Cancel) {
        self.child(Instant::now().checked_add(timeout), Location::caller())
    }

    fn child(&self, deadline: Option<Instant>, birth: Site) -> (Context, Cancel) {
        let inner = self.0.child(deadline, birth);
        (Context(Arc::clone(&inner)), Cancel::new(inner))
    }

    /// The channel that closes when this context is cancelled: for receives
    /// and for select. It never carries a value.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ctx, cancel) = chan_core::Context::background().with_cancel();
    /// cancel.cancel();
    /// assert_eq!(ctx.done().recv(), None);
    /// ```
    pub fn done(&self) -> &RecvChan<Infallible> {
        self.0.done()
    }

    /// Waits until it is cancelled, and says why: the future's way to receive
    /// from [`Context::done`]. Of the background, waits for ever.
    ///
    /// # Cancel safety
    ///
    /// Dropping it at any time leaves no trace.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use chan_core::{Cause, Context};
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// std::thread::spawn(move || cancel.cancel());
    /// assert_eq!(ctx.cancelled().await, Cause::Cancelled);
    /// # });
    /// ```
    #[track_caller]
    pub fn cancelled(&self) -> impl Future<Output = Cause> + Send + '_ {
        let done = self.done().recv_async();
        async move {
            let never: Option<Infallible> = done.await;
            debug_assert!(never.is_none());
            self.cause().expect("done is closed")
        }
    }

    /// Whether it is cancelled. If so, its `done` channel is closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ctx, _cancel) = chan_core::Context::background().with_cancel();
    /// assert!(!ctx.is_cancelled());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.done().is_closed()
    }

    /// Why it was cancelled: Go's `ctx.Err()`.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::{Cause, Context};
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// assert_eq!(ctx.cause(), None);
    /// cancel.cancel();
    /// assert_eq!(ctx.cause(), Some(Cause::Cancelled));
    /// ```
    pub fn cause(&self) -> Option<Cause> {
        self.cancellation().map(|how| how.cause)
    }

    /// Why, when and where it was cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ctx, cancel) = chan_core::Context::background().with_cancel();
    /// cancel.cancel();
    /// assert_eq!(ctx.cancellation().unwrap().site.line(), line!() - 1);
    /// ```
    pub fn cancellation(&self) -> Option<Cancellation> {
        self.0.end().map(|end| end.cancellation)
    }

    /// The error that it was cancelled with ([`Cancel::cancel_with`]), or its
    /// parent was: Go's `context.Cause`. Without one there is [`Cause`].
    ///
    /// # Examples
    ///
    /// ```
    /// let (ctx, cancel) = chan_core::Context::background().with_cancel();
    /// let (child, _) = ctx.with_cancel();
    /// cancel.cancel_with("the disk is full");
    /// assert_eq!(child.reason().unwrap().to_string(), "the disk is full");
    /// ```
    pub fn reason(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        self.0.end()?.reason.clone()
    }

    /// When it will be cancelled by itself.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(chan_core::Context::background().deadline(), None);
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline()
    }

    /// The line that made it.
    ///
    /// # Examples
    ///
    /// ```
    /// let ctx = chan_core::Context::background();
    /// assert_eq!(ctx.birth().line(), line!() - 1);
    /// ```
    pub fn birth(&self) -> &'static Location<'static> {
        self.0.birth()
    }

    /// A handle that does not keep the context alive.
    ///
    /// # Examples
    ///
    /// ```
    /// let ctx = chan_core::Context::background();
    /// let weak = ctx.downgrade();
    /// assert!(weak.upgrade().is_some());
    /// drop(ctx);
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn downgrade(&self) -> WeakContext {
        WeakContext(Arc::downgrade(&self.0))
    }
}

impl WeakContext {
    /// The context, if somebody still has it.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ctx, cancel) = chan_core::Context::background().with_cancel();
    /// let weak = ctx.downgrade();
    /// drop((ctx, cancel));
    /// assert!(weak.upgrade().is_none());
    /// ```
    pub fn upgrade(&self) -> Option<Context> {
        self.0.upgrade().map(Context)
    }
}

impl Cancel {
    fn new(context: Arc<Inner>) -> Self {
        context.cancels().add();
        Cancel(context)
    }

    /// The identity of the channel that it closes.
    pub(crate) fn done_id(&self) -> ChannelId {
        self.0.cancels().done()
    }

    /// Cancels the context and all its children. Once is enough; later calls
    /// do nothing, as in Go.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ctx, cancel) = chan_core::Context::background().with_cancel();
    /// cancel.cancel();
    /// cancel.cancel();
    /// assert!(ctx.is_cancelled());
    /// ```
    #[track_caller]
    pub fn cancel(&self) {
        self.0
            .cancel_now(Cause::Cancelled, None, Location::caller());
    }

    /// The same, and says for what error: Go's `CancelCauseFunc`. The first
    /// cancel counts, with its error or without.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::{Cause, Context};
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.cancel_with(std::io::Error::other("lost the peer"));
    /// assert_eq!(ctx.cause(), Some(Cause::Cancelled));
    /// assert_eq!(ctx.reason().unwrap().to_string(), "lost the peer");
    /// ```
    #[track_caller]
    pub fn cancel_with(&self, reason: impl Into<Box<dyn Error + Send + Sync>>) {
        let reason = Some(Arc::from(reason.into()));
        let site = Location::caller();
        self.0.cancel_now(Cause::Cancelled, reason, site);
    }

    /// Has the context cancelled when the guard is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ctx, cancel) = chan_core::Context::background().with_cancel();
    /// drop(cancel.drop_guard());
    /// assert!(ctx.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> CancelOnDrop {
        CancelOnDrop(self)
    }
}

impl Clone for Cancel {
    fn clone(&self) -> Self {
        Cancel::new(Arc::clone(&self.0))
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.0.cancels().subtract();
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.0).finish()
    }
}

impl fmt::Debug for WeakContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakContext")
    }
}
