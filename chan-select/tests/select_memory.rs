//! test/chan/select2, rule 62 in bytes: selects leave no memory behind, in the
//! million. One test, so that nobody else allocates in this process while it
//! counts.
#![cfg(not(loom))]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;

use chan_core::Chan;
use chan_select::{Select, select, select_async};

#[path = "../../bench-suite/src/bytes.rs"]
mod bytes;

/// Go's number is 100,000; with four kinds, these come to a million.
const SELECTS: usize = 250_000;

/// What may be left by whatever a process keeps once for all.
const SLACK: isize = 1 << 10;

/// Bytes that are left by so many of one kind, after some that warm up.
fn left_by(mut some: impl FnMut(usize)) -> isize {
    some(1000);
    let before = bytes::live();
    some(SELECTS);
    bytes::live() - before
}

#[test]
fn rule_62_a_million_selects_leave_no_memory() {
    let (quiet, ready) = (Chan::<usize>::new(0), Chan::new(1));
    // Looks, half of which find something.
    let of_looks = left_by(|count| {
        for n in 0..count {
            select! { send(ready, n) -> () => {}, recv(quiet) -> _ => unreachable!() }
            select! { recv(ready) -> _ => {}, recv(quiet) -> _ => unreachable!(), default => {} }
        }
    });
    // Waits of a thread for another that selects as well.
    let (there, back) = (Chan::new(0), Chan::new(0));
    let of_waits = thread::scope(|s| {
        s.spawn(|| {
            loop {
                let n = select! {
                    recv(there) -> n => n,
                    recv(quiet) -> _ => unreachable!(),
                };
                let Some(n) = n else { break };
                select! { send(back, n) -> () => {}, recv(quiet) -> _ => unreachable!() }
            }
        });
        let left = left_by(|count| {
            for n in 0..count / 2 {
                select! { send(there, n) -> () => {}, recv(quiet) -> _ => unreachable!() }
                select! { recv(back) -> _ => {}, recv(quiet) -> _ => unreachable!() }
            }
        });
        there.close();
        left
    });
    // Tasks that wait, served or dropped while they do.
    let mut context = Context::from_waker(Waker::noop());
    let of_tasks = left_by(|count| {
        for n in 0..count {
            let mut waits = pin!(async {
                select_async! { recv(back) -> n => n, recv(quiet) -> n => n }
            });
            assert!(waits.as_mut().poll(&mut context).is_pending());
            if n % 2 == 0 {
                assert!(back.try_send(n).is_ok());
                assert_eq!(waits.as_mut().poll(&mut context), Poll::Ready(Some(n)));
            }
        }
    });
    // `Select`, whose cases come and go.
    let mut select = Select::new();
    select.recv(&quiet, |_| unreachable!());
    let of_select = left_by(|count| {
        for n in 0..count {
            let out = select.send(&ready, n, move |()| n);
            assert_eq!(select.select(), n);
            select.remove(out);
            assert_eq!(select.try_select(), None);
            assert_eq!(ready.try_recv(), Ok(Some(n)));
        }
    });
    for left in [of_looks, of_waits, of_tasks, of_select] {
        assert!(left < SLACK, "{left} bytes are left");
    }
}
