//! Tests that fail if they leave somebody stuck.
//!
//! ```
//! # mod tests {
//! #[leakwatch::test]
//! fn every_value_is_drained() {
//!     let (tx, rx) = chan_core::bounded(1);
//!     let worker = std::thread::spawn(move || rx.iter().count());
//!     tx.send(1).unwrap();
//!     drop(tx);
//!     assert_eq!(worker.join().unwrap(), 1);
//! }
//!
//! #[leakwatch::test(grace = std::time::Duration::from_secs(5), ignore_channel = "cache")]
//! async fn a_task_ends() {
//!     let (tx, rx) = chan_core::bounded::<u8>(1);
//!     drop(tx);
//!     assert!(rx.recv_async().await.is_err());
//! }
//! # }
//! ```
//!
//! A test fails, with the report as its message,
//!
//! - if a grace after its end somebody still waits on a channel that was born
//!   in it, or a value sent on one lies undelivered in a channel or a future;
//! - if its own body is stuck: at once if that is proven of it, otherwise when
//!   it has waited in one place for [`Config::stuck_after`] and nothing has
//!   moved on any channel of the test. The thread of the body is left behind,
//!   and the run goes on.
//!
//! # Whose channel it is
//!
//! A channel belongs to the test on whose thread it was made, so tests that run
//! at the same time never answer for each other. A [`Task`] belongs to the test
//! in which it was introduced, and what it makes belongs to that test as well.
//! A plain `std::thread::spawn` or `tokio::spawn` does not inherit: what is
//! made there belongs to nobody, but what was made on the test's thread is the
//! test's wherever it waits. A runner that gives each test a process of its own
//! (nextest) changes nothing.
//!
//! # Asynchronous tests
//!
//! A future of ours needs nothing but a waker, so by default the body runs on a
//! small executor of leakwatch's own: one thread that parks. A test that needs
//! a runtime (to spawn, to sleep, to read a socket) says which, below:
//!
//! ```text
//! #[leakwatch::test]
//! #[tokio::test]
//! async fn with_a_runtime() { … }
//! ```
//!
//! Then the runtime runs it and leakwatch only wraps the body. A body that
//! blocks such a runtime's thread cannot be failed from outside: there the
//! report is printed and the process ends with code 101.
//!
//! # Closed worlds
//!
//! ```no_run
//! # use std::sync::Arc;
//! #[leakwatch::test(closed_world)]
//! fn each_waits_for_the_other() {
//!     let both = Arc::new((chan_core::Chan::<u8>::new(0), chan_core::Chan::<u8>::new(0)));
//!     let theirs = Arc::clone(&both);
//!     std::thread::spawn(move || { theirs.0.recv(); theirs.1.send(1) });
//!     both.1.recv(); // fails the test at once: Proven::ClosedWorld
//! }
//! ```
//!
//! Who has a handle behind an `Arc`, or in plain threads and tasks, cannot be
//! counted. But a test is mostly a world of its own, and if everybody in it
//! sleeps, nobody can come. [`Config::closed_world`] says that it is one. Then
//! leakwatch asks the kernel whether all threads of the process sleep until
//! others wake them, plain ones and those of runtimes included. If they do, and
//! somebody is parked on a channel of the test, that is a proof: the body, or
//! those it has left, are stuck, and the test fails at once.
//!
//! Excused from sleeping for good are those who are *outside*: the main thread,
//! which is the harness's; the threads of other tests of this crate; those that
//! say so ([`outside`]). They must only be at rest at that moment. **You promise**
//! that they leave the test alone while it waits: that they use no handle of its
//! channels, wake nothing else that its threads wait for, and drop none of its
//! tasks. Of this, the following is checked, and where it is not kept nothing is
//! proven: nobody outside waits on the test's channels; nobody in it waits on
//! others'; nobody of whom it is not known where he belongs waits on a channel
//! that is not the test's; no handle was [let out](let_out) that could end one of
//! the waits. A thread that says nothing of itself, plain, of a pool or of a
//! runtime, is not outside, so nothing is proven as long as it runs, naps, or
//! waits for a socket, a pipe or a clock, be it there for the test or not. Tests
//! that run beside it and do not use this crate are the same, so it may take
//! until they are over; a process for each test (nextest) knows no others.
//!
//! Nothing is proven while a timer is set, a deadline is to come, or a future of
//! a runtime waits for time: time is real. (A clock of the test's own, which
//! jumps when everybody sleeps, would have to be the clock of everything in it.
//! Ours can be only that of our timers, and `Instant::now()`, sleeps, and the
//! timers of a runtime would tell another time. So there is none.)
//!
//! Where the kernel does not tell, which is everywhere but on Linux, nothing is
//! proven in this way. A runtime that listens for sockets waits for them, so its
//! tests are not proven either. In both cases a body is failed when it has waited
//! for [`Config::stuck_after`].
//!
//! [`World`] is the same for programs that are no tests.
//!
//! # By hand
//!
//! [`guard()`] checks the rest of the block it stands in, at its end; it cannot
//! see a body that is stuck.

