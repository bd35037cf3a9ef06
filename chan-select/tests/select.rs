//! Select by a thread: Go's rules, by their numbers in the parity list.
#![cfg(not(loom))]

use std::panic::{self, AssertUnwindSafe};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::{Chan, Receiver, Sender, bounded, never, observe};
use chan_select::select;

/// Ready channels with one value each, made anew by every trial.
fn ready(value: i32) -> Chan<i32> {
    let chan = Chan::new(1);
    chan.send(value);
    chan
}

#[test]
fn rule_46_operands_are_evaluated_once_in_source_order() {
    let mut order = Vec::new();
    let (full, open) = (ready(0), Chan::new(1));
    let quiet = Chan::<i32>::new(0);
    let mut step = |n: i32| order.push(n);
    select! {
        recv({ step(1); &quiet }) -> _ => unreachable!(),
        send({ step(2); &full }, { step(3); 9 }) -> () => unreachable!(),
        send({ step(4); &open }, { step(5); 9 }) -> () => {}
    }
    assert_eq!(order, [1, 2, 3, 4, 5]);
}

#[test]
fn rule_47_a_losing_case_is_not_run() {
    let (one, quiet) = (ready(1), Chan::<i32>::new(0));
    let mut ran = Vec::new();
    select! {
        recv(quiet) -> _ => ran.push("quiet"),
        recv(one) -> value => { ran.push("one"); assert_eq!(value, Some(1)); }
    }
    assert_eq!(ran, ["one"]);
}

/// Ten standard deviations of a fair choice between two in so many trials.
fn assert_fair(hits: usize, trials: usize, share: f64) {
    let (expected, trials) = (trials as f64 * share, trials as f64);
    let sigma = (trials * share * (1.0 - share)).sqrt();
    let off = (hits as f64 - expected).abs();
    assert!(
        off < 10.0 * sigma,
        "{hits} of {trials}, expected about {expected}"
    );
}

#[test]
fn rule_48_and_49_the_choice_is_uniform_behind_idle_cases() {
    const TRIALS: usize = 10_000;
    let (idle, nil) = (Chan::<i32>::new(0), Chan::<i32>::nil());
    let mut hits = [0; 2];
    for _ in 0..TRIALS {
        let (left, right) = (ready(1), ready(2));
        select! {
            recv(idle) -> _ => unreachable!(),
            recv(nil) -> _ => unreachable!(),
            recv(left) -> _ => hits[0] += 1,
            recv(right) -> _ => hits[1] += 1,
        }
    }
    assert_fair(hits[0], TRIALS, 0.5);
}

#[test]
fn rule_56_each_case_of_one_channel_counts() {
    const TRIALS: usize = 10_000;
    let mut twice = 0;
    for _ in 0..TRIALS {
        let (left, right) = (ready(1), ready(2));
        select! {
            recv(left) -> _ => twice += 1,
            recv(left) -> _ => twice += 1,
            recv(right) -> _ => {}
        }
    }
    assert_fair(twice, TRIALS, 2.0 / 3.0);
}

/// They queue in the order of the look, so that one that has parked chooses
/// as one that looks.
#[test]
fn rule_36_and_56_waiting_cases_of_one_channel_count_as_well() {
    use std::task::{Context, Poll, Waker};

    const TRIALS: usize = 2_000;
    let chan = Chan::new(0);
    let mut first = 0;
    for _ in 0..TRIALS {
        let mut select = Box::pin(async {
            chan_select::select_async! {
                recv(chan) -> _ => true,
                recv(chan) -> _ => false,
            }
        });
        let mut task = Context::from_waker(Waker::noop());
        assert!(select.as_mut().poll(&mut task).is_pending());
        chan.try_send(1).unwrap();
        let Poll::Ready(was_first) = select.as_mut().poll(&mut task) else {
            panic!("it was served");
        };
        first += usize::from(was_first);
    }
    assert_fair(first, TRIALS, 0.5);
}

#[test]
fn rule_50_default_only_if_nothing_is_ready() {
    let chan = Chan::new(1);
    let look = || select! { recv(chan) -> value => value, default => Some(-1) };
    assert_eq!(look(), Some(-1));
    chan.send(5);
    assert_eq!(look(), Some(5));
    let full = ready(1);
    let sent = select! { send(full, 2) -> () => true, default => false };
    assert!(!sent);
}

/// Go's TestNonblockSelectRace: the second channel is filled before the first
/// is emptied, so one of the two is ready at every moment, and the default
/// must never be taken.
#[test]
fn rule_57_one_look_at_all_channels() {
    const ROUNDS: usize = if cfg!(debug_assertions) {
        20_000
    } else {
        200_000
    };
    let jobs = Chan::<(Chan<i32>, Chan<i32>)>::new(0);
    let answers = Chan::new(0);
    thread::scope(|s| {
        s.spawn(|| {
            for (first, second) in &jobs {
                let ready = select! {
                    recv(first) -> _ => true,
                    recv(second) -> _ => true,
                    default => false,
                };
                answers.send(ready);
            }
        });
        for round in 0..ROUNDS {
            let (first, second) = (Chan::new(1), Chan::new(1));
            first.send(1);
            jobs.send((first.clone(), second.clone()));
            second.send(1);
            select! { recv(first) -> _ => {}, default => {} }
            assert_eq!(answers.recv(), Some(true), "round {round}");
        }
        jobs.close();
    });
}

