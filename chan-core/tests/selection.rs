//! Selections that are driven wrongly, through the engine room that is public
//! for the crate `chan-select`: they panic or do right, and stay sound.

#![cfg(not(loom))]

mod common;

use std::panic::{self, AssertUnwindSafe};
use std::task::{Context, Poll, Waker};

use chan_core::select::{Cons, End, RecvArm, Selection, SendArm};
use chan_core::{Builder, Chan, Empty};
use common::{Ledger, watched};

fn caught<R>(f: impl FnOnce() -> R) -> bool {
    panic::catch_unwind(AssertUnwindSafe(f)).is_err()
}

/// A task's select over `recv(a)` and `send(b, value)`.
macro_rules! selection {
    ($a:expr, $b:expr, $value:expr) => {{
        let cases = Cons(RecvArm::arm($a), Cons(SendArm::arm($b, $value), End));
        Box::pin(Selection::<_, 2>::of_task(cases))
    }};
}

#[test]
fn an_order_that_is_nonsense_misses_no_ready_case() {
    let orders: [fn(&mut [u16]); 6] = [
        |order| order.fill(0),
        |order| order.fill(1),
        |order| order.fill(u16::MAX),
        |order| order.reverse(),
        |order| order[0] = 7,
        |_| {},
    ];
    for order in orders {
        for ready in [0, 1] {
            // `a` has a value if it is to be ready, `b` has room.
            let (a, b) = (Chan::new(1), Chan::new(1));
            if ready == 0 {
                a.send(1);
                b.send(1);
            }
            let mut selection = selection!(&a, &b, 2);
            let mut order = order;
            let polled = selection
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()), &mut order);
            assert_eq!(polled, Poll::Ready(ready));
            let _ = selection.as_mut().take(ready);
        }
    }
}

#[test]
fn an_order_that_panics_leaves_the_selection_unused() {
    let (a, b) = (Chan::<i32>::new(1), Chan::new(1));
    let mut selection = selection!(&a, &b, 2);
    let mut context = Context::from_waker(Waker::noop());
    assert!(caught(|| selection
        .as_mut()
        .poll(&mut context, &mut |_| panic!("an order"))));
    assert_eq!((a.len(), b.len()), (0, 0));
    let polled = selection.as_mut().poll(&mut context, &mut |_| {});
    assert_eq!(polled, Poll::Ready(1));
    assert_eq!(b.recv(), Some(2));
}

#[test]
fn results_that_are_not_there_cannot_be_taken() {
    let ledger = Ledger::new(1);
    let (a, b) = (Chan::<i32>::new(0), Chan::new(0));
    let mut selection = selection!(&a, &b, ledger.item(0));
    let mut context = Context::from_waker(Waker::noop());
    for index in [0, 1, 2, usize::MAX] {
        assert!(caught(|| selection.as_mut().take(index)));
    }
    assert!(
        selection
            .as_mut()
            .poll(&mut context, &mut |_| {})
            .is_pending()
    );
    for index in [0, 1, 2] {
        assert!(caught(|| selection.as_mut().take(index)));
    }
    // Used while it waits, in the other ways.
    assert!(caught(|| selection.as_mut().look(&mut |_| {})));
    assert!(caught(|| selection.as_mut().wait(&mut |_| {}, None)));
    // It still waits, and its value is where it was.
    let item = b.try_recv().unwrap().unwrap();
    assert_eq!(
        selection.as_mut().poll(&mut context, &mut |_| {}),
        Poll::Ready(1)
    );
    for index in [0, 2] {
        assert!(caught(|| selection.as_mut().take(index)));
    }
    let _ = selection.as_mut().take(1);
    assert!(caught(|| selection
        .as_mut()
        .poll(&mut context, &mut |_| {})));
    drop(selection);
    item.receive();
    ledger.check_all_received();
}

#[test]
fn one_channel_in_every_case() {
    for dropped in [false, true] {
        let name = format!("every case {dropped}");
        let chan = Builder::new().name(name.clone()).chan();
        let channel = watched(&name);
        let cases = Cons(
            RecvArm::arm(&chan),
            Cons(
                SendArm::arm(&chan, 1),
                Cons(RecvArm::arm(&chan), Cons(SendArm::arm(&chan, 2), End)),
            ),
        );
        let mut selection = Box::pin(Selection::<_, 4>::of_task(cases));
        let mut context = Context::from_waker(Waker::noop());
        assert!(
            selection
                .as_mut()
                .poll(&mut context, &mut |_| {})
                .is_pending()
        );
        assert_eq!(channel.snapshot().waits.len(), 4);
        assert!(chan.try_send(3).is_ok());
        if dropped {
            drop(selection);
            assert_eq!(chan.try_recv(), Ok(Some(3)));
        } else {
            assert_eq!(
                selection.as_mut().poll(&mut context, &mut |_| {}),
                Poll::Ready(0)
            );
            drop(selection);
        }
        assert_eq!(channel.snapshot().waits.len(), 0);
        assert_eq!(chan.try_recv(), Err(Empty));
    }
}
