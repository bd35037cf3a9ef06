//! The lines that findings and tasks are made of.

use std::collections::HashSet;
use std::io::{self, Write};

use super::super::words::{age, count, one_line, quoted, site};
use super::CASES_IN_FULL;
use crate::report::{
    ChannelInfo, ContextInfo, Deed, Direction, Evidence, Frame, ParkedTask, Site, TaskKind,
    WaitCase,
};

/// All of a task but its name, its age and which channels it waits on: tasks
/// that agree in this were parked by the same bug.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Likeness<'a> {
    kind: TaskKind,
    operation: &'a str,
    site: &'a Site,
    stack: &'a [Frame],
    has_deadline: bool,
    evidence: Option<Evidence>,
    spawned: Option<&'a Site>,
    cases: Vec<(usize, Direction, &'a Site, bool)>,
    context: Option<(&'a Site, Option<&'a Site>)>,
}

impl<'a> Likeness<'a> {
    pub(super) fn of(task: &'a ParkedTask) -> Self {
        let case = |c: &'a WaitCase| (c.index, c.direction, &c.site, c.channel.is_some());
        Likeness {
            kind: task.kind,
            operation: &task.operation,
            site: &task.site,
            stack: &task.stack,
            has_deadline: task.has_deadline,
            evidence: task.evidence,
            spawned: task.spawned.as_ref(),
            cases: task.cases.iter().map(case).collect(),
            context: task
                .context
                .as_ref()
                .map(|c| (&c.birth, c.cancelled.as_ref())),
        }
    }
}

/// The line that stands for the tasks that are not written out.
pub(super) fn rest(first: &ParkedTask, rest: &[&ParkedTask], w: &mut impl Write) -> io::Result<()> {
    write!(w, "\n... and {} more like task {}", rest.len(), first.id)?;
    let ages = || rest.iter().filter_map(|t| t.age);
    if let (Some(least), Some(most)) = (ages().min(), ages().max()) {
        let (least, most) = (age(least), age(most));
        write!(w, ", parked {least}")?;
        if least != most {
            write!(w, " to {most}")?;
        }
    }
    let infos = rest
        .iter()
        .flat_map(|t| &t.cases)
        .filter_map(|c| c.channel.as_ref());
    match infos.map(|c| c.id).collect::<HashSet<_>>().len() {
        0 => writeln!(w),
        n => writeln!(w, ", on {}", count(n, "channel")),
    }
}

/// Frames as Go prints them: the function, and under it the line.
pub(super) fn frames(indent: &str, stack: &[Frame], w: &mut impl Write) -> io::Result<()> {
    for frame in stack {
        writeln!(w, "{indent}{}(...)", one_line(&frame.function))?;
        match &frame.file {
            Some(file) => {
                let line = frame.line.unwrap_or(0);
                writeln!(w, "{indent}\t{}:{line}", one_line(file))?;
            }
            // The address lets addr2line find out.
            None => writeln!(w, "{indent}\t??:0 {:#x}", frame.address)?,
        }
    }
    Ok(())
}

/// Who has what could wake a task, if that is known, behind some words; whether
/// it is.
pub(super) fn waits_for(task: &ParkedTask, words: &str, w: &mut impl Write) -> io::Result<bool> {
    if task.waits_for.is_empty() {
        return Ok(false);
    }
    let names: Vec<String> = task.waits_for.iter().map(|name| quoted(name)).collect();
    write!(w, "{words}{}", names.join(", "))?;
    Ok(true)
}

/// What a task waits on: the channel of a plain operation, or every case of a
/// select.
pub(super) fn waits(task: &ParkedTask, w: &mut impl Write) -> io::Result<()> {
    // A select of one case, or one whose case stands apart, is still a select.
    let plain = task.cases.len() == 1 && !task.operation.starts_with("select");
    if plain {
        let case = &task.cases[0];
        write!(w, "waits to {} ", words(case.direction))?;
        return case_channel(case, w);
    }
    for case in task.cases.iter().take(CASES_IN_FULL) {
        let direction = words(case.direction);
        write!(
            w,
            "case {} at {}: {direction} ",
            case.index,
            site(&case.site)
        )?;
        case_channel(case, w)?;
    }
    match task.cases.len().saturating_sub(CASES_IN_FULL) {
        0 => Ok(()),
        more => writeln!(w, "and {}", count(more, "more case")),
    }
}

