//! Messages and wakes that were lost, waits that did not end, and operations
//! that waited for strangers.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use chan_core::select::{CaseList, End, RecvArm, Won, wait};
use chan_core::{Chan, Receiver, RecvTimeoutError, Sender, TryRecvError, TrySendError, bounded};

use super::{ROUNDS, kinds};
use crate::common::{Counting, block_on, poll, poll_box, until, until_parked, watched};

/// rust#39364, #54267, #70340: a timed receive that met a send panicked by an
/// assertion of its own. flume#78, #120: a receive said "closed" although the
/// sender had sent before it went. crossfire#70: so did one that looks and
/// does not wait. However one receives, what was sent comes before the end.
#[test]
fn the_last_value_comes_before_the_end_however_one_receives() {
    fn look(rx: &Receiver<usize>) -> Option<usize> {
        loop {
            match rx.try_recv() {
                Ok(value) => return Some(value),
                Err(TryRecvError::Empty) => thread::yield_now(),
                Err(TryRecvError::Disconnected) => return None,
            }
        }
    }
    fn in_time(rx: &Receiver<usize>) -> Option<usize> {
        for micros in (0..40).cycle() {
            match rx.recv_timeout(Duration::from_micros(micros)) {
                Ok(value) => return Some(value),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        None
    }
    let by_task = |rx: &Receiver<usize>| block_on(rx.recv_async()).ok();
    type Way = fn(&Receiver<usize>) -> Option<usize>;
    let ways: [Way; 4] = [look, in_time, by_task, |rx| rx.recv().ok()];
    for round in 0..ROUNDS / 3 {
        for (tx, rx) in kinds() {
            let other = tx.clone();
            let received: usize = thread::scope(|s| {
                s.spawn(move || tx.send(1).unwrap());
                s.spawn(move || block_on(other.send_async(10)).unwrap());
                std::iter::from_fn(|| ways[round % 4](&rx)).sum()
            });
            assert_eq!(received, 11, "way {}", round % 4);
        }
    }
}

/// A select between two receivers, as a thread makes it.
fn select(one: &Receiver<usize>, two: &Receiver<usize>, from: usize) -> Option<usize> {
    let cases = End.and(RecvArm::arm(one)).and(RecvArm::arm(two));
    let won = wait::<_, 2>(cases, 0, |_| from as u32 % 2, None);
    match won.expect("without a deadline a case wins") {
        Won::Before(Won::This(value)) | Won::This(value) => value.ok(),
    }
}

/// flume#135: several threads selected over the same receivers, and messages
/// were lost between them; flume#44: all of them hung. crossfire#22: a wake
/// went to one who had been served elsewhere. Each message goes to one.
#[test]
fn many_select_from_the_same_receivers() {
    const EACH: usize = 500;
    for capacity in [0, 2] {
        let ((tx, rx), (other_tx, other_rx)) = (bounded(capacity), bounded(capacity));
        let seen: Vec<AtomicUsize> = (0..2 * EACH).map(|_| AtomicUsize::new(0)).collect();
        thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    // One of the two is closed first: then by turns.
                    let mut ends = 0;
                    for turn in 0.. {
                        match select(&rx, &other_rx, turn) {
                            Some(value) => _ = seen[value].fetch_add(1, Ordering::Relaxed),
                            None if ends > 100 => break,
                            None => ends += 1,
                        }
                    }
                    rx.iter().chain(&other_rx).for_each(|value| {
                        seen[value].fetch_add(1, Ordering::Relaxed);
                    });
                });
            }
            s.spawn(|| {
                let tx = tx;
                (0..EACH).for_each(|value| tx.send(value).unwrap());
            });
            s.spawn(|| {
                let tx = other_tx;
                (EACH..2 * EACH).for_each(|value| tx.send(value).unwrap());
            });
        });
        assert!(seen.iter().all(|count| count.load(Ordering::Relaxed) == 1));
    }
}

/// flume#140: a task's receive on a channel without a buffer let one send go
/// ahead before anybody had taken it. A send is done when it is taken.
#[test]
fn tasks_meet_without_a_buffer() {
    let (tx, rx) = bounded(0);
    let unpolled = rx.recv_async();
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)), "nobody waits");
    let mut first = Box::pin(tx.send_async(1));
    let mut second = Box::pin(tx.send_async(2));
    assert!(poll_box(&mut first).is_pending() && poll_box(&mut second).is_pending());
    assert_eq!(block_on(unpolled), Ok(1));
    assert!(poll_box(&mut second).is_pending(), "only one was taken");
    assert!(poll_box(&mut first).is_ready());
    drop(second);
    assert!(rx.try_recv().is_err());
}

/// kanal's head: a receive that was polled for no reason said that the
/// channel had ended.
#[test]
fn a_poll_for_no_reason_ends_nothing() {
    for (tx, rx) in kinds() {
        let mut receive = Box::pin(rx.recv_async());
        for _ in 0..3 {
            let (_, waker) = Counting::new();
            assert!(poll(&mut receive.as_mut(), &waker).is_pending());
            assert!(poll(&mut receive.as_mut(), &waker).is_pending());
        }
        tx.send(5).unwrap();
        assert_eq!(block_on(receive), Ok(5));
    }
}

