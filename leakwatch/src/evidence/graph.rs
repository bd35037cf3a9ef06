//! Who could still be woken: a work list from all that lives.
//!
//! Everybody is dead until found alive. Alive are those who do not sleep, and
//! what nobody has accounted for. Whoever is alive can use what it has; a
//! party one of whose cases that enables is alive, and with it its owner and
//! what that has. What is left cannot be woken by anybody but itself.
//!
//! Each holder and each party is taken from the list once, and each entry and
//! each case looked at a fixed number of times: linear, whatever the shape.

use chan_core::observe::{Direction, Manners};

use crate::evidence::standing::{HolderId, Standing};
use crate::hash::{Map, Set};
use crate::ledger::{Owner, Tally, Thing};
use crate::snapshot::{Case, Look};

/// One way in which somebody can act on a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Power {
    Send,
    Recv,
    Close,
    /// To cancel a context, or to reach what a node keeps.
    Whole,
}

const POWERS: [Power; 4] = [Power::Send, Power::Recv, Power::Close, Power::Whole];

/// A thing and a way to act on it.
pub(crate) type Lever = (Thing, Power);

/// One step of the work, which tests count.
#[inline(always)]
pub(crate) fn step() {
    #[cfg(test)]
    STEPS.set(STEPS.get() + 1);
}

#[cfg(test)]
thread_local! {
    pub(crate) static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

fn has(tally: &Tally, power: Power) -> usize {
    match power {
        Power::Send => tally.send,
        Power::Recv => tally.recv,
        Power::Close => tally.close,
        Power::Whole => tally.whole,
    }
}

/// What the graph says.
pub(crate) struct Graph {
    /// Parties, by their place in the look, that nothing can wake.
    pub(crate) dead: Vec<bool>,
    /// Holders that can still use what they have.
    pub(crate) alive: Vec<bool>,
    /// Who has what.
    having: Map<Lever, Having>,
    /// Where each container is among the holders.
    containers: Map<Thing, usize>,
}

/// Who has handles of one lever.
#[derive(Default)]
struct Having {
    holders: Vec<usize>,
    /// How many handles they have.
    count: usize,
    /// Some are with tasks.
    task: bool,
}

/// Works it out. `excused` parties are not asked: they live.
pub(crate) fn work_out(look: &Look, standing: &Standing, excused: &[bool]) -> Graph {
    let containers = standing.holders[standing.first_container..].iter();
    let containers = containers.zip(standing.first_container..);
    let containers = containers.filter_map(|(holder, place)| match holder.who {
        HolderId::Container(thing) => Some((thing, place)),
        HolderId::Owner(_) => None,
    });
    let mut work = Work {
        standing,
        graph: Graph {
            dead: vec![true; look.parties.len()],
            alive: vec![false; standing.holders.len()],
            having: having(standing),
            containers: containers.collect(),
        },
        waiting: Map::default(),
        pulled: Set::default(),
        list: Vec::new(),
        levers: Vec::new(),
    };
    for (place, party) in look.parties.iter().enumerate() {
        let excused = excused[place] || party.wait().has_deadline || !party.is_whole();
        if excused || !work.list_cases(look, place) {
            work.revive(place);
        }
    }
    for place in 0..standing.holders.len() {
        let holder = &standing.holders[place];
        let awake = match holder.who {
            HolderId::Owner(_) => !holder.sleeps,
            // Some of the handles that lead to it are nobody's.
            HolderId::Container(thing) => holder.ways().is_none_or(|ways| {
                let loose =
                    |&power: &Power| has(&ways, power) > work.graph.accounted((thing, power));
                POWERS.iter().any(loose)
            }),
        };
        if awake {
            work.raise(place);
        }
    }
    work.run();
    work.graph
}

fn having(standing: &Standing) -> Map<Lever, Having> {
    let mut having: Map<Lever, Having> = Map::default();
    for (place, holder) in standing.holders.iter().enumerate() {
        for (thing, tally) in &holder.entries {
            for power in POWERS {
                step();
                let count = has(tally, power);
                if count > 0 {
                    let having = having.entry((*thing, power)).or_default();
                    having.holders.push(place);
                    having.count += count;
                    having.task |= matches!(holder.who, HolderId::Owner(Owner::Task(_)));
                }
            }
        }
    }
    having
}

impl Graph {
    /// How many handles of a lever are entered somewhere.
    fn accounted(&self, lever: Lever) -> usize {
        self.having.get(&lever).map_or(0, |having| having.count)
    }

    /// Some of its handles are with tasks, or where tasks may drop them.
    fn tasks_have(&self, lever: Lever, standing: &Standing) -> bool {
        let Some(having) = self.having.get(&lever) else {
            return false;
        };
        let contained = |&place: &usize| place >= standing.first_container;
        having.task || having.holders.iter().any(contained)
    }

    /// Who has handles of a lever: owners and containers.
    pub(crate) fn holders_of(&self, lever: Lever) -> &[usize] {
        self.having
            .get(&lever)
            .map_or(&[], |having| &having.holders)
    }

    /// Adds a few of the owners who have handles of a lever, through containers
    /// or not, until there are `limit`.
    pub(crate) fn owners_of(
        &self,
        lever: Lever,
        standing: &Standing,
        limit: usize,
        owners: &mut Vec<usize>,
    ) {
        let mut list = vec![lever];
        // What lies in a channel may lead to that channel.
        let mut entered = Set::default();
        while let Some(lever) = list.pop() {
            for &place in self.holders_of(lever) {
                step();
                match standing.holders[place].who {
                    HolderId::Container(thing) if entered.insert(place) => {
                        list.extend(leading_to(thing));
                    }
                    HolderId::Container(_) => {}
                    HolderId::Owner(_) if owners.len() >= limit => return,
                    HolderId::Owner(_) if owners.contains(&place) => {}
                    HolderId::Owner(_) => owners.push(place),
                }
            }
        }
    }
}

struct Work<'s> {
    standing: &'s Standing,
    graph: Graph,
    /// The parties that a lever would free.
    waiting: Map<Lever, Vec<usize>>,
    /// Levers that somebody alive has.
    pulled: Set<Lever>,
    /// Holders that were found alive, not gone through yet.
    list: Vec<usize>,
    /// Room for those of one party.
    levers: Vec<(Lever, usize)>,
}

