//! A report from beginning to end: look, judge, look again, ask for stacks,
//! and write it down.

use std::cmp::Ordering;
use std::panic::Location;
use std::process;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use chan_core::observe::{self, Channel, ChannelId, ScopeId, TaskId, WaitId, WaitState, Who};

use crate::closed::World;
use crate::events;
use crate::evidence::{self, Judgement, Verdict};
use crate::hash::{Map, Set};
use crate::history::{self, History, Key, history};
use crate::options::Allow;
use crate::proofs::reconcile;
use crate::registry::{TaskRecord, options, registry};
use crate::report::{
    ChannelInfo, DeadSet, Evidence, Finding, ParkedTask, Report, SCHEMA, Subject, Suspicions,
};
use crate::snapshot::{Look, Party};
use crate::stack::{Named, RawStack};
use crate::{sentinel, suspect};

mod describe;
mod findings;
mod whereabouts;

use whereabouts::Whereabouts;

use findings::{Fingerprint, finding, finding_of_event, finding_of_task, undelivered};

/// What a report is about.
pub(crate) enum About<'a> {
    /// The whole process.
    Everything,
    /// What was born in a scope.
    Scope {
        scope: ScopeId,
        /// Also this task, wherever it waits.
        task: Option<TaskId>,
        /// The scope has ended, so whoever still waits in it has outlived it.
        ended: bool,
        allowed: &'a [Allow],
        stacks: bool,
    },
}

/// A party with what is said of it.
struct Judged {
    place: Place,
    verdict: Option<Box<Verdict>>,
    record: Option<Arc<TaskRecord>>,
    stack: Option<RawStack>,
}

/// Where a party is in the look.
#[derive(Clone, Copy)]
enum Place {
    Parked(usize),
    Unpolled(usize),
}

impl Judged {
    fn party<'l>(&self, look: &'l Look) -> &'l Party {
        match self.place {
            Place::Parked(place) => &look.parties[place],
            Place::Unpolled(place) => &look.unpolled[place],
        }
    }
}

/// Makes a report.
pub(crate) fn survey(about: &About<'_>) -> Report {
    survey_in(about, None).report
}

/// A report on those who wait on a channel and are orphaned there, if there are
/// any that were not told of: what its counts say, without stacks, and without
/// a look at anything else.
pub(crate) fn orphans_of(channel: &Channel, told: &mut Set<Key>) -> Option<Report> {
    let now = Instant::now();
    let mut look = Look::at_one(channel.clone());
    // A select may wait on others that are not orphaned.
    if look.parties.iter().any(|party| party.wait().cases > 1) {
        look = Look::around();
    }
    let here = |party: &Party| {
        let mut channels = party.cases.iter().filter_map(|case| look.channel(case));
        channels.any(|it| it.id == channel.id())
    };
    let Judgement { verdicts, .. } = evidence::judge(&look);
    let mut writer = Writer::new(&About::Everything, look.channels.len());
    writer.stacks = Named::none();
    let mut tasks = Vec::new();
    for (place, verdict) in verdicts.into_iter().enumerate() {
        let party = &look.parties[place];
        if verdict.is_none() || !here(party) || !told.insert(history::key(&look, party)) {
            continue;
        }
        let judged = Judged {
            place: Place::Parked(place),
            verdict,
            record: registry().task(party.wait().task),
            stack: None,
        };
        let (mut task, verdict) = writer.task(&look, judged, now);
        task.id = tasks.len() as u64 + 1;
        // Its set is in the next report on everything.
        task.set = None;
        if let Some(verdict) = verdict {
            writer.findings.push(finding_of_task(&task, *verdict));
            tasks.push(task);
        }
    }
    (!tasks.is_empty()).then(|| Report {
        schema: SCHEMA,
        taken: SystemTime::now(),
        pid: process::id(),
        findings: writer.findings,
        tasks,
        sets: Vec::new(),
        alarms: Vec::new(),
        channels: look.channels.len(),
        // Nobody has looked for it.
        sentinel: true,
        allowed: writer.allowed,
        suspicions: Suspicions::default(),
    })
}

/// A report, and whether the world that was asked about is closed.
pub(crate) struct Surveyed {
    pub(crate) report: Report,
    pub(crate) is_closed: bool,
}

