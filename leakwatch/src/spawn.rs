//! `spawn!` and `task!`: threads and tasks that declare what they capture.

use std::thread::{Builder, JoinHandle};

use crate::held::{ByTask, Own};
use crate::task::{Task, Tracked};

/// Spawns a thread that has the listed handles to itself.
///
/// Like `std::thread::spawn`, with a name for reports and a list of what the
/// thread captures: handles of channels, [`Cancel`](chan_core::Cancel) handles,
/// [`Shared`](crate::Shared) structs. In the body each name means a
/// [`Held`](crate::Held) handle, with the same operations, that cannot leave
/// the thread; so while the thread is parked nobody uses it, and leakwatch can
/// prove who waits for whom. What is captured without being listed works as
/// ever and proves less. The result is a [`JoinHandle`].
///
/// The name is a string, or a [`Task`](crate::Task) with a context. An entry
/// of the list is a name, or `name = expression`. With `move |own|` the body
/// can bind what it makes itself: [`Own::hold`](crate::Own::hold).
///
/// # Panics
///
/// If the thread cannot be started, as `std::thread::spawn`.
///
/// # Examples
///
/// ```
/// use chan_core::Chan;
///
/// let (jobs, inbox) = Chan::new(1).split();
/// let results = Chan::new(1);
/// let worker = leakwatch::spawn!("worker", [inbox, out = results.sender()] move || {
///     for job in &inbox {
///         out.send(job + 1);
///     }
///     "over"
/// });
/// jobs.send(1);
/// assert_eq!(results.recv(), Some(2));
/// jobs.close();
/// assert_eq!(worker.join().unwrap(), "over");
/// ```
#[macro_export]
macro_rules! spawn {
    ($name:expr, [$($capture:ident $(= $value:expr)?),* $(,)?] move || $body:expr $(,)?) => {
        $crate::spawn!($name, [$($capture $(= $value)?),*] move |_own| $body)
    };
    ($name:expr, [$($capture:ident $(= $value:expr)?),* $(,)?] move |$own:ident| $body:expr $(,)?) => {{
        let captured = ($($crate::internal::give_up(
            $crate::internal::first!([$($value)?] $capture)
        ),)*);
        $crate::internal::spawn_thread($name, move |$own: &$crate::Own<$crate::OnThread>| {
            let ($($capture,)*) = captured;
            $(let $capture = $own.hold($capture);)*
            $body
        })
    }};
}

/// Makes a task that has the listed handles to itself: a future to give to any
/// executor.
///
/// It is to tasks what [`spawn!`](crate::spawn!) is to threads: in the body
/// each name of the list means a [`Held`](crate::Held) handle that cannot
/// leave the task. The future is a [`Tracked`](crate::Tracked) one: leakwatch
/// knows its name, and counts who could wake it. It is `Send` if its body is.
///
/// With `async move |own| { … }` the body can bind what it makes itself:
/// [`Own::hold`](crate::Own::hold).
///
/// # Examples
///
/// ```
/// use chan_core::Chan;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (jobs, inbox) = Chan::new(1).split();
/// let worker = tokio::spawn(leakwatch::task!("worker", [inbox] async move {
///     inbox.recv_async().await
/// }));
/// jobs.send_async(7).await;
/// assert_eq!(worker.await.unwrap(), Some(7));
/// # });
/// ```
#[macro_export]
macro_rules! task {
    ($name:expr, [$($capture:ident $(= $value:expr)?),* $(,)?] async move $body:block $(,)?) => {
        $crate::task!($name, [$($capture $(= $value)?),*] async move |_own| $body)
    };
    ($name:expr, [$($capture:ident $(= $value:expr)?),* $(,)?] async move |$own:ident| $body:block $(,)?) => {{
        let captured = ($($crate::internal::give_up(
            $crate::internal::first!([$($value)?] $capture)
        ),)*);
        $crate::internal::make_task($name, move |anchor| async move {
            // What the body holds borrows from here: it ends with the body.
            let anchor = anchor;
            let $own = &anchor;
            let ($($capture,)*) = captured;
            $(let $capture = $own.hold($capture);)*
            $body
        })
    }};
}

/// What `spawn!` becomes.
#[doc(hidden)]
#[track_caller]
pub fn spawn_thread<R: Send + 'static>(
    task: impl Into<Task>,
    body: impl FnOnce(&Own<crate::held::OnThread>) -> R + Send + 'static,
) -> JoinHandle<R> {
    let task = task.into();
    let builder = Builder::new().name(task.name().to_string());
    builder
        .spawn(move || {
            let _entered = task.enter();
            body(&Own::this_thread())
        })
        .expect("failed to spawn thread")
}

/// What `task!` becomes.
#[doc(hidden)]
#[track_caller]
pub fn make_task<F: Future>(
    task: impl Into<Task>,
    body: impl FnOnce(Own<ByTask>) -> F,
) -> Tracked<F> {
    task.into()
        .wrap_with(|account| body(Own::new(account.clone())))
}

/// The value of a capture that has one, else the name.
#[doc(hidden)]
#[macro_export]
macro_rules! __first {
    ([$value:expr] $name:ident) => {
        $value
    };
    ([] $name:ident) => {
        $name
    };
}
