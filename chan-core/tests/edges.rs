//! The edges: of numbers, of time, of a future's life; and values whose
//! destructors use the channel they were in, on every path on which a value is
//! dropped.

#![cfg(not(loom))]

mod common;

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe::{self, Channel};
use chan_core::select::CaseSet;
use chan_core::{
    Builder, Chan, Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, WeakSender,
    bounded, unbounded,
};
use common::{poll_box, until, until_parked, watched};

/// What a panic says.
fn panics(f: impl FnOnce()) -> String {
    let panic = panic::catch_unwind(AssertUnwindSafe(f)).expect_err("it must panic");
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => (*panic.downcast::<&str>().expect("a text")).to_owned(),
    }
}

// ---- Numbers. ----

const MOST: usize = isize::MAX as usize;

/// A side learns of 65,535 slots at most, and remembers half a number of where
/// that ends: rings that are filled and emptied across it lose nothing.
#[test]
#[cfg_attr(miri, ignore = "takes an hour there; `ring::tests` moves the places")]
fn a_ring_of_more_slots_than_one_learns_of_at_once() {
    let capacity = 200_000;
    let (tx, rx) = chan_core::bounded(capacity);
    let (mut sent, mut received) = (0_u32, 0_u32);
    for (sends, receives) in [(capacity, 40_000), (30_000, 60_000), (50_000, capacity)] {
        for _ in 0..sends {
            if tx.try_send(sent).is_ok() {
                sent += 1;
            }
        }
        assert_eq!(tx.len(), (sent - received) as usize);
        for value in rx.try_iter().take(receives) {
            assert_eq!(value, received);
            received += 1;
        }
    }
    assert_eq!(rx.try_iter().count(), (sent - received) as usize);
    assert!(rx.is_empty() && sent as usize >= capacity + 40_000);
}

#[test]
fn capacities_at_the_edge() {
    const OUT_OF_RANGE: &str = "makechan: size out of range";
    // Also where a number could be taken for "without a limit".
    for capacity in [MOST + 1, usize::MAX - 1, usize::MAX] {
        assert_eq!(panics(|| drop(bounded::<()>(capacity))), OUT_OF_RANGE);
        assert_eq!(panics(|| drop(Chan::<()>::new(capacity))), OUT_OF_RANGE);
    }
    for capacity in [MOST / 8 + 1, MOST, usize::MAX] {
        assert_eq!(panics(|| drop(bounded::<u64>(capacity))), OUT_OF_RANGE);
    }
    // Elements without a size need no memory, however many there may be.
    let (tx, rx) = bounded::<()>(MOST);
    assert_eq!((tx.capacity(), rx.capacity()), (Some(MOST), Some(MOST)));
    let permit = tx.reserve().unwrap();
    for round in 0..3 {
        assert_eq!(tx.send_many(&mut VecDeque::from([(); 100])), Ok(()));
        assert_eq!((rx.len(), rx.is_full()), (100, false));
        let mut values = Vec::new();
        assert_eq!(rx.recv_many(&mut values, usize::MAX), 100, "round {round}");
    }
    permit.send(()).unwrap();
    assert_eq!(tx.force_send(()), Ok(None));
    assert_eq!(rx.drain().count(), 2);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    // No limit is no number, where words are small as well.
    let (tx, rx) = unbounded();
    assert_eq!((0..300).try_for_each(|value| tx.send(value)), Ok(()));
    assert!(rx.drain().eq(0..300) && rx.is_empty());
}

#[test]
fn batches_of_none_and_of_as_many_as_can_be() {
    let (tx, rx) = bounded::<String>(2);
    let mut values = Vec::new();
    // Nothing is asked for, so there is nothing to wait for.
    assert_eq!(rx.recv_many(&mut values, 0), 0);
    assert_eq!(rx.try_recv_many(&mut values, 0), Ok(0));
    assert!(poll_box(&mut Box::pin(rx.recv_many_async(&mut values, 0))).is_ready());
    assert_eq!(tx.send_many(&mut VecDeque::new()), Ok(()));
    assert_eq!(tx.try_send_many(&mut VecDeque::new()), Ok(0));
    tx.send("one".to_owned()).unwrap();
    assert_eq!(rx.try_recv_many(&mut values, usize::MAX), Ok(1));
    assert_eq!(
        rx.try_recv_many(&mut values, usize::MAX),
        Err(TryRecvError::Empty)
    );
    drop(tx);
    assert_eq!(rx.recv_many(&mut values, usize::MAX), 0);
    assert_eq!(values, ["one"]);
}

