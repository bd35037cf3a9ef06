//! The report as a page: what was measured on, the sums, then every row.

use std::fmt::{self, Write};

use super::text::{marks, short, time};
use super::{Cell, Record, Row, plots, summary, verdict};
use crate::contenders::Role;

/// The whole page, with those of its pictures that were drawn.
pub(crate) fn page(record: &Record, pictures: &[String]) -> Result<String, fmt::Error> {
    let rows = record.rows();
    let mut text = String::from("# Benchmarks\n\n");
    text += "Written by `cargo run --release -p bench-suite --bin compare -- --save docs`; ";
    text += "the rows stand in `bench-suite/src/rows.rs`, every figure in ";
    text += "[benchmarks.json](benchmarks.json).";
    text += "\n\n";
    machine(&mut text, record, &rows)?;
    reading(&mut text)?;
    promises(&mut text, &rows)?;
    picture(&mut text, plots::RATIOS, pictures)?;
    behind(&mut text, &rows)?;
    marked(&mut text, &rows)?;
    for section in rows.chunk_by(|a, b| section(a) == section(b)) {
        table(&mut text, section, "bench", pictures)?;
    }
    Ok(text)
}

fn picture(text: &mut String, file: &str, drawn: &[String]) -> fmt::Result {
    if drawn.iter().any(|name| name == file) {
        writeln!(text, "![{file}]({file})\n")?;
    }
    Ok(())
}

/// The world and the workload: rows that share them share a table.
pub(super) fn section(row: &Row) -> &'static str {
    let name = row.case.row;
    let end = name
        .match_indices('/')
        .nth(1)
        .map_or(name.len(), |(end, _)| end);
    &name[..end]
}

/// What follows the section in a row's name.
pub(super) fn parameters(row: &Row) -> &'static str {
    row.case.row[section(row).len()..].trim_start_matches('/')
}

/// What it was measured on.
pub(super) fn machine(text: &mut String, record: &Record, rows: &[Row]) -> fmt::Result {
    let environment = &record.environment;
    writeln!(text, "| | |\n| --- | --- |")?;
    writeln!(
        text,
        "| machine | {}, {} cores |",
        environment.processor, environment.cores
    )?;
    writeln!(text, "| system | {} |", environment.system)?;
    writeln!(text, "| compiler | {} |", environment.rustc)?;
    writeln!(text, "| commit | {} |", environment.commit)?;
    writeln!(text, "| begun | {} |", environment.date())?;
    let versions: Vec<_> = record
        .versions
        .iter()
        .map(|(name, version)| format!("{name} {version}"))
        .collect();
    writeln!(text, "| versions | {} |\n", versions.join(", "))?;
    writeln!(text, "{}\n", noise(record, rows))
}

/// How quiet the machine was, in one sentence or two.
pub(crate) fn noise(record: &Record, rows: &[Row]) -> String {
    let (environment, noise) = (&record.environment, &record.noise);
    let wide = summary::wide(rows);
    let mut canary = noise.canary_us.clone();
    canary.sort_by(f64::total_cmp);
    let slowest = canary
        .last()
        .zip(canary.first())
        .map_or(1.0, |(last, first)| last / first);
    let noisy = environment.load > 0.5 * environment.cores as f64
        || noise.stolen > 0.02
        || slowest > 1.5
        || wide > 0.25;
    let verdict = if noisy {
        "**The machine was noisy.**"
    } else {
        "The machine was quiet."
    };
    format!(
        "{verdict} Load average at the start {:.2}; {:.1} % of the processors' time went to \
         other machines; a fixed piece of work took up to {slowest:.2} times its least; \
         {:.0} % of all figures have a highest run above twice their lowest.",
        environment.load,
        noise.stolen * 100.0,
        wide * 100.0,
    )
}

fn reading(text: &mut String) -> fmt::Result {
    writeln!(
        text,
        "Each figure is a process of its own; each round runs every contender of a row once. A \
         cell is the median of the rounds with the lowest and the highest: `median [low–high]`. \
         Bold are the best peer, and ours where it is level or ahead. *Ours by best* is above 1 \
         where ours is better, whatever the unit. What a contender cannot do is a dash. `LOST` \
         counts messages that were sent and never arrived, `TIMEOUT` and `FAILED` the runs that \
         hung or died; who has lost anything, or ends badly as often as not, is not compared \
         with. Go, `(rtrb spin)`, `crossfire-mux` and `chan-core-chan` are to look at and never the \
         best: another language, a ring whose sides spin, a reader of many channels that is no \
         select, and ours by its other face.\n\n\
         `c16` is the capacity, `unb` no limit, `b64` the bytes of an element where they are not \
         8, `n4` the arms of a select. Names ending in `-sp` are types for a single sender or a \
         single receiver. What each workload does stands in `bench-suite/src/workloads/`.\n"
    )
}

