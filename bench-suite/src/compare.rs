//! `compare`: all contenders side by side, interleaved, in one run.
//!
//! What is measured stands in `rows.rs`, who takes part in `contenders.rs`,
//! what they must be able to do in `faces.rs`, what they do in `workloads/`,
//! and how figures are taken in `measure.rs` and `runner.rs`.

#![recursion_limit = "512"]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use case::Case;
use contenders::{Contender, How, go};
use environment::{Environment, Watch};
use measure::Plan;
use report::Record;

mod bytes;
mod case;
mod contenders;
mod environment;
mod faces;
mod measure;
mod outcome;
mod report;
mod rows;
mod runner;
mod workloads;

/// Runs all contenders interleaved and prints medians, their spread, and the
/// ratio to the best peer.
#[derive(Parser)]
#[command(name = "compare", version)]
struct Args {
    /// Only rows whose name contains one of these
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    only: Vec<String>,

    /// Only contenders of these names
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    contenders: Vec<String>,

    /// How often each figure is taken
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,

    /// Shorter and fewer runs, to see that all is well
    #[arg(long)]
    quick: bool,

    /// Milliseconds of one run in which messages flow
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    flow_ms: Option<u64>,

    /// Milliseconds of one run of a thread alone
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u64).range(1..))]
    alone_ms: Option<u64>,

    /// Write figures, tables and pictures into this directory
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,

    /// Measure nothing: make tables and pictures of figures that were saved
    #[arg(long, value_name = "FILE", requires = "save")]
    from: Option<PathBuf>,

    /// Print the rows and contenders and stop
    #[arg(long)]
    list: bool,

    /// Run one row of one contender in this process
    #[arg(long, hide = true, value_name = "CONTENDER")]
    child: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let (flow, alone, rounds) = if args.quick {
        (40, 10, 5)
    } else {
        (100, 40, 7)
    };
    let plan = Plan {
        flow: Duration::from_millis(args.flow_ms.unwrap_or(flow)),
        alone: Duration::from_millis(args.alone_ms.unwrap_or(alone)),
    };
    if let Some(contender) = &args.child {
        let row = args.only.first().ok_or("a child needs a row")?;
        return runner::child(contender, row, &plan);
    }
    if let (Some(file), Some(directory)) = (&args.from, &args.save) {
        let record = serde_json::from_str(&fs::read_to_string(file)?)?;
        return save_pages(&record, directory);
    }
    let cases: Vec<Case> = rows::ROWS
        .iter()
        .filter(|row| chosen(&args.only, |text| named(row, text)))
        .map(|row| Case::parse(row).ok_or_else(|| format!("not a row: {row}")))
        .collect::<Result<_, _>>()?;
    let mut contenders: Vec<&Contender> = contenders::ALL
        .iter()
        .filter(|contender| chosen(&args.contenders, |name| name == contender.name))
        .collect();
    if args.list {
        for case in &cases {
            println!("{}", case.row);
        }
        for contender in &contenders {
            println!("{} {}", contender.name, contender.version());
        }
        return Ok(());
    }
    if let Err(why) = go::version()
        .ok_or("no Go on the path".into())
        .and_then(|_| go::build())
    {
        eprintln!("Go does not take part: {why}");
        contenders.retain(|contender| !matches!(contender.how, How::Go { .. }));
    }
    let rounds = usize::from(args.rounds.unwrap_or(rounds));
    let record = run(&cases, &contenders, rounds, &plan, args.save.as_deref())?;
    print!("{}", report::text::end(&record));
    match &args.save {
        Some(directory) => save_pages(&record, directory),
        None => Ok(()),
    }
}

/// A whole name is that row; anything else is looked for within names.
fn named(row: &str, text: &str) -> bool {
    if rows::ROWS.contains(&text) {
        row == text
    } else {
        row.contains(text)
    }
}

/// Whether one of the choices fits; no choice is every choice.
fn chosen(choices: &[String], fits: impl Fn(&str) -> bool) -> bool {
    choices.is_empty() || choices.iter().any(|choice| fits(choice))
}

/// Takes all figures. They are saved after each row: a long run may be cut off.
fn run(
    cases: &[Case],
    contenders: &[&'static Contender],
    rounds: usize,
    plan: &Plan,
    save: Option<&Path>,
) -> Result<Record, Box<dyn Error>> {
    let mut record = Record::new(Environment::now(), contenders);
    let mut watch = Watch::new();
    let bar = ProgressBar::new((cases.len() * contenders.len() * rounds) as u64);
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {pos}/{len} {eta} {msg}",
    )?);
    for case in cases {
        watch.canary();
        let runs = runner::row(case, contenders, rounds, plan, |contender| {
            bar.set_message(format!("{} {}", case.row, contender.name));
            bar.inc(1);
        })?;
        record.add(case, &runs);
        record.noise = watch.noise();
        let row = report::Row::new(*case, &runs);
        bar.suspend(|| println!("{}", report::text::row(&row)));
        if let Some(directory) = save {
            fs::create_dir_all(directory)?;
            fs::write(
                directory.join("benchmarks.json"),
                serde_json::to_string(&record)?,
            )?;
        }
    }
    bar.finish_and_clear();
    Ok(record)
}

/// The tables and pictures.
fn save_pages(record: &Record, directory: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    fs::write(
        directory.join("benchmarks.md"),
        report::markdown::page(record)?,
    )?;
    let files = report::plots::draw(&record.rows(), directory)?;
    println!(
        "benchmarks.md and {} pictures are in {}",
        files.len(),
        directory.display()
    );
    Ok(())
}
