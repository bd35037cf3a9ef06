//! Where a Go program can run: on threads whose operations block, on tokio
//! with many threads or one, and on an executor of a hundred lines. A program
//! is written once, as async code over a [`World`] and its [`Ch`]annels.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use chan_core::observe::Channel;
use chan_core::{Builder, Chan, Empty, Receiver, RecvChan, SendChan, Sender};
use futures_util::FutureExt;

use crate::common;
use crate::executor::Executor;

/// A program in which nobody ends for so long hangs. No machine is so slow.
const FOREVER: Duration = Duration::from_secs(300);

/// One number for the debug build, which is slow, and Go's for the other.
pub(crate) const fn sized(debug: usize, release: usize) -> usize {
    if cfg!(debug_assertions) {
        debug
    } else {
        release
    }
}

/// By which handles the channels of a program are reached.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Manners {
    /// `Chan`.
    Go,
    /// `SendChan` and `RecvChan`.
    Views,
    /// `Sender` and `Receiver`.
    Rust,
}

/// What a program needs besides channels: others that run at the same time.
pub(crate) trait World: Clone + Send + Sync + 'static {
    /// Whether channels are used by their blocking operations, each party
    /// having a thread to itself.
    const BLOCKS: bool;

    /// Runs a program, and all it starts, to the end.
    fn run<F>(manners: Manners, program: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static;

    /// Go's `go`. A panic in it ends the program.
    fn go(&self, party: impl Future<Output = ()> + Send + 'static);

    /// Go's `runtime.Gosched()`.
    fn turn(&self) -> impl Future<Output = ()> + Send;

    /// The manners of this program's channels.
    fn manners(&self) -> Manners;

    /// Go's `make(chan T, capacity)`.
    fn chan<T: Send + 'static>(&self, capacity: usize) -> Ch<Self, T> {
        Ch::new(Builder::new().capacity(capacity), self.manners())
    }

    /// The same, with a look at who waits on it.
    fn watched<T: Send + 'static>(&self, capacity: usize) -> (Ch<Self, T>, Channel) {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("program {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let builder = Builder::new().capacity(capacity).name(name.clone());
        let chan = Ch::new(builder, self.manners());
        (chan, common::watched(&name))
    }

    /// Takes turns until it is so.
    fn until(&self, mut so: impl FnMut() -> bool + Send) -> impl Future<Output = ()> + Send {
        async move {
            while !so() {
                self.turn().await;
            }
        }
    }
}

/// How a party ended.
type End = Result<(), Box<dyn Any + Send>>;

// ---- Threads. ----

/// A thread for every party.
#[derive(Clone)]
pub(crate) struct Threads {
    manners: Manners,
    ends: mpsc::Sender<End>,
}

impl World for Threads {
    const BLOCKS: bool = true;

    fn run<F>(manners: Manners, program: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (ends, ended) = mpsc::channel();
        let world = Threads { manners, ends };
        world.go(program(world.clone()));
        drop(world);
        loop {
            match ended.recv_timeout(FOREVER) {
                Ok(Ok(())) => {}
                Ok(Err(panic)) => panic::resume_unwind(panic),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("the program hangs"),
            }
        }
    }

    fn go(&self, party: impl Future<Output = ()> + Send + 'static) {
        let ends = self.ends.clone();
        let run = move || {
            let to_the_end = || {
                party
                    .now_or_never()
                    .expect("a thread blocks, it never pends")
            };
            // Nobody waits for the end of a program that has failed.
            let _ = ends.send(panic::catch_unwind(AssertUnwindSafe(to_the_end)));
        };
        let small = thread::Builder::new().stack_size(512 << 10);
        small.spawn(run).expect("a thread can be had");
    }

    async fn turn(&self) {
        thread::yield_now();
    }

    fn manners(&self) -> Manners {
        self.manners
    }
}

// ---- Tokio. ----

/// Tasks of tokio, on so many threads; on the caller's if that is 0.
#[derive(Clone)]
pub(crate) struct Tokio<const THREADS: usize> {
    manners: Manners,
    ends: tokio::sync::mpsc::UnboundedSender<End>,
}

