//! The model's handles: what they can do, and what goes with the last one.

use super::{Face, Id, Key, Plain, Rule};

/// What a handle can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Can {
    pub(crate) send: bool,
    pub(crate) recv: bool,
}

pub(super) struct Handle {
    can: Can,
    /// The driver and the futures that hold it.
    holders: usize,
}

impl Plain {
    pub(crate) fn add_handle(&mut self, key: Key, can: Can) {
        self.handles.insert(key, Handle { can, holders: 1 });
    }

    pub(super) fn hold(&mut self, key: Key) {
        self.handles.get_mut(&key).expect("it is alive").holders += 1;
    }

    /// One who held a handle does so no more.
    pub(crate) fn release(&mut self, key: Key) {
        let handle = self.handles.get_mut(&key).expect("it is alive");
        handle.holders -= 1;
        if handle.holders > 0 {
            return;
        }
        self.handles.remove(&key);
        if self.is_over() {
            let left = self.take_what_is_left();
            if left > 0 {
                self.came_to(Rule::DroppedWithTheLastHandle);
            }
        } else if self.face == Face::Rust {
            self.a_side_may_be_gone();
        }
    }

    fn a_side_may_be_gone(&mut self) {
        if self.receivers() == 0 {
            if !self.closed {
                self.came_to(Rule::ClosedByLastReceiver);
                self.end();
            }
            let left = self.take_what_is_left();
            self.discarded += left;
            if left > 0 {
                self.came_to(Rule::Discarded);
            }
        } else if self.senders() == 0 && !self.closed {
            self.came_to(Rule::ClosedByLastSender);
            self.end();
        }
    }

    fn take_what_is_left(&mut self) -> u64 {
        let ring = std::mem::take(&mut self.ring);
        let returned = std::mem::take(&mut self.returned);
        let left: Vec<Id> = ring.into_iter().chain(returned.into_values()).collect();
        for &id in &left {
            self.gone(id);
        }
        left.len() as u64
    }

    /// Whether a weak handle becomes one that can do this: what has gone never
    /// comes back.
    pub(crate) fn upgrade(&mut self, can: Can) -> bool {
        let there = (!can.send || self.senders() > 0) && (!can.recv || self.receivers() > 0);
        self.came_to(if there {
            Rule::Upgraded
        } else {
            Rule::NotUpgraded
        });
        there
    }

    pub(crate) fn senders(&self) -> usize {
        self.handles
            .values()
            .filter(|handle| handle.can.send)
            .count()
    }

    pub(crate) fn receivers(&self) -> usize {
        self.handles
            .values()
            .filter(|handle| handle.can.recv)
            .count()
    }

    /// No handle is left.
    pub(crate) fn is_over(&self) -> bool {
        self.handles.is_empty()
    }
}
