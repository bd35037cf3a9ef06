//! Wakers that are foreign code in earnest: they poll, send and close inside of
//! `wake`, and they send and panic as they are cloned, called and dropped. Small
//! enough for Miri (`.ci/deep miri`).

#![cfg(not(loom))]

mod common;

use std::future::Future;
use std::mem;
use std::panic::{self, AssertUnwindSafe, panic_any};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use chan_core::select::CaseSet;
use chan_core::{Builder, Chan, bounded};
use common::hooked::{ON_CLONE, ON_DROP, hooked, on};
use common::{Counting, Item, Ledger, poll_box, until, until_parked, watched};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Polls once, with a waker of the test's.
fn poll_with<F: Future + ?Sized>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

fn caught<R>(f: impl FnOnce() -> R) -> bool {
    panic::catch_unwind(AssertUnwindSafe(f)).is_err()
}

/// Polls its future inside of `wake`, as some executors do.
struct Inline<T> {
    future: Mutex<Option<Boxed<T>>>,
    done: Mutex<Vec<T>>,
}

impl<T: Send + 'static> Inline<T> {
    fn start(future: impl Future<Output = T> + Send + 'static) -> Arc<Self> {
        let inline = Arc::new(Inline {
            future: Mutex::new(Some(Box::pin(future))),
            done: Mutex::default(),
        });
        inline.clone().wake();
        inline
    }
}

impl<T: Send + 'static> Wake for Inline<T> {
    fn wake(self: Arc<Self>) {
        // Woken while it is polled: the poll sees what it was woken for.
        let Some(mut future) = self.future.lock().unwrap().take() else {
            return;
        };
        let waker = Waker::from(self.clone());
        match poll_with(&mut future, &waker) {
            Poll::Ready(out) => self.done.lock().unwrap().push(out),
            Poll::Pending => *self.future.lock().unwrap() = Some(future),
        }
    }
}

#[test]
fn a_wake_that_runs_the_task_inline() {
    for capacity in [0, 1] {
        let chan = Chan::new(capacity);
        let (first, second) = (chan.clone(), chan.clone());
        // Receives, sends what it got to itself, closes, and drops its handle:
        // all of it inside of somebody's `send`.
        let echo = Inline::start(async move {
            let got = first.recv_async().await;
            drop(first);
            got
        });
        let closer = Inline::start(async move {
            let got = second.recv_async().await;
            second.close();
            got
        });
        chan.send(1);
        chan.send(2);
        assert_eq!(*echo.done.lock().unwrap(), [Some(1)]);
        assert_eq!(*closer.done.lock().unwrap(), [Some(2)]);
        assert!(chan.is_closed());
        assert_eq!(chan.recv(), None);
    }
}

#[test]
fn a_close_that_wakes_tasks_that_close_and_drop() {
    let (tx, rx) = bounded::<u8>(0);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let (tx, rx) = (tx.clone(), rx.clone());
            Inline::start(async move {
                let got = rx.recv_async().await;
                // The others are settled and not woken yet.
                assert!(tx.close().is_err() && rx.try_recv().is_err());
                drop((tx, rx));
                got.is_err()
            })
        })
        .collect();
    drop(rx);
    tx.close().unwrap();
    for task in &tasks {
        assert_eq!(*task.done.lock().unwrap(), [true]);
    }
    assert_eq!((tx.receiver_count(), tx.sender_count()), (0, 1));
}

#[test]
fn a_waker_that_sends_while_it_is_cloned() {
    for capacity in [0, 1] {
        let chan = Chan::new(capacity);
        let mut other = Box::pin(chan.recv_async());
        assert!(poll_box(&mut other).is_pending());
        drop(other);
        let mut future = Box::pin(chan.recv_async());
        let waker = hooked();
        let sender = chan.clone();
        // Between the look and the registration.
        on(&ON_CLONE, move || {
            let _ = sender.try_send(7);
        });
        let first = poll_with(&mut future, &waker);
        if capacity == 0 {
            // Nobody waited yet, so nothing was sent.
            assert!(first.is_pending());
            assert!(chan.try_send(8).is_ok());
            assert_eq!(poll_box(&mut future), Poll::Ready(Some(8)));
        } else {
            assert_eq!(first, Poll::Ready(Some(7)));
        }
    }
}

