//! The small programs of test/chan: select, select4, select6, select7,
//! select8, nonblock, and chanlinear with selects.

use std::fmt::Debug;

use chan_core::Empty;

use crate::choose::choose;
use crate::worlds::{Ch, World, sized};

/// test/chan/select: a party sends a counter on whichever of two channels has
/// a listener, and learns after each send that one of them is out of use.
/// Values are made for every case in every round, also for those that lose
/// and those that are nil.
pub(crate) async fn go_select<W: World>(w: W) {
    let (a, b, heard) = (w.chan(1), w.chan(1), w.chan(0));
    w.go({
        let (w, a, b) = (w.clone(), a.clone(), b.clone());
        let heard = heard.clone();
        async move {
            let (mut a, mut b) = (Some(a), Some(b));
            let (mut made, mut rounds) = (0, 0);
            let make = |made: &mut u32| {
                *made += 1;
                *made
            };
            while a.is_some() || b.is_some() {
                rounds += 1;
                choose! { w;
                    send(a, make(&mut made)) -> () => a = None,
                    send(b, make(&mut made)) -> () => b = None,
                }
                assert_eq!(made, 2 * rounds, "two values a round");
            }
            heard.send(made).await;
        }
    });
    assert_eq!(heard.value().await, 4);
    let (from_a, from_b) = (a.value().await, b.value().await);
    // In each round the first case makes the odd value, the second the even.
    assert!(
        matches!((from_a, from_b), (1, 4) | (3, 2)),
        "{from_a} {from_b}"
    );
}

/// test/chan/select4: what stands on the left of a receive that loses is not
/// evaluated, neither if it waits nor if a default is there.
pub(crate) async fn go_select4<W: World>(w: W) {
    fn never() -> &'static mut u32 {
        unreachable!("the case has lost")
    }
    let (ready, quiet, full) = (w.chan(1), w.chan::<u32>(0), w.chan(1));
    let mut place = 0;
    ready.send(42).await;
    choose! { w;
        recv(quiet) -> value => *never() = value.unwrap(),
        recv(ready) -> value => place = value.unwrap(),
    }
    assert_eq!(place, 42);
    full.send(1).await;
    choose! { w;
        recv(quiet) -> value => *never() = value.unwrap(),
        send(full, 2) -> () => *never() = 2;
        default => place = 43,
    }
    assert_eq!(place, 43);
}

/// test/chan/select6: a select that loses stands in a queue behind another
/// and before a third; when it leaves, the others are still there.
pub(crate) async fn go_select6<W: World>(w: W) {
    let (c1, seen) = w.watched::<u32>(0);
    let (c2, c3, c4) = (w.chan::<u32>(0), w.chan::<u32>(0), w.chan::<u32>(0));
    let ended = w.chan(0);
    let waits = |count| {
        let seen = seen.clone();
        w.until(move || crate::common::parked(&seen) == count)
    };
    w.go({
        let (c1, ended) = (c1.clone(), ended.clone());
        async move { ended.send((1, c1.recv().await)).await }
    });
    waits(1).await;
    w.go({
        let (w, c1, ended) = (w.clone(), c1.clone(), ended.clone());
        let (c2, c3) = (c2.clone(), c3.clone());
        async move {
            let value = choose! { w; recv(c1) -> value => value, recv(c2) -> value => value };
            ended.send((2, value)).await;
            // Now it stands at the end, and leaves from there.
            let value = choose! { w; recv(c1) -> value => value, recv(c3) -> value => value };
            ended.send((3, value)).await;
        }
    });
    waits(2).await;
    c2.send(20).await;
    assert_eq!(ended.value().await, (2, Some(20)));
    waits(2).await;
    c3.send(30).await;
    assert_eq!(ended.value().await, (3, Some(30)));
    waits(1).await;
    // The end of the queue is sound: who comes now is found after the first.
    w.go({
        let (w, c1, c4, ended) = (w.clone(), c1.clone(), c4.clone(), ended.clone());
        async move {
            let value = choose! { w; recv(c4) -> value => value, recv(c1) -> value => value };
            ended.send((4, value)).await;
        }
    });
    waits(2).await;
    c1.send(10).await;
    assert_eq!(ended.value().await, (1, Some(10)));
    c1.send(11).await;
    assert_eq!(ended.value().await, (4, Some(11)));
    assert!(c1.try_send(12).is_err() && c4.try_send(12).is_err());
}