impl<const THREADS: usize> World for Tokio<THREADS> {
    const BLOCKS: bool = false;

    fn run<F>(manners: Manners, program: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut runtime = match THREADS {
            0 => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        let runtime = runtime.worker_threads(THREADS.max(1)).enable_time().build();
        runtime.expect("a runtime can be had").block_on(async {
            let (ends, mut ended) = tokio::sync::mpsc::unbounded_channel();
            let world = Tokio::<THREADS> { manners, ends };
            world.go(program(world.clone()));
            drop(world);
            loop {
                let end = tokio::time::timeout(FOREVER, ended.recv()).await;
                match end.expect("the program hangs") {
                    Some(end) => end.unwrap_or_else(|panic| panic::resume_unwind(panic)),
                    None => break,
                }
            }
        });
    }

    fn go(&self, party: impl Future<Output = ()> + Send + 'static) {
        let ends = self.ends.clone();
        tokio::spawn(async move {
            // Nobody waits for the end of a program that has failed.
            let _ = ends.send(AssertUnwindSafe(party).catch_unwind().await);
        });
    }

    async fn turn(&self) {
        tokio::task::yield_now().await;
    }

    fn manners(&self) -> Manners {
        self.manners
    }
}

// ---- The minimal executor. ----

/// Tasks of [`Executor`], on the caller's thread.
#[derive(Clone)]
pub(crate) struct Minimal {
    manners: Manners,
    executor: Arc<Executor>,
}

impl World for Minimal {
    const BLOCKS: bool = false;

    fn run<F>(manners: Manners, program: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let executor = Arc::<Executor>::default();
        let world = Minimal {
            manners,
            executor: Arc::clone(&executor),
        };
        executor.block_on(program(world));
    }

    fn go(&self, party: impl Future<Output = ()> + Send + 'static) {
        self.executor.spawn(party);
    }

