//! Safe programs that were written to break the unsafe code of this crate, one
//! for each thing that it relies on; docs/unsafe-reading.md says which. They
//! are small enough for Miri, which sees what no run shows: `.ci/deep miri`.

#![cfg(not(loom))]

mod common;

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use chan_core::Chan;
use chan_core::select::CaseSet;
use common::hooked::{ON_CLONE, hooked, on};
use common::{Ledger, poll_box, until};

fn caught<R>(f: impl FnOnce() -> R) -> bool {
    panic::catch_unwind(AssertUnwindSafe(f)).is_err()
}

fn poll_with<F: Future + ?Sized>(future: &mut Pin<Box<F>>, waker: &Waker) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(waker))
}

/// Panics when it is woken.
struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("a waker");
    }
}

fn panicking() -> Waker {
    Waker::from(Arc::new(Panicking))
}

// ---- Foreign code that panics in the middle. ----

#[test]
fn send_many_ends_when_a_waker_has_panicked_within_it() {
    let chan = Chan::new(0);
    let ledger = Ledger::new(3);
    let mut values = VecDeque::from_iter((0..3).map(|id| ledger.item(id)));
    let theirs = chan.clone();
    let mut send = Box::pin(chan.send_many_async(&mut values));
    // Between its two looks somebody comes who takes the value and panics.
    let (receives, received) = std::sync::mpsc::channel();
    on(&ON_CLONE, move || {
        let mut receive = Box::pin(async move { theirs.recv_async().await });
        assert!(poll_with(&mut receive, &panicking()).is_pending());
        receives.send(receive).unwrap();
    });
    assert!(caught(|| poll_with(&mut send, &hooked())));
    // Not a second panic: it would end the process of who is unwinding.
    drop(send);
    let taken = poll_box(&mut received.recv().unwrap());
    let Poll::Ready(Some(taken)) = taken else {
        panic!("it was handed over");
    };
    assert_eq!(taken.receive(), 0);
    assert_eq!(values.len(), 2, "the others stay with their owner");
}

/// A value whose destructor uses the channel it came from.
struct Nosy(Chan<Nosy>, Arc<AtomicBool>);

impl Drop for Nosy {
    fn drop(&mut self) {
        // Takes the lock.
        let _ = self.0.try_recv();
        self.1.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_case_whose_result_was_never_taken_does_not_drop_it_under_a_lock() {
    let dropped = Arc::new(AtomicBool::new(false));
    let seen = dropped.clone();
    // On a thread of its own: what is wrong here hangs.
    let attack = thread::spawn(move || {
        let chan = Chan::new(1);
        let value = || Nosy(chan.clone(), dropped.clone());
        let mut set = CaseSet::new();
        set.recv(&chan, |got| got.is_some());
        assert!(chan.try_send(value()).is_ok());
        let mut send = Box::pin(chan.send_async(value()));
        assert!(poll_with(&mut send, &panicking()).is_pending());
        // It has won a value, and the waker of the sender panics.
        assert!(caught(|| set.look(|_| 0)));
        drop((chan.try_recv(), send));
        dropped.store(false, Ordering::Relaxed);
        // The next value comes between the two looks.
        let (sender, next) = (chan.clone(), value());
        on(&ON_CLONE, move || assert!(sender.try_send(next).is_ok()));
        let waker = hooked();
        let mut cx = Context::from_waker(&waker);
        assert_eq!(set.poll(&mut cx, |_| 0, false), Poll::Ready(true));
    });
    until(|| seen.load(Ordering::Relaxed) && attack.is_finished());
    attack.join().unwrap();
}
