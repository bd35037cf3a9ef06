//! Many values at a time, and the send that makes room for itself.
#![cfg(not(loom))]

mod common;

use std::collections::VecDeque;
use std::task::Poll;
use std::thread;

use chan_core::{Builder, Chan, bounded, unbounded};
use common::{Counting, block_on, poll, poll_box, until, until_parked, watched};

#[test]
fn a_batch_wakes_each_receiver_once_and_in_order() {
    let (tx, rx) = bounded(2);
    let (bells, mut waits): (Vec<_>, Vec<_>) = (0..3)
        .map(|_| {
            let (bell, waker) = Counting::new();
            let mut wait = Box::pin(rx.recv_async());
            assert!(poll(&mut wait.as_mut(), &waker).is_pending());
            (bell, wait)
        })
        .unzip();
    let mut values = (1..=9).collect();
    // Three to those who wait, two into the buffer.
    assert_eq!(tx.try_send_many(&mut values), Ok(5));
    assert_eq!(values, [6, 7, 8, 9]);
    assert!(bells.iter().all(|bell| bell.wakes() == 1));
    for (wait, wanted) in waits.iter_mut().zip(1..) {
        assert_eq!(poll_box(wait), Poll::Ready(Ok(wanted)));
    }
    assert_eq!(rx.drain().collect::<Vec<_>>(), [4, 5]);
}

#[test]
fn a_batch_larger_than_the_channel_waits_for_room() {
    let (tx, rx) = bounded(4);
    thread::scope(|s| {
        s.spawn(move || {
            let mut values: VecDeque<_> = (0..1_000).collect();
            tx.send_many(&mut values).unwrap();
            assert!(values.is_empty());
        });
        let mut got = Vec::new();
        while rx.recv_many(&mut got, 7) > 0 {}
        assert!(got.into_iter().eq(0..1_000));
    });
}

#[test]
fn a_closed_channel_leaves_the_rest_in_the_queue() {
    let (tx, rx) = Builder::new().name("rest").capacity(2).channel();
    thread::scope(|s| {
        let sender = s.spawn(|| {
            let mut values: VecDeque<_> = (0..5).collect();
            assert!(tx.send_many(&mut values).is_err());
            values
        });
        until_parked(&watched("rest"), 1);
        tx.close().unwrap();
        // The one that waited is back at the front.
        assert_eq!(sender.join().unwrap(), [2, 3, 4]);
    });
    assert_eq!(rx.drain().collect::<Vec<_>>(), [0, 1]);
    assert!(
        rx.try_recv_many(&mut Vec::new(), 1)
            .unwrap_err()
            .is_disconnected()
    );
    assert_eq!(rx.recv_many(&mut Vec::new(), 1), 0);
}

#[test]
fn a_task_that_sends_many_and_is_dropped_loses_none() {
    let (tx, rx) = bounded(1);
    for polls in 0..3 {
        let mut values: VecDeque<_> = (0..4).collect();
        let mut send = Box::pin(tx.send_many_async(&mut values));
        let mut got = Vec::new();
        for _ in 0..polls {
            assert!(poll_box(&mut send).is_pending());
            got.extend(rx.try_recv());
        }
        drop(send);
        got.extend(rx.drain());
        got.extend(values);
        assert_eq!(got, [0, 1, 2, 3], "after {polls} polls");
        assert_eq!(tx.waiting_senders(), 0);
    }
}

#[test]
fn a_receiver_takes_what_waiting_senders_have() {
    let chan = Chan::new(1);
    chan.send(0);
    let mut sends: Vec<_> = (1..50).map(|n| Box::pin(chan.send_async(n))).collect();
    for send in &mut sends {
        assert!(poll_box(send).is_pending());
    }
    // More than fit into one pass of wakes.
    assert_eq!(
        chan.drain().collect::<Vec<_>>(),
        (0..50).collect::<Vec<_>>()
    );
    for send in &mut sends {
        assert_eq!(poll_box(send), Poll::Ready(()));
    }
    assert_eq!(chan.waiting_senders(), 0);
}

#[test]
fn values_that_came_back_come_first_in_a_batch() {
    let (tx, rx) = bounded(2);
    let mut dropped = Box::pin(rx.recv_async());
    assert!(poll_box(&mut dropped).is_pending());
    (1..=3).for_each(|n| tx.try_send(n).unwrap());
    drop(dropped);
    let mut got = Vec::new();
    assert_eq!(rx.try_recv_many(&mut got, 9), Ok(3));
    assert_eq!(got, [1, 2, 3]);
}

#[test]
fn a_task_receives_many() {
    let (tx, rx) = bounded(8);
    let mut got = vec![0];
    {
        let mut wait = Box::pin(rx.recv_many_async(&mut got, 3));
        assert!(poll_box(&mut wait).is_pending());
        tx.send_many(&mut (1..=5).collect()).unwrap();
        assert_eq!(poll_box(&mut wait), Poll::Ready(3));
    }
    assert_eq!(got, [0, 1, 2, 3]);
    assert_eq!(block_on(rx.recv_many_async(&mut got, 0)), 0);
    drop(tx);
    assert_eq!(block_on(rx.recv_many_async(&mut got, 9)), 2);
    assert_eq!(block_on(rx.recv_many_async(&mut got, 9)), 0);
}

#[test]
fn force_send_keeps_the_newest_and_passes_nobody() {
    let chan = Chan::new(2);
    assert_eq!(chan.force_send(1), Ok(None));
    assert_eq!(chan.force_send(2), Ok(None));
    assert_eq!(chan.force_send(3), Ok(Some(1)));
    // Somebody waits, who came first.
    let mut send = Box::pin(chan.send_async(4));
    assert!(poll_box(&mut send).is_pending());
    assert_eq!(chan.force_send(5).unwrap_err().into_inner(), 5);
    assert_eq!(chan.recv(), Some(2));
    assert_eq!(poll_box(&mut send), Poll::Ready(()));
    assert_eq!(chan.force_send(5), Ok(Some(3)));
    assert_eq!(chan.drain().collect::<Vec<_>>(), [4, 5]);
    // A waiting receiver gets it straight.
    let mut receive = Box::pin(chan.recv_async());
    assert!(poll_box(&mut receive).is_pending());
    assert_eq!(chan.force_send(6), Ok(None));
    assert_eq!(poll_box(&mut receive), Poll::Ready(Some(6)));
    // Nothing to make room of.
    assert!(Chan::new(0).force_send(7).is_err());
    let permits = (chan.reserve(), chan.reserve());
    assert!(chan.force_send(8).is_err());
    drop(permits);
    let (tx, rx) = bounded(1);
    drop(rx);
    assert!(tx.force_send(9).unwrap_err().is_disconnected());
}

#[test]
fn a_burst_without_a_limit() {
    const MANY: usize = 100_000;
    let (tx, rx) = unbounded();
    assert_eq!((tx.capacity(), tx.is_full()), (None, false));
    thread::scope(|s| {
        for me in 0..2 {
            let tx = tx.clone();
            s.spawn(move || {
                let mut values = (0..MANY / 2).map(|n| (me, n)).collect();
                tx.send_many(&mut values).unwrap();
                for n in MANY / 2..MANY {
                    tx.send((me, n)).unwrap();
                }
            });
        }
        drop(tx);
        until(|| rx.len() > 1_000);
        let mut next = [0; 2];
        for (me, n) in &rx {
            assert_eq!(n, next[me], "each sender's values keep their order");
            next[me] += 1;
        }
        assert_eq!(next, [MANY; 2]);
    });
}
