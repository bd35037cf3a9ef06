//! Dead parties that have to do with each other, and where it began.

use std::sync::Arc;

use crate::evidence::graph::{Graph, Lever, leading_to, levers_of, step};
use crate::evidence::standing::{HolderId, Standing};
use crate::evidence::{DeadSet, Judgement, RestsOn, Verdict, verdict};
use crate::hash::{Map, Set};
use crate::life::Life;
use crate::report::{Evidence, Proven};
use crate::snapshot::Look;

/// Which dead parties and holders hang together: a forest, each pointing to
/// another of its set or to itself.
pub(super) struct Sets {
    parent: Vec<usize>,
    /// The places of parties come first, then those of holders.
    parties: usize,
}

impl Sets {
    /// Joins each dead party with its owner, and with those who have what could
    /// free it. Through one place for each lever and each container, so in linear
    /// time.
    pub(super) fn of(look: &Look, standing: &Standing, graph: &Graph) -> Sets {
        let parties = look.parties.len();
        let mut sets = Sets {
            parent: (0..parties + standing.holders.len()).collect(),
            parties,
        };
        let (mut seen, mut containers) = (Map::default(), Set::default());
        let mut levers = Vec::new();
        for (place, party) in look.parties.iter().enumerate() {
            if !graph.dead[place] {
                continue;
            }
            if let Some(owner) = standing.owner_of[place] {
                sets.join(place, parties + owner);
            }
            levers.clear();
            for case in &party.cases {
                levers_of(look, standing, graph, case, &mut levers);
            }
            for &(lever, _) in &levers {
                let first = *seen.entry(lever).or_insert(place);
                if first != place {
                    sets.join(first, place);
                    continue;
                }
                sets.join_holders(place, lever, standing, graph, &mut containers);
            }
        }
        sets
    }

    /// Joins a place with all who have handles of a lever, through containers or
    /// not.
    fn join_holders(
        &mut self,
        place: usize,
        lever: Lever,
        standing: &Standing,
        graph: &Graph,
        containers: &mut Set<usize>,
    ) {
        let mut list = vec![lever];
        while let Some(lever) = list.pop() {
            for &holder in graph.holders_of(lever) {
                step();
                self.join(place, self.parties + holder);
                // Whoever meets the container again is joined with these
                // through it.
                if let HolderId::Container(thing) = standing.holders[holder].who
                    && containers.insert(holder)
                {
                    list.extend(leading_to(thing));
                }
            }
        }
    }

    fn root(&mut self, mut place: usize) -> usize {
        while self.parent[place] != place {
            step();
            // Halves the way for the next.
            self.parent[place] = self.parent[self.parent[place]];
            place = self.parent[place];
        }
        place
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parent[one] = other;
    }

    /// The tasks of each set, whether they wait or merely rest.
    fn tasks(&mut self, standing: &Standing) -> Map<usize, Vec<Arc<Life>>> {
        let mut tasks: Map<usize, Vec<Arc<Life>>> = Map::default();
        for holder in 0..standing.first_container {
            if let Some(life) = standing.life(holder) {
                let root = self.root(self.parties + holder);
                tasks.entry(root).or_default().push(Arc::clone(life));
            }
        }
        tasks
    }

    /// The verdicts, and the sets of those that wait for each other.
    pub(super) fn judgement(
        mut self,
        look: &Look,
        standing: &Standing,
        graph: &Graph,
    ) -> Judgement {
        let said = |place: usize| Box::new(verdict(look, standing, graph, place));
        let mut verdicts: Vec<Option<Box<Verdict>>> = (0..self.parties)
            .map(|place| graph.dead[place].then(|| said(place)))
            .collect();
        let dead = (0..self.parties).filter(|&place| graph.dead[place]);
        let mut members: Vec<(usize, usize)> =
            dead.map(|place| (self.root(place), place)).collect();
        members.sort_unstable();
        let mut tasks = self.tasks(standing);
        let mut sets = Vec::new();
        for members in members.chunk_by(|one, other| one.0 == other.0) {
            let tasks = tasks.remove(&members[0].0);
            let members = members.iter().map(|&(_, place)| place);
            if let Some(rests_on) = tasks.map(RestsOn::from) {
                for place in members.clone() {
                    if let Some(verdict) = &mut verdicts[place] {
                        verdict.rests_on = Some(Arc::clone(&rests_on));
                    }
                }
            }
            let in_set = |place: &usize| verdicts[*place].as_deref().is_some_and(waits_for_others);
            if !members.clone().any(|place| in_set(&place)) {
                continue;
            }
            let age = |place: &usize| look.parties[*place].wait().age;
            // One for whom nobody else can do anything; in a circle, the one
            // who closed it.
            let orphans = members.clone().filter(|place| !in_set(place));
            let root = orphans.max_by_key(age).or(members.clone().min_by_key(age));
            let root = root.expect("a set has members");
            for place in members.clone() {
                if let Some(verdict) = &mut verdicts[place] {
                    verdict.set = Some(sets.len());
                }
            }
            let members = members.collect();
            sets.push(DeadSet { members, root });
        }
        Judgement { verdicts, sets }
    }
}

fn waits_for_others(verdict: &Verdict) -> bool {
    let dead_set = Proven::DeadSet;
    verdict.evidence == Evidence::Proven(dead_set)
        || verdict.evidence == Evidence::DeadWait(dead_set)
}