/// Makes a report that also says what is known of a world if that is closed.
pub(crate) fn survey_in(about: &About<'_>, world: Option<World<'_>>) -> Surveyed {
    let now = Instant::now();
    let guarded_by = sentinel::plant();
    let calm = world.as_ref().and_then(World::calm);
    let look = Look::around();
    let mut judgement = evidence::judge(&look);
    let is_closed = calm.is_some_and(|calm| calm.judge(&look, guarded_by, &mut judgement));
    let alarms = reconcile(&look, &mut judgement);
    let Judgement {
        verdicts: proofs,
        sets,
    } = judgement;
    let (mut all, sentinel) = judge_all(&look, proofs, guarded_by, about, now);
    all.retain(|judged| about.is_about(&look, judged));
    take_stacks(&look, &mut all, about);
    let mut writer = Writer::new(about, look.channels.len());
    let mut tasks = Vec::with_capacity(all.len());
    // The numbers of those in sets.
    let mut ids = Map::default();
    sort(&look, &mut all);
    for judged in all {
        let place = judged.place;
        let (mut task, verdict) = writer.task(&look, judged, now);
        task.id = tasks.len() as u64 + 1;
        if let Place::Parked(place) = place
            && !sets.is_empty()
        {
            ids.insert(place, task.id);
        }
        if let Some(verdict) = verdict {
            writer.findings.push(finding_of_task(&task, *verdict));
        }
        tasks.push(task);
    }
    writer.others(&look, sentinel, now);
    let mut findings = writer.findings;
    // Stable: among equals the longest parked stays first.
    findings.sort_by_key(|finding| finding.evidence);
    let report = Report {
        schema: SCHEMA,
        taken: SystemTime::now(),
        pid: process::id(),
        findings,
        tasks,
        sets: sets.iter().map(|set| set_of_tasks(set, &ids)).collect(),
        alarms,
        // The sentinel's is not counted.
        channels: look.channels.len().saturating_sub(1),
        sentinel,
        allowed: writer.allowed,
        suspicions: history()
            .as_ref()
            .map(|it| it.suspicions)
            .unwrap_or_default(),
    };
    Surveyed { report, is_closed }
}

/// The longest parked first; a report of the same state reads the same.
fn sort(look: &Look, all: &mut [Judged]) {
    all.sort_by(|one, other| {
        let (left, right) = (one.party(look).wait(), other.party(look).wait());
        let by_age = right.age.cmp(&left.age);
        // Many wait at one line.
        let by_site = || match std::ptr::eq(left.site, right.site) {
            true => Ordering::Equal,
            false => order(left.site).cmp(&order(right.site)),
        };
        let by_name = || one.name(look).cmp(&other.name(look));
        by_age.then_with(by_site).then_with(by_name)
    });
}

fn order(site: &Location<'static>) -> (&'static str, u32, u32) {
    (site.file(), site.line(), site.column())
}

impl Judged {
    /// The name by which equals are told apart.
    fn name<'l>(&'l self, look: &'l Look) -> Option<&'l str> {
        match (&self.record, &self.party(look).wait().who) {
            (Some(record), _) => Some(&*record.name),
            (None, Who::Thread(thread)) => thread.name(),
            _ => None,
        }
    }
}

fn set_of_tasks(set: &evidence::DeadSet, ids: &Map<usize, u64>) -> DeadSet {
    // A member may be left out because it is not what the report is about.
    let members = set.members.iter().filter_map(|place| ids.get(place));
    let mut members: Vec<u64> = members.copied().collect();
    members.sort_unstable();
    let root = ids.get(&set.root).copied();
    DeadSet { members, root }
}

/// Everybody with a verdict, if there is one; the sentinel is left out, and
/// whether it was found is said.
fn judge_all(
    look: &Look,
    proofs: Vec<Option<Box<Verdict>>>,
    guarded_by: ChannelId,
    about: &About<'_>,
    now: Instant,
) -> (Vec<Judged>, bool) {
    let options = options();
    let mut history = history();
    let history = history.get_or_insert_default();
    history.learn(look, options, now);
    let whereabouts = Whereabouts::default();
    let mut sentinel = false;
    let mut all = Vec::with_capacity(look.parties.len());
    for (place, (party, proof)) in look.parties.iter().zip(proofs).enumerate() {
        let key = history::key(look, party);
        if key.0 == Some(guarded_by) {
            sentinel = proof.is_some();
            continue;
        }
        if proof.is_some() {
            history.prove(key);
        }
        let record = registry().task(party.wait().task);
        let daemon = record.as_ref().is_some_and(|record| record.daemon);
        let verdict = proof
            .or_else(|| suspect::blocked_handler(look, party).map(Box::new))
            .or_else(|| {
                if daemon {
                    return None;
                }
                let verdict = doubt(look, party, record.as_deref(), history, now);
                verdict.map(|verdict| verdict.with_holders(look, party, &whereabouts))
            });
        all.push(Judged {
            place: Place::Parked(place),
            stack: history.stack(key),
            verdict,
            record,
        });
    }
    for (place, party) in look.unpolled.iter().enumerate() {
        let holds_value = party.wait().state == WaitState::Done { holds_value: true };
        let alone = history.unpolled(look, party, now);
        let patience = match about {
            // Nobody is left who would poll it.
            About::Scope { ended: true, .. } if holds_value => Duration::ZERO,
            _ => options.limits_of(party.wait().site).not_polled_after,
        };
        if let Some(verdict) = suspect::not_polled(holds_value, alone, patience) {
            all.push(Judged {
                place: Place::Unpolled(place),
                record: registry().task(party.wait().task),
                verdict: Some(Box::new(verdict)),
                stack: None,
            });
        }
    }
    (all, sentinel)
}

