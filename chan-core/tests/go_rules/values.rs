//! What Go has no rules for: values that own something, are borrowed, large
//! or without size; destructors and wakers that panic.

use std::cell::Cell;
use std::sync::Arc;
use std::task::Wake;

use chan_core::Sender;

use super::*;

/// Counts its drops, and panics in one if told so.
struct Counted<'a> {
    drops: &'a AtomicUsize,
    panics: bool,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "a destructor panics");
    }
}

fn counted(drops: &AtomicUsize) -> Counted<'_> {
    let panics = false;
    Counted { drops, panics }
}

fn bomb(drops: &AtomicUsize) -> Counted<'_> {
    let panics = true;
    Counted { drops, panics }
}

#[test]
fn values_left_in_a_channel_are_dropped_once_with_it() {
    let drops = AtomicUsize::new(0);
    let count = || drops.load(Ordering::SeqCst);
    let chan = Chan::new(3);
    (0..3).for_each(|_| chan.send(counted(&drops)));
    drop(chan.recv());
    assert_eq!(count(), 1);
    chan.close();
    assert_eq!(count(), 1, "a close drops nothing");
    drop(chan);
    assert_eq!(count(), 3);
    let (tx, rx) = bounded(3);
    (0..3).for_each(|_| tx.send(counted(&drops)).unwrap());
    drop(rx);
    assert_eq!(count(), 6, "nobody can receive them any more");
    drop(tx);
    assert_eq!(count(), 6);
}

#[test]
fn values_that_are_not_sent_are_dropped_once() {
    let drops = AtomicUsize::new(0);
    let count = || drops.swap(0, Ordering::SeqCst);
    let chan = Chan::new(0);
    let back = chan.try_send(counted(&drops));
    assert_eq!(count(), 0, "it comes back");
    drop(back);
    assert_eq!(count(), 1);
    drop(chan.send_timeout(counted(&drops), SHORT));
    assert_eq!(count(), 1);
    drop(chan.send_async(counted(&drops)));
    assert_eq!(count(), 1);
    drop(parked(chan.send_async(counted(&drops))));
    assert_eq!(count(), 1);
    let mut waits = parked(chan.send_async(counted(&drops)));
    chan.close();
    panic_text(|| poll(&mut waits));
    drop(waits);
    assert_eq!(count(), 1, "the sender that waited drops it");
    panic_text(|| chan.send(counted(&drops)));
    assert_eq!(count(), 1);
    panic_text(|| chan.try_send(counted(&drops)));
    assert_eq!(count(), 1);
    drop(Chan::nil().try_send(counted(&drops)));
    assert_eq!(count(), 1);
    drop(parked(Chan::nil().sender().send_async(counted(&drops))));
    assert_eq!(count(), 1);
}

#[test]
fn values_that_are_handed_over_are_dropped_once() {
    let drops = AtomicUsize::new(0);
    let count = || drops.swap(0, Ordering::SeqCst);
    let chan = named("handed over", 0);
    thread::scope(|s| {
        // To a thread that waits.
        let receiver = s.spawn(|| drop(chan.recv()));
        waiting("handed over", 1);
        chan.send(counted(&drops));
        receiver.join().unwrap();
        assert_eq!(count(), 1);
        // From a thread that waits.
        s.spawn(|| chan.send(counted(&drops)));
        drop(chan.recv());
    });
    assert_eq!(count(), 1);
    // To a task that never takes it.
    let handed = parked(chan.recv_async());
    chan.send(counted(&drops));
    drop(handed);
    assert_eq!((count(), chan.len()), (0, 1), "it came back");
    drop(chan);
    assert_eq!(count(), 1);
}

#[test]
fn a_destructor_that_panics_takes_no_other_value_with_it() {
    let drops = AtomicUsize::new(0);
    let fill = |chan: &Chan<_>| {
        chan.send(counted(&drops));
        chan.send(bomb(&drops));
        chan.send(counted(&drops));
        chan.send(counted(&drops));
    };
    let chan = Chan::new(4);
    fill(&chan);
    assert_eq!(panic_text(|| drop(chan)), "a destructor panics");
    assert_eq!(drops.swap(0, Ordering::SeqCst), 4);
    let (tx, rx) = bounded(2);
    tx.send(bomb(&drops)).unwrap();
    tx.send(counted(&drops)).unwrap();
    assert_eq!(panic_text(|| drop(rx)), "a destructor panics");
    assert_eq!(drops.swap(0, Ordering::SeqCst), 2);
    assert!(tx.is_closed());
    assert!(tx.send(counted(&drops)).is_err());
}

#[test]
fn a_destructor_that_panics_does_not_meet_go_s_panic() {
    let drops = AtomicUsize::new(0);
    let closed = Chan::new(1);
    closed.close();
    let text = panic_text(|| closed.send(bomb(&drops)));
    assert_eq!(text, "a destructor panics");
    let chan = Chan::new(0);
    let mut waits = parked(chan.send_async(bomb(&drops)));
    chan.close();
    let text = panic_text(|| poll(&mut waits));
    assert_eq!(text, "a destructor panics");
    drop(waits);
    assert_eq!(drops.load(Ordering::SeqCst), 2);
    assert!(chan.recv().is_none() && closed.recv().is_none());
}

