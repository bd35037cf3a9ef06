//! What a watcher sees, and what it cannot touch.
#![cfg(not(loom))]

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Once};
use std::task::{Context, Poll, Waker};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use chan_core::observe::{
    self, Channel, ChannelId, ChannelSnapshot, Direction, Handles, Manners, Misuse, Moment, Note,
    TaskId, Wait, WaitReason, WaitState, Watcher, Who,
};
use chan_core::{Builder, Chan, Receiver, Sender};

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

/// Values in all places at which a channel may have them when its last handle
/// goes. A watcher holds the header and a look at it, before and after.
#[test]
fn a_watcher_prolongs_no_life_wherever_the_value_is() {
    type Place = fn(&Chan<Arc<()>>, &Arc<()>);
    let places: [(&str, Place); 6] = [
        ("in the buffer", |chan, value| chan.send(value.clone())),
        ("closed over", |chan, value| {
            chan.send(value.clone());
            chan.close();
        }),
        ("come back", |chan, value| {
            let receive = parked(chan.recv_async());
            chan.send(value.clone());
            drop(receive);
            assert_eq!(Arc::strong_count(value), 2);
        }),
        ("in a send that waits", |chan, value| {
            chan.send(value.clone());
            let send = parked(chan.send_async(value.clone()));
            assert_eq!(Arc::strong_count(value), 3);
            drop(send);
        }),
        ("in a receive that is over", |chan, value| {
            let mut receive = parked(chan.recv_async());
            chan.send(value.clone());
            assert_eq!(Arc::strong_count(value), 2);
            assert!(poll(&mut receive).is_ready());
        }),
        ("in a thread that waits", |chan, value| {
            let name = "in a thread that waits";
            thread::scope(|s| {
                chan.send(value.clone());
                s.spawn(|| chan.send(value.clone()));
                seen(name, has_parked);
                drop(chan.recv());
            });
        }),
    ];
    for (name, place) in places {
        for unbounded in [false, true] {
            let fits = !name.contains("that waits");
            if unbounded && !fits {
                continue; // Nobody waits to send there.
            }
            let value = Arc::new(());
            let builder = Builder::new().name(name);
            let chan = match unbounded {
                true => builder.unbounded().chan(),
                false => builder.capacity(1).chan(),
            };
            let watched = channel(name).unwrap();
            let looks = [watched.snapshot(), watched.clone().snapshot()];
            place(&chan, &value);
            let late = (watched.clone(), watched.snapshot());
            drop(chan);
            assert_eq!(Arc::strong_count(&value), 1, "{name}");
            assert!(channel(name).is_none());
            drop((watched, looks, late));
        }
    }
}

/// Values of a frame that is gone, and a watcher that is not: were one left
/// in what it holds, dropping it would write into that frame.
#[test]
fn a_watcher_outlives_what_values_borrow() {
    struct Loud<'a>(&'a Mutex<u32>);
    impl Drop for Loud<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    let kept: Vec<(Channel, ChannelSnapshot)> = [0, 2, usize::MAX]
        .into_iter()
        .map(|capacity| {
            let drops = Mutex::new(0);
            let kept = {
                let builder = Builder::new().name("of a frame");
                let (tx, rx) = match capacity {
                    usize::MAX => builder.unbounded().channel(),
                    _ => builder.capacity(capacity).channel(),
                };
                let mut back = Box::pin(rx.recv_async());
                assert!(poll(&mut back).is_pending());
                tx.try_send(Loud(&drops)).ok().unwrap();
                drop(back);
                let _in_buffer = tx.try_send(Loud(&drops)).map_err(drop);
                let mut waits = Box::pin(tx.send_async(Loud(&drops)));
                let _ = poll(&mut waits);
                let watched = channel("of a frame").unwrap();
                let seen = watched.snapshot();
                assert!(seen.len > 0);
                (watched, seen)
            };
            assert_eq!(*drops.lock().unwrap(), 3);
            kept
        })
        .collect();
    assert!(kept.iter().all(|(watched, _)| watched.snapshot().len == 0));
    // The last shares, given up on another thread.
    thread::spawn(move || drop(kept)).join().unwrap();
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

fn now(name: &str) -> ChannelSnapshot {
    channel(name).expect("alive").snapshot()
}

