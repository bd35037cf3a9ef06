//! Clocks: of the wall, of the processor, and of short operations.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::case::{Case, Grown, Selecting, Work};
use crate::outcome::Latency;

/// How long one run lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// For messages that flow between parties.
    pub(crate) flow: Duration,
    /// For operations of one thread.
    pub(crate) alone: Duration,
    /// Everything is made and nothing is done: it shows whether a contender
    /// can do a row.
    pub(crate) dry: bool,
}

impl Plan {
    pub(crate) fn dry() -> Plan {
        Plan {
            flow: Duration::ZERO,
            alone: Duration::ZERO,
            dry: true,
        }
    }

    /// How long one run of a row takes, with the process around it.
    pub(crate) fn expected(&self, case: &Case) -> Duration {
        const PROCESS: Duration = Duration::from_millis(12);
        let within = match case.work {
            Work::Flow { .. } | Work::PingPong | Work::Handover => self.flow,
            Work::SelectBoth | Work::Select(Selecting::Fed) => self.flow,
            Work::Fair { .. } => self.flow * Work::FAIR,
            Work::Alone(_) | Work::Select(_) => self.alone,
            Work::Grown(Grown::Snapshot | Grown::SnapshotOne | Grown::SnapshotFound) => {
                self.flow + Duration::from_micros(case.many as u64 * 50)
            }
            Work::Grown(_) => self.alone + Duration::from_micros(case.many as u64),
            Work::ChannelBytes => Duration::ZERO,
            Work::ParkedBytes => Duration::from_millis(120),
        };
        PROCESS + within
    }
}

/// The processor time that this process has used so far, in nanoseconds.
pub(crate) fn cpu_ns() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// What one operation of one thread costs, in nanoseconds.
///
/// `batch(n)` does it `n` times and says how long that took. `n` grows until a
/// batch takes a quarter of a millisecond, so that reading the clock costs
/// nothing. Of all batches the tenth percentile counts: a neighbour on the
/// same core only ever adds.
pub(crate) fn operation_ns(plan: &Plan, mut batch: impl FnMut(u64) -> Duration) -> f64 {
    if plan.dry {
        return 0.0;
    }
    let mut n = 1;
    while batch(n) < Duration::from_micros(250) {
        n *= 2;
    }
    let end = Instant::now() + plan.alone;
    let mut figures = Vec::new();
    while figures.len() < 10 || Instant::now() < end {
        figures.push(batch(n).as_secs_f64() * 1e9 / n as f64);
    }
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 10]
}

/// Like [`operation_ns`], for an operation that can be repeated as it is.
pub(crate) fn repeated_ns(plan: &Plan, mut operation: impl FnMut()) -> f64 {
    operation_ns(plan, |n| {
        let start = Instant::now();
        for _ in 0..n {
            operation();
        }
        start.elapsed()
    })
}

/// Stamps of messages: nanoseconds since a moment, never 0, so that 0 can say
/// that a message has no stamp.
#[derive(Clone, Copy)]
pub(crate) struct Stamps {
    zero: Instant,
}

impl Stamps {
    pub(crate) fn new() -> Self {
        Stamps {
            zero: Instant::now(),
        }
    }

    /// The stamp of message number `n`: one in eight is timed, later one in
    /// 64, so that slow channels have enough samples and fast ones are not
    /// slowed down.
    pub(crate) fn of(self, n: u64) -> u64 {
        let mask = if n < 4096 { 7 } else { 63 };
        if n & mask == 0 { self.now() } else { 0 }
    }

    fn now(self) -> u64 {
        self.zero.elapsed().as_nanos() as u64 + 1
    }
}

/// A histogram of times with buckets of 1/16 of their size.
pub(crate) struct Histogram {
    counts: Vec<u64>,
    stamps: Stamps,
}

const STEPS: u32 = 16;

impl Histogram {
    pub(crate) fn new(stamps: Stamps) -> Self {
        Histogram {
            counts: vec![0; (64 * STEPS) as usize],
            stamps,
        }
    }

    /// A message arrived; if it has a stamp, its age is noted.
    pub(crate) fn arrived(&mut self, stamp: u64) {
        if stamp != 0 {
            self.add(self.stamps.now().saturating_sub(stamp));
        }
    }

    pub(crate) fn add(&mut self, ns: u64) {
        self.counts[Self::bucket(ns)] += 1;
    }

    fn bucket(ns: u64) -> usize {
        if ns < u64::from(STEPS) {
            return ns as usize;
        }
        let exponent = ns.ilog2();
        let step = (ns >> (exponent - 4)) & u64::from(STEPS - 1);
        ((exponent - 3) * STEPS) as usize + step as usize
    }

    /// The middle of a bucket.
    fn value(bucket: usize) -> f64 {
        let (row, step) = (bucket as u32 / STEPS, bucket as u32 % STEPS);
        if row == 0 {
            return f64::from(step);
        }
        (f64::from(STEPS + step) + 0.5) * 2f64.powi(row as i32 - 1)
    }

    /// Another one with the same stamps.
    pub(crate) fn empty(&self) -> Histogram {
        Histogram::new(self.stamps)
    }

    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }

    /// `None` if nothing was timed.
    pub(crate) fn latency(&self) -> Option<Latency> {
        let samples: u64 = self.counts.iter().sum();
        if samples == 0 {
            return None;
        }
        let at = |share: f64| {
            let wanted = (samples as f64 * share).ceil() as u64;
            let mut seen = 0;
            let bucket = self.counts.iter().position(|&count| {
                seen += count;
                seen >= wanted
            });
            Self::value(bucket.unwrap_or(0))
        };
        Some(Latency {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
            samples,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_found_again_within_a_sixteenth() {
        for ns in [
            0,
            1,
            15,
            16,
            17,
            31,
            32,
            1000,
            77_777,
            1 << 40,
            u64::MAX / 2,
        ] {
            let mut times = Histogram::new(Stamps::new());
            times.add(ns);
            let found = times.latency().unwrap().p50;
            assert!(
                (found - ns as f64).abs() <= ns as f64 / 16.0,
                "{ns} became {found}"
            );
        }
    }

    #[test]
    fn percentiles_count_from_below() {
        let mut times = Histogram::new(Stamps::new());
        assert_eq!(times.latency(), None);
        for ns in 1..=1000 {
            times.add(if ns <= 990 { 5 } else { 12 });
        }
        let latency = times.latency().unwrap();
        assert_eq!((latency.p50, latency.p99, latency.p999), (5.0, 5.0, 12.0));
        assert_eq!(latency.samples, 1000);
    }
}
