//! The verdicts: who can never be woken, and why.
//!
//! # The argument
//!
//! A set of parked parties is dead if every handle that could enable a case of
//! one of them is with one of them, or with a task of which nobody has a
//! waker. Take the first event that would free one of them. It is an operation
//! through such a handle, by code that runs; but those who have these handles
//! do not run, and have not since. New handles are made from such handles by
//! those who have them. So there is no first event. [`graph`] finds the
//! greatest dead set: everybody is dead until found alive.
//!
//! # What it rests on
//!
//! E1  *Conservation.* Of each channel and capability, the live handles that
//!     are not entered for somebody dead ([`crate::ledger`], L1) are alive, and
//!     so is everything that could turn into one: weak handles, permits,
//!     values handed to futures that have not been polled, deadlines, timers
//!     (which have a handle of their own while they are set). What is not
//!     known counts as alive: a missed proof, never a wrong one.
//! E2  *One instant.* Parties are looked at, then handles are counted, then
//!     the parties are looked at again. One that waits in the same waits both
//!     times was parked when the counting was done, so its entries were what
//!     they are (L2), and it has not used them between. What lies in a struct
//!     that is shared, or in messages, is looked at before the counting and
//!     after it, and is alive if it was touched. So at the moment of the
//!     second look nothing alive had a way to any of the dead.
//! E3  *Stability.* From then on nothing changes, by the argument. So a proof
//!     is kept whatever later looks can see, and a party that goes on in spite
//!     of it is an alarm ([`crate::proofs`]).
//! E4  *Tasks* may be dropped at any time, with the future they are in, and
//!     that may run any code. A proof that rests on tasks means "unless one of
//!     them is dropped", and is given up when one is. On a channel
//!     with Rust's manners the drop of a handle may close it, so what tasks
//!     have of such channels is alive.
//!
//! `Orphaned` is said where nobody else has a handle that could help, `DeadSet`
//! where others of the set do. Of a future that is not the whole of what its
//! task waits for, `DeadWait`: the operation is dead, the task may go on.

pub(crate) mod graph;
mod sets;
mod standing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chan_core::observe::{ChannelSnapshot, Direction, Who};

use crate::life::Life;
use crate::report::{Evidence, Proven};
use crate::snapshot::{Case, Look, Party};

use graph::{Graph, levers_of, work_out};
use sets::Sets;
use standing::Standing;
pub(crate) use standing::name_of;

/// A verdict with its reason.
pub(crate) struct Verdict {
    pub(crate) evidence: Evidence,
    pub(crate) reason: String,
    /// Of a dead set: which of [`Judgement::sets`].
    pub(crate) set: Option<usize>,
    /// Who has what could wake it, by name; a few of them.
    pub(crate) waits_for: Vec<String>,
    /// The tasks that it rests on: true unless one of them is dropped.
    pub(crate) rests_on: Option<RestsOn>,
}

/// Tasks that a proof rests on; those of one set share it.
pub(crate) type RestsOn = Arc<[Arc<Life>]>;

impl Verdict {
    /// One that says nothing of others.
    pub(crate) fn new(evidence: Evidence, reason: String) -> Verdict {
        Verdict {
            evidence,
            reason,
            set: None,
            waits_for: Vec::new(),
            rests_on: None,
        }
    }
}

/// All verdicts.
#[derive(Default)]
pub(crate) struct Judgement {
    /// By the place of the party in the look.
    pub(crate) verdicts: Vec<Option<Box<Verdict>>>,
    pub(crate) sets: Vec<DeadSet>,
}

/// Parties that only each other could wake.
pub(crate) struct DeadSet {
    /// By their places in the look.
    pub(crate) members: Vec<usize>,
    /// Where it most likely began.
    pub(crate) root: usize,
}

/// How many holders a reason names.
const NAMED: usize = 4;

/// Judges everybody; the second and third look are part of it.
pub(crate) fn judge(look: &Look) -> Judgement {
    judge_while(look, |_| ())
}

/// When others may do something, in a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Between {
    ReadAndCounted,
    CountedAndRead,
}

