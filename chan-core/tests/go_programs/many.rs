//! Go's test/ken/chan and chan1, and runtime/chan_test: many parties, many
//! channels, and every number in its place.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chan_core::Empty;

use crate::common;
use crate::worlds::{Ch, World, sized};

/// Sends `0..count` on a channel, marked with the sender.
async fn send_marked<W: World>(chan: Ch<W, (usize, usize)>, sender: usize, count: usize) {
    for n in 0..count {
        chan.send((sender, n)).await;
    }
}

/// Receives so many, and demands that each sender's come in sequence.
async fn in_sequence<W: World>(chan: &Ch<W, (usize, usize)>, senders: usize, count: usize) {
    let mut next = vec![0; senders];
    for _ in 0..count {
        let (sender, n) = chan.value().await;
        assert_eq!(n, next[sender], "of sender {sender}");
        next[sender] += 1;
    }
}

/// test/ken/chan, less select: one and many senders and receivers over one
/// and many channels, unbuffered and buffered; sequences stay sequences.
pub(crate) async fn go_ken_chan<W: World>(w: W) {
    const CHANNELS: usize = 5;
    let count = sized(50, 1000);
    for capacity in [0, 1, 10] {
        let make = || w.chan::<(usize, usize)>(capacity);
        // Pairs, all at once; one sender to all; many senders to one.
        let (pairs, spread): (Vec<_>, Vec<_>) = (0..CHANNELS).map(|_| (make(), make())).unzip();
        let narrow = make();
        let ended = w.chan(0);
        for sender in 0..CHANNELS {
            w.go(send_marked(pairs[sender].clone(), 0, count));
            w.go(send_marked(narrow.clone(), sender, count));
            for chan in [&pairs[sender], &spread[sender]] {
                let (chan, ended) = (chan.clone(), ended.clone());
                w.go(async move {
                    in_sequence(&chan, 1, count).await;
                    ended.send(()).await;
                });
            }
        }
        w.go({
            let spread = spread.clone();
            async move {
                for n in 0..count {
                    for chan in &spread {
                        chan.send((0, n)).await;
                    }
                }
            }
        });
        in_sequence(&narrow, CHANNELS, CHANNELS * count).await;
        for _ in 0..2 * CHANNELS {
            ended.value().await;
        }
        let all = pairs.iter().chain(&spread).chain([&narrow]);
        for chan in all {
            assert_eq!(chan.try_recv(), Err(Empty), "nothing is left over");
        }
    }
}

/// test/ken/chan1: many receivers on one channel; each number comes to one of
/// them, once, and each of them sees its numbers rise.
pub(crate) async fn go_ken_chan1<W: World>(w: W) {
    const RECEIVERS: usize = 10;
    let count = sized(1000, 10_000);
    for capacity in [0, 3] {
        let (numbers, heard) = (w.chan(capacity), w.chan(0));
        for _ in 0..RECEIVERS {
            let (numbers, heard) = (numbers.clone(), heard.clone());
            w.go(async move {
                let mine = numbers.range().await;
                assert!(mine.is_sorted(), "{mine:?}");
                heard.send(mine).await;
            });
        }
        for n in 0..count {
            numbers.send(n).await;
        }
        numbers.close();
        let mut all = Vec::new();
        for _ in 0..RECEIVERS {
            all.extend(heard.value().await);
        }
        all.sort_unstable();
        assert_eq!(all, (0..count).collect::<Vec<_>>());
    }
}

// ---- runtime/chan_test: TestChan and its parts. ----

/// TestChan: all a channel does, at every capacity.
pub(crate) async fn go_test_chan<W: World>(w: W) {
    for capacity in 0..sized(12, 200) {
        receives_wait_while_empty(&w, capacity).await;
        sends_wait_while_full(&w, capacity).await;
        a_close_ends_the_waits(&w, capacity).await;
        a_close_keeps_the_values(&w, capacity).await;
        values_stay_in_order(&w, capacity).await;
        four_send_to_four(&w, capacity).await;
        len_and_cap(&w, capacity).await;
    }
}

