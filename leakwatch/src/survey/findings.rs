//! Verdicts and events as findings, with their fingerprints.

use std::time::Instant;

use chan_core::observe::ChannelSnapshot;

use super::describe::{channel_info, site};
use crate::events::Event;
use crate::evidence::Verdict;
use crate::report::{
    ChannelInfo, Evidence, Finding, Misuse, MisuseEvent, ParkedTask, Site, Subject,
};
use crate::stack::Named;
use crate::suspect;

pub(super) fn finding(
    print: Fingerprint,
    evidence: Evidence,
    reason: String,
    subject: Subject,
) -> Finding {
    Finding {
        evidence,
        reason,
        fingerprint: print.finish(),
        subject,
    }
}

pub(super) fn finding_of_task(task: &ParkedTask, verdict: Verdict) -> Finding {
    let mut print = Fingerprint::new(verdict.evidence);
    print.add(&task.operation);
    print.add_site(&task.site);
    for case in &task.cases {
        print.add_site(&case.site);
        if let Some(channel) = &case.channel {
            print.add_site(&channel.birth);
        }
    }
    finding(
        print,
        verdict.evidence,
        verdict.reason,
        Subject::Task(task.id),
    )
}

/// A channel of a test that has ended, with values in it.
pub(super) fn undelivered(channel: &ChannelSnapshot, stacks: &mut Named, now: Instant) -> Finding {
    let mut print = Fingerprint::new(Evidence::Undelivered);
    let info = channel_info(channel, stacks, now);
    print.add_site(&info.birth);
    let reason = format!(
        "the test in which this channel was made has ended; it is still alive, with {} values in it",
        channel.len
    );
    finding(
        print,
        Evidence::Undelivered,
        reason,
        Subject::Channel(Box::new(info)),
    )
}

pub(super) fn finding_of_event(event: &Event, stacks: &mut Named, now: Instant) -> Option<Finding> {
    let stack = stacks.name(&event.deed.stack);
    if event.misuse == Misuse::BlockingInPoll && !suspect::polls(&stack) {
        // It was in a place where one may block.
        return None;
    }
    let place = || {
        let known = stack
            .iter()
            .find_map(|frame| Some((frame.file.clone()?, frame.line?)));
        known.map(|(file, line)| Site {
            file: file.into(),
            line,
            column: 0,
        })
    };
    let at = event.site.map(site).or_else(place);
    let channel = event
        .channel
        .as_ref()
        .map(|channel| channel_info(channel, stacks, now));
    let evidence = Evidence::Misuse(event.misuse);
    let mut print = Fingerprint::new(evidence);
    for site in at
        .iter()
        .chain(channel.as_ref().map(|channel| &channel.birth))
    {
        print.add_site(site);
    }
    let reason = reason_of(event, at.as_ref(), channel.as_ref());
    let event = MisuseEvent {
        misuse: event.misuse,
        task: event.deed.task.clone(),
        site: at,
        stack,
        ago: now.saturating_duration_since(event.deed.at),
        count: event.count,
        channel,
    };
    Some(finding(
        print,
        evidence,
        reason,
        Subject::Event(Box::new(event)),
    ))
}

fn reason_of(event: &Event, at: Option<&Site>, channel: Option<&ChannelInfo>) -> String {
    let at = at.map_or_else(|| "an unknown line".to_owned(), Site::to_string);
    let closed = channel.and_then(|channel| channel.closed.as_ref()?.site.as_ref());
    let closed = closed.map_or_else(String::new, |site| format!("; it was closed at {site}"));
    let count = event.count;
    match event.misuse {
        Misuse::DoubleClose => format!("a channel was closed again at {at}{closed}"),
        Misuse::SendAfterClose => {
            format!("a channel was sent to after it was closed at {at}{closed}")
        }
        Misuse::GhostRead => format!(
            "{count} values were received at {at} that had lain in a closed channel while \
             nobody received: they may be taken for news{closed}"
        ),
        Misuse::ClosedArm => format!(
            "the case at {at} has won {count} times because its channel is closed: \
             it may be taken for success{closed}"
        ),
        Misuse::PseudoClose => {
            let birth =
                channel.map_or_else(String::new, |channel| format!(" made at {}", channel.birth));
            format!(
                "{count} channels{birth} were closed at {at}, each by the thread that had made it, \
                 unused and unheard: these closes tell nobody"
            )
        }
        Misuse::BlockingInPoll => format!(
            "a thread parked at {at} in the middle of a future's poll, and whatever else \
             its executor runs on it waited, too"
        ),
    }
}

/// FNV-1a over what does not change from run to run: the hashes of `std` may
/// change with the compiler.
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn new(evidence: Evidence) -> Self {
        let mut print = Fingerprint(0xcbf2_9ce4_8422_2325);
        // A future's dead wait at one line is the thread's proof at the same.
        let named = match evidence {
            Evidence::DeadWait(proven) => Evidence::Proven(proven),
            other => other,
        };
        print.add(&named.to_string());
        print
    }

    fn add_site(&mut self, site: &Site) {
        self.add(&site.file);
        self.add_bytes(&site.line.to_le_bytes());
        self.add_bytes(&site.column.to_le_bytes());
    }

    fn add(&mut self, part: &str) {
        self.add_bytes(part.as_bytes());
        self.add_bytes(&[0]);
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> String {
        format!("{:016x}", self.0)
    }
}