#[test]
fn values_that_are_larger_than_they_should_be() {
    // A debug build moves a value some thirty times on its way.
    type Large = [u8; 1 << 15];
    for (tx, rx) in [bounded::<Large>(0), bounded(1), unbounded()] {
        thread::scope(|s| {
            s.spawn(|| (1..=3).for_each(|n| tx.send([n; 1 << 15]).unwrap()));
            for n in 1..=3 {
                assert_eq!(rx.recv().unwrap()[(1 << 15) - 1], n);
            }
        });
    }
}

// ---- Time. ----

/// A wait without an end in sight is one that others end.
#[test]
fn times_beyond_the_clock_s_end() {
    let far = Duration::MAX;
    let (tx, rx) = Builder::new().name("far").capacity(1).channel();
    let seen = watched("far");
    thread::scope(|s| {
        s.spawn(|| assert_eq!(rx.recv_timeout(far), Ok(1)));
        until_parked(&seen, 1);
        tx.send_timeout(1, far).unwrap();
    });
    tx.send(2).unwrap();
    thread::scope(|s| {
        s.spawn(|| tx.send_timeout(3, far).unwrap());
        s.spawn(|| drop(tx.reserve_timeout(far).unwrap()));
        s.spawn(|| assert!(rx.wait_closed_timeout(far)));
        until_parked(&seen, 3);
        assert_eq!((rx.recv(), rx.recv()), (Ok(2), Ok(3)));
        until_parked(&seen, 1);
        tx.close().unwrap();
    });
    let mut receive = Box::pin(rx.recv_timeout_async(far));
    assert_eq!(
        poll_box(&mut receive).map(|got| got.is_err()),
        Poll::Ready(true)
    );
    let (tx, rx) = bounded::<u8>(0);
    let mut receive = Box::pin(rx.recv_timeout_async(far));
    assert!(poll_box(&mut receive).is_pending());
    tx.try_send(4).unwrap();
    assert_eq!(poll_box(&mut receive), Poll::Ready(Ok(4)));
    let mut send = Box::pin(tx.send_timeout_async(5, far));
    assert!(poll_box(&mut send).is_pending());
    assert_eq!(rx.try_recv(), Ok(5));
    assert_eq!(poll_box(&mut send), Poll::Ready(Ok(())));
}

/// A deadline that lies centuries ahead is on the clock.
#[test]
fn deadlines_from_the_first_to_the_last_moment() {
    let now = Instant::now();
    let ahead = (0..64)
        .rev()
        .find_map(|power| now.checked_add(Duration::from_secs(1 << power)))
        .unwrap();
    let ago = (0..64)
        .rev()
        .find_map(|power| now.checked_sub(Duration::from_secs(1 << power)))
        .unwrap_or(now);
    let (tx, rx) = Builder::new().name("deadlines").channel();
    let seen = watched("deadlines");
    thread::scope(|s| {
        s.spawn(|| assert_eq!(rx.recv_deadline(ahead), Ok(1)));
        until_parked(&seen, 1);
        tx.send(1).unwrap();
    });
    assert_eq!(rx.recv_deadline(ago), Err(RecvTimeoutError::Timeout));
    assert!(tx.send_deadline(2, ago).is_err());
    let mut late = Box::pin(rx.recv_deadline_async(ago));
    assert!(poll_box(&mut late).is_ready());
    let mut early = Box::pin(rx.recv_deadline_async(ahead));
    assert!(poll_box(&mut early).is_pending());
    tx.try_send(3).unwrap();
    assert_eq!(poll_box(&mut early), Poll::Ready(Ok(3)));
    assert_eq!(chan_core::at(ago).recv(), Ok(ago));
    assert!(chan_core::at(ahead).try_recv().is_err());
    let (ctx, _cancel) = chan_core::Context::background().with_deadline(ahead);
    assert!(!ctx.is_cancelled());
    let (ctx, _cancel) = ctx.with_deadline(ago);
    assert!(ctx.is_cancelled());
}

// ---- Futures that are over. ----

fn over<F: Future>(future: F) {
    let mut future = Box::pin(future);
    assert!(poll_box(&mut future).is_ready());
    let text = panics(|| drop(poll_box(&mut future)));
    assert_eq!(text, "polled after it was ready");
    // And it can be dropped.
}

#[test]
fn a_future_is_polled_to_its_end_once() {
    let (tx, rx) = bounded(4);
    let hour = Duration::from_secs(3600);
    over(tx.send_async(1));
    over(rx.recv_async());
    over(tx.send_timeout_async(1, hour));
    over(rx.recv_timeout_async(hour));
    over(rx.recv_timeout_async(Duration::ZERO));
    over(tx.reserve_async());
    assert_eq!(tx.capacity().map(|all| all - tx.len()), Some(4));
    assert!(!tx.is_full(), "the permits came back");
    let closed = rx.closed();
    tx.close().unwrap();
    over(closed);
    over(tx.send_async(1));
    over(rx.recv_async());
    over(tx.reserve_async());
}

