//! `select_async!` by tasks: the rules of `select!`, and that a select which
//! is dropped while it waits loses nothing.
#![cfg(not(loom))]

mod support;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe::{self, WaitReason, Who};
use chan_core::{Builder, Chan, Receiver, RecvError, SendError, Sender, bounded, never};
use chan_select::{select, select_async};
use tokio::runtime;

use support::{PATIENCE, assert_fair, snapshot, until, until_waiting, waits};

const TRIALS: usize = 10_000;

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// The future after its first poll, which finds nothing.
fn parked<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll(&mut future).is_pending());
    future
}

fn current_thread() -> runtime::Runtime {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_time().build().unwrap()
}

fn multi_thread() -> runtime::Runtime {
    let mut builder = runtime::Builder::new_multi_thread();
    builder.worker_threads(4).enable_time().build().unwrap()
}

/// Runs a task on either runtime, in time.
fn on_both<F: Future<Output = ()> + Send + 'static>(task: impl Fn() -> F) {
    for runtime in [current_thread(), multi_thread()] {
        runtime.block_on(async {
            let task = tokio::spawn(tokio::time::timeout(PATIENCE, task()));
            task.await.unwrap().expect("it does not end");
        });
    }
}

// ---- The rules. ----

#[test]
fn ready_cases_behind_idle_ones_are_chosen_uniformly() {
    current_thread().block_on(async {
        let (nil, empty) = (Chan::<u8>::nil(), Chan::<u8>::new(1));
        let (room, closed) = (Chan::new(1), Chan::<u8>::new(0));
        closed.close();
        let (mut sends, mut with_default, mut with_timeout) = (0, 0, 0);
        for _ in 0..TRIALS {
            let _ = room.try_recv();
            sends += select_async! {
                recv(nil) -> _ => unreachable!("nil"),
                recv(empty) -> _ => unreachable!("empty"),
                send(room, 1) -> () => 1,
                recv(closed) -> _ => 0,
            };
            with_default += select_async! {
                recv(nil) -> _ => unreachable!("nil"),
                recv(empty) -> _ => unreachable!("empty"),
                recv(closed) -> _ => 1,
                recv(closed) -> _ => 0,
                default => unreachable!("two are ready"),
            };
            with_timeout += select_async! {
                recv(nil) -> _ => unreachable!("nil"),
                recv(empty) -> _ => unreachable!("empty"),
                recv(closed) -> _ => 1,
                recv(closed) -> _ => 0,
                default(Duration::ZERO) => unreachable!("two are ready"),
            };
        }
        for hits in [sends, with_default, with_timeout] {
            assert_fair(hits, TRIALS, 0.5);
        }
    });
}

#[test]
fn a_task_waits_for_threads_and_tasks() {
    on_both(|| async {
        let (tx, rx) = Builder::new().name("by-task").channel();
        let idle = Chan::<u8>::new(0);
        let thread = thread::spawn({
            let tx = tx.clone();
            move || tx.send(1)
        });
        let got = select_async! { recv(idle) -> _ => Err(RecvError), recv(rx) -> value => value };
        assert_eq!(got, Ok(1));
        thread.join().unwrap().unwrap();
        let task = tokio::spawn(async move {
            select_async! { recv(never::<u8>()) -> _ => unreachable!(), send(tx, 2) -> sent => sent }
        });
        let got = select_async! { recv(rx) -> value => value, recv(idle) -> _ => Err(RecvError) };
        assert_eq!(got, Ok(2));
        task.await.unwrap().unwrap();
        let closed = select_async! { recv(rx) -> value => value, recv(idle) -> _ => Ok(0) };
        assert_eq!(closed, Err(RecvError));
    });
}

#[test]
fn a_select_that_waits_is_woken_by_any_of_its_cases() {
    let (one, other) = (Chan::new(0), Chan::new(0));
    let select = || async {
        select_async! {
            recv(one) -> value => (0, value),
            send(other, 9) -> () => (1, None),
        }
    };
    let mut first = parked(select());
    one.try_send(7).unwrap();
    assert_eq!(poll(&mut first), Poll::Ready((0, Some(7))));
    assert!(other.try_recv().is_err(), "the loser is withdrawn");
    let mut second = parked(select());
    assert_eq!(other.try_recv(), Ok(Some(9)));
    assert_eq!(poll(&mut second), Poll::Ready((1, None)));
    assert!(one.try_send(7).is_err(), "the loser is withdrawn");
}

