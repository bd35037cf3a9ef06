//! Introducing a task: a name, and the context it should end with.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use chan_core::Context;
use chan_core::observe::{self, TaskId};

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
}

impl Task {
    /// A task of this name. Names need not be unique.
    pub fn new(name: impl Into<Arc<str>>) -> Task {
        Task {
            name: name.into(),
            context: None,
        }
    }

    /// The context whose end should be this task's. It is not kept alive.
    pub fn context(mut self, context: &Context) -> Task {
        self.context = Some(context.clone());
        self
    }

    /// This thread runs the task until the guard is dropped.
    pub fn enter(self) -> Entered {
        let id = self.introduce();
        Entered {
            id,
            outer: observe::set_current_task(id),
            here: PhantomData,
        }
    }

    /// The future runs the task, on whatever threads it is polled.
    pub fn wrap<F: Future>(self, future: F) -> Tracked<F> {
        Tracked {
            id: Introduced(self.introduce()),
            future: Box::pin(future),
        }
    }

    fn introduce(self) -> TaskId {
        registry().introduce(TaskRecord {
            name: self.name,
            context: self.context.as_ref().map(Context::downgrade),
        })
    }
}

/// This thread runs a task; made by [`Task::enter`].
#[must_use = "dropped at once, it ends at once"]
pub struct Entered {
    id: TaskId,
    outer: TaskId,
    /// It must be dropped on the thread that entered.
    here: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        observe::set_current_task(self.outer);
        registry().forget(self.id);
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entered").field(&self.id).finish()
    }
}

/// A future that runs a task; made by [`Task::wrap`].
///
/// # Cancel safety
///
/// That of the future it wraps.
#[must_use = "futures do nothing unless polled"]
pub struct Tracked<F> {
    // The box keeps this file free of pinning by hand.
    future: Pin<Box<F>>,
    // After the future: what the future does when dropped is still the task's.
    id: Introduced,
}

struct Introduced(TaskId);

impl Drop for Introduced {
    fn drop(&mut self) {
        registry().forget(self.0);
    }
}

/// Restores the task of the thread, also if the poll panics.
struct Polling {
    outer: TaskId,
}

impl Drop for Polling {
    fn drop(&mut self) {
        observe::set_current_task(self.outer);
    }
}

impl<F: Future> Future for Tracked<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let _polling = Polling {
            outer: observe::set_current_task(self.id.0),
        };
        self.future.as_mut().poll(cx)
    }
}

impl<F> fmt::Debug for Tracked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracked").field(&self.id.0).finish()
    }
}