use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use std::{fmt, process};

use chan_core::observe::{self, ScopeId};
use parking_lot::{Condvar, Mutex};

use crate::events;
use crate::export::text;
use crate::options::{Allow, Options};
use crate::places::{self, Place, Stay};
use crate::survey::{About, survey};
use crate::task::Task;

mod left;
mod stuck;
mod world;

use stuck::{Stuck, Watch};
pub use world::{Inside, Outside, World, let_out, outside};

/// How a test is checked.
#[derive(Clone, Debug)]
#[must_use = "it checks nothing by itself"]
pub struct Config {
    grace: Duration,
    stuck_after: Duration,
    allowed: Vec<Allow>,
    closed_world: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config::new()
    }
}

/// Checks the rest of the block it stands in; see [`Config::guard`].
///
/// # Examples
///
/// ```
/// let _guard = leakwatch::test::guard();
/// let chan = chan_core::Chan::new(1);
/// chan.send(1);
/// assert_eq!(chan.recv(), Some(1));
/// ```
pub fn guard() -> Guard {
    Config::new().guard()
}

impl Config {
    /// A grace of two seconds, ten until a body is called stuck, nothing
    /// ignored.
    pub fn new() -> Config {
        Config {
            grace: Duration::from_secs(2),
            stuck_after: Duration::from_secs(10),
            allowed: Vec::new(),
            closed_world: false,
        }
    }

    /// Nothing outside acts on the test ([closed worlds](self#closed-worlds)):
    /// when everybody in it sleeps, that is a proof.
    ///
    /// # Examples
    ///
    /// ```should_panic,standalone_crate
    /// # if !cfg!(all(target_os = "linux", target_arch = "x86_64")) { panic!("not told") }
    /// leakwatch::test::Config::new().closed_world().run(|| {
    ///     let chan = chan_core::Chan::<u8>::new(0);
    ///     let sender = chan.clone(); // nobody knows who has it
    ///     let waiter = std::thread::spawn(move || chan.recv());
    ///     waiter.join().unwrap(); // the body does not even wait on a channel
    ///     sender.send(1);
    /// });
    /// ```
    pub fn closed_world(mut self) -> Config {
        self.closed_world = true;
        self
    }

    /// How long those who are left may take to end. A test waits no longer than
    /// until the last of its channels has gone; one that keeps a channel for
    /// good, in a static say, waits for all of it, unless that is ignored.
    pub fn grace(mut self, grace: Duration) -> Config {
        self.grace = grace;
        self
    }

    /// How long a body may wait in one place while nothing moves.
    pub fn stuck_after(mut self, patience: Duration) -> Config {
        self.stuck_after = patience;
        self
    }

    /// Waits at this line are meant to be left: the end of a file's name, with
    /// a line (`cache.rs:31`) or without.
    pub fn ignore_site(self, site: impl Into<String>) -> Config {
        self.ignore(Allow::Site(site.into()))
    }

