//! Threads that send and receive.

use std::hint::{black_box, spin_loop};
use std::time::{Duration, Instant};

use super::grown;
use super::memory;
use super::race::{self, Receiving, Sending};
use crate::case::{Alone, Capacity, Case, Work, World};
use crate::faces::{Element, Threads};
use crate::measure::{Plan, operation_ns, repeated_ns};
use crate::outcome::Outcome;

/// Runs a row of threads. `None` if it is not one, or the contender cannot.
pub(crate) fn run<C: Threads>(case: &Case, plan: &Plan) -> Option<Outcome> {
    if !matches!(case.world, World::Threads | World::OneCore) {
        return None;
    }
    match case.bytes {
        8 => of_element::<C, u64>(case, plan),
        64 => of_large::<C>(case, plan),
        _ => None,
    }
}

fn of_element<C: Threads, T: Element>(case: &Case, plan: &Plan) -> Option<Outcome> {
    match case.work {
        Work::Flow { senders, receivers } => flow::<C, T>(senders, receivers, case.capacity, plan),
        Work::Fair { senders, receivers } => {
            let long = Plan {
                flow: plan.flow * Work::FAIR,
                ..*plan
            };
            let mut outcome = flow::<C, T>(senders, receivers, case.capacity, &long)?;
            outcome.value = outcome.fairness.unwrap_or(0.0);
            Some(outcome)
        }
        Work::PingPong => ping_pong::<C, T>(case.capacity, plan),
        Work::Handover => handover::<C, T>(case.capacity, plan),
        Work::Alone(kind) => alone::<C, T>(kind, case.capacity, plan),
        Work::ChannelBytes => memory::channel::<C, T>(case.capacity, plan),
        Work::ParkedBytes => memory::parked_threads::<C, T>(case.capacity, plan),
        Work::Grown(kind) => grown::threads::<C>(kind, case, plan),
        Work::Select(_) | Work::SelectBoth => None,
    }
}

/// Large elements are for some rows only: what is compiled for each contender
/// and each element is most of the time that this program takes to build.
fn of_large<C: Threads>(case: &Case, plan: &Plan) -> Option<Outcome> {
    type Large = [u64; 8];
    match case.work {
        Work::Flow { senders, receivers } => {
            flow::<C, Large>(senders, receivers, case.capacity, plan)
        }
        Work::Alone(Alone::Pair) => pair::<C, Large>(case.capacity, plan),
        Work::Alone(Alone::Seq) => seq::<C, Large>(case.capacity, plan),
        _ => None,
    }
}

/// As many ends as there are parties, or `None` if there cannot be so many.
pub(super) fn ends<E>(first: E, count: usize, clone: fn(&E) -> Option<E>) -> Option<Vec<E>> {
    let mut ends = vec![first];
    while ends.len() < count {
        ends.push(clone(&ends[0])?);
    }
    Some(ends)
}

/// As many messages as will go.
fn flow<C: Threads, T: Element>(
    senders: usize,
    receivers: usize,
    capacity: Capacity,
    plan: &Plan,
) -> Option<Outcome> {
    let (tx, rx) = C::make::<T>(capacity)?;
    let sending = ends(tx, senders, C::clone_tx)?
        .into_iter()
        .map(|mut tx| -> Sending {
            Box::new(move |course| {
                let mut sent = 0;
                while course.goes_on() && C::send(&mut tx, T::new(course.stamp(sent))) {
                    sent += 1;
                }
                sent
            })
        });
    let receiving = ends(rx, receivers, C::clone_rx)?
        .into_iter()
        .map(|mut rx| -> Receiving {
            Box::new(move |times| {
                let mut received = 0;
                while let Some(value) = C::recv(&mut rx) {
                    received += 1;
                    times.arrived(value.stamp());
                }
                received
            })
        });
    Some(race::run(plan, sending.collect(), receiving.collect()))
}

/// One message to and fro. The latency is that of the way there.
fn ping_pong<C: Threads, T: Element>(capacity: Capacity, plan: &Plan) -> Option<Outcome> {
    let (mut ping, mut at_echo) = C::make::<T>(capacity)?;
    let (mut echo, mut pong) = C::make::<T>(capacity)?;
    let sending: Sending = Box::new(move |course| {
        let mut trips = 0;
        while course.goes_on() && C::send(&mut ping, T::new(course.stamp(trips))) {
            if C::recv(&mut pong).is_none() {
                break;
            }
            trips += 1;
        }
        trips
    });
    let receiving: Receiving = Box::new(move |times| {
        let mut trips = 0;
        while let Some(value) = C::recv(&mut at_echo) {
            times.arrived(value.stamp());
            if !C::send(&mut echo, value) {
                break;
            }
            trips += 1;
        }
        trips
    });
    Some(per_message(race::run(plan, vec![sending], vec![receiving])))
}

