//! The table, and the figures below it.

use std::collections::BTreeMap;

use crate::cases::{Case, Flavour, Form, Rung};
use crate::judge::Outcome;
use crate::run::{Census, Setting};

/// One row, as the process of a case prints it and the table reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) case: String,
    pub(crate) form: String,
    pub(crate) flavour: String,
    /// `open` or `closed`.
    pub(crate) world: String,
    /// `forced`, `natural` or `twin`.
    pub(crate) order: String,
    pub(crate) expected: String,
    pub(crate) found: String,
    pub(crate) evidence: String,
    pub(crate) wrong: String,
    pub(crate) fault: String,
    /// How many were stuck of those that had to be proven, and how many of
    /// these were.
    pub(crate) stuck: usize,
    pub(crate) proven: usize,
    /// How many proofs and other findings were wrong.
    pub(crate) mistakes: usize,
    /// It is missed, and known to be.
    pub(crate) short: bool,
}

impl Row {
    pub(crate) fn new(case: &Case, setting: Setting, outcome: &Outcome) -> Row {
        let wanted = setting.must_prove(case);
        let count = |census: &Census| census.values().sum::<usize>();
        let known = wanted && case.is_short(setting) && !outcome.expected.is_empty();
        let mut faults = outcome.faults.clone();
        if known && outcome.missed {
            faults.clear();
        } else if known && faults.is_empty() {
            faults.push("known to be missed, and found".to_owned());
        }
        Row {
            case: case.name.to_owned(),
            form: form(setting.form).to_owned(),
            flavour: flavour(setting.flavour).to_owned(),
            world: if setting.closed { "closed" } else { "open" }.to_owned(),
            order: match (setting.fixed, setting.forced) {
                (true, _) => "twin",
                (false, true) => "forced",
                (false, false) => "natural",
            }
            .to_owned(),
            expected: listed(&outcome.expected),
            found: listed(&outcome.found),
            evidence: joined(outcome.evidence.iter()),
            wrong: joined(outcome.wrong.iter()),
            fault: joined(faults.iter()),
            stuck: if wanted { count(&outcome.expected) } else { 0 },
            proven: if wanted { count(&outcome.found) } else { 0 },
            mistakes: outcome.wrong.len(),
            short: known && outcome.missed,
        }
    }

    /// As one line.
    pub(crate) fn line(&self) -> String {
        let numbers = [self.stuck, self.proven, self.mistakes, self.short.into()];
        let numbers = numbers.map(|n| n.to_string());
        let texts = [
            &self.case,
            &self.form,
            &self.flavour,
            &self.world,
            &self.order,
            &self.expected,
            &self.found,
            &self.evidence,
            &self.wrong,
            &self.fault,
        ];
        let cells = texts.into_iter().chain(&numbers);
        let clean = cells.map(|cell| cell.replace(['\t', '\n'], " "));
        clean.collect::<Vec<_>>().join("\t")
    }

    /// From such a line.
    pub(crate) fn parse(line: &str) -> Option<Row> {
        let mut cells = line.split('\t').map(str::to_owned);
        let mut next = || cells.next();
        Some(Row {
            case: next()?,
            form: next()?,
            flavour: next()?,
            world: next()?,
            order: next()?,
            expected: next()?,
            found: next()?,
            evidence: next()?,
            wrong: next()?,
            fault: next()?,
            stuck: next()?.parse().ok()?,
            proven: next()?.parse().ok()?,
            mistakes: next()?.parse().ok()?,
            short: next()? == "1",
        })
    }

    /// Whether it is as it should be, or as little as is known.
    pub(crate) fn is_right(&self) -> bool {
        self.fault.is_empty() && self.mistakes == 0
    }
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Owned => "owned",
        Form::Shared => "shared",
        Form::Arc => "arc",
        Form::Static => "static",
    }
}

fn flavour(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::Threads => "threads",
        Flavour::TokioOne => "tokio-1",
        Flavour::TokioMany => "tokio-n",
        Flavour::Mixed => "mixed",
    }
}

fn listed(census: &Census) -> String {
    joined(census.iter().map(|(leak, times)| match times {
        1 => leak.clone(),
        _ => format!("{times} × {leak}"),
    }))
}

fn joined(texts: impl Iterator<Item = impl ToString>) -> String {
    texts
        .map(|text| text.to_string())
        .collect::<Vec<_>>()
        .join("; ")
}

/// Prints the rows of a case. Rows that differ in the flavour only, or that
/// repeat each other, are one.
pub(crate) fn print(case: &Case, rows: &[Row]) {
    let mut groups: Vec<(Row, BTreeMap<String, usize>)> = Vec::new();
    for row in rows {
        let key = Row {
            flavour: String::new(),
            ..row.clone()
        };
        let place = groups.iter().position(|(known, _)| *known == key);
        let place = place.unwrap_or_else(|| {
            groups.push((key, BTreeMap::new()));
            groups.len() - 1
        });
        *groups[place].1.entry(row.flavour.clone()).or_default() += 1;
    }
    println!("\n{:?} {} ({})", case.kind, case.name, rung(case.rung));
    for (row, flavours) in groups {
        let flavours = joined(flavours.iter().map(|(flavour, times)| match times {
            1 => flavour.clone(),
            _ => format!("{times} × {flavour}"),
        }));
        let or_nothing = |text: &str| {
            if text.is_empty() {
                "–".to_owned()
            } else {
                text.to_owned()
            }
        };
        println!(
            "  {} {:6} {:6} {:7} | {flavours} | expected {} | found {} | {} | false {}{}",
            match (row.is_right(), row.short) {
                (false, _) => "FAIL ",
                (true, true) => "short",
                (true, false) => "ok   ",
            },
            row.form,
            row.world,
            row.order,
            or_nothing(&row.expected),
            or_nothing(&row.found),
            or_nothing(&row.evidence),
            or_nothing(&row.wrong),
            if row.fault.is_empty() {
                String::new()
            } else {
                format!(" | {}", row.fault)
            },
        );
    }
}

fn rung(rung: Rung) -> &'static str {
    match rung {
        Rung::P0 => "P0",
        Rung::P1 => "P1",
        Rung::P2 => "P2",
        Rung::S => "must not be proven",
        Rung::N => "not polled, must not be proven",
        Rung::Well => "all is well",
    }
}

/// Prints recall and precision by form, world and order.
pub(crate) fn sums(rows: &[Row]) {
    let mut sums: BTreeMap<[&str; 3], [usize; 4]> = BTreeMap::new();
    for row in rows {
        let order = if row.order == "twin" {
            "forced"
        } else {
            &row.order
        };
        let sum = sums.entry([&row.form, &row.world, order]).or_default();
        sum[0] += row.stuck;
        sum[1] += row.proven;
        sum[2] += row.mistakes;
        sum[3] += 1;
    }
    println!("\nform   world  order     runs  stuck  proven  recall  false  precision");
    let mut all = [0; 4];
    for ([form, world, order], sum) in &sums {
        line(&format!("{form:6} {world:6} {order:7}"), sum);
        (0..4).for_each(|at| all[at] += sum[at]);
    }
    line("all                  ", &all);
}

fn line(head: &str, &[stuck, proven, mistakes, runs]: &[usize; 4]) {
    let percent = |part: usize, whole: usize| match whole {
        0 => "     –".to_owned(),
        _ => format!("{:5.1}%", 100.0 * part as f64 / whole as f64),
    };
    println!(
        "{head} {runs:6} {stuck:6}  {proven:6}  {}  {mistakes:5}     {}",
        percent(proven, stuck),
        percent(proven, proven + mistakes),
    );
}
