//! Attempts to break a channel from safe code: futures and handles that are
//! forgotten, crowds, watchers that look at what ends. Run it under a sanitizer
//! too: `.ci/deep asan`.

#![cfg(not(loom))]

mod common;

use std::future::Future;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, Waker};
use std::thread;

use chan_core::observe::{self, Channel};
use chan_core::{Builder, Chan, Receiver, bounded};
use common::{Counting, Ledger, block_on, poll_box, until, until_parked, watched};

/// Polls once, with a waker of the test's.
fn poll_with<F: Future + ?Sized>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Forgets a future, which stays where it is. Noted down, so that a leak
/// checker knows that it is meant.
fn forget<F>(future: Pin<Box<F>>) {
    static FORGOTTEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let place = std::ptr::from_ref(&*future).addr();
    FORGOTTEN.lock().unwrap().push(place);
    mem::forget(future);
}

fn caught<R>(f: impl FnOnce() -> R) -> bool {
    panic::catch_unwind(AssertUnwindSafe(f)).is_err()
}

// ---- What is never dropped. ----

#[test]
fn forgotten_futures_leave_the_channel_sound() {
    for capacity in [0, 1] {
        let ledger = Ledger::new(5);
        let chan = Builder::new()
            .name(format!("forgotten {capacity}"))
            .capacity(capacity)
            .chan();
        let channel = watched(&format!("forgotten {capacity}"));
        let mut receive = Box::pin(chan.recv_async());
        assert!(poll_box(&mut receive).is_pending());
        forget(receive);
        // Handed into memory that nobody will look at again, but that is there.
        assert!(chan.try_send(ledger.item(0)).is_ok());
        assert_eq!(channel.snapshot().undelivered(), 1);
        for id in 1..=capacity {
            assert!(chan.try_send(ledger.item(id)).is_ok());
        }
        let mut send = Box::pin(chan.send_async(ledger.item(2)));
        assert!(poll_box(&mut send).is_pending());
        forget(send);
        let mut late = Box::pin(chan.send_async(ledger.item(3)));
        assert!(poll_box(&mut late).is_pending());
        forget(late);
        if capacity == 1 {
            assert_eq!(chan.recv().unwrap().receive(), 1);
        }
        assert_eq!(chan.recv().unwrap().receive(), 2);
        // One more that a close meets, and the end of the channel under it.
        chan.close();
        drop(chan);
        let last = channel.snapshot();
        assert!(last.closed && last.handles.receiving_side_gone());
        drop(channel);
        let dropped = [0, 2, 4].map(|id| ledger.times_dropped(id));
        assert_eq!(dropped, [0, 1, 0]);
    }
}

#[test]
fn forgotten_handles_only_leak() {
    let (tx, rx) = bounded(1);
    for _ in 0..1000 {
        mem::forget(tx.clone());
    }
    static KEPT: OnceLock<Receiver<i32>> = OnceLock::new();
    let kept = KEPT.get_or_init(|| rx.clone());
    assert_eq!((tx.sender_count(), kept.receiver_count()), (1001, 2));
    tx.send(1).unwrap();
    drop(tx);
    assert_eq!(rx.recv(), Ok(1));
    assert!(
        rx.try_recv().unwrap_err().is_empty(),
        "open: handles are left"
    );
}

// ---- Crowds. ----

const CROWD: usize = 10_000;

#[test]
fn a_crowd_is_woken_once_each_by_a_close() {
    let chan = Chan::<u8>::new(0);
    let (counting, waker) = Counting::new();
    let mut crowd: Vec<_> = (0..CROWD).map(|_| Box::pin(chan.recv_async())).collect();
    for future in &mut crowd {
        assert!(poll_with(future, &waker).is_pending());
    }
    chan.close();
    assert_eq!(counting.wakes(), CROWD);
    for future in &mut crowd {
        assert_eq!(poll_box(future), Poll::Ready(None));
    }
}

#[test]
fn a_crowd_of_threads_and_tasks_sees_the_end() {
    let name = "crowd of threads";
    let (tx, rx) = Builder::new().name(name).channel::<u8>();
    let channel = watched(name);
    let mut tasks: Vec<_> = (0..1000).map(|_| Box::pin(rx.recv_async())).collect();
    for task in &mut tasks {
        assert!(poll_box(task).is_pending());
    }
    thread::scope(|s| {
        let threads: Vec<_> = (0..50).map(|_| s.spawn(|| rx.recv())).collect();
        until_parked(&channel, 1050);
        drop(tx);
        for thread in threads {
            assert!(thread.join().unwrap().is_err());
        }
    });
    for task in &mut tasks {
        assert!(matches!(poll_box(task), Poll::Ready(Err(_))));
    }
}

