//! The races that this crate must survive, each tried in every order that
//! loom can think of.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p chan-core --release --lib models
//! ```
//!
//! Each model is named by the race it looks at; the heads of the mechanism
//! files say which model stands for which atomic. At most four preemptions
//! are tried (`LOOM_MAX_PREEMPTIONS` changes that), in some seconds at most
//! per model.
//!
//! What a model finds: a value that is lost, doubled or read before it was
//! written; a cell that two touch at once; a party that nobody wakes (loom
//! calls that a deadlock); memory of loom's own `Arc` that stays.
//!
//! Not here: the list of live channels (a static, which loom forbids), nil
//! (another one), and everything that runs on a clock. A deadline that has
//! passed needs no clock, so `timeout_meets_hand_off` is possible.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::Chan;
use crate::birth::{Birth, Manners};

/// A blocking select over two cases.
macro_rules! select {
    ($first:expr, $second:expr) => {{
        let cases = End.and($first).and($second);
        let won = crate::selection::wait::<_, 2>(cases, 2, |_| 0, None);
        won.expect("without a deadline a case wins")
    }};
}

mod credits;
mod ends;
mod looks;
mod rare;
mod sides;
mod tasks;
mod waits;

/// Tries everything, up to a bound.
fn model(run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(4));
    builder.max_branches = 20_000;
    builder.check(run);
}

/// A value whose loss loom notices, and that nobody can read too early.
#[derive(Clone)]
struct Traced(loom::sync::Arc<usize>);

fn traced(value: usize) -> Traced {
    Traced(loom::sync::Arc::new(value))
}

impl Traced {
    /// How many of this value there are.
    fn copies(&self) -> usize {
        loom::sync::Arc::strong_count(&self.0)
    }
}

impl PartialEq<usize> for Traced {
    fn eq(&self, other: &usize) -> bool {
        *self.0 == *other
    }
}

impl std::fmt::Debug for Traced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a value, which is dropped.
fn number(value: Option<Traced>) -> Option<usize> {
    value.map(|value| *value.0)
}

/// What one thread writes and another may read once it has been told.
struct Told(UnsafeCell<usize>);

// SAFETY: the models show, and loom checks, that it is read after it was
// written.
unsafe impl Sync for Told {}
// SAFETY: as above.
unsafe impl Send for Told {}

impl Told {
    fn new() -> Arc<Told> {
        Arc::new(Told(UnsafeCell::new(0)))
    }

    fn write(&self) {
        // SAFETY: loom ends the model if somebody else is there.
        self.0.with_mut(|cell| unsafe { *cell = 1 });
    }

    fn read(&self) {
        // SAFETY: as above.
        assert_eq!(self.0.with(|cell| unsafe { *cell }), 1);
    }
}

/// Counts how often it was woken.
struct Counting(AtomicUsize);

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn counting() -> (Arc<Counting>, Waker) {
    let counting = Arc::new(Counting(AtomicUsize::new(0)));
    (Arc::clone(&counting), Waker::from(counting))
}

/// Unparks a thread.
struct Unpark(thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls until ready. A wake that does not come is a deadlock.
fn block_on<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match poll(future.as_mut(), &waker) {
            Poll::Ready(out) => return out,
            Poll::Pending => thread::park(),
        }
    }
}

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Two channels, in the order of their addresses: that is the order in which
/// a select locks them, and loom needs the same one in every run.
fn pair(capacity: usize) -> [Chan<Traced>; 2] {
    let mut pair = [Chan::new(capacity), Chan::new(capacity)];
    pair.sort_by_key(Chan::address);
    pair
}

fn birth() -> Birth {
    Birth {
        site: std::panic::Location::caller(),
        name: None,
        source: None,
        scope: 0,
        manners: Manners::Go,
        is_context: false,
    }
}
