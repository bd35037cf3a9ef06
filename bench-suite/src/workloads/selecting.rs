//! Selects of one thread over receives.

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use super::race::{self, Receiving, Sending};
use crate::case::{Capacity, Case, Selecting, Work, World};
use crate::faces::Selects;
use crate::measure::{Plan, operation_ns, repeated_ns};
use crate::outcome::Outcome;

/// Runs a select row. `None` if the contender cannot.
pub(crate) fn run<S: Selects>(case: &Case, plan: &Plan) -> Option<Outcome> {
    if !matches!(case.world, World::Threads | World::OneCore) {
        return None;
    }
    match case.arms {
        2 => with_arms::<S, 2>(case, plan),
        4 => with_arms::<S, 4>(case, plan),
        16 => with_arms::<S, 16>(case, plan),
        64 => with_arms::<S, 64>(case, plan),
        1 => grown::<S, 1>(case, plan),
        8 => grown::<S, 8>(case, plan),
        32 => grown::<S, 32>(case, plan),
        128 => grown::<S, 128>(case, plan),
        256 => grown::<S, 256>(case, plan),
        _ => None,
    }
}

fn with_arms<S: Selects, const N: usize>(case: &Case, plan: &Plan) -> Option<Outcome> {
    let Work::Select(kind) = case.work else {
        return None;
    };
    match kind {
        Selecting::Ready => ready::<S, N>(plan),
        Selecting::Idle => idle::<S, N>(plan),
        Selecting::Fed => fed::<S, N>(case.capacity, plan),
        Selecting::One | Selecting::Woken => grown::<S, N>(case, plan),
    }
}

/// What is measured for more numbers of arms than the rest.
fn grown<S: Selects, const N: usize>(case: &Case, plan: &Plan) -> Option<Outcome> {
    match case.work {
        Work::Select(Selecting::Idle) => idle::<S, N>(plan),
        Work::Select(Selecting::One) => one::<S, N>(plan),
        Work::Select(Selecting::Woken) => woken::<S, N>(plan),
        _ => None,
    }
}

/// Every arm has values. They are put back between the measured stretches,
/// which take half of what is there: chosen evenly, no arm runs dry.
fn ready<S: Selects, const N: usize>(plan: &Plan) -> Option<Outcome> {
    let room = (1024 / N).max(32);
    let (mut senders, arms) = S::make::<N>(Capacity::Bounded(room))?;
    let mut set = S::set(&arms);
    let stretch = (room * N / 2) as u64;
    Some(Outcome::nanoseconds(operation_ns(plan, |n| {
        let mut left = n;
        let mut spent = Duration::ZERO;
        while left > 0 {
            for tx in &mut senders {
                while S::try_send(tx, 1) {}
            }
            let now = left.min(stretch);
            let start = Instant::now();
            for _ in 0..now {
                black_box(S::select(&mut set));
            }
            spent += start.elapsed();
            left -= now;
        }
        spent
    })))
}

/// No arm is ever ready.
fn idle<S: Selects, const N: usize>(plan: &Plan) -> Option<Outcome> {
    let (_senders, arms) = S::make::<N>(Capacity::Bounded(16))?;
    let mut set = S::set(&arms);
    Some(Outcome::nanoseconds(repeated_ns(plan, || {
        black_box(S::try_select(&mut set));
    })))
}

/// One arm has a value, each in its turn.
fn one<S: Selects, const N: usize>(plan: &Plan) -> Option<Outcome> {
    let (mut senders, arms) = S::make::<N>(Capacity::Bounded(1))?;
    let mut set = S::set(&arms);
    let mut turn = (0..N).cycle();
    Some(Outcome::nanoseconds(repeated_ns(plan, || {
        S::try_send(&mut senders[turn.next().unwrap_or(0)], 1);
        black_box(S::select(&mut set));
    })))
}

/// Another thread selects too, and answers; each of N arms in its turn.
fn woken<S: Selects, const N: usize>(plan: &Plan) -> Option<Outcome> {
    let (mut to_echo, echo) = S::make::<N>(Capacity::Bounded(1))?;
    let (mut to_us, ours) = S::make::<N>(Capacity::Bounded(1))?;
    if plan.dry {
        return Some(Outcome::default());
    }
    let ns = thread::scope(|scope| {
        scope.spawn(move || {
            let mut set = S::set(&echo);
            let mut turn = (0..N).cycle();
            while let Some(value) = S::select(&mut set).filter(|value| *value != LAST) {
                S::send(&mut to_us[turn.next().unwrap_or(0)], value);
            }
        });
        let mut set = S::set(&ours);
        let mut turn = (0..N).cycle();
        let ns = repeated_ns(plan, || {
            S::send(&mut to_echo[turn.next().unwrap_or(0)], 1);
            black_box(S::select(&mut set));
        });
        S::send(&mut to_echo[0], LAST);
        ns
    });
    Some(Outcome::nanoseconds(ns))
}

/// The last message of a sender.
const LAST: u64 = u64::MAX;

/// Up to four threads feed the arms, each its share of them in turn.
///
/// Senders end with a message that says so, and keep their channels open: what
/// a select does with a closed arm differs too much to be compared.
fn fed<S: Selects, const N: usize>(capacity: Capacity, plan: &Plan) -> Option<Outcome> {
    let (senders, arms) = S::make::<N>(capacity)?;
    let parties = senders.len().min(4);
    let mut shares: Vec<Vec<S::Tx>> = (0..parties).map(|_| Vec::new()).collect();
    for (place, tx) in senders.into_iter().enumerate() {
        shares[place % parties].push(tx);
    }
    // Senders give their channels back to be dropped after the race.
    let (keep, kept) = std::sync::mpsc::channel();
    let sending = shares.into_iter().map(|mut share| {
        let keep = keep.clone();
        let sending: Sending = Box::new(move |course| {
            let (mut sent, mut turn) = (0, 0);
            while course.goes_on() && S::send(&mut share[turn], course.stamp(sent)) {
                sent += 1;
                turn = if turn + 1 == share.len() { 0 } else { turn + 1 };
            }
            S::send(&mut share[0], LAST);
            // Only its being dropped matters, and that comes later.
            let _ = keep.send(share);
            sent
        });
        sending
    });
    let receiving: Receiving = Box::new(move |times| {
        let mut set = S::set(&arms);
        let (mut received, mut ended) = (0, 0);
        while ended < parties {
            match S::select(&mut set) {
                Some(LAST) => ended += 1,
                Some(stamp) => {
                    received += 1;
                    times.arrived(stamp);
                }
                None => return received,
            }
        }
        // The last message of a sender may have overtaken others on its other
        // channels.
        while let Some(stamp) = S::try_select(&mut set) {
            received += 1;
            times.arrived(stamp);
        }
        received
    });
    let outcome = race::run(plan, sending.collect(), vec![receiving]);
    drop(kept);
    Some(outcome)
}