#[test]
fn a_waker_that_sends_while_it_is_replaced() {
    let chan = Chan::new(0);
    let mut future = Box::pin(chan.recv_async());
    let waker = hooked();
    assert!(poll_with(&mut future, &waker).is_pending());
    let sender = chan.clone();
    on(&ON_DROP, move || assert!(sender.try_send(7).is_ok()));
    // The old waker is dropped, and hands a value to the new one.
    let (counting, new) = Counting::new();
    assert!(poll_with(&mut future, &new).is_pending());
    assert_eq!(counting.wakes(), 1);
    assert_eq!(poll_box(&mut future), Poll::Ready(Some(7)));
    mem::forget(waker);
}

#[test]
fn a_waker_that_panics_while_it_is_cloned() {
    let chan = Chan::new(0);
    let mut future = Box::pin(chan.recv_async());
    let waker = hooked();
    on(&ON_CLONE, || panic!("a clone"));
    assert!(caught(|| poll_with(&mut future, &waker)));
    assert!(chan.try_send(1).is_err(), "it does not wait");
    // It may be polled again, and replaced with one that panics.
    assert!(poll_box(&mut future).is_pending());
    on(&ON_CLONE, || panic!("a clone"));
    assert!(caught(|| poll_with(&mut future, &waker)));
    assert!(chan.try_send(2).is_ok());
    assert_eq!(poll_box(&mut future), Poll::Ready(Some(2)));
}

/// The second poll brings a new waker. While that is cloned a value is handed
/// over, so the clone is of no use, and panics as it goes.
#[test]
fn a_waker_that_panics_as_it_is_not_needed_any_more() {
    let hand_over_then_panic = |chan: &Chan<Item>, item| {
        let sender = chan.clone();
        on(&ON_CLONE, move || assert!(sender.try_send(item).is_ok()));
        on(&ON_DROP, || panic!("a drop"));
    };
    let ledger = Ledger::new(4);
    for polled_again in [false, true] {
        let chan = Chan::new(0);
        let mut future = Box::pin(chan.recv_async());
        let mut set = CaseSet::new();
        set.recv(&chan, |item| item.map(Item::receive));
        assert!(poll_box(&mut future).is_pending());
        let id = usize::from(polled_again);
        hand_over_then_panic(&chan, ledger.item(id));
        assert!(caught(|| poll_with(&mut future, &hooked())));
        if polled_again {
            let Poll::Ready(Some(item)) = poll_box(&mut future) else {
                panic!("it was handed over")
            };
            assert_eq!(item.receive(), id);
        }
        drop(future);
        let back = chan.try_recv().ok().flatten().map(Item::receive);
        assert_eq!(back, (!polled_again).then_some(id));

        let mut poll_set = |waker: &Waker| set.poll(&mut Context::from_waker(waker), |_| 0, false);
        assert!(poll_set(Waker::noop()).is_pending());
        hand_over_then_panic(&chan, ledger.item(2 + id));
        assert!(caught(|| poll_set(&hooked())));
        if polled_again {
            assert_eq!(poll_set(Waker::noop()), Poll::Ready(Some(2 + id)));
        }
        drop(set);
        let back = chan.try_recv().ok().flatten().map(Item::receive);
        assert_eq!(back, (!polled_again).then_some(2 + id));
    }
    ledger.check_all_received();
}

/// A send finds a receiver, whose waker panics. It has happened: polled again
/// it does not send what it has not got any more, nor wait with it.
#[test]
fn a_send_whose_receiver_panics_as_it_is_woken_has_happened() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a wake")
        }
    }

    let ledger = Ledger::new(2);
    for id in [0, 1] {
        let chan = Chan::new(id);
        let mut receive = Box::pin(chan.recv_async());
        assert!(poll_with(&mut receive, &Arc::new(Panics).into()).is_pending());
        let mut send = Box::pin(chan.send_async(ledger.item(id)));
        assert!(caught(|| poll_box(&mut send)), "its receiver is woken");
        assert!(caught(|| poll_box(&mut send)), "it is over");
        assert!(chan.try_recv().is_err(), "nobody waits to send");
        drop(send);
        let Poll::Ready(Some(item)) = poll_box(&mut receive) else {
            panic!("it was handed over")
        };
        assert_eq!(item.receive(), id);
    }
    ledger.check_all_received();
}

