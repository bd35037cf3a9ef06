//! A report from beginning to end: look, judge, look again, ask for stacks,
//! and write it down.

use std::panic::Location;
use std::process;
use std::time::{Instant, SystemTime};

use chan_core::observe::{self, ChannelSnapshot, Direction as Way, Misuse as CoreMisuse, Who};

use crate::evidence::{self, Verdict};
use crate::registry::{Deed, MisuseRecord, TaskRecord, options, registry, thread_name};
use crate::report::{
    ChannelInfo, ContextInfo, Deed as ReportedDeed, Direction, Evidence, Finding, Misuse,
    MisuseEvent, ParkedTask, Proven, Report, SCHEMA, Site, Subject, TaskKind, WaitCase,
};
use crate::snapshot::{Look, Party};

/// Makes a report.
pub(crate) fn survey() -> Report {
    let look = Look::around();
    let verdicts = judge_twice(&look);
    let tickets = ask_for_stacks(&look, &verdicts);
    let now = Instant::now();
    let mut tasks = Vec::with_capacity(look.parties.len());
    let mut findings = Vec::new();
    let parties = look.parties.iter().zip(verdicts).zip(tickets);
    for ((party, verdict), ticket) in parties {
        let stack = ticket.and_then(|ticket| registry().take_stack(ticket));
        let record = registry().task(party.wait.task);
        let mut task = parked_task(&look, party, record.as_ref(), now);
        task.stack = stack.map(|stack| stack.resolve()).unwrap_or_default();
        let verdict = verdict.or_else(|| outlived(&task));
        task.evidence = verdict.as_ref().map(|verdict| verdict.evidence);
        tasks.push((task, verdict));
    }
    // The longest parked first; a report of the same state reads the same.
    tasks.sort_by(|(one, _), (other, _)| {
        let key = |task: &ParkedTask| (task.site.clone(), task.name.clone());
        other
            .age
            .cmp(&one.age)
            .then_with(|| key(one).cmp(&key(other)))
    });
    for (number, (task, verdict)) in tasks.iter_mut().enumerate() {
        task.id = number as u64 + 1;
        if let Some(verdict) = verdict.take() {
            findings.push(finding_of_task(task, verdict));
        }
    }
    findings.extend(
        registry()
            .misuses()
            .iter()
            .map(|record| finding_of_misuse(record, now)),
    );
    // Stable: among equals the longest parked stays first.
    findings.sort_by_key(|finding| finding.evidence);
    Report {
        schema: SCHEMA,
        taken: SystemTime::now(),
        pid: process::id(),
        findings,
        tasks: tasks.into_iter().map(|(task, _)| task).collect(),
        channels: look.channels.len(),
    }
}

/// The verdicts that hold at a second look, by the place of their party.
fn judge_twice(look: &Look) -> Vec<Option<Verdict>> {
    let first: Vec<_> = look
        .parties
        .iter()
        .map(|party| evidence::judge(look, party))
        .collect();
    let suspects = look.parties.iter().zip(&first);
    let again = look.again(
        suspects
            .filter(|(_, verdict)| verdict.is_some())
            .map(|(party, _)| party),
    );
    let both = look.parties.iter().zip(first);
    both.map(|(party, verdict)| verdict.filter(|_| look.unmoved(party, &again)))
        .collect()
}

/// Asks the parked threads for their stacks, those with findings first, and
/// waits for them: a ticket for each party that was asked.
fn ask_for_stacks(look: &Look, verdicts: &[Option<Verdict>]) -> Vec<Option<u64>> {
    let options = options();
    let mut order: Vec<usize> = (0..look.parties.len())
        .filter(|&place| matches!(look.parties[place].wait.who, Who::Thread(_)))
        .collect();
    order.sort_by_key(|&place| verdicts[place].is_none());
    let mut tickets = vec![None; look.parties.len()];
    for place in order.into_iter().take(options.max_stacks) {
        let case = &look.parties[place].cases[0];
        let ticket = registry().expect_stack();
        let asked = match case.channel {
            Some(channel) => look.channels[channel].0.request_stack(case.wait.id, ticket),
            None => observe::request_nil_stack(case.wait.id, ticket),
        };
        if asked {
            tickets[place] = Some(ticket);
        } else {
            registry().expect_no_more(ticket);
        }
    }
    registry().await_stacks(Instant::now() + options.stack_patience);
    tickets
}

