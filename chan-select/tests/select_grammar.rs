//! What may be written in a `select!`, what is evaluated of it, and how its
//! bodies act on the code around it.
#![cfg(not(loom))]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use chan_core::{Chan, Receiver, RecvError, Sender, bounded, never};
use chan_select::select;

/// A channel with these values in it.
fn filled<T>(values: impl IntoIterator<Item = T>) -> (Sender<T>, Receiver<T>) {
    let values: Vec<T> = values.into_iter().collect();
    let (tx, rx) = bounded(values.len());
    values
        .into_iter()
        .for_each(|value| assert!(tx.try_send(value).is_ok()));
    (tx, rx)
}

// ---- Evaluation. ----

#[test]
fn operands_are_evaluated_once_in_source_order() {
    let (log, chan, nil) = (RefCell::new(Vec::new()), Chan::new(1), Chan::nil());
    let note = |what| log.borrow_mut().push(what);
    let at = |what, chan| {
        note(what);
        chan
    };
    for full in [false, true] {
        log.borrow_mut().clear();
        let won = select! {
            recv(at("a", &nil)) -> _ => "a",
            send(at("b", &chan), { note("b value"); 1 }) -> () => "b",
            send(at("c", &nil), { note("c value"); 2 }) -> () => "c",
            recv(at("d", &nil)) -> _ => "d",
            default => "default",
        };
        assert_eq!(won, if full { "default" } else { "b" });
        assert_eq!(log.take(), ["a", "b", "b value", "c", "c value", "d"]);
    }
}

#[test]
fn operands_are_not_evaluated_again_while_it_waits() {
    let (times, idle) = (Cell::new(0), Chan::<u8>::new(0));
    let operand = || {
        times.set(times.get() + 1);
        &idle
    };
    select! { recv(operand()) -> _ => {}, default(Duration::from_millis(5)) => {} }
    assert_eq!(times.get(), 1);
}

#[test]
fn the_value_of_a_send_that_loses_is_dropped() {
    let (value, full) = (Rc::new(()), Chan::new(0));
    select! { send(full, value.clone()) -> () => unreachable!(), default => {} }
    assert_eq!(Rc::strong_count(&value), 1);
    let (_tx, rx) = filled([1]);
    select! { send(full, value.clone()) -> () => unreachable!(), recv(rx) -> _ => {} }
    assert_eq!(Rc::strong_count(&value), 1);
    let kept = Chan::new(1);
    select! { send(kept, value.clone()) -> () => {}, default => unreachable!() }
    assert_eq!(Rc::strong_count(&value), 2);
}

#[test]
fn only_the_body_that_won_is_evaluated() {
    let (_tx, rx) = filled([5]);
    let idle = Chan::<u8>::new(0);
    let mut ran = Vec::new();
    select! {
        recv(idle) -> _ => ran.push(0),
        recv(rx) -> Ok(5) | Err(RecvError) | Ok(_) => ran.push(1),
        send(idle, 1) -> () => ran.push(2),
        default(Duration::from_secs(1)) => ran.push(3),
    }
    assert_eq!(ran, [1]);
}

#[test]
fn temporaries_are_operands() {
    let (tx, rx) = filled([1]);
    let got = select! {
        recv(rx.clone()) -> value => value,
        recv({ let other = rx.clone(); drop(rx.clone()); other }) -> value => value,
        recv(Some(never::<i32>())) -> value => value,
    };
    assert_eq!(got, Ok(1));
    select! { send(Some(tx.clone()), got.unwrap() + 1) -> sent => sent.unwrap() }
    assert_eq!(rx.recv(), Ok(2));
    assert_eq!((tx.sender_count(), rx.receiver_count()), (1, 1));
}

#[test]
fn a_body_may_consume_the_operands() {
    let (tx, rx) = filled([String::from("last")]);
    let got = select! {
        recv(rx) -> value => {
            drop(rx);
            drop(tx);
            value
        }
        send(tx, String::new()) -> _ => Err(RecvError),
    };
    assert_eq!(got.as_deref(), Ok("last"));
}

#[test]
fn a_body_may_select_on_the_same_channels() {
    let (tx, rx) = filled([1, 2]);
    let sum = select! {
        recv(rx) -> one => select! {
            recv(rx) -> other => one.unwrap() + other.unwrap(),
            default => 0,
        },
    };
    assert_eq!(sum, 3);
    assert!(tx.is_empty());
}

