//! The rules of select by their numbers in docs/go-parity.md, where a program
//! of Go does not show them by itself. Those of nil and of panics are run
//! with Go's manners only.

use std::pin::pin;

use chan_core::Empty;
use chan_core::observe::{self, Channel, WaitReason};

use crate::choose::{choose, on};
use crate::common::parked;
use crate::support::assert_fair;
use crate::worlds::{Ch, World, panic_text, sized};

/// Until so many cases wait on a channel.
async fn until_parked<W: World>(w: &W, seen: &Channel, cases: usize) {
    w.until(|| parked(seen) == cases).await;
}

/// Rule 46: a select that waits has evaluated its operands once, before it
/// waited, and does not do so again when it is woken.
pub(crate) async fn rule_46_nothing_is_evaluated_again_after_the_wait<W: World>(w: W) {
    let ((quiet, seen), out, ended) = (w.watched::<u32>(0), w.chan(0), w.chan(0));
    w.go({
        let (w, quiet, out, ended) = (w.clone(), quiet.clone(), out.clone(), ended.clone());
        async move {
            let mut made = 0;
            let mut one = |chan: &Ch<W, u32>| {
                made += 1;
                (chan.clone(), made)
            };
            let ((first, _), (second, value)) = (one(&quiet), one(&out));
            choose! { w;
                recv({ one(&first); &first }) -> _ => unreachable!("nobody sends"),
                send({ one(&second); &second }, one(&out).1 + value) -> () => {},
            }
            ended.send(made).await;
        }
    });
    until_parked(&w, &seen, 1).await;
    assert_eq!(out.value().await, 5 + 2);
    assert_eq!(ended.value().await, 5, "two before, three in the select");
}

/// Rule 47: the pattern and the body of a case that has lost are not run,
/// also after a wait.
pub(crate) async fn rule_47_a_loser_is_not_run_after_the_wait<W: World>(w: W) {
    let ((quiet, seen), chan, ended) = (w.watched::<u32>(0), w.chan(0), w.chan(0));
    w.go({
        let (w, quiet, chan, ended) = (w.clone(), quiet.clone(), chan.clone(), ended.clone());
        async move {
            let mut ran = Vec::new();
            choose! { w;
                recv(quiet) -> _ => ran.push("quiet"),
                recv(chan) -> _ => ran.push("chan"),
                send(quiet, 1) -> () => ran.push("send"),
            }
            ended.send(ran).await;
        }
    });
    until_parked(&w, &seen, 2).await;
    chan.send(1).await;
    assert_eq!(ended.value().await, ["chan"]);
}

/// Rule 50: the default is taken if nothing can go on, and never otherwise.
pub(crate) async fn rule_50_default_exactly_if_nothing_can_go_on<W: World>(w: W) {
    let (a, b) = (w.chan(1), w.chan(2));
    let mut rng = fastrand::Rng::with_seed(50);
    for _ in 0..sized(2000, 20_000) {
        // Any state of the two.
        for chan in [&a, &b] {
            match rng.bool() {
                true => drop(chan.try_send(0)),
                false => drop(chan.try_recv()),
            }
        }
        let (in_a, in_b) = (a.len(), b.len());
        let took = choose! { w; recv(a) -> _ => true, recv(b) -> _ => true; default => false };
        assert_eq!(took, in_a + in_b > 0);
        let (in_a, in_b) = (a.len(), b.len());
        let took =
            choose! { w; send(a, 1) -> () => true, send(b, 1) -> () => true; default => false };
        assert_eq!(took, in_a + in_b < 3);
    }
}

