//! The report as JSON.
//!
//! The document is a [`Report`], field by field; `schema` is its version
//! ([`SCHEMA`](crate::report::SCHEMA)). Fields may be added within a version,
//! so a reader must pass over those it does not know.
//!
//! - `taken` is in seconds since 1970; ages (`age`, `ago`, `cancelled_ago`)
//!   are in seconds at that moment. What is not known is `null`.
//! - `tasks[]` holds every parked task: `id`, `name`, `kind` (`thread` or
//!   `future`), `operation`, `age`, `site`, `stack[]`, `has_deadline`,
//!   `cases[]`, `context`, `evidence`.
//! - `findings[]` holds `evidence`, `reason`, `fingerprint` and `subject`,
//!   which is `{"task": id}` or `{"event": {…}}`.
//! - `evidence` is `{"proven": why}`, `{"dead_wait": why}`, `"outlived"` or
//!   `{"misuse": what}`.
//! - A `site` is `file`, `line`, `column`; a frame is `function`, `file`,
//!   `line`, `address`, innermost first.
//! - `channels` is how many channels were alive; those that somebody waits on
//!   are described at `tasks[].cases[].channel`.
//!
//! Names are written as they are, however odd: JSON can hold them all. Nothing
//! is joined or cut either, so a report of a hundred thousand tasks is large.

use std::io::{self, Write};

use crate::report::Report;

/// Writes the report as indented JSON, with a line break at the end.
///
/// It is written in many small pieces: give it a buffered writer.
///
/// # Errors
///
/// Those of the writer.
///
/// # Examples
///
/// ```
/// use leakwatch::{export::json, report::Report};
///
/// fn show(report: &Report) -> std::io::Result<()> {
///     json::write(report, &mut std::io::stdout().lock())
/// }
/// ```
pub fn write(report: &Report, w: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *w, report)?;
    writeln!(w)
}
