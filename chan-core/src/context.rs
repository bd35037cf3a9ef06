//! Go's `context`: the end of a piece of work, told to everybody who does a
//! part of it.
//!
//! A context is cancelled once, by its [`Cancel`] handle, by its deadline or
//! by its parent; its [`done`](Context::done) channel then closes. Dropping a
//! context or a handle never cancels; [`Cancel::drop_guard`] does so on
//! purpose.
//!
//! K1  `done` is closed exactly once, by whoever set `cancelled` first.
//! K2  A parent holds its children weakly, children hold their parent
//!     strongly: a chain lives as long as its leaf.
//! K3  No lock of the tree is held while a `done` channel is closed (its
//!     wakers are foreign code) or while another lock of the tree is taken.

use std::convert::Infallible;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::builder::Builder;
use crate::chan::{RecvChan, SendChan};
use crate::panics;
use crate::time::{self, TimerId};

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

impl std::error::Error for Cause {}

/// How a context was cancelled.
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
#[derive(Clone)]
pub struct WeakContext(Weak<Inner>);

/// Cancels a context. Clones cancel the same one.
#[derive(Clone)]
#[must_use = "a context nobody can cancel ends with its parent only"]
pub struct Cancel(Arc<Inner>);

/// Cancels its context when dropped.
#[derive(Debug)]
#[must_use = "dropped at once, it cancels at once"]
pub struct CancelOnDrop(Cancel);

struct Inner {
    birth: &'static Location<'static>,
    deadline: Option<Instant>,
    parent: Option<Arc<Inner>>,
    /// Nil for the background, which never ends.
    done: RecvChan<Infallible>,
    close: SendChan<Infallible>,
    cancelled: OnceLock<Cancellation>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    children: Vec<Weak<Inner>>,
    timer: Option<TimerId>,
}

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
        Context(Arc::new(Inner {
            birth: Location::caller(),
            deadline: None,
            parent: None,
            done: RecvChan::default(),
            close: SendChan::default(),
            cancelled: OnceLock::new(),
            state: Mutex::default(),
        }))
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

    fn child(
        &self,
        deadline: Option<Instant>,
        birth: &'static Location<'static>,
    ) -> (Context, Cancel) {
        let (close, done) = Builder::new().name("context done").chan_at(birth).split();
        let inherited = self.0.deadline;
        let own = deadline.filter(|own| inherited.is_none_or(|theirs| *own < theirs));
        let inner = Arc::new(Inner {
            birth,
            deadline: own.or(inherited),
            parent: Some(Arc::clone(&self.0)),
            done,
            close,
            cancelled: OnceLock::new(),
            state: Mutex::default(),
        });
        self.0.adopt(&inner);
        if let Some(own) = own {
            inner.arm(own);
        }
        (Context(Arc::clone(&inner)), Cancel(inner))
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
        &self.0.done
    }

    /// Whether it is cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// let (ctx, _cancel) = chan_core::Context::background().with_cancel();
    /// assert!(!ctx.is_cancelled());
    /// ```
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.get().is_some()
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
        self.0.cancelled.get().map(|cancelled| cancelled.cause)
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
        self.0.cancelled.get().copied()
    }

    /// When it will be cancelled by itself.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(chan_core::Context::background().deadline(), None);
    /// ```
    pub fn deadline(&self) -> Option<Instant> {
        self.0.deadline
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
        self.0.birth
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
    /// See [`Context::downgrade`].
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
        Inner::cancel(&self.0, Cause::Cancelled, Location::caller());
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

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a child, which is cancelled at once if this is.
    fn adopt(&self, child: &Arc<Inner>) {
        {
            let mut state = self.state();
            if self.cancelled.get().is_none() {
                if state.children.len() == state.children.capacity() {
                    state.children.retain(|child| child.strong_count() > 0);
                }
                state.children.push(Arc::downgrade(child));
            }
        }
        if let Some(cancelled) = self.cancelled.get() {
            Inner::cancel(child, cancelled.cause, cancelled.site);
        }
    }

    /// Sets the timer of the deadline. It holds the context: a deadline that
    /// is still to come will close the channel of those who wait for it.
    fn arm(self: &Arc<Self>, deadline: Instant) {
        let context = Arc::clone(self);
        let timer = time::schedule(deadline, move || {
            let site = context.birth;
            Inner::cancel(&context, Cause::DeadlineExceeded, site);
        });
        let mut state = self.state();
        if self.cancelled.get().is_none() {
            state.timer = Some(timer);
        } else {
            drop(state);
            time::cancel(timer);
        }
    }

    fn cancel(this: &Arc<Self>, cause: Cause, site: &'static Location<'static>) {
        let mut panicked = None;
        let mut next = vec![Arc::clone(this)];
        while let Some(context) = next.pop() {
            let cancellation = Cancellation {
                cause,
                at: Instant::now(),
                site,
            };
            let state = {
                let mut state = context.state();
                if context.cancelled.set(cancellation).is_err() {
                    continue;
                }
                std::mem::take(&mut *state)
            };
            if let Some(timer) = state.timer {
                time::cancel(timer);
            }
            next.extend(state.children.iter().filter_map(Weak::upgrade));
            // Nil for the background, which has no `Cancel`. A waker that
            // panics must not keep the children from being cancelled: nobody
            // would ever do it later.
            let closed = panics::catch(|| context.close.try_close());
            panics::keep_first(&mut panicked, closed.err());
        }
        if let Some(panic) = panicked {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // One by one: a long chain dropped from its leaf would recurse.
        let mut next = self.parent.take();
        while let Some(parent) = next {
            next = Arc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("birth", &format_args!("{}", self.birth))
            .field("cancelled", &self.cancelled.get().map(|c| c.cause))
            .field("deadline", &self.deadline)
            .field("is_child", &self.parent.is_some())
            .finish()
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
