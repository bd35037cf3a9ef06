//! Figures of many runs made into tables.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::case::{Case, Unit};
use crate::contenders::{self, Role};
use crate::environment::{Environment, Noise};
use crate::outcome::{Latency, Outcome};
use crate::rows::{GROWTH, ROWS};
use crate::runner::{Run, Runs};

pub(crate) mod agreement;
#[allow(dead_code, reason = "`growth` alone prints it")]
pub(crate) mod growth;
pub(crate) mod markdown;
pub(crate) mod plots;
pub(crate) mod summary;
pub(crate) mod text;
pub(crate) mod verdict;

/// Everything that was measured, as it is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) environment: Environment,
    pub(crate) noise: Noise,
    pub(crate) versions: Vec<(String, String)>,
    rows: Vec<RowRecord>,
}

#[derive(Serialize, Deserialize)]
struct RowRecord {
    row: String,
    contenders: Vec<RunsRecord>,
}

#[derive(Serialize, Deserialize)]
struct RunsRecord {
    name: String,
    runs: Vec<Run>,
}

impl Record {
    pub(crate) fn new(environment: Environment, contenders: &[&contenders::Contender]) -> Record {
        let versions = contenders
            .iter()
            .map(|contender| (contender.name.to_owned(), contender.version()))
            .collect();
        Record {
            environment,
            noise: Noise::default(),
            versions,
            rows: Vec::new(),
        }
    }

    /// Reads what [`Record::write`] wrote.
    pub(crate) fn read(file: &Path) -> Result<Record, Box<dyn Error>> {
        let text = fs::read_to_string(file).map_err(|why| format!("{}: {why}", file.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    /// Writes JSON, a line for each contender of each row: later runs differ
    /// by lines.
    pub(crate) fn write(&self, file: &Path) -> Result<(), Box<dyn Error>> {
        if let Some(directory) = file.parent() {
            fs::create_dir_all(directory)?;
        }
        let text = serde_json::to_string(self)?
            .replace("{\"row\":", "\n{\"row\":")
            .replace("{\"name\":", "\n {\"name\":");
        Ok(fs::write(file, text + "\n")?)
    }

    pub(crate) fn add(&mut self, case: &Case, runs: &[Runs]) {
        let contenders = runs
            .iter()
            .map(|runs| RunsRecord {
                name: runs.contender.name.to_owned(),
                runs: runs.runs.clone(),
            })
            .collect();
        self.rows.push(RowRecord {
            row: case.row.to_owned(),
            contenders,
        });
    }

    /// The rows that this program knows, with the contenders that it knows.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let row = |record: &RowRecord| {
            let name = ROWS.iter().chain(GROWTH).find(|row| **row == record.row)?;
            let runs: Vec<Runs> = record
                .contenders
                .iter()
                .filter_map(|record| {
                    let contender = contenders::find(&record.name)?;
                    Some(Runs {
                        contender,
                        runs: record.runs.clone(),
                    })
                })
                .collect();
            Some(Row::new(Case::parse(name)?, &runs))
        };
        self.rows.iter().filter_map(row).collect()
    }
}

/// One row of the report.
pub(crate) struct Row {
    pub(crate) case: Case,
    pub(crate) cells: Vec<Cell>,
}

/// What one contender gave in one row.
pub(crate) struct Cell {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    /// `None` if it cannot do this, or never did.
    pub(crate) value: Option<Spread>,
    /// How much better than the best peer: above 1 if better.
    pub(crate) ratio: Option<f64>,
    /// Processor time for a message, in nanoseconds.
    pub(crate) cpu_ns: Option<Spread>,
    /// Medians of the runs' percentiles: 50, 99, 99.9.
    pub(crate) latency: Option<[f64; 3]>,
    pub(crate) fairness: Option<Spread>,
    pub(crate) lost: u64,
    /// How many runs gave a figure, hung, or failed, and how the last failed.
    pub(crate) done: usize,
    pub(crate) timed_out: usize,
    pub(crate) failed: usize,
    pub(crate) failure: Option<String>,
}

/// Some runs of one thing.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// `None` of nothing.
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let (left, right) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Spread {
            low,
            median: (left + right) / 2.0,
            high,
        })
    }
}

impl Row {
    pub(crate) fn new(case: Case, runs: &[Runs]) -> Row {
        let mut cells: Vec<_> = runs.iter().map(Cell::new).collect();
        let best = best(cells.iter().filter(|cell| cell.is_peer()), case.unit());
        let best = best.and_then(Cell::median);
        for cell in &mut cells {
            let pair = cell.median().zip(best);
            cell.ratio = pair.map(|(ours, theirs)| case.unit().ratio(ours, theirs));
        }
        Row { case, cells }
    }

    /// The better of ours, where there are several.
    pub(crate) fn ours(&self) -> Option<&Cell> {
        best(
            self.cells.iter().filter(|cell| cell.role == Role::Ours),
            self.case.unit(),
        )
    }

    pub(crate) fn best_peer(&self) -> Option<&Cell> {
        best(
            self.cells.iter().filter(|cell| cell.is_peer()),
            self.case.unit(),
        )
    }
}

/// The best of some.
fn best<'a>(cells: impl Iterator<Item = &'a Cell>, unit: Unit) -> Option<&'a Cell> {
    let better = |best: &'a Cell, other: &'a Cell| {
        let pair = other.median().zip(best.median());
        if pair.is_some_and(|(other, best)| unit.ratio(other, best) > 1.0) {
            other
        } else {
            best
        }
    };
    cells.filter(|cell| cell.value.is_some()).reduce(better)
}

impl Cell {
    fn new(runs: &Runs) -> Cell {
        let outcomes = || {
            runs.runs.iter().filter_map(|run| match run {
                Run::Done(outcome) => Some(outcome),
                _ => None,
            })
        };
        let percentile = |of: fn(&Latency) -> f64| {
            let runs = outcomes().filter_map(|outcome| outcome.latency.as_ref());
            Spread::of(runs.map(of)).map(|spread| spread.median)
        };
        let count = |is: fn(&Run) -> bool| runs.runs.iter().filter(|run| is(run)).count();
        Cell {
            name: runs.contender.name,
            role: runs.contender.role,
            value: Spread::of(outcomes().map(|outcome| outcome.value)),
            ratio: None,
            cpu_ns: Spread::of(outcomes().filter_map(|outcome| outcome.cpu_ns)),
            latency: percentile(|latency| latency.p50)
                .zip(percentile(|latency| latency.p99))
                .zip(percentile(|latency| latency.p999))
                .map(|((p50, p99), p999)| [p50, p99, p999]),
            fairness: Spread::of(outcomes().filter_map(|outcome| outcome.fairness)),
            lost: outcomes().map(Outcome::lost).sum(),
            done: outcomes().count(),
            timed_out: count(|run| *run == Run::TimedOut),
            failed: count(|run| matches!(run, Run::Failed(_))),
            failure: runs.runs.iter().rev().find_map(|run| match run {
                Run::Failed(how) => Some(how.clone()),
                _ => None,
            }),
        }
    }

    /// Who loses messages, or hangs or dies as often as not, is not compared
    /// with.
    pub(crate) fn is_peer(&self) -> bool {
        let sound = self.lost == 0 && self.timed_out + self.failed <= self.done;
        self.role == Role::Peer && sound
    }

    pub(crate) fn median(&self) -> Option<f64> {
        self.value.map(|value| value.median)
    }
}
