//! What was proven once: kept, and held against what happens.
//!
//! A proof is for ever, so a later look that cannot see it again (a count was
//! changing just then) does not take it back. And a wait that was proven to
//! have no end and has one is an alarm: either this crate is wrong, or unsafe
//! code has moved a handle behind its back. What is done by the drop of a task
//! is no such thing: the proofs that rest on a task end with it.

use std::borrow::Cow;
use std::sync::OnceLock;

use chan_core::observe::{self, Channel, ChannelId, PartyId, WaitId, WaitState};
use parking_lot::Mutex;

use crate::evidence::{Judgement, RestsOn, Verdict, name_of};
use crate::hash::Map;
use crate::report::{Alarm, Evidence, Site};
use crate::snapshot::{Look, Party};

/// A wait that was proven: one of those its party has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Wait {
    channel: Option<ChannelId>,
    wait: WaitId,
    party: PartyId,
}

struct Proof {
    /// The number of the last look that saw the wait.
    look: u64,
    alarm: Alarm,
    waits_for: Vec<String>,
    rests_on: Option<RestsOn>,
    /// None for nil.
    channel: Option<Channel>,
}

#[derive(Default)]
struct Proofs {
    /// The number of the last look.
    look: u64,
    standing: Map<Wait, Proof>,
    alarms: Vec<Alarm>,
}

/// More would tell nothing new.
const MAX_ALARMS: usize = 64;

fn proofs() -> &'static Mutex<Proofs> {
    static PROOFS: OnceLock<Mutex<Proofs>> = OnceLock::new();
    PROOFS.get_or_init(Mutex::default)
}

fn wait_of(look: &Look, party: &Party) -> Wait {
    let case = &party.cases[0];
    Wait {
        channel: look.channel(case).map(|channel| channel.id),
        wait: case.wait.id,
        party: case.wait.party,
    }
}

/// Enters what is new in a judgement, adds to it what is standing, and looks
/// for proofs whose wait is over. All alarms so far.
pub(crate) fn reconcile(look: &Look, judgement: &mut Judgement) -> Vec<Alarm> {
    let mut proofs = proofs().lock();
    proofs.look += 1;
    let number = proofs.look;
    // A large set is gone through once, not for each of its members.
    let mut broken = Map::default();
    for (place, party) in look.parties.iter().enumerate() {
        let wait = wait_of(look, party);
        let verdict = &mut judgement.verdicts[place];
        let proven = |verdict: &Verdict| matches!(verdict.evidence, Evidence::Proven(_));
        if let Some(verdict) = verdict.as_deref().filter(|verdict| proven(verdict)) {
            let made = || {
                let channel = party.cases[0].channel;
                let channel = channel.map(|place| look.channels[place].0.clone());
                proof(party, verdict, channel)
            };
            let proof = proofs.standing.entry(wait).or_insert_with(made);
            // A task of the set may have been dropped, and this proven anew.
            proof.rests_on.clone_from(&verdict.rests_on);
            proof.look = number;
        } else if proofs.standing.is_empty() {
            // Mostly nothing is proven.
        } else if let Some(proof) = proofs.standing.get_mut(&wait) {
            let set = proof.rests_on.as_ref().map(|tasks| tasks.as_ptr());
            if *broken.entry(set).or_insert_with(|| proof.is_broken()) {
                proofs.standing.remove(&wait);
            } else {
                *verdict = Some(Box::new(proof.verdict()));
                proof.look = number;
            }
        }
    }
    // Another look may be newer than this one, so absence is made sure of.
    let over = proofs
        .standing
        .extract_if(|wait, proof| proof.look != number && proof.is_over(wait.wait));
    let wrong = over.filter(|(_, proof)| !proof.is_broken());
    let wrong: Vec<Alarm> = wrong.map(|(_, proof)| proof.alarm).collect();
    proofs.alarms.extend(wrong);
    proofs.alarms.truncate(MAX_ALARMS);
    proofs.alarms.clone()
}

impl Proof {
    fn verdict(&self) -> Verdict {
        Verdict {
            evidence: self.alarm.evidence,
            reason: self.alarm.reason.clone(),
            set: None,
            waits_for: self.waits_for.clone(),
            rests_on: self.rests_on.clone(),
        }
    }

    fn is_over(&self, wait: WaitId) -> bool {
        let now = match &self.channel {
            Some(channel) => channel.snapshot().waits,
            None => observe::nil_waits(),
        };
        let waits = |now: &observe::Wait| now.id == wait && now.state == WaitState::Queued;
        !now.iter().any(waits)
    }

    /// A task that it rests on was dropped.
    fn is_broken(&self) -> bool {
        let mut tasks = self.rests_on.iter().flat_map(|tasks| tasks.iter());
        tasks.any(|life| life.was_dropped())
    }
}

fn proof(party: &Party, verdict: &Verdict, channel: Option<Channel>) -> Proof {
    let site = party.wait().site;
    Proof {
        look: 0,
        alarm: Alarm {
            task: name_of(party),
            operation: party.wait().reason.to_string(),
            site: Site {
                file: Cow::Borrowed(site.file()),
                line: site.line(),
                column: site.column(),
            },
            evidence: verdict.evidence,
            reason: verdict.reason.clone(),
        },
        waits_for: verdict.waits_for.clone(),
        rests_on: verdict.rests_on.clone(),
        channel,
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use chan_core::Chan;

    use super::*;
    use crate::held::sealed::Handle;
    use crate::ledger::{Seat, of_this_thread};
    use crate::report::{Proven, Report};

    fn report_when(enough: impl Fn(&Report) -> bool) {
        let _ = crate::install();
        let end = Instant::now() + Duration::from_secs(20);
        while !enough(&crate::snapshot()) {
            assert!(Instant::now() < end, "it was never reported");
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_planted_miscount_raises_the_alarm() {
        let (tx, rx) = Chan::<u8>::new(0).split();
        let entry = tx.entry();
        let waiter = thread::Builder::new().name("miscounted".into());
        let waiter = waiter.spawn(move || {
            // A lie: this thread does not have the sender.
            let _seat = Seat::take(&of_this_thread(), entry);
            rx.recv()
        });
        let orphaned = Some(Evidence::Proven(Proven::Orphaned));
        report_when(|report| {
            let mut tasks = report.tasks.iter();
            tasks.any(|task| task.name == "miscounted" && task.evidence == orphaned)
        });
        tx.send(1);
        assert_eq!(waiter.unwrap().join().unwrap(), Some(1));
        report_when(|report| {
            let mut alarms = report.alarms.iter();
            alarms.any(|alarm| alarm.task == "miscounted" && Some(alarm.evidence) == orphaned)
        });
    }
}
