//! A row, taken apart.

use std::fmt;

/// Where the parties live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    /// Threads, placed by the scheduler.
    Threads,
    /// Threads, all on one core.
    OneCore,
    /// Tasks on tokio with two workers.
    TokioMulti,
    /// Tasks on one thread of tokio.
    TokioSingle,
}

/// What they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Messages flow as fast as they can.
    Flow { senders: usize, receivers: usize },
    /// The same for longer, to see whether equals are served equally.
    Fair { senders: usize, receivers: usize },
    /// One message to and fro.
    PingPong,
    /// Messages with pauses between them, for a receiver that waits.
    Handover,
    /// One party alone.
    Alone(Alone),
    /// Bytes of an empty channel.
    ChannelBytes,
    /// Bytes of a receiver that waits.
    ParkedBytes,
    /// Four select over sends, four over receives.
    SelectBoth,
    /// One party selects over receives.
    Select(Selecting),
    /// An operation while there is much of something.
    Grown(Grown),
}

impl Work {
    /// How many times longer than others a fair row flows.
    pub(crate) const FAIR: u32 = 10;
}

/// What one party does alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alone {
    /// Fills the channel, then empties it; per message.
    Seq,
    /// Sends, then receives.
    Pair,
    /// The same with calls that never wait.
    TryPair,
    /// Tries to receive where nothing is.
    TryEmpty,
    /// Tries to send where no room is.
    TryFull,
    /// Receives from a closed channel.
    RecvClosed,
    /// Makes a channel and drops it.
    Create,
}

/// Which select.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selecting {
    /// Every arm has values.
    Ready,
    /// No arm has, and there is a default.
    Idle,
    /// Others feed the arms.
    Fed,
    /// One arm has a value, each in turn.
    One,
    /// Another party answers; both select over as many arms.
    Woken,
}

/// What an operation is done beside, and which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grown {
    /// Tasks wait on a channel; one of them is served, and waits again.
    Served,
    /// Tasks wait on a channel; one more comes, and leaves.
    Leaves,
    /// There are more handles on both sides; a send and a receive.
    Pair,
    /// The same; a sender is cloned and dropped.
    Clone,
    /// Other channels are alive; one more is made and dropped.
    Create,
    /// Tasks wait, each on its own channel; leakwatch looks.
    Snapshot,
    /// Tasks wait on one channel; leakwatch looks.
    SnapshotOne,
    /// Tasks wait, each on its own channel, and nobody can wake them;
    /// leakwatch looks, and has that many findings.
    SnapshotFound,
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Million messages per second: more is better.
    Throughput,
    /// Nanoseconds per operation: less is better.
    Nanoseconds,
    /// The same for what takes long.
    Milliseconds,
    /// Bytes on the heap: less is better.
    Bytes,
    /// Least served by most served: more is better.
    Share,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capacity {
    Bounded(usize),
    Unbounded,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) row: &'static str,
    pub(crate) world: World,
    pub(crate) work: Work,
    pub(crate) capacity: Capacity,
    /// Bytes of an element.
    pub(crate) bytes: usize,
    /// Arms of a select.
    pub(crate) arms: usize,
    /// How much there is of what grows.
    pub(crate) many: usize,
}

const WORLDS: &[(&str, World)] = &[
    ("threads", World::Threads),
    ("one-core", World::OneCore),
    ("tokio-mt", World::TokioMulti),
    ("tokio-ct", World::TokioSingle),
];