    /// Waits with this function on their stack are meant to be left.
    pub fn ignore_function(self, path: impl Into<String>) -> Config {
        self.ignore(Allow::Function(path.into()))
    }

    /// Waits on channels of this name are meant to be left; a `*` at its end
    /// stands for anything.
    pub fn ignore_channel(self, name: impl Into<String>) -> Config {
        self.ignore(Allow::Channel(name.into()))
    }

    fn ignore(mut self, what: Allow) -> Config {
        self.allowed.push(what);
        self
    }

    /// Checks the rest of the block in which the guard lives. While it does,
    /// channels made on this thread belong to it.
    ///
    /// # Panics
    ///
    /// When it is dropped: with the report, if somebody is left behind. Not if
    /// the thread panics already.
    pub fn guard(self) -> Guard {
        let _ = events::install(Options::default());
        let scope = fresh_scope();
        Guard {
            config: self,
            outer: observe::set_current_scope(scope),
            scope,
            _stay: places::enter(Place::In(scope)),
            here: PhantomData,
        }
    }

    /// Runs the body of a test, on a thread of its own, so that this one can
    /// fail the test if the body is stuck.
    ///
    /// # Panics
    ///
    /// With the body's panic, or with the report.
    pub fn run<R: Send + 'static>(self, body: impl FnOnce() -> R + Send + 'static) -> R {
        let _ = events::install(Options::default());
        let _outside = outside();
        let scope = fresh_scope();
        let name = thread::current().name().unwrap_or("test").to_owned();
        let (over, is_over) = mpsc::channel();
        let (number, its_number) = mpsc::channel();
        let thread = thread::Builder::new().name(name.clone());
        let thread = thread.spawn(move || {
            let task = Task::new(name).scope(scope).enter();
            let _ = number.send(task.id());
            let result = panic::catch_unwind(AssertUnwindSafe(body));
            drop(task);
            // Nobody listens to one that was given up.
            let _ = over.send(result);
        });
        let thread = thread.expect("a test needs a thread");
        let task = its_number.recv().expect("it begins with that");
        let mut watch = Watch::new(scope, task);
        let result = loop {
            match is_over.recv_timeout(stuck::LOOK_EVERY) {
                Ok(result) => break result,
                Err(RecvTimeoutError::Timeout) => {
                    if let Some(stuck) = watch.is_stuck(&self) {
                        panic!("{}", self.message(scope, task, stuck));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => unreachable!("it sends before it ends"),
            }
        };
        // What it keeps in its locals goes as well.
        let _ = thread.join();
        match result {
            Ok(result) => {
                self.check(scope);
                result
            }
            Err(panicked) => panic::resume_unwind(panicked),
        }
    }

    /// Runs the body of an asynchronous test, as [`Config::run`] does, on an
    /// executor of leakwatch's own.
    ///
    /// # Panics
    ///
    /// As [`Config::run`].
    pub fn run_async<F: Future>(self, body: impl FnOnce() -> F + Send + 'static) -> F::Output
    where
        F::Output: Send + 'static,
    {
        self.run(move || block_on(body()))
    }

    /// Watches the body of a test that another executor runs.
    ///
    /// # Panics
    ///
    /// As [`Config::run`].
    ///
    /// # Cancel safety
    ///
    /// That of the body. What is dropped is not checked.
    pub async fn watch<F: Future>(self, body: F) -> F::Output {
        let _ = events::install(Options::default());
        let scope = fresh_scope();
        let name = thread::current().name().unwrap_or("test").to_owned();
        let mut body = Box::pin(Task::new(name).scope(scope).wrap(body));
        let keeper = Keeper::start(self, scope, body.id());
        let mut result = None;
        poll_fn(move |cx| {
            keeper.0.waker.lock().replace(cx.waker().clone());
            if result.is_none()
                && let Poll::Ready(ready) = body.as_mut().poll(cx)
            {
                result = Some(ready);
                keeper.body_is_over();
            }
            match keeper.verdict() {
                Some(Some(report)) => panic!("{report}"),
                Some(None) => Poll::Ready(result.take().expect("it is checked when it is over")),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// The message of a test whose body is stuck.
    fn message(&self, scope: ScopeId, task: observe::TaskId, stuck: Stuck) -> String {
        let Stuck { why, report } = stuck;
        let look = || {
            survey(&About::Scope {
                scope,
                task: Some(task),
                ended: false,
                allowed: &self.allowed,
                stacks: true,
            })
        };
        let report = report.unwrap_or_else(look);
        format!(
            "the body of this test is stuck: {why}\n\n{}",
            text::to_string(&report)
        )
    }
}

fn fresh_scope() -> ScopeId {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    ScopeId(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Checks a block at its end; made by [`guard()`] and [`Config::guard`].
#[must_use = "dropped at once, it checks nothing"]
pub struct Guard {
    config: Config,
    scope: ScopeId,
    outer: ScopeId,
    _stay: Stay,
    /// It must be dropped on the thread that made it.
    here: PhantomData<*const ()>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        observe::set_current_scope(self.outer);
        if !thread::panicking() {
            self.config.check(self.scope);
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Guard").field(&self.scope).finish()
    }
}

// ---- Executors. ----

/// Runs a future on this thread.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = Box::pin(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// The thread beside a test that another executor runs.
struct Keeper(Arc<Kept>);

/// What the two share.
struct Kept {
    waker: Mutex<Option<Waker>>,
    stage: Mutex<Stage>,
    changed: Condvar,
    /// Nothing, or the message of a test that fails.
    verdict: OnceLock<Option<String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// The body is over: now it is checked.
    Over,
    /// Nobody waits for a verdict any more.
    Gone,
}

/// How long a test that is failed may take to notice, before the process ends.
const NOTICE: Duration = Duration::from_secs(5);

impl Keeper {
    fn start(config: Config, scope: ScopeId, task: observe::TaskId) -> Keeper {
        let kept = Arc::new(Kept {
            waker: Mutex::new(None),
            stage: Mutex::new(Stage::Running),
            changed: Condvar::new(),
            verdict: OnceLock::new(),
        });
        let shared = Arc::clone(&kept);
        let thread = thread::Builder::new().name("leakwatch keeper".into());
        let thread = thread.spawn(move || shared.keep(&config, scope, task));
        thread.expect("a test needs a thread");
        Keeper(kept)
    }

    fn body_is_over(&self) {
        self.0.enter(Stage::Over);
    }

    fn verdict(&self) -> Option<&Option<String>> {
        self.0.verdict.get()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.enter(Stage::Gone);
    }
}

impl Kept {
    fn enter(&self, stage: Stage) {
        *self.stage.lock() = stage;
        self.changed.notify_all();
    }

    /// Waits for a change of stage.
    fn stage_after(&self, at_most: Duration) -> Stage {
        let mut stage = self.stage.lock();
        if *stage == Stage::Running {
            self.changed.wait_for(&mut stage, at_most);
        }
        *stage
    }

    fn keep(&self, config: &Config, scope: ScopeId, task: observe::TaskId) {
        let _outside = outside();
        let mut watch = Watch::new(scope, task);
        let verdict = loop {
            match self.stage_after(stuck::LOOK_EVERY) {
                Stage::Gone => return,
                Stage::Over => break config.left_behind(scope),
                Stage::Running => {
                    if let Some(stuck) = watch.is_stuck(config) {
                        break Some(config.message(scope, task, stuck));
                    }
                }
            }
        };
        let _ = self.verdict.set(verdict.clone());
        if let Some(waker) = self.waker.lock().take() {
            waker.wake();
        }
        let Some(report) = verdict else { return };
        let end = Instant::now() + NOTICE;
        let mut stage = self.stage.lock();
        while *stage != Stage::Gone {
            if self.changed.wait_until(&mut stage, end).timed_out() {
                // It blocks the thread that should poll it.
                eprintln!("{report}");
                process::exit(101);
            }
        }
    }
}