#[test]
fn rule_52_nil_cases_are_as_if_absent() {
    let one = ready(1);
    let (nil, none, not_there) = (
        Chan::<i32>::nil(),
        None::<Receiver<i32>>,
        None::<Sender<i32>>,
    );
    let got = select! {
        recv(nil) -> _ => None,
        recv(none) -> _ => None,
        recv(never::<i32>()) -> _ => None,
        send(not_there, 1) -> _ => None,
        send(nil, 1) -> _ => None,
        recv(one) -> value => value,
    };
    assert_eq!(got, Some(1));
    assert!(select! { recv(nil) -> _ => false, default => true });
    let start = Instant::now();
    select! { recv(nil) -> _ => unreachable!(), default(Duration::from_millis(20)) => {} }
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn rule_53_an_empty_select_waits_for_ever_and_is_seen() {
    thread::Builder::new()
        .name("nothing".into())
        .spawn(|| select! {})
        .unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    let seen = || {
        let waits = observe::nil_waits();
        waits
            .iter()
            .any(|wait| wait.reason.to_string() == "select (no cases)")
    };
    while !seen() {
        assert!(Instant::now() < end, "never seen");
        thread::yield_now();
    }
    assert!(select! { default => true });
}

#[test]
fn rule_54_a_closed_receive_is_ready() {
    let closed = Chan::<i32>::new(2);
    closed.send(1);
    closed.close();
    let look = || select! { recv(closed) -> value => value, default => unreachable!() };
    assert_eq!((look(), look(), look()), (Some(1), None, None));
    let (tx, rx) = bounded::<i32>(0);
    drop(tx);
    assert!(select! { recv(rx) -> value => value.is_err(), default => false });
}

#[test]
fn rule_55_a_closed_send_panics_or_gives_back() {
    let closed = Chan::new(1);
    closed.close();
    let caught = panic::catch_unwind(AssertUnwindSafe(|| {
        select! { send(closed, 1) -> () => {} }
    }));
    let text = *caught.unwrap_err().downcast::<String>().unwrap();
    assert!(text.starts_with("send on closed channel"), "{text}");
    let (tx, rx) = bounded(0);
    drop(rx);
    let back = select! { send(tx, 7) -> sent => sent.unwrap_err().into_inner() };
    assert_eq!(back, 7);
}

#[test]
fn rule_55_a_close_wakes_a_waiting_select() {
    let (chan, other) = (Chan::<i32>::new(0), Chan::<i32>::new(0));
    thread::scope(|s| {
        let waiter = s.spawn(|| {
            panic::catch_unwind(AssertUnwindSafe(|| {
                select! { recv(other) -> _ => {}, send(chan, 1) -> () => {} }
            }))
        });
        while waits_on(&chan) == 0 {
            thread::yield_now();
        }
        chan.close();
        assert!(waiter.join().unwrap().is_err());
    });
    assert_eq!(waits_on(&other), 0);
}

/// How many wait on a channel, as a watcher sees it.
fn waits_on<T>(chan: &Chan<T>) -> usize {
    let shown = format!("{chan:?}");
    let all = observe::channels();
    let this = all
        .iter()
        .filter(|channel| shown.contains(&channel.birth().to_string()));
    this.map(|channel| channel.snapshot().waits.len()).sum()
}

#[test]
fn rule_33_a_select_never_pairs_with_itself() {
    let chan = Chan::new(0);
    let paired = select! {
        send(chan, 1) -> () => true,
        recv(chan) -> _ => true,
        default(Duration::from_millis(20)) => false,
    };
    assert!(!paired);
}

/// Go's TestSelfSelect: two selects that both send and receive on one channel
/// meet each other, and never themselves.
#[test]
fn rule_33_and_57_two_selects_meet() {
    const ROUNDS: usize = 2_000;
    for capacity in [0, 10] {
        let chan = Chan::new(capacity);
        thread::scope(|s| {
            for me in 0..2 {
                let chan = &chan;
                s.spawn(move || {
                    for _ in 0..ROUNDS {
                        select! {
                            send(chan, me) -> () => {}
                            recv(chan) -> from => {
                                assert!(capacity > 0 || from != Some(me), "it met itself");
                            }
                            default(Duration::from_millis(50)) => break,
                        }
                    }
                });
            }
        });
    }
}

/// Go's doubleselect: of the cases of one select exactly one fires.
#[test]
fn rule_59_exactly_one_case_fires() {
    const VALUES: usize = if cfg!(debug_assertions) {
        20_000
    } else {
        200_000
    };
    let chans: [Chan<usize>; 4] = std::array::from_fn(|_| Chan::new(0));
    let mut seen = vec![0_u8; VALUES];
    thread::scope(|s| {
        let [a, b, c, d] = &chans;
        let sender = s.spawn(move || {
            for n in 0..VALUES {
                select! {
                    send(a, n) -> () => {}
                    send(b, n) -> () => {}
                    send(c, n) -> () => {}
                    send(d, n) -> () => {}
                }
            }
        });
        for _ in 0..VALUES {
            let n = select! {
                recv(a) -> n => n,
                recv(b) -> n => n,
                recv(c) -> n => n,
                recv(d) -> n => n,
            };
            seen[n.unwrap()] += 1;
        }
        sender.join().unwrap();
    });
    assert!(seen.iter().all(|&times| times == 1));
}

#[test]
fn rule_62_selects_leave_nothing_behind() {
    const SELECTS: usize = 5_000;
    let (busy, quiet) = (Chan::new(0), Chan::<usize>::new(0));
    thread::scope(|s| {
        s.spawn(|| (0..SELECTS).for_each(|n| busy.send(n)));
        for _ in 0..SELECTS {
            select! { recv(quiet) -> _ => unreachable!(), recv(busy) -> _ => {} }
        }
    });
    assert_eq!(waits_on(&quiet), 0);
    assert_eq!(waits_on(&busy), 0);
}

#[test]
fn rule_65_bodies_act_on_the_code_around() {
    fn question(rx: &Receiver<i32>) -> Result<i32, chan_core::RecvError> {
        Ok(select! { recv(rx) -> value => value? + 1 })
    }
    fn early(chan: &Chan<i32>) -> &'static str {
        select! {
            recv(chan) -> _ => return "early",
            default => {}
        }
        "late"
    }
    let (tx, rx) = bounded(1);
    tx.send(1).unwrap();
    drop(tx);
    assert_eq!(question(&rx), Ok(2));
    assert!(question(&rx).is_err());
    assert_eq!((early(&ready(1)), early(&Chan::new(0))), ("early", "late"));
    let (mut rounds, chan) = (0, Chan::new(3));
    (0..3).for_each(|n| chan.send(n));
    chan.close();
    loop {
        select! {
            recv(chan) -> value => match value {
                Some(0) => continue,
                Some(_) => rounds += 1,
                None => break,
            },
        }
    }
    assert_eq!(rounds, 2);
}

