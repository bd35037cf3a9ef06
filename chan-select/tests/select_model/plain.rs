//! The plain model: queues of values and of waiting selects, written from the
//! rules and not from the code.

use std::collections::{BTreeMap, VecDeque};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Recv,
    Send,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) index: usize,
    pub(crate) chan: usize,
    pub(crate) way: Way,
    /// What it sends.
    pub(crate) value: u32,
}

/// Which case won, with what; no value and `false` say that it was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fired {
    Received(usize, Option<u32>),
    Sent(usize, bool),
}

/// How a waiting select ended: by some case of this channel, this way.
#[derive(Clone, Copy, Debug)]
struct Ending {
    chan: usize,
    /// Nothing, if the channel was closed: any of its cases may say so.
    moved: Option<(Way, u32)>,
    /// When a value was handed over, among all that were.
    ticket: u64,
}

#[derive(Default)]
struct Channel {
    capacity: Option<usize>,
    closed: bool,
    values: VecDeque<u32>,
    /// Values that came back, by the order of their hand-off.
    returned: BTreeMap<u64, u32>,
    /// Selects that wait here, in the order in which they came.
    receivers: VecDeque<usize>,
    senders: VecDeque<(usize, u32)>,
}

pub(crate) struct Plain {
    chans: Vec<Channel>,
    /// Selects that have not come back, with their cases.
    waiting: BTreeMap<usize, Vec<Case>>,
    ended: BTreeMap<usize, Ending>,
    tickets: u64,
}

impl Plain {
    pub(crate) fn new(capacities: &[Option<usize>]) -> Self {
        let chan = |capacity: &Option<usize>| Channel {
            capacity: *capacity,
            ..Channel::default()
        };
        Plain {
            chans: capacities.iter().map(chan).collect(),
            waiting: BTreeMap::new(),
            ended: BTreeMap::new(),
            tickets: 0,
        }
    }

    pub(crate) fn len(&self, chan: usize) -> usize {
        self.chans[chan].values.len() + self.chans[chan].returned.len()
    }

    /// A waiting select has its ending, and waits nowhere any more.
    fn end(&mut self, name: usize, chan: usize, moved: Option<(Way, u32)>, ticket: Option<u64>) {
        for chan in &mut self.chans {
            chan.receivers.retain(|&other| other != name);
            chan.senders.retain(|&(other, _)| other != name);
        }
        self.tickets += 1;
        let ticket = ticket.unwrap_or(self.tickets);
        let ending = Ending {
            chan,
            moved,
            ticket,
        };
        assert!(self.ended.insert(name, ending).is_none(), "exactly once");
    }

    pub(crate) fn try_send(&mut self, chan: usize, value: u32) -> bool {
        let here = &mut self.chans[chan];
        if here.closed {
            return false;
        }
        if let Some(&receiver) = here.receivers.front() {
            self.end(receiver, chan, Some((Way::Recv, value)), None);
            return true;
        }
        let room = here
            .capacity
            .is_none_or(|capacity| here.values.len() < capacity);
        if room {
            here.values.push_back(value);
        }
        room
    }

    pub(crate) fn try_recv(&mut self, chan: usize) -> Option<u32> {
        let here = &mut self.chans[chan];
        if let Some((_, value)) = here.returned.pop_first() {
            return Some(value);
        }
        let sender = here.senders.front().copied();
        let head = here.values.pop_front();
        if let Some((name, value)) = sender {
            self.end(name, chan, Some((Way::Send, value)), None);
            if head.is_none() {
                return Some(value);
            }
            self.chans[chan].values.push_back(value);
        }
        head
    }

    pub(crate) fn close(&mut self, chan: usize) -> bool {
        if std::mem::replace(&mut self.chans[chan].closed, true) {
            return false;
        }
        while let Some(&name) = self.chans[chan].receivers.front() {
            self.end(name, chan, None, None);
        }
        while let Some(&(name, _)) = self.chans[chan].senders.front() {
            self.end(name, chan, None, None);
        }
        true
    }

    fn is_ready(&self, case: &Case) -> bool {
        let here = &self.chans[case.chan];
        here.closed
            || match case.way {
                Way::Recv => self.len(case.chan) > 0 || !here.senders.is_empty(),
                Way::Send => {
                    let room = here.capacity.is_none_or(|most| here.values.len() < most);
                    room || !here.receivers.is_empty()
                }
            }
    }

    /// A look at these cases: `fired` is what won, or that nothing did.
    pub(crate) fn look(&mut self, cases: &[Case], fired: Option<Fired>) {
        let Some(fired) = fired else {
            let ready = cases.iter().find(|case| self.is_ready(case));
            assert!(
                ready.is_none(),
                "{ready:?} was ready, and nothing was chosen"
            );
            return;
        };
        let (Fired::Received(index, _) | Fired::Sent(index, _)) = fired;
        let case = cases
            .iter()
            .find(|case| case.index == index)
            .expect("a case of it");
        assert!(
            self.is_ready(case),
            "{case:?} was not ready, and was chosen"
        );
        let expected = match case.way {
            Way::Recv => Fired::Received(index, self.try_recv(case.chan)),
            Way::Send => Fired::Sent(index, self.try_send(case.chan, case.value)),
        };
        assert_eq!(fired, expected);
    }

    /// A select waits: nothing was ready.
    pub(crate) fn park(&mut self, name: usize, cases: Vec<Case>) {
        for case in &cases {
            let here = &mut self.chans[case.chan];
            match case.way {
                Way::Recv if !here.receivers.contains(&name) => here.receivers.push_back(name),
                Way::Send if !here.senders.contains(&(name, case.value)) => {
                    here.senders.push_back((name, case.value));
                }
                Way::Recv | Way::Send => {}
            }
        }
        self.waiting.insert(name, cases);
    }

    pub(crate) fn still_waits(&self, name: usize) {
        assert!(!self.ended.contains_key(&name), "{:?}", self.ended[&name]);
    }

    /// A select that waited says what it got.
    pub(crate) fn came_back(&mut self, name: usize, fired: Fired) {
        let cases = self.waiting.remove(&name).expect("it waited");
        let ending = self
            .ended
            .remove(&name)
            .expect("nothing has happened to it");
        let (Fired::Received(index, _) | Fired::Sent(index, _)) = fired;
        let case = cases
            .iter()
            .find(|case| case.index == index)
            .expect("a case of it");
        assert_eq!(case.chan, ending.chan);
        match (case.way, ending.moved) {
            (Way::Recv, None) => assert_eq!(fired, Fired::Received(index, None)),
            (Way::Send, None) => assert_eq!(fired, Fired::Sent(index, false)),
            (way, Some((moved, value))) => {
                assert_eq!(way, moved);
                assert_eq!(
                    fired,
                    match way {
                        Way::Recv => Fired::Received(index, Some(value)),
                        Way::Send => Fired::Sent(index, true),
                    }
                );
            }
        }
    }

    /// A select is dropped: what it had received goes on.
    pub(crate) fn dropped(&mut self, name: usize) {
        self.waiting.remove(&name);
        for chan in &mut self.chans {
            chan.receivers.retain(|&other| other != name);
            chan.senders.retain(|&(other, _)| other != name);
        }
        let Some(ending) = self.ended.remove(&name) else {
            return;
        };
        if let Some((Way::Recv, value)) = ending.moved {
            let here = &mut self.chans[ending.chan];
            if let Some(&next) = here.receivers.front() {
                self.end(
                    next,
                    ending.chan,
                    Some((Way::Recv, value)),
                    Some(ending.ticket),
                );
            } else {
                here.returned.insert(ending.ticket, value);
            }
        }
    }
}
