//! Safe programs that were written to break the unsafe code of this crate, one
//! for each thing that it relies on; docs/unsafe-reading.md says which. They
//! are small enough for Miri, which sees what no run shows: `.ci/deep miri`.

#![cfg(not(loom))]

mod common;

use std::collections::VecDeque;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use chan_core::select::CaseSet;
use chan_core::{Builder, Chan, Receiver, Sender, bounded};
use common::hooked::{ON_CLONE, hooked, on};
use common::{Item, Ledger, poll_box, until};

fn caught<R>(f: impl FnOnce() -> R) -> bool {
    panic::catch_unwind(AssertUnwindSafe(f)).is_err()
}

fn poll_with<F: Future + ?Sized>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Panics when it is woken.
struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("a waker");
    }
}

fn panicking() -> Waker {
    Waker::from(Arc::new(Panicking))
}

// ---- Foreign code that panics in the middle. ----

#[test]
fn send_many_ends_when_a_waker_has_panicked_within_it() {
    let chan = Chan::new(0);
    let ledger = Ledger::new(3);
    let mut values = VecDeque::from_iter((0..3).map(|id| ledger.item(id)));
    let theirs = chan.clone();
    let mut send = Box::pin(chan.send_many_async(&mut values));
    // Between its two looks somebody comes who takes the value and panics.
    let (receives, received) = std::sync::mpsc::channel();
    on(&ON_CLONE, move || {
        let mut receive = Box::pin(async move { theirs.recv_async().await });
        assert!(poll_with(&mut receive, &panicking()).is_pending());
        receives.send(receive).unwrap();
    });
    assert!(caught(|| poll_with(&mut send, &hooked())));
    // Not a second panic: it would end the process of who is unwinding.
    drop(send);
    let taken = poll_box(&mut received.recv().unwrap());
    let Poll::Ready(Some(taken)) = taken else {
        panic!("it was handed over");
    };
    assert_eq!(taken.receive(), 0);
    assert_eq!(values.len(), 2, "the others stay with their owner");
}

/// Where forgotten things are, so that a leak checker knows that it is meant.
static KEPT: Mutex<Vec<usize>> = Mutex::new(Vec::new());

/// A value whose destructor uses the channel it came from.
struct Nosy(Chan<Nosy>, Arc<AtomicBool>);

