//! Rules 26 to 31 (close), 32 to 36 (the order of queues) and 66 (range).

use std::sync::Arc;
use std::task::Wake;

use super::*;

#[test]
fn rule_26_a_close_of_nil_or_closed_panics() {
    let nil = Chan::<u8>::nil();
    panics(CLOSE_OF_NIL, || nil.close());
    panics(CLOSE_OF_NIL, || nil.sender().close());
    assert_eq!(panic_text(|| nil.close()), CLOSE_OF_NIL);
    assert_eq!(nil.try_close(), Err(CloseError::Nil));
    let chan = Chan::<u8>::new(0);
    chan.close();
    let at = line!() - 1;
    panics(CLOSE_OF_CLOSED, || chan.close());
    panics(CLOSE_OF_CLOSED, || chan.sender().close());
    let text = panic_text(|| chan.close());
    assert!(text.contains(&format!("closing.rs:{at}:")), "{text}");
    assert_eq!(chan.try_close(), Err(CloseError::Closed));
    assert_eq!(CloseError::Closed.to_string(), CLOSE_OF_CLOSED);
    assert_eq!(CloseError::Nil.to_string(), CLOSE_OF_NIL);
}

#[test]
fn rule_26_differs_a_second_rust_close_is_an_error() {
    let (tx, _rx) = bounded::<u8>(0);
    assert!(tx.close().is_ok());
    assert!(tx.close().is_err());
    assert!(tx.clone().close().is_err());
}

#[test]
fn rule_26_of_many_closers_one_wins() {
    let chan = Chan::<u8>::new(0);
    let won = AtomicUsize::new(0);
    let start = Barrier::new(4);
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                start.wait();
                won.fetch_add(usize::from(chan.try_close().is_ok()), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(won.into_inner(), 1);
}

#[test]
fn rule_27_no_send_succeeds_after_a_close() {
    let chan = Chan::new(4);
    let sent = AtomicUsize::new(0);
    thread::scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                let text = panic_text(|| {
                    loop {
                        chan.send(0);
                        sent.fetch_add(1, Ordering::Relaxed);
                    }
                });
                assert!(text.starts_with(SEND_ON_CLOSED), "{text}");
            });
        }
        (0..100).for_each(|_| assert_eq!(chan.recv(), Some(0)));
        chan.close();
    });
    // Every send that returned can be received, and nothing else.
    assert_eq!(100 + chan.iter().count(), sent.into_inner());
    assert_eq!(chan.recv(), None);
}

#[test]
fn rule_28_a_close_settles_everybody_who_waits() {
    let chan = named::<u8>("rule 28", 0);
    let mut tasks: Vec<_> = (0..100).map(|_| parked(chan.recv_async())).collect();
    thread::scope(|s| {
        let threads = [(); 3].map(|()| s.spawn(|| chan.recv()));
        waiting("rule 28", 103);
        chan.close();
        for task in &mut tasks {
            assert_eq!(poll(task), Poll::Ready(None));
        }
        for thread in threads {
            assert_eq!(thread.join().unwrap(), None);
        }
    });
    let full = Chan::new(1);
    full.send(0);
    let mut tasks: Vec<_> = (1..100).map(|n| parked(full.send_async(n))).collect();
    full.close();
    assert_eq!(full.recv(), Some(0));
    for task in &mut tasks {
        assert!(panic_text(|| poll(task)).starts_with(SEND_ON_CLOSED));
    }
    assert_eq!(full.recv(), None);
}

/// Counts how often it was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn rule_29_a_close_wakes_everybody_once_in_whatever_order() {
    let chan = Chan::<u8>::new(0);
    let bells: Vec<_> = (0..70).map(|_| Arc::new(Bell::default())).collect();
    let mut tasks: Vec<_> = (0..70).map(|_| Box::pin(chan.recv_async())).collect();
    for (task, bell) in tasks.iter_mut().zip(&bells) {
        let waker = Waker::from(bell.clone());
        let state = task.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(state.is_pending());
    }
    chan.close();
    assert!(bells.iter().all(|bell| bell.0.load(Ordering::SeqCst) == 1));
    assert!(tasks.iter_mut().all(|task| poll(task) == Poll::Ready(None)));
}

