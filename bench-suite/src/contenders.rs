//! The contenders: one file each, with its version of what `faces` asks for.

use std::sync::LazyLock;

use crate::case::Case;
use crate::measure::Plan;
use crate::outcome::Outcome;

#[macro_use]
mod adapt;

mod async_channel;
mod chan;
mod chan_core;
mod chan_select;
mod crossbeam;
mod crossfire;
mod fibre;
mod flume;
pub(crate) mod go;
mod kanal;
mod loole;
mod rtrb;
mod std_mpsc;
mod tachyonix;
mod thingbuf;
mod tokio_mpsc;

/// What a contender's figures are used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// This project.
    Ours,
    /// Ours are compared with the best of these.
    Peer,
    /// To look at; never the best.
    Reference,
}

/// One name in the tables.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// Whose version to print; empty for what is not a package.
    pub(crate) package: &'static str,
    pub(crate) how: How,
}

/// How a contender runs a row.
pub(crate) enum How {
    /// In this program; `None` if the row is not for this contender.
    Rust(fn(&Case, &Plan) -> Option<Outcome>),
    /// In the twin.
    Go { locked: bool },
}

/// All of them, in the order of the tables.
pub(crate) const ALL: &[Contender] = &[
    chan_core::CHAN_CORE,
    chan::CHAN,
    chan_select::MACRO,
    chan_select::BUILDER,
    crossbeam::MACRO,
    crossbeam::BUILDER,
    kanal::KANAL,
    flume::FLUME,
    loole::LOOLE,
    std_mpsc::STD,
    fibre::GENERAL,
    fibre::SINGLE,
    async_channel::ASYNC_CHANNEL,
    tokio_mpsc::TOKIO,
    crossfire::GENERAL,
    crossfire::SINGLE,
    crossfire::MULTIPLEX,
    thingbuf::THINGBUF,
    tachyonix::TACHYONIX,
    rtrb::RTRB,
    go::GOROUTINES,
    go::LOCKED,
];

pub(crate) fn find(name: &str) -> Option<&'static Contender> {
    ALL.iter().find(|contender| contender.name == name)
}

impl Contender {
    /// Whether it can do this, found out by a run without messages.
    pub(crate) fn can(&self, case: &Case) -> bool {
        match self.how {
            How::Rust(run) => run(case, &Plan::dry()).is_some(),
            How::Go { locked } => go::can(case, locked),
        }
    }

    /// The version in the lock file.
    pub(crate) fn version(&self) -> String {
        match self.how {
            How::Go { .. } => go::version().unwrap_or_else(|| "?".to_owned()),
            How::Rust(_) if self.package.is_empty() => "of the compiler".to_owned(),
            How::Rust(_) => self.locked_version().to_owned(),
        }
    }

    fn locked_version(&self) -> &'static str {
        static LOCK: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
            let value = |line: &'static str, key| {
                line.strip_prefix(key)?
                    .strip_prefix(" = \"")?
                    .strip_suffix('"')
            };
            let lines: Vec<_> = include_str!("../../Cargo.lock").lines().collect();
            let pairs = lines.windows(2);
            pairs
                .filter_map(|w| Some((value(w[0], "name")?, value(w[1], "version")?)))
                .collect()
        });
        LOCK.iter()
            .find(|(name, _)| *name == self.package)
            .map_or("?", |&(_, version)| version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_versions_known() {
        for (place, contender) in ALL.iter().enumerate() {
            assert!(
                ALL[..place]
                    .iter()
                    .all(|other| other.name != contender.name)
            );
            if !contender.package.is_empty() {
                assert_ne!(contender.version(), "?", "{}", contender.name);
            }
        }
    }

    /// Every adapter carries every message, and ours takes part.
    #[test]
    fn flows_lose_nothing() {
        let time = std::time::Duration::from_millis(5);
        let plan = Plan {
            flow: time,
            alone: time,
            dry: false,
        };
        for row in [
            "threads/spsc/c16",
            "threads/select-rx/n2/c16",
            "tokio-ct/spsc/c16",
        ] {
            let case = Case::parse(row).expect("it is a row");
            let mut ours = 0;
            for contender in ALL {
                let How::Rust(run) = contender.how else {
                    continue;
                };
                let Some(outcome) = run(&case, &plan) else {
                    continue;
                };
                assert_eq!(outcome.sent, outcome.received, "{row} {}", contender.name);
                ours += u32::from(contender.role == Role::Ours);
            }
            assert!(ours > 0, "{row}");
        }
    }
}
