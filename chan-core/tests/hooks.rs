//! A watcher's hooks at their worst: they park, they panic with something
//! that panics when it is dropped, they look at the channel that calls them.
//! One watcher serves the process, so it has a test program of its own.

#![cfg(not(loom))]

mod common;

use std::panic::{self, AssertUnwindSafe, Location, panic_any};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::thread;

use chan_core::observe::{self, Channel, ChannelId, Closing, Misuse, Moment, Note, Watcher};
use chan_core::{Builder, Chan};
use common::{poll_box, until, until_parked, watched};

/// The ticket that makes the hook park.
const PARK: u64 = 1;
/// The ticket that makes it panic.
const PANIC: u64 = 2;

/// What the hooks have seen and wait for.
struct Hooks {
    in_hook: AtomicBool,
    sent: AtomicBool,
    panics: AtomicUsize,
    /// Of the channel of a misuse, looked at from the hook: whether it was
    /// closed.
    seen: Mutex<Vec<(Misuse, bool)>>,
    /// The channels of which a value was received after the close.
    late: Mutex<Vec<ChannelId>>,
}

static HOOKS: Hooks = Hooks {
    in_hook: AtomicBool::new(false),
    sent: AtomicBool::new(false),
    panics: AtomicUsize::new(0),
    seen: Mutex::new(Vec::new()),
    late: Mutex::new(Vec::new()),
};

/// A payload whose destructor panics.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor of a payload");
    }
}

impl Watcher for Hooks {
    fn note(&self, _: Moment) -> Option<Note> {
        None
    }

    fn closed(&self, closing: &Closing) -> Option<Note> {
        Some(Arc::new(closing.channel))
    }

    fn received_after_close(&self, close: &Note) {
        let id = close.downcast_ref().expect("our note");
        self.late.lock().unwrap().push(*id);
    }

    fn misuse(&self, misuse: Misuse, _: &'static Location<'static>, id: ChannelId) {
        let channel = observe::channels()
            .into_iter()
            .find(|channel| channel.id() == id);
        if let Some(channel) = channel {
            let closed = channel.snapshot().closed;
            self.seen.lock().unwrap().push((misuse, closed));
        }
    }

    fn stack_requested(&self, ticket: u64) {
        match ticket {
            PARK => {
                self.in_hook.store(true, Ordering::Release);
                until(|| self.sent.load(Ordering::Acquire));
                // Takes the unpark that says that the value is there.
                thread::park();
            }
            _ => {
                self.panics.fetch_add(1, Ordering::Release);
                panic_any(Bomb);
            }
        }
    }
}

fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| observe::install(&HOOKS).unwrap());
}

fn chan(name: &'static str) -> (Chan<i32>, Channel) {
    let chan = Builder::new().name(name).chan();
    (chan, watched(name))
}

/// Asks whoever waits on a channel for its stack.
fn ask(channel: &Channel, ticket: u64) {
    let wait = channel.snapshot().waits[0].id;
    assert!(channel.request_stack(wait, ticket));
}

#[test]
fn a_hook_that_parks_takes_no_wake_from_its_thread() {
    watch();
    let (chan, channel) = chan("parks");
    let receiver = thread::spawn({
        let chan = chan.clone();
        move || chan.recv()
    });
    until_parked(&channel, 1);
    ask(&channel, PARK);
    until(|| HOOKS.in_hook.load(Ordering::Acquire));
    // The wait is over while its thread is in the hook.
    chan.send(7);
    HOOKS.sent.store(true, Ordering::Release);
    until(|| receiver.is_finished());
    assert_eq!(receiver.join().unwrap(), Some(7));
}

#[test]
fn a_hook_s_panic_does_not_unwind_the_wait() {
    watch();
    let (chan, channel) = chan("panics");
    thread::scope(|s| {
        let receiver = s.spawn(|| chan.recv());
        until_parked(&channel, 1);
        for panics in 1..=3 {
            ask(&channel, PANIC);
            until(|| HOOKS.panics.load(Ordering::Acquire) == panics);
            until_parked(&channel, 1);
        }
        chan.send(7);
        assert_eq!(receiver.join().unwrap(), Some(7));
    });
}

#[test]
fn a_hook_may_look_at_the_channel_that_calls_it() {
    watch();
    let (chan, _) = chan("misused");
    chan.close();
    let calm = |misuse: &dyn Fn()| panic::catch_unwind(AssertUnwindSafe(misuse)).unwrap_err();
    drop(calm(&|| chan.close()));
    drop(calm(&|| chan.send(1)));
    drop(calm(&|| assert!(chan.try_send(1).is_ok())));
    let sends = (Misuse::SendAfterClose, true);
    assert_eq!(
        *HOOKS.seen.lock().unwrap(),
        [(Misuse::DoubleClose, true), sends, sends]
    );
}

#[test]
fn what_is_received_after_a_close_is_told_and_nothing_else() {
    watch();
    let late = |of: &Channel| {
        let late = HOOKS.late.lock().unwrap();
        late.iter().filter(|id| **id == of.id()).count()
    };
    for capacity in [2, 20] {
        let name = format!("late {capacity}");
        let chan = Builder::new().name(name.clone()).capacity(capacity).chan();
        let channel = watched(&name);
        let unused = chan.reserve();
        let spent = chan.reserve().into_owned();
        for n in 0..capacity - 2 {
            chan.send(n);
        }
        let mut asks = Box::pin(chan.reserve_async());
        assert!(poll_box(&mut asks).is_pending());
        drop(chan.reserve_async());
        chan.close();
        drop(asks);
        drop(unused);
        assert!(spent.send(0).is_err());
        assert_eq!(late(&channel), 0, "nothing was received");
        assert_eq!(chan.drain().count(), capacity - 2);
        assert_eq!(late(&channel), capacity - 2);
        assert_eq!(chan.recv(), None);
        assert_eq!(late(&channel), capacity - 2);
    }
}