#[test]
fn default_and_timeout_are_for_when_nothing_is_ready() {
    on_both(|| async {
        let (tx, rx) = bounded(1);
        let nil = Chan::<u8>::nil();
        for ready in [false, true] {
            let taken =
                select_async! { recv(rx) -> _ => false, recv(nil) -> _ => false, default => true };
            assert_eq!(taken, !ready);
            if !ready {
                tx.try_send(1).unwrap();
            }
        }
        let (before, timeout) = (Instant::now(), Duration::from_millis(10));
        let timed_out = select_async! {
            send(nil, 1) -> () => false,
            recv(rx) -> _ => false,
            default(timeout) => true,
        };
        assert!(timed_out && before.elapsed() >= timeout);
        tx.try_send(2).unwrap();
        for timeout in [Duration::ZERO, PATIENCE, Duration::MAX] {
            let got = select_async! { recv(rx) -> value => value, default(timeout) => Ok(0) };
            assert_eq!(got, Ok(2));
            tx.try_send(2).unwrap();
        }
    });
}

#[test]
fn a_value_that_comes_in_time_ends_the_wait() {
    let chan = Builder::new().name("async-in-time").chan();
    let mut select = parked(async {
        select_async! { recv(chan) -> value => value, default(PATIENCE) => None }
    });
    chan.try_send(5).unwrap();
    assert_eq!(poll(&mut select), Poll::Ready(Some(5)));
    assert!(waits("async-in-time").is_empty());
}

#[test]
fn closed_channels_end_the_wait() {
    let (tx, rx) = bounded(0);
    let idle = Chan::<u8>::new(0);
    let mut select = parked(async {
        select_async! { recv(idle) -> _ => Ok(()), send(tx, 4) -> sent => sent }
    });
    drop(rx);
    assert_eq!(poll(&mut select), Poll::Ready(Err(SendError(4))));
    let chan = Chan::<u8>::new(0);
    let mut select = parked(async {
        select_async! { recv(idle) -> _ => false, recv(chan) -> value => value.is_none() }
    });
    chan.close();
    assert_eq!(poll(&mut select), Poll::Ready(true));
}

#[test]
fn a_send_on_a_closed_chan_panics_with_the_line_of_the_select() {
    let chan = Chan::new(0);
    let line = line!() + 2;
    let task = async {
        select_async! { send(chan, 1) -> () => {} }
    };
    let mut select = parked(task);
    chan.close();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(&mut select)));
    let text = *panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(text.starts_with("send on closed channel"), "{text}");
    assert!(text.contains(&format!("{}:{line}:", file!())), "{text}");
}

#[test]
fn a_select_never_pairs_with_itself_but_with_another() {
    let chan = Chan::new(0);
    let play = |own: u8| {
        let chan = &chan;
        async move {
            select_async! { send(chan, own) -> () => None, recv(chan) -> value => value }
        }
    };
    let mut one = parked(play(1));
    assert!(poll(&mut one).is_pending());
    let Poll::Ready(other) = poll(&mut Box::pin(play(2))) else {
        panic!("two selects pair");
    };
    match poll(&mut one) {
        Poll::Ready(Some(value)) => assert_eq!((value, other), (2, None)),
        Poll::Ready(None) => assert_eq!(other, Some(1)),
        Poll::Pending => panic!("it was not told"),
    }
}

#[test]
fn bodies_may_wait_and_leave() {
    async fn sum(rx: Receiver<u32>) -> Result<u32, RecvError> {
        let mut sum = 0;
        loop {
            select_async! {
                recv(rx) -> value => {
                    tokio::task::yield_now().await;
                    match value? {
                        0 => continue,
                        9 => break,
                        value => sum += value,
                    }
                }
                default(PATIENCE) => return Ok(0),
            }
        }
        Ok(sum)
    }
    on_both(|| async {
        let (tx, rx) = bounded(4);
        [1, 0, 2, 9]
            .into_iter()
            .for_each(|value| tx.try_send(value).unwrap());
        assert_eq!(sum(rx.clone()).await, Ok(3));
        drop(tx);
        assert_eq!(sum(rx).await, Err(RecvError));
    });
}

#[test]
fn the_future_can_be_sent_to_another_thread() {
    fn sendable<F: Future + Send>(future: F) -> F {
        future
    }
    // Cell is Send and not Sync: the values need no more than the channel.
    let (tx, rx) = bounded::<std::cell::Cell<u8>>(1);
    let chan = Chan::<String>::new(0);
    drop(sendable(async {
        select_async! {
            recv(rx) -> _ => {}
            recv(chan.clone()) -> _ => tokio::task::yield_now().await,
            send(tx, std::cell::Cell::new(1)) -> _ => {}
            default(PATIENCE) => {}
        }
    }));
    drop(sendable(async {
        select_async! { recv(chan) -> _ => {} }
    }));
    drop(sendable(async {
        select_async! {}
    }));
}

// ---- What is seen. ----

