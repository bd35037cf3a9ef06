//! The command line.
//!
//! What the options mean is in their help texts; `--help` is the manual. clap
//! reports its own errors and ends with [`EXIT_USAGE`], which is also what an
//! input that cannot be read ends with.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::{PathBufValueParser, TypedValueParser};

use crate::bugs::Bug;
use crate::source::Source;

/// The exit code of a wrong command line and of an unreadable input. clap's own.
pub(crate) const EXIT_USAGE: u8 = 2;

/// The exit code of a run in which leakwatch found something.
pub(crate) const EXIT_FINDINGS: u8 = 1;

/// The end of `--help`.
const AFTER_HELP: &str = "\
Events are what a Kubernetes API server sends on a watch, one JSON object a line:
  {\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{...},...}}
A line that cannot be used is reported with its number and skipped; all others are reconciled.

Exit codes:
  0  leakwatch found nothing
  1  leakwatch found something: see the report
  2  wrong usage, the events could not be opened or read to their end, or the
     reports could not be written";

/// A Kubernetes operator in small, with a channel bug planted in it.
///
/// Reads a watch stream, reconciles ConfigMaps, Secrets and Databases, shuts
/// down, and reports every thread and task that is still stuck on a channel.
#[derive(Debug, Parser)]
#[command(name = "operator", version, verbatim_doc_comment, after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The bug to plant, one of those that --list-bugs explains
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Bug::Zombie, hide_possible_values = true)]
    pub(crate) bug: Bug,

    /// Explain each bug in two lines, and what leakwatch says of it, and exit
    #[arg(long)]
    pub(crate) list_bugs: bool,

    /// The watch stream to read, - for standard input [default: the one that is built in]
    #[arg(long, value_name = "FILE", value_parser = PathBufValueParser::new().map(Source::from_argument))]
    events: Option<Source>,

    /// Run the healthy service again and again for so many seconds, with
    /// leakwatch looking all the time, and print the memory as it goes; fails on
    /// growth and on any finding
    #[arg(long, value_name = "SECONDS", conflicts_with_all = ["bug", "events", "out"])]
    pub(crate) soak: Option<u64>,

    /// The directory for the reports, made if need be
    #[arg(long, value_name = "DIR", default_value = "target/leakwatch")]
    pub(crate) out: PathBuf,
}

impl Args {
    /// Where the events come from.
    pub(crate) fn events(&self) -> Source {
        self.events.clone().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, EXIT_USAGE};
    use crate::bugs::Bug;
    use crate::source::Source;
    use clap::{CommandFactory, Parser};

    /// The arguments of `operator` followed by `words`.
    fn parse(words: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once(&"operator").chain(words))
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_first_run_shows_a_zombie_on_the_shipped_stream() {
        let args = parse(&[]).expect("no argument is needed");
        assert_eq!(args.bug, Bug::Zombie);
        assert!(!args.list_bugs);
        assert_eq!(args.events(), Source::Shipped);
        assert_eq!(args.out.to_str(), Some("target/leakwatch"));
    }

    #[test]
    fn a_dash_is_standard_input_and_anything_else_a_file() {
        let events = |word| parse(&["--events", word]).expect("a source").events();
        assert_eq!(events("-"), Source::StandardInput);
        assert_eq!(events("./-"), Source::File("./-".into()));
        assert_eq!(events("a.jsonl"), Source::File("a.jsonl".into()));
    }

    #[test]
    fn wrong_usage_ends_with_the_documented_code() {
        for words in [
            &["--bug", "leak"][..],
            &["--bug"],
            &["--events", ""],
            &["--out"],
            &["file.jsonl"],
            &["--soak", "soon"],
            &["--soak", "5", "--bug", "zombie"],
        ] {
            let error = parse(words).expect_err("wrong usage");
            assert_eq!(error.exit_code(), i32::from(EXIT_USAGE), "{words:?}");
        }
        let error = parse(&["--bug", "leak"])
            .expect_err("no such bug")
            .to_string();
        assert!(
            error.contains("zombie") && error.contains("pseudo-close"),
            "{error}"
        );
    }
}
