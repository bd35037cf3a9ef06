//! One look at every channel: who is parked, on what.
//!
//! Each channel is read at one instant, but not all at the same one. What
//! must hold at one instant for several of them is looked at twice:
//! [`Look::unmoved`] says whether a party still waits in the very same waits.
//! A wait that is there in two looks was there all the time between.

use std::collections::{HashMap, HashSet};

use chan_core::observe::{self, Channel, ChannelSnapshot, PartyId, Wait, WaitId, WaitState, Who};

/// The channels alive and the parties parked on them.
pub(crate) struct Look {
    pub(crate) channels: Vec<(Channel, ChannelSnapshot)>,
    pub(crate) parties: Vec<Party>,
    /// Futures whose wait is over, and that have not been polled since.
    pub(crate) unpolled: Vec<Party>,
}

/// A thread or a future that is parked.
pub(crate) struct Party {
    /// One of its waits, for what they have in common.
    pub(crate) wait: Wait,
    /// Its cases, by number. Fewer than `wait.cases` if it moved while it was
    /// looked at.
    pub(crate) cases: Vec<Case>,
}

/// One case of a party.
pub(crate) struct Case {
    pub(crate) wait: Wait,
    /// The channel's place in [`Look::channels`]; none for nil.
    pub(crate) channel: Option<usize>,
}

impl Look {
    /// Looks at everything.
    pub(crate) fn around() -> Look {
        let channels: Vec<_> = observe::channels()
            .into_iter()
            .map(|channel| {
                let snapshot = channel.snapshot();
                (channel, snapshot)
            })
            .collect();
        let mut looked = Look {
            channels,
            parties: Vec::new(),
            unpolled: Vec::new(),
        };
        looked.gather();
        looked
    }

    /// Finds the parties behind the waits.
    fn gather(&mut self) {
        let mut selects: HashMap<PartyId, Vec<Case>> = HashMap::new();
        let (parties, unpolled) = (&mut self.parties, &mut self.unpolled);
        let mut add = |wait: Wait, channel| {
            if !is_parked(&wait) {
                if wait.state != WaitState::Queued {
                    unpolled.push(Party::new(vec![Case { wait, channel }]));
                }
            } else if wait.cases > 1 {
                let cases = selects.entry(wait.party).or_default();
                cases.push(Case { wait, channel });
            } else {
                parties.push(Party::new(vec![Case { wait, channel }]));
            }
        };
        for (place, (_, snapshot)) in self.channels.iter().enumerate() {
            for wait in &snapshot.waits {
                add(wait.clone(), Some(place));
            }
        }
        for wait in observe::nil_waits() {
            add(wait, None);
        }
        parties.extend(selects.into_values().map(Party::new));
        // A select that is over is seen at each of its channels.
        let holds_value = |party: &Party| party.wait.state == WaitState::Done { holds_value: true };
        unpolled.sort_by_key(|party| (party.wait.party, !holds_value(party)));
        unpolled.dedup_by_key(|party| party.wait.party);
    }

    /// The snapshot of a case's channel; none for nil.
    pub(crate) fn channel(&self, case: &Case) -> Option<&ChannelSnapshot> {
        case.channel.map(|place| &self.channels[place].1)
    }

    /// Looks again at the channels of some parties.
    pub(crate) fn again<'p>(&self, parties: impl Iterator<Item = &'p Party>) -> Again {
        let mut looked = HashSet::new();
        let mut waits = HashMap::new();
        for place in parties.flat_map(|party| party.cases.iter().map(|case| case.channel)) {
            if !looked.insert(place) {
                continue;
            }
            let now = match place {
                Some(place) => self.channels[place].0.snapshot().waits,
                None => observe::nil_waits(),
            };
            let parked = now.into_iter().filter(is_parked);
            waits.extend(parked.map(|wait| ((place, wait.id), wait.party)));
        }
        Again { waits }
    }

    /// Whether a party waits in the same waits as before.
    pub(crate) fn unmoved(&self, party: &Party, again: &Again) -> bool {
        party.cases.iter().all(|case| {
            let now = again.waits.get(&(case.channel, case.wait.id));
            now == Some(&case.wait.party)
        })
    }
}

/// The waits of some channels at a second look: by the place of the channel
/// in [`Look::channels`].
pub(crate) struct Again {
    waits: HashMap<(Option<usize>, WaitId), PartyId>,
}

impl Party {
    fn new(mut cases: Vec<Case>) -> Party {
        cases.sort_by_key(|case| case.wait.case);
        Party {
            wait: cases[0].wait.clone(),
            cases,
        }
    }

    /// All its cases were seen.
    pub(crate) fn is_whole(&self) -> bool {
        // A select without cases is listed as one wait.
        self.cases.len() == self.wait.cases.max(1)
    }
}

/// A thread that still looks around may be gone in a microsecond, and a
/// future whose wait is over does not wait.
fn is_parked(wait: &Wait) -> bool {
    wait.state == WaitState::Queued && !matches!(wait.who, Who::LookingThread)
}