/// Rule 51: without a default it waits until one can go on, whichever it is
/// and whatever makes it so.
pub(crate) async fn rule_51_it_waits_until_one_can_go_on<W: World>(w: W) {
    for which in 0..3 {
        let ((a, seen), b, full, ended) = (w.watched(0), w.chan(1), w.chan(1), w.chan(0));
        full.send(0).await;
        w.go({
            let (w, a, b, full) = (w.clone(), a.clone(), b.clone(), full.clone());
            let ended = ended.clone();
            async move {
                let won = choose! { w;
                    recv(a) -> value => (0, value),
                    recv(b) -> value => (1, value),
                    send(full, 5) -> () => (2, None),
                };
                ended.send(won).await;
            }
        });
        until_parked(&w, &seen, 1).await;
        assert_eq!(ended.try_recv(), Err(Empty), "it waits");
        let expected = match which {
            0 => {
                a.send(3).await;
                (0, Some(3))
            }
            1 => {
                b.close();
                (1, None)
            }
            _ => {
                assert_eq!(full.recv().await, Some(0));
                (2, None)
            }
        };
        assert_eq!(ended.value().await, expected);
        assert_eq!(
            (parked(&seen), full.len()),
            (0, 1),
            "nothing else has happened"
        );
    }
}

/// Rule 52: a case is switched off and on by making its channel nil, as in a
/// merge that forgets what has ended.
pub(crate) async fn rule_52_a_case_is_switched_off_by_nil<W: World>(w: W) {
    let count = sized(300, 5000);
    let (a, b) = (w.chan(0), w.chan(3));
    for (chan, from) in [(a.clone(), 0), (b.clone(), count)] {
        w.go(async move {
            for n in from..from + count {
                chan.send(n).await;
            }
            chan.close();
        });
    }
    let (mut a, mut b) = (Some(a), Some(b));
    let mut seen = Vec::new();
    while a.is_some() || b.is_some() {
        choose! { w;
            recv(a) -> value => match value {
                Some(value) => seen.push(value),
                None => a = None,
            },
            recv(b) -> value => match value {
                Some(value) => seen.push(value),
                None => b = None,
            },
        }
    }
    let (of_a, of_b): (Vec<usize>, Vec<usize>) = seen.into_iter().partition(|&n| n < count);
    assert!(of_a.into_iter().eq(0..count), "all, in order");
    assert!(of_b.into_iter().eq(count..2 * count), "all, in order");
    let both = choose! { w; recv(a) -> _ => false, recv(b) -> _ => false; default => true };
    assert!(both, "nil is as if absent");
}

/// Rule 53: a select of nothing and one of nil channels are seen to wait, by
/// their names, and never end.
pub(crate) async fn rule_53_a_select_of_nothing_is_seen<W: World>(w: W) {
    let reasons = || {
        let here = |wait: &observe::Wait| wait.site.file() == file!();
        let all = observe::nil_waits().into_iter().filter(here);
        all.map(|wait| wait.reason).collect::<Vec<_>>()
    };
    crate::choose::blocks(&w, async move {
        if W::BLOCKS {
            chan_select::select! {}
        }
        let mut nothing = pin!(async {
            chan_select::select_async! {}
        });
        std::future::poll_fn(|cx| {
            assert!(nothing.as_mut().poll(cx).is_pending());
            assert!(reasons().contains(&WaitReason::SelectNoCases));
            std::task::Poll::<()>::Pending
        })
        .await;
    })
    .await;
    if W::BLOCKS {
        assert!(reasons().contains(&WaitReason::SelectNoCases));
    }
    assert_eq!(WaitReason::SelectNoCases.to_string(), "select (no cases)");
}

/// Rule 54: a receive from a closed channel is ready and competes with the
/// others as one of them; the default is not taken.
pub(crate) async fn rule_54_a_closed_receive_competes<W: World>(w: W) {
    let trials = sized(2000, 10_000);
    let (closed, full) = (w.chan::<usize>(1), w.chan(trials));
    closed.send(9).await;
    closed.close();
    for n in 0..trials {
        full.send(n).await;
    }
    let first = choose! { w; recv(closed) -> value => value; default => unreachable!() };
    assert_eq!(first, Some(9), "it is drained first");
    let mut ends = 0;
    for _ in 0..trials {
        ends += choose! { w;
            recv(closed) -> value => { assert_eq!(value, None); 1 },
            recv(full) -> value => { assert!(value.is_some()); 0 };
            default => unreachable!("both are ready")
        };
    }
    assert_fair(ends, trials, 0.5);
}

