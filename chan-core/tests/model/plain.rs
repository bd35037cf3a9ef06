//! The model: a channel as the documentation has it, for one thread. It knows
//! nothing of the real one. Numbers in brackets are Go's rules by the parity
//! table; the rules about futures, which Go has not, are those of the crate:
//!
//! - a value handed to a future that is dropped goes to the receiver that has
//!   waited longest, or waits ahead of the ring, in the order of hand-offs,
//!   counted in `len`, also after a close;
//! - a send future that was taken from is complete; one that was not takes
//!   its value with it;
//! - with Rust's manners the last sender closes, and the last receiver closes
//!   and what is left is dropped; with Go's manners a handle's end is nothing;
//! - the end of the last handle drops what is left.
//!
//! And so are those of permits and batches:
//!
//! - a permit takes room as a value does; who waits for one waits among the
//!   senders, and room that becomes free is the first one's, whichever it is;
//! - a value that needs no room passes by those who wait for a permit;
//! - a permit that ends, spent on a hand-off or not at all, leaves its room to
//!   the senders, and after a close to nobody;
//! - a forced send takes the place of the oldest value of the ring, and does
//!   not pass senders who wait;
//! - a batch is its single operations, until one would have to wait.
//!
//! `plain/futures.rs` has what tasks do, `plain/handles.rs` the handles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::ops::{Answer, Face, Id, Way};
use super::rule::Rule;
use super::value::Tone;
use futures::{Future, Side, State};
use handles::Handle;

mod futures;
mod handles;

pub(crate) use handles::Can;

/// The number of a future.
pub(crate) type Task = usize;
/// The number of a handle.
pub(crate) type Key = usize;

pub(crate) const SEND_ON_CLOSED: &str = "send on closed channel";
const CLOSE_OF_CLOSED: &str = "close of closed channel";
const NO_BUFFER: &str = "reserve on an unbuffered channel";

/// More values than a block of a channel without a limit has room for.
const MORE_THAN_A_BLOCK: usize = 65;

/// See the head of this file.
pub(crate) struct Plain {
    face: Face,
    /// `usize::MAX` without a limit.
    capacity: usize,
    ring: VecDeque<Id>,
    /// By hand-off.
    returned: BTreeMap<u64, Id>,
    /// Those that somebody has, a future that does not know yet included.
    pub(crate) permits: usize,
    recvq: VecDeque<Task>,
    /// Those who wait for a permit included.
    sendq: VecDeque<Task>,
    closeq: VecDeque<Task>,
    futures: BTreeMap<Task, Future>,
    handles: BTreeMap<Key, Handle>,
    hand_offs: u64,
    /// Hand-offs whose value was passed on.
    passed_on: BTreeSet<u64>,
    pub(crate) closed: bool,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Values that were dropped because no receiver was left.
    pub(crate) discarded: u64,
    /// How often each value was dropped.
    pub(crate) drops: Vec<u32>,
    /// Who was woken since the driver looked.
    pub(crate) wakes: Vec<Tone>,
    pub(crate) rules: BTreeSet<Rule>,
}

impl Plain {
    pub(crate) fn new(face: Face, capacity: Option<usize>) -> Plain {
        Plain {
            face,
            capacity: capacity.unwrap_or(usize::MAX),
            ring: VecDeque::new(),
            returned: BTreeMap::new(),
            permits: 0,
            recvq: VecDeque::new(),
            sendq: VecDeque::new(),
            closeq: VecDeque::new(),
            futures: BTreeMap::new(),
            handles: BTreeMap::new(),
            hand_offs: 0,
            passed_on: BTreeSet::new(),
            closed: false,
            sent: 0,
            received: 0,
            discarded: 0,
            drops: Vec::new(),
            wakes: Vec::new(),
            rules: BTreeSet::new(),
        }
    }

    fn came_to(&mut self, rule: Rule) {
        self.rules.insert(rule);
    }

    fn gone(&mut self, id: Id) {
        self.drops[id] += 1;
    }

    /// The driver has dropped these.
    pub(crate) fn all_gone(&mut self, ids: &[Id]) {
        for &id in ids {
            self.gone(id);
        }
    }

    /// What the driver got out of an answer it has dropped.
    fn said(&mut self, answer: Answer) -> Answer {
        self.all_gone(answer.values());
        answer
    }

    // ---- The rules of the channel. ----

