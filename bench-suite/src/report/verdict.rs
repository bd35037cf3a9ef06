//! What was promised, and what the figures say of it.
//!
//! Targets were fixed before anything was tuned. Each is one line: what it is,
//! what was wanted, what was found; and the rows that miss it.

use std::collections::BTreeMap;

use super::summary::{is_threads, mean, ratios};
use super::text::{short, time};
use super::{Cell, Row};
use crate::case::{Alone, Capacity, Selecting, Unit, Work, World};

/// One promise.
pub(crate) struct Target {
    pub(crate) what: String,
    pub(crate) wanted: String,
    pub(crate) found: String,
    pub(crate) met: bool,
    /// The rows that miss it, and by how much.
    pub(crate) misses: Vec<String>,
}

/// All promises about which there are figures.
pub(crate) fn targets(rows: &[Row]) -> Vec<Target> {
    let mut targets = means(rows);
    targets.extend([
        each(rows, "no row far behind", "≥ 0.7", of_best(0.7)),
        each(rows, "first in every row (the aim)", "≥ 1", of_best(1.0)),
        each(rows, "tasks: ahead of Go", "≥ 1.5 times Go", ahead_of_go),
        each(
            rows,
            "processor time of the row's fastest peer",
            "≤ 1.2 times",
            processor_time,
        ),
        each(
            rows,
            "p99 of a hand-over, of the best peer's",
            "≤ 2 times",
            tail,
        ),
        each(rows, "least served by most served", "≥ 0.5", fairness),
        each(rows, "pairs: ahead of every general channel", "≥ 1", pairs),
        each(rows, "created faster than kanal's", "≥ 1", creation),
        each(rows, "bytes of a channel", "≤ 192 and its slots", bytes),
        each(rows, "a parked thread allocates nothing", "0 bytes", parked),
        each(
            rows,
            "select over 4, unbuffered",
            "≥ 10 times the best peer",
            blocking_select,
        ),
        each(
            rows,
            "select of two idle arms and a default",
            "< 30 ns",
            idle_select,
        ),
        each(
            rows,
            "`tokio::select!` over 4",
            "nothing lost, ≥ 1",
            tokio_select,
        ),
    ]);
    targets.retain(|target| !target.found.is_empty());
    targets
}

/// Geometric means of the ratios to the best peers.
fn means(rows: &[Row]) -> Vec<Target> {
    let speeds: Vec<(&Row, f64)> = ratios(rows)
        .into_iter()
        .filter(|(row, _)| !matches!(row.case.unit(), Unit::Bytes | Unit::Share))
        .collect();
    let (threads, tasks): (Vec<_>, Vec<_>) =
        speeds.into_iter().partition(|(row, _)| is_threads(row));
    let all = |rows: &[(&Row, f64)], is: &dyn Fn(&Row) -> bool| -> Vec<f64> {
        let chosen = rows.iter().filter(|(row, _)| is(row));
        chosen.map(|(_, ratio)| *ratio).collect()
    };
    let mut targets = vec![
        mean_of("threads, all rows", 1.3, &all(&threads, &|_| true)),
        mean_of("tasks, all rows", 1.1, &all(&tasks, &|_| true)),
    ];
    for room in [0, 1] {
        let is = |row: &Row| row.case.capacity == Capacity::Bounded(room) && is_between(row);
        let what = format!("threads, between threads at capacity {room}");
        targets.push(mean_of(&what, 2.0, &all(&threads, &is)));
    }
    let is = |row: &Row| row.case.capacity == Capacity::Bounded(512) && is_between(row);
    let what = "threads, between threads at capacity 512";
    targets.push(mean_of(what, 1.0, &all(&threads, &is)));
    let is = |row: &Row| row.case.row.contains("/mpmc/c16");
    targets.push(mean_of(
        "threads, 4→4 at capacity 16",
        1.0,
        &all(&threads, &is),
    ));
    let mut groups: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (row, ratio) in &threads {
        for group in [capacity(row), workload(row)].into_iter().flatten() {
            groups.entry(group).or_default().push(*ratio);
        }
    }
    let group = |(name, ratios): (&String, &Vec<f64>)| mean_of(name, 1.0, ratios);
    targets.extend(groups.iter().map(group));
    targets
}

fn mean_of(what: &str, least: f64, ratios: &[f64]) -> Target {
    let mean = mean(ratios.iter().copied());
    let found = match ratios.len() {
        0 => String::new(),
        count => format!("{mean:.2} over {count}"),
    };
    Target {
        what: what.to_owned(),
        wanted: format!("mean ≥ {least}"),
        found,
        met: mean >= least,
        misses: Vec::new(),
    }
}

fn capacity(row: &Row) -> Option<String> {
    // Selects without a capacity have one of their own.
    let name = row.case.row;
    match row.case.capacity {
        Capacity::Unbounded => Some("threads, unbounded".to_owned()),
        Capacity::Bounded(room) if name.contains("/c") => {
            Some(format!("threads, capacity {room:>3}"))
        }
        Capacity::Bounded(_) => None,
    }
}

fn workload(row: &Row) -> Option<String> {
    let workload = row.case.row.split('/').nth(1)?;
    Some(format!("threads, workload {workload}"))
}

/// Whether messages go from one party to another.
fn is_between(row: &Row) -> bool {
    matches!(
        row.case.work,
        Work::Flow { .. }
            | Work::PingPong
            | Work::Handover
            | Work::SelectBoth
            | Work::Select(Selecting::Fed)
    )
}

/// What a promise says of one row. `None` if it says nothing.
enum Said {
    Kept,
    Missed(String),
}

