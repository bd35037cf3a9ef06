//! Close, and the last handles.

use std::ptr::NonNull;
use std::sync::Arc;

use loom::thread;

use super::{Told, Traced, birth, model, number, pair, traced};
use crate::case::RecvArm;
use crate::case_list::{CaseList, End, Won};
use crate::handle::{self, ALL, Handle};
use crate::header::Header;
use crate::{Chan, TryRecvError, bounded};

/// A watcher's share of a header's memory.
struct Share(NonNull<Header>);

// SAFETY: a share may be given up by any thread.
unsafe impl Send for Share {}

/// Parker and header: a receiver gives up looking and parks while the channel
/// is closed under it.
#[test]
fn close_meets_park() {
    model(|| {
        let chan = Chan::<Traced>::new(0);
        let receiver = {
            let chan = chan.clone();
            thread::spawn(move || assert!(chan.recv().is_none()))
        };
        chan.close();
        receiver.join().unwrap();
    });
}

/// A send and a close: the value is in the channel, or came back.
#[test]
fn close_meets_send() {
    for capacity in [0, 1] {
        model(move || {
            let (tx, rx) = bounded(capacity);
            let sender = {
                let tx = tx.clone();
                thread::spawn(move || tx.send(traced(7)))
            };
            tx.close().unwrap();
            match sender.join().unwrap() {
                Ok(()) => assert_eq!(number(rx.try_recv().ok()), Some(7)),
                Err(error) => assert_eq!(error.0, 7),
            }
            assert_eq!(rx.try_recv().unwrap_err(), TryRecvError::Disconnected);
        });
    }
}

/// A receive, and a send followed by a close: the value comes before the end
/// (rules 20 and 24), and with the end what the closer did before (rule 39).
#[test]
fn close_meets_recv() {
    model(|| {
        let (chan, told) = (Chan::new(1), Told::new());
        let receiver = {
            let (chan, told) = (chan.clone(), Arc::clone(&told));
            thread::spawn(move || {
                assert_eq!(number(chan.recv()), Some(7));
                assert!(chan.recv().is_none());
                told.read();
            })
        };
        chan.send(traced(7));
        told.write();
        chan.close();
        receiver.join().unwrap();
    });
}

/// Header, `closed`: whoever sees the flag sees what the closer did before,
/// without the lock.
#[test]
fn closed_flag_publishes() {
    model(|| {
        let (chan, told) = (Chan::<Traced>::new(1), Told::new());
        let looker = {
            let (chan, told) = (chan.clone(), Arc::clone(&told));
            thread::spawn(move || {
                if chan.is_closed() {
                    told.read();
                }
            })
        };
        told.write();
        chan.close();
        looker.join().unwrap();
    });
}

/// A select whose one channel is closed while the other gets a value: one of
/// the two happens, and the value is received or still there.
#[test]
fn close_meets_select() {
    model(|| {
        let [closing, full] = pair(1);
        let closer = {
            let closing = closing.clone();
            thread::spawn(move || closing.close())
        };
        let sender = {
            let full = full.clone();
            thread::spawn(move || full.send(traced(7)))
        };
        let (a, b) = (&closing, &full);
        let got = match select!(RecvArm::arm(a), RecvArm::arm(b)) {
            Won::Before(Won::This(end)) => {
                assert!(end.is_none());
                false
            }
            Won::This(value) => {
                assert_eq!(number(value), Some(7));
                true
            }
        };
        closer.join().unwrap();
        sender.join().unwrap();
        assert_eq!(full.len(), usize::from(!got));
    });
}

/// Header, `handles`: two senders go at once; the channel closes once, and
/// the receiver sees what both did before.
#[test]
fn last_sender_drop_closes() {
    model(|| {
        let (tx, rx) = bounded::<Traced>(1);
        let told = Told::new();
        let (first, second) = (tx.clone(), tx);
        let other = {
            let told = Arc::clone(&told);
            thread::spawn(move || {
                told.write();
                drop(first);
            })
        };
        drop(second);
        assert!(rx.recv().is_err());
        told.read();
        other.join().unwrap();
    });
}

/// Header, `sides`: both sides go at once; the value is dropped once, by one
/// who may touch it.
#[test]
fn last_two_handles_race() {
    for capacity in [1, 2] {
        model(move || {
            let (tx, rx) = bounded(capacity);
            let value = traced(7);
            tx.send(value.clone()).unwrap();
            let other = thread::spawn(move || drop(tx));
            drop(rx);
            other.join().unwrap();
            assert_eq!(value.copies(), 1);
        });
        // Go's manners: nothing closes on the way.
        model(move || {
            let chan = Chan::new(capacity);
            let value = traced(7);
            chan.send(value.clone());
            let (tx, rx) = chan.split();
            let other = thread::spawn(move || drop(tx));
            drop(rx);
            other.join().unwrap();
            assert_eq!(value.copies(), 1);
        });
    }
}

/// Header, `memory`: a watcher looks while the last handle goes; the header
/// stays until both are done.
#[test]
fn watcher_meets_last_handle() {
    model(|| {
        let chan: Handle<Traced, ALL> = handle::make(birth(), 1);
        let site = std::panic::Location::caller();
        assert!(chan.chan().send(traced(7), None, site).is_ok());
        let share = Share(NonNull::from(chan.chan().header()));
        // SAFETY: alive: we hold a handle.
        unsafe { Header::keep_memory(share.0) };
        let watcher = thread::spawn(move || {
            let share = share;
            // SAFETY: our share keeps the memory.
            let header = unsafe { share.0.as_ref() };
            let guard = header.lock();
            assert_eq!(guard.sent(), 1);
            drop(guard);
            // SAFETY: ours, used no more.
            unsafe { Header::release_memory(share.0) };
        });
        drop(chan);
        watcher.join().unwrap();
    });
}
