//! Values dropped twice, or never; memory that does not fit them.

use std::num::NonZeroU64;
use std::sync::Barrier;
use std::thread;

use chan_core::select::{self, CaseList, End, RecvArm, SendArm, Won};
use chan_core::{Receiver, Sender, bounded};

use super::{ROUNDS, kinds};
use crate::common::{Ledger, poll_box};

/// crossbeam#1187 (RUSTSEC-2025-0024), #971, #972, rust#110001: the last
/// sender and the last receiver went at once, and both freed a block of the
/// queue, or one freed what the other still read. Each value must be dropped
/// once, by whoever comes last.
#[test]
fn both_sides_go_at_once() {
    for round in 0..ROUNDS {
        // None, some of a block, a whole block and more.
        let values = [0, 1, 31, 32, 33, 100][round % 6];
        for (tx, rx) in kinds() {
            let ledger = Ledger::new(values + 1);
            let sent: Vec<usize> = (0..values)
                .take_while(|&id| tx.try_send(ledger.item(id)).is_ok())
                .collect();
            let start = Barrier::new(2);
            thread::scope(|s| {
                s.spawn(|| {
                    let (tx, last) = (tx, ledger.item(values));
                    start.wait();
                    drop(tx.try_send(last));
                });
                start.wait();
                drop(rx);
            });
            // One more was made for the send that failed.
            let made = (sent.len() + 1).min(values);
            let dropped: u8 = (0..=values).map(|id| ledger.times_dropped(id)).sum();
            assert_eq!(usize::from(dropped), made + 1, "{values} values");
        }
    }
}

/// The values of such a type, here and as a channel has them.
#[track_caller]
fn pass_through<T: PartialEq + std::fmt::Debug>(make: impl Fn(u64) -> T) {
    for (tx, rx) in kinds::<T>() {
        let sends_at_once = |value| tx.try_send(value).is_ok();
        // Through the buffer and around its end.
        for n in 1..9 {
            if sends_at_once(make(n)) {
                assert_eq!(rx.try_recv().unwrap(), make(n));
            }
        }
        // From one future to another, from hand to hand, and back.
        let mut receive = Box::pin(rx.recv_async());
        assert!(poll_box(&mut receive).is_pending());
        assert!(sends_at_once(make(9)));
        drop(receive);
        assert_eq!(rx.recv().unwrap(), make(9));
        let mut sends: Vec<_> = (10..20).map(|n| Box::pin(tx.send_async(make(n)))).collect();
        for send in &mut sends {
            let _ = poll_box(send);
        }
        let received: Vec<T> = rx.try_iter().collect();
        assert_eq!(received, (10..20).map(&make).collect::<Vec<_>>());
    }
}

#[derive(PartialEq, Debug)]
#[repr(align(128))]
struct Aligned(u64);

/// crossbeam#458 (RUSTSEC-2022-0019): a channel made values out of zeros, of
/// types that have no such value. crossbeam#533 (RUSTSEC-2020-0052): it gave
/// memory back with a layout that it was not got with. Nothing may be made
/// but by the sender, and memory must fit.
#[test]
fn values_of_any_form_keep_it() {
    static NUMBERS: [u64; 20] = [7; 20];
    pass_through(|n| NonZeroU64::new(n).unwrap());
    pass_through(|n| &NUMBERS[n as usize]);
    pass_through(Box::new);
    pass_through(|n| char::from_digit(n as u32, 36).unwrap());
    pass_through(|n| std::cmp::Ordering::cmp(&Ord::cmp(&n, &10), &std::cmp::Ordering::Equal));
    pass_through(Aligned);
    pass_through(|n| [n as u8; 3]);
    pass_through(|n| (n as u8, Some(Box::new(n)), [n as u16; 5]));
    pass_through(|_| ());
    pass_through(|_| [Aligned(0); 0]);
}

/// crossbeam#1096: a select was completed with a clone of the handle that it
/// was made with, and panicked: the handle's address was taken for the
/// channel's. A channel is a channel by whatever handle.
#[test]
fn a_select_sees_one_channel_by_two_handles() {
    fn take(one: &Receiver<u8>, two: &Receiver<u8>, tx: &Sender<u8>) -> (usize, u8) {
        let cases = End
            .and(RecvArm::arm(one))
            .and(SendArm::arm(tx, 9))
            .and(RecvArm::arm(two));
        match select::wait::<_, 3>(cases, 3, |_| 0, None).unwrap() {
            Won::Before(Won::Before(Won::This(value))) => (0, value.unwrap()),
            Won::Before(Won::This(sent)) => {
                sent.unwrap();
                (1, 0)
            }
            Won::This(value) => (2, value.unwrap()),
        }
    }
    let (tx, rx) = bounded(1);
    let (other_tx, other_rx) = (tx.clone(), rx.clone());
    assert_eq!(take(&rx, &other_rx, &other_tx), (1, 0));
    assert_eq!(take(&rx, &other_rx, &other_tx), (0, 9));
    tx.send(3).unwrap();
    assert_eq!(take(&other_rx, &rx, &tx), (0, 3));
}

/// oneshot#73 (RUSTSEC-2026-0005): the receive was dropped while the sender
/// wrote into it. tokio#4225 (RUSTSEC-2021-0124): a close, a send and a
/// receive met. Whoever is later must see what the earlier did.
#[test]
fn a_send_meets_a_dropped_receive_and_a_close() {
    for round in 0..ROUNDS {
        let ledger = Ledger::new(1);
        let (tx, rx) = bounded(round % 2);
        let start = Barrier::new(3);
        thread::scope(|s| {
            let mut receive = Box::pin(rx.recv_async());
            assert!(poll_box(&mut receive).is_pending());
            let dropping = s.spawn(|| {
                start.wait();
                drop(receive);
            });
            let sender = s.spawn(|| {
                let item = ledger.item(0);
                start.wait();
                tx.try_send(item).is_ok()
            });
            start.wait();
            let closed = tx.close();
            let sent = sender.join().unwrap();
            // What was sent can be received, also after the close.
            // A value in a future that is being dropped is on its way back.
            dropping.join().unwrap();
            let mut left = 0;
            rx.iter().for_each(|item| left += 1 + item.receive());
            assert_eq!((closed, left), (Ok(()), usize::from(sent)));
        });
        assert_eq!(ledger.times_dropped(0), 1);
    }
}