fn parked_task(
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
        operation: wait.reason.to_string(),
        age: wait.age,
        site: site(wait.site),
        stack: Vec::new(),
        has_deadline: wait.has_deadline,
        // A select without cases is listed as one wait on nil.
        cases: cases.take(wait.cases).collect(),
        context: record.and_then(context_info),
        evidence: None,
    }
}

fn channel_info(channel: &ChannelSnapshot, now: Instant) -> ChannelInfo {
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
        name: channel.name.as_deref().map(str::to_owned),
        element: channel.element.to_owned(),
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
            file,
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

/// Still parked a grace after its context ended.
fn outlived(task: &ParkedTask) -> Option<Verdict> {
    let context = task.context.as_ref()?;
    let ago = context.cancelled_ago?;
    if ago < options().grace || task.has_deadline {
        return None;
    }
    let cause = context.cause.as_deref().unwrap_or_default();
    Some(Verdict {
        evidence: Evidence::Outlived,
        reason: format!(
            "its context ended {:.1} s ago ({cause}) and it is still parked; it may be slow",
            ago.as_secs_f64()
        ),
    })
}

fn finding_of_task(task: &ParkedTask, verdict: Verdict) -> Finding {
    let mut print = Fingerprint::new(verdict.evidence);
    print.add(&task.operation);
    print.add(&task.site.to_string());
    for case in &task.cases {
        print.add(&case.site.to_string());
        if let Some(channel) = &case.channel {
            print.add(&channel.birth.to_string());
        }
    }
    Finding {
        evidence: verdict.evidence,
        reason: verdict.reason,
        fingerprint: print.finish(),
        subject: Subject::Task(task.id),
    }
}

fn finding_of_misuse(record: &MisuseRecord, now: Instant) -> Finding {
    let (misuse, what) = match record.misuse {
        CoreMisuse::DoubleClose => (Misuse::DoubleClose, "closed again"),
        _ => (Misuse::SendAfterClose, "sent to after it was closed"),
    };
    let evidence = Evidence::Misuse(misuse);
    let channel = channel_info(&record.channel, now);
    let event = MisuseEvent {
        misuse,
        task: record.deed.task.clone(),
        site: site(record.site),
        stack: record.deed.stack.resolve(),
        ago: now.saturating_duration_since(record.deed.at),
        channel,
    };
    let mut print = Fingerprint::new(evidence);
    print.add(&event.site.to_string());
    print.add(&event.channel.birth.to_string());
    let first = event
        .channel
        .closed
        .as_ref()
        .and_then(|deed| deed.site.as_ref());
    let first = first.map_or_else(String::new, |site| format!("; it was closed at {site}"));
    Finding {
        evidence,
        reason: format!("a channel was {what} at {}{first}", event.site),
        fingerprint: print.finish(),
        subject: Subject::Event(Box::new(event)),
    }
}

fn site(location: &Location<'_>) -> Site {
    Site {
        file: location.file().to_owned(),
        line: location.line(),
        column: location.column(),
    }
}

/// FNV-1a over what does not change from run to run: the hashes of `std` may
/// change with the compiler.
struct Fingerprint(u64);

impl Fingerprint {
    fn new(evidence: Evidence) -> Self {
        let mut print = Fingerprint(0xcbf2_9ce4_8422_2325);
        // A future's dead wait at one line is the thread's proof at the same.
        print.add(match evidence {
            Evidence::Proven(Proven::Never) | Evidence::DeadWait(Proven::Never) => "never",
            Evidence::Proven(Proven::Orphaned) | Evidence::DeadWait(Proven::Orphaned) => "orphaned",
            Evidence::Outlived => "outlived",
            Evidence::Misuse(Misuse::DoubleClose) => "double close",
            Evidence::Misuse(Misuse::SendAfterClose) => "send after close",
        });
        print
    }

    fn add(&mut self, part: &str) {
        for byte in part.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> String {
        format!("{:016x}", self.0)
    }
}
