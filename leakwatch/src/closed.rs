//! Closed worlds: a process, or what belongs to a test, in which everybody
//! sleeps, so that nobody can come.
//!
//! # The argument
//!
//! There was an instant at which every thread of the process slept until
//! another wakes it ([`crate::kernel`], N3). Whatever could be done on a channel
//! is done by code, and code runs on a thread; so the first thing to happen
//! after that instant is done by the one that looks, which is leakwatch, or by
//! the kernel, of which nobody has asked to be woken. Who was parked then is
//! parked for ever, whoever has which handles, and whatever wakers there are.
//!
//! # What it rests on
//!
//! C1  *One instant.* The threads are looked at, then the waits, then the
//!     threads again; what is seen between is as it was at the instant.
//! C2  *Nothing is set.* A timer, a deadline, a nap, a socket has a thread that
//!     waits for it, and this thread does not sleep in the sense of N1. The
//!     thread of chan-core's timers sleeps so while none is set.
//! C3  *Outside.* Of a process there is no outside, and nothing to promise. Of a
//!     test there is: the thread of its harness, other tests, whoever asks.
//!     They are excused, and the user promises that they leave it alone
//!     ([`mod@crate::test`] says what that means). What can be seen of it is
//!     checked: who belongs to the test waits on its channels only, nobody else
//!     waits on them, of nobody it is unknown where he belongs to, and no handle
//!     that could free one of them was let out. Otherwise the world is open, and
//!     nothing follows.
//! C4  *Those who ask.* Where the one who asks is not leakwatch but a part of
//!     the program, it could wake what sleeps for other reasons. So there every
//!     thread of the world must be known and parked in an operation.
//! C5  *Tasks.* An outside can drop the tasks of a test, so a proof of a test
//!     rests on them as any other ([`crate::evidence`], E4), and of a future
//!     that belongs to none it says that the wait is dead, and no more.
//!
//! Other processes that write to memory they share wake no futex of these, and
//! a process that catches signals is awake ([`crate::kernel`], N5).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::thread::ThreadId;

use chan_core::observe::{ChannelId, ChannelSnapshot, Direction, ScopeId, TaskId, Who};
use parking_lot::Mutex;

use crate::evidence::{DeadSet, Judgement, RestsOn, Verdict};
use crate::kernel::{Asleep, Tid, first_thread};
use crate::ledger::{Entry, Tally, Thing};
use crate::places::{self, Known, Place};
use crate::registry::registry;
use crate::report::{Evidence, Proven};
use crate::snapshot::{Case, Look, Party};

/// What is taken for a world.
#[derive(Clone, Copy, Debug)]
pub(crate) enum World<'w> {
    /// The whole process. Who asks is leakwatch.
    Process,
    /// What belongs to a test. Who asks is leakwatch.
    Test(ScopeId),
    /// What belongs to a scope, of which a part of the program asks that stays
    /// outside; and the threads that were there before it.
    Scope(ScopeId, &'w BTreeSet<Tid>),
}

/// A world whose threads were asleep a moment ago.
pub(crate) struct Calm<'w> {
    world: World<'w>,
    asleep: Asleep,
    known: HashMap<Tid, Known>,
}

impl World<'_> {
    fn scope(&self) -> Option<ScopeId> {
        match *self {
            World::Process => None,
            World::Test(scope) | World::Scope(scope, _) => Some(scope),
        }
    }

    /// Whether everybody sleeps: the first half.
    pub(crate) fn calm(&self) -> Option<Calm<'_>> {
        let known = places::all();
        let mut excused = BTreeSet::new();
        if let Some(scope) = self.scope() {
            let here = Place::In(scope);
            let others = known.iter().filter(|(_, known)| known.place != here);
            excused.extend(others.map(|(tid, _)| *tid));
            let first = first_thread()?;
            if known.get(&first).is_none_or(|it| it.place != here) {
                excused.insert(first);
            }
        }
        let asleep = Asleep::look(&excused)?;
        Some(Calm {
            world: *self,
            asleep,
            known,
        })
    }
}

/// To whom a party belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Mine,
    Elsewhere,
    /// It could be a part of the world, and waits for somebody who is not.
    Open,
}

