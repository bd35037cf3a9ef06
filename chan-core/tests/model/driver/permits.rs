//! The driver's permits. A permit borrows its handle, so it lives in the block
//! of a future, which then waits for an order; one that owns its handle lies
//! in a list.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

use chan_core::{OwnedPermit, Permit, SendError};

use super::super::handles::Out;
use super::super::ops::{Answer, Way};
use super::super::plain::Can;
use super::super::value::Value;
use super::{Driver, nth, same};

/// What is to become of a permit.
enum Order {
    Spend(Value),
    Own,
}

/// Where the driver and a block with a permit meet.
#[derive(Clone, Default)]
pub(super) struct Desk {
    order: Rc<Cell<Option<Order>>>,
    owned: Rc<Cell<Option<OwnedPermit<Value>>>>,
}

/// Which of the permits that there are.
#[derive(Clone, Copy)]
enum Place {
    Future(usize),
    Owned(usize),
}

impl Driver {
    pub(super) fn reserve(&mut self, way: Way, by: u8) -> Option<()> {
        let (key, handle) = self.choose_sender(by)?;
        let way = way.or_try(self.plain.reserve_is_ready());
        let (task, out, desk) = (self.number(), Out::default(), Desk::default());
        let expected = self.plain.reserve(way);
        let (its_out, its_desk) = (Rc::clone(&out), desk.clone());
        let mut running = self.prepare(task, out, async move {
            let sends = handle.sends().expect("chosen for it");
            match sends.reserve_by(way) {
                Ok(permit) => its_desk.keep(permit, its_out).await,
                Err(answer) => its_out.set(Some(answer)),
            }
            pending().await
        });
        running.desk = desk;
        let granted = expected == Answer::Granted;
        same(expected, || running.turn(Waker::noop()));
        if granted {
            self.plain.make_permit(task, key);
            self.futures.push(running);
        }
        Some(())
    }

    pub(super) fn make_reserve(&mut self, by: u8) -> Option<usize> {
        let (key, handle) = self.choose_sender(by)?;
        if !self.plain.has_buffer() {
            same(self.plain.reserve(Way::Try), || {
                drop(handle.sends()?.reserve_later());
                Some(Answer::Pending)
            });
            return None;
        }
        let (task, out, desk) = (self.number(), Out::default(), Desk::default());
        self.plain.make_reserve(task, key);
        let (its_out, its_desk) = (Rc::clone(&out), desk.clone());
        let at = self.start(task, out, async move {
            let sends = handle.sends().expect("chosen for it");
            let operation = sends.reserve_later();
            super::tasks::one_turn().await;
            match operation.await {
                Ok(permit) => its_desk.keep(permit, its_out).await,
                Err(answer) => its_out.set(Some(answer)),
            }
            pending().await
        })?;
        self.futures[at].desk = desk;
        Some(at)
    }

    fn choose_permit(&self, which: u8) -> Option<Place> {
        let has_one = |&at: &usize| self.plain.has_permit(self.futures[at].task);
        let borrowed: Vec<_> = (0..self.futures.len()).filter(has_one).collect();
        let count = borrowed.len() + self.owned.len();
        let all: Vec<_> = (0..count).collect();
        let chosen = nth(&all, which)?;
        Some(match borrowed.get(chosen) {
            Some(&at) => Place::Future(at),
            None => Place::Owned(chosen - borrowed.len()),
        })
    }

    pub(super) fn spend_permit(&mut self, which: u8) -> Option<()> {
        let place = self.choose_permit(which)?;
        let (id, value) = self.value();
        match place {
            Place::Future(at) => {
                let running = &mut self.futures[at];
                let expected = self.plain.spend(running.task, id);
                running.desk.order.set(Some(Order::Spend(value)));
                same(expected, || running.turn(Waker::noop()));
            }
            Place::Owned(at) => {
                let (key, permit) = self.owned.remove(at);
                let expected = self.plain.send_permitted(id);
                self.plain.release(key);
                same(expected, || Some(spent(permit.send(value))));
            }
        }
        Some(())
    }

    pub(super) fn own_permit(&mut self, which: u8) -> Option<()> {
        let Place::Future(at) = self.choose_permit(which)? else {
            return None;
        };
        let key = self.number();
        let can = Can {
            send: true,
            recv: false,
        };
        self.plain.add_handle(key, can);
        let running = &mut self.futures[at];
        self.plain.let_go_of_permit(running.task);
        running.desk.order.set(Some(Order::Own));
        assert_eq!(running.turn(Waker::noop()), None);
        let permit = running.desk.owned.take().expect("it was ordered");
        self.owned.push((key, permit));
        Some(())
    }

    pub(super) fn drop_permit(&mut self, which: u8) -> Option<()> {
        match self.choose_permit(which)? {
            Place::Future(at) => self.drop_future(at),
            Place::Owned(at) => self.drop_owned(at),
        }
        Some(())
    }

    pub(super) fn drop_owned(&mut self, at: usize) {
        let (key, permit) = self.owned.remove(at);
        self.plain.release_permit();
        self.plain.release(key);
        drop(permit);
    }
}

impl Desk {
    /// Says that there is a permit, and waits for an order.
    async fn keep(&self, permit: Permit<'_, Value>, out: Out) {
        out.set(Some(Answer::Granted));
        let order = poll_fn(|_| match self.order.take() {
            Some(order) => Poll::Ready(order),
            None => Poll::Pending,
        });
        match order.await {
            Order::Spend(value) => out.set(Some(spent(permit.send(value)))),
            Order::Own => self.owned.set(Some(permit.into_owned())),
        }
    }
}

fn spent(result: Result<(), SendError<Value>>) -> Answer {
    match result {
        Ok(()) => Answer::Sent,
        Err(SendError(value)) => Answer::Unsent(value.end()),
    }
}
