//! Channels in the destructors of thread-locals: at the end of a thread, when
//! other thread-locals (ours among them) may be gone.
#![cfg(not(loom))]

mod common;

use std::cell::RefCell;
use std::thread;
use std::time::Duration;

use chan_core::{Builder, after, bounded, unbounded};
use common::{block_on, poll_box, until_parked, watched};

/// Runs what it is given when its thread ends.
struct AtExit(RefCell<Option<Box<dyn FnOnce()>>>);

impl Drop for AtExit {
    fn drop(&mut self) {
        if let Some(last) = self.0.take() {
            last();
        }
    }
}

thread_local! {
    static AT_EXIT: AtExit = const { AtExit(RefCell::new(None)) };
}

/// A thread whose last deed is done by the destructor of a thread-local.
fn at_the_exit_of_a_thread(last: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        AT_EXIT.with(|exit| exit.0.replace(Some(Box::new(last))));
        // Ours come into being after it, and are gone before it.
        let (tx, rx) = bounded(1);
        let _ = block_on(tx.send_async(1));
        assert!(rx.recv_timeout(Duration::from_millis(1)).is_ok());
        assert!(rx.recv_timeout(Duration::from_millis(1)).is_err());
    })
}

#[test]
fn a_thread_parks_at_its_exit() {
    let (tx, rx) = Builder::new().name("parks at exit").channel();
    let (done, is_done) = bounded(1);
    let ending = at_the_exit_of_a_thread(move || {
        let received = rx.recv();
        done.send(received).unwrap();
    });
    until_parked(&watched("parks at exit"), 1);
    tx.send(7).unwrap();
    assert_eq!(is_done.recv(), Ok(Ok(7)));
    ending.join().unwrap();
}

#[test]
fn a_thread_waits_to_send_at_its_exit() {
    let (tx, rx) = Builder::new().name("sends at exit").channel();
    let ending = at_the_exit_of_a_thread(move || tx.send("last words").unwrap());
    until_parked(&watched("sends at exit"), 1);
    assert_eq!(rx.recv(), Ok("last words"));
    ending.join().unwrap();
}

#[test]
fn a_thread_wakes_others_at_its_exit() {
    let (tx, rx) = Builder::new().name("wakes at exit").channel();
    let waiting = thread::spawn(move || (rx.recv(), rx.recv()));
    until_parked(&watched("wakes at exit"), 1);
    // The drop of the handle closes.
    at_the_exit_of_a_thread(move || tx.send(1).unwrap())
        .join()
        .unwrap();
    let (first, second) = waiting.join().unwrap();
    assert_eq!(first, Ok(1));
    assert!(second.is_err());
}

#[test]
fn channels_futures_and_timers_live_and_end_at_exit() {
    let (done, is_done) = bounded(1);
    at_the_exit_of_a_thread(move || {
        let (tx, rx) = unbounded();
        let mut waiting = Box::pin(rx.recv_async());
        assert!(poll_box(&mut waiting).is_pending());
        tx.send(1).unwrap();
        // Dropped with a value in its hands.
        drop(waiting);
        assert_eq!(rx.recv(), Ok(1));
        assert!(after(Duration::from_millis(1)).recv().is_ok());
        assert!(block_on(rx.recv_timeout_async(Duration::from_millis(1))).is_err());
        done.send(()).unwrap();
    })
    .join()
    .unwrap();
    assert!(is_done.recv().is_ok());
}
