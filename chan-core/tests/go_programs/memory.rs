//! Go's runtime/race/testdata/chan_test, the half that must not be reported,
//! and runtime/chanbarrier_test: what channels order. The numbers in the names
//! are those of the rules in the parity table.
//!
//! A test cannot prove an order, it can only see one missing; that the orders
//! are there is shown by the models. So each program gives chance many rounds:
//! plain variables, written by one party and read by another, with a channel
//! and nothing else between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common;
use crate::worlds::{Ch, World, sized};

/// Variables whose accesses order nothing, not even themselves.
#[derive(Clone)]
struct Plain(Arc<[AtomicUsize]>);

impl Plain {
    fn new(count: usize) -> Self {
        Plain((0..count).map(|_| AtomicUsize::new(0)).collect())
    }

    fn set(&self, n: usize, value: usize) {
        self.0[n].store(value, Ordering::Relaxed);
    }

    fn get(&self, n: usize) -> usize {
        self.0[n].load(Ordering::Relaxed)
    }

    /// Not one step but two: an increment is lost if two do it at once.
    fn add_one(&self, n: usize) {
        self.set(n, self.get(n) + 1);
    }
}

fn rounds() -> usize {
    sized(2000, 50_000)
}

/// NoRaceChanSync, NoRaceChanAsync, NoRaceChanReadWriteAsync. Rule 38: what
/// was written before a send is there after its receive.
pub(crate) async fn go_race_38_send_before_receive<W: World>(w: W) {
    for capacity in [0, 1, 10] {
        let (written, chan) = (Plain::new(rounds()), w.chan(capacity));
        w.go({
            let (written, chan) = (written.clone(), chan.clone());
            async move {
                for n in 0..rounds() {
                    written.set(n, n + 1);
                    chan.send(n).await;
                }
            }
        });
        for _ in 0..rounds() {
            let n = chan.value().await;
            assert_eq!(written.get(n), n + 1);
        }
    }
}

/// NoRaceBlockedSendSync. Rule 38 for a sender that had to wait for its slot,
/// and whose value another's receive has put there.
pub(crate) async fn go_race_38_blocked_send<W: World>(w: W) {
    for _ in 0..sized(20, 200) {
        let (written, (chan, seen)) = (Plain::new(1), w.watched(1));
        chan.send(0).await;
        w.go({
            let (written, chan) = (written.clone(), chan.clone());
            async move {
                written.set(0, 42);
                chan.send(1).await;
            }
        });
        w.until(|| common::parked(&seen) == 1).await;
        assert_eq!((chan.value().await, chan.value().await), (0, 1));
        assert_eq!(written.get(0), 42);
    }
}

/// NoRaceChanPtr. Rule 38 for what a value points to: the receiver may use it
/// as its own.
pub(crate) async fn go_race_38_pointer<W: World>(w: W) {
    for capacity in [0, 2] {
        let chan = w.chan(capacity);
        w.go({
            let chan = chan.clone();
            async move {
                for n in 0..rounds() {
                    chan.send(Box::new([n; 4])).await;
                }
            }
        });
        for n in 0..rounds() {
            let mut message = chan.value().await;
            message[0] += 1;
            assert_eq!(*message, [n + 1, n, n, n]);
        }
    }
}

/// NoRaceChanSyncCloseRecv and AsyncCloseRecv, in the three forms each has.
/// Rule 39: what was written before a close is there after a receive that
/// returns because of it; also one that does not wait, and takes no lock.
pub(crate) async fn go_race_39_close_before_receive<W: World>(w: W) {
    let rounds = sized(400, 5000);
    for capacity in [0, 10] {
        let written = Plain::new(rounds);
        let channels: Vec<_> = (0..rounds).map(|_| w.chan::<u8>(capacity)).collect();
        w.go({
            let (w, written, channels) = (w.clone(), written.clone(), channels.clone());
            async move {
                for (n, chan) in channels.iter().enumerate() {
                    written.set(n, n + 1);
                    chan.close();
                    if n % 16 == 0 {
                        w.turn().await;
                    }
                }
            }
        });
        for (n, chan) in channels.iter().enumerate() {
            match n % 4 {
                0 => assert_eq!(chan.recv().await, None),
                1 => assert!(chan.range().await.is_empty()),
                2 => {
                    while chan.try_recv().is_err() {
                        w.turn().await;
                    }
                }
                // Go has no such question; ours promises the same.
                _ => w.until(|| chan.is_closed()).await,
            }
            assert_eq!(written.get(n), n + 1);
        }
    }
}

