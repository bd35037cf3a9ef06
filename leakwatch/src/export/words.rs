//! Words that several outlets share: names made safe to print, ages, places,
//! and the frames of a wait that has no stack.
//!
//! Names come from the watched program and may hold anything. Every outlet but
//! JSON is read line by line, so nothing that is written there may start a
//! line of its own: see [`one_line`].

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use crate::report::{ChannelInfo, Frame, ParkedTask, Site, TaskKind};

/// A longer name is cut here and ends in `…`. The longest names in practice
/// are those of generic functions; a thousand characters keep them whole.
pub(super) const LONGEST: usize = 1000;

/// `text` without anything that ends a line, moves the cursor or turns the
/// direction of writing: such characters are written as Rust escapes.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    // Bytes bound characters from above, so this alone proves it short enough.
    if text.len() <= LONGEST && !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(LONGEST) + 8);
    for (n, c) in text.chars().enumerate() {
        if n == LONGEST {
            out.push('…');
            break;
        }
        if is_unprintable(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Control characters, line and paragraph separators, marks that turn the
/// direction of writing, and what XML cannot hold.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{061c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
                | '\u{fffe}'
                | '\u{ffff}'
        )
}

/// A name in quotes, on one line, with quotes and backslashes inside escaped.
pub(super) fn quoted(name: &str) -> String {
    let mut out = String::from("\"");
    for c in one_line(name).chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// `1 task`, `2 tasks`.
pub(super) fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// An age in the two units that matter: `4ms`, `1.2s`, `3m12s`, `2h5m`,
/// `3d4h`. Cut, not rounded, so that 59.99 seconds are not yet a minute.
pub(super) fn age(d: Duration) -> String {
    let seconds = d.as_secs();
    match seconds {
        0 if d.is_zero() => "0s".into(),
        0 if d.as_micros() == 0 => format!("{}ns", d.as_nanos()),
        0 if d.as_millis() == 0 => format!("{}µs", d.as_micros()),
        0 => format!("{}ms", d.as_millis()),
        1..60 => match d.subsec_millis() / 100 {
            0 => format!("{seconds}s"),
            tenths => format!("{seconds}.{tenths}s"),
        },
        60..3600 => format!("{}m{}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h{}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{}h", seconds / 86400, seconds / 3600 % 24),
    }
}

/// A moment as `2026-03-09T12:34:56Z`; before 1970 it says 1970.
pub(super) fn moment(t: SystemTime) -> String {
    let since = t.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86400, since.as_secs() % 86400);
    // Years are counted from March, so that the leap day is a year's last; an
    // era is the 400 years after which the calendar repeats.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// `file:line:column`, as far as known.
pub(super) fn site(s: &Site) -> String {
    one_line(&s.to_string()).into_owned()
}

/// `file:line`, as stacks print it.
pub(super) fn line(s: &Site) -> String {
    format!("{}:{}", one_line(&s.file), s.line)
}

/// What to call a channel in a word: its name, else the line that made it.
pub(super) fn channel(c: &ChannelInfo) -> String {
    match &c.name {
        Some(name) => one_line(name).into_owned(),
        None => line(&c.birth),
    }
}

/// The channels a task waits on, each once, in the order of its cases.
pub(super) fn channels(task: &ParkedTask) -> Vec<&ChannelInfo> {
    let mut seen = std::collections::HashSet::new();
    let all = task.cases.iter().filter_map(|case| case.channel.as_deref());
    all.filter(|c| seen.insert(c.id)).collect()
}

/// `thread` or `future`.
pub(super) fn kind(kind: TaskKind) -> &'static str {
    match kind {
        TaskKind::Thread => "thread",
        TaskKind::Future => "future",
    }
}

/// The frames of a task, innermost first. A wait without a stack has one
/// frame made from its line, such as `future at src/sync.rs:20`, so that no
/// task is left out of a profile.
pub(super) fn frames(task: &ParkedTask) -> Cow<'_, [Frame]> {
    if !task.stack.is_empty() {
        return Cow::Borrowed(&task.stack);
    }
    let mut function = String::from(kind(task.kind));
    // Writing to a string cannot fail.
    let _ = write!(function, " at {}", line(&task.site));
    Cow::Owned(vec![Frame {
        function,
        file: Some(task.site.file.to_string()),
        line: Some(task.site.line),
        address: 0,
    }])
}