const WORKS: &[(&str, Work)] = &[
    (
        "spsc",
        Work::Flow {
            senders: 1,
            receivers: 1,
        },
    ),
    (
        "mpsc",
        Work::Flow {
            senders: 4,
            receivers: 1,
        },
    ),
    (
        "spmc",
        Work::Flow {
            senders: 1,
            receivers: 4,
        },
    ),
    (
        "mpmc",
        Work::Flow {
            senders: 4,
            receivers: 4,
        },
    ),
    (
        "crowd",
        Work::Flow {
            senders: 8,
            receivers: 8,
        },
    ),
    (
        "fair",
        Work::Fair {
            senders: 4,
            receivers: 4,
        },
    ),
    ("ping-pong", Work::PingPong),
    ("handover", Work::Handover),
    ("seq", Work::Alone(Alone::Seq)),
    ("pair", Work::Alone(Alone::Pair)),
    ("try-pair", Work::Alone(Alone::TryPair)),
    ("try-empty", Work::Alone(Alone::TryEmpty)),
    ("try-full", Work::Alone(Alone::TryFull)),
    ("recv-closed", Work::Alone(Alone::RecvClosed)),
    ("create", Work::Alone(Alone::Create)),
    ("channel-bytes", Work::ChannelBytes),
    ("parked-bytes", Work::ParkedBytes),
    ("select-both", Work::SelectBoth),
    ("select-ready", Work::Select(Selecting::Ready)),
    ("select-default", Work::Select(Selecting::Idle)),
    ("select-rx", Work::Select(Selecting::Fed)),
    ("select-one", Work::Select(Selecting::One)),
    ("select-woken", Work::Select(Selecting::Woken)),
    ("served", Work::Grown(Grown::Served)),
    ("leaves", Work::Grown(Grown::Leaves)),
    ("pair-handles", Work::Grown(Grown::Pair)),
    ("clone-handles", Work::Grown(Grown::Clone)),
    ("create-alive", Work::Grown(Grown::Create)),
    ("snapshot", Work::Grown(Grown::Snapshot)),
    ("snapshot-one", Work::Grown(Grown::SnapshotOne)),
    ("snapshot-found", Work::Grown(Grown::SnapshotFound)),
];

impl Case {
    /// Reads a row. `None` if it is not one.
    pub(crate) fn parse(row: &'static str) -> Option<Case> {
        let mut parts = row.split('/');
        let world = lookup(WORLDS, parts.next()?)?;
        let work = lookup(WORKS, parts.next()?)?;
        let mut case = Case {
            row,
            world,
            work,
            capacity: Capacity::Bounded(0),
            bytes: 8,
            arms: 0,
            many: 0,
        };
        for part in parts {
            if part == "unb" {
                case.capacity = Capacity::Unbounded;
                continue;
            }
            let (kind, number) = part.split_at_checked(1)?;
            let number = number.parse().ok()?;
            match kind {
                "c" => case.capacity = Capacity::Bounded(number),
                "b" => case.bytes = number,
                "n" => case.arms = number,
                "p" => case.many = number,
                _ => return None,
            }
        }
        Some(case)
    }

    pub(crate) fn unit(&self) -> Unit {
        match self.work {
            Work::Flow { .. } | Work::SelectBoth | Work::Select(Selecting::Fed) => Unit::Throughput,
            Work::Fair { .. } => Unit::Share,
            Work::ChannelBytes | Work::ParkedBytes => Unit::Bytes,
            Work::PingPong | Work::Handover | Work::Alone(_) => Unit::Nanoseconds,
            Work::Select(_) => Unit::Nanoseconds,
            Work::Grown(Grown::Snapshot | Grown::SnapshotOne | Grown::SnapshotFound) => {
                Unit::Milliseconds
            }
            Work::Grown(_) => Unit::Nanoseconds,
        }
    }
}

impl Unit {
    /// How much better `ours` is than `theirs`: above 1 if ours is.
    pub(crate) fn ratio(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Unit::Throughput | Unit::Share => ours / theirs,
            // Who needs none is taken to need one.
            Unit::Bytes => theirs.max(1.0) / ours.max(1.0),
            Unit::Nanoseconds | Unit::Milliseconds => theirs / ours,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Throughput => "million messages per second",
            Unit::Nanoseconds => "ns",
            Unit::Milliseconds => "ms",
            Unit::Bytes => "bytes on the heap",
            Unit::Share => "least served by most served",
        })
    }
}

fn lookup<T: Copy>(table: &[(&str, T)], name: &str) -> Option<T> {
    table
        .iter()
        .find(|(known, _)| *known == name)
        .map(|&(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{GROWTH, ROWS};

    #[test]
    fn every_row_can_be_read_and_stands_once() {
        for rows in [ROWS, GROWTH] {
            for (place, row) in rows.iter().enumerate() {
                assert!(Case::parse(row).is_some(), "{row}");
                assert!(!rows[..place].contains(row), "{row} stands twice");
            }
        }
        assert!(Case::parse("threads/spcs/c1").is_none());
        assert!(Case::parse("threads/select-rx/x1").is_none());
    }
}