impl Drop for Nosy {
    fn drop(&mut self) {
        // Takes the lock.
        let _ = self.0.try_recv();
        self.1.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_case_whose_result_was_never_taken_does_not_drop_it_under_a_lock() {
    let dropped = Arc::new(AtomicBool::new(false));
    let seen = dropped.clone();
    // On a thread of its own: what is wrong here hangs.
    let attack = thread::spawn(move || {
        let chan = Chan::new(1);
        let value = || Nosy(chan.clone(), dropped.clone());
        let mut set = CaseSet::new();
        set.recv(&chan, |got| got.is_some());
        assert!(chan.try_send(value()).is_ok());
        let mut send = Box::pin(chan.send_async(value()));
        assert!(poll_with(&mut send, &panicking()).is_pending());
        // It has won a value, and the waker of the sender panics.
        assert!(caught(|| set.look(|_| 0)));
        drop((chan.try_recv(), send));
        dropped.store(false, Ordering::Relaxed);
        // The next value comes between the two looks.
        let (sender, next) = (chan.clone(), value());
        on(&ON_CLONE, move || assert!(sender.try_send(next).is_ok()));
        let waker = hooked();
        let mut cx = Context::from_waker(&waker);
        assert_eq!(set.poll(&mut cx, |_| 0, false), Poll::Ready(true));
    });
    until(|| seen.load(Ordering::Relaxed) && attack.is_finished());
    attack.join().unwrap();
}

// ---- What is pointed to moves, ends, or goes to another thread. ----

#[test]
fn a_case_set_that_is_moved_while_it_waits() {
    let ledger = Ledger::new(4);
    for moved in 0..2 {
        let chan = Chan::new(0);
        let other = Chan::<u8>::new(0);
        let mut set = CaseSet::new();
        set.recv(&other, |_| None);
        set.recv(&chan, |got: Option<Item>| got);
        let poll = |set: &mut CaseSet<'_, Option<Item>>| {
            set.poll(&mut Context::from_waker(Waker::noop()), |_| 0, false)
        };
        assert!(poll(&mut set).is_pending());
        // By value into a box, out of it, and to another thread and back.
        let boxed = Box::new(set);
        let mut set = *boxed;
        if moved == 1 {
            set = thread::scope(|s| s.spawn(move || set).join().unwrap());
        }
        assert!(chan.try_send(ledger.item(moved)).is_ok());
        let Poll::Ready(Some(got)) = poll(&mut set) else {
            panic!("it was handed over");
        };
        assert_eq!(got.receive(), moved);
        assert!(poll(&mut set).is_pending());
        let set = std::convert::identity(set);
        assert!(chan.try_send(ledger.item(2 + moved)).is_ok());
        drop(set);
        assert_eq!(chan.recv().unwrap().receive(), 2 + moved);
    }
    ledger.check_all_received();
}

#[test]
fn a_case_set_that_is_forgotten_while_it_waits() {
    let ledger = Ledger::new(2);
    let chan = Chan::new(0);
    let full = Chan::new(0);
    let mut set = CaseSet::new();
    set.recv(&chan, |got: Option<Item>| drop(got));
    set.send(&full, ledger.item(0), |()| ());
    set.recv(&None::<Chan<u8>>, |_| ());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(set.poll(&mut cx, |_| 0, false).is_pending());
    // Not freed, so that what the channels point to is there.
    let set = Box::leak(Box::new(ManuallyDrop::new(set)));
    KEPT.lock().unwrap().push(std::ptr::from_ref(set).addr());
    assert_eq!(full.recv().map(Item::receive), Some(0));
    // The select is over, so nobody takes this one.
    assert!(chan.try_send(ledger.item(1)).is_err());
    chan.close();
    drop((chan, full));
    assert_eq!((ledger.times_dropped(0), ledger.times_dropped(1)), (1, 1));
}

#[test]
fn the_handles_go_at_once_on_many_threads() {
    for round in 0..if cfg!(miri) { 4 } else { 500 } {
        let ledger = Ledger::new(1);
        let (tx, rx) = bounded(1);
        assert!(tx.send(ledger.item(0)).is_ok());
        let weak = tx.downgrade();
        let start = Barrier::new(5);
        thread::scope(|s| {
            for end in [
                Ends::Tx(tx.clone()),
                Ends::Tx(tx),
                Ends::Rx(rx.clone()),
                Ends::Rx(rx),
            ] {
                s.spawn(|| {
                    start.wait();
                    drop(end);
                });
            }
            s.spawn(|| {
                start.wait();
                // Comes back to life or does not.
                drop(weak.upgrade());
                drop(weak);
            });
        });
        assert_eq!(ledger.times_dropped(0), 1, "round {round}");
    }
}

enum Ends {
    Tx(#[allow(dead_code, reason = "for its drop")] Sender<Item>),
    Rx(#[allow(dead_code, reason = "for its drop")] Receiver<Item>),
}

#[test]
fn a_future_begins_waits_and_ends_on_three_threads() {
    let ledger = Ledger::new(2);
    let (tx, rx) = bounded(0);
    for id in 0..2 {
        let mut receive = Box::pin(rx.recv_async());
        thread::scope(|s| {
            let mut receive = s
                .spawn(|| {
                    assert!(poll_box(&mut receive).is_pending());
                    receive
                })
                .join()
                .unwrap();
            let sent = s.spawn(|| tx.try_send(ledger.item(id)).is_ok());
            if id == 0 {
                until(|| {
                    poll_box(&mut receive).map(|got| got.map(Item::receive)) == Poll::Ready(Ok(0))
                });
            } else {
                // Dropped while the value comes, or before, or after.
                drop(receive);
            }
            if !sent.join().unwrap() {
                assert_eq!(id, 1, "nobody waited any more");
            }
        });
    }
    assert!(rx.drain().all(|item| item.receive() == 1));
    assert_eq!((ledger.times_dropped(0), ledger.times_dropped(1)), (1, 1));
}

#[cfg(feature = "futures")]
#[test]
fn streams_and_sinks_that_own_the_last_handle_end_in_a_call() {
    use futures_util::{FutureExt, SinkExt, StreamExt};
    let ledger = Ledger::new(6);
    // By value into a function, at whose end the channel ends.
    fn end<T>(it: T) {
        let moved = it;
        drop(moved);
    }
    let (tx, rx) = bounded(2);
    assert!(tx.send(ledger.item(0)).is_ok());
    let mut stream = rx.into_stream();
    assert_eq!(
        stream.next().now_or_never().flatten().map(Item::receive),
        Some(0)
    );
    assert!(stream.next().now_or_never().is_none(), "it waits");
    // Handed over, and never taken.
    assert!(tx.send(ledger.item(1)).is_ok());
    let sink = tx.into_sink();
    end(sink);
    end(stream);
    let (tx, rx) = bounded(1);
    let mut sink = Box::pin(tx.into_sink());
    assert!(sink.send(ledger.item(2)).now_or_never().is_some());
    assert!(sink.send(ledger.item(3)).now_or_never().is_none(), "full");
    drop(rx);
    end(sink);
    let chan = Chan::new(1);
    let mut sink = chan.into_sink();
    assert!(sink.send(ledger.item(4)).now_or_never().is_some());
    let _ = sink.send(ledger.item(5)).now_or_never();
    assert!(sink.close().now_or_never().is_none(), "it waits for room");
    thread::spawn(move || end(sink)).join().unwrap();
    assert!((0..6).all(|id| ledger.times_dropped(id) == 1));
}

// ---- Elements of every form, in every slot. ----

/// Through each place where a value can lie: the ring, a block, the frame of a
/// thread, a future that is polled, dropped or moved on, a select, a set.
fn through_every_slot<T: Send + PartialEq + std::fmt::Debug>(make: impl Fn() -> T + Sync) {
    // Those on either side of the step from one lock to two.
    let limits = [Some(1), Some(15), Some(16), Some(17), None];
    for limit in limits {
        let chan = match limit {
            Some(capacity) => Chan::new(capacity),
            None => Builder::new().unbounded().chan(),
        };
        // Round the ring, over the end of a block, and some left at the end.
        let many = limit.map_or(150, |capacity| 2 * capacity + 1);
        for lag in 0..many {
            assert!(chan.try_send(make()).is_ok());
            let is_full = limit == Some(chan.len());
            if is_full || limit.is_none() && lag % 3 == 0 {
                assert_eq!(chan.recv(), Some(make()));
            }
        }
        while !chan.is_full() && limit.is_some() {
            assert!(chan.try_send(make()).is_ok());
        }
        let displaced = chan.force_send(make()).unwrap();
        assert_eq!(displaced.is_some(), limit.is_some());
        let left = chan.len() / 2;
        while chan.len() > left {
            assert_eq!(chan.recv(), Some(make()));
        }
    }
    for chan in [Chan::new(1), Builder::new().unbounded().chan()] {
        assert!(chan.try_send(make()).is_ok());
        assert_eq!(chan.recv(), Some(make()));
        let mut receive = Box::pin(chan.recv_async());
        assert!(poll_box(&mut receive).is_pending());
        assert!(chan.try_send(make()).is_ok());
        // Back into a node of its own, and out of it.
        drop(receive);
        assert_eq!(chan.recv(), Some(make()));
    }
    let chan = Chan::new(0);
    thread::scope(|s| {
        s.spawn(|| chan.send(make()));
        assert_eq!(chan.recv(), Some(make()));
    });
    let mut send = Box::pin(chan.send_async(make()));
    assert!(poll_box(&mut send).is_pending());
    let mut set = CaseSet::new();
    set.recv(&chan, |got| got);
    assert_eq!(set.look(|_| 0), Some(Some(make())));
    drop(set);
    assert!(poll_box(&mut send).is_ready());
    let mut set = CaseSet::new();
    let key = set.send(&chan, make(), |()| ());
    assert_eq!(set.look(|_| 0), None);
    assert_eq!(set.put(key, make()), Ok(Some(make())));
    assert_eq!(set.take_back(key), Some(make()));
    assert_eq!(set.put(key, make()), Ok(None));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(set.poll(&mut cx, |_| 0, false).is_pending());
    assert_eq!(chan.recv(), Some(make()));
    assert!(set.poll(&mut cx, |_| 0, false).is_ready());
    assert_eq!(set.take_back(key), None, "it has gone");
}

#[test]
fn elements_of_every_form() {
    #[derive(Debug, PartialEq)]
    #[repr(align(4096))]
    struct Page(u8);
    #[derive(Debug, PartialEq)]
    #[repr(align(4096))]
    struct Nothing;
    #[derive(Debug, PartialEq)]
    #[repr(align(32))]
    struct Half(u8);
    #[derive(Debug, PartialEq)]
    #[repr(align(128))]
    struct Twice(u8);
    through_every_slot(|| ());
    through_every_slot(|| Half(7));
    through_every_slot(|| Twice(7));
    through_every_slot(|| Nothing);
    through_every_slot(|| Page(7));
    through_every_slot(|| vec![String::from("owned")]);
    through_every_slot(|| [7_u8; 10_000]);
    through_every_slot(|| Some(&"borrowed"));
    let text = String::from("borrowed for less than ever");
    through_every_slot(|| &text);
}

#[test]
fn a_key_opens_nothing_but_its_own_case() {
    let (words, numbers) = (Chan::new(0), Chan::new(0));
    let mut set = CaseSet::new();
    let word = set.send(&words, String::from("one"), |()| ());
    assert!(set.remove(word.into()));
    // In the place of the other, with a value of another form.
    let number = set.send(&numbers, 1_u8, |()| ());
    assert_eq!(word.key().index(), number.key().index());
    assert_eq!(set.put(word, String::from("two")), Err("two".into()));
    assert_eq!(set.take_back(word), None);
    // In the same place of another set.
    let mut other = CaseSet::new();
    other.send(&numbers, 2_u8, |()| ());
    assert_eq!(other.put(word, String::from("three")), Err("three".into()));
    assert_eq!(other.take_back(number), None);
    assert_eq!(set.take_back(number), Some(1));
}

// ---- Re-entrance: what is called while a channel ends. ----

#[test]
fn a_waker_and_a_value_that_hold_the_last_handles() {
    /// Drops what it holds when it is woken.
    struct Holding<T>(Mutex<Option<T>>);
    impl<T: Send + 'static> Wake for Holding<T> {
        fn wake(self: Arc<Self>) {
            let held = self.0.lock().unwrap().take();
            drop(held);
        }
    }
    struct Cyclic(
        Sender<Cyclic>,
        #[allow(dead_code, reason = "for its drop")] Arc<()>,
    );

    let count = Arc::new(());
    let (tx, rx) = bounded(4);
    for _ in 0..3 {
        assert!(tx.send(Cyclic(tx.clone(), count.clone())).is_ok());
    }
    let mut full = Box::pin(async move {
        let last = tx.clone();
        let _ = tx.send(Cyclic(tx.clone(), Arc::default()));
        // Waits for room until nobody can receive.
        last.send_async(Cyclic(tx, Arc::default())).await.is_err()
    });
    let holding = Arc::new(Holding(Mutex::new(Some(rx.clone()))));
    assert!(poll_with(&mut full, &Waker::from(holding.clone())).is_pending());
    let first = rx.recv().unwrap();
    // The sender is in, and has dropped a receiver while it was woken.
    assert!(holding.0.lock().unwrap().is_none());
    assert_eq!(rx.receiver_count(), 1);
    // Drops the values, each with its handle.
    drop(rx);
    assert_eq!(Arc::strong_count(&count), 2, "ours, and that of the first");
    assert_eq!(first.0.sender_count(), 2, "its own, and that of the task");
    assert_eq!(poll_box(&mut full), Poll::Ready(false));
    assert_eq!(first.0.sender_count(), 1);
    drop(first);
    assert_eq!(Arc::strong_count(&count), 1);
}
