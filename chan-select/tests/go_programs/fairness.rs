//! Chance: runtime/chan_test's TestSelectFairness, TestPseudoRandomSend and
//! TestSelectDuplicateChannel, and the same for selects that wait. All bounds
//! are ten standard deviations of a fair choice.

use chan_select::Select;

use crate::choose::{add_recv, add_send, choose, first_of};
use crate::support::assert_fair;
use crate::worlds::{Ch, World, sized};

/// Go's number.
const TRIALS: usize = 10_000;

/// A channel with room for so many values, and full of them.
async fn full_of<W: World>(w: &W, value: usize, count: usize) -> Ch<W, usize> {
    let chan = w.chan(count);
    for _ in 0..count {
        chan.send(value).await;
    }
    chan
}

/// TestSelectFairness: two that are ready behind two that are dead, then two
/// on which a select of receives meets a select of sends, so that one of the
/// two waits. Neither of a pair is preferred.
pub(crate) async fn go_select_fairness<W: World>(w: W) {
    let (dead, dead_too) = (w.chan(0), w.chan(0));
    let (c1, c2) = (full_of(&w, 1, TRIALS).await, full_of(&w, 2, TRIALS).await);
    let (out1, out2, done) = (w.chan(0), w.chan(0), w.chan::<()>(0));
    w.go({
        let (w, out1, out2) = (w.clone(), out1.clone(), out2.clone());
        let done = done.clone();
        async move {
            loop {
                let value = choose! { w;
                    recv(dead) -> value => value,
                    recv(dead_too) -> value => value,
                    recv(c1) -> value => value,
                    recv(c2) -> value => value,
                };
                let value = value.expect("nobody closes");
                choose! { w;
                    send(out1, value) -> () => {},
                    send(out2, value) -> () => {},
                    recv(done) -> _ => break,
                }
            }
        }
    });
    let (mut ones, mut by_out1) = (0, 0);
    for _ in 0..TRIALS {
        let (value, first) = choose! { w;
            recv(out1) -> value => (value, 1),
            recv(out2) -> value => (value, 0),
        };
        ones += usize::from(value == Some(1));
        by_out1 += first;
    }
    done.close();
    assert_fair(ones, TRIALS, 0.5);
    assert_fair(by_out1, TRIALS, 0.5);
}

/// The same by `Select`, with more dead cases between.
pub(crate) async fn rule_49_dead_cases_do_not_skew_select<W: World>(w: W) {
    let dead = w.chan(0);
    let (c1, c2) = (full_of(&w, 1, TRIALS).await, full_of(&w, 2, TRIALS).await);
    let mut select = Select::new();
    for chan in [&dead, &dead, &c1, &dead, &c2] {
        add_recv(&mut select, chan, |value| value.expect("nobody closes"));
    }
    let mut ones = 0;
    for _ in 0..TRIALS {
        ones += usize::from(first_of::<W, _>(&mut select).await == 1);
    }
    assert_fair(ones, TRIALS, 0.5);
}

/// A select that is known to wait, on two dead channels and two cases of one
/// that somebody sends to: it queues in a random order, and each of the two
/// is served as often.
pub(crate) async fn rule_48_selects_that_wait_are_fair<W: World>(w: W) {
    let trials = sized(1000, TRIALS);
    let (dead, dead_too) = (w.chan::<()>(0), w.chan::<()>(0));
    let (chan, seen) = w.watched(0);
    w.go({
        let (w, chan) = (w.clone(), chan.clone());
        async move {
            for _ in 0..trials {
                w.until(|| crate::common::parked(&seen) == 2).await;
                chan.send(()).await;
            }
        }
    });
    let mut first = 0;
    for _ in 0..trials {
        first += choose! { w;
            recv(dead) -> _ => unreachable!("it is dead"),
            recv(dead_too) -> _ => unreachable!("it is dead"),
            recv(chan) -> _ => 1,
            recv(chan) -> _ => 0,
        };
    }
    assert_fair(first, trials, 0.5);
}

