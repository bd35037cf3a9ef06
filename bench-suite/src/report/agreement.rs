//! Whether two runs rank the contenders alike.

use std::fmt::Write;

use super::summary::mean;
use super::text::short;
use super::{Cell, Row};

/// What two runs agree on, for people at a terminal.
pub(crate) fn text(ones: &[Row], others: &[Row]) -> String {
    let pairs: Vec<(&Row, &Row)> = ones
        .iter()
        .filter_map(|one| {
            let same = |other: &&Row| other.case.row == one.case.row;
            Some((one, others.iter().find(same)?))
        })
        .collect();
    let mut text = format!("Two runs, {} rows of both.\n", pairs.len());
    let concordance: Vec<f64> = pairs.iter().filter_map(|(a, b)| alike(a, b)).collect();
    if concordance.is_empty() {
        return text;
    }
    let average = concordance.iter().sum::<f64>() / concordance.len() as f64;
    let first = |row: &Row| row.best_peer().map(|cell| cell.name);
    let same_peer = pairs.iter().filter(|(a, b)| first(a) == first(b)).count();
    let (mut same_side, mut both, mut factors, mut sides) = (0, 0, Vec::new(), Vec::new());
    for (one, other) in &pairs {
        let ratio = |row: &Row| row.ours().and_then(|cell| cell.ratio);
        let Some((a, b)) = ratio(one).zip(ratio(other)) else {
            continue;
        };
        both += 1;
        factors.push(if a > b { a / b } else { b / a });
        if (a >= 1.0) == (b >= 1.0) {
            same_side += 1;
        } else {
            sides.push((one.case.row, a, b));
        }
    }
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "Of all pairs of contenders {:.0} % stand in the same order. The best peer is the same \
         in {same_peer} rows.\nOurs is ahead in both or behind in both in {same_side} of {both} \
         rows; its ratios differ by a factor of {:.2} (geometric mean).",
        average * 100.0,
        mean(factors.into_iter()),
    );
    for (row, a, b) in sides {
        let _ = writeln!(text, "  {row}: ×{} and ×{}", short(a), short(b));
    }
    text
}

/// The share of pairs of contenders that stand in the same order in both runs.
/// `None` if there is no pair.
fn alike(one: &Row, other: &Row) -> Option<f64> {
    let in_both: Vec<(f64, f64)> = one
        .cells
        .iter()
        .filter_map(|cell| {
            let same = |other: &&Cell| other.name == cell.name;
            let again = other.cells.iter().find(same)?;
            cell.median().zip(again.median())
        })
        .collect();
    let (mut pairs, mut same) = (0, 0);
    for (place, (a, again_a)) in in_both.iter().enumerate() {
        for (b, again_b) in &in_both[place + 1..] {
            pairs += 1;
            same += u32::from(a.total_cmp(b) == again_a.total_cmp(again_b));
        }
    }
    (pairs > 0).then(|| f64::from(same) / f64::from(pairs))
}
