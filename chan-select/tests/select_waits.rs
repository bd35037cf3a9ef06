//! Selects of threads that wait: what ends the wait, at which line a panic
//! comes, what others see of it, and what it leaves behind.
#![cfg(not(loom))]

mod support;

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use chan_core::observe::{self, Direction, WaitReason, Who};
use chan_core::{Builder, Chan, SendError, bounded, never};
use chan_select::select;

use support::{PATIENCE, assert_fair, snapshot, until, until_waiting, waits};

const TRIALS: usize = 10_000;

// ---- The choice. ----

#[test]
fn cases_of_every_kind_are_chosen_uniformly() {
    let (nil, empty) = (Chan::<u8>::nil(), Chan::<u8>::new(1));
    let (filled, room, closed) = (Chan::new(1), Chan::new(1), Chan::<u8>::new(0));
    closed.close();
    let mut hits = [0; 3];
    for _ in 0..TRIALS {
        let _ = filled.try_send(1);
        let _ = room.try_recv();
        let case = select! {
            recv(nil) -> _ => unreachable!("nil"),
            recv(empty) -> _ => unreachable!("empty"),
            recv(filled) -> _ => 0,
            send(room, 1) -> () => 1,
            recv(closed) -> _ => 2,
        };
        hits[case] += 1;
    }
    for hits in hits {
        assert_fair(hits, TRIALS, 1.0 / 3.0);
    }
}

#[test]
fn the_choice_is_uniform_in_front_of_a_default_and_of_a_timeout() {
    let (nil, empty, closed) = (Chan::<u8>::nil(), Chan::<u8>::new(1), Chan::<u8>::new(0));
    closed.close();
    let (mut with_default, mut with_timeout) = (0, 0);
    for _ in 0..TRIALS {
        with_default += select! {
            recv(nil) -> _ => unreachable!("nil"),
            recv(empty) -> _ => unreachable!("empty"),
            recv(closed) -> _ => 1,
            recv(closed) -> _ => 0,
            default => unreachable!("two are ready"),
        };
        with_timeout += select! {
            recv(nil) -> _ => unreachable!("nil"),
            recv(empty) -> _ => unreachable!("empty"),
            recv(closed) -> _ => 1,
            recv(closed) -> _ => 0,
            default(Duration::ZERO) => unreachable!("two are ready"),
        };
    }
    assert_fair(with_default, TRIALS, 0.5);
    assert_fair(with_timeout, TRIALS, 0.5);
}

#[test]
fn the_first_to_be_ready_ends_the_wait() {
    let (one, other) = (Builder::new().name("first-ready").chan(), Chan::new(0));
    thread::scope(|s| {
        let waiting = s.spawn(|| {
            select! {
                recv(one) -> value => (1, value),
                recv(other) -> value => (2, value),
            }
        });
        until_waiting("first-ready", 1);
        other.send(7);
        assert_eq!(waiting.join().unwrap(), (2, Some(7)));
    });
    assert!(waits("first-ready").is_empty());
    assert!(one.try_send(1).is_err(), "nobody waits there any more");
}

#[test]
fn a_timeout_that_is_not_reached_is_not_taken() {
    let chan = Builder::new().name("in-time").chan();
    thread::scope(|s| {
        for timeout in [PATIENCE, Duration::MAX] {
            let chan = &chan;
            let waiting = s.spawn(move || {
                select! {
                    recv(chan) -> value => value,
                    default(timeout) => None,
                }
            });
            until_waiting("in-time", 1);
            assert_eq!(waits("in-time")[0].has_deadline, timeout == PATIENCE);
            chan.send(3);
            assert_eq!(waiting.join().unwrap(), Some(3));
        }
    });
}

#[test]
fn some_and_references_are_the_channels_they_are_of() {
    let (tx, rx) = bounded(1);
    let (tx, rx) = (Some(tx), Some(rx));
    select! { send(&&tx, 4) -> sent => assert!(sent.is_ok()), default => unreachable!() }
    select! { recv(&&&rx) -> value => assert_eq!(value, Ok(4)), default => unreachable!() }
}

/// Rule 57 with a close: one of two channels is ready at every moment.
#[test]
fn a_look_sees_a_close_and_a_receive_in_their_order() {
    let (rounds, done) = (Chan::<(Chan<u8>, Chan<u8>)>::new(0), Chan::new(0));
    thread::scope(|s| {
        s.spawn(|| {
            while let Some((one, other)) = rounds.recv() {
                let ready = select! {
                    recv(one) -> _ => true,
                    recv(other) -> _ => true,
                    default => false,
                };
                done.send(ready);
            }
        });
        for round in 0..TRIALS {
            let (one, other) = (Chan::new(1), Chan::new(1));
            one.send(1);
            rounds.send((one.clone(), other.clone()));
            other.close();
            let _ = one.try_recv();
            assert_eq!(done.recv(), Some(true), "round {round}");
        }
        rounds.close();
    });
}

