//! What a watcher sees, and what it cannot touch.
#![cfg(not(loom))]

use std::future::Future;
use std::panic::Location;
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use chan_core::observe::{
    self, Channel, ChannelId, ChannelSnapshot, Misuse, Moment, Note, WaitState, Watcher, Who,
};
use chan_core::{Builder, Chan};

fn channel(name: &str) -> Option<Channel> {
    let all = observe::channels();
    all.into_iter().find(|channel| channel.name() == Some(name))
}

/// Looks until the channel is as wanted.
fn seen(name: &str, wanted: impl Fn(&ChannelSnapshot) -> bool) -> ChannelSnapshot {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let snapshot = channel(name).expect("alive").snapshot();
        if wanted(&snapshot) {
            return snapshot;
        }
        assert!(Instant::now() < end, "never seen: {snapshot:?}");
        thread::yield_now();
    }
}

fn has_parked(snapshot: &ChannelSnapshot) -> bool {
    snapshot
        .waits
        .iter()
        .any(|wait| matches!(wait.who, Who::Thread(_)))
}

#[test]
fn a_parked_receiver_is_seen_with_its_line_and_age() {
    let chan = Builder::new().name("seen").chan::<u8>();
    let birth = line!() - 1;
    let inbox = chan.receiver();
    let line = line!() + 1;
    let waiter = thread::spawn(move || inbox.recv());
    let first = seen("seen", has_parked);
    assert_eq!(first.birth.line(), birth);
    assert_eq!(
        (first.handles.send, first.handles.recv, first.handles.close),
        (1, 2, 1)
    );
    let wait = &first.waits[0];
    assert_eq!(wait.reason.to_string(), "chan receive");
    assert_eq!((wait.site.line(), wait.site.file()), (line, file!()));
    assert_eq!((wait.case, wait.cases, wait.has_deadline), (0, 1, false));
    assert_eq!(wait.state, WaitState::Queued);
    let age = wait.age.expect("it has parked");
    let older = seen("seen", |snapshot| snapshot.waits[0].age.unwrap() > age);
    assert_eq!(older.waits[0].id, wait.id, "the same wait");
    chan.send(1);
    assert_eq!(waiter.join().unwrap(), Some(1));
    let after = seen("seen", |snapshot| snapshot.waits.is_empty());
    assert_eq!((after.sent, after.received, after.len), (1, 1, 0));
    chan.close();
    let closed = channel("seen").unwrap().snapshot();
    assert_eq!(closed.closed_at.unwrap().line(), line!() - 2);
}

#[test]
fn a_wait_with_a_deadline_says_so() {
    let chan = Builder::new().name("timed").chan::<u8>();
    let inbox = chan.receiver();
    let waiter = thread::spawn(move || inbox.recv_timeout(Duration::from_secs(3600)));
    assert!(seen("timed", has_parked).waits[0].has_deadline);
    chan.send(1);
    assert_eq!(waiter.join().unwrap(), Ok(Some(1)));
    assert!(channel("timed").unwrap().snapshot().waits.is_empty());
}

#[test]
fn a_future_is_seen_while_it_waits_and_until_it_is_polled() {
    let chan = Builder::new().name("future").chan::<u8>();
    let mut context = Context::from_waker(Waker::noop());
    let mut receive = Box::pin(chan.recv_async());
    assert!(channel("future").unwrap().snapshot().waits.is_empty());
    assert!(receive.as_mut().poll(&mut context).is_pending());
    let waiting = channel("future").unwrap().snapshot();
    assert!(matches!(waiting.waits[0].who, Who::Future));
    assert_eq!(waiting.undelivered(), 0);
    chan.try_send(1).unwrap();
    let handed = channel("future").unwrap().snapshot();
    assert_eq!(handed.waits[0].state, WaitState::Done { holds_value: true });
    assert_eq!(handed.undelivered(), 1);
    assert_eq!(receive.as_mut().poll(&mut context), Poll::Ready(Some(1)));
    assert!(channel("future").unwrap().snapshot().waits.is_empty());
}

