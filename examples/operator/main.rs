//! `operator`: a Kubernetes operator in small, and the bugs such services have
//! with channels.
//!
//! It reads a watch stream of ConfigMaps, Secrets and Databases, from the file
//! that ships with it, from another (`--events FILE`) or from standard input
//! (`--events -`). `--help` and `--list-bugs` say the rest.
//!
//! The rooms: `args` and `bugs` are the command line; `source` opens a stream,
//! `reader` cuts it into lines, `wire` makes events of them and `tally` counts.
//! None of these knows of channels. `feeds`, `informer`, `worker` and `service`
//! are the operator; `plants` puts bugs into it; `soak` runs it for as long as one
//! likes. Here leakwatch has the last word.

mod args;
mod bugs;
mod feeds;
mod informer;
mod plants;
mod reader;
mod service;
#[cfg(test)]
mod shipped_story;
mod soak;
mod source;
mod tally;
mod wire;
mod worker;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use leakwatch::{Options, Report, export};

use self::args::{Args, EXIT_FINDINGS, EXIT_USAGE};
use self::bugs::Bug;
use self::service::Outcome;
use self::wire::Kind;

fn main() -> ExitCode {
    let args = Args::parse();
    if args.list_bugs {
        let listed = bugs::list(&mut io::stdout().lock());
        return said(listed, ExitCode::SUCCESS);
    }
    if let Some(seconds) = args.soak {
        let flat = soak::run(seconds, &mut io::stdout().lock());
        let code = match &flat {
            Ok(true) => ExitCode::SUCCESS,
            _ => ExitCode::from(EXIT_FINDINGS),
        };
        return said(flat.map(drop), code);
    }
    let mut options = Options::default();
    options.limits.grace = service::GRACE;
    options.ghost_after = service::STALE;
    leakwatch::install_with(options).expect("nothing else watches this process");

    let events = match args.events().open() {
        Ok(events) => events,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let source = events.source().clone();
    let outcome = match service::run(events, args.bug) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("operator: cannot start a thread: {error}; raise the limit on threads");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let report = leakwatch::snapshot();
    let files = export::write_all(&report, &args.out);
    let code = exit_code(&outcome, &report, &files);
    let written = tell(
        &mut io::stdout().lock(),
        &source,
        &args,
        &outcome,
        &report,
        &files,
    );
    // Tasks that are stuck would make an ordinary end wait for them.
    outcome.runtime.shutdown_background();
    said(written, code)
}

/// The exit code, unless nobody could read what was said.
fn said(written: io::Result<()>, code: ExitCode) -> ExitCode {
    match written {
        // Whoever read our output has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("operator: cannot write the output: {error}");
            ExitCode::from(EXIT_USAGE)
        }
        _ => code,
    }
}

fn exit_code(outcome: &Outcome, report: &Report, files: &io::Result<Vec<PathBuf>>) -> ExitCode {
    if !outcome.read.whole || files.is_err() {
        ExitCode::from(EXIT_USAGE)
    } else if report.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_FINDINGS)
    }
}

/// Everything that is said at the end of a run.
fn tell(
    out: &mut impl Write,
    source: &str,
    args: &Args,
    outcome: &Outcome,
    report: &Report,
    files: &io::Result<Vec<PathBuf>>,
) -> io::Result<()> {
    let tally = &outcome.read.tally;
    let (events, skipped) = (tally.events(), tally.skipped());
    writeln!(out, "{source}: events: {events}, skipped lines: {skipped}")?;
    write!(out, "{tally}")?;
    write!(out, "reconciled: {}", outcome.summary.total())?;
    for kind in Kind::ALL {
        write!(out, ", {kind} {}", outcome.summary.of(kind))?;
    }
    writeln!(out)?;
    if args.bug != Bug::None {
        writeln!(
            out,
            "planted bug: {}: {}",
            args.bug.name(),
            args.bug.story()
        )?;
    }
    for symptom in &outcome.symptoms {
        writeln!(out, "symptom: {symptom}")?;
    }
    writeln!(out)?;
    export::text::write(report, out)?;
    match files {
        Ok(files) => writeln!(out, "\nwritten: {}", names(files, &args.out)),
        Err(error) => {
            eprintln!("operator: cannot write the reports: {error}");
            Ok(())
        }
    }
}

/// `report.txt, report.json in target/leakwatch`
fn names(files: &[PathBuf], dir: &Path) -> String {
    let names = files.iter().filter_map(|file| file.file_name());
    let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
    format!("{} in {}", names.join(", "), dir.display())
}