async fn receives_wait_while_empty<W: World>(w: &W, capacity: usize) {
    let (chan, seen) = w.watched(capacity);
    let returned = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let (chan, returned) = (chan.clone(), Arc::clone(&returned));
        w.go(async move {
            assert_eq!(chan.value().await, 5);
            returned.fetch_add(1, Ordering::SeqCst);
        });
    }
    w.until(|| common::parked(&seen) == 2).await;
    assert_eq!(chan.try_recv(), Err(Empty));
    for _ in 0..10 {
        w.turn().await;
    }
    assert_eq!(returned.load(Ordering::SeqCst), 0, "nothing was sent");
    chan.send(5).await;
    chan.send(5).await;
    w.until(|| returned.load(Ordering::SeqCst) == 2).await;
}

async fn sends_wait_while_full<W: World>(w: &W, capacity: usize) {
    let (chan, seen) = w.watched(capacity);
    for n in 0..capacity {
        chan.send(n).await;
    }
    let returned = Arc::new(AtomicUsize::new(0));
    w.go({
        let (chan, returned) = (chan.clone(), Arc::clone(&returned));
        async move {
            chan.send(capacity).await;
            returned.fetch_add(1, Ordering::SeqCst);
        }
    });
    w.until(|| common::parked(&seen) == 1).await;
    for _ in 0..10 {
        w.turn().await;
    }
    assert_eq!(returned.load(Ordering::SeqCst), 0, "it is full");
    if capacity > 0 {
        assert_eq!(chan.try_send(usize::MAX), Err(usize::MAX));
    }
    assert_eq!(chan.len(), capacity, "who waits does not count");
    for n in 0..=capacity {
        assert_eq!(chan.value().await, n);
    }
    w.until(|| returned.load(Ordering::SeqCst) == 1).await;
    assert_eq!(chan.try_recv(), Err(Empty));
}

async fn a_close_ends_the_waits<W: World>(w: &W, capacity: usize) {
    let (chan, seen) = w.watched::<u8>(capacity);
    let ended = w.chan(0);
    for _ in 0..3 {
        let (chan, ended) = (chan.clone(), ended.clone());
        w.go(async move { ended.send(chan.recv().await).await });
    }
    w.until(|| common::parked(&seen) == 3).await;
    chan.close();
    for _ in 0..3 {
        assert_eq!(ended.value().await, None);
    }
}

async fn a_close_keeps_the_values<W: World>(w: &W, capacity: usize) {
    let chan = w.chan(capacity);
    for n in 0..capacity {
        chan.send(n).await;
    }
    chan.close();
    for n in 0..capacity {
        assert_eq!(chan.recv().await, Some(n));
    }
    for _ in 0..2 {
        assert_eq!(chan.recv().await, None);
        assert_eq!(chan.try_recv(), Ok(None));
    }
}

async fn values_stay_in_order<W: World>(w: &W, capacity: usize) {
    let chan = w.chan(capacity);
    w.go({
        let chan = chan.clone();
        async move {
            for n in 0..100 {
                chan.send(n).await;
            }
        }
    });
    for n in 0..100 {
        assert_eq!(chan.value().await, n);
    }
}

async fn four_send_to_four<W: World>(w: &W, capacity: usize) {
    const PARTIES: usize = 4;
    let count = sized(50, 1000);
    let (chan, heard) = (w.chan(capacity), w.chan(PARTIES));
    for _ in 0..PARTIES {
        w.go({
            let chan = chan.clone();
            async move {
                for n in 0..count {
                    chan.send(n).await;
                }
            }
        });
        w.go({
            let (chan, heard) = (chan.clone(), heard.clone());
            async move {
                let mut times = vec![0; count];
                for _ in 0..count {
                    times[chan.value().await] += 1;
                }
                heard.send(times).await;
            }
        });
    }
    let mut times = vec![0; count];
    for _ in 0..PARTIES {
        for (sum, more) in times.iter_mut().zip(heard.value().await) {
            *sum += more;
        }
    }
    assert!(times.iter().all(|times| *times == PARTIES), "{times:?}");
}