/// Makes the throughput of one pair the time of one message.
pub(super) fn per_message(mut outcome: Outcome) -> Outcome {
    outcome.value = 1e3 / outcome.value;
    outcome
}

/// A receiver that waits, and a sender that takes its time.
///
/// The pauses are of 0 to 40 µs, so that the receiver is met in every state
/// of its waiting. The sender spins through them: its core stays awake, and
/// the figure is the receiver's.
fn handover<C: Threads, T: Element>(capacity: Capacity, plan: &Plan) -> Option<Outcome> {
    let (mut tx, mut rx) = C::make::<T>(capacity)?;
    let sending: Sending = Box::new(move |course| {
        let mut sent = 0;
        while course.goes_on() {
            let until = Instant::now() + Duration::from_nanos(fastrand::u64(..40_000));
            while Instant::now() < until {
                spin_loop();
            }
            if !C::send(&mut tx, T::new(course.stamp_now())) {
                break;
            }
            sent += 1;
        }
        sent
    });
    let receiving: Receiving = Box::new(move |times| {
        let mut received = 0;
        while let Some(value) = C::recv(&mut rx) {
            received += 1;
            times.arrived(value.stamp());
        }
        received
    });
    let mut outcome = race::run(plan, vec![sending], vec![receiving]);
    outcome.value = outcome.latency.map_or(f64::NAN, |latency| latency.p50);
    Some(outcome)
}

/// One thread alone. What would wait for ever is not for unbuffered channels.
fn alone<C: Threads, T: Element>(kind: Alone, capacity: Capacity, plan: &Plan) -> Option<Outcome> {
    if kind == Alone::Create {
        return Some(Outcome::nanoseconds(repeated_ns(plan, || {
            black_box(C::make::<T>(capacity));
        })))
        .filter(|_| C::make::<T>(capacity).is_some());
    }
    let (mut tx, mut rx) = C::make::<T>(capacity)?;
    let ns = match kind {
        Alone::Create => unreachable!("above"),
        Alone::Seq => return seq::<C, T>(capacity, plan),
        Alone::Pair => return pair::<C, T>(capacity, plan),
        Alone::TryPair => repeated_ns(plan, || {
            C::try_send(&mut tx, T::new(1));
            black_box(C::try_recv(&mut rx));
        }),
        Alone::TryEmpty => repeated_ns(plan, || {
            black_box(C::try_recv(&mut rx));
        }),
        Alone::TryFull => {
            while C::try_send(&mut tx, T::new(1)) {}
            repeated_ns(plan, || {
                black_box(C::try_send(&mut tx, T::new(1)));
            })
        }
        Alone::RecvClosed => {
            drop(tx);
            repeated_ns(plan, || {
                black_box(C::recv(&mut rx));
            })
        }
    };
    Some(Outcome::nanoseconds(ns))
}

/// Sends and receives.
fn pair<C: Threads, T: Element>(capacity: Capacity, plan: &Plan) -> Option<Outcome> {
    let (mut tx, mut rx) = C::make::<T>(capacity)?;
    Some(Outcome::nanoseconds(repeated_ns(plan, || {
        C::send(&mut tx, T::new(1));
        black_box(C::recv(&mut rx));
    })))
}

/// Fills the channel and empties it.
fn seq<C: Threads, T: Element>(capacity: Capacity, plan: &Plan) -> Option<Outcome> {
    let (mut tx, mut rx) = C::make::<T>(capacity)?;
    let burst = match capacity {
        Capacity::Bounded(room) => room as u64,
        Capacity::Unbounded => 4096,
    };
    Some(Outcome::nanoseconds(operation_ns(plan, |n| {
        let start = Instant::now();
        let mut left = n;
        while left > 0 {
            let now = left.min(burst);
            for _ in 0..now {
                C::send(&mut tx, T::new(1));
            }
            for _ in 0..now {
                black_box(C::recv(&mut rx));
            }
            left -= now;
        }
        start.elapsed()
    })))
}