/// How an operation of [`go_select7`] is written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    Select,
    /// A select of one that tries until it succeeds.
    Default,
    /// With a second case that is never ready.
    TwoCases,
}

const KINDS: [Kind; 4] = [Kind::Plain, Kind::Select, Kind::Default, Kind::TwoCases];

/// test/chan/select7: a value that is thrown away by any kind of receive was
/// received, and any kind of send has ended.
pub(crate) async fn go_select7<W: World>(w: W) {
    for capacity in [0, 1] {
        for send in KINDS {
            for recv in KINDS {
                // Without a buffer one of the two has to wait.
                if capacity > 0 || (send, recv) != (Kind::Default, Kind::Default) {
                    let (chan, ended) = (w.chan(capacity), w.chan(0));
                    w.go({
                        let (w, chan, ended) = (w.clone(), chan.clone(), ended.clone());
                        async move {
                            send_as(&w, send, &chan).await;
                            ended.send(()).await;
                        }
                    });
                    throw_away_as(&w, recv, &chan).await;
                    ended.value().await;
                    assert_eq!(chan.try_recv(), Err(Empty), "{send:?} {recv:?}");
                }
            }
        }
    }
}

async fn send_as<W: World>(w: &W, kind: Kind, chan: &Ch<W, u32>) {
    match kind {
        Kind::Plain => chan.send(1).await,
        Kind::Select => choose! { w; send(chan, 1) -> () => {} },
        Kind::TwoCases => {
            let quiet = w.chan::<u32>(0);
            choose! { w; send(chan, 1) -> () => {}, recv(quiet) -> _ => unreachable!() }
        }
        Kind::Default => loop {
            choose! { w; send(chan, 1) -> () => break; default => w.turn().await }
        },
    }
}

async fn throw_away_as<W: World>(w: &W, kind: Kind, chan: &Ch<W, u32>) {
    match kind {
        Kind::Plain => drop(chan.recv().await),
        Kind::Select => choose! { w; recv(chan) -> _ => {} },
        Kind::TwoCases => {
            let quiet = w.chan::<u32>(0);
            choose! { w; recv(quiet) -> _ => unreachable!(), recv(chan) -> _ => {} }
        }
        Kind::Default => loop {
            choose! { w; recv(chan) -> _ => break; default => w.turn().await }
        },
    }
}

/// test/chan/select8: a `break` of a body leaves what it names, from a select
/// of one, of two and of three cases. Go's names the select, Rust's a block
/// or a loop around it.
pub(crate) async fn go_select8<W: World>(w: W) {
    let (ready, quiet) = (w.chan(1), w.chan::<u32>(0));
    for cases in 0..4 {
        let mut after = 0;
        if cases > 0 {
            ready.send(1).await;
        }
        'select: {
            match cases {
                0 => choose! { w; recv(quiet) -> _ => {}; default => break 'select },
                1 => choose! { w; recv(ready) -> _ => break 'select },
                2 => choose! { w;
                    recv(ready) -> _ => break 'select,
                    recv(quiet) -> _ => {},
                },
                _ => choose! { w;
                    recv(quiet) -> _ => {},
                    recv(ready) -> _ => break 'select;
                    default => {}
                },
            }
            after += 1;
        }
        assert_eq!(after, 0, "what comes after the select is left out");
        let mut rounds = 0;
        loop {
            rounds += 1;
            choose! { w;
                recv(quiet) -> _ => unreachable!("it is quiet");
                default => if rounds < 3 { continue } else { break }
            }
        }
        assert_eq!(rounds, 3);
    }
}

/// test/chan/nonblock: selects with a default, before a partner is there and
/// when it is.
pub(crate) async fn go_nonblock<W: World>(w: W) {
    nonblock_of(&w, 7_u8).await;
    nonblock_of(&w, true).await;
    nonblock_of(&w, 7_u64 << 40).await;
    nonblock_of(&w, String::from("seven")).await;
    nonblock_of(&w, [7_u32; 50]).await;
    nonblock_of(&w, ()).await;
}

fn look<W: World, T: Send + 'static>(
    w: &W,
    chan: &Ch<W, T>,
) -> impl Future<Output = Option<T>> + Send {
    let (w, chan) = (w.clone(), chan.clone());
    async move {
        choose! { w; recv(chan) -> value => value; default => None }
    }
}