/// A future that waits.
fn parked<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll(&mut future).is_pending());
    future
}

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    future.as_mut().poll(&mut context)
}

#[test]
fn senders_are_seen_in_the_order_of_their_queue() {
    let chan = Builder::new().name("senders").capacity(1).chan();
    chan.send(0);
    let tasks = chan.clone();
    let first = parked(tasks.send_async(1));
    let line = line!() - 1;
    let inbox = chan.clone();
    let sender = thread::spawn(move || chan.send(2));
    let snapshot = seen("senders", |seen| seen.waits.len() == 2 && has_parked(seen));
    let received: Vec<_> = (0..3).map(|_| inbox.recv()).collect();
    let [one, two] = &snapshot.waits[..] else {
        panic!("{snapshot:?}");
    };
    assert!(matches!(one.who, Who::Future));
    assert!(matches!(&two.who, Who::Thread(thread) if thread.id() == sender.thread().id()));
    assert_eq!((one.site.line(), two.site.line()), (line, line + 3));
    for wait in [one, two] {
        assert_eq!(wait.reason, WaitReason::Send);
        assert_eq!(wait.reason.to_string(), "chan send");
        assert_eq!(wait.direction, Direction::Send);
        assert_eq!(wait.state, WaitState::Queued);
    }
    assert_ne!(one.party, two.party);
    assert_eq!((snapshot.len, snapshot.sent, snapshot.received), (1, 1, 0));
    assert_eq!(received, [Some(0), Some(1), Some(2)]);
    sender.join().unwrap();
    drop(first);
    let after = now("senders");
    assert_eq!((after.len, after.sent, after.received), (0, 3, 3));
    assert!(after.waits.is_empty());
}

#[test]
fn a_send_that_is_over_holds_no_value() {
    let chan = Builder::new().name("sent").chan();
    let mut send = parked(chan.send_async(1));
    assert_eq!(chan.recv(), Some(1));
    let seen = now("sent");
    let state = WaitState::Done { holds_value: false };
    assert_eq!((seen.waits.len(), seen.waits[0].state), (1, state));
    assert_eq!(seen.undelivered(), 0);
    assert!(poll(&mut send).is_ready());
    assert!(now("sent").waits.is_empty());
}

#[test]
fn a_value_that_comes_back_is_no_longer_received() {
    let chan = Builder::new().name("back").chan();
    let receive = parked(chan.recv_async());
    chan.send(1);
    let handed = now("back");
    assert_eq!((handed.len, handed.sent, handed.received), (0, 1, 1));
    assert_eq!(handed.undelivered(), 1);
    drop(receive);
    let back = now("back");
    assert_eq!((back.len, back.sent, back.received), (1, 1, 0));
    assert_eq!((back.undelivered(), back.waits.len()), (0, 0));
}

#[test]
fn a_closed_wait_is_done_without_a_value() {
    let chan = Builder::new().name("settled").chan::<u8>();
    let mut receive = parked(chan.recv_async());
    chan.close();
    let state = WaitState::Done { holds_value: false };
    assert_eq!(now("settled").waits[0].state, state);
    assert_eq!(now("settled").undelivered(), 0);
    assert_eq!(poll(&mut receive), Poll::Ready(None));
    assert!(now("settled").waits.is_empty());
}

fn counts(name: &str) -> [usize; 3] {
    let Handles {
        send, recv, close, ..
    } = now(name).handles;
    [send, recv, close]
}

#[test]
fn handles_are_counted_by_what_they_can_do() {
    let chan = Builder::new().name("counts").chan::<u8>();
    assert_eq!(counts("counts"), [1, 1, 1]);
    let (tx, rx) = (chan.sender(), chan.receiver());
    assert_eq!(counts("counts"), [2, 2, 2]);
    let clones = (tx.clone(), rx.clone(), rx.clone(), chan.clone());
    assert_eq!(counts("counts"), [4, 5, 4]);
    drop(clones);
    drop(rx);
    assert_eq!(counts("counts"), [2, 1, 2]);
    let (own, inbox) = chan.split();
    assert_eq!(counts("counts"), [2, 1, 2], "a split makes no handle");
    drop((own, tx));
    let left = now("counts").handles;
    assert!(left.sending_side_gone() && !left.receiving_side_gone());
    drop(inbox);
    assert!(channel("counts").is_none());
}

