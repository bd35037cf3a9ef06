//! The box of what few channels need: who makes it, and who looks meanwhile.

use std::panic::Location;

use loom::thread;

use super::{Traced, birth, model};
use crate::handle::{self, ALL, Handle};

/// Header, `rare`: two need the box at once, and use the same one.
#[test]
fn two_make_the_box_at_once() {
    model(|| {
        let chan: Handle<Traced, ALL> = handle::make(birth(), 1);
        let other = {
            let chan = chan.clone();
            thread::spawn(move || chan.downgrade())
        };
        let mine = chan.downgrade();
        let theirs = other.join().unwrap();
        assert_eq!(chan.chan().header().handles_and_weak().1, 2);
        drop((mine, theirs));
        assert_eq!(chan.chan().header().handles_and_weak().1, 0);
    });
    // What the lock guards of it: one of the two keeps its line.
    model(|| {
        let chan: Handle<Traced, ALL> = handle::make(birth(), 1);
        let other = {
            let chan = chan.clone();
            thread::spawn(move || chan.chan().close(Location::caller()))
        };
        let mine = chan.chan().close(Location::caller());
        assert!(mine != other.join().unwrap(), "closed once");
        let guard = chan.chan().header().lock();
        assert!(guard.closed_at().is_some());
    });
}

/// Header, `rare`: one makes the box, before it takes the lock, while another
/// has the lock and looks for it.
#[test]
fn who_makes_the_box_meets_who_locks() {
    model(|| {
        let chan: Handle<Traced, ALL> = handle::make(birth(), 1);
        let closer = {
            let chan = chan.clone();
            thread::spawn(move || chan.chan().close(Location::caller()))
        };
        let guard = chan.chan().header().lock();
        assert_eq!(guard.closed_at().is_some(), guard.is_closed());
        drop(guard);
        assert!(closer.join().unwrap());
    });
}

/// Header, `rare`: a watcher counts weak handles while the first is made. One
/// that is used up by then it has seen.
#[test]
fn who_makes_the_box_meets_who_looks() {
    model(|| {
        let chan: Handle<Traced, ALL> = handle::make(birth(), 1);
        let user = {
            let chan = chan.clone();
            thread::spawn(move || {
                let weak = chan.downgrade();
                let strong = weak.upgrade().expect("we hold one");
                drop(weak);
                strong
            })
        };
        let (handles, weak) = chan.chan().header().handles_and_weak();
        assert!(handles.send < 3 || weak <= 1);
        let strong = user.join().unwrap();
        assert_eq!(chan.chan().header().handles_and_weak().1, 0);
        drop(strong);
    });
}