    fn has_room(&self) -> bool {
        self.ring.len() + self.permits < self.capacity
    }

    fn put(&mut self, id: Id) {
        self.sent += 1;
        self.ring.push_back(id);
        if self.ring.len() >= MORE_THAN_A_BLOCK {
            self.came_to(Rule::BeyondABlock);
        }
    }

    /// None if it would have to wait; `Some(false)` if it is closed.
    fn try_send(&mut self, id: Id) -> Option<bool> {
        if self.closed {
            return Some(false); // [12]
        }
        if let Some(task) = self.recvq.pop_front() {
            // [14], [35]
            self.hand_new(task, id);
        } else if self.has_room() {
            self.put(id);
        } else {
            return None;
        }
        Some(true)
    }

    /// None if it would have to wait; `Some(None)` if it is drained.
    fn try_recv(&mut self) -> Option<Option<Id>> {
        if let Some((_, id)) = self.returned.pop_first() {
            self.came_to(Rule::ReturnedFirst);
            self.received += 1;
            return Some(Some(id));
        }
        if let Some(id) = self.ring.pop_front() {
            self.received += 1;
            // [21], [22]; after a close nobody is in the queue [16].
            if self.admit() {
                self.came_to(Rule::Refill);
            }
            return Some(Some(id));
        }
        if self.closed {
            return Some(None); // [20]
        }
        let at = self.sender_with_a_value()?;
        if at > 0 {
            self.came_to(Rule::PassedThoseWhoReserve);
        }
        let task = self.sendq.remove(at).expect("it was found there");
        self.came_to(Rule::TakeFromSender);
        self.sent += 1;
        self.received += 1;
        Some(Some(self.take_from(task)))
    }

    /// Where in the queue of senders the first one with a value is [35].
    fn sender_with_a_value(&self) -> Option<usize> {
        let has_value = |task: &Task| self.futures[task].side != Side::Reserve;
        self.sendq.iter().position(has_value)
    }

    /// A slot is free: it is for the one who waits longest, whether with a
    /// value or for a permit. True if it was a value.
    fn admit(&mut self) -> bool {
        let Some(task) = self.sendq.pop_front() else {
            return false; // [35]
        };
        if self.futures[&task].side == Side::Reserve {
            self.came_to(Rule::GrantedByRoom);
            self.permits += 1;
            self.wake(task, State::Granted);
            return false;
        }
        let id = self.take_from(task);
        self.put(id);
        true
    }

    /// Hands a value over that was not in the channel before.
    fn hand_new(&mut self, task: Task, id: Id) {
        self.came_to(Rule::HandOff);
        self.sent += 1;
        self.hand_offs += 1;
        self.hand(task, id, self.hand_offs);
    }

    fn hand(&mut self, task: Task, id: Id, ticket: u64) {
        self.received += 1;
        self.wake(task, State::Handed { id, ticket });
    }

    fn take_from(&mut self, task: Task) -> Id {
        self.wake(task, State::Taken);
        let future = self.futures.get_mut(&task).expect("it waits");
        match &mut future.side {
            Side::Send(id) => *id,
            Side::SendMany(values) => values.pop_front().expect("it waits with one"),
            _ => unreachable!("one without a value among the sends"),
        }
    }

    /// Ends the wait of one who was in a queue.
    fn wake(&mut self, task: Task, state: State) {
        let future = self.futures.get_mut(&task).expect("it waits");
        let State::Queued { waker } = future.state else {
            unreachable!("only those who wait are woken")
        };
        future.state = state;
        self.wakes.push((task, waker));
    }

    /// [28]; the order within a queue is that of arrival.
    fn end(&mut self) {
        self.closed = true;
        if !self.closeq.is_empty() {
            self.came_to(Rule::WokenFromTheCloseQueue);
        }
        let waiting = self.recvq.drain(..).chain(self.sendq.drain(..));
        let waiting = waiting.chain(self.closeq.drain(..));
        for task in waiting.collect::<Vec<_>>() {
            self.came_to(Rule::WokenByClose);
            self.wake(task, State::Closed);
        }
    }