async fn len_and_cap<W: World>(w: &W, capacity: usize) {
    let chan = w.chan(capacity);
    for n in 0..capacity / 2 {
        chan.send(n).await;
    }
    assert_eq!(chan.len(), capacity / 2);
    assert!(chan.cap().is_none_or(|cap| cap == capacity));
}

// ---- The rest of runtime/chan_test. ----

/// TestNonblockRecvRace: a channel that was never empty and open is ready for
/// a receive that does not wait, whatever a close does at that time.
pub(crate) async fn go_nonblock_recv_race<W: World>(w: W) {
    let rounds = if W::BLOCKS {
        sized(1000, 10_000)
    } else {
        10_000
    };
    for _ in 0..rounds {
        let (chan, ready) = (w.chan(1), w.chan(1));
        chan.send(1).await;
        w.go({
            let (chan, ready) = (chan.clone(), ready.clone());
            async move { ready.send(chan.try_recv().is_ok()).await }
        });
        chan.close();
        chan.recv().await;
        assert!(ready.value().await, "reported not ready");
    }
}

/// What `go_chan_send_interface` sends.
trait Shape: Debug + Send {
    fn area(&self) -> usize;
}

#[derive(Debug)]
struct Square(usize);

#[derive(Debug)]
struct Table(Vec<usize>);

#[derive(Debug)]
struct Point;

impl Shape for Square {
    fn area(&self) -> usize {
        self.0 * self.0
    }
}

impl Shape for Table {
    fn area(&self) -> usize {
        self.0.iter().sum()
    }
}

impl Shape for Point {
    fn area(&self) -> usize {
        0
    }
}

/// TestChanSendInterface, and fixedbugs/bug230: values of any type that has
/// the methods, through one channel, and by every way to send.
pub(crate) async fn go_chan_send_interface<W: World>(w: W) {
    for capacity in [0, 1, 3] {
        let shapes = w.chan::<Box<dyn Shape>>(capacity);
        w.go({
            let (w, shapes) = (w.clone(), shapes.clone());
            async move {
                for n in 0..100 {
                    let mut shape: Box<dyn Shape> = match n % 3 {
                        0 => Box::new(Square(n)),
                        1 => Box::new(Table(vec![1; n])),
                        _ => Box::new(Point),
                    };
                    if n % 2 == 0 {
                        shapes.send(shape).await;
                        continue;
                    }
                    while let Err(back) = shapes.try_send(shape) {
                        shape = back;
                        w.turn().await;
                    }
                }
            }
        });
        for n in 0..100 {
            let area = [n * n, n, 0][n % 3];
            assert_eq!(shapes.value().await.area(), area);
        }
    }
}

/// TestMultiConsumer: one feeds 23 workers, they all feed one, and nothing is
/// lost or doubled on the way.
pub(crate) async fn go_multi_consumer<W: World>(w: W) {
    const WORKERS: usize = 23;
    let count = sized(20_000, 271_828);
    let (jobs, results) = (w.chan(3 * WORKERS), w.chan(3 * WORKERS));
    let working = Arc::new(AtomicUsize::new(WORKERS));
    for worker in 0..WORKERS {
        let (w2, jobs, results) = (w.clone(), jobs.clone(), results.clone());
        let working = Arc::clone(&working);
        w.go(async move {
            while let Some(job) = jobs.recv().await {
                // Some stumble, so that the others pass them.
                if job % WORKERS == worker {
                    w2.turn().await;
                }
                results.send(job).await;
            }
            if working.fetch_sub(1, Ordering::AcqRel) == 1 {
                results.close();
            }
        });
    }
    w.go(async move {
        for n in 0..count {
            jobs.send(n * 7 % 1009).await;
        }
        jobs.close();
    });
    let (mut seen, mut sum) = (0, 0);
    while let Some(result) = results.recv().await {
        seen += 1;
        sum += result;
    }
    let wanted = (0..count).map(|n| n * 7 % 1009).sum::<usize>();
    assert_eq!((seen, sum), (count, wanted));
}