/// The same; `meanwhile` runs between the looks at what lies where and the
/// counting between them.
fn judge_while(look: &Look, mut meanwhile: impl FnMut(Between)) -> Judgement {
    let mut standing = Standing::read(look);
    meanwhile(Between::ReadAndCounted);
    let nobody = vec![false; look.parties.len()];
    let first = work_out(look, &standing, &nobody);
    let suspects = || {
        look.parties
            .iter()
            .zip(&first.dead)
            .filter(|(_, dead)| **dead)
    };
    let mut concerned = vec![false; look.channels.len()];
    let cases = suspects().flat_map(|(party, _)| &party.cases);
    for place in cases.filter_map(|case| case.channel) {
        concerned[place] = true;
    }
    let channels = (0..concerned.len()).filter(|&place| concerned[place]);
    standing.count_again(look, channels);
    meanwhile(Between::CountedAndRead);
    standing.look_into_containers_again();
    let again = look.again(suspects().map(|(party, _)| party));
    standing.look_at_tasks_again();
    let excused: Vec<bool> = look
        .parties
        .iter()
        .zip(&first.dead)
        .map(|(party, dead)| !dead || !look.unmoved(party, &again))
        .collect();
    let graph = work_out(look, &standing, &excused);
    Sets::of(look, &standing, &graph).judgement(look, &standing, &graph)
}

/// A verdict on a dead party, without its set.
fn verdict(look: &Look, standing: &Standing, graph: &Graph, place: usize) -> Verdict {
    let party = &look.parties[place];
    let own = standing.owner_of[place];
    let (mut others, mut levers) = (Vec::new(), Vec::new());
    for case in &party.cases {
        levers_of(look, standing, graph, case, &mut levers);
    }
    for (lever, _) in levers {
        graph.owners_of(lever, standing, NAMED + 1, &mut others);
    }
    others.retain(|other| Some(*other) != own);
    let nil = party.cases.iter().all(|case| case.channel.is_none());
    let proven = match (nil, others.is_empty()) {
        (true, _) => Proven::Never,
        (false, true) => Proven::Orphaned,
        (false, false) => Proven::DeadSet,
    };
    let whole = own.is_some_and(|own| !graph.alive[own]);
    let evidence = match (&party.wait().who, whole) {
        (Who::Future, false) => Evidence::DeadWait(proven),
        _ => Evidence::Proven(proven),
    };
    let waits_for: Vec<String> = others
        .iter()
        .map(|&other| standing.name(look, other))
        .collect();
    Verdict {
        evidence,
        reason: reason(look, standing, party, evidence, &waits_for),
        set: None,
        waits_for,
        rests_on: None,
    }
}

fn reason(
    look: &Look,
    standing: &Standing,
    party: &Party,
    evidence: Evidence,
    others: &[String],
) -> String {
    let what = match (evidence, &party.wait().who) {
        (Evidence::DeadWait(_), _) => "this operation can never complete (its task may drop it)",
        (_, Who::Future) => "this task can never be woken",
        _ => "this thread can never be woken",
    };
    let proven = match evidence {
        Evidence::Proven(proven) | Evidence::DeadWait(proven) => proven,
        _ => unreachable!("these two are what is judged here"),
    };
    let channels = || {
        let counted = party
            .cases
            .iter()
            .filter_map(|case| counts(look, standing, case));
        let mut all: Vec<String> = counted.collect();
        all.dedup();
        all.join("; ")
    };
    let why = match proven {
        Proven::Never if party.wait().cases == 0 => "its select has no cases".to_owned(),
        Proven::Never if party.cases.len() == 1 => "its channel is nil".to_owned(),
        Proven::Never => "all channels of its select are nil".to_owned(),
        Proven::Orphaned => channels(),
        Proven::DeadSet => {
            let some = others.iter().take(NAMED).map(|name| format!("\"{name}\""));
            let mut some = some.collect::<Vec<_>>().join(", ");
            if others.len() > NAMED {
                some += " and others";
            }
            let stuck = if others.len() == 1 {
                "is stuck itself"
            } else {
                "are all stuck"
            };
            format!("{}, only with {some}, who {stuck}", channels())
        }
        Proven::ClosedWorld => unreachable!("that is said elsewhere"),
    };
    format!("{what}: {why}")
}

/// What a case's channel has of what could help it.
fn counts(look: &Look, standing: &Standing, case: &Case) -> Option<String> {
    let channel: &ChannelSnapshot = look.channel(case)?;
    let name = match &channel.name {
        Some(name) => format!("\"{name}\""),
        None => format!("of {}", channel.birth),
    };
    let place = case.channel?;
    if let Some(Some(cancellers)) = standing.cancellers.get(&place) {
        let all: usize = cancellers.handles.iter().map(|(_, count)| count).sum();
        return Some(format!("channel {name} is open with {all} cancel handles"));
    }
    let handles = standing.counts[place].handles;
    let enabling = match case.wait.direction {
        Direction::Recv => format!("{} senders, {} closers", handles.send, handles.close),
        Direction::Send => format!("{} receivers, {} closers", handles.recv, handles.close),
        Direction::Close => format!("{} closers", handles.close),
    };
    Some(format!("channel {name} is open with {enabling}"))
}