impl Work<'_> {
    /// Enters what would free a party; false if something does already.
    fn list_cases(&mut self, look: &Look, place: usize) -> bool {
        let mut levers = std::mem::take(&mut self.levers);
        levers.clear();
        let mut cases = look.parties[place].cases.iter();
        let counted =
            cases.all(|case| levers_of(look, self.standing, &self.graph, case, &mut levers));
        let listed = counted && self.list_levers(&levers, place);
        self.levers = levers;
        listed
    }

    fn list_levers(&mut self, levers: &[(Lever, usize)], place: usize) -> bool {
        for &(lever, count) in levers {
            step();
            if self.pulled.contains(&lever) {
                return false;
            }
            if count > self.graph.accounted(lever) {
                // Also for those whose count was read a moment before.
                self.pull(lever);
                return false;
            }
            self.waiting.entry(lever).or_default().push(place);
        }
        true
    }

    fn revive(&mut self, party: usize) {
        if std::mem::replace(&mut self.graph.dead[party], false)
            && let Some(owner) = self.standing.owner_of[party]
        {
            self.raise(owner);
        }
    }

    fn raise(&mut self, holder: usize) {
        if !std::mem::replace(&mut self.graph.alive[holder], true) {
            self.list.push(holder);
        }
    }

    fn run(&mut self) {
        while let Some(place) = self.list.pop() {
            for (thing, tally) in &self.standing.holders[place].entries {
                for power in POWERS {
                    step();
                    if has(tally, power) > 0 {
                        self.pull((*thing, power));
                    }
                }
                // Who has a handle that leads to a container can reach what
                // lies in it.
                if let Some(&container) = self.graph.containers.get(thing) {
                    self.raise(container);
                }
            }
        }
    }

    fn pull(&mut self, lever: Lever) {
        if self.pulled.insert(lever) {
            for party in self.waiting.remove(&lever).unwrap_or_default() {
                step();
                self.revive(party);
            }
        }
    }
}