    fn give_back(&mut self, id: Id, ticket: u64) {
        self.received -= 1;
        if let Some(next) = self.recvq.pop_front() {
            self.came_to(Rule::PassedOn);
            self.passed_on.insert(ticket);
            return self.hand(next, id, ticket);
        }
        self.came_to(Rule::CameBack);
        if self.closed {
            self.came_to(Rule::CameBackAfterClose);
        }
        if self
            .returned
            .last_key_value()
            .is_some_and(|(&last, _)| last > ticket)
        {
            self.came_to(Rule::CameBackOutOfOrder);
            if self.passed_on.contains(&ticket) {
                self.came_to(Rule::PassedOnCameBackOutOfOrder);
            }
        }
        self.returned.insert(ticket, id);
    }

    // ---- Operations. ----

    /// A new value.
    pub(crate) fn value(&mut self) -> Id {
        self.drops.push(0);
        self.drops.len() - 1
    }

    /// Whether a plain `send`, or one of a batch, answers at once.
    pub(crate) fn send_is_ready(&self, count: usize) -> bool {
        let taken = self.ring.len() + self.permits;
        let room = (self.capacity - taken).saturating_add(self.recvq.len());
        self.closed || count <= room
    }

    /// Whether a plain `recv` answers at once.
    pub(crate) fn recv_is_ready(&self) -> bool {
        self.closed || self.len() > 0 || self.sender_with_a_value().is_some()
    }

    /// Whether a plain `reserve` answers at once.
    pub(crate) fn reserve_is_ready(&self) -> bool {
        self.closed || self.has_room() || self.capacity == 0
    }

    pub(crate) fn send(&mut self, way: Way, id: Id) -> Answer {
        let answer = match (self.try_send(id), way) {
            (Some(true), _) => Answer::Sent,
            (Some(false), _) => self.send_on_closed(id),
            (None, Way::Try) => Answer::Full(id),
            (None, Way::Timeout) => Answer::SendTimedOut(id),
            (None, Way::Block) => unreachable!("the driver asks first"),
        };
        self.said(answer)
    }

    fn send_on_closed(&mut self, id: Id) -> Answer {
        match self.refused(Answer::Unsent(id)) {
            Answer::Panicked(text) => {
                self.gone(id);
                Answer::Panicked(text)
            }
            answer => answer,
        }
    }

    /// What becomes of those who want to send on a closed channel: an error,
    /// or a panic with Go's manners.
    fn refused(&mut self, error: Answer) -> Answer {
        match self.face {
            Face::Rust => error,
            Face::Go => {
                self.came_to(Rule::Panicked);
                Answer::Panicked(SEND_ON_CLOSED)
            }
        }
    }

    pub(crate) fn force_send(&mut self, id: Id) -> Answer {
        let answer = match self.try_send(id) {
            Some(true) => Answer::Sent,
            Some(false) => self.send_on_closed(id),
            None if !self.sendq.is_empty() => {
                if !self.ring.is_empty() {
                    self.came_to(Rule::ForceYieldedToSender);
                }
                Answer::Full(id)
            }
            None => match self.ring.pop_front() {
                Some(oldest) => {
                    self.came_to(Rule::ForcedOut);
                    self.received += 1;
                    self.put(id);
                    Answer::Displaced(oldest)
                }
                None => {
                    if self.capacity > 0 {
                        self.came_to(Rule::ForceYieldedToPermits);
                    }
                    Answer::Full(id)
                }
            },
        };
        self.said(answer)
    }

    pub(crate) fn recv(&mut self, way: Way) -> Answer {
        let answer = match (self.try_recv(), way) {
            (Some(Some(id)), _) => Answer::Got(id),
            (Some(None), _) => Answer::Drained,
            (None, Way::Try) => Answer::Empty,
            (None, Way::Timeout) => Answer::RecvTimedOut,
            (None, Way::Block) => unreachable!("the driver asks first"),
        };
        self.said(answer)
    }

    pub(crate) fn drain(&mut self) -> Answer {
        let all = self.recv_up_to(usize::MAX);
        self.said(Answer::All(all))
    }

    /// Sends from the front as long as that can be done at once; false if it
    /// is closed.
    fn send_from(&mut self, values: &mut VecDeque<Id>) -> bool {
        let before = values.len();
        while let Some(&id) = values.front() {
            match self.try_send(id) {
                Some(true) => drop(values.pop_front()),
                Some(false) => return false,
                None if values.len() < before => {
                    self.came_to(Rule::BatchStopped);
                    return true;
                }
                None => return true,
            }
        }
        true
    }

    fn recv_up_to(&mut self, max: usize) -> Vec<Id> {
        let mut all = Vec::new();
        while all.len() < max {
            let Some(Some(id)) = self.try_recv() else {
                break;
            };
            all.push(id);
        }
        all
    }