// ---- What is forgotten. ----

/// A forgotten permit is room that is lost, and nothing else.
#[test]
fn permits_that_are_forgotten() {
    let (tx, rx) = bounded(2);
    std::mem::forget(tx.reserve().unwrap());
    tx.send(1).unwrap();
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    let owned = tx.try_reserve().map(|_| ());
    assert_eq!(owned, Err(TrySendError::Full(())));
    assert_eq!(rx.recv(), Ok(1));
    std::mem::forget(tx.reserve().unwrap());
    // Without any room values still go from hand to hand.
    thread::scope(|s| {
        s.spawn(|| (0..100).for_each(|n| tx.send(n).unwrap()));
        assert_eq!(rx.iter().take(100).sum::<i32>(), 4950);
    });
    tx.close().unwrap();
    assert_eq!(rx.recv().ok(), None);
    let (unlimited, rx) = unbounded();
    std::mem::forget(unlimited.reserve().unwrap());
    unlimited.send(3).unwrap();
    assert_eq!(rx.recv(), Ok(3));
}

// ---- Values that use their channel while they are dropped. ----

/// Looks at its channel, and sends there, when it is dropped. Under a lock of
/// the channel that would hang.
struct Meddler {
    chan: Meddled,
    dropped: Arc<AtomicUsize>,
}

enum Meddled {
    /// Keeps it open.
    Chan(Chan<Meddler>),
    /// Keeps nothing.
    Weak(WeakSender<Meddler>),
}

impl Drop for Meddler {
    fn drop(&mut self) {
        let another = |chan| Meddler {
            chan,
            dropped: self.dropped.clone(),
        };
        // Others of its kind may come after it, so not for ever.
        let tries = self.dropped.fetch_add(1, Ordering::SeqCst) < 20;
        match &self.chan {
            Meddled::Chan(chan) => {
                let _ = (chan.len(), chan.waiting_receivers(), format!("{chan:?}"));
                if tries && !chan.is_closed() {
                    drop(chan.try_send(another(Meddled::Chan(chan.clone()))));
                }
                drop(chan.try_recv());
            }
            Meddled::Weak(weak) => {
                let Some(tx) = weak.upgrade() else { return };
                let _ = (tx.len(), tx.is_closed(), format!("{tx:?}"));
                if tries {
                    drop(tx.try_send(another(Meddled::Weak(weak.clone()))));
                }
            }
        }
    }
}

/// Runs it on a thread of its own: what is wrong here hangs.
#[track_caller]
fn in_time(f: impl FnOnce() + Send + 'static) {
    let thread = thread::spawn(f);
    until(|| thread.is_finished());
    thread.join().unwrap();
}

#[test]
fn meddlers_on_a_chan() {
    in_time(|| {
        for capacity in [0, 1, 3, usize::MAX] {
            let chan = match capacity {
                usize::MAX => Builder::new().unbounded().chan(),
                _ => Chan::<Meddler>::new(capacity),
            };
            let dropped = Arc::new(AtomicUsize::new(0));
            let value = || Meddler {
                chan: Meddled::Chan(chan.clone()),
                dropped: dropped.clone(),
            };
            // Refused, received, displaced.
            for _ in 0..5 {
                drop(chan.try_send(value()));
            }
            drop(chan.try_recv());
            if capacity > 0 && capacity < usize::MAX {
                while chan.try_send(value()).is_ok() {}
                drop(chan.force_send(value()));
            }
            chan.drain().take(1).for_each(drop);
            // In futures: before a poll, waiting, taken from, handed over.
            drop(chan.send_async(value()));
            while chan.try_recv().is_ok() {}
            let mut receive = Box::pin(chan.recv_async());
            assert!(poll_box(&mut receive).is_pending());
            assert!(chan.try_send(value()).is_ok());
            drop(receive); // it comes back
            let mut receive = Box::pin(chan.recv_async());
            drop(poll_box(&mut receive));
            // In a case set: put, removed, never taken.
            let full = Chan::<Meddler>::new(0);
            let mut set = CaseSet::new();
            let key = set.send(&full, value(), |()| ());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(set.poll(&mut cx, |_| 0, false).is_pending());
            drop(set.put(key, value()));
            set.remove(key.into());
            drop(set);
            // Given back by a close, and left behind by it.
            let mut waiting = Box::pin(chan.send_async(value()));
            let _ = poll_box(&mut waiting);
            chan.close();
            let _ = panic::catch_unwind(AssertUnwindSafe(|| poll_box(&mut waiting)));
            drop(waiting);
            while let Some(value) = chan.recv() {
                drop(value);
            }
            assert!(dropped.load(Ordering::SeqCst) > 5);
        }
    });
}