fn offer<W: World, T: Send + 'static>(
    w: &W,
    chan: &Ch<W, T>,
    value: T,
) -> impl Future<Output = bool> + Send {
    let (w, chan) = (w.clone(), chan.clone());
    async move {
        choose! { w; send(chan, value) -> () => true; default => false }
    }
}

async fn nonblock_of<W, T>(w: &W, value: T)
where
    W: World,
    T: Clone + PartialEq + Debug + Send + Sync + 'static,
{
    for capacity in [0, 1] {
        let (chan, seen) = w.watched::<T>(capacity);
        assert_eq!(look(w, &chan).await, None, "nobody sends");
        // Room is a partner.
        let room = offer(w, &chan, value.clone()).await;
        assert_eq!(room, capacity > 0);
        assert!(!offer(w, &chan, value.clone()).await, "nobody receives");
        let kept = room.then(|| value.clone());
        assert_eq!(look(w, &chan).await, kept);
        // Somebody who waits is one.
        let ended = w.chan(1);
        w.go({
            let (chan, ended) = (chan.clone(), ended.clone());
            async move { ended.send(chan.recv().await).await }
        });
        w.until(|| crate::common::parked(&seen) == 1).await;
        assert!(offer(w, &chan, value.clone()).await);
        assert_eq!(ended.value().await, Some(value.clone()));
        w.go({
            let (chan, value) = (chan.clone(), value.clone());
            async move {
                for _ in 0..=capacity {
                    chan.send(value.clone()).await;
                }
            }
        });
        w.until(|| crate::common::parked(&seen) == 1).await;
        for _ in 0..=capacity {
            assert_eq!(look(w, &chan).await, Some(value.clone()));
        }
        assert_eq!(look(w, &chan).await, None);
    }
}

/// test/chanlinear, and rules 36 and 61: very many selects wait on a quiet
/// channel and on one of their own, and are woken in no order by their own.
/// Each leaves the quiet queue from wherever it stands; were that a search,
/// this would take minutes. Those who stay are served in their order.
pub(crate) async fn go_chanlinear<W: World>(w: W) {
    // Threads are dear; what they run is the same.
    let count = if W::BLOCKS {
        200
    } else {
        sized(10_000, 100_000)
    };
    let (quiet, seen) = w.watched::<usize>(0);
    let ended = w.chan(0);
    let own: Vec<Ch<W, usize>> = (0..count).map(|_| w.chan(0)).collect();
    for (n, own) in own.iter().enumerate() {
        w.go({
            let (w, quiet, own, ended) = (w.clone(), quiet.clone(), own.clone(), ended.clone());
            async move {
                let woken = choose! { w;
                    recv(quiet) -> value => (n, value, true),
                    recv(own) -> value => (n, value, false),
                };
                ended.send(woken).await;
            }
        });
        // One after the other, so that their order is known.
        if n < 5 {
            w.until(|| crate::common::parked(&seen) == n + 1).await;
        }
    }
    w.until(|| seen.snapshot().waits.len() == count).await;
    let mut rest: Vec<usize> = (5..count).collect();
    fastrand::Rng::with_seed(61).shuffle(&mut rest);
    for n in rest {
        own[n].send(n).await;
        assert_eq!(ended.value().await, (n, Some(n), false));
    }
    assert_eq!(seen.snapshot().waits.len(), 5);
    for n in 0..5 {
        quiet.send(n).await;
        assert_eq!(ended.value().await, (n, Some(n), true));
    }
    assert!(quiet.try_send(0).is_err() && own.iter().all(|own| own.try_send(0).is_err()));
}
