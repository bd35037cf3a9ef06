//! Introducing a task: a name, and the context it should end with.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};

use chan_core::Context;
use chan_core::observe::{self, ScopeId, TaskId};

use crate::ledger::{Account, Owner, ledger};
use crate::life::{Life, Polling};
use crate::places::{self, Place, Stay};
use crate::registry::{TaskRecord, registry};

/// Introduces a thread or a future to leakwatch. Reports then show its name,
/// and say if it outlives its context.
///
/// # Examples
///
/// ```
/// use chan_core::Context;
/// use leakwatch::Task;
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// let worker = std::thread::spawn(move || {
///     let _task = Task::new("reconcile").context(&ctx).enter();
///     ctx.done().recv()
/// });
/// cancel.cancel();
/// worker.join().unwrap();
/// ```
#[derive(Debug)]
#[must_use = "a task is introduced by `enter` or `wrap`"]
pub struct Task {
    name: Arc<str>,
    context: Option<Context>,
    site: &'static Location<'static>,
    scope: ScopeId,
    daemon: bool,
}

impl Task {
    /// A task of this name, born at the caller's line. Names need not be
    /// unique. It belongs to the test in which it is made, if any
    /// ([`mod@crate::test`]), wherever it runs.
    #[track_caller]
    pub fn new(name: impl Into<Arc<str>>) -> Task {
        Task {
            name: name.into(),
            context: None,
            site: Location::caller(),
            scope: observe::current_scope(),
            daemon: false,
        }
    }

    /// It is idle by design: it is never called slow, suspected or outlived.
    /// What is proven of it is told all the same.
    pub fn daemon(mut self) -> Task {
        self.daemon = true;
        self
    }

    /// The task belongs to a scope, and not to the one it was made in.
    pub(crate) fn scope(mut self, scope: ScopeId) -> Task {
        self.scope = scope;
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The context whose end should be this task's. It is not kept alive.
    pub fn context(mut self, context: &Context) -> Task {
        self.context = Some(context.clone());
        self
    }

    /// This thread runs the task until the guard is dropped.
    pub fn enter(self) -> Entered {
        let scope = self.scope;
        let id = registry().introduce(self.record(None));
        Entered {
            id,
            // Only who looks at a closed world asks where threads are.
            _stay: (scope != ScopeId(0)).then(|| places::enter(Place::In(scope))),
            outer: observe::set_current_task(id),
            outer_scope: observe::set_current_scope(scope),
            here: PhantomData,
        }
    }

    /// The future runs the task, on whatever threads it is polled.
    pub fn wrap<F: Future>(self, future: F) -> Tracked<F> {
        self.wrap_with(|_| future)
    }

    /// The same for a future that is made knowing the account of its task.
    pub(crate) fn wrap_with<F: Future>(self, make: impl FnOnce(&Arc<Account>) -> F) -> Tracked<F> {
        let (life, waker) = Life::begin();
        let (scope, name) = (self.scope, Arc::clone(&self.name));
        let id = registry().introduce(self.record(Some(&life)));
        let account = ledger().open(Owner::Task(id), name);
        let introduced = Introduced {
            id,
            scope,
            life,
            waker,
        };
        Tracked {
            future: Box::pin(make(&account)),
            introduced,
        }
    }

    fn record(self, life: Option<&Arc<Life>>) -> TaskRecord {
        TaskRecord {
            name: self.name,
            context: self.context.as_ref().map(Context::downgrade),
            site: self.site,
            scope: self.scope,
            daemon: self.daemon,
            life: life.map(Arc::clone),
        }
    }
}

impl From<&str> for Task {
    #[track_caller]
    fn from(name: &str) -> Task {
        Task::new(name)
    }
}

impl From<String> for Task {
    #[track_caller]
    fn from(name: String) -> Task {
        Task::new(name)
    }
}

/// This thread runs a task; made by [`Task::enter`].
#[must_use = "dropped at once, it ends at once"]
pub struct Entered {
    id: TaskId,
    outer: TaskId,
    outer_scope: ScopeId,
    _stay: Option<Stay>,
    /// It must be dropped on the thread that entered.
    here: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        observe::set_current_task(self.outer);
        observe::set_current_scope(self.outer_scope);
        registry().forget(self.id);
    }
}

impl Entered {
    /// The number of its waits.
    pub(crate) fn id(&self) -> TaskId {
        self.id
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entered").field(&self.id).finish()
    }
}

/// A future that runs a task; made by [`Task::wrap`] and
/// [`task!`](crate::task!).
///
/// # Cancel safety
///
/// That of the future it wraps.
#[must_use = "futures do nothing unless polled"]
pub struct Tracked<F> {
    // The box keeps this file free of pinning by hand. Dropped first: what the
    // future does when dropped is still the task's.
    future: Pin<Box<F>>,
    introduced: Introduced,
}

struct Introduced {
    id: TaskId,
    scope: ScopeId,
    life: Arc<Life>,
    waker: Waker,
}

impl Drop for Introduced {
    fn drop(&mut self) {
        ledger().close(Owner::Task(self.id));
        registry().forget(self.id);
    }
}

/// Restores the task of the thread, also if the poll panics.
struct Running {
    outer: TaskId,
    outer_scope: ScopeId,
    /// A poll within a poll: a future that was wrapped twice.
    polling: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        observe::set_current_task(self.outer);
        observe::set_current_scope(self.outer_scope);
        observe::set_polling(self.polling);
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let task = &this.introduced;
        let _running = Running {
            outer: observe::set_current_task(task.id),
            outer_scope: observe::set_current_scope(task.scope),
            polling: observe::set_polling(true),
        };
        let _polling = Polling::begin(&task.life, cx.waker());
        let polled = this
            .future
            .as_mut()
            .poll(&mut task::Context::from_waker(&task.waker));
        if polled.is_ready() {
            task.life.finish();
        }
        polled
    }
}

impl<F> Drop for Tracked<F> {
    fn drop(&mut self) {
        // The fields go after this, the future first.
        self.introduced.life.end();
    }
}

impl<F> Tracked<F> {
    /// The number of its waits.
    pub(crate) fn id(&self) -> TaskId {
        self.introduced.id
    }
}

impl<F> fmt::Debug for Tracked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracked")
            .field(&self.introduced.id.0)
            .finish()
    }
}
