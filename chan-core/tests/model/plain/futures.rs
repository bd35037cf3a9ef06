//! The model's futures: what a poll comes to in each state, and what the drop
//! of a future gives back.

use std::collections::VecDeque;

use super::{Answer, Id, Key, Plain, Rule, Task};

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Side {
    Send(Id),
    Recv,
    /// What is not sent. The first of them is what it waits with.
    SendMany(VecDeque<Id>),
    /// With the most values it receives.
    RecvMany(usize),
    Reserve,
    Close,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Not polled yet.
    Fresh,
    /// In its queue.
    Queued { waker: usize },
    /// A receive that was handed a value, not polled since.
    Handed { id: Id, ticket: u64 },
    /// A send whose value was taken, not polled since.
    Taken,
    /// It was given a permit, and not polled since.
    Granted,
    /// It waited when the channel closed, not polled since.
    Closed,
    /// It has answered, and has a permit.
    Permit,
    /// It has answered.
    Over,
}

pub(super) struct Future {
    /// None since a panic ended it.
    handle: Option<Key>,
    pub(super) side: Side,
    pub(super) state: State,
    /// What was left of its batch when a panic ended it.
    left: Vec<Id>,
}

impl Plain {
    pub(crate) fn make_send(&mut self, task: Task, handle: Key, id: Id) {
        self.make(task, handle, Side::Send(id), State::Fresh);
    }

    pub(crate) fn make_recv(&mut self, task: Task, handle: Key) {
        self.make(task, handle, Side::Recv, State::Fresh);
    }

    pub(crate) fn make_send_many(&mut self, task: Task, handle: Key, values: VecDeque<Id>) {
        self.make(task, handle, Side::SendMany(values), State::Fresh);
    }

    pub(crate) fn make_recv_many(&mut self, task: Task, handle: Key, max: usize) {
        self.make(task, handle, Side::RecvMany(max), State::Fresh);
    }

    pub(crate) fn make_reserve(&mut self, task: Task, handle: Key) {
        self.make(task, handle, Side::Reserve, State::Fresh);
    }

    /// One that has the permit already, by [`Plain::reserve`].
    pub(crate) fn make_permit(&mut self, task: Task, handle: Key) {
        self.make(task, handle, Side::Reserve, State::Permit);
    }

    pub(crate) fn make_closed(&mut self, task: Task, handle: Key) {
        self.make(task, handle, Side::Close, State::Fresh);
    }

    fn make(&mut self, task: Task, handle: Key, side: Side, state: State) {
        self.hold(handle);
        let future = Future {
            handle: Some(handle),
            side,
            state,
            left: Vec::new(),
        };
        self.futures.insert(task, future);
    }

    /// Whether a future has not answered yet.
    pub(crate) fn may_poll(&self, task: Task) -> bool {
        !matches!(self.futures[&task].state, State::Over | State::Permit)
    }

    /// Whether a future has a permit that its answer gave it.
    pub(crate) fn has_permit(&self, task: Task) -> bool {
        self.futures[&task].state == State::Permit
    }

    pub(crate) fn poll(&mut self, task: Task, waker: usize) -> Answer {
        let future = &self.futures[&task];
        let (state, side) = (future.state, future.side.clone());
        let answer = match (state, side) {
            (State::Fresh, side) => self.first_poll(task, side),
            (State::Queued { waker: old }, _) => {
                if old != waker {
                    self.came_to(Rule::WakerReplaced);
                }
                self.set(task, State::Queued { waker });
                return Answer::Pending;
            }
            (State::Handed { id, .. }, Side::RecvMany(max)) => {
                self.came_to(Rule::BatchAfterHandOff);
                let mut all = vec![id];
                all.extend(self.recv_up_to(max - 1));
                Answer::All(all)
            }
            (State::Handed { id, .. }, _) => Answer::Got(id),
            (State::Taken, Side::SendMany(values)) => {
                self.came_to(Rule::BatchWentOn);
                self.send_rest(task, values)
            }
            (State::Taken, _) => Answer::Sent,
            (State::Granted, _) => Answer::Granted,
            (State::Closed, side) => self.closed_while_it_waited(side),
            (State::Permit | State::Over, _) => unreachable!("the driver asks first"),
        };
        match answer {
            Answer::Pending => self.set(task, State::Queued { waker }),
            Answer::Panicked(_) => self.unwind(task),
            Answer::Granted => self.set(task, State::Permit),
            _ => self.set(task, State::Over),
        }
        self.said(answer)
    }

