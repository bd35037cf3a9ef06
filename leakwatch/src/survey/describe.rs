//! What was seen, as plain data.

use std::borrow::Cow;
use std::panic::Location;
use std::time::Instant;

use chan_core::observe::{ChannelSnapshot, Direction as Way, Who};

use crate::registry::{Deed, TaskRecord, thread_name};
use crate::report::{
    ChannelInfo, ContextInfo, Deed as ReportedDeed, Direction, ParkedTask, Site, TaskKind, WaitCase,
};
use crate::snapshot::{Look, Party};

pub(super) fn parked_task(
    look: &Look,
    party: &Party,
    record: Option<&TaskRecord>,
    now: Instant,
) -> ParkedTask {
    let wait = &party.wait;
    let (kind, described) = match &wait.who {
        Who::Thread(thread) => (TaskKind::Thread, thread_name(thread)),
        _ => (TaskKind::Future, "future".to_owned()),
    };
    let cases = party.cases.iter().map(|case| WaitCase {
        index: case.wait.case,
        direction: match case.wait.direction {
            Way::Recv => Direction::Receive,
            Way::Send => Direction::Send,
            Way::Close => Direction::Close,
        },
        site: site(case.wait.site),
        channel: look.channel(case).map(|channel| channel_info(channel, now)),
    });
    ParkedTask {
        id: 0,
        name: record.map_or(described, |record| record.name.to_string()),
        kind,
        spawned: record.map(|record| site(record.site)),
        operation: Cow::Borrowed(wait.reason.words()),
        age: wait.age,
        site: site(wait.site),
        stack: Vec::new(),
        has_deadline: wait.has_deadline,
        // A select without cases is listed as one wait on nil.
        cases: cases.take(wait.cases).collect(),
        context: record.and_then(context_info),
        evidence: None,
        waits_for: Vec::new(),
        set: None,
    }
}

pub(super) fn channel_info(channel: &ChannelSnapshot, now: Instant) -> ChannelInfo {
    let orphaning = channel
        .receivers_orphaned
        .as_ref()
        .or(channel.senders_orphaned.as_ref());
    let closing = channel.close_note.as_ref().and_then(Deed::of);
    let closed = channel.closed.then(|| {
        let mut deed = closing.map_or_else(ReportedDeed::default, |deed| reported(deed, now));
        deed.site = channel.closed_at.map(site);
        deed
    });
    ChannelInfo {
        id: channel.id.get(),
        name: channel.name.clone(),
        element: Cow::Borrowed(channel.element),
        birth: site(channel.birth),
        capacity: channel.capacity,
        len: channel.len,
        permits: channel.permits,
        senders: channel.handles.send,
        receivers: channel.handles.recv,
        closers: channel.handles.close,
        sent: channel.sent,
        received: channel.received,
        closed,
        orphaned: orphaning.and_then(Deed::of).map(|deed| reported(deed, now)),
    }
}

fn reported(deed: &Deed, now: Instant) -> ReportedDeed {
    let stack = deed.stack.resolve();
    // The innermost frame that is not ours is where the drop stands.
    let place = stack
        .iter()
        .find_map(|frame| Some((frame.file.clone()?, frame.line?)));
    ReportedDeed {
        task: Some(deed.task.clone()),
        site: place.map(|(file, line)| Site {
            file: file.into(),
            line,
            column: 0,
        }),
        stack,
        ago: Some(now.saturating_duration_since(deed.at)),
    }
}

fn context_info(record: &TaskRecord) -> Option<ContextInfo> {
    let context = record.context.as_ref()?.upgrade()?;
    let cancellation = context.cancellation();
    Some(ContextInfo {
        birth: site(context.birth()),
        cancelled: cancellation.map(|cancelled| site(cancelled.site)),
        cause: cancellation.map(|cancelled| cancelled.cause.to_string()),
        cancelled_ago: cancellation.map(|cancelled| cancelled.at.elapsed()),
    })
}

pub(super) fn site(location: &'static Location<'static>) -> Site {
    Site {
        file: Cow::Borrowed(location.file()),
        line: location.line(),
        column: location.column(),
    }
}
