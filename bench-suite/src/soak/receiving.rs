//! A party that receives, in all ways there are, on all lanes of its round.
//!
//! Where there are several it waits without an end only for all of them at
//! once, since a sender may wait on any.

use std::thread;

use fastrand::Rng;
use tokio::runtime::Handle;

use crate::books::{RECEIVED, Token};
use crate::ends::{Got, Rx};
use crate::round::{Leaving, Party, some_time, some_turns};
use crate::selects::{Received, recv_any, recv_any_async, recv_set};
use crate::sending::BATCH;

/// See the head of this file.
pub(crate) struct Receiving {
    pub(crate) lanes: Vec<Option<Rx>>,
    pub(crate) takes: Takes,
    pub(crate) leaving: Leaving,
}

/// Takes values, and enters them.
pub(crate) struct Takes {
    pub(crate) random: Rng,
    /// Leaves after so many values.
    pub(crate) quota: usize,
}

impl Receiving {
    pub(crate) fn start(self, thread: bool, tasks: &Handle) -> Party {
        if thread {
            Party::Thread(thread::spawn(|| self.on_a_thread()))
        } else {
            Party::Task(tasks.spawn(self.in_a_task()))
        }
    }

    fn on_a_thread(mut self) {
        while let Some(at) = self.lane() {
            for drained in self.takes.act(&self.lanes, at) {
                self.lanes[drained] = None;
            }
        }
        drop(self.lanes);
        drop(self.leaving);
    }

    async fn in_a_task(mut self) {
        while let Some(at) = self.lane() {
            for drained in self.takes.act_in_a_task(&self.lanes, at).await {
                self.lanes[drained] = None;
            }
        }
        drop(self.lanes);
        drop(self.leaving);
    }

    /// One that may still have something, if there is any and more is wanted.
    fn lane(&mut self) -> Option<usize> {
        let open = |&at: &usize| self.lanes[at].is_some();
        let open: Vec<usize> = (0..self.lanes.len()).filter(open).collect();
        let at = self.takes.random.choice(open)?;
        (self.takes.quota > 0).then_some(at)
    }
}

/// Each of these says which lanes will have nothing any more.
impl Takes {
    fn act(&mut self, lanes: &[Option<Rx>], at: usize) -> Vec<usize> {
        let rx = lanes[at].as_ref().expect("it is open");
        let alone = lanes.len() == 1;
        let got = match self.random.u8(0..16) {
            0 => rx.try_recv(),
            1..=3 => rx.recv_timeout(some_time(&mut self.random)),
            4 if alone => rx.another(self.random.bool()).recv(),
            5..=6 if alone => return self.batch(at, |values, max| rx.recv_many(values, max)),
            7..=8 => return self.batch(at, |values, max| try_batch(rx, values, max)),
            9 => return self.all(rx.drain()),
            10 => rx.downgrade().upgrade().expect("we live").try_recv(),
            11 => {
                rx.wait_closed_timeout(some_time(&mut self.random));
                Got::NotNow
            }
            12..=13 => return self.set(lanes),
            14 => {
                let time = Some(some_time(&mut self.random));
                return self.enter_one(recv_any(lanes, time));
            }
            _ if alone => rx.recv(),
            _ => return self.enter_one(recv_any(lanes, None)),
        };
        self.enter_one(Some((at, got)))
    }

    async fn act_in_a_task(&mut self, lanes: &[Option<Rx>], at: usize) -> Vec<usize> {
        let rx = lanes[at].as_ref().expect("it is open");
        let alone = lanes.len() == 1;
        let got = match self.random.u8(0..16) {
            // An executor wants its turns back.
            0 => {
                tokio::task::yield_now().await;
                rx.try_recv()
            }
            1 => {
                let time = some_time(&mut self.random);
                let received = tokio::time::timeout(time, rx.recv_async());
                received.await.unwrap_or(Got::NotNow)
            }
            2..=3 => self.two_at_a_time(rx).await,
            4 if alone => rx.another(self.random.bool()).recv_async().await,
            5..=7 => return self.batch_cut_off(rx, at).await,
            8 => return self.all(rx.drain()),
            9 => {
                let turns = self.random.u8(0..4);
                tokio::select! {
                    () = rx.closed() => {}
                    () = some_turns(turns) => {}
                }
                Got::NotNow
            }
            10..=11 => return self.set_in_a_task(lanes).await,
            12..=13 => {
                let time = Some(some_time(&mut self.random));
                let turns = self.random.u8(0..4);
                let got = tokio::select! {
                    biased;
                    got = recv_any_async(lanes, time) => got,
                    () = some_turns(turns) => None,
                };
                return self.enter_one(got);
            }
            _ if alone => rx.recv_async().await,
            _ => return self.enter_one(recv_any_async(lanes, None).await),
        };
        self.enter_one(Some((at, got)))
    }

