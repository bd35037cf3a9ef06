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

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::ops::{Answer, Face, Id, Way};
use super::value::Tone;

/// The number of a future.
pub(crate) type Task = usize;
/// The number of a handle.
pub(crate) type Key = usize;

pub(crate) const SEND_ON_CLOSED: &str = "send on closed channel";
const CLOSE_OF_CLOSED: &str = "close of closed channel";

/// What a handle can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Can {
    pub(crate) send: bool,
    pub(crate) recv: bool,
}

struct Handle {
    can: Can,
    /// The driver and the futures that hold it.
    holders: usize,
}

#[derive(Clone, Copy)]
enum Side {
    Send(Id),
    Recv,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not polled yet.
    Fresh,
    /// In its queue.
    Queued { waker: usize },
    /// A receive that was handed a value, not polled since.
    Handed { id: Id, ticket: u64 },
    /// A send whose value was taken, not polled since.
    Taken,
    /// It waited when the channel closed, not polled since.
    Closed,
    /// It has answered.
    Over,
}

struct Future {
    handle: Key,
    side: Side,
    state: State,
}

/// Places that scripts should come to; a test counts on it that they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    HandOff,
    TakeFromSender,
    Refill,
    WokenByClose,
    WakerReplaced,
    PassedOn,
    CameBack,
    CameBackOutOfOrder,
    PassedOnCameBackOutOfOrder,
    CameBackAfterClose,
    ReturnedFirst,
    TakenThenDropped,
    ClosedByLastSender,
    ClosedByLastReceiver,
    Discarded,
    DroppedWithTheLastHandle,
    Panicked,
}

impl Rule {
    pub(crate) const ALL: [Rule; 17] = [
        Rule::HandOff,
        Rule::TakeFromSender,
        Rule::Refill,
        Rule::WokenByClose,
        Rule::WakerReplaced,
        Rule::PassedOn,
        Rule::CameBack,
        Rule::CameBackOutOfOrder,
        Rule::PassedOnCameBackOutOfOrder,
        Rule::CameBackAfterClose,
        Rule::ReturnedFirst,
        Rule::TakenThenDropped,
        Rule::ClosedByLastSender,
        Rule::ClosedByLastReceiver,
        Rule::Discarded,
        Rule::DroppedWithTheLastHandle,
        Rule::Panicked,
    ];
}

