//! One case of a select runs, no value is lost or doubled, and a look sees
//! all channels at one moment: test/chan/doubleselect, and the tests of
//! runtime/chan_test with the same concern.

use crate::choose::choose;
use crate::worlds::{Ch, World, sized};

/// test/chan/doubleselect: one party sends each number to one of four
/// channels, four others bring them together again, and each comes once.
pub(crate) async fn go_doubleselect<W: World>(w: W) {
    let count = sized(3000, 100_000);
    let lanes: [Ch<W, usize>; 4] = std::array::from_fn(|_| w.chan(0));
    let (merged, ended) = (w.chan(0), w.chan(0));
    for lane in lanes.clone() {
        let (merged, ended) = (merged.clone(), ended.clone());
        w.go(async move {
            while let Some(n) = lane.recv().await {
                merged.send(n).await;
            }
            ended.send(()).await;
        });
    }
    w.go({
        let (w, merged) = (w.clone(), merged.clone());
        async move {
            let [a, b, c, d] = &lanes;
            for n in 0..count {
                choose! { w;
                    send(a, n) -> () => {},
                    send(b, n) -> () => {},
                    send(c, n) -> () => {},
                    send(d, n) -> () => {},
                }
            }
            lanes.iter().for_each(Ch::close);
            for _ in 0..lanes.len() {
                ended.value().await;
            }
            merged.close();
        }
    });
    let mut seen = vec![0; count];
    while let Some(n) = merged.recv().await {
        seen[n] += 1;
    }
    assert!(seen.iter().all(|&times| times == 1), "each once: {seen:?}");
}

/// TestSelectStress: on four channels, unbuffered and buffered, everybody
/// sends and receives a fixed number of times: four parties on a channel each
/// and one by select on all, on both sides. All come home.
pub(crate) async fn go_select_stress<W: World>(w: W) {
    let count = sized(600, 10_000);
    let chans: [Ch<W, usize>; 4] = [w.chan(0), w.chan(0), w.chan(2), w.chan(3)];
    let ended = w.chan(0);
    for chan in &chans {
        w.go({
            let (chan, ended) = (chan.clone(), ended.clone());
            async move {
                for n in 0..count {
                    chan.send(n).await;
                }
                ended.send(()).await;
            }
        });
        w.go({
            let (chan, ended) = (chan.clone(), ended.clone());
            async move {
                for _ in 0..count {
                    chan.value().await;
                }
                ended.send(()).await;
            }
        });
    }
    w.go(send_to_all(w.clone(), chans.clone(), count, ended.clone()));
    w.go(receive_from_all(
        w.clone(),
        chans.clone(),
        count,
        ended.clone(),
    ));
    for _ in 0..2 * chans.len() + 2 {
        ended.value().await;
    }
    assert!(
        chans.iter().all(|chan| chan.len() == 0),
        "as many in as out"
    );
}

/// Sends `count` to each by select; a channel that has had its share is nil.
async fn send_to_all<W: World>(w: W, chans: [Ch<W, usize>; 4], count: usize, ended: Ch<W, ()>) {
    let mut chans = chans.map(Some);
    let mut sent = [0; 4];
    for n in 0..4 * count {
        let [a, b, c, d] = &chans;
        let case = choose! { w;
            send(a, n) -> () => 0,
            send(b, n) -> () => 1,
            send(c, n) -> () => 2,
            send(d, n) -> () => 3,
        };
        sent[case] += 1;
        if sent[case] == count {
            chans[case] = None;
        }
    }
    ended.send(()).await;
}

/// Receives `count` from each by select, in the same way.
async fn receive_from_all<W: World>(
    w: W,
    chans: [Ch<W, usize>; 4],
    count: usize,
    ended: Ch<W, ()>,
) {
    let mut chans = chans.map(Some);
    let mut received = [0; 4];
    for _ in 0..4 * count {
        let [a, b, c, d] = &chans;
        let (case, value) = choose! { w;
            recv(a) -> value => (0, value),
            recv(b) -> value => (1, value),
            recv(c) -> value => (2, value),
            recv(d) -> value => (3, value),
        };
        assert!(value.is_some(), "nobody closes");
        received[case] += 1;
        if received[case] == count {
            chans[case] = None;
        }
    }
    ended.send(()).await;
}

/// TestSelfSelect: two that both send and receive on one channel meet each
/// other. Without a buffer nobody ever gets its own value.
pub(crate) async fn go_self_select<W: World>(w: W) {
    let rounds = sized(1000, 20_000);
    for capacity in [0, 10] {
        let (chan, ended) = (w.chan(capacity), w.chan(0));
        for me in 0..2 {
            let (w, chan, ended) = (w.clone(), chan.clone(), ended.clone());
            w.clone().go(async move {
                let mut sent = 0_usize;
                let mut received = 0_usize;
                for round in 0..rounds {
                    // In turn, as the order in the text must not matter.
                    let from = if round % 2 == 0 {
                        choose! { w;
                            send(chan, me) -> () => None,
                            recv(chan) -> from => from,
                        }
                    } else {
                        choose! { w;
                            recv(chan) -> from => from,
                            send(chan, me) -> () => None,
                        }
                    };
                    match from {
                        None => sent += 1,
                        Some(from) => {
                            assert!(capacity > 0 || from != me, "it met itself");
                            received += 1;
                        }
                    }
                }
                ended.send((sent, received)).await;
            });
        }
        // A party that has nobody left to meet finds room, or is met here.
        let (mut sent, mut received) = (0, 0);
        for _ in 0..2 {
            let (s, r) = ended.value().await;
            (sent, received) = (sent + s, received + r);
        }
        assert_eq!((sent + received), 2 * rounds);
        assert_eq!(sent, received + chan.len(), "what was sent is somewhere");
    }
}

/// TestNonblockSelectRace: the second channel is filled before the first is
/// emptied, so at every moment one of them is ready and the default is wrong.
pub(crate) async fn go_nonblock_select_race<W: World>(w: W) {
    nonblock_select_race(w, |_, second| assert!(second.try_send(1).is_ok())).await;
}

/// TestNonblockSelectRace2: the same with a close of the second.
pub(crate) async fn go_nonblock_select_race_2<W: World>(w: W) {
    nonblock_select_race(w, |_, second| second.close()).await;
}

/// Go makes a party for each round; here one looks at the pairs that another
/// prepares, which leaves more rounds to the time.
async fn nonblock_select_race<W: World>(w: W, fill: fn(&Ch<W, u8>, &Ch<W, u8>)) {
    // All worlds together come to a million in the release build, which
    // `.ci/deep races` runs; where all are tasks of one thread nothing comes
    // between.
    let rounds = match W::BLOCKS {
        true => sized(20_000, 350_000),
        false => sized(4000, 50_000),
    };
    let (pairs, answers) = (w.chan::<(Ch<W, u8>, Ch<W, u8>)>(0), w.chan(1));
    w.go({
        let (w, pairs, answers) = (w.clone(), pairs.clone(), answers.clone());
        async move {
            while let Some((first, second)) = pairs.recv().await {
                let ready = choose! { w;
                    recv(first) -> _ => true,
                    recv(second) -> _ => true;
                    default => false
                };
                answers.send(ready).await;
            }
        }
    });
    for round in 0..rounds {
        let (first, second) = (w.chan(1), w.chan(1));
        first.send(1).await;
        pairs.send((first.clone(), second.clone())).await;
        fill(&first, &second);
        choose! { w; recv(first) -> _ => {}; default => {} }
        assert!(answers.value().await, "round {round}");
    }
    pairs.close();
}
