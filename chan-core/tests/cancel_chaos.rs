//! Futures that are dropped at random, a step at a time on one thread with the
//! books checked after every step, and raced on a real executor. What each
//! single step does is in `cancel.rs`.
#![cfg(not(loom))]

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use chan_core::observe::Channel;
use chan_core::select::GoFace;
use chan_core::{Builder, Chan, Empty, RecvFuture, SendFuture};
use common::{Counting, Item, Ledger, block_on, parked, poll_box, watched};

/// A channel and a watcher's view of it.
fn chan<T>(capacity: usize) -> (Chan<T>, Channel) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("chaos {}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let builder = Builder::new().name(name.clone()).capacity(capacity);
    (builder.chan(), watched(&name))
}

/// What the channel holds, in order.
fn drain<T>(chan: &Chan<T>) -> Vec<T> {
    std::iter::from_fn(|| chan.try_recv().ok().flatten()).collect()
}

#[test]
fn returned_values_are_in_order_ahead_of_the_ring() {
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..200 {
        let (chan, _) = chan(4);
        let handed = 1 + round % 9;
        let mut futures: Vec<_> = (0..handed).map(|_| Box::pin(chan.recv_async())).collect();
        for future in &mut futures {
            assert!(poll_box(future).is_pending());
        }
        for value in 0..handed + 3 {
            chan.send(value);
        }
        random.shuffle(&mut futures);
        for (number, future) in futures.into_iter().enumerate() {
            drop(future);
            assert_eq!(chan.len(), 3 + number + 1);
        }
        // While they are there, nothing is handed past them.
        chan.send(handed + 3);
        assert_eq!(drain(&chan), Vec::from_iter(0..handed + 4));
    }
}

/// What one thread does to a channel at random, with every value accounted
/// for after every step.
struct Chaos {
    random: fastrand::Rng,
    ledger: Arc<Ledger>,
    made: usize,
    received: usize,
}

impl Chaos {
    const VALUES: usize = 400;

    fn run(seed: u64, capacity: usize, only_try_send: bool) {
        let (chan, channel) = chan(capacity);
        let mut chaos = Chaos {
            random: fastrand::Rng::with_seed(seed),
            ledger: Ledger::new(Chaos::VALUES),
            made: 0,
            received: 0,
        };
        let mut receives: Vec<Pin<Box<RecvFuture<'_, Item, GoFace>>>> = Vec::new();
        let mut sends: Vec<Pin<Box<SendFuture<'_, Item, GoFace>>>> = Vec::new();
        while chaos.made < Chaos::VALUES {
            match chaos.random.u32(0..9) {
                0 | 1 => {
                    let item = chaos.item();
                    // One that is refused is dropped.
                    drop(chan.try_send(item));
                }
                2 if !only_try_send => {
                    let item = chaos.item();
                    sends.push(Box::pin(chan.send_async(item)));
                }
                3 if !sends.is_empty() => {
                    let at = chaos.random.usize(0..sends.len());
                    if poll_box(&mut sends[at]).is_ready() {
                        drop(sends.swap_remove(at));
                    }
                }
                4 if !sends.is_empty() => {
                    let at = chaos.random.usize(0..sends.len());
                    drop(sends.swap_remove(at));
                }
                5 => receives.push(Box::pin(chan.recv_async())),
                6 if !receives.is_empty() && !only_try_send => {
                    let at = chaos.random.usize(0..receives.len());
                    if let Poll::Ready(item) = poll_box(&mut receives[at]) {
                        chaos.receive(item);
                        drop(receives.swap_remove(at));
                    }
                }
                7 if !receives.is_empty() => {
                    let at = chaos.random.usize(0..receives.len());
                    // First polls count: the future takes its place.
                    if only_try_send && receives.len() < 6 {
                        if let Poll::Ready(item) = poll_box(&mut receives[at]) {
                            chaos.receive(item);
                            drop(receives.swap_remove(at));
                        }
                    } else {
                        drop(receives.swap_remove(at));
                    }
                }
                8 if !only_try_send => {
                    if let Ok(item) = chan.try_recv() {
                        chaos.receive(item);
                    }
                }
                _ => {}
            }
            chaos.check(&chan, &channel);
        }
        drop(receives);
        drop(sends);
        let left: Vec<_> = drain(&chan).into_iter().map(Item::receive).collect();
        if only_try_send {
            assert!(left.is_sorted(), "one consumer, one sender: {left:?}");
        }
        for id in 0..Chaos::VALUES {
            assert_eq!(chaos.ledger.times_dropped(id), 1, "value {id}");
        }
    }

    fn item(&mut self) -> Item {
        let id = self.made;
        self.made += 1;
        self.ledger.item(id)
    }

    fn receive(&mut self, item: Option<Item>) {
        item.expect("open").receive();
        self.received += 1;
    }