/// NoRaceChanSyncRev. Rule 40: without a buffer, what was written before a
/// receive is there after its send.
pub(crate) async fn go_race_40_receive_before_send<W: World>(w: W) {
    let (written, chan) = (Plain::new(rounds()), w.chan(0));
    w.go({
        let (written, chan) = (written.clone(), chan.clone());
        async move {
            for n in 0..rounds() {
                written.set(n, n + 1);
                assert_eq!(chan.value().await, n);
            }
        }
    });
    for n in 0..rounds() {
        chan.send(n).await;
        assert_eq!(written.get(n), n + 1);
    }
}

/// Rule 41: with a buffer of C, what was written before the k-th receive is
/// there after the (k+C)-th send.
async fn slots_come_back_with_news<W: World, T: Send + 'static>(
    w: &W,
    capacity: usize,
    value: fn() -> T,
) {
    let (written, chan): (_, Ch<W, T>) = (Plain::new(rounds()), w.chan(capacity));
    w.go({
        let (written, chan) = (written.clone(), chan.clone());
        async move {
            for k in 0..rounds() {
                written.set(k, k + 1);
                chan.value().await;
            }
        }
    });
    for k in 0..rounds() {
        chan.send(value()).await;
        if let Some(received) = k.checked_sub(capacity) {
            assert_eq!(written.get(received), received + 1, "capacity {capacity}");
        }
    }
}

/// Rule 41 as it is stated, at several capacities.
pub(crate) async fn go_race_41_receive_before_a_later_send<W: World>(w: W) {
    for capacity in [1, 2, 10] {
        slots_come_back_with_news(&w, capacity, || 7_u64).await;
    }
}

/// NoRaceChanMutex. Rule 41 with C = 1: a channel is a mutex.
pub(crate) async fn go_race_41_mutex<W: World>(w: W) {
    const PARTIES: usize = 4;
    let each = sized(500, 10_000);
    let (counter, mutex, done) = (Plain::new(1), w.chan(1), w.chan(0));
    for _ in 0..PARTIES {
        let (w2, counter) = (w.clone(), counter.clone());
        let (mutex, done) = (mutex.clone(), done.clone());
        w.go(async move {
            for n in 0..each {
                mutex.send(()).await;
                let before = counter.get(0);
                if n % 64 == 0 {
                    w2.turn().await;
                }
                assert_eq!(counter.get(0), before, "somebody else is in");
                counter.add_one(0);
                mutex.value().await;
            }
            done.send(()).await;
        });
    }
    for _ in 0..PARTIES {
        done.value().await;
    }
    assert_eq!(counter.get(0), PARTIES * each);
}

/// Rule 41 with C = 3: a channel is a semaphore, which lets in three.
pub(crate) async fn go_race_41_semaphore<W: World>(w: W) {
    const PARTIES: usize = 8;
    const ADMITTED: usize = 3;
    let (places, done) = (w.chan(ADMITTED), w.chan(0));
    let inside = Arc::new(AtomicUsize::new(0));
    for _ in 0..PARTIES {
        let (w2, inside) = (w.clone(), Arc::clone(&inside));
        let (places, done) = (places.clone(), done.clone());
        w.go(async move {
            for _ in 0..sized(100, 2000) {
                places.send(()).await;
                let others = inside.fetch_add(1, Ordering::Relaxed);
                assert!(others < ADMITTED, "{others} others are in");
                w2.turn().await;
                inside.fetch_sub(1, Ordering::Relaxed);
                places.value().await;
            }
            done.send(()).await;
        });
    }
    for _ in 0..PARTIES {
        done.value().await;
    }
}

