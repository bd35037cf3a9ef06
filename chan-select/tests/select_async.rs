//! Select in a task: the same rules, and nothing lost when it is dropped.
#![cfg(not(loom))]

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use chan_core::{Chan, Receiver, bounded, never, observe};
use chan_select::{Select, select, select_async};
use tokio::runtime::{self, Runtime};

fn one_thread() -> Runtime {
    runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

fn two_threads() -> Runtime {
    runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap()
}

#[test]
fn a_ready_case_wins_at_once() {
    one_thread().block_on(async {
        let (tx, rx) = bounded(1);
        tx.send(1).unwrap();
        let (got, nil) = (Chan::<u8>::new(0), never::<u8>());
        let value = select_async! {
            recv(nil) -> _ => None,
            recv(got) -> _ => None,
            recv(rx) -> value => value.ok(),
        };
        assert_eq!(value, Some(1));
        let looked = select_async! { recv(rx) -> _ => true, default => false };
        assert!(!looked);
    });
}

#[test]
fn it_waits_for_threads_and_tasks() {
    two_threads().block_on(async {
        let (from_thread, from_task) = (Chan::new(0), Chan::new(0));
        let sender = from_thread.clone();
        let thread = thread::spawn(move || sender.send("thread"));
        let sender = from_task.clone();
        let task = tokio::spawn(async move { sender.send_async("task").await });
        let mut got = Vec::new();
        for _ in 0..2 {
            got.extend(select_async! {
                recv(from_thread) -> word => word,
                recv(from_task) -> word => word,
            });
        }
        got.sort_unstable();
        assert_eq!(got, ["task", "thread"]);
        thread.join().unwrap();
        task.await.unwrap();
    });
}

#[test]
fn a_timeout_ends_the_wait() {
    one_thread().block_on(async {
        let quiet = Chan::<u8>::new(0);
        let timed_out = select_async! {
            recv(quiet) -> _ => false,
            send(quiet, 1) -> () => false,
            default(Duration::from_millis(10)) => true,
        };
        assert!(timed_out);
        assert!(quiet.try_recv().is_err());
    });
}

#[test]
fn two_selects_of_tasks_and_threads_pair() {
    let (there, back) = (Chan::new(0), Chan::new(0));
    let (theirs, ours) = (there.clone(), back.clone());
    let other = thread::spawn(move || {
        for _ in 0..1_000 {
            let n: u32 = select! { recv(theirs) -> n => n.unwrap(), recv(never::<u32>()) -> n => n.unwrap() };
            select! { send(ours, n + 1) -> () => {}, recv(never::<u8>()) -> _ => {} }
        }
    });
    one_thread().block_on(async {
        for n in 0..1_000 {
            select_async! { send(there, n) -> () => {}, recv(never::<u8>()) -> _ => {} }
            let answer = select_async! { recv(back) -> n => n, recv(never::<u32>()) -> _ => None };
            assert_eq!(answer, Some(n + 1));
        }
    });
    other.join().unwrap();
}

#[test]
fn dropped_in_any_state_it_loses_nothing() {
    let (left, right) = (Chan::new(0), Chan::new(0));
    let mut context = Context::from_waker(Waker::noop());
    // Dropped while it waits.
    let mut waiting = Box::pin(async {
        select_async! { recv(left) -> n => n, recv(right) -> n => n }
    });
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    drop(waiting);
    assert!(left.try_send(1).is_err(), "nobody waits");
    // Dropped after a value was handed to it.
    let mut handed = Box::pin(async {
        select_async! { recv(left) -> n => n, recv(right) -> n => n }
    });
    assert!(handed.as_mut().poll(&mut context).is_pending());
    left.try_send(2).unwrap();
    assert!(right.try_send(3).is_err(), "one case has won already");
    drop(handed);
    assert_eq!(left.try_recv(), Ok(Some(2)));
    // A send that was taken from is complete, the other never happened.
    let mut sent = Box::pin(async {
        select_async! { send(left, 4) -> () => {}, send(right, 5) -> () => {} }
    });
    assert!(sent.as_mut().poll(&mut context).is_pending());
    assert_eq!(right.try_recv(), Ok(Some(5)));
    drop(sent);
    assert!(left.try_recv().is_err());
}

#[test]
fn the_future_may_move_between_threads() {
    fn is_send<T: Send>(it: T) -> T {
        it
    }
    let (tx, rx) = bounded(1);
    tx.send(1).unwrap();
    let future = is_send(async move {
        select_async! { recv(rx) -> n => n, recv(never::<i32>()) -> n => n }
    });
    assert_eq!(one_thread().block_on(future), Ok(1));
}

/// The row that two published channels lose messages in: a select over four
/// receives, dropped again and again by a timer beside it.
#[test]
fn four_producers_and_an_impatient_consumer() {
    const EACH: usize = if cfg!(debug_assertions) {
        5_000
    } else {
        100_000
    };
    for capacity in [0, 16] {
        let runtime = two_threads();
        let received = runtime.block_on(async {
            let mut ends: Vec<Receiver<usize>> = Vec::new();
            for _ in 0..4 {
                let (tx, rx) = bounded(capacity);
                ends.push(rx);
                tokio::spawn(async move {
                    for n in 0..EACH {
                        tx.send_async(n).await.unwrap();
                    }
                });
            }
            let [a, b, c, d]: [Receiver<usize>; 4] = ends.try_into().unwrap();
            consume([&a, &b, &c, &d]).await
        });
        assert_eq!(received, 4 * EACH, "capacity {capacity}");
    }
}

/// Receives from all four until they are closed, and counts. Every other
/// select, at random, is given one poll only, and dropped if that was not
/// enough.
async fn consume(ends: [&Receiver<usize>; 4]) -> usize {
    let mut random = fastrand::Rng::with_seed(4);
    let mut open = ends.map(Some);
    let (mut received, mut next) = (0, [0; 4]);
    while open.iter().any(Option::is_some) {
        let [a, b, c, d] = open;
        let one = async {
            select_async! {
                recv(a) -> n => (0, n),
                recv(b) -> n => (1, n),
                recv(c) -> n => (2, n),
                recv(d) -> n => (3, n),
            }
        };
        let impatient = random.bool();
        let (end, value) = tokio::select! {
            biased;
            won = one => won,
            () = tokio::task::yield_now(), if impatient => continue,
        };
        match value {
            Ok(n) => {
                assert_eq!(n, next[end], "out of order");
                next[end] += 1;
                received += 1;
            }
            Err(_) => open[end] = None,
        }
    }
    received
}

#[test]
fn an_empty_select_is_one_wait_with_the_waker_of_its_last_poll() {
    struct Quiet;
    impl std::task::Wake for Quiet {
        fn wake(self: Arc<Self>) {}
    }
    fn check<F: Future>(nothing: F, line: u32) {
        let mut nothing = Box::pin(nothing);
        let mine = |wait: &observe::Wait| {
            let lines = line..line + 5;
            wait.site.file() == file!() && lines.contains(&wait.site.line())
        };
        let of_tasks = [Arc::new(Quiet), Arc::new(Quiet)];
        let mut seen = Vec::new();
        for of_task in &of_tasks {
            let waker = Waker::from(Arc::clone(of_task));
            for _ in 0..2 {
                let polled = nothing.as_mut().poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
                let wait = observe::nil_waits().into_iter().find(mine).unwrap();
                assert_eq!(wait.waker_data, waker.data() as usize);
                seen.push(wait.id);
            }
            assert_eq!(Arc::strong_count(of_task), 3, "ours, the poll's, its own");
        }
        assert_eq!(Arc::strong_count(&of_tasks[0]), 1, "it keeps one waker");
        assert!(seen.iter().all(|wait| *wait == seen[0]), "{seen:?}");
    }
    let line = line!();
    check(
        async {
            select_async! {}
        },
        line,
    );
    let mut select = Select::<()>::new();
    let line = line!();
    check(async { select.select_async().await }, line);
}
