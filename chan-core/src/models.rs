//! The races that this crate must survive, each tried in every order that
//! loom can think of.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p chan-core --release --lib models
//! ```
//!
//! Each model is named by the race it looks at; the heads of the mechanism
//! files say which model stands for which atomic. At most five preemptions
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
use std::pin::{Pin, pin};
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use crate::case::{Cons, End, RecvArm, SendArm, Won};
use crate::handle::{self, ALL, Handle};
use crate::header::{Birth, Header, Manners};
use crate::lock::RawLock;
use crate::selection::Selection;
use crate::{Chan, Empty, RecvTimedOut, TryRecvError, bounded};

/// Tries everything, up to a bound.
fn model(run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(5));
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

/// A blocking select over two cases.
macro_rules! select {
    ($first:expr, $second:expr) => {{
        let cases = Cons($first, Cons($second, End));
        let mut selection = pin!(Selection::<_, 2>::of_thread(cases, false));
        let won = selection.as_mut().wait(&mut |_| {}, None);
        selection.take(won.expect("without a deadline a case wins"))
    }};
}

/// Lock, I1: the cell is touched by one at a time, and each sees what the
/// last one wrote.
#[test]
fn lock_excludes() {
    struct Counter {
        lock: RawLock,
        count: UnsafeCell<usize>,
    }
    // SAFETY: the lock guards the cell; that is what is tested.
    unsafe impl Sync for Counter {}

    model(|| {
        let counter = Arc::new(Counter {
            lock: RawLock::new(),
            count: UnsafeCell::new(0),
        });
        let add = |counter: &Counter| {
            counter.lock.lock();
            // SAFETY: loom ends the model if somebody else is there.
            counter.count.with_mut(|count| unsafe { *count += 1 });
            counter.lock.unlock();
        };
        let other = {
            let counter = Arc::clone(&counter);
            thread::spawn(move || {
                add(&counter);
                add(&counter);
            })
        };
        add(&counter);
        other.join().unwrap();
        add(&counter);
        // SAFETY: alone again.
        assert_eq!(counter.count.with(|count| unsafe { *count }), 4);
    });
}

/// Parker, P2 and P4: a receiver looks, gives up and parks while its value is
/// handed to it.
#[test]
fn park_meets_unpark() {
    model(|| {
        let chan = Chan::new(0);
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || number(chan.recv()))
        };
        chan.send(traced(7));
        assert_eq!(receiver.join().unwrap(), Some(7));
        assert_eq!(chan.len(), 0);
    });
}

/// Parker, P2, the other way: a parked sender is taken from. What the
/// receiver did before is told to the sender (rule 40).
#[test]
fn parked_sender_meets_receiver() {
    model(|| {
        let (chan, told) = (Chan::new(0), Told::new());
        let sender = {
            let (chan, told) = (chan.clone(), Arc::clone(&told));
            thread::spawn(move || {
                chan.send(traced(7));
                told.read();
            })
        };
        told.write();
        assert_eq!(number(chan.recv()), Some(7));
        sender.join().unwrap();
    });
}

/// Parker: a watcher's unpark is not taken for the counterpart's.
#[test]
fn stack_request_meets_hand_off() {
    model(|| {
        let chan: Handle<Traced, ALL> = handle::make(birth(0));
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || {
                let site = std::panic::Location::caller();
                number(chan.chan().recv(None, site).ok())
            })
        };
        let asked = {
            let guard = chan.chan().header().lock();
            let waiter = guard.recvq.iter().next();
            // SAFETY: linked, and its channel locked.
            waiter.and_then(|waiter| unsafe { waiter.party().as_ref() }.request_stack(1))
        };
        if let Some(thread) = asked {
            thread.unpark();
        }
        let site = std::panic::Location::caller();
        assert!(chan.chan().send(traced(7), None, site).is_ok());
        assert_eq!(receiver.join().unwrap(), Some(7));
    });
}

/// Parker, P3: a wait whose time is over, while its value is handed to it. A
/// send that succeeded was received.
#[test]
fn timeout_meets_hand_off() {
    model(|| {
        let chan = Chan::new(0);
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || chan.recv_timeout(Duration::ZERO))
        };
        let sent = chan.try_send(traced(7)).is_ok();
        match receiver.join().unwrap() {
            Ok(value) => assert!(sent && number(value) == Some(7)),
            Err(RecvTimedOut) => assert!(!sent),
        }
        assert_eq!(chan.try_recv().unwrap_err(), Empty);
    });
}

