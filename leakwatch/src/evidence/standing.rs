//! What there is besides waits: who has which handles, how many there are, and
//! which tasks rest.
//!
//! Read after a look at the waits. A party that is seen parked before and
//! after was parked all the time between, so what its owner has entered was
//! read as it was, and has not been used.
//!
//! What lies in a [`Container`] is read before the handles are counted, and
//! looked at again after it: if neither that nor the handles of a struct have
//! changed, nobody has put in, taken out or cloned anything of it while the
//! counting went on.

use std::sync::Arc;

use chan_core::observe::{self, Cancellers, Counts, TaskId, Who};

use crate::hash::Map;
use crate::ledger::{Clones, Node, Owner, Tally, Thing, Version, ledger};
use crate::life::{Life, Resting};
use crate::registry::{registry, thread_name};
use crate::snapshot::{Look, Party};

/// See the head of this file.
pub(crate) struct Standing {
    /// Those who hold something, or are parked: the owners first, then the
    /// containers, from `first_container` on.
    pub(crate) holders: Vec<Holder>,
    pub(crate) first_container: usize,
    /// The owner of each party of the look; none of an untracked future.
    pub(crate) owner_of: Vec<Option<usize>>,
    /// The party of each owner, or one of several.
    party_of: Map<usize, usize>,
    /// The counts of each channel of the look, as they were read last.
    pub(crate) counts: Vec<Counts>,
    /// Who could cancel, by the place of the `done` channel in the look.
    pub(crate) cancellers: Map<usize, Option<Cancellers>>,
}

/// Somebody, or something, that has handles.
pub(crate) struct Holder {
    pub(crate) who: HolderId,
    pub(crate) entries: Vec<(Thing, Tally)>,
    /// It runs no code, as far as the look goes. Of a container: nothing.
    pub(crate) sleeps: bool,
    /// Of a task.
    life: Option<(Arc<Life>, Option<Resting>)>,
    container: Option<Container>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HolderId {
    Owner(Owner),
    /// What is reached with handles of this thing: what a struct keeps, what
    /// is enclosed for a channel.
    Container(Thing),
}

/// Where handles lie that are in nobody's hands.
struct Container {
    kind: Kind,
    /// Of its entries, when they were read.
    version: Version,
    /// The handles that lead to it; nothing if they cannot be counted, or if
    /// it has changed.
    ways: Option<Tally>,
}

enum Kind {
    Node(Arc<Node>, Clones),
    /// The channel's place in the look.
    Carrier(Option<usize>),
}

impl Holder {
    /// Of a container: the handles that lead to it, if that is known.
    pub(crate) fn ways(&self) -> Option<Tally> {
        self.container.as_ref()?.ways
    }
}

/// The handles of a channel that leads to what is enclosed for it.
fn ways_by(counts: &Counts) -> Option<Tally> {
    (counts.weak_handles == 0).then(|| Tally::of(counts.handles))
}

/// Whose the party is, if that is known.
fn owner_of(party: &Party, lives: &Map<usize, Owner>) -> Option<Owner> {
    match &party.wait().who {
        // Whatever task it runs, it is the thread that is parked.
        Who::Thread(thread) => Some(Owner::Thread(thread.id())),
        // By its waker: a sub-executor's future is somebody else's.
        Who::Future => lives.get(&party.wait().waker_data).copied(),
        _ => None,
    }
}

impl Standing {
    pub(crate) fn read(look: &Look) -> Standing {
        let mut holders = Vec::new();
        let mut places = Map::default();
        let mut by_waker = Map::default();
        let mut lives: Map<Owner, Arc<Life>> = Map::default();
        for (id, life) in lives_of(look) {
            by_waker.insert(life.waker_data(), Owner::Task(id));
            lives.insert(Owner::Task(id), life);
        }
        let mut place_of = |owner: Owner, holders: &mut Vec<Holder>| {
            *places.entry(owner).or_insert_with(|| {
                let life = lives
                    .get(&owner)
                    .map(|life| (Arc::clone(life), life.resting()));
                holders.push(Holder {
                    who: HolderId::Owner(owner),
                    entries: Vec::new(),
                    sleeps: false,
                    life,
                    container: None,
                });
                holders.len() - 1
            })
        };
        let mut owner_of_party = Vec::with_capacity(look.parties.len());
        let mut known_wakers: Map<usize, usize> = Map::default();
        for party in &look.parties {
            let place = owner_of(party, &by_waker).map(|owner| place_of(owner, &mut holders));
            owner_of_party.push(place);
            if let Some(place) = place {
                *known_wakers.entry(place).or_default() += 1;
                let is_thread = matches!(party.wait().who, Who::Thread(_));
                holders[place].sleeps |= is_thread;
            }
        }
        let accounts = match look.is_around {
            true => ledger().accounts(),
            false => Vec::new(),
        };
        for account in accounts {
            let place = place_of(account.owner(), &mut holders);
            holders[place].entries = account.read();
        }
        for (place, holder) in holders.iter_mut().enumerate() {
            if let Some((life, Some(_))) = &holder.life {
                let known = known_wakers.get(&place).copied().unwrap_or(0);
                holder.sleeps = life.wakers() == known;
            }
        }
        let first_container = holders.len();
        if look.is_around {
            holders.extend(containers(look));
        }
        let party_of = owner_of_party.iter().enumerate();
        let party_of = party_of.filter_map(|(party, owner)| Some(((*owner)?, party)));
        let party_of = party_of.collect();
        let waited_for = |place: &usize| look.channels[*place].1.is_context;
        let contexts = look.parties.iter().flat_map(|party| &party.cases);
        let contexts = contexts.filter_map(|case| case.channel).filter(waited_for);
        let cancellers = contexts
            .map(|place| (place, observe::cancellers(look.channels[place].1.id)))
            .collect();
        Standing {
            holders,
            first_container,
            owner_of: owner_of_party,
            party_of,
            counts: look.counts.clone(),
            cancellers,
        }
    }