/// NoRaceChanWaitGroup. Rule 41: who fills all slots of a buffer has waited
/// for everybody who held one.
pub(crate) async fn go_race_41_wait_group<W: World>(w: W) {
    const WORKERS: usize = 10;
    for round in 0..sized(50, 1000) {
        let (results, slots) = (Plain::new(WORKERS), w.chan(WORKERS / 2));
        for worker in 0..WORKERS {
            slots.send(()).await;
            let (results, slots) = (results.clone(), slots.clone());
            w.go(async move {
                results.set(worker, round + 1);
                slots.value().await;
            });
        }
        for _ in 0..WORKERS / 2 {
            slots.send(()).await;
        }
        for worker in 0..WORKERS {
            assert_eq!(results.get(worker), round + 1, "worker {worker}");
        }
    }
}

/// Rule 44: elements without size order as much as others do, though Go's
/// race detector sees less of it.
pub(crate) async fn go_race_44_elements_without_size<W: World>(w: W) {
    slots_come_back_with_news(&w, 1, || ()).await;
    slots_come_back_with_news(&w, 3, || ()).await;
    let (written, chan) = (Plain::new(rounds()), w.chan(5));
    w.go({
        let (written, chan) = (written.clone(), chan.clone());
        async move {
            for n in 0..rounds() {
                written.set(n, n + 1);
                chan.send(()).await;
            }
        }
    });
    for n in 0..rounds() {
        chan.value().await;
        assert_eq!(written.get(n), n + 1);
    }
}

/// What a worker of the next program is asked to do.
struct Job<W> {
    work: Box<dyn FnOnce() + Send>,
    done: Ch<W, ()>,
}

/// NoRaceProducerConsumerUnbuffered. Rule 38 there and back again: work done
/// by another is as if done here.
pub(crate) async fn go_race_38_producer_consumer<W: World>(w: W) {
    let jobs: Ch<W, Job<W>> = w.chan(0);
    w.go({
        let jobs = jobs.clone();
        async move {
            while let Some(job) = jobs.recv().await {
                (job.work)();
                job.done.send(()).await;
            }
        }
    });
    let counter = Plain::new(1);
    for n in 0..sized(500, 10_000) {
        counter.add_one(0);
        let done = w.chan(1);
        let job = Job {
            work: Box::new({
                let counter = counter.clone();
                move || counter.add_one(0)
            }),
            done: done.clone(),
        };
        jobs.send(job).await;
        done.value().await;
        assert_eq!(counter.get(0), 2 * (n + 1));
    }
    jobs.close();
}

/// What `go_chanbarrier` sends: parts that must fit each other.
struct Reply {
    words: Vec<String>,
    length: usize,
    next: Option<Box<Reply>>,
}

impl Reply {
    fn new(n: usize, depth: usize) -> Self {
        let words: Vec<_> = (0..n % 4).map(|word| format!("{n}-{word}")).collect();
        Reply {
            length: words.iter().map(String::len).sum(),
            next: (depth > 0).then(|| Box::new(Reply::new(n + 1, depth - 1))),
            words,
        }
    }

    fn is_whole(&self, n: usize) -> bool {
        self.words.len() == n % 4
            && self.words.iter().map(String::len).sum::<usize>() == self.length
            && self.next.as_ref().is_none_or(|next| next.is_whole(n + 1))
    }
}

/// chanbarrier_test, its half without select: a value made by one party is
/// whole when another has received it, with all it points to. (Go asks its
/// collector for that too; here the allocator is what is kept busy.)
pub(crate) async fn go_chanbarrier<W: World>(w: W) {
    const PARTIES: usize = 8;
    let each = sized(200, 10_000);
    let done = w.chan(0);
    for party in 0..PARTIES {
        let (w2, done) = (w.clone(), done.clone());
        w.go(async move {
            let replies = w2.chan(party % 2);
            w2.go({
                let replies = replies.clone();
                async move {
                    for n in 0..each {
                        replies.send(Reply::new(n, 2)).await;
                    }
                    replies.close();
                }
            });
            for n in 0..each {
                assert!(replies.value().await.is_whole(n), "reply {n}");
            }
            done.send(replies.recv().await.is_none()).await;
        });
    }
    for _ in 0..PARTIES {
        assert!(done.value().await);
    }
}
