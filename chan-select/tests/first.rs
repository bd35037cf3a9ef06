//! Cases that are looked at before the others.

#[path = "support/mod.rs"]
mod support;

use std::thread;
use std::time::Duration;

use chan_core::{Chan, Context, bounded};
use chan_select::{select, select_async};
use support::assert_fair;

const ROUNDS: usize = 200;

#[test]
fn they_win_whatever_else_is_ready() {
    let (cancelled, data) = (Chan::<()>::new(0), Chan::new(1));
    cancelled.close();
    data.send(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    for _ in 0..ROUNDS {
        select! {
            first recv(cancelled) -> end => assert_eq!(end, None),
            recv(data) -> _ => panic!("the data came first"),
            send(data, 2) -> _ => panic!("there is no room"),
        }
        runtime.block_on(async {
            select_async! {
                first recv(cancelled) -> end => assert_eq!(end, None),
                recv(data) -> _ => panic!("the data came first"),
            }
        });
    }
    assert_eq!(data.len(), 1);
}

#[test]
fn they_come_in_the_order_in_which_they_stand() {
    let chans: [Chan<usize>; 3] = std::array::from_fn(|_| Chan::new(1));
    let [a, b, c] = &chans;
    let which = || {
        select! {
            first recv(a) -> _ => 0,
            first send(b, 7) -> () => 1,
            first recv(c) -> _ => 2,
            default => 3,
        }
    };
    for _ in 0..ROUNDS {
        a.send(1);
        c.send(1);
        assert_eq!([which(), which(), which(), which()], [0, 1, 2, 3]);
        assert_eq!(b.recv(), Some(7));
    }
}

/// If none of them is ready the others have equal chances.
#[test]
fn rule_48_the_others_are_chosen_uniformly() {
    const MANY: usize = 9000;
    let chans: [Chan<usize>; 3] = std::array::from_fn(|_| Chan::new(MANY));
    let [a, b, c] = &chans;
    for chan in &chans {
        (0..MANY).for_each(|n| chan.send(n));
    }
    let idle = Chan::<()>::new(0);
    let mut counts = [0_usize; 3];
    for _ in 0..MANY {
        let won = select! {
            first recv(idle) -> _ => unreachable!("nobody sends"),
            recv(a) -> _ => 0,
            recv(b) -> _ => 1,
            recv(c) -> _ => 2,
        };
        counts[won] += 1;
    }
    for count in counts {
        assert_fair(count, MANY, 1.0 / 3.0);
    }
}

#[test]
fn they_wait_like_the_others() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (tx, rx) = bounded(0);
    thread::scope(|s| {
        let waiter = s.spawn(|| {
            let mut received = 0;
            loop {
                select! {
                    first recv(ctx.done()) -> _ => break received,
                    recv(rx) -> value => received += value.unwrap(),
                }
            }
        });
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        cancel.cancel();
        assert_eq!(waiter.join().unwrap(), 3);
    });
}

#[test]
fn a_timeout_ends_them_as_well() {
    let (idle, other) = (Chan::<u8>::nil(), Chan::<u8>::new(0));
    let late = select! {
        first recv(idle) -> _ => false,
        recv(other) -> _ => false,
        default(Duration::from_millis(1)) => true,
    };
    assert!(late);
}
