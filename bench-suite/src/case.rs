//! A row, taken apart.

use std::fmt;

/// Where the parties live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum World {
    /// Threads, placed by the scheduler.
    Threads,
    /// Threads, all on one core.
    OneCore,
}

/// What they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Select(Selecting),
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
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Million messages per second: more is better.
    Throughput,
    /// Nanoseconds per operation: less is better.
    Nanoseconds,
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
}

const WORLDS: &[(&str, World)] = &[("threads", World::Threads), ("one-core", World::OneCore)];

const WORKS: &[(&str, Work)] = &[
    ("select-ready", Work::Select(Selecting::Ready)),
    ("select-default", Work::Select(Selecting::Idle)),
    ("select-rx", Work::Select(Selecting::Fed)),
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
                _ => return None,
            }
        }
        Some(case)
    }

    pub(crate) fn unit(&self) -> Unit {
        match self.work {
            Work::Select(Selecting::Ready | Selecting::Idle) => Unit::Nanoseconds,
            Work::Select(Selecting::Fed) => Unit::Throughput,
        }
    }
}

impl Unit {
    /// How much better `ours` is than `theirs`: above 1 if ours is.
    pub(crate) fn ratio(self, ours: f64, theirs: f64) -> f64 {
        match self {
            Unit::Throughput => ours / theirs,
            Unit::Nanoseconds => theirs / ours,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Throughput => "million messages per second",
            Unit::Nanoseconds => "ns",
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
    use crate::rows::ROWS;

    #[test]
    fn every_row_can_be_read_and_stands_once() {
        for (place, row) in ROWS.iter().enumerate() {
            assert!(Case::parse(row).is_some(), "{row}");
            assert!(!ROWS[..place].contains(row), "{row} stands twice");
        }
        assert!(Case::parse("threads/spcs/c1").is_none());
        assert!(Case::parse("threads/select-rx/x1").is_none());
    }
}