#[test]
fn values_may_be_borrowed_and_borrow() {
    let text = String::from("here");
    let (_tx, rx) = filled([text.as_str()]);
    let got: &str = select! { recv(rx) -> value => value.unwrap() };
    assert_eq!(got, "here");
}

// ---- Control flow. ----

#[test]
fn break_and_continue_are_those_of_the_loop() {
    let (tx, rx) = filled(0..6);
    tx.close().unwrap();
    let mut odd = Vec::new();
    let end = loop {
        let value = select! {
            recv(rx) -> value => match value {
                Ok(value) if value % 2 == 0 => continue,
                Ok(value) => value,
                Err(_) => break "closed",
            },
        };
        odd.push(value);
    };
    assert_eq!((end, odd), ("closed", vec![1, 3, 5]));
}

#[test]
fn break_reaches_a_label() {
    let (_tx, rx) = filled([1, 2]);
    let mut rounds = 0;
    'outer: loop {
        loop {
            rounds += 1;
            select! {
                recv(rx) -> value => if value == Ok(2) { break },
                default => break 'outer,
            }
        }
    }
    assert_eq!(rounds, 3);
}

#[test]
fn return_and_question_mark_leave_the_function() {
    fn first(rx: &Receiver<i32>, idle: &Chan<()>) -> Result<i32, RecvError> {
        let value = select! {
            recv(rx) -> value => value?,
            recv(idle) -> _ => unreachable!(),
            default => return Ok(-1),
        };
        Ok(value * 10)
    }
    let (tx, rx) = filled([4]);
    let idle = Chan::new(0);
    assert_eq!(first(&rx, &idle), Ok(40));
    assert_eq!(first(&rx, &idle), Ok(-1));
    drop(tx);
    assert_eq!(first(&rx, &idle), Err(RecvError));
}

#[test]
fn every_body_may_diverge() {
    #[allow(clippy::needless_return, reason = "it is what is tested")]
    fn which(rx: &Receiver<i32>) -> i32 {
        select! {
            recv(rx) -> value => return value.unwrap(),
            default => return -1,
        }
    }
    let (_tx, rx) = filled([4]);
    assert_eq!([which(&rx), which(&rx)], [4, -1]);
}

// ---- Forms. ----

#[test]
fn cases_are_of_any_types() {
    struct Unsized<'a>(&'a [u8]);
    let (_tx, numbers) = filled([1u64]);
    let (texts, units) = (Chan::<String>::nil(), Chan::<()>::nil());
    let (slices, _rx) = bounded::<Unsized<'_>>(0);
    let got = select! {
        recv(texts) -> text => text.map_or(0, |text| text.len() as u64),
        recv(numbers) -> number => number.unwrap(),
        recv(units) -> unit => unit.map_or(0, |()| 2),
        send(slices, Unsized(b"x")) -> back => back.unwrap_err().0.0.len() as u64,
    };
    assert_eq!(got, 1);
}

#[test]
fn commas_and_blocks_stand_where_they_may() {
    let (chan, mut log) = (Chan::new(8), Vec::new());
    select! { send(chan, 1) -> _ => log.push(1) }
    select! { send(chan, 2,) -> _ => log.push(2), }
    select! { send(chan, 3) -> _ => { log.push(3) } }
    select! { send(chan, 4) -> _ => { log.push(4) }, }
    select! { recv(chan,) -> value => { log.extend(value) } default => {} }
    select! { default => {}, recv(chan) -> value => { log.extend(value) }, }
    select! { recv(chan) -> value => log.extend(value), default(Duration::ZERO,) => {}, }
    select!(recv(chan) -> value => log.push(value.unwrap()),);
    assert_eq!(log, [1, 2, 3, 4, 1, 2, 3, 4]);
    select! { default => log.clear() }
    assert!(log.is_empty());
    select! { default(Duration::ZERO) => { log.push(1) } }
    assert_eq!(log, [1]);
}

#[test]
fn a_default_may_stand_anywhere() {
    let (_tx, rx) = filled([1]);
    for ready in [true, false] {
        let first = select! { default => false, recv(rx) -> _ => true };
        assert_eq!(first, ready);
    }
    let middle = select! {
        recv(rx) -> _ => false,
        default(Duration::ZERO) => true,
        recv(rx) -> _ => false,
    };
    assert!(middle);
}