#[test]
fn a_select_that_waits_is_seen_as_one_party() {
    let chan = Builder::new().name("task-seen").chan::<u8>();
    let line = line!() + 2;
    let plain = parked(async {
        select_async! {
            recv(never::<u8>()) -> _ => {}
            recv(chan) -> _ => {}
            send(chan, 1) -> () => {}
        }
    });
    let all = waits("task-seen");
    let mut cases: Vec<_> = all.iter().map(|wait| (wait.case, wait.cases)).collect();
    cases.sort_unstable();
    assert_eq!(cases, [(1, 3), (2, 3)]);
    for wait in &all {
        assert_eq!(wait.party, all[0].party);
        assert_eq!(wait.reason, WaitReason::Select);
        assert_eq!((wait.site.file(), wait.site.line()), (file!(), line));
        assert!(matches!(wait.who, Who::Future));
    }
    drop(plain);
    assert!(
        waits("task-seen").is_empty(),
        "it is gone when it is dropped"
    );
}

#[test]
fn a_timeout_does_not_renumber_the_cases() {
    let chan = Builder::new().name("timed-seen").chan::<u8>();
    let _timed = parked(async {
        select_async! {
            recv(never::<u8>()) -> _ => {}
            recv(chan) -> _ => {}
            default(PATIENCE) => {}
        }
    });
    assert_eq!(waits("timed-seen")[0].case, 1);
}

#[test]
fn an_empty_select_is_seen_until_it_is_dropped() {
    let line = line!() + 2;
    let nothing = parked(async {
        select_async! {}
    });
    let mine = |wait: &observe::Wait| (wait.site.file(), wait.site.line()) == (file!(), line);
    let seen: Vec<_> = observe::nil_waits().into_iter().filter(mine).collect();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].reason, WaitReason::SelectNoCases);
    drop(nothing);
    assert!(!observe::nil_waits().iter().any(mine));
}

// ---- Dropped while it waits. ----

#[test]
fn a_value_handed_to_a_dropped_select_goes_on() {
    let (one, other) = (Chan::new(0), Chan::new(0));
    let select = || async {
        select_async! { recv(other) -> value => value, recv(one) -> value => value }
    };
    let first = parked(select());
    let mut second = parked(select());
    one.try_send(1).unwrap();
    drop(first);
    assert_eq!(poll(&mut second), Poll::Ready(Some(1)));
    let alone = parked(select());
    other.try_send(2).unwrap();
    drop(alone);
    assert_eq!(other.try_recv(), Ok(Some(2)));
    assert!(one.try_send(3).is_err(), "nobody waits");
}

#[test]
fn a_send_taken_from_a_dropped_select_stays_sent() {
    let value = Arc::new(());
    let (chan, idle) = (Chan::new(0), Chan::new(0));
    let select = parked(async {
        select_async! {
            send(chan, value.clone()) -> () => {}
            send(idle, value.clone()) -> () => {}
        }
    });
    let taken = chan.try_recv();
    drop(select);
    assert_eq!(Arc::strong_count(&value), 2, "the taken one and ours");
    drop(taken);
    assert!(chan.try_recv().is_err() && idle.try_recv().is_err());
}

#[test]
fn dropped_selects_leave_no_waiter_behind() {
    let quiet = Builder::new().name("async-quiet").chan::<u8>();
    for _ in 0..TRIALS {
        let select = parked(async {
            select_async! { recv(quiet) -> _ => {}, send(quiet, 1) -> () => {}, recv(quiet) -> _ => {} }
        });
        drop(select);
    }
    let seen = snapshot("async-quiet");
    assert!(seen.waits.is_empty(), "{:?}", seen.waits);
    assert_eq!((seen.sent, seen.received), (0, 0));
}

/// Which numbers came, and how often.
struct Ledger(Vec<AtomicU8>);

impl Ledger {
    fn new(numbers: usize) -> Arc<Self> {
        Arc::new(Ledger((0..numbers).map(|_| AtomicU8::new(0)).collect()))
    }

    fn note(&self, number: usize) {
        self.0[number].fetch_add(1, Ordering::Relaxed);
    }

    #[track_caller]
    fn assert_each_once(&self) {
        let wrong = self
            .0
            .iter()
            .position(|times| times.load(Ordering::Relaxed) != 1);
        assert_eq!(wrong, None, "a number that did not come once");
    }
}

const PRODUCERS: usize = 4;
const EACH: usize = 5_000;

/// How many selects of the consumer were dropped for something else.
#[derive(Default)]
struct Dropped {
    for_a_timeout: AtomicUsize,
    for_a_yield: AtomicUsize,
}

