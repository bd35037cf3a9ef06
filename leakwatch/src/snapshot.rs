//! One look at every channel: who is parked, on what.
//!
//! Each channel is read at one instant, but not all at the same one. What
//! must hold at one instant for several of them is looked at twice:
//! [`Look::unmoved`] says whether a party still waits in the very same waits.
//! A wait that is there in two looks was there all the time between.

use std::ops::Deref;

use chan_core::observe::{
    self, Channel, ChannelSnapshot, Counts, PartyId, Wait, WaitId, WaitState, Who,
};

use crate::hash::{Map, Set};

/// The channels alive and the parties parked on them.
pub(crate) struct Look {
    /// It is of all channels, and not of one alone.
    pub(crate) is_around: bool,
    /// The waits are not there any more, but with their parties.
    pub(crate) channels: Vec<(Channel, ChannelSnapshot)>,
    /// The counts of each channel.
    pub(crate) counts: Vec<Counts>,
    pub(crate) parties: Vec<Party>,
    /// Futures whose wait is over, and that have not been polled since.
    pub(crate) unpolled: Vec<Party>,
}

/// A thread or a future that is parked.
pub(crate) struct Party {
    /// Its cases, by number; one at least. Fewer than it has if it moved while
    /// it was looked at.
    pub(crate) cases: Cases,
}

/// The cases of a party. Most have one, which needs no memory of its own.
pub(crate) enum Cases {
    One([Case; 1]),
    Several(Vec<Case>),
}

impl Deref for Cases {
    type Target = [Case];

    fn deref(&self) -> &[Case] {
        match self {
            Cases::One(case) => case,
            Cases::Several(cases) => cases,
        }
    }
}

impl<'c> IntoIterator for &'c Cases {
    type Item = &'c Case;
    type IntoIter = std::slice::Iter<'c, Case>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
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
        let mut looked = Look::at(observe::channels());
        looked.is_around = true;
        looked
    }

    /// Looks at one channel. Of selects that wait elsewhere too it sees a part.
    pub(crate) fn at_one(channel: Channel) -> Look {
        Look::at(vec![channel])
    }

    fn at(channels: Vec<Channel>) -> Look {
        let mut looked = Look {
            is_around: false,
            channels: Vec::with_capacity(channels.len()),
            counts: Vec::with_capacity(channels.len()),
            parties: Vec::new(),
            unpolled: Vec::new(),
        };
        let mut selects = Map::default();
        for (place, channel) in channels.into_iter().enumerate() {
            let mut snapshot = channel.snapshot();
            looked.counts.push(snapshot.counts());
            let waits = std::mem::take(&mut snapshot.waits);
            looked.add(waits, Some(place), &mut selects);
            looked.channels.push((channel, snapshot));
        }
        looked.add(observe::nil_waits(), None, &mut selects);
        let selects = selects.into_values().map(Party::of_several);
        looked.parties.extend(selects);
        // A select that is over is seen at each of its channels.
        let holds_value =
            |party: &Party| party.wait().state == WaitState::Done { holds_value: true };
        let unpolled = &mut looked.unpolled;
        unpolled.sort_by_key(|party| (party.wait().party, !holds_value(party)));
        unpolled.dedup_by_key(|party| party.wait().party);
        looked
    }

    /// Finds the parties behind the waits of a channel; of selects, a part.
    fn add(
        &mut self,
        waits: Vec<Wait>,
        channel: Option<usize>,
        selects: &mut Map<PartyId, Vec<Case>>,
    ) {
        self.parties.reserve(waits.len());
        for wait in waits {
            if !is_parked(&wait) {
                if is_left_alone(&wait) {
                    self.unpolled.push(Party::of_one(Case { wait, channel }));
                }
            } else if wait.cases > 1 {
                let cases = selects.entry(wait.party).or_default();
                cases.push(Case { wait, channel });
            } else {
                self.parties.push(Party::of_one(Case { wait, channel }));
            }
        }
    }

    /// The snapshot of a case's channel; none for nil.
    pub(crate) fn channel(&self, case: &Case) -> Option<&ChannelSnapshot> {
        case.channel.map(|place| &self.channels[place].1)
    }

    /// Looks again at the channels of some parties.
    pub(crate) fn again<'p>(&self, parties: impl Iterator<Item = &'p Party>) -> Again {
        let mut looked = Set::default();
        let mut waits = Map::default();
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
    waits: Map<(Option<usize>, WaitId), PartyId>,
}

impl Party {
    fn of_one(case: Case) -> Party {
        Party {
            cases: Cases::One([case]),
        }
    }

    fn of_several(mut cases: Vec<Case>) -> Party {
        cases.sort_by_key(|case| case.wait.case);
        Party {
            cases: Cases::Several(cases),
        }
    }

    /// One of its waits, for what they have in common.
    pub(crate) fn wait(&self) -> &Wait {
        &self.cases[0].wait
    }

    /// All its cases were seen.
    pub(crate) fn is_whole(&self) -> bool {
        // A select without cases is listed as one wait.
        self.cases.len() == self.wait().cases.max(1)
    }
}

/// A thread that still looks around may be gone in a microsecond, and a
/// future whose wait is over does not wait.
fn is_parked(wait: &Wait) -> bool {
    wait.state == WaitState::Queued && !matches!(wait.who, Who::LookingThread)
}

/// A future whose wait is over goes on when somebody polls it. A thread goes
/// on by itself: on a machine that is busy it may be late, and nobody has
/// forgotten it.
fn is_left_alone(wait: &Wait) -> bool {
    wait.state != WaitState::Queued && matches!(wait.who, Who::Future)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use chan_core::Chan;
    use chan_core::observe::Holder;

    use super::*;

    fn look_at(wait: Wait) -> Look {
        let mut look = Look::at(Vec::new());
        look.add(vec![wait], None, &mut Map::default());
        look
    }

    #[test]
    fn a_thread_that_was_woken_and_is_late_is_nobody_left_alone() {
        let chan = Chan::<u8>::new(0);
        let id = Holder::holding(&chan).unwrap().channel;
        let waiter = thread::spawn({
            let chan = chan.clone();
            move || chan.recv()
        });
        let seen = loop {
            let waits = observe::channel(id).unwrap().snapshot().waits;
            if let Some(wait) = waits.into_iter().find(is_parked) {
                break wait;
            }
            thread::yield_now();
        };
        assert_eq!(look_at(seen.clone()).parties.len(), 1);
        let mut served = seen;
        served.state = WaitState::Done { holds_value: true };
        let late = look_at(served.clone());
        assert_eq!((late.parties.len(), late.unpolled.len()), (0, 0));
        served.who = Who::Future;
        let alone = look_at(served);
        assert_eq!((alone.parties.len(), alone.unpolled.len()), (0, 1));
        chan.send(1);
        assert_eq!(waiter.join().unwrap(), Some(1));
    }
}
