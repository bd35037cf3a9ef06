//! Futures that are dropped: at every state, at random points, in the middle
//! of a hand-off. No value is lost, none is doubled, and the promises about
//! values that come back hold: they go on to the next receiver, ahead of what
//! was sent later, counted in `len`, and survive a close.
#![cfg(not(loom))]

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use chan_core::{Chan, Receiver, Sender, bounded};

/// Counts how often it was woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

fn parked<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll(&mut future).is_pending());
    future
}

#[test]
fn a_receive_dropped_before_its_value_leaves_no_trace() {
    let (tx, rx) = bounded(0);
    drop(rx.recv_async());
    drop(parked(rx.recv_async()));
    // Nobody waits, so an unbuffered send cannot be done at once.
    assert!(tx.try_send(1).unwrap_err().is_full());
}

#[test]
fn a_value_handed_to_a_dropped_receive_goes_to_the_next_waiter() {
    let (tx, rx) = bounded(0);
    let first = parked(rx.recv_async());
    let mut second = parked(rx.recv_async());
    tx.try_send(1).unwrap();
    drop(first);
    assert_eq!(poll(&mut second), Poll::Ready(Ok(1)));
}

#[test]
fn the_next_waiter_is_woken() {
    let (tx, rx) = bounded(0);
    let first = parked(rx.recv_async());
    let bell = Arc::new(Bell::default());
    let waker = Waker::from(bell.clone());
    let mut second = pin!(rx.recv_async());
    assert!(
        second
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    tx.try_send(1).unwrap();
    assert_eq!(bell.0.load(Ordering::SeqCst), 0);
    drop(first);
    assert_eq!(bell.0.load(Ordering::SeqCst), 1);
}

#[test]
fn a_thread_that_waits_gets_what_a_task_gave_back() {
    let chan = Chan::new(0);
    let first = parked(chan.recv_async());
    thread::scope(|s| {
        let waiter = s.spawn(|| chan.recv());
        while !someone_waits(&chan, 2) {
            thread::yield_now();
        }
        chan.try_send(1).unwrap();
        drop(first);
        assert_eq!(waiter.join().unwrap(), Some(1));
    });
}

/// Whether as many wait to receive, read as a watcher would.
fn someone_waits(chan: &Chan<i32>, wanted: usize) -> bool {
    let here = format!("{chan:?}");
    let all = chan_core::observe::channels();
    let one = all
        .iter()
        .find(|channel| here.contains(&channel.birth().to_string()));
    one.is_some_and(|channel| channel.snapshot().waits.len() == wanted)
}

#[test]
fn values_that_came_back_keep_their_order_and_go_first() {
    let (tx, rx) = bounded(2);
    let handed: Vec<_> = (0..3).map(|_| parked(rx.recv_async())).collect();
    for n in 1..=3 {
        tx.try_send(n).unwrap();
    }
    // These come later, into the ring.
    tx.try_send(4).unwrap();
    tx.try_send(5).unwrap();
    assert_eq!(tx.len(), 2);
    let [first, second, third]: [_; 3] = handed.try_into().map_err(drop).unwrap();
    drop(second);
    drop(third);
    drop(first);
    assert_eq!(tx.len(), 5, "what came back is counted");
    assert!(tx.try_send(6).unwrap_err().is_full());
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_value_given_back_twice_keeps_its_place() {
    let (tx, rx) = bounded(0);
    let first = parked(rx.recv_async());
    let second = parked(rx.recv_async());
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    let third = parked(rx.recv_async());
    drop(first); // 1 goes to the third
    drop(second); // 2 comes back
    drop(third); // 1 comes back, and was first
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn what_came_back_survives_a_close() {
    let (tx, rx) = bounded(0);
    let receive = parked(rx.recv_async());
    tx.try_send(1).unwrap();
    tx.close().unwrap();
    drop(receive);
    assert_eq!(rx.len(), 1);
    assert_eq!(rx.recv(), Ok(1));
    assert!(rx.recv().is_err());
}

#[test]
fn what_came_back_is_dropped_with_the_channel() {
    let value = Arc::new(());
    let (tx, rx) = bounded(0);
    let receive = parked(rx.recv_async());
    tx.try_send(value.clone()).unwrap();
    drop(receive);
    assert_eq!(Arc::strong_count(&value), 2);
    drop((tx, rx));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn a_send_dropped_before_it_was_taken_takes_its_value_with_it() {
    let value = Arc::new(());
    let (tx, rx) = bounded(0);
    drop(tx.send_async(value.clone()));
    drop(parked(tx.send_async(value.clone())));
    assert_eq!(Arc::strong_count(&value), 1);
    assert!(rx.try_recv().unwrap_err().is_empty());
}

#[test]
fn a_send_that_was_taken_is_complete() {
    let (tx, rx) = bounded(0);
    let send = parked(tx.send_async(1));
    assert_eq!(rx.try_recv(), Ok(1));
    drop(send);
    assert!(rx.try_recv().unwrap_err().is_empty());
}

#[test]
fn a_send_that_was_moved_into_the_ring_is_complete() {
    let (tx, rx) = bounded(1);
    tx.try_send(1).unwrap();
    let send = parked(tx.send_async(2));
    assert_eq!(rx.try_recv(), Ok(1));
    drop(send);
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn a_send_that_the_close_met_gives_its_value_back() {
    let (tx, rx) = bounded(0);
    let mut send = parked(tx.send_async(7));
    tx.close().unwrap();
    match poll(&mut send) {
        Poll::Ready(Err(error)) => assert_eq!(error.into_inner(), 7),
        other => panic!("{other:?}"),
    }
    assert!(rx.recv().is_err());
}

#[test]
fn a_new_waker_takes_the_place_of_the_old() {
    let (tx, rx) = bounded(0);
    let bells = [Arc::new(Bell::default()), Arc::new(Bell::default())];
    let mut receive = pin!(rx.recv_async());
    for bell in &bells {
        let waker = Waker::from(bell.clone());
        assert!(
            receive
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    tx.try_send(1).unwrap();
    let rung = bells.map(|bell| bell.0.load(Ordering::SeqCst));
    assert_eq!(rung, [0, 1]);
}

const ROUNDS: usize = if cfg!(debug_assertions) {
    20_000
} else {
    200_000
};

/// Polls a future a few times, wherever its partner happens to be, then drops
/// it: its result, if it came to one.
fn poll_a_little<F: Future>(random: &mut fastrand::Rng, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    for _ in 0..random.usize(0..4) {
        if let Poll::Ready(output) = poll(&mut future) {
            return Some(output);
        }
        if random.bool() {
            thread::yield_now();
        }
    }
    None
}

/// A value whose end is counted.
struct Token {
    number: usize,
    ended: Arc<AtomicUsize>,
}

impl Drop for Token {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// Sends numbers in order from futures that are dropped at random, and says
/// how many it was told went over. Of those dropped some did as well.
fn send_impatiently(tx: &Sender<Token>, ended: &Arc<AtomicUsize>) -> usize {
    let mut random = fastrand::Rng::with_seed(7);
    let mut told = 0;
    for number in 0..ROUNDS {
        let ended = ended.clone();
        let token = Token { number, ended };
        if let Some(result) = poll_a_little(&mut random, tx.send_async(token)) {
            assert!(result.is_ok());
            told += 1;
        }
    }
    told
}

fn receive_impatiently(rx: &Receiver<usize>, seed: u64) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut received = 0;
    loop {
        match poll_a_little(&mut random, rx.recv_async()) {
            Some(Ok(_)) => received += 1,
            Some(Err(_)) => return received,
            None => {}
        }
    }
}

/// Blocking senders, receivers that keep changing their mind: every value
/// arrives once.
#[test]
fn impatient_receivers_lose_nothing() {
    for capacity in [0, 1, 16] {
        let (tx, rx) = bounded(capacity);
        let (senders, receivers) = (2, 3);
        let total: usize = thread::scope(|s| {
            let receiving: Vec<_> = (0..receivers)
                .map(|n| {
                    let rx = rx.clone();
                    s.spawn(move || receive_impatiently(&rx, n))
                })
                .collect();
            for _ in 0..senders {
                let tx = tx.clone();
                s.spawn(move || (0..ROUNDS).for_each(|n| tx.send(n).unwrap()));
            }
            drop(tx);
            receiving
                .into_iter()
                .map(|receiver| receiver.join().unwrap())
                .sum()
        });
        assert_eq!(total, senders * ROUNDS, "capacity {capacity}");
        assert_eq!(rx.len(), 0);
    }
}

/// Senders that keep changing their mind: whoever was told that the value
/// went over was told the truth, nothing arrives twice or out of order, and
/// each value ends once.
#[test]
fn impatient_senders_double_nothing() {
    for capacity in [0, 1, 16] {
        let (tx, rx) = bounded::<Token>(capacity);
        let ended = Arc::new(AtomicUsize::new(0));
        let (told, received) = thread::scope(|s| {
            let receiving = s.spawn(move || {
                let mut last = None;
                let mut count = 0;
                for token in rx {
                    assert!(
                        last < Some(token.number),
                        "{last:?} before {}",
                        token.number
                    );
                    last = Some(token.number);
                    count += 1;
                }
                count
            });
            let told = send_impatiently(&tx, &ended);
            drop(tx);
            (told, receiving.join().unwrap())
        });
        assert!(
            told <= received && received <= ROUNDS,
            "capacity {capacity}"
        );
        assert_eq!(ended.load(Ordering::SeqCst), ROUNDS, "capacity {capacity}");
    }
}