#[test]
fn a_channel_tells_what_it_was_made_as() {
    let line = line!() + 1;
    let built: (Sender<u32>, Receiver<u32>) = Builder::new().name("made").capacity(3).channel();
    let seen = now("made");
    assert_eq!((seen.birth.file(), seen.birth.line()), (file!(), line));
    assert_eq!((seen.element, seen.capacity), ("u32", Some(3)));
    assert_eq!((seen.manners, seen.closed), (Manners::Rust, false));
    assert_eq!(seen.name.as_deref(), Some("made"));
    drop(built.0);
    // Closed by a drop: there is no line to name.
    let seen = now("made");
    assert_eq!((seen.closed, seen.closed_at), (true, None));
    let go = Builder::new().name("made for Go").chan::<String>();
    assert_eq!(now("made for Go").manners, Manners::Go);
    assert!(now("made for Go").element.ends_with("String"));
    drop(go);
}

#[test]
fn a_channel_is_listed_until_its_last_handle_goes() {
    let chan = Builder::new().name("listed").chan::<u8>();
    let watched = channel("listed").unwrap();
    let last = chan.receiver();
    drop(chan);
    assert_eq!(channel("listed").map(|it| it.id()), Some(watched.id()));
    drop(last);
    assert!(channel("listed").is_none());
    assert_eq!(watched.name(), Some("listed"));
}

#[test]
fn a_wait_carries_the_number_of_its_task() {
    let chan = Builder::new().name("numbered").chan::<u8>();
    assert_eq!(observe::set_current_task(TaskId(41)), TaskId(0));
    let receive = parked(chan.recv_async());
    assert_eq!(observe::set_current_task(TaskId(0)), TaskId(41));
    let plain = parked(chan.recv_async());
    let tasks: Vec<_> = now("numbered").waits.iter().map(|wait| wait.task).collect();
    assert_eq!(tasks, [TaskId(41), TaskId(0)]);
    drop((receive, plain));
}

/// The wait on nil of that line of this file.
fn nil_wait(line: u32) -> Option<Wait> {
    let mut all = observe::nil_waits().into_iter();
    all.find(|wait| (wait.site.file(), wait.site.line()) == (file!(), line))
}

#[test]
fn a_thread_that_waits_on_nil_shows_its_stack_as_well() {
    watch();
    // Nothing ends this thread but the end of the process.
    let line = line!() + 1;
    let waiter = thread::spawn(|| Chan::nil().send(1));
    let end = Instant::now() + Duration::from_secs(20);
    let wait = loop {
        match nil_wait(line) {
            Some(wait) if matches!(wait.who, Who::Thread(_)) => break wait,
            _ => assert!(Instant::now() < end, "never seen"),
        }
        thread::yield_now();
    };
    assert_eq!(wait.reason.to_string(), "chan send (nil chan)");
    assert!(observe::request_nil_stack(wait.id, 55));
    while !ASKED
        .0
        .lock()
        .unwrap()
        .contains(&(55, waiter.thread().id()))
    {
        assert!(Instant::now() < end, "the thread never answered");
        thread::yield_now();
    }
    assert_eq!(nil_wait(line).map(|wait| wait.id), Some(wait.id));
}

#[test]
fn a_task_that_waits_on_nil_is_seen_until_it_is_dropped() {
    let nil = Chan::<u8>::nil();
    let receive = parked(nil.recv_async());
    let line = line!() - 1;
    let wait = nil_wait(line).expect("it waits");
    assert_eq!(wait.reason, WaitReason::ReceiveNil);
    assert!(matches!(wait.who, Who::Future));
    drop(receive);
    assert!(nil_wait(line).is_none());
}

#[test]
fn weak_handles_are_counted_while_there_are_some() {
    let (tx, _rx) = Builder::new().name("weakly").chan::<u8>().split();
    let weak_handles = || {
        let all = chan_core::observe::channels();
        let channel = all.iter().find(|channel| channel.name() == Some("weakly"));
        channel.unwrap().snapshot().weak_handles
    };
    assert_eq!(weak_handles(), 0);
    let weak = tx.downgrade();
    let other = weak.clone();
    assert_eq!(weak_handles(), 2);
    drop(weak);
    assert_eq!(weak_handles(), 1);
    drop(other.upgrade());
    drop(other);
    assert_eq!(weak_handles(), 0);
}
