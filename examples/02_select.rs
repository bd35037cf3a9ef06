//! Select: the first of several channel operations that can go on.
//!
//! These are the channels with Go's manners. A closed channel is always ready
//! and yields `None`; a nil channel never is. So a loop that merges channels
//! sets the closed one to nil, as in Go, and does not spin on it.

use std::thread;
use std::time::Duration;

use chan_core::Chan;
use chan_select::select;

fn main() {
    merge();
    no_waiting();
}

/// Takes from two channels whatever comes first, until both are closed.
fn merge() {
    let (mut evens, mut odds) = (Chan::new(2), Chan::new(0));
    for (first, chan) in [(0, evens.clone()), (1, odds.clone())] {
        thread::spawn(move || {
            for n in (first..10).step_by(2) {
                chan.send(n);
            }
            chan.close();
        });
    }

    let mut taken = Vec::new();
    while !(evens.is_nil() && odds.is_nil()) {
        select! {
            recv(evens) -> n => match n {
                Some(n) => taken.push(n),
                None => evens = Chan::nil(),
            },
            recv(odds) -> n => match n {
                Some(n) => taken.push(n),
                None => odds = Chan::nil(),
            },
        }
    }
    // Which of two ready cases runs is a matter of chance, so sort.
    taken.sort_unstable();
    println!("merged: {taken:?}");
}

/// Cases may send as well, and a select need not wait for ever.
fn no_waiting() {
    let (jobs, quit) = (Chan::new(3), Chan::<()>::new(0));
    let mut queued = 0;
    loop {
        select! {
            send(jobs, queued) -> () => queued += 1,
            recv(quit) -> _ => unreachable!("nobody sends or closes"),
            default => break,
        }
    }
    println!("queued {queued} jobs before the channel was full");

    let said = select! {
        recv(quit) -> _ => "quit",
        default(Duration::from_millis(20)) => "nothing came for 20 ms",
    };
    println!("{said}");

    quit.close();
    let said = select! {
        recv(quit) -> value => format!("quit is closed: {value:?}"),
        default => "not ready".to_owned(),
    };
    println!("{said}");
}
