//! The report as text, in the manner of Go's goroutine dump (`debug=2`).
//!
//! A head line with the counts, then the findings, then every parked task,
//! with an empty line between any two. A task looks as a goroutine does, so
//! that eyes and scripts made for Go's dumps find their way (indents are tabs):
//!
//! ```text
//! task 3 "reconcile-configmap" [chan receive, 1.2s, Proven::Orphaned]:
//! operator::configmap::reconcile(...)
//!     src/configmap.rs:88
//! waits to receive from chan 41 "configmaps" of ConfigMap, made at src/manager.rs:30:18
//!     capacity 16, len 0; handles: 0 send, 1 receive, 0 close; 10 sent, 10 received
//! ```
//!
//! Only a task's first line matches `^\w+ \d+ .*\[.*\]:$`. In the brackets
//! stand what it waits for, how long, and its evidence if there is any. The
//! frames follow, innermost first; a future has its line alone. Then come the
//! channel it waits on or, for a select, its cases.
//!
//! A leak often parks thousands of tasks at one line. Tasks that differ only
//! in name, age and channel stand together, [`IN_FULL`] of them are written
//! out, the longest parked first, and one line counts the others. Findings
//! with one fingerprint are joined in the same way. Every count is exact.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use super::words::{age, channels, count, kind, moment, one_line, quoted, site};
use crate::report::{Finding, MisuseEvent, ParkedTask, Report, Subject, Suspicions, TaskKind};

mod parts;

/// How many tasks of one kind at one stack are written out.
pub const IN_FULL: usize = 3;

/// How many cases of one select are written out.
pub const CASES_IN_FULL: usize = 16;

/// How many members of one set are listed.
pub const MEMBERS_IN_FULL: usize = 16;

/// Writes the report as text.
///
/// The text is written in many small pieces: give it a buffered writer.
///
/// # Errors
///
/// Those of the writer.
///
/// # Examples
///
/// ```
/// use leakwatch::{export::text, report::Report};
///
/// fn show(report: &Report) -> std::io::Result<()> {
///     text::write(report, &mut std::io::stderr().lock())
/// }
/// ```
pub fn write(report: &Report, w: &mut impl Write) -> io::Result<()> {
    head(report, w)?;
    alarms(report, w)?;
    findings(report, w)?;
    sets(report, w)?;
    tasks(report, w)
}