    /// Counts again: what there is of the channels at these places, and what
    /// could come to be used meanwhile. In this order, so that what is found
    /// gone is gone after all parties were seen.
    pub(crate) fn count_again(&mut self, look: &Look, places: impl Iterator<Item = usize>) {
        let carriers = self.holders[self.first_container..].iter();
        let carriers = carriers.filter_map(|holder| match holder.container.as_ref()?.kind {
            Kind::Carrier(place) => place,
            Kind::Node(..) => None,
        });
        let carriers: Vec<usize> = carriers.collect();
        for place in places.chain(carriers) {
            self.counts[place] = look.channels[place].0.counts();
            if let Some(cancellers) = self.cancellers.get_mut(&place) {
                *cancellers = observe::cancellers(look.channels[place].1.id);
            }
        }
        let mut known_wakers: Map<usize, usize> = Map::default();
        for place in self.owner_of.iter().flatten() {
            *known_wakers.entry(*place).or_default() += 1;
        }
        for (place, holder) in self.holders.iter_mut().enumerate() {
            if let Some((life, _)) = &holder.life {
                let known = known_wakers.get(&place).copied().unwrap_or(0);
                holder.sleeps &= life.wakers() == known;
            }
        }
    }

    /// Those that were touched are alive. After the counting: see the head of
    /// this file.
    pub(crate) fn look_into_containers_again(&mut self) {
        for holder in &mut self.holders[self.first_container..] {
            let (HolderId::Container(thing), Some(container)) = (holder.who, &mut holder.container)
            else {
                continue;
            };
            container.ways = match &container.kind {
                Kind::Node(node, clones) => {
                    let same = node.clones() == *clones && node.version() == container.version;
                    container.ways.filter(|_| same)
                }
                Kind::Carrier(place) => {
                    let same = ledger().version_of(thing) == Some(container.version);
                    let place = place.filter(|_| same);
                    place.and_then(|place| ways_by(&self.counts[place]))
                }
            };
        }
    }

    /// Those tasks that have not rested all the time sleep no more.
    pub(crate) fn look_at_tasks_again(&mut self) {
        for holder in &mut self.holders {
            if let Some((life, rested)) = &holder.life {
                holder.sleeps &= rested.is_some() && life.resting() == *rested;
            }
        }
    }

    /// The life of a holder that is a task.
    pub(crate) fn life(&self, holder: usize) -> Option<&Arc<Life>> {
        let life = self.holders[holder].life.as_ref();
        life.map(|(life, _)| life)
    }

    /// What a holder is called.
    pub(crate) fn name(&self, look: &Look, holder: usize) -> String {
        match self.holders[holder].who {
            HolderId::Owner(Owner::Task(id)) => match registry().task(id) {
                Some(record) => record.name.to_string(),
                None => "a task that has ended".to_owned(),
            },
            HolderId::Owner(Owner::Thread(_)) => match self.party_of.get(&holder) {
                Some(&party) => name_of(&look.parties[party]),
                None => "a thread".to_owned(),
            },
            HolderId::Container(Thing::Node(_)) => "a shared struct".to_owned(),
            HolderId::Container(_) => "a message".to_owned(),
        }
    }
}

/// The tasks that are tracked futures; of a look at one channel, those that
/// wait there. (Whoever has handles and is not looked at counts as alive.)
fn lives_of(look: &Look) -> Vec<(TaskId, Arc<Life>)> {
    if look.is_around {
        return registry().lives();
    }
    let tasks = look.parties.iter().map(|party| party.wait().task);
    let lives = tasks.filter_map(|id| Some((id, registry().task(id)?.life.clone()?)));
    lives.collect()
}

/// The structs that are shared, and the channels whose messages carry handles.
fn containers(look: &Look) -> Vec<Holder> {
    let holder = |thing, entries, container| Holder {
        who: HolderId::Container(thing),
        entries,
        sleeps: true,
        life: None,
        container: Some(container),
    };
    let nodes = ledger().nodes().into_iter().map(|node| {
        let (clones, listed) = (node.clones(), node.read());
        let ways = Tally {
            whole: clones.alive(),
            ..Tally::default()
        };
        let container = Container {
            version: listed.version,
            ways: Some(ways),
            kind: Kind::Node(Arc::clone(&node), clones),
        };
        holder(Thing::Node(node.id), listed.entries, container)
    });
    let mut all: Vec<Holder> = nodes.collect();
    let carriers = ledger().carriers();
    if carriers.is_empty() {
        return all;
    }
    let places = look.channels.iter().zip(0..);
    let places: Map<Thing, usize> = places
        .map(|((_, seen), place)| (Thing::Channel(seen.id), place))
        .collect();
    all.extend(carriers.into_iter().map(|(thing, listed)| {
        let place = places.get(&thing).copied();
        let container = Container {
            version: listed.version,
            ways: place.and_then(|place| ways_by(&look.counts[place])),
            kind: Kind::Carrier(place),
        };
        holder(thing, listed.entries, container)
    }));
    all
}

/// What a parked party is called.
pub(crate) fn name_of(party: &Party) -> String {
    match (registry().task(party.wait().task), &party.wait().who) {
        (Some(record), _) => record.name.to_string(),
        (None, Who::Thread(thread)) => thread_name(thread),
        (None, _) => "future".to_owned(),
    }
}
