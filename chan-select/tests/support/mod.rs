//! Waiting for a state instead of for a time, and looking who waits.
#![allow(dead_code, reason = "each file of tests uses a part")]

use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe::{self, ChannelSnapshot, Wait};

/// What a wait that ought to end gets before its test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `state` is reached.
#[track_caller]
pub(crate) fn until(mut state: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !state() {
        assert!(Instant::now() < deadline, "it never comes to that");
        thread::yield_now();
    }
}

/// The channel of this name, which is one test's own, as it is now.
#[track_caller]
pub(crate) fn snapshot(name: &str) -> ChannelSnapshot {
    let all = observe::channels();
    let mut named = all.iter().filter(|channel| channel.name() == Some(name));
    let channel = named.next().expect("no such channel");
    assert!(named.next().is_none(), "two channels are called {name}");
    channel.snapshot()
}

/// Who waits on the channel of this name.
#[track_caller]
pub(crate) fn waits(name: &str) -> Vec<Wait> {
    snapshot(name).waits
}

/// Waits until so many cases wait on the channel of this name.
#[track_caller]
pub(crate) fn until_waiting(name: &str, cases: usize) {
    until(|| waits(name).len() == cases);
}

/// Asserts that `hits` of `trials` is what `chance` gives, to ten
/// standard deviations.
#[track_caller]
pub(crate) fn assert_fair(hits: usize, trials: usize, chance: f64) {
    let mean = trials as f64 * chance;
    let sigma = (mean * (1.0 - chance)).sqrt();
    let off = (hits as f64 - mean).abs();
    assert!(off <= 10.0 * sigma, "{hits} of {trials}, expected {mean}");
}