/// Sends its numbers, and pauses at times until a select of the consumer has
/// timed out: in the pause of all, or at last of the one that is left.
async fn produce(producer: usize, one: Sender<usize>, other: Sender<usize>, dropped: Arc<Dropped>) {
    let timeouts = || dropped.for_a_timeout.load(Ordering::Relaxed);
    for number in producer * EACH..(producer + 1) * EACH {
        if number % 256 == 0 {
            let before = timeouts();
            while timeouts() == before {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        select_async! {
            send(one, number) -> sent => sent.unwrap(),
            send(other, number) -> sent => sent.unwrap(),
        }
    }
}

/// Receives one number; `None` at the end of either channel.
async fn next(one: &Receiver<usize>, other: &Receiver<usize>) -> Option<usize> {
    select_async! {
        recv(one) -> number => number.ok(),
        recv(other) -> number => number.ok(),
    }
}

/// Races selects against timeouts and against yields, until the end.
async fn consume(
    one: Receiver<usize>,
    other: Receiver<usize>,
    ledger: Arc<Ledger>,
    dropped: Arc<Dropped>,
) {
    for round in 0.. {
        let number = tokio::select! {
            number = next(&one, &other) => number,
            () = tokio::time::sleep(Duration::from_millis(1)), if round % 2 == 0 => {
                dropped.for_a_timeout.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            () = tokio::task::yield_now(), if round % 2 == 1 => {
                dropped.for_a_yield.fetch_add(1, Ordering::Relaxed);
                continue;
            }
        };
        match number {
            Some(number) => ledger.note(number),
            None => break,
        }
    }
    // The other channel may still hold some.
    one.try_iter()
        .chain(other.try_iter())
        .for_each(|number| ledger.note(number));
}

#[test]
fn selects_that_are_dropped_while_they_wait_lose_nothing() {
    for capacity in [0, 2] {
        on_both(move || async move {
            let ledger = Ledger::new(PRODUCERS * EACH);
            let (one_tx, one) = bounded(capacity);
            let (other_tx, other) = bounded(capacity);
            let dropped = Arc::new(Dropped::default());
            let consumer = tokio::spawn(consume(one, other, ledger.clone(), dropped.clone()));
            let producers: Vec<_> = (0..PRODUCERS)
                .map(|number| produce(number, one_tx.clone(), other_tx.clone(), dropped.clone()))
                .map(tokio::spawn)
                .collect();
            for producer in producers {
                producer.await.unwrap();
            }
            drop((one_tx, other_tx));
            consumer.await.unwrap();
            ledger.assert_each_once();
            assert!(dropped.for_a_timeout.load(Ordering::Relaxed) >= EACH / 256);
            assert!(dropped.for_a_yield.load(Ordering::Relaxed) > 0);
        });
    }
}

#[test]
fn nothing_is_lost_between_threads_and_tasks() {
    for capacity in [0, 3] {
        let ledger = Ledger::new(PRODUCERS * EACH);
        let numbers = Arc::new(AtomicUsize::new(0));
        let (one_tx, one) = bounded(capacity);
        let (other_tx, other) = bounded(capacity);
        let runtime = multi_thread();
        thread::scope(|s| {
            for producer in 0..PRODUCERS {
                let (one, other, numbers) = (one_tx.clone(), other_tx.clone(), numbers.clone());
                let fresh = move || {
                    let number = numbers.fetch_add(1, Ordering::Relaxed);
                    (number < PRODUCERS * EACH).then_some(number)
                };
                if producer % 2 == 0 {
                    s.spawn(move || {
                        while let Some(number) = fresh() {
                            select! { send(one, number) -> sent => sent, send(other, number) -> sent => sent }
                                .unwrap();
                        }
                    });
                } else {
                    runtime.spawn(async move {
                        while let Some(number) = fresh() {
                            select_async! { send(one, number) -> sent => sent, send(other, number) -> sent => sent }
                                .unwrap();
                        }
                    });
                }
            }
            drop((one_tx, other_tx));
            let by_tasks = runtime.spawn(drain(one.clone(), other.clone(), ledger.clone()));
            while let Some(number) = select! {
                recv(one) -> number => number.ok(),
                recv(other) -> number => number.ok(),
            } {
                ledger.note(number);
            }
            runtime.block_on(by_tasks).unwrap();
        });
        one.try_iter()
            .chain(other.try_iter())
            .for_each(|number| ledger.note(number));
        ledger.assert_each_once();
    }
}

async fn drain(one: Receiver<usize>, other: Receiver<usize>, ledger: Arc<Ledger>) {
    while let Some(number) = next(&one, &other).await {
        ledger.note(number);
    }
}

#[test]
fn a_thread_and_a_task_select_from_each_other() {
    let chan = Builder::new().name("thread-and-task").chan();
    thread::scope(|s| {
        let thread = s.spawn(|| {
            select! { recv(chan) -> value => value, default(PATIENCE) => None }
        });
        until_waiting("thread-and-task", 1);
        current_thread().block_on(async {
            select_async! { send(chan, 8) -> () => {}, recv(never::<u8>()) -> _ => unreachable!() }
        });
        assert_eq!(thread.join().unwrap(), Some(8));
    });
    until(|| waits("thread-and-task").is_empty());
}