    async fn turn(&self) {
        let mut turned = false;
        std::future::poll_fn(|cx| {
            if turned {
                return Poll::Ready(());
            }
            turned = true;
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn manners(&self) -> Manners {
        self.manners
    }
}

// ---- Channels. ----

/// A channel of a program. Its `send` and `recv` are async in name; on
/// threads they block inside, and are ready at once.
pub(crate) struct Ch<W, T> {
    pub(crate) ends: Ends<T>,
    world: PhantomData<fn() -> W>,
}

/// The handles of a channel. chan-select's programs arm them in its selects.
pub(crate) enum Ends<T> {
    Go(Chan<T>),
    Views(SendChan<T>, RecvChan<T>),
    Rust(Sender<T>, Receiver<T>),
}

impl<W: World, T: Send + 'static> Ch<W, T> {
    pub(crate) fn new(builder: Builder, manners: Manners) -> Self {
        let ends = match manners {
            Manners::Go => Ends::Go(builder.chan()),
            Manners::Views => {
                let (tx, rx) = builder.chan().split();
                Ends::Views(tx, rx)
            }
            Manners::Rust => {
                let (tx, rx) = builder.channel();
                Ends::Rust(tx, rx)
            }
        };
        let world = PhantomData;
        Ch { ends, world }
    }

    /// Go's nil channel.
    pub(crate) fn nil() -> Self {
        Ch {
            ends: Ends::Go(Chan::nil()),
            world: PhantomData,
        }
    }

    /// Go's `c <- value`.
    pub(crate) async fn send(&self, value: T) {
        match &self.ends {
            Ends::Go(it) if W::BLOCKS => it.send(value),
            Ends::Go(it) => it.send_async(value).await,
            Ends::Views(tx, _) if W::BLOCKS => tx.send(value),
            Ends::Views(tx, _) => tx.send_async(value).await,
            Ends::Rust(tx, _) if W::BLOCKS => tx.send(value).expect("it is open"),
            Ends::Rust(tx, _) => tx.send_async(value).await.expect("it is open"),
        }
    }

    /// Go's `v, ok := <-c`.
    pub(crate) async fn recv(&self) -> Option<T> {
        match &self.ends {
            Ends::Go(it) if W::BLOCKS => it.recv(),
            Ends::Go(it) => it.recv_async().await,
            Ends::Views(_, rx) if W::BLOCKS => rx.recv(),
            Ends::Views(_, rx) => rx.recv_async().await,
            Ends::Rust(_, rx) if W::BLOCKS => rx.recv().ok(),
            Ends::Rust(_, rx) => rx.recv_async().await.ok(),
        }
    }

    /// Go's `<-c` where a close would be a mistake.
    pub(crate) async fn value(&self) -> T {
        self.recv().await.expect("a value, not the end")
    }

    /// Go's `for v := range c`, collected.
    pub(crate) async fn range(&self) -> Vec<T> {
        match &self.ends {
            Ends::Go(it) if W::BLOCKS => it.iter().collect(),
            Ends::Views(_, rx) if W::BLOCKS => rx.iter().collect(),
            Ends::Rust(_, rx) if W::BLOCKS => rx.iter().collect(),
            _ => {
                let mut all = Vec::new();
                while let Some(value) = self.recv().await {
                    all.push(value);
                }
                all
            }
        }
    }

    /// Go's send in a select with a default; the value if that was taken.
    pub(crate) fn try_send(&self, value: T) -> Result<(), T> {
        match &self.ends {
            Ends::Go(it) => it.try_send(value).map_err(|full| full.into_inner()),
            Ends::Views(tx, _) => tx.try_send(value).map_err(|full| full.into_inner()),
            Ends::Rust(tx, _) => tx.try_send(value).map_err(|error| {
                assert!(error.is_full(), "it is open");
                error.into_inner()
            }),
        }
    }

    /// Go's receive in a select with a default.
    pub(crate) fn try_recv(&self) -> Result<Option<T>, Empty> {
        match &self.ends {
            Ends::Go(it) => it.try_recv(),
            Ends::Views(_, rx) => rx.try_recv(),
            Ends::Rust(_, rx) => match rx.try_recv() {
                Ok(value) => Ok(Some(value)),
                Err(error) if error.is_empty() => Err(Empty),
                Err(_) => Ok(None),
            },
        }
    }

    /// Go's `close(c)`.
    pub(crate) fn close(&self) {
        match &self.ends {
            Ends::Go(it) => it.close(),
            Ends::Views(tx, _) => tx.close(),
            Ends::Rust(tx, _) => assert!(tx.close().is_ok(), "it was open"),
        }
    }

    /// Go's `len(c)`.
    pub(crate) fn len(&self) -> usize {
        match &self.ends {
            Ends::Go(it) => it.len(),
            Ends::Views(_, rx) => rx.len(),
            Ends::Rust(_, rx) => rx.len(),
        }
    }

    /// Go's `cap(c)`; not asked of the faces that are not Go's.
    pub(crate) fn cap(&self) -> Option<usize> {
        match &self.ends {
            Ends::Go(it) => Some(it.capacity()),
            Ends::Views(tx, _) => Some(tx.capacity()),
            Ends::Rust(..) => None,
        }
    }

    /// Whether it is closed, drained or not.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.ends {
            Ends::Go(it) => it.is_closed(),
            Ends::Views(_, rx) => rx.is_closed(),
            Ends::Rust(_, rx) => rx.is_closed(),
        }
    }
}

impl<W, T> Clone for Ch<W, T> {
    fn clone(&self) -> Self {
        let ends = match &self.ends {
            Ends::Go(it) => Ends::Go(it.clone()),
            Ends::Views(tx, rx) => Ends::Views(tx.clone(), rx.clone()),
            Ends::Rust(tx, rx) => Ends::Rust(tx.clone(), rx.clone()),
        };
        let world = PhantomData;
        Ch { ends, world }
    }
}

impl<W, T> fmt::Debug for Ch<W, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ch")
    }
}

/// The text of the panic in which a future must end.
pub(crate) async fn panic_text<R>(future: impl Future<Output = R> + Send) -> String {
    let ended = AssertUnwindSafe(pin!(future)).catch_unwind().await;
    let panic = ended.map(drop).expect_err("there was no panic");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(other) => (*other.downcast::<&str>().expect("a text")).to_owned(),
    }
}