/// Parker, P1: two channels want the same select. One wins; the other's value
/// stays where it was.
#[test]
fn two_channels_claim_one_select() {
    model(|| {
        let chans = pair(1);
        let senders = [0, 1].map(|number| {
            let chan = chans[number].clone();
            thread::spawn(move || chan.send(traced(number)))
        });
        let [a, b] = &chans;
        let first = match select!(RecvArm::arm(a), RecvArm::arm(b)) {
            Won::This(value) | Won::Next(Won::This(value)) => number(value).unwrap(),
            Won::Next(Won::Next(never)) => match never {},
        };
        for sender in senders {
            sender.join().unwrap();
        }
        assert_eq!(chans[first].len(), 0);
        let left = chans[1 - first].try_recv().unwrap();
        assert_eq!(number(left), Some(1 - first));
    });
}

/// Parker and header: a receiver gives up looking and parks while the channel
/// is closed under it.
#[test]
fn close_meets_park() {
    model(|| {
        let chan = Chan::<Traced>::new(0);
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || assert!(chan.recv().is_none()))
        };
        chan.close();
        receiver.join().unwrap();
    });
}

/// A send and a close: the value is in the channel, or came back.
#[test]
fn close_meets_send() {
    for capacity in [0, 1] {
        model(move || {
            let (tx, rx) = bounded(capacity);
            let sender = {
                let tx = tx.clone();
                thread::spawn(move || tx.send(traced(7)))
            };
            tx.close().unwrap();
            match sender.join().unwrap() {
                Ok(()) => assert_eq!(number(rx.try_recv().ok()), Some(7)),
                Err(error) => assert_eq!(error.0, 7),
            }
            assert_eq!(rx.try_recv().unwrap_err(), TryRecvError::Disconnected);
        });
    }
}

/// A receive, and a send followed by a close: the value comes before the end
/// (rules 20 and 24), and with the end what the closer did before (rule 39).
#[test]
fn close_meets_recv() {
    model(|| {
        let (chan, told) = (Chan::new(1), Told::new());
        let receiver = {
            let (chan, told) = (chan.clone(), Arc::clone(&told));
            thread::spawn(move || {
                assert_eq!(number(chan.recv()), Some(7));
                assert!(chan.recv().is_none());
                told.read();
            })
        };
        chan.send(traced(7));
        told.write();
        chan.close();
        receiver.join().unwrap();
    });
}

/// Header, `closed`: whoever sees the flag sees what the closer did before,
/// without the lock.
#[test]
fn closed_flag_publishes() {
    model(|| {
        let (chan, told) = (Chan::<Traced>::new(1), Told::new());
        let looker = {
            let (chan, told) = (chan.clone(), Arc::clone(&told));
            thread::spawn(move || {
                if chan.is_closed() {
                    told.read();
                }
            })
        };
        told.write();
        chan.close();
        looker.join().unwrap();
    });
}

/// A select whose one channel is closed while the other gets a value: one of
/// the two happens, and the value is received or still there.
#[test]
fn close_meets_select() {
    model(|| {
        let [closing, full] = pair(1);
        let closer = {
            let closing = closing.clone();
            thread::spawn(move || closing.close())
        };
        let sender = {
            let full = full.clone();
            thread::spawn(move || full.send(traced(7)))
        };
        let (a, b) = (&closing, &full);
        let got = match select!(RecvArm::arm(a), RecvArm::arm(b)) {
            Won::This(end) => {
                assert!(end.is_none());
                false
            }
            Won::Next(Won::This(value)) => {
                assert_eq!(number(value), Some(7));
                true
            }
            Won::Next(Won::Next(never)) => match never {},
        };
        closer.join().unwrap();
        sender.join().unwrap();
        assert_eq!(full.len(), usize::from(!got));
    });
}

