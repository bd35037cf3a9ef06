//! The driver's futures: made, polled and dropped at any state.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use chan_core::observe::{self, TaskId};

use super::super::handles::{Out, Queue};
use super::super::ops::{Answer, Id};
use super::super::plain::Task;
use super::permits::Desk;
use super::{Driver, nth, same};

type Block = Pin<Box<dyn Future<Output = ()>>>;

/// A future on its way.
pub(super) struct Running {
    pub(super) task: Task,
    block: Block,
    pub(super) out: Out,
    wakers: [Waker; 2],
    /// What is left of its batch, once it has ended.
    left: Rc<RefCell<Vec<Id>>>,
    /// Where it hears what is to become of its permit.
    pub(super) desk: Desk,
}

impl Running {
    /// One turn. Its waits bear its number, for a watcher to see.
    pub(super) fn turn(&mut self, waker: &Waker) -> Option<Answer> {
        let before = observe::set_current_task(TaskId(self.task as u64));
        let polled = self.block.as_mut().poll(&mut Context::from_waker(waker));
        observe::set_current_task(before);
        assert!(polled.is_pending(), "it stays until it is dropped");
        self.out.take()
    }
}

impl Driver {
    pub(super) fn make_send(&mut self, by: u8) -> Option<usize> {
        let (key, handle) = self.choose_sender(by)?;
        let (task, out) = (self.number(), Out::default());
        let (id, value) = self.value();
        self.plain.make_send(task, key, id);
        let its_out = Rc::clone(&out);
        self.start(task, out, async move {
            let sends = handle.sends().expect("chosen for it");
            let operation = sends.send_later(value, its_out);
            one_turn().await;
            operation.await
        })
    }

    pub(super) fn make_recv(&mut self, by: u8) -> Option<usize> {
        let (key, handle) = self.choose_receiver(by)?;
        let (task, out) = (self.number(), Out::default());
        self.plain.make_recv(task, key);
        let its_out = Rc::clone(&out);
        self.start(task, out, async move {
            let receives = handle.receives().expect("chosen for it");
            let operation = receives.recv_later(its_out);
            one_turn().await;
            operation.await
        })
    }

    pub(super) fn make_send_many(&mut self, by: u8, count: usize) -> Option<usize> {
        let (key, handle) = self.choose_sender(by)?;
        let (task, out) = (self.number(), Out::default());
        let (ids, values) = (0..count).map(|_| self.value()).unzip();
        self.plain.make_send_many(task, key, ids);
        let left = Rc::default();
        let (its_out, its_left) = (Rc::clone(&out), Rc::clone(&left));
        let at = self.start(task, out, async move {
            let sends = handle.sends().expect("chosen for it");
            // It ends after the operation.
            let mut queue = Queue {
                values,
                left: its_left,
            };
            let operation = sends.send_many_later(&mut queue.values, its_out);
            one_turn().await;
            operation.await
        })?;
        self.futures[at].left = left;
        Some(at)
    }

    pub(super) fn make_recv_many(&mut self, by: u8, max: usize) -> Option<usize> {
        let (key, handle) = self.choose_receiver(by)?;
        let (task, out) = (self.number(), Out::default());
        self.plain.make_recv_many(task, key, max);
        let its_out = Rc::clone(&out);
        self.start(task, out, async move {
            let receives = handle.receives().expect("chosen for it");
            let mut values = Vec::new();
            let operation = receives.recv_many_later(&mut values, max);
            one_turn().await;
            let count = operation.await;
            assert_eq!(count, values.len());
            let all = values.into_iter().map(|value| value.end()).collect();
            its_out.set(Some(Answer::All(all)));
            pending().await
        })
    }

    pub(super) fn make_closed(&mut self, by: u8) -> Option<usize> {
        let at = self.choose(by, |_| true)?;
        let (key, handle) = self.handles[at].clone();
        let (task, out) = (self.number(), Out::default());
        self.plain.make_closed(task, key);
        let its_out = Rc::clone(&out);
        self.start(task, out, async move {
            let operation = handle.closed_later(its_out);
            one_turn().await;
            operation.await
        })
    }

    /// The block owns its share of the handle, and its first turn makes the
    /// operation without polling it.
    pub(super) fn start(
        &mut self,
        task: Task,
        out: Out,
        block: impl Future<Output = ()> + 'static,
    ) -> Option<usize> {
        let mut running = self.prepare(task, out, block);
        let answer = running.turn(Waker::noop());
        assert_eq!(answer, None, "it is not polled yet");
        self.futures.push(running);
        Some(self.futures.len() - 1)
    }

    pub(super) fn prepare(
        &self,
        task: Task,
        out: Out,
        block: impl Future<Output = ()> + 'static,
    ) -> Running {
        Running {
            task,
            block: Box::pin(block),
            out,
            wakers: [0, 1].map(|which| self.log.waker((task, which))),
            left: Rc::default(),
            desk: Desk::default(),
        }
    }

    pub(super) fn choose_future(&self, which: u8) -> Option<usize> {
        nth(&(0..self.futures.len()).collect::<Vec<_>>(), which)
    }

    pub(super) fn choose_pollable(&self, which: u8) -> Option<usize> {
        let may = |&at: &usize| self.plain.may_poll(self.futures[at].task);
        let fit = (0..self.futures.len()).filter(may);
        nth(&fit.collect::<Vec<_>>(), which)
    }

    pub(super) fn poll_if(&mut self, wanted: bool, at: usize) {
        if wanted {
            self.poll(at, 0);
        }
    }

    pub(super) fn poll(&mut self, at: usize, waker: usize) {
        new_turn();
        let running = &mut self.futures[at];
        let expected = self.plain.poll(running.task, waker);
        same(expected, || {
            let waker = running.wakers[waker].clone();
            running.turn(&waker).or(Some(Answer::Pending))
        });
    }

    pub(super) fn drop_future(&mut self, at: usize) {
        let running = self.futures.remove(at);
        let expected = self.plain.drop_future(running.task);
        drop(running.block);
        assert_eq!(*running.left.borrow(), expected, "what is left of a batch");
    }
}

/// Pending once.
pub(super) async fn one_turn() {
    let first = Cell::new(true);
    std::future::poll_fn(|_| {
        if first.replace(false) {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

/// Begins a new row of ready polls by a wait: after too long a row a future
/// that is ready lets others have their turn, which the model does not know.
fn new_turn() {
    let nil = chan_core::Chan::<u8>::nil();
    let mut wait = std::pin::pin!(nil.recv_async());
    let polled = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
}
