//! `Select`: cases that come and go, for threads and for tasks.

#[path = "support/mod.rs"]
mod support;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe::WaitReason;
use chan_core::{Builder, Chan, RecvError, SendError, bounded, never};
use chan_select::{CaseKey, Select, SendKey};
use support::{assert_fair, until_waiting, waits};

const SOON: Duration = Duration::from_millis(2);

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Forgets a future, which stays where it is. Noted down, so that a leak
/// checker knows that it is meant.
fn forget<F>(future: Pin<Box<F>>) {
    static FORGOTTEN: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let place = std::ptr::from_ref(&*future).addr();
    FORGOTTEN.lock().unwrap().push(place);
    std::mem::forget(future);
}

/// The panic's text.
fn panics(f: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(f)).expect_err("it should panic");
    let text = panic.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| (*panic.downcast_ref::<&str>().unwrap()).to_owned())
}

#[test]
fn every_kind_of_operand_is_a_case() {
    #[derive(Debug, PartialEq)]
    enum Said {
        Go(Option<u8>),
        Rust(Result<&'static str, RecvError>),
        Sent,
        SentRust(Result<(), SendError<u8>>),
    }
    let (chan, view) = (Chan::new(1), Chan::new(1));
    let (tx, rx) = bounded(1);
    let (out, _kept) = bounded(1);
    let (nothing, idle) = (None::<Chan<u8>>, never::<u8>());
    let receiver = chan.receiver();
    let sender = view.sender();

    let mut select = Select::new();
    select.recv(&receiver, Said::Go);
    select.recv(&rx, Said::Rust);
    select.send(&sender, 3, |()| Said::Sent);
    select.send(&out, 4, Said::SentRust);
    select.recv(&nothing, Said::Go);
    select.recv(&idle, |value| Said::Go(value.ok()));
    assert_eq!(select.len(), 6);

    chan.send(1);
    tx.send("two").unwrap();
    let mut said: Vec<_> = std::iter::from_fn(|| select.try_select()).collect();
    said.sort_by_key(|said| format!("{said:?}"));
    let all = [
        Said::Go(Some(1)),
        Said::Rust(Ok("two")),
        Said::Sent,
        Said::SentRust(Ok(())),
    ];
    assert_eq!(said, all);
    assert_eq!(view.recv(), Some(3));
}

#[test]
fn closed_cases_are_ready() {
    let (chan, (tx, rx)) = (Chan::<u8>::new(0), bounded::<u8>(0));
    chan.close();
    drop(rx);
    let mut select = Select::new();
    select.recv(&chan, |value| format!("{value:?}"));
    assert_eq!(select.select(), "None");
    let mut select = Select::new();
    let out = select.send(&tx, 7, |result| result);
    assert_eq!(select.select(), Err(SendError(7)));
    assert_eq!(select.take_back(out), None, "it came with the error");
    // Rule 55: the effect of a send on a closed channel is its panic.
    let mut select = Select::new();
    select.send(&chan, 1, |()| ());
    assert!(panics(|| select.select()).starts_with("send on closed channel"));
    assert_eq!(select.try_select(), None, "the value went with the panic");
}

#[test]
fn values_stay_in_their_cases_until_they_go() {
    let (a, b) = (Chan::new(0), Chan::new(0));
    let mut select = Select::new();
    let to_a = select.send(&a, "a", |()| 'a');
    let to_b = select.send(&b, "b", |()| 'b');
    assert_eq!(select.select_timeout(SOON), None);
    assert_eq!(select.select_deadline(Instant::now()), None);
    thread::scope(|s| {
        s.spawn(|| assert_eq!(b.recv(), Some("b")));
        assert_eq!(select.select(), 'b');
    });
    assert_eq!(select.put(to_b, "again"), Ok(None));
    assert_eq!(select.put(to_b, "another"), Ok(Some("again")));
    assert_eq!(select.take_back(to_a), Some("a"));
    assert_eq!(select.take_back(to_a), None);
    thread::scope(|s| {
        s.spawn(|| assert_eq!(b.recv(), Some("another")));
        assert_eq!(select.select(), 'b');
    });
}

#[test]
fn keys_are_of_one_case_of_one_select() {
    let (chan, nil) = (Chan::new(0), Chan::nil());
    let (mut one, mut two) = (Select::new(), Select::new());
    let first = one.send(&chan, 1_u8, |()| ());
    let other = two.send(&chan, 2_u8, |()| ());
    assert_eq!((first.key().index(), other.key().index()), (0, 0));
    assert_ne!(first, other);
    assert_eq!(two.take_back(first), None);
    assert_eq!(two.put(first, 9), Err(9));
    assert!(!two.remove(first) && !two.first(first, true));
    // A number is used again, a key is not.
    assert!(one.remove(first));
    let text = one.send(&nil, String::new(), |()| ()).key();
    assert_eq!(text.index(), 0);
    assert_eq!(one.put(first, 3), Err(3));
    assert_eq!(one.take_back(first), None);
    assert!(one.remove(text) && one.is_empty());
}

#[test]
fn cases_come_and_go_between_selects() {
    let chans: Vec<Chan<usize>> = (0..5).map(|_| Chan::new(5)).collect();
    let mut select = Select::new();
    let keys: Vec<CaseKey> = chans
        .iter()
        .map(|chan| select.recv(chan, Option::unwrap))
        .collect();
    for (round, key) in keys.into_iter().enumerate() {
        for (n, chan) in chans.iter().enumerate() {
            chan.send(10 * round + n);
        }
        assert!(select.remove(key));
        let mut got: Vec<usize> = std::iter::from_fn(|| select.try_select()).collect();
        got.sort_unstable();
        let expected: Vec<usize> = (round + 1..5).map(|n| 10 * round + n).collect();
        assert_eq!(got, expected);
    }
    assert!(select.is_empty());
}

/// Go's text names reflect, which we have not.
#[test]
fn rule_63_at_most_65536_cases() {
    let chan = Chan::<u8>::new(1);
    let mut select = Select::new();
    let keys: Vec<CaseKey> = (0..1 << 16).map(|_| select.recv(&chan, |_| ())).collect();
    let text = panics(|| _ = select.recv(&chan, |_| ()));
    assert_eq!(text, "select: too many cases (max 65536)");
    assert_eq!(select.len(), 1 << 16);
    chan.send(1);
    select.select();
    assert_eq!(select.select_timeout(SOON), None);
    assert!(select.remove(keys[70]));
    assert_eq!(select.recv(&chan, |_| ()).index(), 70);
}

#[test]
fn rule_48_the_choice_is_uniform_behind_idle_cases() {
    const MANY: usize = 12_000;
    let (idle, busy) = (Chan::<usize>::new(0), Chan::new(MANY));
    (0..MANY).for_each(|n| busy.send(n));
    let mut select = Select::new();
    for _ in 0..2 {
        select.recv(&idle, |_| unreachable!("nobody sends"));
    }
    for n in 0..3_usize {
        select.recv(&busy, move |_| n);
        select.recv(&idle, |_| unreachable!("nobody sends"));
    }
    let mut counts = [0; 3];
    (0..MANY).for_each(|_| counts[select.select()] += 1);
    for count in counts {
        assert_fair(count, MANY, 1.0 / 3.0);
    }
}

#[test]
fn it_waits_as_one_party_with_its_cases() {
    let name = "builder: one party";
    let (chan, nil) = (Builder::new().name(name).chan(), Chan::<u8>::nil());
    thread::scope(|s| {
        let waiter = s.spawn(|| {
            let mut select = Select::new();
            let gone = select.recv(&nil, |_| 0);
            select.recv(&nil, |_| 1);
            select.recv(&chan, |_| 2);
            select.send(&chan, 7_u8, |()| 3);
            select.remove(gone);
            select.select()
        });
        until_waiting(name, 2);
        let seen = waits(name);
        assert!(
            seen.iter()
                .all(|wait| wait.reason == WaitReason::Select && wait.cases == 3)
        );
        let mut indices: Vec<_> = seen.iter().map(|wait| wait.case).collect();
        indices.sort_unstable();
        assert_eq!(indices, [2, 3]);
        assert_eq!(seen[0].party, seen[1].party);
        assert!(seen.iter().all(|wait| wait.site.file() == file!()));
        assert_eq!(chan.recv(), Some(7));
        assert_eq!(waiter.join().unwrap(), 3);
    });
    assert!(waits(name).is_empty());
}

#[test]
fn a_task_waits_and_is_woken() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let ((tx, rx), chan) = (bounded(0), Chan::new(0));
    runtime.block_on(async {
        let feeder = tokio::spawn(async move {
            for n in 0..200 {
                tx.send_async(n).await.unwrap();
            }
        });
        let other = chan.clone();
        let drain = tokio::spawn(async move {
            let mut sum = 0;
            while let Some(n) = other.recv_async().await {
                sum += n;
            }
            sum
        });
        let mut select = Select::new();
        select.recv(&rx, |n| n.ok().map(|n| (n, 0)));
        let out = select.send(&chan, 1, |()| Some((0, 1)));
        let (mut received, mut sent) = (0, 0);
        while let Some((got, gone)) = select.select_async().await {
            received += got;
            sent += gone;
            if gone == 1 && sent < 200 {
                select.put(out, 1).unwrap();
            }
        }
        drop(select);
        chan.close();
        assert_eq!((received, drain.await.unwrap()), (199 * 100, sent));
        feeder.await.unwrap();
    });
}

