//! Threads that send and threads that receive, started together and stopped
//! after a while.
//!
//! The clock runs from the first thread's start to the last one's end, and
//! counts what arrived. Senders stop when told; receivers when the channels
//! say so, so that every message that was sent must arrive.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use crate::measure::{Histogram, Plan, Stamps, cpu_ns};
use crate::outcome::Outcome;

/// What all parties of a race share.
pub(crate) struct Course {
    stop: AtomicBool,
    stamps: Stamps,
}

impl Course {
    pub(crate) fn new() -> Self {
        Course {
            stop: AtomicBool::new(false),
            stamps: Stamps::new(),
        }
    }

    /// Whether to send on.
    pub(crate) fn goes_on(&self) -> bool {
        !self.stop.load(Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    /// The stamp of the message with this number.
    pub(crate) fn stamp(&self, number: u64) -> u64 {
        self.stamps.of(number)
    }

    /// A stamp in any case.
    pub(crate) fn stamp_now(&self) -> u64 {
        self.stamps.of(0)
    }

    pub(crate) fn histogram(&self) -> Histogram {
        Histogram::new(self.stamps)
    }
}

/// Sends while the course goes on, and says how often.
pub(crate) type Sending = Box<dyn FnOnce(&Course) -> u64 + Send>;

/// Receives until there is no more, and says how often.
pub(crate) type Receiving = Box<dyn FnOnce(&mut Histogram) -> u64 + Send>;

/// One party's part of the race.
pub(crate) struct Leg {
    pub(crate) start: Instant,
    pub(crate) end: Instant,
    pub(crate) count: u64,
    pub(crate) times: Option<Histogram>,
}

/// Runs a race between threads.
pub(crate) fn run(plan: &Plan, senders: Vec<Sending>, receivers: Vec<Receiving>) -> Outcome {
    if plan.dry {
        return Outcome::default();
    }
    let course = &Course::new();
    let gate = &Barrier::new(senders.len() + receivers.len() + 1);
    thread::scope(|scope| {
        let receiving: Vec<_> = receivers
            .into_iter()
            .map(|receive| {
                scope.spawn(move || {
                    let mut times = course.histogram();
                    gate.wait();
                    let start = Instant::now();
                    let count = receive(&mut times);
                    Leg {
                        start,
                        end: Instant::now(),
                        count,
                        times: Some(times),
                    }
                })
            })
            .collect();
        let sending: Vec<_> = senders
            .into_iter()
            .map(|send| {
                scope.spawn(move || {
                    gate.wait();
                    let start = Instant::now();
                    let count = send(course);
                    Leg {
                        start,
                        end: Instant::now(),
                        count,
                        times: None,
                    }
                })
            })
            .collect();
        let cpu = cpu_ns();
        gate.wait();
        thread::sleep(plan.flow);
        course.stop();
        let sending = sending
            .into_iter()
            .map(|leg| leg.join().expect("a sender panicked"));
        let sending: Vec<Leg> = sending.collect();
        let receiving = receiving
            .into_iter()
            .map(|leg| leg.join().expect("a receiver panicked"));
        let receiving: Vec<Leg> = receiving.collect();
        outcome(&sending, &receiving, cpu_ns() - cpu)
    })
}

/// The figures of a race.
pub(crate) fn outcome(sending: &[Leg], receiving: &[Leg], cpu: f64) -> Outcome {
    let legs = || sending.iter().chain(receiving);
    let start = legs()
        .map(|leg| leg.start)
        .min()
        .expect("a race has parties");
    let end = legs().map(|leg| leg.end).max().expect("a race has parties");
    let sent = sending.iter().map(|leg| leg.count).sum();
    let received: u64 = receiving.iter().map(|leg| leg.count).sum();
    let mut times: Option<Histogram> = None;
    for leg in receiving.iter().filter_map(|leg| leg.times.as_ref()) {
        times.get_or_insert_with(|| leg.empty()).merge(leg);
    }
    Outcome {
        value: received as f64 / (end - start).as_secs_f64() / 1e6,
        sent,
        received,
        cpu_ns: (received > 0).then(|| cpu / received as f64),
        latency: times.and_then(|times| times.latency()),
        fairness: [fairness(sending), fairness(receiving)]
            .into_iter()
            .flatten()
            .reduce(f64::min),
    }
}

/// Least by most; `None` where nobody has an equal.
fn fairness(legs: &[Leg]) -> Option<f64> {
    if legs.len() < 2 {
        return None;
    }
    let least = legs.iter().map(|leg| leg.count).min()?;
    let most = legs.iter().map(|leg| leg.count).max()?;
    Some(least as f64 / most.max(1) as f64)
}
