//! Ratios of many rows in a few figures.

use super::Row;
use crate::case::World;

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

pub(super) fn is_threads(row: &Row) -> bool {
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
