//! What a watcher sees of tasks that wait, and of queues too long for one look.
#![cfg(not(loom))]

use std::collections::{HashSet, VecDeque};
use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};

use chan_core::Builder;
use chan_core::observe::{
    self, Channel, ChannelId, ChannelSnapshot, Misuse, Moment, Note, WaitId, Watcher,
};
use chan_core::select::{CaseList, End, RecvArm, Selection};

/// The stacks that were asked for: ticket and thread.
struct Asked(Mutex<Vec<(u64, ThreadId)>>);

static ASKED: Asked = Asked(Mutex::new(Vec::new()));

impl Watcher for Asked {
    fn note(&self, _: Moment) -> Option<Note> {
        None
    }

    fn misuse(&self, _: Misuse, _: &'static Location<'static>, _: ChannelId) {}

    fn stack_requested(&self, ticket: u64) {
        let shown = (ticket, thread::current().id());
        self.0.lock().unwrap().push(shown);
    }
}

fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| observe::install(&ASKED).unwrap());
}

fn channel(name: &str) -> Channel {
    let all = observe::channels();
    let found = all.into_iter().find(|channel| channel.name() == Some(name));
    found.expect("alive")
}

fn now(name: &str) -> ChannelSnapshot {
    channel(name).snapshot()
}

/// Counts its wakes.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Woken {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A future that was polled once and waits.
fn parked<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    let first = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending());
    future
}

/// Whether a stack came with this ticket, on this thread.
fn has_shown(ticket: u64) -> bool {
    let shown = (ticket, thread::current().id());
    ASKED.0.lock().unwrap().contains(&shown)
}

#[test]
fn a_future_shows_its_stack_when_it_is_polled() {
    watch();
    let chan = Builder::new().name("polled stack").chan::<u8>();
    let waker = Arc::new(Woken::default());
    let mut receive = pin!(chan.recv_async());
    let mut poll = |woken: &Arc<Woken>| {
        let waker = Waker::from(Arc::clone(woken));
        receive.as_mut().poll(&mut Context::from_waker(&waker))
    };
    assert!(poll(&waker).is_pending());
    let wait = now("polled stack").waits[0].id;
    assert!(channel("polled stack").request_stack(wait, 99));
    assert_eq!(waker.count(), 1, "it is woken to be polled");
    assert!(!has_shown(99));
    assert!(poll(&waker).is_pending());
    assert!(has_shown(99), "the poll shows it");
    // It kept its place, and will be woken for the value.
    assert_eq!(now("polled stack").waits[0].id, wait);
    chan.send(1);
    assert_eq!(waker.count(), 2);
    assert_eq!(poll(&waker), Poll::Ready(Some(1)));
}

/// Between the request and the poll there is no waker. Who asks again, who sends
/// a value and who drops the future all meet what is in its place.
#[test]
fn a_future_that_is_asked_twice_shows_the_first_stack() {
    watch();
    let chan = Builder::new().name("asked twice").chan::<u8>();
    let waker = Arc::new(Woken::default());
    let woken = Waker::from(Arc::clone(&waker));
    let mut context = Context::from_waker(&woken);
    let mut receive = Box::pin(chan.recv_async());
    for ticket in [90, 92] {
        assert!(receive.as_mut().poll(&mut context).is_pending());
        let wait = now("asked twice").waits[0].clone();
        assert_ne!(wait.waker_data, 0);
        assert!(channel("asked twice").request_stack(wait.id, ticket));
        assert!(!channel("asked twice").request_stack(wait.id, ticket + 1));
        let asked = now("asked twice").waits[0].waker_data;
        assert_eq!(asked, wait.waker_data, "it is known all the same");
    }
    chan.send(1);
    assert_eq!(
        receive.as_mut().poll(&mut context),
        Poll::Ready(Some(1)),
        "the poll that was asked for sees the value"
    );
    assert!(has_shown(90) && !has_shown(91) && !has_shown(92));
    assert_eq!(waker.count(), 2, "one for each request");
    let mut dropped = Box::pin(chan.recv_async());
    assert!(dropped.as_mut().poll(&mut context).is_pending());
    let wait = now("asked twice").waits[0].id;
    assert!(channel("asked twice").request_stack(wait, 94));
    drop(dropped);
    drop(receive);
    drop(woken);
    assert_eq!(Arc::strong_count(&waker), 1, "no waker is left or lost");
}

#[test]
fn a_select_that_is_asked_loses_no_wake() {
    watch();
    let [one, two] = ["asked one", "asked two"].map(|name| Builder::new().name(name).chan::<u8>());
    let waker = Arc::new(Woken::default());
    let cases = End.and(RecvArm::arm(&one)).and(RecvArm::arm(&two));
    let mut select = pin!(Selection::<_, 2>::new(cases, 2, false));
    let woken = Waker::from(Arc::clone(&waker));
    let mut context = Context::from_waker(&woken);
    assert!(select.as_mut().poll(&mut context, |_| 0).is_pending());
    let wait = now("asked one").waits[0].id;
    assert!(channel("asked one").request_stack(wait, 98));
    assert_eq!(waker.count(), 1);
    // Its waker is gone until it is polled, which the request has seen to.
    two.send(2);
    assert_eq!(waker.count(), 1);
    let wait = now("asked one").waits[0].id;
    assert!(!channel("asked one").request_stack(wait, 97));
    assert!(select.as_mut().poll(&mut context, |_| 0).is_ready());
}

#[test]
fn a_long_queue_is_read_whole() {
    let chan = Builder::new().name("long queue").chan::<u8>();
    let mut all: Vec<_> = (0..1000).map(|_| parked(chan.recv_async())).collect();
    let ids = |snapshot: ChannelSnapshot| -> Vec<WaitId> {
        snapshot.waits.iter().map(|wait| wait.id).collect()
    };
    let before = ids(now("long queue"));
    assert_eq!(before.len(), 1000);
    assert!(before.is_sorted(), "the oldest first");
    // Those in the midst of it leave.
    all.drain(250..750);
    let mut left = before;
    left.drain(250..750);
    assert_eq!(ids(now("long queue")), left);
}

/// Whoever stays in a long queue is seen by every look, however much others
/// come and go.
#[test]
fn a_long_queue_that_moves_hides_nobody() {
    let chan = Builder::new().name("moving queue").chan::<u8>();
    let stop = AtomicBool::new(false);
    let stay: Vec<_> = (0..300).map(|_| parked(chan.recv_async())).collect();
    let ids: HashSet<_> = now("moving queue").waits.iter().map(|w| w.id).collect();
    thread::scope(|s| {
        let mover = s.spawn(|| {
            let mut moving = VecDeque::new();
            while !stop.load(Ordering::Relaxed) {
                moving.push_back(parked(chan.recv_async()));
                if moving.len() > 200 {
                    moving.drain(..100);
                }
            }
        });
        for _ in 0..200 {
            let seen: HashSet<_> = now("moving queue").waits.iter().map(|w| w.id).collect();
            assert!(seen.is_superset(&ids));
        }
        stop.store(true, Ordering::Relaxed);
        mover.join().unwrap();
    });
    drop(stay);
}