/// Rule 55: a send on a closed channel panics when it is chosen, and only
/// then; as often as chance will have it.
pub(crate) async fn rule_55_a_closed_send_panics_if_it_is_chosen<W: World>(w: W) {
    let trials = sized(300, 3000);
    let (closed, ready) = (w.chan(1), w.chan::<u8>(0));
    closed.close();
    ready.close();
    let mut panics = 0;
    for _ in 0..trials {
        let text = panic_text(async {
            on! {
                send(closed, 1) -> () => unreachable!("sent on closed"),
                recv(ready) -> _ => panic!("the other"),
            }
        });
        let text = text.await;
        let closed = text.starts_with("send on closed channel");
        assert!(closed || text == "the other", "{text}");
        panics += usize::from(closed);
    }
    assert_fair(panics, trials, 0.5);
}

/// Rule 55: a close of what a select waits to send to ends it with the panic;
/// a close of what it waits to receive from with the end.
pub(crate) async fn rule_55_a_close_ends_a_select_that_waits<W: World>(w: W) {
    for sends in [false, true] {
        let ((chan, seen), ended) = (w.watched(0), w.chan(0));
        w.go({
            let (quiet, chan, ended) = (w.chan::<u8>(0), chan.clone(), ended.clone());
            async move {
                let text = panic_text(async {
                    if sends {
                        on! { recv(quiet) -> _ => {}, send(chan, 1) -> () => {} }
                    } else {
                        let end = on! { send(quiet, 1) -> () => Some(1), recv(chan) -> v => v };
                        panic!("{end:?}");
                    }
                });
                ended.send(text.await).await;
            }
        });
        until_parked(&w, &seen, 1).await;
        chan.close();
        let text = ended.value().await;
        let expected = if sends {
            "send on closed channel"
        } else {
            "None"
        };
        assert!(text.starts_with(expected), "{text}");
    }
}

/// Rule 58: inside a case the order is that of a plain operation: a receive
/// takes the oldest of the buffer and lets the waiting sender in, a send meets
/// a waiting receiver before room.
pub(crate) async fn rule_58_a_case_tries_in_the_order_of_its_operation<W: World>(w: W) {
    let ((chan, seen), quiet) = (w.watched(2), w.chan::<u32>(0));
    for n in 1..=4 {
        let (w2, chan) = (w.clone(), chan.clone());
        w.go(async move {
            drop(w2);
            chan.send(n).await;
        });
        w.until(|| seen.snapshot().len + parked(&seen) == n as usize)
            .await;
    }
    for n in 1..=4 {
        let got = choose! { w; recv(quiet) -> _ => None, recv(chan) -> value => value };
        assert_eq!(got, Some(n));
    }
    let ended = w.chan(0);
    w.go({
        let (chan, ended) = (chan.clone(), ended.clone());
        async move { ended.send(chan.recv().await).await }
    });
    until_parked(&w, &seen, 1).await;
    choose! { w; recv(quiet) -> _ => {}, send(chan, 9) -> () => {} }
    assert_eq!(chan.len(), 0, "it went past the buffer");
    assert_eq!(ended.value().await, Some(9));
}

/// Rule 59: two that come for one waiting select at the same time: one of
/// them meets it, the other finds nobody.
pub(crate) async fn rule_59_of_two_that_come_one_meets_the_select<W: World>(w: W) {
    let rounds = sized(500, 10_000);
    let ((a, seen), b, ended) = (w.watched(0), w.chan(0), w.chan(0));
    let (start, came) = (w.chan(0), w.chan(2));
    for chan in [a.clone(), b.clone()] {
        let (start, came) = (start.clone(), came.clone());
        w.go(async move {
            while let Some(round) = start.recv().await {
                came.send(usize::from(chan.try_send(round).is_ok())).await;
            }
        });
    }
    w.go({
        let (w, ended) = (w.clone(), ended.clone());
        async move {
            for _ in 0..rounds {
                let got = choose! { w; recv(a) -> value => value, recv(b) -> value => value };
                ended.send(got).await;
            }
        }
    });
    for round in 0..rounds {
        until_parked(&w, &seen, 1).await;
        start.send(round).await;
        start.send(round).await;
        let met = came.value().await + came.value().await;
        assert_eq!(met, 1, "round {round}");
        assert_eq!(ended.value().await, Some(round));
    }
    start.close();
}