impl Calm<'_> {
    /// Adds to a judgement what follows if everybody sleeps still: the second
    /// half. Whether anything does. `left_out` is the built-in leak.
    pub(crate) fn judge(self, look: &Look, left_out: ChannelId, judgement: &mut Judgement) -> bool {
        if !self.asleep.still() {
            return false;
        }
        let mut members = Vec::new();
        for (place, party) in look.parties.iter().enumerate() {
            let channel = look.channel(&party.cases[0]);
            if channel.is_some_and(|channel| channel.id == left_out) {
                continue;
            }
            match self.side(look, party) {
                Side::Mine => members.push(place),
                Side::Elsewhere => {}
                Side::Open => return false,
            }
        }
        let is_closed = !members.is_empty() && self.all_are_parked(look, &members);
        if is_closed {
            self.say(look, &members, judgement);
        }
        is_closed
    }

    fn side(&self, look: &Look, party: &Party) -> Side {
        let Some(scope) = self.world.scope() else {
            return Side::Mine;
        };
        let of_task = registry()
            .task(party.wait().task)
            .map(|record| record.scope);
        let of_task = of_task.filter(|scope| *scope != ScopeId(0));
        let channels = || {
            let all = party.cases.iter();
            all.filter_map(|case| look.channel(case))
        };
        let all_here = channels().all(|channel| channel.scope == scope);
        let some_here = channels().any(|channel| channel.scope == scope);
        let all_elsewhere =
            channels().all(|channel| channel.scope != scope && channel.scope != ScopeId(0));
        match of_task {
            Some(other) if other != scope && some_here => Side::Open,
            Some(other) if other != scope => Side::Elsewhere,
            // Who waits on nil alone, and belongs to nobody, has no channels.
            None if all_elsewhere => Side::Elsewhere,
            // Neither can be, if everybody sleeps.
            _ if party.wait().has_deadline || !party.is_whole() => Side::Open,
            _ if !all_here => Side::Open,
            _ if party.cases.iter().any(|case| is_let_out(look, case)) => Side::Open,
            _ => Side::Mine,
        }
    }

    /// C4.
    fn all_are_parked(&self, look: &Look, members: &[usize]) -> bool {
        let World::Scope(scope, before) = self.world else {
            return true;
        };
        let threads: HashSet<ThreadId> = members
            .iter()
            .filter_map(|&place| match &look.parties[place].wait().who {
                Who::Thread(thread) => Some(thread.id()),
                _ => None,
            })
            .collect();
        self.asleep.sleepers().all(|tid| {
            let known = self.known.get(&tid);
            let is_parked = known.is_some_and(|known| threads.contains(&known.thread));
            let is_here = known.is_some_and(|known| known.place == Place::In(scope));
            is_parked || (!is_here && before.contains(&tid))
        })
    }

    fn say(&self, look: &Look, members: &[usize], judgement: &mut Judgement) {
        let lives = registry().lives_of(self.world.scope());
        let known: HashSet<TaskId> = lives.iter().map(|(task, _)| *task).collect();
        let rests_on: RestsOn = lives.into_iter().map(|(_, life)| life).collect();
        let reason = self.reason(members.len());
        let set = judgement.sets.len();
        let mut said = Vec::new();
        for &place in members {
            let party = &look.parties[place];
            let is_future = !matches!(party.wait().who, Who::Thread(_));
            let evidence = match self.world {
                World::Process => Evidence::Proven(Proven::ClosedWorld),
                _ if is_future && !known.contains(&party.wait().task) => {
                    Evidence::DeadWait(Proven::ClosedWorld)
                }
                _ => Evidence::Proven(Proven::ClosedWorld),
            };
            let verdict = &mut judgement.verdicts[place];
            if verdict.as_ref().is_some_and(|it| it.evidence <= evidence) {
                continue;
            }
            said.push(place);
            *verdict = Some(Box::new(Verdict {
                evidence,
                reason: format!("{}: {reason}", who(party, evidence)),
                set: Some(set),
                waits_for: Vec::new(),
                rests_on: Some(Arc::clone(&rests_on)),
            }));
        }
        // The last to park has closed the circle.
        let root = said.iter().copied();
        if let Some(root) = root.min_by_key(|&place| look.parties[place].wait().age) {
            let members = said;
            judgement.sets.push(DeadSet { members, root });
        }
    }

    fn reason(&self, parked: usize) -> String {
        let others = match parked {
            1 => "the only one that is parked on a channel".to_owned(),
            _ => format!("{parked} are parked on channels, this one among them"),
        };
        match self.world {
            World::Process => format!(
                "every thread of the process sleeps, and nothing is set to wake one; {others}"
            ),
            _ => format!(
                "every thread of its closed world sleeps, and nothing is set to wake one; {others}"
            ),
        }
    }
}

fn who(party: &Party, evidence: Evidence) -> &'static str {
    match (evidence, &party.wait().who) {
        (Evidence::DeadWait(_), _) => "this operation can never complete (its task may drop it)",
        (_, Who::Future) => "this task can never be woken",
        _ => "this thread can never be woken",
    }
}

// ---- Handles that were let out. ----

/// What somebody outside can do, by channel or context.
static LET_OUT: Mutex<Option<HashMap<Thing, Tally>>> = Mutex::new(None);

/// Says that a handle like this is, or may be, with somebody outside.
pub(crate) fn let_out(entry: Entry) {
    let mut out = LET_OUT.lock();
    let out = out.get_or_insert_default();
    out.entry(entry.thing).or_default().add(entry.tally);
}

/// Whether what was let out could free a case.
fn is_let_out(look: &Look, case: &Case) -> bool {
    let Some(place) = case.channel else {
        return false;
    };
    let channel: &ChannelSnapshot = &look.channels[place].1;
    let out = LET_OUT.lock();
    let Some(out) = out.as_ref().filter(|out| !out.is_empty()) else {
        return false;
    };
    if channel.is_context {
        let cancellers = chan_core::observe::cancellers(channel.id);
        // Of who could cancel it nothing is known.
        return cancellers.is_none_or(|cancellers| {
            let mut handles = cancellers.handles.iter();
            handles.any(|(done, _)| out.contains_key(&Thing::Context(*done)))
        });
    }
    let Some(tally) = out.get(&Thing::Channel(channel.id)) else {
        return false;
    };
    let enabling = match case.wait.direction {
        Direction::Recv => tally.send,
        Direction::Send => tally.recv,
        Direction::Close => 0,
    };
    enabling + tally.close > 0
}