/// A future is dropped while a sender hands its value over: the value goes to
/// the next receiver.
#[test]
fn cancel_meets_hand_off() {
    for capacity in [0, 1] {
        model(move || {
            let chan = Chan::new(capacity);
            let (_, waker) = counting();
            let mut dropped = Box::pin(chan.recv_async());
            assert!(poll(dropped.as_mut(), &waker).is_pending());
            let sender = {
                let chan = chan.clone();
                thread::spawn(move || chan.send(traced(7)))
            };
            drop(dropped);
            assert_eq!(number(chan.recv()), Some(7));
            sender.join().unwrap();
            assert_eq!(chan.len(), 0);
        });
    }
}

/// The same while another thread waits: it is woken with the value, whether
/// the sender found it or the dropped future passed it on.
#[test]
fn cancel_passes_on_to_a_parked_receiver() {
    model(|| {
        let chan = Chan::new(0);
        let (_, waker) = counting();
        let mut dropped = Box::pin(chan.recv_async());
        assert!(poll(dropped.as_mut(), &waker).is_pending());
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || number(chan.recv()))
        };
        // The future is the oldest: it is handed the value.
        assert!(chan.try_send(traced(7)).is_ok());
        drop(dropped);
        assert_eq!(receiver.join().unwrap(), Some(7));
    });
}

/// A send future is dropped while a receiver takes its value: it was received
/// or it is gone with the future, never both.
#[test]
fn send_cancel_meets_take() {
    model(|| {
        let chan = Chan::new(0);
        let (_, waker) = counting();
        let value = traced(7);
        let mut dropped = Box::pin(chan.send_async(value.clone()));
        assert!(poll(dropped.as_mut(), &waker).is_pending());
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || chan.try_recv())
        };
        drop(dropped);
        if let Ok(got) = receiver.join().unwrap() {
            assert_eq!(number(got), Some(7));
        }
        assert_eq!(value.copies(), 1);
        assert_eq!(chan.try_recv().unwrap_err(), Empty);
    });
}

/// A task is polled with another waker while it is woken: the wake goes to
/// the old one before the poll sees the value, or to the new one.
#[test]
fn waker_replaced_meets_wake() {
    model(|| {
        let chan = Chan::new(0);
        let mut future = pin!(chan.recv_async());
        let (_, old) = counting();
        assert!(poll(future.as_mut(), &old).is_pending());
        let sender = {
            let chan = chan.clone();
            thread::spawn(move || chan.send(traced(7)))
        };
        assert_eq!(number(block_on(future.as_mut())), Some(7));
        sender.join().unwrap();
    });
}

/// The same with a close, which settles first and wakes later.
#[test]
fn waker_replaced_meets_close() {
    model(|| {
        let chan = Chan::<Traced>::new(0);
        let mut future = pin!(chan.recv_async());
        let (_, old) = counting();
        assert!(poll(future.as_mut(), &old).is_pending());
        let closer = {
            let chan = chan.clone();
            thread::spawn(move || chan.close())
        };
        assert!(block_on(future.as_mut()).is_none());
        closer.join().unwrap();
    });
}

/// A future is dropped between the two steps of a close: nobody wakes what is
/// gone.
#[test]
fn cancel_meets_close() {
    model(|| {
        let chan = Chan::<Traced>::new(0);
        let (_, waker) = counting();
        let mut dropped = Box::pin(chan.recv_async());
        assert!(poll(dropped.as_mut(), &waker).is_pending());
        let closer = {
            let chan = chan.clone();
            thread::spawn(move || chan.close())
        };
        drop(dropped);
        closer.join().unwrap();
        assert!(chan.try_recv().unwrap().is_none());
    });
}

/// Header, `handles`: two senders go at once; the channel closes once, and
/// the receiver sees what both did before.
#[test]
fn last_sender_drop_closes() {
    model(|| {
        let (tx, rx) = bounded::<Traced>(1);
        let told = Told::new();
        let (first, second) = (tx.clone(), tx);
        let other = {
            let told = Arc::clone(&told);
            thread::spawn(move || {
                told.write();
                drop(first);
            })
        };
        drop(second);
        assert!(rx.recv().is_err());
        told.read();
        other.join().unwrap();
    });
}