#[test]
fn large_values_arrive_whole_on_every_way() {
    let value = |n: u8| [n; 1024];
    for capacity in [0, 2] {
        let (tx, rx) = bounded(capacity);
        thread::scope(|s| {
            s.spawn(move || {
                for n in 0..=255 {
                    tx.send(value(n)).unwrap();
                }
            });
            for n in 0..=255 {
                assert!(rx.recv().unwrap() == value(n));
            }
        });
    }
    let chan = Chan::new(0);
    let mut receive = parked(chan.recv_async());
    chan.send(value(7));
    assert_eq!(poll(&mut receive), Poll::Ready(Some(value(7))));
    let mut send = parked(chan.send_async(value(8)));
    assert_eq!(chan.recv(), Some(value(8)));
    assert!(poll(&mut send).is_ready());
}

#[test]
fn borrowed_values_cross_scoped_threads() {
    let words = String::from("one two three");
    let chan = Chan::new(0);
    let longest = Cell::new("");
    thread::scope(|s| {
        s.spawn(|| {
            words.split(' ').for_each(|word| chan.send(word));
            chan.close();
        });
        for word in &chan {
            if word.len() > longest.get().len() {
                longest.set(word);
            }
        }
    });
    assert_eq!(longest.get(), "three");
}

#[test]
fn a_channel_travels_through_a_channel() {
    let requests = Chan::<(u32, Sender<u32>)>::new(0);
    thread::scope(|s| {
        s.spawn(|| {
            for (n, reply) in &requests {
                reply.send(n * n).unwrap();
            }
        });
        for n in 0..10 {
            let (tx, rx) = bounded(0);
            requests.send((n, tx));
            assert_eq!(rx.recv(), Ok(n * n));
        }
        requests.close();
    });
}

// ---- Wakers. ----

/// Counts, and panics if told so.
struct Alarm {
    rung: AtomicUsize,
    panics: bool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::SeqCst);
        assert!(!self.panics, "a waker panics");
    }
}

#[test]
fn a_waker_that_panics_at_close_keeps_no_one_asleep() {
    let chan = named::<u8>("panicking waker", 0);
    let alarm = |n| {
        Arc::new(Alarm {
            rung: AtomicUsize::new(0),
            panics: n % 7 == 3,
        })
    };
    let alarms: Vec<_> = (0..80).map(alarm).collect();
    let mut tasks: Vec<_> = (0..80).map(|_| Box::pin(chan.recv_async())).collect();
    for (task, alarm) in tasks.iter_mut().zip(&alarms) {
        let waker = Waker::from(alarm.clone());
        let state = task.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(state.is_pending());
    }
    thread::scope(|s| {
        let thread = s.spawn(|| chan.recv());
        waiting("panicking waker", 81);
        assert_eq!(panic_text(|| chan.close()), "a waker panics");
        assert_eq!(thread.join().unwrap(), None);
    });
    for alarm in &alarms {
        assert_eq!(alarm.rung.load(Ordering::SeqCst), 1);
    }
    assert!(tasks.iter_mut().all(|task| poll(task) == Poll::Ready(None)));
    assert!(chan.is_closed());
    panics(CLOSE_OF_CLOSED, || chan.close());
}

#[test]
fn a_waker_that_panics_at_a_send_loses_no_value() {
    let chan = Chan::new(0);
    let waker = Waker::from(Arc::new(Alarm {
        rung: AtomicUsize::new(0),
        panics: true,
    }));
    let mut receive = Box::pin(chan.recv_async());
    let state = receive.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(state.is_pending());
    assert_eq!(panic_text(|| chan.send(1)), "a waker panics");
    assert_eq!(poll(&mut receive), Poll::Ready(Some(1)));
}

/// Closes a channel when it is woken: foreign code under no lock.
struct Closer(Chan<u8>);

impl Wake for Closer {
    fn wake(self: Arc<Self>) {
        self.0.close();
    }
}

#[test]
fn a_waker_may_use_its_channel() {
    let chan = Chan::new(0);
    let waker = Waker::from(Arc::new(Closer(chan.clone())));
    let mut receive = Box::pin(chan.recv_async());
    let state = receive.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(state.is_pending());
    chan.send(1);
    assert!(chan.is_closed());
    assert_eq!(poll(&mut receive), Poll::Ready(Some(1)));
}

/// Holds its own channel, and uses it while it is dropped.
struct Entangled(SendChan<u8>);

impl Drop for Entangled {
    fn drop(&mut self) {
        self.0.send(1);
    }
}

#[test]
fn a_destructor_may_use_channels() {
    let log = Chan::new(4);
    let chan = Chan::new(2);
    (0..2).for_each(|_| chan.send(Entangled(log.sender())));
    drop(chan);
    let closed = Chan::new(0);
    closed.close();
    panic_text(|| closed.send(Entangled(log.sender())));
    assert_eq!(log.len(), 3);
}