    /// Every value that went into the channel is in it, in a future, or was
    /// received.
    fn check(&self, chan: &Chan<Item>, channel: &Channel) {
        let snapshot = channel.snapshot();
        assert_eq!(snapshot.len, chan.len());
        assert_eq!(snapshot.sent, snapshot.received + snapshot.len as u64);
        let delivered = snapshot.received - snapshot.undelivered() as u64;
        assert_eq!(delivered, self.received as u64);
    }
}

#[test]
fn chaos_conserves() {
    let seeds = if cfg!(debug_assertions) { 100 } else { 1000 };
    for seed in 0..seeds {
        for capacity in [0, 1, 3] {
            Chaos::run(seed, capacity, false);
        }
    }
}

#[test]
fn chaos_keeps_the_order_for_one_consumer() {
    let seeds = if cfg!(debug_assertions) { 100 } else { 1000 };
    for seed in 0..seeds {
        for capacity in [0, 1, 3] {
            Chaos::run(seed, capacity, true);
        }
    }
}

/// Sends and receives raced against time and against each other, on a real
/// executor. A send that reported success was received; one that was cut off
/// happened or did not, once.
#[test]
fn raced_futures_lose_nothing() {
    const SENDERS: usize = 4;
    const EACH: usize = if cfg!(debug_assertions) {
        4_000
    } else {
        20_000
    };

    for capacity in [0, 1, 16] {
        let ledger = Ledger::new(SENDERS * EACH);
        let chan = Chan::<Item>::new(capacity);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap();
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (chan, ledger) = (chan.clone(), ledger.clone());
                runtime.spawn(send_some(chan, ledger, sender * EACH..(sender + 1) * EACH))
            })
            .collect();
        let receivers: Vec<_> = (0..3)
            .map(|_| runtime.spawn(receive_some(chan.clone())))
            .collect();
        let mut sure = Vec::new();
        for sender in senders {
            sure.extend(runtime.block_on(sender).unwrap());
        }
        chan.close();
        let mut received = 0;
        for receiver in receivers {
            received += runtime.block_on(receiver).unwrap();
        }
        // The last to leave may have had two receives, one told "closed" and
        // one dropped with a value in its hands, which came back.
        for item in drain(&chan) {
            item.receive();
            received += 1;
        }
        for id in sure {
            assert_eq!(ledger.times_received(id), 1, "value {id} was sent");
        }
        let ids = 0..SENDERS * EACH;
        let marks: usize = ids
            .clone()
            .map(|id| usize::from(ledger.times_received(id)))
            .sum();
        assert_eq!(marks, received);
        assert!(ids.into_iter().all(|id| ledger.times_dropped(id) == 1));
    }
}

/// The values whose send reported success.
async fn send_some(
    chan: Chan<Item>,
    ledger: Arc<Ledger>,
    ids: std::ops::Range<usize>,
) -> Vec<usize> {
    let mut sure = Vec::new();
    for id in ids {
        let send = chan.send_async(ledger.item(id));
        let sent = match id % 3 {
            0 => {
                send.await;
                true
            }
            // Cut off at once, or after others had their turn.
            1 => tokio::select! {
                biased;
                () = send => true,
                () = tokio::task::yield_now() => false,
            },
            _ => tokio::select! {
                () = send => true,
                () = some_turns(id % 5) => false,
            },
        };
        if sent {
            sure.push(id);
        }
    }
    sure
}

async fn receive_some(chan: Chan<Item>) -> usize {
    let mut count = 0;
    for turn in 0_usize.. {
        let got = match turn % 3 {
            0 => tokio::time::timeout(Duration::from_millis(1), chan.recv_async())
                .await
                .ok(),
            1 => tokio::select! {
                got = chan.recv_async() => Some(got),
                () = some_turns(turn % 4) => None,
            },
            // Two on one channel: the loser may have been handed a value.
            _ => tokio::select! {
                got = chan.recv_async() => Some(got),
                got = chan.recv_async() => Some(got),
                () = some_turns(turn % 7) => None,
            },
        };
        match got {
            Some(Some(item)) => {
                item.receive();
                count += 1;
            }
            // Of two, one may have been told "closed" while the other was
            // handed a value, which has come back by now: look again.
            Some(None) if turn % 3 == 2 => {}
            Some(None) => break,
            None => {}
        }
    }
    count
}

async fn some_turns(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_future_may_change_its_task() {
    let (chan, channel) = chan(0);
    let mut future = Box::pin(chan.recv_async());
    let (old, waker) = Counting::new();
    assert!(
        future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    thread::scope(|s| {
        let taken_over = s.spawn(move || block_on(future));
        // The new task has registered when the old waker is released.
        common::until(|| Arc::strong_count(&old) == 2);
        assert_eq!(parked(&channel), 1);
        chan.send(5);
        assert_eq!(taken_over.join().unwrap(), Some(5));
    });
    assert_eq!(old.wakes(), 0);
    assert_eq!(chan.try_recv(), Err(Empty));
}