/// The report as text, as [`write()`] writes it.
///
/// # Examples
///
/// ```
/// use leakwatch::{export::text, report::Report};
///
/// fn log(report: &Report) {
///     eprintln!("{}", text::to_string(report));
/// }
/// ```
#[must_use]
pub fn to_string(report: &Report) -> String {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = write(report, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn head(report: &Report, w: &mut impl Write) -> io::Result<()> {
    writeln!(
        w,
        "leakwatch: {} parked, {} alive, {}; process {} at {}",
        count(report.tasks.len(), "task"),
        count(report.channels, "channel"),
        count(report.findings.len(), "finding"),
        report.pid,
        moment(report.taken),
    )?;
    if report.allowed > 0 {
        writeln!(w, "{} allowed", count(report.allowed, "finding"))?;
    }
    if report.suspicions.raised > 0 {
        let Suspicions {
            raised,
            resumed,
            proven,
            ..
        } = report.suspicions;
        writeln!(
            w,
            "suspicions so far: {raised}; wrong: {resumed}; proven: {proven}"
        )?;
    }
    if report.findings.is_empty() {
        return writeln!(w, "No findings: no parked task is known to be stuck.");
    }
    let mut tally = BTreeMap::new();
    for finding in &report.findings {
        *tally.entry(finding.evidence).or_insert(0_usize) += 1;
    }
    let tally: Vec<_> = tally
        .iter()
        .map(|(evidence, n)| format!("{n} {evidence}"))
        .collect();
    writeln!(w, "findings: {}", tally.join(", "))
}

/// Proofs that were wrong: before everything else.
fn alarms(report: &Report, w: &mut impl Write) -> io::Result<()> {
    for alarm in &report.alarms {
        writeln!(
            w,
            "\nSOUNDNESS ALARM: {} was {} in {} at {}, and went on",
            quoted(&alarm.task),
            alarm.evidence,
            one_line(&alarm.operation),
            site(&alarm.site),
        )?;
        writeln!(w, "\t{}", one_line(&alarm.reason))?;
    }
    Ok(())
}

/// The sets of tasks that only each other could wake.
fn sets(report: &Report, w: &mut impl Write) -> io::Result<()> {
    let tasks: HashMap<u64, &ParkedTask> = report.tasks.iter().map(|t| (t.id, t)).collect();
    let called = |id: &u64| match tasks.get(id) {
        Some(task) => format!("task {id} {}", quoted(&task.name)),
        None => format!("task {id}"),
    };
    for (number, set) in report.sets.iter().enumerate() {
        writeln!(
            w,
            "\nset {}: {} of which only its members could wake any; it began with {}, most likely",
            number + 1,
            count(set.members.len(), "task"),
            set.root
                .as_ref()
                .map_or_else(|| "another".to_owned(), called),
        )?;
        for id in set.members.iter().take(MEMBERS_IN_FULL) {
            write!(w, "\t{}", called(id))?;
            if let Some(task) = tasks.get(id) {
                write!(w, ": {} at {}", one_line(&task.operation), site(&task.site))?;
                parts::waits_for(task, ", waits for ", w)?;
            }
            writeln!(w)?;
        }
        if set.members.len() > MEMBERS_IN_FULL {
            writeln!(w, "\tand {} more", set.members.len() - MEMBERS_IN_FULL)?;
        }
    }
    Ok(())
}

/// One block for each fingerprint, in the report's order.
fn findings(report: &Report, w: &mut impl Write) -> io::Result<()> {
    let tasks: HashMap<u64, &ParkedTask> = report.tasks.iter().map(|t| (t.id, t)).collect();
    let groups = gather(&report.findings, |f| (f.evidence, f.fingerprint.as_str()));
    for (n, group) in groups.iter().enumerate() {
        let first = group[0];
        write!(w, "\nfinding {}: {}", n + 1, first.evidence)?;
        if group.len() > 1 {
            write!(w, ", {} times", group.len())?;
        }
        writeln!(w, "\n\t{}", one_line(&first.reason))?;
        writeln!(w, "\tfingerprint {}", one_line(&first.fingerprint))?;
        for (i, finding) in group.iter().take(IN_FULL).enumerate() {
            subject(finding, i == 0, &tasks, w)?;
        }
        if group.len() > IN_FULL {
            writeln!(w, "\tand {} more", group.len() - IN_FULL)?;
        }
        // The channels of the first stand for all: it is the same bug.
        match &first.subject {
            Subject::Event(event) => {
                if let Some(channel) = &event.channel {
                    parts::channel_whole("\t", channel, w)?;
                }
            }
            Subject::Channel(channel) => parts::channel_whole("\t", channel, w)?,
            Subject::Watcher => {}
            Subject::Task(id) => {
                if let Some(task) = tasks.get(id) {
                    circumstances(task, w)?;
                }
            }
        }
    }
    Ok(())
}

/// What a finding rests on: the channels of its task and the context.
fn circumstances(task: &ParkedTask, w: &mut impl Write) -> io::Result<()> {
    for channel in channels(task).into_iter().take(CASES_IN_FULL) {
        parts::channel_whole("\t", channel, w)?;
    }
    match &task.context {
        Some(context) => parts::context("\t", context, w),
        None => Ok(()),
    }
}

/// Whom a finding is about, in a line; an event with its stack if it is the
/// first of its group.
fn subject(
    finding: &Finding,
    first: bool,
    tasks: &HashMap<u64, &ParkedTask>,
    w: &mut impl Write,
) -> io::Result<()> {
    match &finding.subject {
        Subject::Event(event) => by_event(event, first, w),
        Subject::Channel(_) | Subject::Watcher => Ok(()),
        Subject::Task(id) => match tasks.get(id) {
            Some(task) => writeln!(
                w,
                "\ttask {id} {}: {} for {} at {}",
                quoted(&task.name),
                one_line(&task.operation),
                task.age.map_or_else(|| "an unknown time".into(), age),
                site(&task.site),
            ),
            None => writeln!(w, "\ttask {id}, which is not parked any more"),
        },
    }
}

fn by_event(event: &MisuseEvent, with_stack: bool, w: &mut impl Write) -> io::Result<()> {
    let (task, ago) = (quoted(&event.task), age(event.ago));
    write!(w, "\tdone {ago} ago by {task}")?;
    if let Some(at) = &event.site {
        write!(w, " at {}", site(at))?;
    }
    match event.count {
        1 => writeln!(w)?,
        times => writeln!(w, ", the first of {times} times")?,
    }
    if with_stack {
        parts::frames("\t\t", &event.stack, w)
    } else {
        Ok(())
    }
}

/// Every parked task, those alike together.
fn tasks(report: &Report, w: &mut impl Write) -> io::Result<()> {
    if report.tasks.is_empty() {
        return writeln!(w, "\nNo task is parked on a channel.");
    }
    for group in gather(&report.tasks, parts::Likeness::of) {
        for task in group.iter().take(IN_FULL) {
            write_task(task, w)?;
        }
        if let Some(rest) = group.get(IN_FULL..).filter(|rest| !rest.is_empty()) {
            parts::rest(group[0], rest, w)?;
        }
    }
    Ok(())
}

fn write_task(task: &ParkedTask, w: &mut impl Write) -> io::Result<()> {
    write!(
        w,
        "\ntask {} {} [{}, ",
        task.id,
        quoted(&task.name),
        one_line(&task.operation)
    )?;
    match task.age {
        Some(d) => write!(w, "{}", age(d))?,
        None => write!(w, "age unknown")?,
    }
    if task.has_deadline {
        write!(w, ", with deadline")?;
    }
    if let Some(evidence) = task.evidence {
        write!(w, ", {evidence}")?;
    }
    writeln!(w, "]:")?;
    if task.stack.is_empty() {
        writeln!(
            w,
            "{}(...)\n\t{}",
            kind(task.kind),
            super::words::line(&task.site)
        )?;
        if task.kind == TaskKind::Thread {
            writeln!(w, "without its stack, which could not be taken in time")?;
        }
    } else {
        parts::frames("", &task.stack, w)?;
    }
    parts::waits(task, w)?;
    if parts::waits_for(task, "only these have what could wake it: ", w)? {
        writeln!(w)?;
    }
    if let Some(spawned) = &task.spawned {
        writeln!(w, "created at {}", site(spawned))?;
    }
    match &task.context {
        Some(context) => parts::context("", context, w),
        None => Ok(()),
    }
}

/// Items with equal keys together, in the order of each key's first item.
fn gather<'a, T, K: std::hash::Hash + Eq>(
    items: &'a [T],
    key: impl Fn(&'a T) -> K,
) -> Vec<Vec<&'a T>> {
    let mut places = HashMap::new();
    let mut groups: Vec<Vec<&T>> = Vec::new();
    for item in items {
        let place = *places.entry(key(item)).or_insert_with(|| {
            groups.push(Vec::new());
            groups.len() - 1
        });
        groups[place].push(item);
    }
    groups
}
