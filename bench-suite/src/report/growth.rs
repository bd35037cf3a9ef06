//! The report of `growth`: how much more an operation costs at the end of each
//! curve than at its beginning.

use std::fmt::{self, Write};

use super::markdown::{self, section};
use super::text::short;
use super::{Record, Row};

/// The two ends of one contender's curve.
struct Ends {
    section: &'static str,
    name: &'static str,
    /// Where the curve begins and ends, and what it costs there.
    from: (&'static str, f64),
    to: (&'static str, f64),
}

/// Every curve of more than one point.
fn ends(rows: &[Row]) -> Vec<Ends> {
    let mut all = Vec::new();
    for rows in rows.chunk_by(|a, b| section(a) == section(b)) {
        let first = rows.first();
        for name in first
            .iter()
            .flat_map(|row| &row.cells)
            .map(|cell| cell.name)
        {
            let mut points = rows.iter().filter_map(|row| {
                let cell = row.cells.iter().find(|cell| cell.name == name)?;
                Some((markdown::parameters(row), cell.median()?))
            });
            if let (Some(from), Some(to)) = (points.next(), points.next_back()) {
                all.push(Ends {
                    section: section(&rows[0]),
                    name,
                    from,
                    to,
                });
            }
        }
    }
    all
}

/// For people at a terminal.
pub(crate) fn text(record: &Record) -> String {
    let rows = record.rows();
    let mut text = String::new();
    for ends in ends(&rows) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{:<24} {:<16} {:>9} at {:<12} {:>9} at {:<12} ×{}",
            ends.section,
            ends.name,
            short(ends.from.1),
            ends.from.0,
            short(ends.to.1),
            ends.to.0,
            short(ends.to.1 / ends.from.1)
        );
    }
    let noise = markdown::noise(record, &rows).replace("**", "");
    let _ = writeln!(text, "{noise}");
    text
}

/// The page.
pub(crate) fn page(record: &Record, pictures: &[String]) -> Result<String, fmt::Error> {
    let rows = record.rows();
    let mut text = String::from("# Growth\n\n");
    text += "What an operation costs while there is more and more of something. Written by ";
    text += "`cargo run --release -p bench-suite --bin growth -- --save docs`; the rows stand in ";
    text += "`bench-suite/src/rows.rs`, every figure in [growth.json](growth.json). ";
    text += "Runs, cells and marks are those of `compare`; `p1000` is how much there is, `n8` ";
    text += "how many arms.\n\n";
    markdown::machine(&mut text, record, &rows)?;
    writeln!(text, "## From one end to the other\n")?;
    writeln!(text, "| curve | who | begins | ends | factor |")?;
    writeln!(text, "| --- | --- | --- | --- | --- |")?;
    for ends in ends(&rows) {
        writeln!(
            text,
            "| {} | {} | {} at {} | {} at {} | ×{} |",
            ends.section,
            ends.name,
            short(ends.from.1),
            ends.from.0,
            short(ends.to.1),
            ends.to.0,
            short(ends.to.1 / ends.from.1)
        )?;
    }
    writeln!(text)?;
    markdown::marked(&mut text, &rows)?;
    for section in rows.chunk_by(|a, b| section(a) == section(b)) {
        markdown::table(&mut text, section, "growth", pictures)?;
    }
    Ok(text)
}