#[test]
fn rule_30_a_close_keeps_the_buffer_and_loses_what_waits() {
    let chan = named("rule 30", 2);
    (1..=2).for_each(|n| chan.send(n));
    thread::scope(|s| {
        s.spawn(|| panics(SEND_ON_CLOSED, || chan.send(3)));
        waiting("rule 30", 1);
        chan.close();
    });
    assert_eq!(chan.iter().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn rule_31_an_open_channel_needs_no_close() {
    let seen = Arc::new(());
    let chan = named("rule 31", 3);
    let second = chan.clone();
    (0..3).for_each(|_| chan.send(seen.clone()));
    drop(chan);
    assert_eq!(Arc::strong_count(&seen), 4, "a handle is left");
    drop(second);
    assert_eq!(Arc::strong_count(&seen), 1);
    let all = chan_core::observe::channels();
    assert!(all.iter().all(|channel| channel.name() != Some("rule 31")));
}

// ---- Queues and their order. ----

/// Has futures come, be polled and go at random, and looks at every step.
fn look_at_random_steps(
    name: &'static str,
    capacity: usize,
    look: fn(&chan_core::observe::ChannelSnapshot),
) {
    let chan = named(name, capacity);
    let all = chan_core::observe::channels();
    let it = all.iter().find(|channel| channel.name() == Some(name));
    let it = it.expect("it is alive");
    let mut random = fastrand::Rng::with_seed(capacity as u64 + 1);
    let (mut sends, mut receives) = (Vec::new(), Vec::new());
    for n in 0..3000 {
        match random.u8(..6) {
            0 => drop(chan.try_send(n)),
            1 => drop(chan.try_recv()),
            2 => {
                let mut send = Box::pin(chan.send_async(n));
                if poll(&mut send).is_pending() {
                    sends.push(send);
                }
            }
            3 => {
                let mut receive = Box::pin(chan.recv_async());
                if poll(&mut receive).is_pending() {
                    receives.push(receive);
                }
            }
            4 if !sends.is_empty() => drop(sends.swap_remove(random.usize(..sends.len()))),
            5 if !receives.is_empty() => {
                drop(receives.swap_remove(random.usize(..receives.len())));
            }
            _ => {}
        }
        look(&it.snapshot());
        sends.retain_mut(|send| poll(send).is_pending());
        receives.retain_mut(|receive| poll(receive).is_pending());
        look(&it.snapshot());
    }
}

#[test]
fn rule_32_values_mean_no_receivers_and_room_means_no_senders() {
    for (name, capacity) in [("rule 32 one", 1), ("rule 32 three", 3)] {
        look_at_random_steps(name, capacity, |seen| {
            assert!(seen.len == 0 || !queued(seen, Direction::Recv), "{seen:?}");
            let room = seen.len < seen.capacity.unwrap();
            assert!(!room || !queued(seen, Direction::Send), "{seen:?}");
        });
    }
}

#[test]
fn rule_33_one_of_the_two_queues_is_empty() {
    for (name, capacity) in [("rule 33 none", 0), ("rule 33 two", 2)] {
        look_at_random_steps(name, capacity, |seen| {
            let both = queued(seen, Direction::Send) && queued(seen, Direction::Recv);
            assert!(!both, "{seen:?}");
        });
    }
}

#[test]
fn rule_34_values_of_one_sender_stay_in_order() {
    const EACH: u32 = 3000;
    for capacity in [0, 1, 4] {
        let (tx, rx) = bounded(capacity);
        thread::scope(|s| {
            for sender in 0..3 {
                let tx = tx.clone();
                s.spawn(move || (0..EACH).for_each(|n| tx.send((sender, n)).unwrap()));
            }
            drop(tx);
            let mut next = [0; 3];
            for (sender, n) in &rx {
                assert_eq!(n, next[sender]);
                next[sender] += 1;
            }
            assert_eq!(next, [EACH; 3]);
        });
    }
}

#[test]
fn rule_35_waiters_are_served_in_the_order_they_came() {
    let chan = named("rule 35", 0);
    thread::scope(|s| {
        let receivers: Vec<_> = (1..=4)
            .map(|n| {
                let receiver = s.spawn(|| chan.recv());
                waiting("rule 35", n);
                receiver
            })
            .collect();
        (1..=4).for_each(|n| chan.try_send(n).unwrap());
        let got = receivers.into_iter().map(|each| each.join().unwrap());
        assert_eq!(
            got.collect::<Vec<_>>(),
            (1..=4).map(Some).collect::<Vec<_>>()
        );
        let chan = &chan;
        for n in 1..=4 {
            s.spawn(move || chan.send(n));
            waiting("rule 35", n);
        }
        (1..=4).for_each(|n| assert_eq!(chan.try_recv(), Ok(Some(n))));
    });
}

#[test]
fn rule_35_a_newcomer_cannot_pass() {
    let chan = Chan::new(1);
    let mut first = parked(chan.recv_async());
    chan.send(1);
    // The first has not been polled since, and still nobody takes its value.
    assert_eq!(chan.try_recv(), Err(Empty));
    assert_eq!(poll(&mut first), Poll::Ready(Some(1)));
    chan.send(2);
    let _waits = parked(chan.send_async(3));
    assert_eq!(chan.recv(), Some(2));
    assert!(chan.try_send(4).is_err(), "the slot went to who waited");
    assert_eq!(chan.recv(), Some(3));
}

#[test]
fn rule_36_who_gives_up_loses_its_place() {
    let chan = named("rule 36", 0);
    let first = parked(chan.recv_async());
    let mut second = parked(chan.recv_async());
    drop(first);
    let mut again = parked(chan.recv_async());
    chan.try_send(1).unwrap();
    assert!(poll(&mut again).is_pending());
    assert_eq!(poll(&mut second), Poll::Ready(Some(1)));
    drop((again, second));
    let overtaken = AtomicBool::new(false);
    thread::scope(|s| {
        s.spawn(|| {
            while !overtaken.load(Ordering::Acquire) {
                assert!(chan.send_timeout(1, SHORT).is_err());
            }
            chan.send(3);
        });
        while chan.waiting_senders() == 0 {
            thread::yield_now();
        }
        // Behind the thread, unless that has just given up.
        let mut task = parked(chan.send_async(2));
        overtaken.store(true, Ordering::Release);
        let queued_anew = |wait: &chan_core::observe::Wait| !wait.has_deadline;
        while waiting("rule 36", 2)
            .waits
            .iter()
            .filter(|it| queued_anew(it))
            .count()
            < 2
        {
            thread::yield_now();
        }
        let values = [chan.recv(), chan.recv()];
        assert_eq!(values, [Some(2), Some(3)], "queued anew, behind the task");
        assert!(poll(&mut task).is_ready());
    });
}

// ---- Range. ----

#[test]
fn rule_66_range_ends_when_closed_and_drained() {
    let chan = Chan::new(3);
    (0..3).for_each(|n| chan.send(n));
    chan.close();
    let mut seen = Vec::new();
    for value in &chan {
        seen.push(value);
    }
    assert_eq!(seen, [0, 1, 2], "no value for the close");
    assert_eq!(chan.iter().next(), None);
    let (tx, rx) = bounded(0);
    thread::scope(|s| {
        s.spawn(move || (0..3).for_each(|n| tx.send(n).unwrap()));
        assert_eq!((&rx).into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    });
    assert_eq!(rx.into_iter().next(), None);
}

#[test]
fn rule_66_range_over_nil_waits_for_ever() {
    let nil = Chan::<u8>::nil();
    // Nothing ends this thread but the end of the process.
    let looper = thread::spawn(move || nil.iter().next());
    let parked = || {
        let waits = chan_core::observe::nil_waits();
        waits.into_iter().any(|wait| match wait.who {
            chan_core::observe::Who::Thread(thread) => thread.id() == looper.thread().id(),
            _ => false,
        })
    };
    // It parks, and parks again whoever unparks it.
    for _ in 0..100 {
        while !parked() {
            assert!(!looper.is_finished(), "it ended");
            thread::yield_now();
        }
        looper.thread().unpark();
        thread::yield_now();
    }
}