#[test]
fn operands_are_free_again_in_the_bodies() {
    let (tx, rx) = bounded(1);
    tx.send(String::from("value")).unwrap();
    let (left, word) = (Chan::<u8>::new(0), ready(1));
    let text: String = select! {
        recv(rx) -> text => { drop(rx); drop(tx); text.unwrap() }
        recv(left) -> _ => { drop(left); String::new() }
    };
    assert_eq!(text, "value");
    drop(word);
}

#[test]
fn a_waiting_select_is_one_party_with_its_cases() {
    let (one, two) = (Chan::<i32>::new(0), Chan::<i32>::new(0));
    thread::scope(|s| {
        let (first, second) = (one.clone(), two.clone());
        let line = line!() + 1;
        let waiter = s.spawn(move || select! { recv(first) -> _ => 1, send(second, 2) -> () => 2 });
        while waits_on(&one) + waits_on(&two) < 2 {
            thread::yield_now();
        }
        let all = observe::channels();
        let waits: Vec<_> = all
            .iter()
            .flat_map(|channel| channel.snapshot().waits)
            .collect();
        let here = |wait: &&observe::Wait| wait.site.file() == file!() && wait.site.line() == line;
        let mut mine: Vec<_> = waits.iter().filter(here).collect();
        mine.sort_by_key(|wait| wait.case);
        assert_eq!(mine.len(), 2);
        assert_eq!(mine[0].party, mine[1].party);
        assert_eq!((mine[0].case, mine[1].case, mine[0].cases), (0, 1, 2));
        assert_eq!(mine[0].reason.to_string(), "select");
        assert_eq!(mine[1].direction, observe::Direction::Send);
        assert_eq!(two.recv(), Some(2));
        assert_eq!(waiter.join().unwrap(), 2);
    });
    assert_eq!(waits_on(&one), 0);
}

#[test]
fn a_timeout_leaves_its_values() {
    let chan = Chan::new(0);
    let start = Instant::now();
    let sent = select! {
        send(chan, 1) -> () => true,
        default(Duration::from_millis(30)) => false,
    };
    assert!(!sent && start.elapsed() >= Duration::from_millis(30));
    assert!(chan.try_recv().is_err());
    let (chan, late) = (Chan::new(0), Chan::<i32>::new(0));
    thread::scope(|s| {
        s.spawn(|| chan.send(4));
        let got = select! {
            recv(late) -> value => value,
            recv(chan) -> value => value,
            default(Duration::from_secs(20)) => None,
        };
        assert_eq!(got, Some(4));
    });
}
