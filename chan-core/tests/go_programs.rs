//! Go's own channel programs, told anew from what they check: each is written
//! once and runs on threads, on tokio with many threads and with one, and on
//! a minimal executor. With `Chan` in [`threads`] and its neighbours; with
//! `Sender` and `Receiver`, as far as it does not panic, in [`rust_manners`].
//!
//! Programs that select are chan-select's. Go's name is the test's; what has
//! no counterpart stands in docs/go-parity.md.
#![cfg(not(loom))]

use std::panic::{self, AssertUnwindSafe};

use chan_core::{Chan, Empty};
use worlds::{Manners, Minimal, Threads, Tokio, World};

mod common;

#[path = "go_programs/closing.rs"]
mod closing;
#[path = "go_programs/executor.rs"]
mod executor;
#[path = "go_programs/many.rs"]
mod many;
#[path = "go_programs/memory.rs"]
mod memory;
#[path = "go_programs/order.rs"]
mod order;
#[path = "go_programs/sieves.rs"]
mod sieves;
#[allow(dead_code, reason = "the tests of the rules use all of it")]
#[path = "go_rules/support.rs"]
mod support;
#[path = "go_programs/worlds.rs"]
mod worlds;

/// A test for each of the programs, in one world.
macro_rules! tests {
    ($world:ty, $manners:ident, $($file:ident::$program:ident)+) => {
        use crate::worlds::World;
        $(
            #[test]
            fn $program() {
                <$world>::run(crate::worlds::Manners::$manners, crate::$file::$program);
            }
        )+
    };
}

/// The programs of all manners.
macro_rules! programs {
    ($world:ty, $manners:ident $(, $more:ident::$program:ident)*) => {
        tests! { $world, $manners,
            order::go_fifo
            order::go_goroutines
            order::go_nonblock
            order::go_range
            order::go_select7
            order::go_sendstmt
            order::go_zerosize
            sieves::go_sieve1
            sieves::go_sieve2
            many::go_ken_chan
            many::go_ken_chan1
            many::go_test_chan
            many::go_nonblock_recv_race
            many::go_chan_send_interface
            many::go_multi_consumer
            memory::go_race_38_send_before_receive
            memory::go_race_38_blocked_send
            memory::go_race_38_pointer
            memory::go_race_38_producer_consumer
            memory::go_race_39_close_before_receive
            memory::go_race_40_receive_before_send
            memory::go_race_41_receive_before_a_later_send
            memory::go_race_41_mutex
            memory::go_race_41_semaphore
            memory::go_race_41_wait_group
            memory::go_race_44_elements_without_size
            memory::go_chanbarrier
            $($more::$program)*
        }
    };
}

/// The same, and those that look at panics and at `cap`.
macro_rules! go_programs {
    ($world:ty) => {
        programs! { $world, Go,
            closing::go_closedchan,
            closing::go_closedchan_under_waiters,
            closing::go_issue8347,
            closing::go_chancap,
            closing::go_makechan
        }
    };
}

mod threads {
    go_programs!(crate::worlds::Threads);
}

mod tokio_many {
    go_programs!(crate::worlds::Tokio<2>);
}

mod tokio_one {
    go_programs!(crate::worlds::Tokio<0>);
}

mod minimal {
    go_programs!(crate::worlds::Minimal);
}

mod rust_manners {
    mod threads {
        programs!(crate::worlds::Threads, Rust);
    }

    mod tokio_many {
        programs!(crate::worlds::Tokio<2>, Rust);
    }

    mod tokio_one {
        programs!(crate::worlds::Tokio<0>, Rust);
    }

    mod minimal {
        programs!(crate::worlds::Minimal, Rust);
    }
}

// ---- The worlds themselves: a program that fails must fail its test. ----

/// Somebody whom nobody waits for panics, while `main` waits for ever.
async fn fails<W: World>(w: W) {
    let chan = w.chan::<u8>(0);
    w.go(async { panic!("a party fails") });
    chan.recv().await;
}

/// Why a program failed.
fn failure<W: World>(program: impl FnOnce()) -> String {
    let ended = panic::catch_unwind(AssertUnwindSafe(program));
    let panic = ended.expect_err("the program did not fail");
    let text = panic.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| (*panic.downcast_ref::<&str>().expect("a text")).to_owned())
}

#[test]
fn a_party_that_panics_fails_the_program() {
    fn check<W: World>() {
        let why = failure::<W>(|| W::run(Manners::Go, fails));
        assert_eq!(why, "a party fails");
    }
    check::<Threads>();
    check::<Tokio<2>>();
    check::<Tokio<0>>();
    check::<Minimal>();
}

/// Rule 72 in small: all wait, so none will be woken.
#[test]
fn rule_72_the_minimal_world_sees_that_all_are_asleep() {
    let why = failure::<Minimal>(|| {
        Minimal::run(Manners::Go, |w| async move {
            let (chan, other) = (w.chan::<u8>(0), w.chan::<u8>(0));
            w.go({
                let (chan, other) = (chan.clone(), other.clone());
                async move { chan.send(other.value().await).await }
            });
            other.send(chan.value().await).await;
        });
    });
    assert!(why.contains("all tasks are asleep: deadlock"), "{why}");
}

/// test/chanlinear, its structure: of many who wait on one channel most leave
/// in no order, and the queue is what it would be had they never come. That
/// leaving costs the same in a long queue is by construction (a doubly linked
/// list) and is measured, not tested.
#[test]
fn go_chanlinear() {
    const WAITERS: usize = 10_000;
    let chan = Chan::new(0);
    let receive = |n: usize| {
        let mut receive = Box::pin(chan.recv_async());
        assert!(common::poll_box(&mut receive).is_pending());
        (n, receive)
    };
    let mut waiting: Vec<_> = (0..WAITERS).map(receive).collect();
    fastrand::Rng::with_seed(7).shuffle(&mut waiting);
    waiting.truncate(WAITERS / 10);
    waiting.sort_unstable_by_key(|(n, _)| *n);
    for (n, receive) in &mut waiting {
        chan.try_send(*n).expect("there are receivers");
        let got = common::poll_box(receive);
        assert_eq!(got, std::task::Poll::Ready(Some(*n)), "the oldest is next");
    }
    assert_eq!(chan.try_send(0).map_err(|full| full.into_inner()), Err(0));
    assert_eq!(chan.try_recv(), Err(Empty));
}
