//! Figures of many runs made into tables.

use crate::case::{Case, Unit};
use crate::contenders::Role;
use crate::outcome::{Latency, Outcome};
use crate::runner::{Run, Runs};

pub(crate) mod text;

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
    /// Medians of the runs' percentiles.
    pub(crate) latency: Option<[f64; 3]>,
    pub(crate) fairness: Option<Spread>,
    pub(crate) lost: u64,
    pub(crate) timed_out: usize,
    pub(crate) failed: usize,
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
        let best = best_peer(&cells, case.unit());
        for cell in &mut cells {
            let median = cell.value.map(|spread| spread.median);
            cell.ratio = median
                .zip(best)
                .map(|(ours, theirs)| case.unit().ratio(ours, theirs));
        }
        Row { case, cells }
    }
}

/// The median of the best peer. One that loses messages is not a peer.
fn best_peer(cells: &[Cell], unit: Unit) -> Option<f64> {
    let peers = cells
        .iter()
        .filter(|cell| cell.role == Role::Peer && cell.lost == 0);
    let medians = peers.filter_map(|cell| Some(cell.value?.median));
    medians.reduce(|best, other| {
        if unit.ratio(other, best) > 1.0 {
            other
        } else {
            best
        }
    })
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
            timed_out: count(|run| *run == Run::TimedOut),
            failed: count(|run| matches!(run, Run::Failed(_))),
        }
    }
}
