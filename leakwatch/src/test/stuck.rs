//! Whether the body of a test is stuck: looked for from outside, ever so often.

use std::time::{Duration, Instant};

use chan_core::observe::{ChannelId, ScopeId, TaskId, WaitId};

use crate::evidence::{self, Verdict};
use crate::report::{Evidence, Report};
use crate::snapshot::{Look, Party};
use crate::test::Config;
use crate::test::world::deadlock;

/// How often the body is looked at.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What there was to see of a body at the last look.
pub(super) struct Watch {
    scope: ScopeId,
    task: TaskId,
    picture: Picture,
    since: Instant,
}

/// Where the body waits, and what has moved on the channels of its scope.
#[derive(Default, PartialEq, Eq)]
struct Picture {
    waits: Vec<(Option<ChannelId>, WaitId)>,
    channels: usize,
    moved: u64,
}

/// A body that is stuck.
pub(super) struct Stuck {
    pub(super) why: String,
    /// The look that has shown it, if there is no better one to be had.
    pub(super) report: Option<Report>,
}

impl Watch {
    pub(super) fn new(scope: ScopeId, task: TaskId) -> Watch {
        Watch {
            scope,
            task,
            picture: Picture::default(),
            since: Instant::now(),
        }
    }

    /// Looks: why it is stuck, if it is.
    pub(super) fn is_stuck(&mut self, config: &Config) -> Option<Stuck> {
        if config.closed_world
            && let Some(report) = deadlock(self.scope, Some(self.task), &config.allowed)
        {
            let why = "everybody in its closed world sleeps (Proven::ClosedWorld)".to_owned();
            let report = Some(report);
            return Some(Stuck { why, report });
        }
        let why = self.waits_in_vain(config.stuck_after)?;
        Some(Stuck { why, report: None })
    }

    /// The same by what the body itself waits for.
    fn waits_in_vain(&mut self, patience: Duration) -> Option<String> {
        let look = Look::around();
        let body: Vec<&Party> = look
            .parties
            .iter()
            .filter(|party| party.wait().task == self.task)
            .collect();
        let picture = self.picture(&look, &body);
        if picture != self.picture {
            (self.picture, self.since) = (picture, Instant::now());
        }
        if body.is_empty() || body.iter().any(|party| has_a_way_out(&look, party)) {
            self.since = Instant::now();
            return None;
        }
        // A task may drop an operation that cannot complete, a thread cannot.
        let verdicts = evidence::judge(&look).verdicts;
        let proven = look
            .parties
            .iter()
            .zip(verdicts)
            .find_map(|(party, verdict)| {
                let is_body = party.wait().task == self.task;
                let proven = |it: &Verdict| matches!(it.evidence, Evidence::Proven(_));
                verdict.filter(|verdict| is_body && proven(verdict))
            });
        if let Some(verdict) = proven {
            return Some(format!("{} ({})", verdict.reason, verdict.evidence));
        }
        let waits = self.since.elapsed();
        (waits >= patience).then(|| {
            format!(
                "it waits in one place, and for {:.1} s nothing has moved on any of its channels",
                waits.as_secs_f64()
            )
        })
    }

    fn picture(&self, look: &Look, body: &[&Party]) -> Picture {
        let cases = body.iter().flat_map(|party| &party.cases);
        let waits = cases.map(|case| (look.channel(case).map(|it| it.id), case.wait.id));
        let mut waits: Vec<_> = waits.collect();
        waits.sort();
        let of_scope = |channel: &&_| {
            let (_, channel): &(_, chan_core::observe::ChannelSnapshot) = channel;
            channel.scope == self.scope
        };
        let channels = look.channels.iter().filter(of_scope);
        Picture {
            waits,
            channels: channels.clone().count(),
            moved: channels.map(|(_, it)| it.sent + it.received).sum(),
        }
    }
}

/// It gives up by itself, or time will come to its help.
fn has_a_way_out(look: &Look, party: &Party) -> bool {
    let cases = party.cases.iter();
    let mut channels = cases.filter_map(|case| look.channel(case));
    party.wait().has_deadline || channels.any(|channel| channel.is_timer)
}