fn said(kept: bool, how: impl FnOnce() -> String) -> Option<Said> {
    Some(if kept {
        Said::Kept
    } else {
        Said::Missed(how())
    })
}

fn each(
    rows: &[Row],
    what: &str,
    wanted: &str,
    judge: impl Fn(&Row, &Cell) -> Option<Said>,
) -> Target {
    let (mut kept, mut misses) = (0, Vec::new());
    for row in rows {
        match row.ours().and_then(|ours| judge(row, ours)) {
            Some(Said::Kept) => kept += 1,
            Some(Said::Missed(how)) => misses.push(format!("{} {how}", row.case.row)),
            None => {}
        }
    }
    let count = kept + misses.len();
    Target {
        what: what.to_owned(),
        wanted: wanted.to_owned(),
        found: if count == 0 {
            String::new()
        } else {
            format!("{kept} of {count} rows")
        },
        met: misses.is_empty(),
        misses,
    }
}

fn of_best(least: f64) -> impl Fn(&Row, &Cell) -> Option<Said> {
    move |row, ours| {
        // Bytes have promises of their own.
        if row.case.unit() == Unit::Bytes {
            return None;
        }
        let (ratio, peer) = (ours.ratio?, row.best_peer()?.name);
        said(ratio >= least, || format!("×{ratio:.2} of {peer}"))
    }
}

fn ahead_of_go(row: &Row, ours: &Cell) -> Option<Said> {
    if is_threads(row) || row.case.unit() == Unit::Bytes {
        return None;
    }
    let go = row.cells.iter().find(|cell| cell.name == "go")?;
    let ratio = row.case.unit().ratio(ours.median()?, go.median()?);
    said(ratio >= 1.5, || format!("×{ratio:.2}"))
}

fn processor_time(row: &Row, ours: &Cell) -> Option<Said> {
    let peer = row.best_peer()?;
    let ratio = ours.cpu_ns?.median / peer.cpu_ns?.median;
    said(ratio <= 1.2, || format!("×{ratio:.2} of {}", peer.name))
}

fn tail(row: &Row, ours: &Cell) -> Option<Said> {
    let peers = row.cells.iter().filter(|cell| cell.is_peer());
    let best = peers.filter_map(|cell| Some(cell.latency?[1]));
    let best = best.reduce(f64::min)?;
    let p99 = ours.latency?[1];
    said(p99 <= 2.0 * best, || {
        format!("×{:.1}: {} by {}", p99 / best, time(p99), time(best))
    })
}

fn fairness(row: &Row, ours: &Cell) -> Option<Said> {
    let share = ours.median().filter(|_| row.case.unit() == Unit::Share)?;
    said(share >= 0.5, || format!("{share:.2}"))
}

/// Types for one sender or one receiver are not general.
fn is_general(cell: &&Cell) -> bool {
    cell.is_peer() && !cell.name.ends_with("-sp")
}

fn pairs(row: &Row, ours: &Cell) -> Option<Said> {
    if !is_threads(row) || !matches!(row.case.work, Work::Alone(Alone::Pair | Alone::TryPair)) {
        return None;
    }
    let ours = ours.median()?;
    let peers = row.cells.iter().filter(is_general);
    let best = peers.filter_map(Cell::median).reduce(f64::min)?;
    said(ours <= best, || {
        format!("{} by {} ns", short(ours), short(best))
    })
}

fn creation(row: &Row, ours: &Cell) -> Option<Said> {
    if row.case.work != Work::Alone(Alone::Create) {
        return None;
    }
    let kanal = row.cells.iter().find(|cell| cell.name == "kanal")?;
    let (ours, theirs) = (ours.median()?, kanal.median()?);
    said(ours <= theirs, || {
        format!("{} by {} ns", short(ours), short(theirs))
    })
}

fn bytes(row: &Row, ours: &Cell) -> Option<Said> {
    if row.case.work != Work::ChannelBytes {
        return None;
    }
    let slots = match row.case.capacity {
        Capacity::Bounded(room) => (room * row.case.bytes) as f64,
        Capacity::Unbounded => 0.0,
    };
    let bytes = ours.median()?;
    said(bytes <= 192.0 + slots, || format!("{} bytes", short(bytes)))
}

fn parked(row: &Row, ours: &Cell) -> Option<Said> {
    if row.case.work != Work::ParkedBytes || !is_threads(row) {
        return None;
    }
    let bytes = ours.median()?;
    said(bytes <= 0.0, || format!("{} bytes", short(bytes)))
}

fn blocking_select(row: &Row, ours: &Cell) -> Option<Said> {
    let is = row.case.row == "threads/select-rx/n4/c0";
    let ratio = ours.ratio.filter(|_| is)?;
    said(ratio >= 10.0, || format!("×{ratio:.2}"))
}

fn idle_select(row: &Row, ours: &Cell) -> Option<Said> {
    let is = row.case.row == "threads/select-default/n2";
    let ns = ours.median().filter(|_| is)?;
    said(ns < 30.0, || format!("{} ns", short(ns)))
}

/// Over the futures of the channel, not by our own select for tasks.
fn tokio_select(row: &Row, _ours: &Cell) -> Option<Said> {
    let tasks = matches!(row.case.world, World::TokioMulti | World::TokioSingle);
    if !tasks || row.case.work != Work::Select(Selecting::Fed) {
        return None;
    }
    let ours = row.cells.iter().find(|cell| cell.name == "chan-core")?;
    let ratio = ours.ratio?;
    said(ours.lost == 0 && ratio >= 1.0, || {
        format!("×{ratio:.2}, {} lost", ours.lost)
    })
}
