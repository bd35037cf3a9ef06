//! What the tests of this folder have in common: values that are counted,
//! wakers that are, and a way to wait until somebody is really parked.

#![allow(dead_code, reason = "no test file uses all of it")]

pub(crate) mod hooked;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use chan_core::observe::{self, Channel, WaitState, Who};

/// Long enough for any machine, short enough to end a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(if cfg!(miri) { 600 } else { 30 });

/// Looks until it is so.
#[track_caller]
pub(crate) fn until(mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < PATIENCE, "it did not come to pass");
        thread::sleep(Duration::from_micros(50));
    }
}

/// The live channel of this name.
#[track_caller]
pub(crate) fn watched(name: &str) -> Channel {
    let mut all = observe::channels().into_iter();
    all.find(|channel| channel.name() == Some(name))
        .expect("a channel of this name is alive")
}

/// How many parties wait on a channel: threads that are really parked, and
/// futures.
pub(crate) fn parked(channel: &Channel) -> usize {
    let waits = channel.snapshot().waits;
    let parked = waits
        .iter()
        .filter(|wait| wait.state == WaitState::Queued && !matches!(wait.who, Who::LookingThread));
    parked.count()
}

/// Looks until `count` parties wait on a channel.
#[track_caller]
pub(crate) fn until_parked(channel: &Channel, count: usize) {
    until(|| parked(channel) == count);
}

/// Polls a future to its end on this thread: the smallest executor there is.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match poll(&mut future, &waker) {
            Poll::Ready(out) => return out,
            Poll::Pending => thread::park(),
        }
    }
}

/// Polls once.
pub(crate) fn poll<F: Future>(future: &mut Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Polls a boxed future once, with a waker that does nothing.
pub(crate) fn poll_box<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct Counting(AtomicUsize);

impl Counting {
    pub(crate) fn new() -> (Arc<Counting>, Waker) {
        let counting = Arc::new(Counting::default());
        (Arc::clone(&counting), Waker::from(counting))
    }

    pub(crate) fn wakes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Counting {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts the values that are alive and those that were received.
pub(crate) struct Ledger {
    received: Box<[AtomicU8]>,
    dropped: Box<[AtomicU8]>,
}

impl Ledger {
    /// For the values `0..count`.
    pub(crate) fn new(count: usize) -> Arc<Ledger> {
        let marks = || (0..count).map(|_| AtomicU8::new(0)).collect();
        Arc::new(Ledger {
            received: marks(),
            dropped: marks(),
        })
    }

    /// The value of this number; made once.
    pub(crate) fn item(self: &Arc<Self>, id: usize) -> Item {
        Item {
            id,
            ledger: Arc::clone(self),
        }
    }

    /// How often a value was received.
    pub(crate) fn times_received(&self, id: usize) -> u8 {
        self.received[id].load(Ordering::Relaxed)
    }

    /// How often a value was dropped.
    pub(crate) fn times_dropped(&self, id: usize) -> u8 {
        self.dropped[id].load(Ordering::Relaxed)
    }

    /// Every value was received once and dropped once, and their sum is right.
    #[track_caller]
    pub(crate) fn check_all_received(&self) {
        let mut sum = 0;
        for id in 0..self.received.len() {
            assert_eq!(self.times_received(id), 1, "value {id} was received");
            assert_eq!(self.times_dropped(id), 1, "value {id} was dropped");
            sum += id * usize::from(self.times_received(id));
        }
        let count = self.received.len();
        assert_eq!(sum, count * count.saturating_sub(1) / 2);
    }
}

/// A value that is sent. Dropping it is noted.
pub(crate) struct Item {
    pub(crate) id: usize,
    ledger: Arc<Ledger>,
}

impl Item {
    /// Somebody received it; the number.
    pub(crate) fn receive(self) -> usize {
        let before = self.ledger.received[self.id].fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, 0, "value {} came twice", self.id);
        self.id
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        let before = self.ledger.dropped[self.id].fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, 0, "value {} was dropped twice", self.id);
    }
}