/// A select whose waker is of no use, because a sender came meanwhile, and
/// panics as it goes: the sender is woken all the same.
#[test]
fn a_waker_that_panics_as_it_goes_strands_nobody() {
    let name = "panics as it goes";
    let chan = Builder::new().name(name).chan();
    let channel = watched(name);
    let mut set = CaseSet::new();
    set.recv(&chan, |value: Option<u8>| value);
    let (handle, sender) = (Mutex::new(None), chan.clone());
    let handle = Arc::new(handle);
    on(&ON_CLONE, {
        let handle = handle.clone();
        move || {
            *handle.lock().unwrap() = Some(thread::spawn(move || sender.send(7)));
            until_parked(&channel, 1);
        }
    });
    on(&ON_DROP, || panic!("a drop"));
    let waker = hooked();
    let polled = caught(|| set.poll(&mut Context::from_waker(&waker), |_| 0, false));
    assert!(polled, "its clone has panicked");
    let sender = handle.lock().unwrap().take().expect("it was cloned");
    until(|| sender.is_finished());
    sender.join().unwrap();
}

/// The same for who asks for a permit, and gets one while its waker is cloned:
/// the permit is not lost with the waker.
#[test]
fn a_permit_is_given_back_if_the_waker_panics_as_it_goes() {
    let chan = Chan::new(1);
    chan.send(1);
    let mut asks = Box::pin(chan.reserve_async());
    let receiver = chan.clone();
    on(&ON_CLONE, move || assert_eq!(receiver.recv(), Some(1)));
    on(&ON_DROP, || panic!("a drop"));
    assert!(caught(|| poll_with(&mut asks, &hooked())));
    drop(asks);
    drop(chan.try_reserve().expect("nobody has it"));
}

/// A panic whose payload panics as well, with one that does so again.
struct Bomb {
    left: usize,
    drops: Arc<AtomicUsize>,
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
        if let Some(left) = self.left.checked_sub(1) {
            let drops = self.drops.clone();
            panic_any(Bomb { left, drops });
        }
    }
}

/// Panics with a bomb when it is woken.
struct Bombing(Arc<AtomicUsize>);

impl Wake for Bombing {
    fn wake(self: Arc<Self>) {
        let drops = self.0.clone();
        panic_any(Bomb { left: 2, drops });
    }
}

#[test]
fn wakers_that_panic_with_bombs_keep_no_one_asleep() {
    let chan = Chan::<u8>::new(0);
    let drops = Arc::new(AtomicUsize::new(0));
    let bomb = Waker::from(Arc::new(Bombing(drops.clone())));
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(chan.recv_async())).collect();
    let (counting, calm) = Counting::new();
    for (number, future) in waiting.iter_mut().enumerate() {
        let waker = if number % 2 == 0 { &bomb } else { &calm };
        assert!(poll_with(future, waker).is_pending());
    }
    let payload = panic::catch_unwind(AssertUnwindSafe(|| chan.close())).unwrap_err();
    assert_eq!(counting.wakes(), 50);
    assert_eq!(drops.load(Ordering::Relaxed), 49 * 3, "to the last of each");
    let mut first = payload.downcast::<Bomb>().expect("goes to the closer");
    first.left = 0;
    for future in &mut waiting {
        assert_eq!(poll_box(future), Poll::Ready(None));
    }
}

#[test]
fn a_future_is_dropped_between_close_and_wake() {
    /// Drops another future while it is woken by the close.
    struct Dropping(Mutex<Option<Boxed<Option<u8>>>>);
    impl Wake for Dropping {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
        }
    }
    // So many that the second is still queued, or has been taken out.
    for between in [0, 100] {
        let chan = Chan::new(0);
        let mut first = Box::pin(chan.recv_async());
        let mut others: Vec<_> = (0..between).map(|_| Box::pin(chan.recv_async())).collect();
        let theirs = chan.clone();
        let mut second: Boxed<Option<u8>> = Box::pin(async move { theirs.recv_async().await });
        let dropping = Arc::new(Dropping(Mutex::new(None)));
        let waker = Waker::from(dropping.clone());
        assert!(poll_with(&mut first, &waker).is_pending());
        let (counting, other) = Counting::new();
        for future in &mut others {
            assert!(poll_with(future, &other).is_pending());
        }
        let (never, last) = Counting::new();
        assert!(poll_with(&mut second, &last).is_pending());
        *dropping.0.lock().unwrap() = Some(second);
        chan.close();
        assert_eq!(counting.wakes(), between);
        assert_eq!(never.wakes(), usize::from(between == 0), "taken, or gone");
        assert!(dropping.0.lock().unwrap().is_none());
        assert_eq!(poll_box(&mut first), Poll::Ready(None));
        assert!(
            others
                .iter_mut()
                .all(|it| poll_box(it) == Poll::Ready(None))
        );
        assert_eq!(chan.receiver_count(), 1);
    }
}