fn case_channel(case: &WaitCase, w: &mut impl Write) -> io::Result<()> {
    match &case.channel {
        None => writeln!(w, "a nil channel"),
        Some(c) => {
            writeln!(w, "{}", channel_name(c))?;
            channel_counts("\t", c, w)?;
            for (what, deed) in deeds(c) {
                writeln!(w, "\t{what}{}", deed_line(deed))?;
            }
            Ok(())
        }
    }
}

/// A channel with all there is to say, stacks of its deeds included.
pub(super) fn channel_whole(indent: &str, c: &ChannelInfo, w: &mut impl Write) -> io::Result<()> {
    writeln!(w, "{indent}{}", channel_name(c))?;
    let inner = format!("{indent}\t");
    channel_counts(&inner, c, w)?;
    for (what, deed) in deeds(c) {
        writeln!(w, "{inner}{what}{}", deed_line(deed))?;
        frames(&format!("{inner}\t"), &deed.stack, w)?;
    }
    Ok(())
}

fn channel_name(c: &ChannelInfo) -> String {
    let name = c
        .name
        .as_ref()
        .map_or_else(String::new, |n| format!(" {}", quoted(n)));
    format!(
        "chan {}{name} of {}, made at {}",
        c.id,
        one_line(&c.element),
        site(&c.birth)
    )
}

fn words(direction: Direction) -> &'static str {
    match direction {
        Direction::Receive => "receive from",
        Direction::Send => "send to",
        Direction::Close => "see the close of",
    }
}

fn channel_counts(indent: &str, c: &ChannelInfo, w: &mut impl Write) -> io::Result<()> {
    match c.capacity {
        Some(capacity) => write!(w, "{indent}capacity {capacity}, ")?,
        None => write!(w, "{indent}unbounded, ")?,
    }
    write!(w, "len {}", c.len)?;
    if c.permits > 0 {
        write!(w, ", {} permits", c.permits)?;
    }
    writeln!(
        w,
        "; handles: {} send, {} receive, {} close; {} sent, {} received",
        c.senders, c.receivers, c.closers, c.sent, c.received,
    )
}

fn deeds(c: &ChannelInfo) -> impl Iterator<Item = (&'static str, &Deed)> {
    let closed = c.closed.as_ref().map(|deed| ("closed", deed));
    let orphaned = c.orphaned.as_ref().map(|deed| ("orphaned", deed));
    closed.into_iter().chain(orphaned)
}

/// Who, when and where; without a line of its own, the innermost known one of
/// its stack.
fn deed_line(deed: &Deed) -> String {
    let framed = || {
        deed.stack
            .iter()
            .find_map(|f| Some((f.file.as_ref()?, f.line?)))
    };
    let at = match &deed.site {
        Some(s) => format!(" at {}", site(s)),
        None => framed().map_or_else(String::new, |(file, n)| {
            format!(" at {}:{n}", one_line(file))
        }),
    };
    let ago = deed.ago.map(|ago| format!(" {} ago", age(ago)));
    let by = deed
        .task
        .as_ref()
        .map(|task| format!(" by {}", quoted(task)));
    format!("{}{}{at}", ago.unwrap_or_default(), by.unwrap_or_default())
}

/// The context a task is bound to.
pub(super) fn context(indent: &str, context: &ContextInfo, w: &mut impl Write) -> io::Result<()> {
    write!(
        w,
        "{indent}bound to the context made at {}",
        site(&context.birth)
    )?;
    let cancelled = context.cancelled.is_some() || context.cancelled_ago.is_some();
    if cancelled {
        write!(
            w,
            ", {}",
            one_line(context.cause.as_deref().unwrap_or("cancelled"))
        )?;
    }
    if let Some(ago) = context.cancelled_ago {
        write!(w, " {} ago", age(ago))?;
    }
    if let Some(at) = &context.cancelled {
        write!(w, " at {}", site(at))?;
    }
    writeln!(w)
}