    /// Pending is for those who are in a queue now.
    fn first_poll(&mut self, task: Task, side: Side) -> Answer {
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
            Side::SendMany(values) => return self.send_rest(task, values),
            Side::RecvMany(max) => {
                let all = self.recv_up_to(max);
                if self.closed || max == 0 || !all.is_empty() {
                    return Answer::All(all);
                }
                self.recvq.push_back(task);
            }
            Side::Reserve => match self.try_reserve() {
                Some(true) => return Answer::Granted,
                Some(false) => return self.refused(Answer::NotGranted),
                None => self.sendq.push_back(task),
            },
            Side::Close if self.closed => return Answer::WaitedForClose(true),
            Side::Close => self.closeq.push_back(task),
        }
        Answer::Pending
    }

    /// Sends what is left of a batch, and waits with the first for which there
    /// is no room.
    fn send_rest(&mut self, task: Task, mut values: VecDeque<Id>) -> Answer {
        let open = self.send_from(&mut values);
        let answer = match (open, values.is_empty()) {
            (false, _) => self.refused(Answer::UnsentRest),
            (true, true) => Answer::Sent,
            (true, false) => {
                self.sendq.push_back(task);
                Answer::Pending
            }
        };
        let future = self.futures.get_mut(&task).expect("it is alive");
        future.side = Side::SendMany(values);
        answer
    }

    fn closed_while_it_waited(&mut self, side: Side) -> Answer {
        match side {
            Side::Send(id) => self.send_on_closed(id),
            Side::Recv => Answer::Drained,
            Side::SendMany(_) => self.refused(Answer::UnsentRest),
            Side::RecvMany(_) => Answer::All(Vec::new()),
            Side::Reserve => self.refused(Answer::NotGranted),
            Side::Close => Answer::WaitedForClose(true),
        }
    }

    fn set(&mut self, task: Task, state: State) {
        self.futures.get_mut(&task).expect("it is alive").state = state;
    }

    /// A future panics: what it had goes, and its share of the handle.
    fn unwind(&mut self, task: Task) {
        let future = self.futures.get_mut(&task).expect("it is alive");
        let side = std::mem::replace(&mut future.side, Side::Recv);
        future.state = State::Over;
        let handle = future.handle.take().expect("it panics once");
        let left = self.end_batch(side);
        self.futures.get_mut(&task).expect("as above").left = left;
        self.release(handle);
    }

    /// Drops a future; what was left of its batch.
    pub(crate) fn drop_future(&mut self, task: Task) -> Vec<Id> {
        let future = self.futures.remove(&task).expect("it is alive");
        let Some(handle) = future.handle else {
            return future.left;
        };
        for queue in [&mut self.recvq, &mut self.sendq, &mut self.closeq] {
            queue.retain(|&other| other != task);
        }
        match (future.state, &future.side) {
            (State::Handed { id, ticket }, _) => self.give_back(id, ticket),
            (State::Granted, _) => {
                self.came_to(Rule::GrantedThenDropped);
                self.release_permit();
            }
            (State::Permit, _) => self.release_permit(),
            (State::Taken, _) => self.came_to(Rule::TakenThenDropped),
            (State::Over, _) => {}
            (_, Side::Send(id)) => self.gone(*id),
            _ => {}
        }
        let left = self.end_batch(future.side);
        if !left.is_empty() && future.state != State::Fresh {
            self.came_to(Rule::BatchLeftSome);
        }
        self.release(handle);
        left
    }

    // ---- Permits that a future has. ----

    pub(crate) fn spend(&mut self, task: Task, id: Id) -> Answer {
        self.set(task, State::Over);
        self.send_permitted(id)
    }

    /// The permit leaves the future. Its new handle is the driver's to add.
    pub(crate) fn let_go_of_permit(&mut self, task: Task) {
        self.set(task, State::Over);
    }

    fn end_batch(&mut self, side: Side) -> Vec<Id> {
        let Side::SendMany(values) = side else {
            return Vec::new();
        };
        let values: Vec<Id> = values.into();
        self.all_gone(&values);
        values
    }
}
