//! The parked tasks as a flamegraph: a picture to open in a browser.
//!
//! Read it from the bottom up: where the tasks come from, then deeper calls,
//! and on top, in brackets, what they wait for. The width of a box is the
//! number of tasks in it, or, [by time](write_by_time), how long they have
//! been parked together. A click zooms, Ctrl-F searches. It is drawn in
//! cold colours, because it shows waiting and not work, and the same report
//! always gives the same picture.

use std::io::{self, Write};

use inferno::flamegraph::color::BasicPalette;
use inferno::flamegraph::{self, Options, Palette};

use super::folded;
use super::words::{count, moment};
use crate::report::Report;

/// Writes an SVG in which a box is as wide as the tasks in it are many.
///
/// A report without a parked task gives a small picture that says so.
///
/// # Errors
///
/// Those of the writer.
///
/// # Examples
///
/// ```
/// use leakwatch::{export::flamegraph, report::Report};
///
/// fn keep(report: &Report) -> std::io::Result<()> {
///     let file = std::fs::File::create("flamegraph.svg")?;
///     flamegraph::write(report, &mut std::io::BufWriter::new(file))
/// }
/// ```
pub fn write(report: &Report, w: &mut impl Write) -> io::Result<()> {
    let mut lines = Vec::new();
    folded::write(report, &mut lines)?;
    if lines.is_empty() {
        return nothing(report, "Parked tasks", "No task is parked on a channel.", w);
    }
    draw(report, "Parked tasks", "tasks", &lines, w)
}

/// Writes an SVG in which a box is as wide as its tasks have been parked long,
/// all added up, in milliseconds.
///
/// Tasks parked for less than a millisecond are not in it; if there are no
/// others, the picture says so.
///
/// # Errors
///
/// Those of the writer.
///
/// # Examples
///
/// ```
/// use leakwatch::{export::flamegraph, report::Report};
///
/// fn keep(report: &Report) -> std::io::Result<()> {
///     let file = std::fs::File::create("parked.svg")?;
///     flamegraph::write_by_time(report, &mut std::io::BufWriter::new(file))
/// }
/// ```
pub fn write_by_time(report: &Report, w: &mut impl Write) -> io::Result<()> {
    let mut lines = Vec::new();
    folded::write_by_time(report, &mut lines)?;
    if lines.is_empty() {
        let why = "No task is known to have been parked for a millisecond.";
        return nothing(report, "Time parked", why, w);
    }
    draw(report, "Time parked", "ms", &lines, w)
}

fn draw(
    report: &Report,
    title: &str,
    unit: &str,
    lines: &[u8],
    w: &mut impl Write,
) -> io::Result<()> {
    let mut options = Options::default();
    options.title = title.into();
    options.subtitle = Some(subtitle(report));
    options.count_name = unit.into();
    options.colors = Palette::Basic(BasicPalette::Aqua);
    options.deterministic = true;
    // The lines are sorted by stack; sorting them again with their numbers
    // would misplace a stack that is the beginning of another.
    options.no_sort = true;
    flamegraph::from_reader(&mut options, lines, w)
}

fn subtitle(report: &Report) -> String {
    let tasks = count(report.tasks.len(), "parked task");
    format!(
        "process {} at {}: {tasks}",
        report.pid,
        moment(report.taken)
    )
}

/// The drawing library fails where there is nothing to draw.
fn nothing(report: &Report, title: &str, why: &str, w: &mut impl Write) -> io::Result<()> {
    let subtitle = subtitle(report);
    write!(
        w,
        r##"<?xml version="1.0" standalone="no"?>
<svg version="1.1" width="1200" height="120" viewBox="0 0 1200 120" xmlns="http://www.w3.org/2000/svg">
<rect width="100%" height="100%" fill="#eeeeee"/>
<g font-family="monospace" text-anchor="middle">
<text x="600" y="32" font-size="17">{title}</text>
<text x="600" y="58" font-size="12">{subtitle}</text>
<text x="600" y="90" font-size="14">{why}</text>
</g>
</svg>
"##
    )
}