#[test]
fn there_may_be_many_cases() {
    let chans: [Chan<usize>; 16] = std::array::from_fn(|_| Chan::new(1));
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = &chans;
    for (index, chan) in chans.iter().enumerate() {
        chan.send(index);
        let (case, value) = select! {
            recv(a) -> v => (0, v), recv(b) -> v => (1, v), recv(c) -> v => (2, v),
            recv(d) -> v => (3, v), recv(e) -> v => (4, v), recv(f) -> v => (5, v),
            recv(g) -> v => (6, v), recv(h) -> v => (7, v), recv(i) -> v => (8, v),
            recv(j) -> v => (9, v), recv(k) -> v => (10, v), recv(l) -> v => (11, v),
            recv(m) -> v => (12, v), recv(n) -> v => (13, v), recv(o) -> v => (14, v),
            recv(p) -> v => (15, v),
        };
        assert_eq!((case, value), (index, Some(index)));
    }
}

#[test]
fn a_select_is_an_expression() {
    let (_tx, rx) = filled([2]);
    let twice = |n: i32| 2 * n;
    assert_eq!(twice(select! { recv(rx) -> value => value.unwrap() }), 4);
    assert!(select! { recv(rx) -> _ => false, default => true });
}

#[test]
fn names_around_it_are_not_disturbed() {
    let (won, never, rx) = (1, 2, filled([3]).1);
    let sum = select! { recv(rx) -> value => won + never + value.unwrap(), default => won };
    assert_eq!(sum, 6);
}

#[test]
fn a_value_that_is_ignored_is_dropped_before_the_body() {
    let value = Rc::new(());
    let chan = Chan::new(1);
    chan.send(value.clone());
    select! { recv(chan) -> _ => assert_eq!(Rc::strong_count(&value), 1) }
    chan.send(value.clone());
    select! { recv(chan) -> _kept => assert_eq!(Rc::strong_count(&value), 2) }
}

#[test]
fn a_timeout_is_evaluated_at_its_place() {
    let (chan, log) = (Chan::<u8>::new(1), RefCell::new(Vec::new()));
    let seen = |name, duration: Duration| {
        log.borrow_mut().push(name);
        duration
    };
    select! {
        recv({ log.borrow_mut().push("operand"); chan.clone() }) -> _ => {},
        default(seen("timeout", Duration::ZERO)) => {},
        recv({ log.borrow_mut().push("another"); chan.clone() }) -> _ => {},
    }
    assert_eq!(*log.borrow(), ["operand", "timeout", "another"]);
}

#[test]
fn a_hundred_and_twenty_cases_compile() {
    let chan = Chan::new(1);
    chan.send(1);
    macro_rules! of_tens {
        ($($ten:tt)*) => {
            select! {
                $(
                    recv(chan) -> v => (v, $ten), recv(chan) -> v => (v, $ten),
                    recv(chan) -> v => (v, $ten), recv(chan) -> v => (v, $ten),
                    recv(chan) -> v => (v, $ten), recv(chan) -> v => (v, $ten),
                    recv(chan) -> v => (v, $ten), recv(chan) -> v => (v, $ten),
                    recv(chan) -> v => (v, $ten), recv(chan) -> v => (v, $ten),
                )*
            }
        };
    }
    let (value, ten) = of_tens!(0 1 2 3 4 5 6 7 8 9 10 11);
    assert!(value == Some(1) && ten < 12);
}

/// A select that another macro writes has bodies which that has already read.
#[test]
fn bodies_may_be_expressions_of_another_macro() {
    macro_rules! value_or {
        ($chan:expr, $value:ident => $some:expr, $none:expr) => {
            select! { recv($chan) -> $value => $some, default => $none }
        };
    }
    let chan = Chan::new(1);
    assert_eq!(value_or!(chan, value => value, Some(-1)), Some(-1));
    chan.send(1);
    assert_eq!(value_or!(chan, value => { value }, { Some(-1) }), Some(1));
}

#[test]
#[deny(unused_braces)]
fn bodies_may_have_braces_without_need() {
    let chan = Chan::<u8>::new(0);
    chan.close();
    let is_end = |value: Option<u8>| value.is_none();
    assert!(select! { recv(chan) -> value => { is_end(value) } });
    assert!(select! {
        recv(chan) -> value => { is_end(value) }
        recv(chan) -> value => { is_end(value) },
        default(Duration::MAX) => { is_end(Some(1)) }
    });
}
