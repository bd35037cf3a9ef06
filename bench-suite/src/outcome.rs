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

    /// How many messages were sent and never arrived.
    pub(crate) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.received)
    }
}