#[test]
fn futures_dropped_or_forgotten_in_any_state_lose_nothing() {
    for forgotten in [false, true] {
        for polled in [false, true] {
            for served in [false, true] {
                let (tx, rx) = bounded(1);
                let out = Chan::new(0);
                let mut select = Select::new();
                select.recv(&rx, |value| value.ok());
                let sends = select.send(&out, 5, |()| None);
                let mut future = Box::pin(select.select_async());
                if polled {
                    assert!(poll(future.as_mut()).is_pending());
                }
                if served {
                    tx.send(1).unwrap();
                }
                if forgotten {
                    forget(future);
                } else {
                    drop(future);
                }
                // What was not sent is in its case; what was received goes on.
                assert_eq!(select.take_back(sends), Some(5));
                assert_eq!(select.try_select(), served.then_some(Some(1)));
                drop(select);
                assert!(out.try_recv().is_err());
                assert!(rx.try_recv().is_err());
            }
        }
    }
}

#[test]
fn a_forgotten_future_may_still_be_served_before_its_select_ends() {
    let (tx, rx) = bounded(1);
    let out = Chan::new(0);
    {
        let mut select = Select::new();
        select.recv(&rx, |value| value.ok());
        select.send(&out, 5, |()| None);
        let mut future = Box::pin(select.select_async());
        assert!(poll(future.as_mut()).is_pending());
        forget(future);
        assert_eq!(out.try_recv(), Ok(Some(5)), "it still waits");
        tx.send(1).unwrap();
    }
    assert_eq!(rx.try_recv(), Ok(1), "its other case was won no more");
    drop(tx);
}