/// tokio#2020, #3263, #3350: a look said "empty" although a send had been
/// completed before it, because another send was under way.
#[test]
fn a_look_after_a_send_is_not_empty_whatever_others_do() {
    for (tx, rx) in kinds().into_iter().skip(1) {
        let over = AtomicBool::new(false);
        thread::scope(|s| {
            s.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    // Without a limit it would fill the memory.
                    if tx.len() < 100 {
                        let _ = tx.try_send(0);
                    }
                }
            });
            let looks = (0..ROUNDS * 10).filter(|_| {
                // If it is full there is something as well.
                let _ = tx.try_send(1);
                rx.try_recv().is_err()
            });
            let empty = looks.count();
            over.store(true, Ordering::Relaxed);
            assert_eq!(empty, 0);
        });
    }
}

/// Stays in its `wake` until it is let go.
#[derive(Default)]
struct Stuck {
    inside: AtomicBool,
    go: AtomicBool,
}

impl Wake for Stuck {
    fn wake(self: Arc<Self>) {
        self.inside.store(true, Ordering::Release);
        until(|| self.go.load(Ordering::Acquire));
    }
}

/// crossbeam#997, rust#112723: operations that never wait spun until a sender
/// that had begun went on. Nobody may wait for what others do between two
/// steps, be it for ever.
#[test]
fn a_sender_that_is_stuck_holds_nobody_up() {
    let (tx, rx) = bounded(1);
    let stuck = Arc::new(Stuck::default());
    let waker = Waker::from(stuck.clone());
    let mut receive = Box::pin(rx.recv_async());
    let mut context = Context::from_waker(&waker);
    assert!(receive.as_mut().poll(&mut context).is_pending());
    let answers = thread::scope(|s| {
        s.spawn(|| tx.send(1).unwrap());
        until(|| stuck.inside.load(Ordering::Acquire));
        // The sender is in the middle of its send, for as long as we like.
        let answers = (
            rx.try_recv(),
            tx.try_send(2),
            tx.try_send(3),
            rx.recv(),
            rx.recv_timeout(Duration::ZERO),
            (rx.len(), rx.is_closed(), tx.close()),
        );
        stuck.go.store(true, Ordering::Release);
        answers
    });
    let expected = (
        Err(TryRecvError::Empty),
        Ok(()),
        Err(TrySendError::Full(3)),
        Ok(2),
        Err(RecvTimeoutError::Timeout),
        (0, false, Ok(())),
    );
    assert_eq!(answers, expected);
    assert_eq!(block_on(receive), Ok(1));
}

/// Says farewell on a channel, waiting for room.
struct Farewell(Sender<&'static str>);

impl Drop for Farewell {
    fn drop(&mut self) {
        let _ = self.0.send("farewell");
    }
}

/// fjall#260: a value whose destructor sends on a full channel. It waits, as
/// it asked to; but under no lock, so that whoever makes room can.
#[test]
fn destructors_that_wait_hold_no_lock() {
    let (log, lines) = chan_core::Builder::new().name("farewells").channel();
    let logged = watched("farewells");
    let chan = Chan::new(3);
    (0..3).for_each(|_| chan.send(Farewell(log.clone())));
    let (tx, rx) = bounded(1);
    tx.send(Farewell(log.clone())).unwrap();
    thread::scope(|s| {
        // With a last handle, and with the last of the receivers.
        let view = chan.downgrade();
        s.spawn(|| drop(chan));
        s.spawn(|| drop(rx));
        until_parked(&logged, 2);
        // Both destructors are in the middle of their sends.
        let deaf = bounded(1).0;
        let refused = tx.try_send(Farewell(deaf)).is_err();
        let free = (refused, tx.len(), view.upgrade().is_none());
        let said: Vec<_> = lines.iter().take(4).collect();
        assert_eq!(free, (true, 0, true));
        assert_eq!(said, ["farewell"; 4]);
    });
}

/// omicron#9259, #9272 (futurelock): a send that was polled once and never
/// again kept its place in the queue, and everybody behind it waited for
/// ever. Its value must be taken without it.
#[test]
fn a_send_that_nobody_polls_keeps_nobody_waiting() {
    for capacity in [0, 1, 4] {
        let (tx, rx) = bounded(capacity);
        (0..capacity).for_each(|_| tx.send("before").unwrap());
        let mut idle = Box::pin(tx.send_async("idle"));
        assert!(poll_box(&mut idle).is_pending());
        thread::scope(|s| {
            s.spawn(|| (0..10).for_each(|_| tx.send("behind").unwrap()));
            let received: Vec<_> = rx.iter().take(capacity + 11).collect();
            let (first, rest) = received.split_at(capacity);
            assert!(first.iter().all(|value| *value == "before"));
            assert_eq!(rest[0], "idle");
        });
        assert!(poll_box(&mut idle).is_ready());
    }
}

/// The same from the other side: a receive that nobody polls takes what it
/// asked for, one value, and what comes after goes to others. If it is
/// dropped that value comes first.
#[test]
fn a_receive_that_nobody_polls_takes_one_value() {
    for capacity in [0, 1] {
        let (tx, rx) = bounded(capacity);
        let mut idle = Box::pin(rx.recv_async());
        assert!(poll_box(&mut idle).is_pending());
        let received = thread::scope(|s| {
            s.spawn(|| (0..10).for_each(|n| tx.send(n).unwrap()));
            rx.iter().take(9).collect::<Vec<_>>()
        });
        assert_eq!(received, Vec::from_iter(1..10));
        drop(idle);
        assert_eq!(rx.recv(), Ok(0));
    }
}
