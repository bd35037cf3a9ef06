//! `Debug` of every public type: it says what there is to say, of values that
//! cannot be printed themselves, and holds nobody up.

#![cfg(not(loom))]

mod common;

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe;
use chan_core::select::{CaseList, End, RecvArm, SelectNothing, Selection, SendArm, Won};
use chan_core::{
    AlreadyClosed, Builder, Chan, CloseError, Context, Empty, Full, RecvError, RecvTimedOut,
    RecvTimeoutError, SendError, SendTimedOut, SendTimeoutError, Ticker, Timer, TryRecvError,
    TrySendError, bounded, never, spinning,
};
use common::{poll_box, watched};

/// A value without a form.
struct Opaque;

/// Its two forms, of which each says all of `parts`.
#[track_caller]
fn says(it: &dyn Debug, parts: &[&str]) {
    for text in [format!("{it:?}"), format!("{it:#?}")] {
        for part in parts {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }
}

#[test]
fn handles_say_their_name_and_state() {
    let chan = Builder::new().name("jobs").capacity(4).chan();
    chan.send(Opaque);
    let state = ["name: \"jobs\"", "capacity: 4", "len: 1", "closed: false"];
    let birth = [file!(), "senders: 2", "receivers: 2"];
    let (sender, receiver) = (chan.sender(), chan.receiver());
    let handles: [(&dyn Debug, &str); 3] = [
        (&chan, "Chan"),
        (&sender, "SendChan"),
        (&receiver, "RecvChan"),
    ];
    for (handle, name) in handles {
        says(handle, &state);
        says(handle, &birth);
        assert!(format!("{handle:?}").starts_with(&format!("{name}(")));
    }
    chan.close();
    says(&chan, &["closed: true"]);
    let (tx, rx) = Builder::new().name("results").capacity(2).channel();
    tx.send(Opaque).unwrap();
    let parts = [
        "name: \"results\"",
        "capacity: 2",
        "len: 1",
        "closed: false",
    ];
    says(&tx, &parts);
    says(&rx, &parts);
    says(&tx, &["Sender"]);
    says(&rx, &["Receiver"]);
    says(&rx.iter(), &["Iter", "results"]);
    says(&rx.try_iter(), &["TryIter", "results"]);
    drop(tx);
    says(&rx, &["closed: true", "senders: 0"]);
    says(&rx.into_iter(), &["IntoIter", "results"]);
    // Without a name none is made up.
    let text = format!("{:?}", bounded::<Opaque>(1).0);
    assert!(!text.contains("name"), "{text}");
}

#[test]
fn nil_says_that_it_is_nil() {
    says(&Chan::<Opaque>::nil(), &["Chan(nil)"]);
    says(&Chan::<Opaque>::nil().sender(), &["SendChan(nil)"]);
    says(&Chan::<Opaque>::nil().receiver(), &["RecvChan(nil)"]);
    says(&never::<Opaque>(), &["Receiver(never)"]);
    says(&never::<Opaque>().iter(), &["never"]);
}

#[test]
fn what_comes_of_a_handle_says_what_it_is() {
    let chan = Builder::new().name("source").capacity(1).chan();
    let (tx, rx) = Builder::new().name("other").capacity(1).channel();
    says(&chan.iter(), &["Range"]);
    let mut receive = Box::pin(chan.recv_async());
    says(&receive, &["RecvFuture"]);
    assert!(poll_box(&mut receive).is_pending());
    says(&receive, &["RecvFuture"]);
    says(&tx.send_async(Opaque), &["SendFuture"]);
    says(
        &chan.recv_timeout_async(Duration::ZERO),
        &["RecvTimeoutFuture"],
    );
    says(
        &tx.send_timeout_async(Opaque, Duration::ZERO),
        &["SendTimeoutFuture"],
    );
    says(&tx.reserve_async(), &["ReserveFuture"]);
    says(&tx.closed(), &["ClosedFuture"]);
    says(
        &tx.send_many_async(&mut [Opaque].into()),
        &["SendManyFuture"],
    );
    says(&tx.try_reserve().unwrap(), &["Permit"]);
    says(&tx.try_reserve().unwrap().into_owned(), &["OwnedPermit"]);
    says(&rx.drain(), &["Drain"]);
    says(&chan.downgrade(), &["WeakChan"]);
    says(&chan.sender().downgrade(), &["WeakSendChan"]);
    says(&chan.receiver().downgrade(), &["WeakRecvChan"]);
    says(&tx.downgrade(), &["WeakSender"]);
    says(&rx.downgrade(), &["WeakReceiver"]);
    drop(receive);
    chan.send(Opaque);
    let cases = End.and(RecvArm::arm(&chan)).and(SendArm::arm(&tx, Opaque));
    says(&cases, &["RecvCase", "SendCase", file!()]);
    says(
        &Selection::<_, 2>::new(cases, 0, false),
        &["Selection", "2"],
    );
    says(&SelectNothing::new(), &[file!()]);
    says(&Won::<u8, u8>::This(1), &["This"]);
}

#[cfg(feature = "futures")]
#[test]
fn streams_and_sinks_say_what_they_are() {
    let (tx, rx) = bounded::<Opaque>(1);
    says(&rx.stream(), &["RecvStream"]);
    says(&tx.sink(), &["SendSink"]);
}

#[test]
fn errors_keep_their_value_to_themselves() {
    says(&SendError(Opaque), &["SendError(..)"]);
    says(&TrySendError::Full(Opaque), &["Full(..)"]);
    says(&TrySendError::Disconnected(Opaque), &["Disconnected(..)"]);
    says(&SendTimeoutError::Timeout(Opaque), &["Timeout(..)"]);
    says(
        &SendTimeoutError::Disconnected(Opaque),
        &["Disconnected(..)"],
    );
    says(&Full(Opaque), &["Full(..)"]);
    says(&SendTimedOut(Opaque), &["SendTimedOut(..)"]);
    says(&RecvError, &["RecvError"]);
    says(
        &[TryRecvError::Empty, TryRecvError::Disconnected],
        &["Empty", "Disc"],
    );
    let timed = [RecvTimeoutError::Timeout, RecvTimeoutError::Disconnected];
    says(&timed, &["Timeout", "Disconnected"]);
    says(&[CloseError::Closed, CloseError::Nil], &["Closed", "Nil"]);
    says(
        &(AlreadyClosed, Empty, RecvTimedOut),
        &["AlreadyClosed", "Empty", "RecvTimedOut"],
    );
}

#[test]
fn the_rest_says_what_it_is() {
    says(&Builder::new().name("b").capacity(3), &["b", "3"]);
    says(&spinning(), &["Adaptive"]);
    let (ctx, cancel) = Context::background().with_cancel();
    says(&Context::background(), &["Context"]);
    says(&ctx, &["Context"]);
    says(&ctx.downgrade(), &["WeakContext"]);
    says(&cancel, &["Cancel"]);
    says(&cancel.clone().drop_guard(), &["CancelOnDrop"]);
    says(&ctx.cancellation(), &["Cancelled"]);
    says(&Timer::new(Duration::from_secs(3600)), &["Timer"]);
    says(&Timer::at(Instant::now()), &["Timer"]);
    says(&Ticker::new(Duration::from_secs(3600)), &["Ticker"]);
}

#[test]
fn what_a_watcher_sees_says_it() {
    let chan = Builder::new()
        .name("seen in full")
        .capacity(1)
        .chan::<Opaque>();
    let mut receive = Box::pin(chan.recv_async());
    assert!(poll_box(&mut receive).is_pending());
    let channel = watched("seen in full");
    says(&channel, &[file!()]);
    let snapshot = channel.snapshot();
    let parts = [
        "seen in full",
        "len: 0",
        "capacity",
        "closed: false",
        "Receive",
        "Future",
    ];
    says(&snapshot, &parts);
    let wait = &snapshot.waits[0];
    says(wait, &["Queued", "WaitId", "PartyId"]);
    says(
        &(channel.id(), wait.task, snapshot.manners),
        &["ChannelId", "TaskId", "Go"],
    );
    says(&snapshot.handles, &["send: 1", "recv: 1", "close: 1"]);
    says(&observe::AlreadyInstalled, &["AlreadyInstalled"]);
    says(
        &(observe::Moment::Closed, observe::Misuse::DoubleClose),
        &["Closed", "DoubleClose"],
    );
}

/// Prints everything while it is called from the middle of an operation.
struct Printing(Chan<u8>);

impl Wake for Printing {
    fn wake(self: Arc<Self>) {
        says(&self.0, &["Chan", "printed"]);
        says(&watched("printed").snapshot(), &["printed"]);
    }
}

#[test]
fn it_holds_nobody_up_and_is_held_up_by_nobody() {
    let chan = Builder::new().name("printed").chan();
    let waker = Waker::from(Arc::new(Printing(chan.clone())));
    let mut receive = Box::pin(chan.recv_async());
    let mut context = std::task::Context::from_waker(&waker);
    assert!(receive.as_mut().poll(&mut context).is_pending());
    chan.send(1);
    assert!(poll_box(&mut receive).is_ready());
    // And while the channel is busy.
    let over = AtomicBool::new(false);
    thread::scope(|s| {
        s.spawn(|| (0..2000).for_each(|_| chan.send(1)));
        s.spawn(|| {
            (0..2000).for_each(|_| assert_eq!(chan.recv(), Some(1)));
            over.store(true, Ordering::Relaxed);
        });
        while !over.load(Ordering::Relaxed) {
            says(&chan, &["len: 0"]);
            says(&watched("printed").snapshot(), &["len: 0"]);
        }
    });
}