#[test]
fn timeouts_of_tasks_end_on_any_executor() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let chan = Chan::<u8>::new(1);
    let mut select = Select::new();
    select.recv(&chan, |value| value);
    runtime.block_on(async {
        assert_eq!(select.select_timeout_async(SOON).await, None);
        assert_eq!(select.select_deadline_async(Instant::now()).await, None);
        chan.send(1);
        assert_eq!(
            select.select_deadline_async(Instant::now()).await,
            Some(Some(1))
        );
        let mut late = pin!(select.select_timeout_async(Duration::MAX));
        assert!(poll(late.as_mut()).is_pending());
        chan.send(2);
        assert_eq!(late.await, Some(Some(2)));
    });
}

#[test]
fn without_cases_it_waits_for_ever() {
    let mut select = Select::<()>::new();
    assert_eq!(select.try_select(), None);
    assert_eq!(select.select_timeout(SOON), None);
    let mut future = pin!(select.select_async());
    for _ in 0..3 {
        assert!(poll(future.as_mut()).is_pending());
    }
}

#[test]
fn a_function_that_panics_leaves_the_select_sound() {
    let chan = Chan::new(2);
    chan.send(1);
    chan.send(2);
    let mut select = Select::new();
    select.recv(&chan, |value: Option<i32>| {
        assert_ne!(value, Some(1), "one");
        value
    });
    assert!(panics(|| _ = select.select()).contains("one"));
    assert_eq!(select.select(), Some(2));
}

#[test]
fn it_and_its_keys_say_what_they_are() {
    fn sends<T: Send>(_: &T) {}
    let chan = Chan::<u8>::new(0);
    let mut select = Select::new();
    let out: SendKey<u8> = select.send(&chan, 1, |()| ());
    select.recv(&chan, |_| ());
    sends(&select);
    let text = format!("{select:?}");
    assert!(
        text.contains("Send(") && text.contains("Recv(") && text.contains(file!()),
        "{text}"
    );
    assert!(format!("{out:?}").contains("SendKey"));
    assert_eq!(CaseKey::from(out), out.key());
    sends(&select.select_async());
    assert!(format!("{:?}", select.select_async()).contains("SelectFuture"));
}
