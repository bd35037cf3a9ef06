//! Folded stacks: one line for each distinct stack, outermost function first,
//! `;` between the frames, then a space and a number.
//!
//! ```text
//! main;operator::run;operator::reconcile;[chan receive on configmaps] 12
//! ```
//!
//! The last frame, in brackets, says what is waited for and on which channel.
//! It comes last because a flamegraph is read from the bottom up: first where
//! the tasks come from, on top what they are stuck in. Lines are sorted, so
//! two files can be compared with `diff`.
//!
//! `flamegraph.pl`, `inferno-flamegraph` and speedscope read this form.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::words::{channel, channels, frames, one_line};
use crate::report::{ParkedTask, Report};

/// How many channels of a select its frame names.
const CHANNELS_NAMED: usize = 3;

/// Writes the number of tasks that are parked at each stack.
///
/// # Errors
///
/// Those of the writer.
///
/// # Examples
///
/// ```
/// use leakwatch::{export::folded, report::Report};
///
/// fn show(report: &Report) -> std::io::Result<()> {
///     folded::write(report, &mut std::io::stdout().lock())
/// }
/// ```
pub fn write(report: &Report, w: &mut impl Write) -> io::Result<()> {
    weighted(report, |_| 1, w)
}

/// Writes the milliseconds that the tasks at each stack have been parked, all
/// added up. Stacks without a whole millisecond are left out.
///
/// # Errors
///
/// Those of the writer.
///
/// # Examples
///
/// ```
/// use leakwatch::{export::folded, report::Report};
///
/// fn show(report: &Report) -> std::io::Result<()> {
///     folded::write_by_time(report, &mut std::io::stdout().lock())
/// }
/// ```
pub fn write_by_time(report: &Report, w: &mut impl Write) -> io::Result<()> {
    weighted(report, |task| task.age.unwrap_or_default().as_millis(), w)
}

/// The lines come sorted by stack, which puts stacks with a common root next
/// to each other: the flamegraph relies on it.
fn weighted(
    report: &Report,
    weight: impl Fn(&ParkedTask) -> u128,
    w: &mut impl Write,
) -> io::Result<()> {
    let mut stacks: BTreeMap<String, u128> = BTreeMap::new();
    for task in &report.tasks {
        *stacks.entry(fold(task)).or_default() += weight(task);
    }
    for (stack, total) in stacks.iter().filter(|(_, total)| **total > 0) {
        writeln!(w, "{stack} {total}")?;
    }
    Ok(())
}

fn fold(task: &ParkedTask) -> String {
    let mut line = String::new();
    for frame in frames(task).iter().rev() {
        push(&mut line, &frame.function);
        line.push(';');
    }
    push(&mut line, &leaf(task));
    line
}

/// `[chan receive on configmaps]`; it always ends in a bracket, so that a
/// name that ends in a number is not read as a count.
fn leaf(task: &ParkedTask) -> String {
    let channels = channels(task);
    let mut names: Vec<_> = channels
        .iter()
        .take(CHANNELS_NAMED)
        .map(|c| channel(c))
        .collect();
    if channels.len() > CHANNELS_NAMED {
        names.push(format!("{} more", channels.len() - CHANNELS_NAMED));
    }
    match names.is_empty() {
        true => format!("[{}]", task.operation),
        false => format!("[{} on {}]", task.operation, names.join(", ")),
    }
}

/// Appends a frame. The form has no escapes: `;` becomes `:`, as other makers
/// of folded stacks do it, and an empty name becomes `?`. Blanks around a name
/// and a `#` that would make the line a comment are not kept, because readers
/// drop such lines or find them out of order.
fn push(line: &mut String, frame: &str) {
    let frame = one_line(frame);
    let frame = frame.trim();
    if frame.is_empty() || line.is_empty() && frame.starts_with('#') {
        line.push('?');
    }
    line.extend(frame.chars().map(|c| if c == ';' { ':' } else { c }));
}