#[test]
fn a_crowd_leaves_in_any_order() {
    let mut random = fastrand::Rng::with_seed(3);
    let chan = Chan::new(0);
    let mut crowd: Vec<_> = (0..CROWD).map(|_| Box::pin(chan.recv_async())).collect();
    for future in &mut crowd {
        assert!(poll_box(future).is_pending());
    }
    random.shuffle(&mut crowd);
    let rest = crowd.split_off(CROWD - 100);
    drop(crowd);
    for value in 0..100 {
        assert!(chan.try_send(value).is_ok());
    }
    assert_eq!(chan.try_send(100), Err(chan_core::Full(100)));
    drop(rest);
    let left: Vec<_> = std::iter::from_fn(|| chan.try_recv().ok().flatten()).collect();
    assert_eq!(left, Vec::from_iter(0..100));
}

// ---- A watcher that looks at everything, all the time. ----

#[test]
fn watchers_look_at_what_comes_and_goes() {
    let rounds = if cfg!(debug_assertions) {
        2_000
    } else {
        10_000
    };
    let stop = AtomicBool::new(false);
    let looks = AtomicUsize::new(0);
    thread::scope(|s| {
        let watcher = s.spawn(|| {
            let mut kept: Vec<Channel> = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                for channel in observe::channels() {
                    let snapshot = channel.snapshot();
                    assert!(snapshot.received <= snapshot.sent);
                    for wait in &snapshot.waits {
                        let _ = channel.request_stack(wait.id, 1);
                    }
                    if snapshot.id.get() % 7 == 0 {
                        kept.push(channel);
                    }
                }
                // Headers of channels long gone.
                for channel in &kept {
                    let _ = channel.snapshot();
                }
                kept.truncate(50);
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        let pairs: Vec<_> = (0..2)
            .map(|_| {
                s.spawn(|| {
                    for _ in 0..rounds {
                        let chan = Chan::new(0);
                        thread::scope(|s| {
                            s.spawn(|| chan.send(String::from("value")));
                            assert_eq!(chan.recv().as_deref(), Some("value"));
                        });
                        let mut future = Box::pin(chan.recv_async());
                        assert!(poll_box(&mut future).is_pending());
                        assert!(chan.try_send(String::from("handed")).is_ok());
                        drop(future);
                        drop(chan);
                    }
                })
            })
            .collect();
        for pair in pairs {
            pair.join().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
    });
    assert!(looks.into_inner() > 0);
}

#[test]
fn a_long_list_of_returned_values_whose_drop_panics() {
    struct Fuse(bool, Arc<AtomicUsize>);
    impl Drop for Fuse {
        fn drop(&mut self) {
            self.1.fetch_add(1, Ordering::Relaxed);
            assert!(!self.0, "a destructor");
        }
    }
    // Small stacks: no recursion.
    let run = || {
        let drops = Arc::new(AtomicUsize::new(0));
        let chan = Chan::new(0);
        let mut crowd: Vec<_> = (0..CROWD).map(|_| Box::pin(chan.recv_async())).collect();
        for future in &mut crowd {
            assert!(poll_box(future).is_pending());
        }
        for number in 0..CROWD {
            assert!(chan.try_send(Fuse(number == 5, drops.clone())).is_ok());
        }
        // The last first: each finds its place at the front.
        while let Some(future) = crowd.pop() {
            drop(future);
        }
        assert_eq!(chan.len(), CROWD);
        drop(crowd);
        assert!(caught(|| drop(chan)));
        assert_eq!(drops.load(Ordering::Relaxed), CROWD);
    };
    let small = thread::Builder::new().stack_size(256 * 1024);
    small.spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_future_that_ends_on_another_thread() {
    let (tx, rx) = bounded(0);
    thread::scope(|s| {
        let receiver = s.spawn(|| {
            let mut future = pin!(rx.recv_async());
            block_on(std::future::poll_fn(|cx| future.as_mut().poll(cx)))
        });
        let mut send = Box::pin(tx.send_async(vec![1, 2, 3]));
        until(|| poll_box(&mut send).is_ready());
        // Taken here, dropped elsewhere.
        s.spawn(move || drop(send));
        assert_eq!(receiver.join().unwrap(), Ok(vec![1, 2, 3]));
    });
}