#[test]
fn meddlers_whose_receivers_go() {
    in_time(|| {
        for (tx, rx) in [bounded::<Meddler>(4), unbounded()] {
            let dropped = Arc::new(AtomicUsize::new(0));
            let value = |tx: &Sender<Meddler>| Meddler {
                chan: Meddled::Weak(tx.downgrade()),
                dropped: dropped.clone(),
            };
            (0..3).for_each(|_| drop(tx.send(value(&tx))));
            // One comes back, so that it lies in a node.
            let mut values: Vec<_> = rx.drain().collect();
            let mut receive = Box::pin(rx.recv_async());
            assert!(poll_box(&mut receive).is_pending());
            drop(tx.try_send(values.pop().unwrap()));
            drop(receive);
            drop(tx.try_send(values.pop().unwrap()));
            let permit = tx.reserve().ok().unwrap();
            // The last receiver drops what is left while senders are there.
            drop(rx);
            drop(permit.send(value(&tx)));
            drop(tx.send(value(&tx)));
            drop(values);
            drop(tx);
            assert!(dropped.load(Ordering::SeqCst) > 4);
        }
        // With the last handle of all.
        let dropped = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = bounded::<Meddler>(4);
        for _ in 0..4 {
            let chan = Meddled::Weak(tx.downgrade());
            let dropped = dropped.clone();
            drop(tx.send(Meddler { chan, dropped }));
        }
        drop(tx);
        drop::<Receiver<_>>(rx);
        assert_eq!(dropped.load(Ordering::SeqCst), 4);
    });
}

/// A waker that drops a future of the same channel, which waits beside it.
#[test]
fn a_wake_that_drops_others_who_wait() {
    type Waiting = Pin<Box<dyn Future<Output = Option<u32>> + Send>>;
    #[derive(Default)]
    struct Dropping(Mutex<Option<Waiting>>);
    impl Wake for Dropping {
        fn wake(self: Arc<Self>) {
            let other = self.0.lock().unwrap().take();
            drop(other);
        }
    }
    for capacity in [0, 1] {
        let chan = Chan::<u32>::new(capacity);
        let wakers: Vec<_> = (0..10).map(|_| Arc::new(Dropping::default())).collect();
        let futures: Vec<_> = wakers
            .iter()
            .map(|waker| {
                let chan = chan.clone();
                let mut future: Waiting = Box::pin(async move { chan.recv_async().await });
                let waker = Waker::from(waker.clone());
                assert!(
                    future
                        .as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_pending()
                );
                future
            })
            .collect();
        // Who is woken drops the one behind it.
        let mut futures = futures.into_iter();
        let mut first = futures.next().unwrap();
        for (waker, behind) in wakers.iter().zip(futures) {
            *waker.0.lock().unwrap() = Some(behind);
        }
        assert_eq!(chan.waiting_receivers(), 10);
        // Goes to the first, whose wake drops the second.
        chan.try_send(0).unwrap();
        assert_eq!(poll_box(&mut first), Poll::Ready(Some(0)));
        assert_eq!(chan.waiting_receivers(), 8);
        // The second was never woken, so the third waits. A close wakes it, and
        // it drops the fourth, which the close may have settled already.
        chan.close();
        assert_eq!(chan.waiting_receivers(), 0);
        let mut third = wakers[1].0.lock().unwrap().take().unwrap();
        assert_eq!(poll_box(&mut third), Poll::Ready(None));
        assert!(wakers[2].0.lock().unwrap().is_none());
    }
}

/// The box that counts what was discarded is made for that, if need be: these
/// channels have no name, which would have brought one.
#[test]
fn what_nobody_could_receive_was_not_received() {
    let born_at = |line: u32| {
        let is_it = |seen: &Channel| (seen.birth().file(), seen.birth().line()) == (file!(), line);
        observe::channels().into_iter().find(is_it).expect("alive")
    };
    let (tx, rx) = bounded::<u8>(3);
    let seen = born_at(line!() - 1);
    (0..3).for_each(|n| tx.send(n).unwrap());
    rx.recv().unwrap();
    drop(rx);
    let look = || {
        let now = seen.snapshot();
        (now.sent, now.received, now.len, now.closed)
    };
    assert_eq!(look(), (3, 1, 0, true));
    drop(tx);
    assert_eq!(look(), (3, 1, 0, true));

    // The last handle of all: nobody closes, and a watcher still looks.
    let chan = Chan::<u8>::new(3);
    let seen = born_at(line!() - 1);
    (0..3).for_each(|n| chan.send(n));
    assert_eq!(chan.recv(), Some(0));
    drop(chan);
    let end = seen.snapshot();
    assert_eq!((end.sent, end.received, end.len), (3, 1, 0));
    assert_eq!((end.name, end.weak_handles, end.closed_at), (None, 0, None));
}