    /// The driver has what stays in `values`.
    pub(crate) fn send_many(&mut self, way: Way, values: &mut VecDeque<Id>) -> Answer {
        let before = values.len();
        if !self.send_from(values) {
            return self.refused(Answer::UnsentRest);
        }
        match way {
            Way::Block if values.is_empty() => Answer::Sent,
            Way::Block => unreachable!("the driver asks first"),
            _ => Answer::SentSome(before - values.len()),
        }
    }

    pub(crate) fn recv_many(&mut self, way: Way, max: usize) -> Answer {
        let all = self.recv_up_to(max);
        let answer = match (self.face, way) {
            _ if !all.is_empty() || max == 0 => Answer::All(all),
            // Nothing is left. With Go's manners that is 0 values.
            (Face::Go, _) | (_, Way::Block) if self.closed => Answer::All(all),
            (Face::Rust, _) if self.closed => Answer::Drained,
            (_, Way::Block) => unreachable!("the driver asks first"),
            _ => Answer::Empty,
        };
        self.said(answer)
    }

    pub(crate) fn close(&mut self, polite: bool) -> Answer {
        if !self.closed {
            self.end();
            return Answer::Closed;
        }
        match self.face {
            Face::Go if !polite => Answer::Panicked(CLOSE_OF_CLOSED), // [26]
            _ => Answer::AlreadyClosed,
        }
    }

    // ---- Permits. ----

    /// None if it would have to wait; `Some(false)` if it is closed.
    fn try_reserve(&mut self) -> Option<bool> {
        if self.closed {
            return Some(false);
        }
        self.has_room().then(|| {
            self.permits += 1;
            true
        })
    }

    pub(crate) fn has_buffer(&self) -> bool {
        self.capacity > 0
    }

    /// What a request for a permit comes to. The driver makes the future that
    /// has it, if it is granted.
    pub(crate) fn reserve(&mut self, way: Way) -> Answer {
        if !self.has_buffer() {
            return Answer::Panicked(NO_BUFFER);
        }
        match (self.try_reserve(), way) {
            (Some(true), _) => Answer::Granted,
            (Some(false), _) => self.refused(Answer::NotGranted),
            (None, Way::Try) => Answer::NoRoom,
            (None, Way::Timeout) => Answer::ReserveTimedOut,
            (None, Way::Block) => unreachable!("the driver asks first"),
        }
    }

    /// Sends with a permit, which is spent. Also with Go's manners the value
    /// comes back after a close.
    pub(crate) fn send_permitted(&mut self, id: Id) -> Answer {
        let answer = if self.closed {
            self.release_permit();
            Answer::Unsent(id)
        } else if let Some(task) = self.recvq.pop_front() {
            self.came_to(Rule::PermitMetReceiver);
            self.hand_new(task, id);
            self.release_permit();
            Answer::Sent
        } else {
            self.permits -= 1;
            self.put(id);
            Answer::Sent
        };
        self.said(answer)
    }

    /// A permit ends, and its room with it.
    pub(crate) fn release_permit(&mut self) {
        self.permits -= 1;
        if self.closed {
            self.came_to(Rule::PermitOutlivedTheClose);
        } else if self.admit() {
            self.came_to(Rule::TookRoomOfAPermit);
        }
    }

    // ---- What one can see. ----

    pub(crate) fn len(&self) -> usize {
        self.ring.len() + self.returned.len()
    }

    /// Room that is promised counts as room.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.capacity
    }

    /// How many wait to receive, and to send or for a permit.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        (self.recvq.len(), self.sendq.len())
    }

    /// Who waits, receivers before senders before those who wait for the
    /// close, in the order of the queues.
    pub(crate) fn queued(&self) -> Vec<Task> {
        let queues = self.recvq.iter().chain(&self.sendq).chain(&self.closeq);
        queues.copied().collect()
    }

    /// Whose wait is over and who has not been polled since, and whether a
    /// value would come back.
    pub(crate) fn done(&self) -> Vec<(Task, bool)> {
        let done = self
            .futures
            .iter()
            .filter_map(|(&task, future)| match future.state {
                State::Handed { .. } => Some((task, true)),
                State::Taken | State::Closed | State::Granted => Some((task, false)),
                _ => None,
            });
        done.collect()
    }
}