/// What leads to a container.
pub(crate) fn leading_to(container: Thing) -> impl Iterator<Item = Lever> {
    let powers = match container {
        Thing::Node(_) => &[Power::Whole][..],
        // Whoever has any handle of a channel may open what is enclosed for it.
        Thing::Channel(_) | Thing::Context(_) => &[Power::Send, Power::Recv, Power::Close],
    };
    powers.iter().map(move |&power| (container, power))
}

/// Adds what could free a case, with how many handles of each there are; false
/// if it is free already, or could be freed in ways that are not counted.
pub(crate) fn levers_of(
    look: &Look,
    standing: &Standing,
    graph: &Graph,
    case: &Case,
    levers: &mut Vec<(Lever, usize)>,
) -> bool {
    let Some(place) = case.channel else {
        // Nothing is done on nil.
        return true;
    };
    let (seen, counts) = (&look.channels[place].1, &standing.counts[place]);
    if counts.closed {
        return false;
    }
    if seen.is_context {
        let Some(Some(cancellers)) = standing.cancellers.get(&place) else {
            return false;
        };
        let each = cancellers.handles.iter();
        levers.extend(each.map(|&(done, count)| ((Thing::Context(done), Power::Whole), count)));
        return !cancellers.has_deadline;
    }
    let channel = Thing::Channel(seen.id);
    let handles = counts.handles;
    let close = (Power::Close, handles.close);
    let mut ways = match case.wait.direction {
        // A value that was handed to a future comes back if that is dropped.
        Direction::Recv if counts.undelivered > 0 => return false,
        // A permit that is dropped gives its room to one who waits to send.
        Direction::Send if counts.permits > 0 => return false,
        Direction::Recv => [Some((Power::Send, handles.send)), Some(close), None],
        Direction::Send => [Some((Power::Recv, handles.recv)), Some(close), None],
        Direction::Close => [None, Some(close), None],
    };
    if seen.manners == Manners::Rust {
        // Here the drop of a side closes, so none may have gone just now, and
        // each handle of it is a way to close.
        let sides = match case.wait.direction {
            Direction::Recv => &[Power::Send][..],
            Direction::Send => &[Power::Recv],
            Direction::Close => &[Power::Send, Power::Recv],
        };
        if sides.iter().any(|side| count_of(handles, *side) == 0) {
            return false;
        }
        if case.wait.direction == Direction::Close {
            ways[0] = Some((Power::Send, handles.send));
            ways[2] = Some((Power::Recv, handles.recv));
        }
        // What a task has may be dropped with it.
        let with_tasks =
            |&(power, _): &(Power, usize)| graph.tasks_have((channel, power), standing);
        if ways.iter().flatten().any(with_tasks) {
            return false;
        }
    }
    let ways = ways.into_iter().flatten();
    let mut ways = ways.filter(|&(_, count)| count > 0).peekable();
    // A weak handle can become any that there still is.
    if counts.weak_handles > 0 && ways.peek().is_some() {
        return false;
    }
    levers.extend(ways.map(|(power, count)| ((channel, power), count)));
    true
}

fn count_of(handles: chan_core::observe::Handles, power: Power) -> usize {
    match power {
        Power::Send => handles.send,
        Power::Recv => handles.recv,
        Power::Close | Power::Whole => handles.close,
    }
}
