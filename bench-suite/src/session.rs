//! What the two programs share: their arguments, and one run from beginning to
//! end.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::case::Case;
use crate::contenders::{self, Contender, How, go};
use crate::environment::{Environment, Watch};
use crate::measure::Plan;
use crate::report::{self, Record};
use crate::runner;

/// What to measure, and how long.
#[derive(Args)]
pub(crate) struct Session {
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
    pub(crate) save: Option<PathBuf>,

    /// Print the rows, the contenders and how long it would take, and stop
    #[arg(long)]
    list: bool,

    /// Run one row of one contender in this process
    #[arg(long, hide = true, value_name = "CONTENDER")]
    child: Option<String>,
}

impl Session {
    /// Measures these rows, as far as they are wanted, and writes the figures
    /// to a file of this name after each row: a long run may be cut off.
    /// `None` if there was something else to do.
    pub(crate) fn run(
        &self,
        rows: &'static [&'static str],
        file: &str,
    ) -> Result<Option<Record>, Box<dyn Error>> {
        let plan = self.plan();
        if let Some(contender) = &self.child {
            let row = self.only.first().ok_or("a child needs a row")?;
            let row = rows.iter().find(|known| *known == row);
            runner::child(contender, row.ok_or("there is no such row")?, &plan)?;
            return Ok(None);
        }
        let cases = self.cases(rows)?;
        let contenders = self.contenders();
        let rounds = self.rounds.unwrap_or(if self.quick { 3 } else { 7 });
        let rounds = usize::from(rounds);
        if self.list {
            for case in &cases {
                println!("{}", case.row);
            }
            for contender in &contenders {
                println!("{} {}", contender.name, contender.version());
            }
            announce(&cases, &contenders, rounds, &plan);
            return Ok(None);
        }
        let file = self.save.as_ref().map(|directory| directory.join(file));
        measure(&cases, &contenders, rounds, &plan, file.as_deref()).map(Some)
    }

    fn plan(&self) -> Plan {
        let (flow, alone) = if self.quick { (40, 10) } else { (100, 40) };
        Plan {
            flow: Duration::from_millis(self.flow_ms.unwrap_or(flow)),
            alone: Duration::from_millis(self.alone_ms.unwrap_or(alone)),
            dry: false,
        }
    }

    /// The rows that are wanted. A whole name is that row; anything else is
    /// looked for within names.
    fn cases(&self, rows: &[&'static str]) -> Result<Vec<Case>, String> {
        let wanted = |row: &str, text: &str| {
            if rows.contains(&text) {
                row == text
            } else {
                row.contains(text)
            }
        };
        rows.iter()
            .filter(|row| chosen(&self.only, |text| wanted(row, text)))
            .map(|row| Case::parse(row).ok_or_else(|| format!("not a row: {row}")))
            .collect()
    }

    /// The contenders that are wanted, and can be had.
    fn contenders(&self) -> Vec<&'static Contender> {
        let mut contenders: Vec<&Contender> = contenders::ALL
            .iter()
            .filter(|contender| chosen(&self.contenders, |name| name == contender.name))
            .collect();
        let is_go = |contender: &Contender| matches!(contender.how, How::Go { .. });
        if contenders.iter().any(|contender| is_go(contender)) {
            let built = go::version().ok_or("no Go on the path".into());
            if let Err(why) = built.and_then(|_| go::build()) {
                eprintln!("Go does not take part: {why}");
                contenders.retain(|contender| !is_go(contender));
            }
        }
        contenders
    }
}

/// Whether one of the choices fits; no choice is every choice.
fn chosen(choices: &[String], fits: impl Fn(&str) -> bool) -> bool {
    choices.is_empty() || choices.iter().any(|choice| fits(choice))
}

/// Says how long it will take. Returns how many runs there are.
fn announce(cases: &[Case], contenders: &[&'static Contender], rounds: usize, plan: &Plan) -> u64 {
    let (runs, time) = runner::expected(cases, contenders, rounds, plan);
    let seconds = time.as_secs();
    println!(
        "{} rows, {} contenders, {rounds} rounds: {runs} runs, about {} min {:02} s. One that \
         hangs is ended after {} s, and has one more try.\n",
        cases.len(),
        contenders.len(),
        seconds / 60,
        seconds % 60,
        runner::GRACE.as_secs(),
    );
    runs as u64
}

/// Takes all figures.
fn measure(
    cases: &[Case],
    contenders: &[&'static Contender],
    rounds: usize,
    plan: &Plan,
    file: Option<&Path>,
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
        if let Some(file) = file {
            record.write(file)?;
        }
    }
    bar.finish_and_clear();
    Ok(record)
}
