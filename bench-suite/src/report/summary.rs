//! Ratios of many rows in a few figures.

use std::collections::BTreeMap;

use super::{Cell, Row};
use crate::case::{Capacity, Unit, World};

/// The ratio of ours to the best peer, for the rows that have both.
pub(crate) fn ratios(rows: &[Row]) -> Vec<(&Row, f64)> {
    rows.iter()
        .filter_map(|row| Some((row, row.ours()?.ratio?)))
        .collect()
}

/// The geometric mean; 1 of nothing.
pub(crate) fn mean(ratios: impl Iterator<Item = f64>) -> f64 {
    let logs: Vec<f64> = ratios.map(f64::ln).collect();
    (logs.iter().sum::<f64>() / logs.len().max(1) as f64).exp()
}

/// Geometric means within groups of rows, by the name of the group.
pub(crate) fn groups(rows: &[Row]) -> Vec<(String, f64, usize)> {
    let mut groups: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (row, ratio) in ratios(rows) {
        let side = if is_threads(row) { "threads" } else { "tasks" };
        let mut parts = row.case.row.split('/');
        let workload = parts.nth(1).unwrap_or_default();
        let capacity = match row.case.capacity {
            Capacity::Unbounded => "unbounded".to_owned(),
            Capacity::Bounded(room) => format!("capacity {room}"),
        };
        let mut group = |name: String| groups.entry(name).or_default().push(ratio);
        group(format!("{side}: workload {workload}"));
        // Bytes and shares are no speed.
        if matches!(row.case.unit(), Unit::Bytes | Unit::Share) {
            continue;
        }
        group(format!("{side}: all"));
        if row.case.row.contains("/c") || row.case.row.contains("/unb") {
            group(format!("{side}: {capacity}"));
        }
    }
    let mean_of = |(name, ratios): (String, Vec<f64>)| {
        let count = ratios.len();
        (name, mean(ratios.into_iter()), count)
    };
    groups.into_iter().map(mean_of).collect()
}

/// What was promised beside speed, and is not kept: a sentence each.
pub(crate) fn complaints(rows: &[Row]) -> Vec<String> {
    let mut complaints = Vec::new();
    for row in rows {
        let (Some(ours), Some(peer)) = (row.ours(), row.best_peer()) else {
            continue;
        };
        let name = row.case.row;
        if let Some((cpu, theirs)) = ours.cpu_ns.zip(peer.cpu_ns)
            && cpu.median > 1.2 * theirs.median
        {
            let ratio = cpu.median / theirs.median;
            complaints.push(format!(
                "{name}: ×{ratio:.1} the processor time of {}",
                peer.name
            ));
        }
        let peers = row.cells.iter().filter(|cell| cell.is_peer());
        let tail = peers
            .filter_map(|cell| Some(cell.latency?[1]))
            .reduce(f64::min);
        if let Some((ours, theirs)) = ours.latency.map(|latency| latency[1]).zip(tail)
            && ours > 2.0 * theirs
        {
            complaints.push(format!("{name}: ×{:.1} the best p99", ours / theirs));
        }
        if let (Unit::Share, Some(value)) = (row.case.unit(), ours.median())
            && value < 0.5
        {
            complaints.push(format!(
                "{name}: the least served gets {value:.2} of the most"
            ));
        }
        let go = row
            .cells
            .iter()
            .find(|cell| cell.name == "go")
            .and_then(Cell::median);
        if let Some((ours, go)) = ours.median().zip(go).filter(|_| !is_threads(row)) {
            let ratio = row.case.unit().ratio(ours, go);
            if ratio < 1.5 {
                complaints.push(format!("{name}: ×{ratio:.2} of Go's speed"));
            }
        }
    }
    complaints
}

fn is_threads(row: &Row) -> bool {
    matches!(row.case.world, World::Threads | World::OneCore)
}

/// The share of figures whose highest run is above twice their lowest.
pub(crate) fn wide(rows: &[Row]) -> f64 {
    let spreads: Vec<_> = rows
        .iter()
        .flat_map(|row| &row.cells)
        .filter_map(|cell| cell.value)
        .collect();
    let wide = spreads
        .iter()
        .filter(|spread| spread.high > 2.0 * spread.low)
        .count();
    wide as f64 / spreads.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_of_ratios_is_geometric() {
        assert!((mean([4.0, 0.25].into_iter()) - 1.0).abs() < 1e-12);
        assert!((mean([2.0, 8.0].into_iter()) - 4.0).abs() < 1e-12);
        assert_eq!(mean([].into_iter()), 1.0);
    }
}