/// Rule 60: the select is told what happened when it happened. What comes
/// after, before it runs, changes nothing.
pub(crate) async fn rule_60_the_winner_is_told_what_happened<W: World>(w: W) {
    for sends in [false, true] {
        let ((chan, seen), quiet, ended) = (w.watched(0), w.chan::<u32>(0), w.chan(1));
        w.go({
            let (w, chan, quiet, ended) = (w.clone(), chan.clone(), quiet.clone(), ended.clone());
            async move {
                let got = if sends {
                    choose! { w; recv(quiet) -> _ => None, send(chan, 6) -> () => Some(6) }
                } else {
                    choose! { w; recv(quiet) -> _ => None, recv(chan) -> value => value }
                };
                ended.send(got).await;
            }
        });
        until_parked(&w, &seen, 1).await;
        match sends {
            true => assert_eq!(chan.try_recv(), Ok(Some(6))),
            false => assert!(chan.try_send(6).is_ok()),
        }
        // The other case would be ready now, and this one says the end.
        chan.close();
        quiet.close();
        assert_eq!(ended.value().await, Some(6));
    }
}

/// Rule 62: selects in every manner, of those that win, lose and give up at
/// once, leave nobody in any queue.
pub(crate) async fn rule_62_nobody_is_left_in_a_queue<W: World>(w: W) {
    let count = sized(500, 10_000);
    let ((quiet, seen), (busy, seen_busy)) = (w.watched::<usize>(0), w.watched(0));
    w.go({
        let busy = busy.clone();
        async move {
            for n in 0..count {
                busy.send(n).await;
            }
        }
    });
    for _ in 0..count {
        choose! { w;
            recv(quiet) -> _ => unreachable!("nobody sends"),
            recv(busy) -> _ => {},
            send(quiet, 1) -> () => unreachable!("nobody receives"),
        }
        choose! { w; recv(quiet) -> _ => unreachable!(); default => {} }
    }
    assert!(seen.snapshot().waits.is_empty());
    // The last sender has been served, and may not have run since.
    w.until(|| seen_busy.snapshot().waits.is_empty()).await;
    assert_eq!(quiet.try_recv(), Err(Empty));
}

/// Rule 64: a select of one case, with a default or without, does what the
/// plain operation does: the same script on two channels has the same course.
pub(crate) async fn rule_64_one_case_is_the_plain_operation<W: World>(w: W) {
    let mut rng = fastrand::Rng::with_seed(64);
    for capacity in 0..4 {
        let (plain, chan) = (w.chan(capacity), w.chan(capacity));
        for n in 0..sized(300, 3000) {
            if rng.bool() {
                let sent = choose! { w; send(chan, n) -> () => Ok(()); default => Err(n) };
                assert_eq!(sent, plain.try_send(n));
            } else {
                let got = choose! { w; recv(chan) -> value => Ok(value); default => Err(Empty) };
                assert_eq!(got, plain.try_recv());
            }
            assert_eq!(chan.len(), plain.len());
            // Where the plain one would not wait, a select does not.
            if chan.len() < capacity {
                choose! { w; send(chan, n) -> () => {} }
                plain.send(n).await;
            } else if !rng.bool() && capacity > 0 {
                let got = choose! { w; recv(chan) -> value => value };
                assert_eq!(got, plain.recv().await);
            }
        }
        chan.close();
        plain.close();
        while let Some(value) = plain.recv().await {
            let got = choose! { w; recv(chan) -> value => value };
            assert_eq!(got, Some(value));
        }
        assert_eq!(choose! { w; recv(chan) -> value => value }, None);
    }
}