/// See the head of this file.
pub(crate) struct Plain {
    face: Face,
    capacity: usize,
    ring: VecDeque<Id>,
    /// By hand-off.
    returned: BTreeMap<u64, Id>,
    recvq: VecDeque<Task>,
    sendq: VecDeque<Task>,
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
    pub(crate) fn new(face: Face, capacity: usize) -> Plain {
        Plain {
            face,
            capacity,
            ring: VecDeque::new(),
            returned: BTreeMap::new(),
            recvq: VecDeque::new(),
            sendq: VecDeque::new(),
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

    /// What the driver got out of an answer it has dropped.
    fn said(&mut self, answer: Answer) -> Answer {
        for &id in answer.values() {
            self.gone(id);
        }
        answer
    }

    // ---- The rules of the channel. ----

    /// None if it would have to wait; `Some(false)` if it is closed.
    fn try_send(&mut self, id: Id) -> Option<bool> {
        if self.closed {
            return Some(false); // [12]
        }
        if let Some(task) = self.recvq.pop_front() {
            // [14], [35]
            self.came_to(Rule::HandOff);
            self.sent += 1;
            self.hand_offs += 1;
            self.hand(task, id, self.hand_offs);
        } else if self.ring.len() < self.capacity {
            self.sent += 1;
            self.ring.push_back(id);
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
            if let Some(refill) = self.take_from_sender() {
                self.came_to(Rule::Refill);
                self.ring.push_back(refill);
            }
            return Some(Some(id));
        }
        if self.closed {
            return Some(None); // [20]
        }
        let id = self.take_from_sender()?;
        self.came_to(Rule::TakeFromSender);
        self.received += 1;
        Some(Some(id))
    }

    fn hand(&mut self, task: Task, id: Id, ticket: u64) {
        self.received += 1;
        self.wake(task, State::Handed { id, ticket });
    }

    fn take_from_sender(&mut self) -> Option<Id> {
        let task = self.sendq.pop_front()?; // [35]
        self.sent += 1;
        self.wake(task, State::Taken);
        match self.futures[&task].side {
            Side::Send(id) => Some(id),
            Side::Recv => unreachable!("a receive among the sends"),
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
        let waiting = self.recvq.drain(..).chain(self.sendq.drain(..));
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

    /// Whether a plain `send` answers at once.
    pub(crate) fn send_is_ready(&self) -> bool {
        self.closed || !self.recvq.is_empty() || self.ring.len() < self.capacity
    }

    /// Whether a plain `recv` answers at once.
    pub(crate) fn recv_is_ready(&self) -> bool {
        self.closed || self.len() > 0 || !self.sendq.is_empty()
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
        match self.face {
            Face::Rust => Answer::Unsent(id),
            Face::Go => {
                self.came_to(Rule::Panicked);
                self.gone(id);
                Answer::Panicked(SEND_ON_CLOSED)
            }
        }
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
        let mut all = Vec::new();
        while let Some(Some(id)) = self.try_recv() {
            all.push(id);
        }
        self.said(Answer::All(all))
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

    // ---- Futures. ----

    pub(crate) fn make_send(&mut self, task: Task, handle: Key, id: Id) {
        self.make(task, handle, Side::Send(id));
    }

    pub(crate) fn make_recv(&mut self, task: Task, handle: Key) {
        self.make(task, handle, Side::Recv);
    }

    fn make(&mut self, task: Task, handle: Key, side: Side) {
        self.hold(handle);
        let future = Future {
            handle,
            side,
            state: State::Fresh,
        };
        self.futures.insert(task, future);
    }

    /// Whether a future has not answered yet.
    pub(crate) fn may_poll(&self, task: Task) -> bool {
        let future = self.futures.get(&task);
        future.is_some_and(|future| future.state != State::Over)
    }

    pub(crate) fn poll(&mut self, task: Task, waker: usize) -> Answer {
        let future = &self.futures[&task];
        let (state, side, handle) = (future.state, future.side, future.handle);
        let answer = match (state, side) {
            (State::Fresh, _) => self.first_poll(task, side, waker),
            (State::Queued { waker: old }, _) => {
                if old != waker {
                    self.came_to(Rule::WakerReplaced);
                }
                self.set(task, State::Queued { waker });
                return Answer::Pending;
            }
            (State::Handed { id, .. }, _) => Answer::Got(id),
            (State::Taken, _) => Answer::Sent,
            (State::Closed, Side::Recv) => Answer::Drained,
            (State::Closed, Side::Send(id)) => self.send_on_closed(id),
            (State::Over, _) => unreachable!("the driver asks first"),
        };
        match answer {
            Answer::Pending => {}
            Answer::Panicked(_) => {
                // It unwinds, and its share of the handle goes.
                self.futures.remove(&task);
                self.release(handle);
            }
            _ => self.set(task, State::Over),
        }
        self.said(answer)
    }

    fn first_poll(&mut self, task: Task, side: Side, waker: usize) -> Answer {
        match side {
            Side::Send(id) => match self.try_send(id) {
                Some(true) => return Answer::Sent,
                Some(false) => return self.send_on_closed(id),
                None => self.sendq.push_back(task),
            },
            Side::Recv => match self.try_recv() {
                Some(Some(id)) => return Answer::Got(id),
                Some(None) => return Answer::Drained,
                None => self.recvq.push_back(task),
            },
        }
        self.set(task, State::Queued { waker });
        Answer::Pending
    }

    fn set(&mut self, task: Task, state: State) {
        self.futures.get_mut(&task).expect("it is alive").state = state;
    }

    pub(crate) fn drop_future(&mut self, task: Task) {
        let Some(future) = self.futures.remove(&task) else {
            return; // It panicked.
        };
        self.recvq.retain(|&other| other != task);
        self.sendq.retain(|&other| other != task);
        match (future.state, future.side) {
            (State::Handed { id, ticket }, _) => self.give_back(id, ticket),
            (State::Taken, _) => self.came_to(Rule::TakenThenDropped),
            (State::Over, _) => {}
            (_, Side::Send(id)) => self.gone(id),
            (_, Side::Recv) => {}
        }
        self.release(future.handle);
    }

    // ---- Handles. ----

    pub(crate) fn add_handle(&mut self, key: Key, can: Can) {
        self.handles.insert(key, Handle { can, holders: 1 });
    }

    fn hold(&mut self, key: Key) {
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

    // ---- What one can see. ----

    pub(crate) fn len(&self) -> usize {
        self.ring.len() + self.returned.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.capacity
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

    /// Who waits, receivers before senders, in the order of the queues.
    pub(crate) fn queued(&self) -> Vec<Task> {
        self.recvq.iter().chain(&self.sendq).copied().collect()
    }

    /// Whose wait is over and who has not been polled since, and whether a
    /// value would come back.
    pub(crate) fn done(&self) -> Vec<(Task, bool)> {
        let done = self
            .futures
            .iter()
            .filter_map(|(&task, future)| match future.state {
                State::Handed { .. } => Some((task, true)),
                State::Taken | State::Closed => Some((task, false)),
                _ => None,
            });
        done.collect()
    }
}