// ---- Closed channels. ----

#[test]
fn a_sender_that_waits_gets_its_value_back_on_close() {
    let (tx, rx) = Builder::new().name("sender-waits").channel();
    let idle = Chan::<u8>::new(0);
    thread::scope(|s| {
        let waiting = s.spawn(|| {
            select! {
                recv(idle) -> _ => Ok(()),
                send(tx, "c".to_owned()) -> sent => sent,
            }
        });
        until_waiting("sender-waits", 1);
        drop(rx);
        assert_eq!(waiting.join().unwrap(), Err(SendError("c".to_owned())));
    });
}

thread_local! {
    /// The line of the panic that [`panic_of`] waits for.
    static PANICKED_AT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// The text and the line of the panic of `f`, which is not printed.
fn panic_of(f: impl FnOnce()) -> Option<(String, u32)> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if PANICKED_AT.get().is_none() {
                return usual(info);
            }
            let here = info.location().filter(|place| place.file() == file!());
            PANICKED_AT.set(Some(here.map_or(0, |place| place.line())));
        }));
    });
    PANICKED_AT.set(Some(0));
    let result = panic::catch_unwind(AssertUnwindSafe(f));
    let line = PANICKED_AT.take().expect("set above");
    let text = *result.err()?.downcast::<String>().expect("a text");
    Some((text, line))
}

#[track_caller]
fn assert_panicked(panicked: Option<(String, u32)>, line: u32) {
    let (text, at) = panicked.expect("a panic");
    assert!(text.starts_with("send on closed channel"), "{text}");
    assert_eq!(at, line);
}

#[test]
fn a_send_on_a_closed_chan_panics_at_the_line_of_the_select() {
    let chan = Chan::new(1);
    chan.close();
    let line = line!() + 2;
    let panicked = panic_of(|| {
        select! {
            send(chan, 1) -> () => {}
            default => {}
        }
    });
    assert_panicked(panicked, line);
    let line = line!() + 2;
    let panicked = panic_of(|| {
        select! { send(chan.sender(), 1) -> () => {}, default(PATIENCE) => {} }
    });
    assert_panicked(panicked, line);
}

#[test]
fn a_closed_chan_panics_only_when_it_is_chosen() {
    let (closed, ready) = (Chan::new(1), Chan::<u8>::new(0));
    closed.close();
    ready.close();
    let mut panics = 0;
    for _ in 0..1_000 {
        let panicked = panic_of(|| {
            select! {
                send(closed, 1) -> () => unreachable!("sent on closed"),
                recv(ready) -> value => assert!(value.is_none()),
            }
        });
        panics += usize::from(panicked.is_some());
    }
    assert_fair(panics, 1_000, 0.5);
}

#[test]
fn a_select_that_waits_to_send_panics_on_close() {
    let chan = Builder::new().name("panics-on-close").chan();
    let idle = Chan::<u8>::new(0);
    thread::scope(|s| {
        let waiting = s.spawn(|| {
            let line = line!() + 2;
            let panicked = panic_of(|| {
                select! { recv(idle) -> _ => {}, send(chan, 1) -> () => {} }
            });
            assert_panicked(panicked, line);
        });
        until_waiting("panics-on-close", 1);
        chan.close();
        waiting.join().unwrap();
    });
    assert_eq!(snapshot("panics-on-close").sent, 0);
}

// ---- Pairs. ----

#[test]
fn a_select_finds_no_partner_in_itself() {
    let chan = Chan::new(0);
    let paired = select! {
        send(chan, 1) -> () => true,
        recv(chan) -> _ => true,
        default => false,
    };
    assert!(!paired);
}

#[test]
fn two_selects_pair_with_each_other_every_time() {
    let chan = Chan::new(0);
    let play = |own: u8| {
        let (mut sent, mut received) = (0, 0);
        for _ in 0..TRIALS {
            select! {
                send(chan, own) -> () => sent += 1,
                recv(chan) -> value => {
                    assert_eq!(value, Some(1 - own), "paired with itself");
                    received += 1;
                }
            }
        }
        (sent, received)
    };
    thread::scope(|s| {
        let (one, other) = (s.spawn(|| play(0)), s.spawn(|| play(1)));
        let (one, other) = (one.join().unwrap(), other.join().unwrap());
        assert_eq!(one, (other.1, other.0));
        assert_eq!(one.0 + one.1, TRIALS);
    });
}