/// What is said of a party that is not idle by design and of which nothing is
/// known for sure.
fn doubt(
    look: &Look,
    party: &Party,
    record: Option<&TaskRecord>,
    history: &mut History,
    now: Instant,
) -> Option<Verdict> {
    if let Some(verdict) = outlived(party, record) {
        return Some(verdict);
    }
    let options = options();
    let limits = options.limits_of(party.wait().site);
    let verdict = suspect::unusual(look, party, history, limits, now)?;
    if verdict.evidence == Evidence::Suspected {
        history.suspect(history::key(look, party));
    }
    Some(verdict)
}

impl Verdict {
    /// With the names of those who could help, if it is a suspicion.
    fn with_holders(mut self, look: &Look, party: &Party, known: &Whereabouts) -> Box<Verdict> {
        if self.evidence == Evidence::Suspected {
            self.reason += "; ";
            self.reason += &known.of(look, party);
        }
        Box::new(self)
    }
}

impl About<'_> {
    fn is_about(&self, look: &Look, judged: &Judged) -> bool {
        let About::Scope { scope, task, .. } = self else {
            return true;
        };
        let party = judged.party(look);
        let cases = party.cases.iter();
        let mut channels = cases.filter_map(|case| look.channel(case));
        *task == Some(party.wait().task)
            || judged.record.as_ref().is_some_and(|it| it.scope == *scope)
            || channels.any(|channel| channel.scope == *scope)
    }
}

/// Asks for the stacks that are not known, of those with findings first, and
/// waits for them.
fn take_stacks(look: &Look, all: &mut [Judged], about: &About<'_>) {
    let options = options();
    if matches!(about, About::Scope { stacks: false, .. }) {
        return;
    }
    let mut order: Vec<usize> = (0..all.len())
        .filter(|&place| {
            let judged = &all[place];
            let wait = judged.party(look).wait();
            let can = match wait.who {
                Who::Thread(_) => true,
                Who::Future => options.task_stacks,
                _ => false,
            };
            can && judged.stack.is_none() && wait.state == WaitState::Queued
        })
        .collect();
    {
        let mut history = history();
        let history = history.get_or_insert_default();
        let key = |place: usize| history::key(look, all[place].party(look));
        // A thread that was late may answer the next time. A task that was is
        // not polled, and to wake it again would only look as if somebody had.
        let is_task = |place: usize| matches!(all[place].party(look).wait().who, Who::Future);
        order.retain(|&place| !is_task(place) || !history.was_asked(key(place)));
        order.sort_by_key(|&place| all[place].verdict.is_none());
        order.truncate(options.max_stacks);
        order.iter().for_each(|&place| history.ask(key(place)));
    }
    // Those of one channel are asked together.
    let case = |place: usize| {
        let case = &all[place].party(look).cases[0];
        (case.channel, case.wait.id)
    };
    order.sort_by_key(|&place| case(place));
    let tickets = registry().expect_stacks(order.len());
    let asked: Vec<(usize, u64)> = order.iter().copied().zip(tickets).collect();
    for group in asked.chunk_by(|one, other| case(one.0).0 == case(other.0).0) {
        let of_channel = case(group[0].0).0.map(|place| &look.channels[place].0);
        let wanted = group.iter().map(|&(place, ticket)| (case(place).1, ticket));
        ask(of_channel, &wanted.collect::<Vec<_>>());
    }
    registry().await_stacks(Instant::now() + options.stack_patience);
    let mut history = history();
    let history = history.get_or_insert_default();
    for (place, ticket) in asked {
        if let Some(stack) = registry().take_stack(ticket) {
            let key = history::key(look, all[place].party(look));
            history.keep_stack(key, stack.clone());
            all[place].stack = Some(stack);
        }
    }
}

/// Asks waits of one channel, or of nil. Who has moved on is not waited for.
fn ask(channel: Option<&Channel>, wanted: &[(WaitId, u64)]) {
    let asked = match channel {
        Some(channel) => channel.request_stacks(wanted),
        None => observe::request_nil_stacks(wanted),
    };
    if asked.len() == wanted.len() {
        return;
    }
    for (_, ticket) in wanted {
        if !asked.contains(ticket) {
            registry().expect_no_more(*ticket);
        }
    }
}