/// The targets, kept and missed.
fn promises(text: &mut String, rows: &[Row]) -> fmt::Result {
    let targets = verdict::targets(rows);
    if targets.is_empty() {
        return Ok(());
    }
    writeln!(text, "## Targets\n")?;
    writeln!(
        text,
        "Ours by the best peer of each row; means are geometric.\n"
    )?;
    writeln!(
        text,
        "| | what | wanted | found |\n| --- | --- | --- | --- |"
    )?;
    for target in &targets {
        let (mark, word) = if target.met {
            ("", "kept")
        } else {
            ("**", "missed")
        };
        writeln!(
            text,
            "| {mark}{word}{mark} | {} | {} | {} |",
            target.what, target.wanted, target.found
        )?;
    }
    writeln!(text)?;
    for target in targets.iter().filter(|target| !target.misses.is_empty()) {
        writeln!(text, "### Missed: {}, {}\n", target.what, target.wanted)?;
        for miss in &target.misses {
            writeln!(text, "- {miss}")?;
        }
        writeln!(text)?;
    }
    Ok(())
}

/// The rows in which ours is not first.
fn behind(text: &mut String, rows: &[Row]) -> fmt::Result {
    let ratios = summary::ratios(rows);
    let mut behind: Vec<_> = ratios.iter().filter(|(_, ratio)| *ratio < 1.0).collect();
    behind.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    if ratios.is_empty() {
        return Ok(());
    }
    let first = ratios.len() - behind.len();
    writeln!(text, "## First in {first} of {} rows\n", ratios.len())?;
    if behind.is_empty() {
        return Ok(());
    }
    writeln!(
        text,
        "| behind in | ours by best | best peer |\n| --- | --- | --- |"
    )?;
    for (row, ratio) in behind {
        let peer = row.best_peer().map_or("", |cell| cell.name);
        writeln!(text, "| {} | ×{ratio:.2} | {peer} |", row.case.row)?;
    }
    writeln!(text)
}

/// Who lost messages, hung or died.
pub(super) fn marked(text: &mut String, rows: &[Row]) -> fmt::Result {
    let mut lines = Vec::new();
    for row in rows {
        for cell in &row.cells {
            let marks = marks(cell);
            if !marks.is_empty() {
                let how = cell.failure.as_deref().unwrap_or_default();
                lines.push(format!(
                    "| {} | {} | {marks} {how} |",
                    row.case.row, cell.name
                ));
            }
        }
    }
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(text, "## Messages lost, runs that hung or died\n")?;
    writeln!(text, "| row | who | what |\n| --- | --- | --- |")?;
    for line in lines {
        writeln!(text, "{line}")?;
    }
    writeln!(text)
}

/// The tables of one section, below its picture.
pub(super) fn table(
    text: &mut String,
    rows: &[Row],
    kind: &str,
    pictures: &[String],
) -> fmt::Result {
    let Some(row) = rows.first() else {
        return Ok(());
    };
    writeln!(text, "## {}\n", section(row))?;
    picture(text, &plots::file(kind, section(row)), pictures)?;
    columns(
        text,
        rows,
        &row.case.unit().to_string(),
        true,
        |row, cell| {
            let value = cell.value?;
            let (median, low, high) = (short(value.median), short(value.low), short(value.high));
            let best = row.best_peer().is_some_and(|best| best.name == cell.name);
            let ahead = cell.role == Role::Ours && cell.ratio.is_some_and(|ratio| ratio >= 1.0);
            let mark = if best || ahead { "**" } else { "" };
            Some(format!("{mark}{median}{mark} [{low}–{high}]"))
        },
    )?;
    columns(
        text,
        rows,
        "processor seconds per million messages",
        false,
        |_, cell| Some(short(cell.cpu_ns?.median / 1e3)),
    )?;
    columns(
        text,
        rows,
        "hand-over, p50 / p99 / p99.9",
        false,
        |_, cell| Some(cell.latency?.map(time).join(" / ")),
    )?;
    columns(
        text,
        rows,
        "least served by most served",
        false,
        |_, cell| Some(format!("{:.2}", cell.fairness?.median)),
    )
}

/// One table: a column for each contender that has something to show.
fn columns(
    text: &mut String,
    rows: &[Row],
    title: &str,
    with_ratio: bool,
    show: impl Fn(&Row, &Cell) -> Option<String>,
) -> fmt::Result {
    let shown = |row: &Row, name: &str| {
        let cell = row.cells.iter().find(|cell| cell.name == name)?;
        let figure = show(row, cell);
        let marks = if with_ratio {
            marks(cell)
        } else {
            String::new()
        };
        (figure.is_some() || !marks.is_empty())
            .then(|| format!("{}{marks}", figure.unwrap_or_else(|| "–".to_owned())))
    };
    let mut names: Vec<&str> = Vec::new();
    for name in rows.iter().flat_map(|row| &row.cells).map(|cell| cell.name) {
        if !names.contains(&name) && rows.iter().any(|row| shown(row, name).is_some()) {
            names.push(name);
        }
    }
    if names.is_empty() {
        return Ok(());
    }
    let ratio = if with_ratio { " ours by best |" } else { "" };
    writeln!(text, "| {title} |{ratio} {} |", names.join(" | "))?;
    let count = names.len() + 1 + usize::from(with_ratio);
    writeln!(text, "|{}", " --- |".repeat(count))?;
    for row in rows {
        write!(text, "| {} |", parameters(row))?;
        if with_ratio {
            let ratio = row.ours().and_then(|cell| cell.ratio);
            write!(
                text,
                " {} |",
                ratio.map_or("–".to_owned(), |ratio| format!("×{ratio:.2}"))
            )?;
        }
        for name in &names {
            write!(
                text,
                " {} |",
                shown(row, name).unwrap_or_else(|| "–".to_owned())
            )?;
        }
        writeln!(text)?;
    }
    writeln!(text)
}