    async fn two_at_a_time(&mut self, rx: &Rx) -> Got {
        let turns = self.random.u8(0..4);
        // The loser may have been handed a value. It has come back by then,
        // so that the winner's word that all is drained is old: look again.
        let got = tokio::select! {
            got = rx.recv_async() => got,
            got = rx.recv_async() => got,
            () = some_turns(turns) => Got::NotNow,
        };
        match got {
            Got::Drained => Got::NotNow,
            got => got,
        }
    }

    fn took(&mut self, value: Token) {
        value.end(RECEIVED);
        self.quota = self.quota.saturating_sub(1);
    }

    fn enter_one(&mut self, received: Option<Received>) -> Vec<usize> {
        match received {
            Some((_, Got::Value(value))) => self.took(value),
            Some((at, Got::Drained)) => return vec![at],
            Some((_, Got::NotNow)) | None => {}
        }
        Vec::new()
    }

    // ---- Batches. ----

    fn all(&mut self, values: Vec<Token>) -> Vec<usize> {
        for value in values {
            self.took(value);
        }
        Vec::new()
    }

    /// `receive` says how many it got, 0 if there will be none any more.
    fn batch(
        &mut self,
        at: usize,
        receive: impl FnOnce(&mut Vec<Token>, usize) -> usize,
    ) -> Vec<usize> {
        let mut values = Vec::new();
        let max = self.random.usize(1..=BATCH);
        let count = receive(&mut values, max);
        assert!(values.len() <= max, "more than was asked for");
        self.all(values);
        if count == 0 { vec![at] } else { Vec::new() }
    }

    async fn batch_cut_off(&mut self, rx: &Rx, at: usize) -> Vec<usize> {
        let mut values = Vec::new();
        let max = self.random.usize(1..=BATCH);
        let turns = self.random.u8(0..6);
        let count = tokio::select! {
            biased;
            count = rx.recv_many_async(&mut values, max) => Some(count),
            () = some_turns(turns) => None,
        };
        assert!(count.is_none_or(|count| count == values.len()));
        self.all(values);
        if count == Some(0) {
            vec![at]
        } else {
            Vec::new()
        }
    }

    // ---- A `Select` over all lanes. ----

    fn set(&mut self, lanes: &[Option<Rx>]) -> Vec<usize> {
        let mut select = recv_set(lanes, &mut self.random);
        for _ in 0..self.random.u8(1..4) {
            let got = match self.random.u8(0..3) {
                0 => select.try_select(),
                1 => select.select_timeout(some_time(&mut self.random)),
                _ => Some(select.select()),
            };
            let drained = self.enter_one(got);
            if !drained.is_empty() {
                return drained;
            }
        }
        Vec::new()
    }

    async fn set_in_a_task(&mut self, lanes: &[Option<Rx>]) -> Vec<usize> {
        let mut select = recv_set(lanes, &mut self.random);
        for _ in 0..self.random.u8(1..4) {
            let turns = self.random.u8(0..6);
            let got = tokio::select! {
                biased;
                got = select.select_async() => Some(got),
                () = some_turns(turns) => None,
            };
            let drained = self.enter_one(got);
            if !drained.is_empty() {
                return drained;
            }
        }
        Vec::new()
    }
}

/// Whatever there is. That there is nothing says nothing.
fn try_batch(rx: &Rx, values: &mut Vec<Token>, max: usize) -> usize {
    rx.try_recv_many(values, max);
    values.len().max(1)
}