/// Writes down what was found, less what is allowed.
struct Writer<'a> {
    about: &'a About<'a>,
    findings: Vec<Finding>,
    allowed: usize,
    /// Channels that were described, by their place in the look: many may wait
    /// on one.
    channels: Vec<Option<Arc<ChannelInfo>>>,
    stacks: Named,
}

impl<'a> Writer<'a> {
    fn new(about: &'a About<'a>, channels: usize) -> Self {
        Writer {
            about,
            findings: Vec::new(),
            allowed: 0,
            channels: vec![None; channels],
            stacks: Named::default(),
        }
    }

    fn all_allowed(&self) -> impl Iterator<Item = &'a Allow> + use<'a> {
        let of_scope = match self.about {
            About::Scope { allowed, .. } => *allowed,
            About::Everything => &[],
        };
        options().allowed.iter().chain(of_scope)
    }

    fn task(
        &mut self,
        look: &Look,
        judged: Judged,
        now: Instant,
    ) -> (ParkedTask, Option<Box<Verdict>>) {
        let party = judged.party(look);
        let Judged {
            mut verdict,
            record,
            stack,
            ..
        } = judged;
        let mut task = self.parked_task(look, party, record.as_deref(), now);
        task.stack = stack
            .map(|stack| self.stacks.name(&stack))
            .unwrap_or_default();
        let is_sure = verdict
            .as_ref()
            .is_some_and(|it| it.evidence < Evidence::BlockingInPoll);
        if !is_sure && let Some(blocks) = suspect::blocking_in_poll(party, &task.stack) {
            verdict = Some(Box::new(blocks));
        }
        if let About::Scope { ended: true, .. } = self.about
            && verdict
                .as_ref()
                .is_none_or(|it| it.evidence > Evidence::Outlived)
        {
            let reason = "the test it belongs to has ended, and it is still parked";
            let outlived = Verdict::new(Evidence::Outlived, reason.to_owned());
            verdict = Some(Box::new(outlived));
        }
        if verdict.is_some() && self.all_allowed().any(|allow| allow.allows(&task)) {
            verdict = None;
            self.allowed += 1;
        }
        if let Some(verdict) = &verdict {
            task.evidence = Some(verdict.evidence);
            task.waits_for.clone_from(&verdict.waits_for);
            task.set = verdict.set;
        }
        (task, verdict)
    }

    /// What is not about a task.
    fn others(&mut self, look: &Look, sentinel: bool, now: Instant) {
        if !sentinel {
            self.findings.push(finding(
                Fingerprint::new(Evidence::Blind),
                Evidence::Blind,
                "the built-in leak was not found by this look: do not believe what it says"
                    .to_owned(),
                Subject::Watcher,
            ));
        }
        match self.about {
            About::Everything => {
                for event in events::events() {
                    let finding = finding_of_event(&event, &mut self.stacks, now);
                    self.add(finding);
                }
            }
            About::Scope {
                scope, ended: true, ..
            } => {
                for (_, channel) in &look.channels {
                    // What time sends is there to be left alone.
                    if channel.scope == *scope && channel.len > 0 && !channel.is_timer {
                        let finding = undelivered(channel, &mut self.stacks, now);
                        self.add(Some(finding));
                    }
                }
            }
            About::Scope { .. } => {}
        }
    }

    fn add(&mut self, finding: Option<Finding>) {
        let Some(finding) = finding else { return };
        let (site, channel) = match &finding.subject {
            Subject::Event(event) => (event.site.as_ref(), event.channel.as_ref()),
            Subject::Channel(channel) => (Some(&channel.birth), Some(&**channel)),
            _ => (None, None),
        };
        let name = channel.and_then(|channel| channel.name.as_deref());
        if self
            .all_allowed()
            .any(|allow| allow.allows_event(site, name))
        {
            self.allowed += 1;
        } else {
            self.findings.push(finding);
        }
    }
}

/// Still parked a grace after its context ended.
fn outlived(party: &Party, record: Option<&TaskRecord>) -> Option<Verdict> {
    let context = record?.context.as_ref()?.upgrade()?;
    let cancellation = context.cancellation()?;
    let ago = cancellation.at.elapsed();
    let grace = options().limits_of(party.wait().site).grace;
    if ago < grace || party.wait().has_deadline {
        return None;
    }
    let reason = format!(
        "its context ended {:.1} s ago ({}) and it is still parked; it may be slow",
        ago.as_secs_f64(),
        cancellation.cause
    );
    Some(Verdict::new(Evidence::Outlived, reason))
}
