//! What one run of one contender gave, as it goes from the child to the
//! parent.

use serde::{Deserialize, Serialize};

/// The figures of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// In the unit of the row.
    pub(crate) value: f64,
    /// Messages whose send succeeded, and messages that arrived.
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Processor time of the whole process for a message, in nanoseconds;
    /// which is also seconds per billion, or milliseconds per million.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cpu_ns: Option<f64>,
    /// From the send to the receive of one message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) latency: Option<Latency>,
    /// Least served by most served, among equals; the smaller of the two sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fairness: Option<f64>,
}

/// Percentiles of a time, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    /// How many messages were timed.
    pub(crate) samples: u64,
}

impl Outcome {
    /// Of a row in nanoseconds.
    pub(crate) fn nanoseconds(value: f64) -> Outcome {
        Outcome {
            value,
            ..Outcome::default()
        }
    }

    /// With figures of five digits: no run is more exact.
    pub(crate) fn rounded(mut self) -> Outcome {
        self.value = five_digits(self.value);
        self.cpu_ns = self.cpu_ns.map(five_digits);
        self.fairness = self.fairness.map(five_digits);
        self.latency = self.latency.map(|latency| Latency {
            p50: five_digits(latency.p50),
            p99: five_digits(latency.p99),
            p999: five_digits(latency.p999),
            ..latency
        });
        self
    }

    /// How many messages were sent and never arrived.
    pub(crate) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }
}

fn five_digits(value: f64) -> f64 {
    format!("{value:.4e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_digits_are_kept() {
        for (value, kept) in [
            (0.0, 0.0),
            (1.234_567_8, 1.2346),
            (98_765_432.1, 98_765_000.0),
        ] {
            assert_eq!(five_digits(value), kept);
        }
        assert!(five_digits(f64::NAN).is_nan());
    }
}
