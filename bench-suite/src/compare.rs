//! `compare`: all contenders side by side, interleaved, in one run.
//!
//! What is measured stands in `rows.rs`, who takes part in `contenders.rs`,
//! what they must be able to do in `faces.rs`, what they do in `workloads/`,
//! and how figures are taken in `measure.rs` and `runner.rs`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

use crate::case::Case;
use crate::contenders::{self, Contender, How, go};
use crate::environment::{Environment, Watch};
use crate::measure::Plan;
use crate::report::{self, Record};
use crate::{rows, runner};

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

    /// Measure nothing: print the sums and targets of figures that were saved,
    /// and with --save make their tables and pictures again
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,

    /// With --from: whether these figures rank the contenders alike
    #[arg(long, value_name = "FILE", requires = "from")]
    against: Option<PathBuf>,

    /// Print the rows, the contenders and how long it would take, and stop
    #[arg(long)]
    list: bool,

    /// Run one row of one contender in this process
    #[arg(long, hide = true, value_name = "CONTENDER")]
    child: Option<String>,
}

/// The program.
///
/// # Errors
///
/// If a file cannot be read or written, or an argument makes no sense. A
/// contender that fails is no error: it is marked.
pub fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let plan = args.plan();
    if let Some(contender) = &args.child {
        let row = args.only.first().ok_or("a child needs a row")?;
        return runner::child(contender, row, &plan);
    }
    if let Some(file) = &args.from {
        return look_back(file, args.against.as_deref(), args.save.as_deref());
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
    let rounds = usize::from(args.rounds.unwrap_or(if args.quick { 3 } else { 7 }));
    if args.list {
        for case in &cases {
            println!("{}", case.row);
        }
        for contender in &contenders {
            println!("{} {}", contender.name, contender.version());
        }
        announce(&cases, &contenders, rounds, &plan);
        return Ok(());
    }
    if let Err(why) = go::version()
        .ok_or("no Go on the path".into())
        .and_then(|_| go::build())
    {
        eprintln!("Go does not take part: {why}");
        contenders.retain(|contender| !matches!(contender.how, How::Go { .. }));
    }
    let record = run(&cases, &contenders, rounds, &plan, args.save.as_deref())?;
    print!("{}", report::text::end(&record));
    match &args.save {
        Some(directory) => save_pages(&record, directory),
        None => Ok(()),
    }
}

impl Args {
    fn plan(&self) -> Plan {
        let (flow, alone) = if self.quick { (40, 10) } else { (100, 40) };
        Plan {
            flow: Duration::from_millis(self.flow_ms.unwrap_or(flow)),
            alone: Duration::from_millis(self.alone_ms.unwrap_or(alone)),
            dry: false,
        }
    }
}

/// What figures that were saved say.
fn look_back(
    file: &Path,
    against: Option<&Path>,
    save: Option<&Path>,
) -> Result<(), Box<dyn Error>> {
    let record = Record::read(file)?;
    print!("{}", report::text::end(&record));
    if let Some(other) = against {
        let other = Record::read(other)?;
        println!();
        print!("{}", report::agreement::text(&record.rows(), &other.rows()));
    }
    match save {
        Some(directory) => save_pages(&record, directory),
        None => Ok(()),
    }
}

/// Says how long it will take. Returns how many runs there are.
fn announce(cases: &[Case], contenders: &[&'static Contender], rounds: usize, plan: &Plan) -> u64 {
    let (runs, time) = runner::expected(cases, contenders, rounds, plan);
    let seconds = time.as_secs();
    println!(
        "{} rows, {} contenders, {rounds} rounds: {runs} runs, about {} min {:02} s. \
         One that hangs is ended after {} s, at most twice in a row.\n",
        cases.len(),
        contenders.len(),
        seconds / 60,
        seconds % 60,
        runner::GRACE.as_secs(),
    );
    runs as u64
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
    let bar = ProgressBar::new(announce(cases, contenders, rounds, plan));
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
            record.write(&directory.join("benchmarks.json"))?;
        }
    }
    bar.finish_and_clear();
    Ok(record)
}

/// The tables and pictures.
fn save_pages(record: &Record, directory: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(directory)?;
    let pictures = report::plots::draw(&record.rows(), directory)?;
    let page = report::markdown::page(record, &pictures)?;
    fs::write(directory.join("benchmarks.md"), page)?;
    println!(
        "benchmarks.md and {} pictures are in {}",
        pictures.len(),
        directory.display()
    );
    Ok(())
}