/// Header, `sides`: both sides go at once; the value is dropped once, by one
/// who may touch it.
#[test]
fn last_two_handles_race() {
    for capacity in [1, 2] {
        model(move || {
            let (tx, rx) = bounded(capacity);
            let value = traced(7);
            tx.send(value.clone()).unwrap();
            let other = thread::spawn(move || drop(tx));
            drop(rx);
            other.join().unwrap();
            assert_eq!(value.copies(), 1);
        });
        // Go's manners: nothing closes on the way.
        model(move || {
            let chan = Chan::new(capacity);
            let value = traced(7);
            chan.send(value.clone());
            let (tx, rx) = chan.split();
            let other = thread::spawn(move || drop(tx));
            drop(rx);
            other.join().unwrap();
            assert_eq!(value.copies(), 1);
        });
    }
}

/// Header, `memory`: a watcher looks while the last handle goes; the header
/// stays until both are done.
#[test]
fn watcher_meets_last_handle() {
    model(|| {
        let chan: Handle<Traced, ALL> = handle::make(birth(1));
        let site = std::panic::Location::caller();
        assert!(chan.chan().send(traced(7), None, site).is_ok());
        let share = Share(NonNull::from(chan.chan().header()));
        // SAFETY: alive: we hold a handle.
        unsafe { Header::keep_memory(share.0) };
        let watcher = thread::spawn(move || {
            let share = share;
            // SAFETY: our share keeps the memory.
            let header = unsafe { share.0.as_ref() };
            let guard = header.lock();
            assert_eq!(guard.sent, 1);
            drop(guard);
            // SAFETY: ours, used no more.
            unsafe { Header::release_memory(share.0) };
        });
        drop(chan);
        watcher.join().unwrap();
    });
}

/// Two selects, each with both ways out, meet: they agree on one channel.
#[test]
fn two_selects_meet() {
    model(|| {
        let [a, b] = pair(0);
        let other = {
            let (a, b) = (a.clone(), b.clone());
            thread::spawn(move || {
                let (a, b) = (&a, &b);
                match select!(SendArm::arm(b, traced(2)), RecvArm::arm(a)) {
                    Won::This(()) => 0,
                    Won::Next(Won::This(value)) => number(value).unwrap(),
                    Won::Next(Won::Next(never)) => match never {},
                }
            })
        };
        let mine = {
            let (a, b) = (&a, &b);
            match select!(SendArm::arm(a, traced(1)), RecvArm::arm(b)) {
                Won::This(()) => 0,
                Won::Next(Won::This(value)) => number(value).unwrap(),
                Won::Next(Won::Next(never)) => match never {},
            }
        };
        let theirs = other.join().unwrap();
        assert!((mine, theirs) == (0, 1) || (mine, theirs) == (2, 0));
    });
}

/// A task's select is dropped while both its channels get a value: both
/// values are still there.
#[test]
fn select_cancel_meets_hand_off() {
    model(|| {
        let chans = pair(1);
        let [a, b] = &chans;
        let (_, waker) = counting();
        let cases = Cons(RecvArm::arm(a), Cons(RecvArm::arm(b), End));
        let mut dropped = Box::pin(Selection::<_, 2>::of_task(cases));
        let mut context = Context::from_waker(&waker);
        assert!(
            dropped
                .as_mut()
                .poll(&mut context, &mut |_| {})
                .is_pending()
        );
        let sender = {
            let a = a.clone();
            thread::spawn(move || a.send(traced(1)))
        };
        b.send(traced(2));
        drop(dropped);
        sender.join().unwrap();
        assert_eq!(number(a.try_recv().unwrap()), Some(1));
        assert_eq!(number(b.try_recv().unwrap()), Some(2));
    });
}

/// Two channels, in the order of their addresses: that is the order in which
/// a select locks them, and loom needs the same one in every run.
fn pair(capacity: usize) -> [Chan<Traced>; 2] {
    let mut pair = [Chan::new(capacity), Chan::new(capacity)];
    pair.sort_by_key(Chan::address);
    pair
}

/// A watcher's share of a header's memory.
struct Share(NonNull<Header>);

// SAFETY: a share may be given up by any thread.
unsafe impl Send for Share {}

fn birth(capacity: usize) -> Birth {
    Birth {
        site: std::panic::Location::caller(),
        name: None,
        manners: Manners::Go,
        capacity,
    }
}
