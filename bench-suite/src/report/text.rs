//! A row for people at a terminal, as soon as it is done.

use std::fmt::Write;

use super::{Cell, Record, Row, markdown, verdict};

/// One line a contender.
pub(crate) fn row(row: &Row) -> String {
    let mut text = format!("{} ({})\n", row.case.row, row.case.unit());
    for cell in &row.cells {
        let figures = match cell.value {
            None => "–".to_owned(),
            Some(value) => {
                let ratio = cell
                    .ratio
                    .map_or(String::new(), |ratio| format!("×{ratio:.2}"));
                let spread = format!("[{}–{}]", short(value.low), short(value.high));
                format!("{:>8} {ratio:>7} {spread}", short(value.median))
            }
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {:<14} {figures}{}{}",
            cell.name,
            beside(cell),
            marks(cell)
        );
        if let Some(how) = &cell.failure {
            let _ = writeln!(text, "  {:<14}   {how}", "");
        }
    }
    text
}

/// How many rows that miss a target are named at a terminal.
const NAMED: usize = 12;

/// What was promised and found, when all rows are done.
pub(crate) fn end(record: &Record) -> String {
    let rows = record.rows();
    let mut text = String::from("Ours by the best peer; above 1 is better, means are geometric.\n");
    for target in verdict::targets(&rows) {
        let word = if target.met { "kept" } else { "MISSED" };
        let _ = writeln!(
            text,
            "{word:<7} {:<44} {:<22} {}",
            target.what, target.wanted, target.found
        );
        for miss in target.misses.iter().take(NAMED) {
            let _ = writeln!(text, "          {miss}");
        }
        if target.misses.len() > NAMED {
            let _ = writeln!(text, "          and {} more", target.misses.len() - NAMED);
        }
    }
    let _ = writeln!(text, "{}", markdown::noise(record, &rows).replace("**", ""));
    text
}

/// What stands beside the figure itself.
fn beside(cell: &Cell) -> String {
    let mut text = String::new();
    if let Some(cpu) = cell.cpu_ns {
        let _ = write!(text, "  cpu {} ns", short(cpu.median));
    }
    if let Some([p50, p99, p999]) = cell.latency {
        let _ = write!(
            text,
            "  p50/99/99.9 {} {} {}",
            time(p50),
            time(p99),
            time(p999)
        );
    }
    if let Some(fairness) = cell.fairness {
        let _ = write!(text, "  fair {:.2}", fairness.median);
    }
    text
}

/// A time in the unit that suits it.
pub(crate) fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{}ns", short(ns)),
        ns if ns < 1e6 => format!("{}µs", short(ns / 1e3)),
        ns => format!("{}ms", short(ns / 1e6)),
    }
}

/// What was wrong with a contender's runs.
pub(crate) fn marks(cell: &Cell) -> String {
    let mut marks = String::new();
    for (count, word) in [
        (cell.lost, "LOST"),
        (cell.timed_out as u64, "TIMEOUT"),
        (cell.failed as u64, "FAILED"),
    ] {
        if count > 0 {
            let _ = write!(marks, " {word} {count}");
        }
    }
    marks
}

/// Three digits that matter.
pub(crate) fn short(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v if v >= 0.0995 => format!("{v:.2}"),
        v if v >= 0.009_95 || v <= 0.0 => format!("{v:.3}"),
        v => format!("{v:.5}"),
    }
}