#[test]
fn who_waits_on_nil_is_seen() {
    thread::spawn(|| Chan::<u8>::nil().recv());
    let end = Instant::now() + Duration::from_secs(20);
    let reasons = || {
        observe::nil_waits()
            .into_iter()
            .map(|wait| wait.reason.to_string())
    };
    while !reasons().any(|reason| reason == "chan receive (nil chan)") {
        assert!(Instant::now() < end, "never seen");
        thread::yield_now();
    }
}

#[test]
fn a_watcher_keeps_no_value_alive() {
    let value = Arc::new(());
    let chan = Builder::new().name("mortal").capacity(1).chan();
    chan.send(value.clone());
    let watched = channel("mortal").unwrap();
    drop(chan);
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(channel("mortal").is_none(), "it has left the list");
    // What is left of it can still be looked at.
    let ghost = watched.snapshot();
    assert_eq!(
        (ghost.handles.send, ghost.handles.recv, ghost.len),
        (0, 0, 0)
    );
}

#[test]
fn numbers_are_not_used_twice() {
    let one = Builder::new().name("number").chan::<u8>();
    let first = channel("number").unwrap().id();
    drop(one);
    let _other = Builder::new().name("number").chan::<u8>();
    assert_ne!(channel("number").unwrap().id(), first);
}

/// Remembers who was asked for a stack.
struct Asked(Mutex<Vec<(u64, ThreadId)>>);

static ASKED: Asked = Asked(Mutex::new(Vec::new()));

impl Watcher for Asked {
    fn note(&self, moment: Moment) -> Option<Note> {
        Some(Arc::new(moment))
    }

    fn misuse(&self, _: Misuse, _: &'static Location<'static>, _: ChannelId) {
        panic!("a watcher that panics does no harm");
    }

    fn stack_requested(&self, ticket: u64) {
        self.0
            .lock()
            .unwrap()
            .push((ticket, thread::current().id()));
    }
}

fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| observe::install(&ASKED).expect("the only one"));
}

#[test]
fn a_parked_thread_shows_its_stack_and_keeps_its_place() {
    watch();
    let chan = Builder::new().name("stack").chan::<u8>();
    let first = thread::spawn({
        let inbox = chan.receiver();
        move || inbox.recv()
    });
    seen("stack", has_parked);
    let second = thread::spawn({
        let inbox = chan.receiver();
        move || inbox.recv()
    });
    let both = |snapshot: &ChannelSnapshot| {
        let parked = snapshot
            .waits
            .iter()
            .filter(|wait| matches!(wait.who, Who::Thread(_)));
        parked.count() == 2
    };
    let snapshot = seen("stack", both);
    let watched = channel("stack").unwrap();
    assert!(watched.request_stack(snapshot.waits[0].id, 77));
    let end = Instant::now() + Duration::from_secs(20);
    while !ASKED.0.lock().unwrap().contains(&(77, first.thread().id())) {
        assert!(Instant::now() < end, "the thread never answered");
        thread::yield_now();
    }
    // The one that was asked is still the first to be served.
    chan.send(1);
    chan.send(2);
    assert_eq!(
        (first.join().unwrap(), second.join().unwrap()),
        (Some(1), Some(2))
    );
    assert!(
        !watched.request_stack(snapshot.waits[0].id, 78),
        "it is gone"
    );
}

#[test]
fn an_orphaning_is_noted_where_it_happens() {
    watch();
    let (tx, rx) = Builder::new().name("orphan").chan::<u8>().split();
    assert!(
        channel("orphan")
            .unwrap()
            .snapshot()
            .receivers_orphaned
            .is_none()
    );
    drop(tx);
    let note = channel("orphan")
        .unwrap()
        .snapshot()
        .receivers_orphaned
        .expect("noted");
    assert_eq!(note.downcast_ref::<Moment>(), Some(&Moment::Orphaned));
    drop(rx);
}

#[test]
fn a_hook_that_panics_does_no_harm() {
    watch();
    let chan = Chan::<u8>::new(1);
    chan.close();
    let again = chan.clone();
    let panic = thread::spawn(move || again.close()).join().unwrap_err();
    assert!(
        panic
            .downcast::<String>()
            .unwrap()
            .starts_with("close of closed channel")
    );
    assert!(chan.is_closed());
}
