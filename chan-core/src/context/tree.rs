//! The tree of contexts: who cancels whom.
//!
//! K1  `done` is closed exactly once, by whoever set `cancelled` first, and
//!     nothing foreign runs between the two. So whoever finds `cancelled` set
//!     may wait for the close; and to users a context is cancelled when `done`
//!     is closed, never before.
//! K2  A parent holds its children weakly, children hold their parent
//!     strongly: a chain lives as long as its leaf.
//! K3  No lock of the tree is held while a `done` channel is closed (its
//!     wakers are foreign code) or while another lock of the tree is taken.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use super::cancels::Cancels;
use super::{Cancellation, Cause};
use crate::builder::Builder;
use crate::chan::{RecvChan, SendChan};
use crate::panics;
use crate::time::{self, TimerId};
use crate::waitq::Site;

/// A context.
pub(super) struct Inner {
    birth: Site,
    deadline: Option<Instant>,
    parent: Option<Arc<Inner>>,
    /// Nil for the background, which never ends.
    done: RecvChan<Infallible>,
    close: SendChan<Infallible>,
    /// None for the background, which has no `Cancel`.
    cancels: Option<Arc<Cancels>>,
    cancelled: OnceLock<End>,
    state: Mutex<State>,
}

/// An error that a cancel came with.
pub(super) type Reason = Arc<dyn Error + Send + Sync>;

/// How it was cancelled, and with what.
#[derive(Clone)]
pub(super) struct End {
    pub(super) cancellation: Cancellation,
    pub(super) reason: Option<Reason>,
}

#[derive(Default)]
struct State {
    children: Vec<Weak<Inner>>,
    timer: Option<TimerId>,
}

// A panic cannot leave it half changed: no foreign code runs while it is being
// changed. (An error that it was cancelled with is only ever shared.)
impl UnwindSafe for Inner {}
impl RefUnwindSafe for Inner {}

impl Inner {
    /// One that never ends.
    pub(super) fn root(birth: Site) -> Self {
        Inner {
            birth,
            deadline: None,
            parent: None,
            done: RecvChan::default(),
            close: SendChan::default(),
            cancels: None,
            cancelled: OnceLock::new(),
            state: Mutex::default(),
        }
    }

    pub(super) fn child(self: &Arc<Self>, deadline: Option<Instant>, birth: Site) -> Arc<Self> {
        let (close, done) = Builder::new()
            .name("context done")
            .context_chan(birth)
            .split();
        let inherited = self.deadline;
        let own = deadline.filter(|own| inherited.is_none_or(|theirs| *own < theirs));
        let deadline = own.or(inherited);
        let id = done.chan().expect("it was just made").header().id();
        let cancels = Cancels::new(id, deadline.is_some(), self.cancels.as_ref());
        let child = Arc::new(Inner {
            birth,
            deadline,
            parent: Some(Arc::clone(self)),
            done,
            close,
            cancels: Some(cancels),
            cancelled: OnceLock::new(),
            state: Mutex::default(),
        });
        self.adopt(&child);
        if let Some(own) = own {
            child.arm(own);
        }
        child
    }

    pub(super) fn birth(&self) -> Site {
        self.birth
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    pub(super) fn done(&self) -> &RecvChan<Infallible> {
        &self.done
    }

    /// Who could cancel it, of a child.
    pub(super) fn cancels(&self) -> &Cancels {
        self.cancels
            .as_ref()
            .expect("the background has no `Cancel`")
    }

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
        if let Some(end) = self.settled() {
            Inner::cancel(child, end.clone());
        }
    }

    /// Sets the timer of the deadline. It holds the context: a deadline that
    /// is still to come will close the channel of those who wait for it. One
    /// that has passed is no matter for a timer.
    fn arm(self: &Arc<Self>, deadline: Instant) {
        let site = self.birth;
        if deadline <= Instant::now() {
            return self.cancel_now(Cause::DeadlineExceeded, None, site);
        }
        let context = Arc::clone(self);
        let timer = time::schedule(deadline, move || {
            context.cancel_now(Cause::DeadlineExceeded, None, site);
        });
        let mut state = self.state();
        if self.cancelled.get().is_none() {
            state.timer = Some(timer);
        } else {
            drop(state);
            time::cancel(timer);
        }
    }

    /// How it ended, if its `done` is closed.
    pub(super) fn end(&self) -> Option<&End> {
        if !self.done.is_closed() {
            return None;
        }
        Some(self.cancelled.get().expect("K1"))
    }

    /// The same, of one that is ending as well: waits for the close (K1).
    fn settled(&self) -> Option<&End> {
        let end = self.cancelled.get()?;
        if !self.done.is_closed() {
            self.done.wait_closed();
        }
        Some(end)
    }

    pub(super) fn cancel_now(self: &Arc<Self>, cause: Cause, reason: Option<Reason>, site: Site) {
        let at = Instant::now();
        let cancellation = Cancellation { cause, at, site };
        let end = End {
            cancellation,
            reason,
        };
        Inner::cancel(self, end);
    }

    /// Cancels it and all that descends from it. When this returns that is
    /// done, whoever did it, but for what descends from a child that somebody
    /// else has cancelled just now. (`end` is cloned under the lock, and not
    /// dropped there: its error is foreign.)
    fn cancel(this: &Arc<Self>, end: End) {
        let mut panicked = None;
        let mut next = vec![Arc::clone(this)];
        while let Some(context) = next.pop() {
            let (lost, state) = {
                let mut state = context.state();
                match context.cancelled.set(end.clone()) {
                    Ok(()) => (None, std::mem::take(&mut *state)),
                    Err(end) => (Some(end), State::default()),
                }
            };
            if lost.is_some() {
                context.settled();
                continue;
            }
            // Nil for the background, which has no `Cancel`. A waker that
            // panics must not keep the children from being cancelled: nobody
            // would ever do it later.
            let closed = panics::catch(|| context.close.try_close());
            panics::keep_first(&mut panicked, closed.err());
            if let Some(timer) = state.timer {
                time::cancel(timer);
            }
            next.extend(state.children.iter().filter_map(Weak::upgrade));
        }
        if let Some(panic) = panicked {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(cancels) = &self.cancels {
            cancels.end();
        }
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
            .field("cancelled", &self.end().map(|end| end.cancellation.cause))
            .field("deadline", &self.deadline)
            .field("is_child", &self.parent.is_some())
            .finish()
    }
}