/// Four threads select where to send and four from where to receive, with
/// timeouts in between.
#[test]
fn nothing_is_lost_between_selects() {
    for capacity in [0, 3] {
        let (one_tx, one_rx) = bounded(capacity);
        let (other_tx, other_rx) = bounded(capacity);
        let seen: Vec<AtomicU8> = (0..4 * TRIALS).map(|_| AtomicU8::new(0)).collect();
        thread::scope(|s| {
            for sender in 0..4 {
                let (one, other) = (one_tx.clone(), other_tx.clone());
                s.spawn(move || {
                    for number in sender * TRIALS..(sender + 1) * TRIALS {
                        select! {
                            send(one, number) -> sent => sent.unwrap(),
                            send(other, number) -> sent => sent.unwrap(),
                        }
                    }
                });
                let (mut one, mut other) = (Some(one_rx.clone()), Some(other_rx.clone()));
                let seen = &seen;
                s.spawn(move || {
                    while one.is_some() || other.is_some() {
                        let number = select! {
                            recv(one) -> number => number.inspect_err(|_| one = None),
                            recv(other) -> number => number.inspect_err(|_| other = None),
                            default(Duration::from_micros(20)) => continue,
                        };
                        if let Ok(number) = number {
                            seen[number].fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            drop((one_tx, other_tx));
        });
        assert!(seen.iter().all(|times| times.load(Ordering::Relaxed) == 1));
    }
}

// ---- What is seen, and what is left. ----

#[test]
fn losers_leave_no_waiter_behind() {
    const SELECTS: usize = 100_000;
    let quiet = Builder::new().name("quiet").chan::<u8>();
    let ticks = Chan::new(0);
    thread::scope(|s| {
        s.spawn(|| (0..SELECTS).for_each(|_| ticks.send(1)));
        for _ in 0..SELECTS {
            select! {
                recv(quiet) -> _ => unreachable!("quiet"),
                recv(ticks) -> _ => {}
                recv(quiet) -> _ => unreachable!("quiet"),
            }
        }
    });
    for _ in 0..100 {
        select! {
            recv(quiet) -> _ => unreachable!("quiet"),
            send(quiet, 1) -> () => unreachable!("quiet"),
            default(Duration::from_micros(10)) => {}
        }
    }
    let seen = snapshot("quiet");
    assert!(seen.waits.is_empty(), "{:?}", seen.waits);
    assert_eq!((seen.sent, seen.received), (0, 0));
}

#[test]
fn a_select_that_waits_is_seen_as_one_party() {
    let inbox = Builder::new().name("seen-inbox").chan::<u8>();
    let outbox = Builder::new().name("seen-outbox").chan();
    thread::scope(|s| {
        let line = line!() + 2;
        s.spawn(|| {
            select! {
                recv(never::<u8>()) -> _ => {}
                recv(inbox) -> _ => {}
                send(outbox, 1) -> () => {}
                recv(inbox) -> _ => {}
            }
        });
        until(|| matches!(waits("seen-outbox")[..], [ref wait] if wait.age.is_some()));
        let mut all = waits("seen-inbox");
        all.extend(waits("seen-outbox"));
        let mut cases: Vec<_> = all.iter().map(|wait| (wait.case, wait.direction)).collect();
        cases.sort_by_key(|(case, _)| *case);
        let (recv, send) = (Direction::Recv, Direction::Send);
        assert_eq!(cases, [(1, recv), (2, send), (3, recv)]);
        for wait in &all {
            assert_eq!((wait.party, wait.cases), (all[0].party, 4));
            assert_eq!(wait.reason, WaitReason::Select);
            assert_eq!((wait.site.file(), wait.site.line()), (file!(), line));
            assert!(matches!(wait.who, Who::Thread(_)) && !wait.has_deadline);
        }
        inbox.close();
    });
}

#[test]
fn an_empty_select_is_seen_where_it_waits() {
    let line = line!() + 1;
    thread::spawn(|| select! {});
    let mine = |wait: &observe::Wait| (wait.site.file(), wait.site.line()) == (file!(), line);
    until(|| observe::nil_waits().iter().any(mine));
    let wait = observe::nil_waits().into_iter().find(mine).unwrap();
    assert_eq!(wait.reason, WaitReason::SelectNoCases);
    assert_eq!(wait.reason.to_string(), "select (no cases)");
    assert_eq!(wait.cases, 0);
}