/// TestPseudoRandomSend: two cases that send different values to one channel.
/// Each has half of the sends, and they come in no pattern that could be
/// foretold: as many changes from one to the other as with a coin.
pub(crate) async fn go_pseudo_random_send<W: World>(w: W) {
    let count = TRIALS;
    for capacity in [0, count] {
        let (chan, ended) = (w.chan(capacity), w.chan(0));
        w.go({
            let (chan, ended) = (chan.clone(), ended.clone());
            async move {
                let mut sequence = Vec::with_capacity(count);
                for _ in 0..count {
                    sequence.push(chan.value().await);
                }
                ended.send(sequence).await;
            }
        });
        for _ in 0..count {
            choose! { w;
                send(chan, 0) -> () => {},
                send(chan, 1) -> () => {},
            }
        }
        let sequence: Vec<usize> = ended.value().await;
        assert_fair(sequence.iter().sum(), count, 0.5);
        let changes = sequence.windows(2).filter(|two| two[0] != two[1]).count();
        assert_fair(changes, count - 1, 0.5);
    }
}

/// Each case of one channel counts: two of three that are ready.
pub(crate) async fn rule_56_cases_count_not_channels<W: World>(w: W) {
    let (twice, once) = (full_of(&w, 1, TRIALS).await, full_of(&w, 2, TRIALS).await);
    let (mut hits, mut by_first) = (0, 0);
    for _ in 0..TRIALS {
        let (hit, first) = choose! { w;
            recv(twice) -> _ => (1, 1),
            recv(once) -> _ => (0, 0),
            recv(twice) -> _ => (1, 0),
        };
        hits += hit;
        by_first += first;
    }
    assert_fair(hits, TRIALS, 2.0 / 3.0);
    assert_fair(by_first, TRIALS, 1.0 / 3.0);
}

/// TestSelectDuplicateChannel: a select that waits thrice on one channel and
/// is woken by another leaves all three places, and who waits behind it there
/// is found.
pub(crate) async fn go_select_duplicate_channel<W: World>(w: W) {
    let (c, seen) = w.watched::<u32>(0);
    let (d, e, ended) = (w.chan::<u32>(0), w.chan::<u32>(0), w.chan(0));
    w.go({
        let (w, c, d, e) = (w.clone(), c.clone(), d.clone(), e.clone());
        let ended = ended.clone();
        async move {
            let got = choose! { w;
                recv(c) -> value => (1, value),
                recv(d) -> value => (2, value),
                recv(c) -> value => (3, value),
                recv(e) -> value => (4, value),
                recv(c) -> value => (5, value),
            };
            ended.send(got).await;
        }
    });
    w.until(|| crate::common::parked(&seen) == 3).await;
    w.go({
        let (c, ended) = (c.clone(), ended.clone());
        async move { ended.send((0, c.recv().await)).await }
    });
    w.until(|| crate::common::parked(&seen) == 4).await;
    d.send(7).await;
    assert_eq!(ended.value().await, (2, Some(7)));
    w.until(|| crate::common::parked(&seen) == 1).await;
    c.send(8).await;
    assert_eq!(ended.value().await, (0, Some(8)));
    assert!(e.try_send(9).is_err() && c.try_send(9).is_err());
}

/// Sends of one `Select` have their share as well, and each sends what it has.
pub(crate) async fn rule_48_sends_have_their_share<W: World>(w: W) {
    let (dead, chan) = (w.chan(0), w.chan(TRIALS));
    let mut select = Select::new();
    add_recv(&mut select, &dead, |_: Option<()>| {
        unreachable!("it is dead")
    });
    let keys: Vec<_> = (0..2)
        .map(|n| add_send(&mut select, &chan, n, move |_| n))
        .collect();
    let mut hits = [0; 2];
    for _ in 0..TRIALS {
        let n = first_of::<W, _>(&mut select).await;
        hits[n] += 1;
        assert_eq!(select.put(keys[n], n), Ok(None), "its value has gone");
    }
    assert_fair(hits[0], TRIALS, 0.5);
    for _ in 0..TRIALS {
        hits[chan.value().await] -= 1;
    }
    assert_eq!(hits, [0, 0]);
}
