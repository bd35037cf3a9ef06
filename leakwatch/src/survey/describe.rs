//! What was seen, as plain data.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;
use std::time::Instant;

use chan_core::observe::{ChannelSnapshot, Direction as Way, Who};

use super::Writer;
use crate::registry::{Deed, TaskRecord, thread_name};
use crate::report::{
    ChannelInfo, ContextInfo, Deed as ReportedDeed, Direction, ParkedTask, Site, TaskKind, WaitCase,
};
use crate::snapshot::{Look, Party};
use crate::stack::Named;

impl Writer<'_> {
    pub(super) fn parked_task(
        &mut self,
        look: &Look,
        party: &Party,
        record: Option<&TaskRecord>,
        now: Instant,
    ) -> ParkedTask {
        let wait = party.wait();
        let (kind, described) = match &wait.who {
            Who::Thread(thread) => (TaskKind::Thread, Some(thread)),
            _ => (TaskKind::Future, None),
        };
        let name = match (record, described) {
            (Some(record), _) => Cow::Owned(record.name.to_string()),
            (None, Some(thread)) => Cow::Owned(thread_name(thread)),
            (None, None) => Cow::Borrowed("future"),
        };
        // A select without cases is listed as one wait on nil.
        let cases = party.cases.iter().take(wait.cases).map(|case| WaitCase {
            index: case.wait.case,
            direction: match case.wait.direction {
                Way::Recv => Direction::Receive,
                Way::Send => Direction::Send,
                Way::Close => Direction::Close,
            },
            site: site(case.wait.site),
            channel: case.channel.map(|place| self.channel(look, place, now)),
        });
        ParkedTask {
            id: 0,
            name,
            kind,
            spawned: record.map(|record| site(record.site)),
            operation: Cow::Borrowed(wait.reason.words()),
            age: wait.age,
            site: site(wait.site),
            stack: Arc::default(),
            has_deadline: wait.has_deadline,
            cases: cases.collect(),
            context: record.and_then(context_info).map(Box::new),
            evidence: None,
            waits_for: Vec::new(),
            set: None,
        }
    }

    fn channel(&mut self, look: &Look, place: usize, now: Instant) -> Arc<ChannelInfo> {
        let stacks = &mut self.stacks;
        let info = || Arc::new(channel_info(&look.channels[place].1, stacks, now));
        Arc::clone(self.channels[place].get_or_insert_with(info))
    }
}

pub(super) fn channel_info(
    channel: &ChannelSnapshot,
    stacks: &mut Named,
    now: Instant,
) -> ChannelInfo {
    let orphaning = channel
        .receivers_orphaned
        .as_ref()
        .or(channel.senders_orphaned.as_ref());
    let closing = channel.close_note.as_ref().and_then(Deed::of);
    let closed = channel.closed.then(|| {
        let mut deed =
            closing.map_or_else(ReportedDeed::default, |deed| reported(deed, stacks, now));
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
        orphaned: orphaning
            .and_then(Deed::of)
            .map(|deed| reported(deed, stacks, now)),
    }
}

fn reported(deed: &Deed, stacks: &mut Named, now: Instant) -> ReportedDeed {
    let stack = stacks.name(&deed.stack);
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
