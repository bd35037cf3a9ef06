//! Channels in the last moments of a thread: its locals' destructors send,
//! receive, park, wake, and make and drop channels, futures and contexts.
//! Whatever locals this crate has may be gone by then.

#![cfg(not(loom))]

mod common;

use std::cell::RefCell;
use std::pin::pin;
use std::sync::mpsc;
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chan_core::observe::{self, Channel, TaskId};
use chan_core::select::{self, CaseList, End, RecvArm, SendArm};
use chan_core::{Builder, Chan, Context, after, bounded, unbounded};
use common::{block_on, poll, until_parked, watched};

const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(2);

/// Runs when its thread ends.
#[derive(Default)]
struct Last(RefCell<Option<Box<dyn FnOnce()>>>);

impl Drop for Last {
    fn drop(&mut self) {
        if let Some(last) = self.0.take() {
            last();
        }
    }
}

thread_local! {
    static EARLY: Last = Last::default();
    static LATE: Last = Last::default();
}

/// Ends a thread with `last`, whose answer comes by a channel of `std`. The
/// local is made before the thread's first use of channels, or after it: one
/// of the two is destroyed later than whatever locals that use has made.
fn at_exit<R: Send + 'static>(
    early: bool,
    last: impl FnOnce() -> R + Send + 'static,
) -> (JoinHandle<()>, mpsc::Receiver<R>) {
    let (answer, answered) = mpsc::channel();
    let last = Box::new(move || answer.send(last()).unwrap());
    let use_channels = || {
        // Parks, as a thread and as a task, and is seen by a watcher.
        let chan = Chan::<u8>::new(0);
        assert!(chan.recv_timeout(SOON).is_err());
        assert!(poll(&mut pin!(chan.recv_async()), Waker::noop()).is_pending());
        observe::set_current_task(TaskId(7));
    };
    let thread = thread::spawn(move || {
        if early {
            EARLY.with(|local| local.0.replace(Some(last)));
            use_channels();
        } else {
            use_channels();
            LATE.with(|local| local.0.replace(Some(last)));
        }
    });
    (thread, answered)
}

/// A channel of this name for each order of the locals.
fn named<T>(name: &str, early: bool) -> (Chan<T>, Channel) {
    let name = format!("{name} {early}");
    (Builder::new().name(name.clone()).chan(), watched(&name))
}

#[test]
fn a_thread_parks_while_it_ends() {
    for early in [true, false] {
        let (chan, channel) = named("parks", early);
        let theirs = chan.clone();
        let (thread, answer) = at_exit(early, move || {
            let received = theirs.recv();
            theirs.send(received.map(|n| n + 1).unwrap_or_default());
            theirs.recv_timeout(HOUR)
        });
        until_parked(&channel, 1);
        let wait = channel.snapshot().waits[0].clone();
        assert!(matches!(wait.who, observe::Who::Thread(_)), "{wait:?}");
        chan.send(1);
        until_parked(&channel, 1);
        assert_eq!(chan.recv(), Some(2));
        until_parked(&channel, 1);
        chan.close();
        assert_eq!(answer.recv().unwrap(), Ok(None));
        thread.join().unwrap();
    }
}

#[test]
fn a_thread_wakes_others_while_it_ends() {
    for early in [true, false] {
        let (chan, channel) = named("wakes", early);
        thread::scope(|s| {
            let first = s.spawn(|| chan.recv());
            until_parked(&channel, 1);
            let second = s.spawn(|| block_on(chan.recv_async()));
            until_parked(&channel, 2);
            let theirs = chan.clone();
            let (thread, answer) = at_exit(early, move || {
                theirs.send(1);
                theirs.close();
                theirs.is_closed()
            });
            let received = (first.join().unwrap(), second.join().unwrap());
            assert_eq!(received, (Some(1), None));
            assert!(answer.recv().unwrap());
            thread.join().unwrap();
        });
    }
}

#[test]
fn a_thread_gives_up_waiting_while_it_ends() {
    for early in [true, false] {
        let (thread, answer) = at_exit(early, || {
            let (tx, rx) = bounded::<u8>(0);
            let nil = Chan::<u8>::nil();
            [
                rx.recv_timeout(SOON).is_err(),
                tx.send_timeout(1, SOON).is_err(),
                nil.recv_timeout(SOON).is_err(),
                nil.send_timeout(1, SOON).is_err(),
            ]
        });
        assert_eq!(answer.recv().unwrap(), [true; 4]);
        thread.join().unwrap();
    }
}

#[test]
fn a_thread_makes_and_drops_everything_while_it_ends() {
    for early in [true, false] {
        let (thread, answer) = at_exit(early, || {
            let (tx, rx) = unbounded();
            (0..100).for_each(|n| tx.send(n).unwrap());
            let sum: u32 = rx.try_iter().sum();
            let mut receive = Box::pin(rx.recv_async());
            assert!(poll(&mut receive.as_mut(), Waker::noop()).is_pending());
            tx.send(7).unwrap();
            // Handed over, and given back.
            drop(receive);
            let back = block_on(rx.recv_async()).unwrap();
            drop(rx);
            let (ctx, cancel) = Context::background().with_timeout(HOUR);
            cancel.cancel();
            let timer = after(SOON).recv().is_ok();
            let seen = observe::channels().len();
            let task = observe::current_task();
            (
                sum,
                back,
                tx.is_closed(),
                ctx.is_cancelled(),
                timer,
                seen > 0,
                task,
            )
        });
        let expected = (4950, 7, true, true, true, true, TaskId(7));
        assert_eq!(answer.recv().unwrap(), expected);
        thread.join().unwrap();
    }
}

#[test]
fn a_thread_selects_while_it_ends() {
    for early in [true, false] {
        let (chan, channel) = named("selects", early);
        let theirs = chan.clone();
        let (thread, answer) = at_exit(early, move || {
            let other = Chan::<u8>::new(0);
            let cases = End.and(SendArm::arm(&other, 1)).and(RecvArm::arm(&theirs));
            format!("{:?}", select::wait::<_, 2>(cases, 2, |_| 0, None))
        });
        until_parked(&channel, 1);
        chan.send(3);
        assert_eq!(answer.recv().unwrap(), "Some(This(Some(3)))");
        thread.join().unwrap();
        assert!(channel.snapshot().waits.is_empty());
    }
}
