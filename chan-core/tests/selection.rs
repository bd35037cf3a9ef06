//! Selections that are driven wrongly, through the engine room that is public
//! for the crate `chan-select`: they panic or do right, and stay sound.

#![cfg(not(loom))]

mod common;

use std::panic::{self, AssertUnwindSafe};
use std::task::{Context, Poll, Waker};

use chan_core::select::{self, CaseList, End, RecvArm, Selection, SendArm, Won};
use chan_core::{Builder, Chan, Empty};
use common::{Ledger, watched};

fn caught<R>(f: impl FnOnce() -> R) -> bool {
    panic::catch_unwind(AssertUnwindSafe(f)).is_err()
}

/// A task's select over `recv(a)` and `send(b, value)`.
macro_rules! selection {
    ($a:expr, $b:expr, $value:expr) => {{
        let cases = End.and(RecvArm::arm($a)).and(SendArm::arm($b, $value));
        Box::pin(Selection::<_, 2>::new(cases, 0, false))
    }};
}

#[test]
fn chance_that_is_nonsense_misses_no_ready_case() {
    let chances: [fn(u32) -> u32; 5] = [
        |_| 0,
        |below| below,
        |below| below - 1,
        |_| u32::MAX,
        |below| u32::MAX - below,
    ];
    for chance in chances {
        for (ready, first) in [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, usize::MAX)] {
            // `a` has a value if it is to be ready, `b` has room.
            let (a, b) = (Chan::new(1), Chan::new(1));
            if ready == 0 {
                a.send(1);
                b.send(1);
            }
            let cases = End.and(RecvArm::arm(&a)).and(SendArm::arm(&b, 2));
            let won = select::look::<_, 2>(cases, first, chance);
            assert!(matches!(
                (won, ready),
                (Some(Won::Before(Won::This(Some(1)))), 0) | (Some(Won::This(())), 1)
            ));
        }
    }
}

#[test]
fn chance_that_panics_leaves_the_selection_unused() {
    // Between two that are ready, and before it queues up.
    for ready in [true, false] {
        let (a, b) = (Chan::new(1), Chan::new(1));
        match ready {
            true => a.send(1),
            false => b.send(1),
        }
        let mut selection = selection!(&a, &b, 2);
        let mut context = Context::from_waker(Waker::noop());
        assert!(caught(|| selection
            .as_mut()
            .poll(&mut context, |_| panic!("no chance"))));
        assert_eq!(
            (a.len(), b.len()),
            (usize::from(ready), usize::from(!ready))
        );
        assert!(a.try_recv().is_ok() == ready && b.try_recv().is_ok() != ready);
        let polled = selection.as_mut().poll(&mut context, |_| 0);
        assert!(matches!(polled, Poll::Ready(Won::This(()))));
        assert_eq!(b.recv(), Some(2));
    }
}

#[test]
fn a_selection_is_over_once() {
    let ledger = Ledger::new(1);
    let (a, b) = (Chan::<i32>::new(0), Chan::new(0));
    let mut selection = selection!(&a, &b, ledger.item(0));
    let mut context = Context::from_waker(Waker::noop());
    assert!(selection.as_mut().poll(&mut context, |_| 0).is_pending());
    let item = b.try_recv().unwrap().unwrap();
    let polled = selection.as_mut().poll(&mut context, |_| 0);
    assert!(matches!(polled, Poll::Ready(Won::This(()))));
    assert!(caught(|| selection.as_mut().poll(&mut context, |_| 0)));
    assert!(selection.as_mut().give_up().is_none());
    drop(selection);
    item.receive();
    ledger.check_all_received();
}

#[test]
fn who_gives_up_gets_what_came_before_that_and_leaves_nothing() {
    for came in [false, true] {
        for polled in [false, true] {
            let (a, b) = (Chan::new(1), Chan::new(0));
            let mut selection = selection!(&a, &b, 2);
            if polled {
                let mut context = Context::from_waker(Waker::noop());
                assert!(selection.as_mut().poll(&mut context, |_| 0).is_pending());
            }
            if came {
                a.send(5);
            }
            let got = selection.as_mut().give_up();
            assert_eq!(matches!(got, Some(Won::Before(Won::This(Some(5))))), came);
            assert_eq!(got.is_some(), came);
            assert!(b.try_recv().is_err(), "it waits no more");
            drop(selection);
            assert_eq!(a.len(), 0);
        }
    }
}

#[test]
fn one_channel_in_every_case() {
    for dropped in [false, true] {
        let name = format!("every case {dropped}");
        let chan = Builder::new().name(name.clone()).chan();
        let channel = watched(&name);
        let cases = End
            .and(RecvArm::arm(&chan))
            .and(SendArm::arm(&chan, 1))
            .and(RecvArm::arm(&chan))
            .and(SendArm::arm(&chan, 2));
        let mut selection = Box::pin(Selection::<_, 4>::new(cases, 4, false));
        let mut context = Context::from_waker(Waker::noop());
        assert!(selection.as_mut().poll(&mut context, |_| 0).is_pending());
        assert_eq!(channel.snapshot().waits.len(), 4);
        assert!(chan.try_send(3).is_ok());
        if dropped {
            drop(selection);
            assert_eq!(chan.try_recv(), Ok(Some(3)));
        } else {
            let polled = selection.as_mut().poll(&mut context, |_| 0);
            assert!(matches!(
                polled,
                Poll::Ready(Won::Before(Won::Before(Won::Before(Won::This(Some(3))))))
            ));
            drop(selection);
        }
        assert_eq!(channel.snapshot().waits.len(), 0);
        assert_eq!(chan.try_recv(), Err(Empty));
    }
}
