//! A party that sends, in all ways there are, on all lanes of its round.
//!
//! It holds no permit while it waits for something else: the room would be
//! missing to others, and nobody would be left to make some.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use chan_core::Permit;
use fastrand::Rng;
use tokio::runtime::Handle;

use crate::books::{Books, DISPLACED, RETURNED, SENT, Token};
use crate::ends::{Put, Tx};
use crate::round::{Leaving, Party, some_time, some_turns};
use crate::selects::{SendSet, Sent, send_either, send_either_async};

/// The most values that are made at a time.
pub(crate) const BATCH: usize = 16;

/// See the head of this file.
pub(crate) struct Sending {
    pub(crate) lanes: Vec<Tx>,
    pub(crate) makes: Makes,
    pub(crate) leaving: Leaving,
}

/// Makes values, and enters what becomes of them.
pub(crate) struct Makes {
    pub(crate) books: Arc<Books>,
    pub(crate) random: Rng,
    /// Values to make.
    pub(crate) left: usize,
}

impl Sending {
    pub(crate) fn start(self, thread: bool, tasks: &Handle) -> Party {
        if thread {
            Party::Thread(thread::spawn(|| self.on_a_thread()))
        } else {
            Party::Task(tasks.spawn(self.in_a_task()))
        }
    }

    fn on_a_thread(mut self) {
        while self.makes.left > 0 && self.makes.act(&self.lanes) {}
        // The handles first, so that the last one to leave has closed.
        drop(self.lanes);
        drop(self.leaving);
    }

    async fn in_a_task(mut self) {
        while self.makes.left > 0 && self.makes.act_in_a_task(&self.lanes).await {}
        drop(self.lanes);
        drop(self.leaving);
    }
}

/// Each of these says whether to go on; not so on a closed channel.
impl Makes {
    fn act(&mut self, lanes: &[Tx]) -> bool {
        let tx = &lanes[self.random.usize(0..lanes.len())];
        match self.random.u8(0..20) {
            0 => self.send(|value, _| tx.try_send(value)),
            1..=3 => self.send(|value, random| tx.send_timeout(value, some_time(random))),
            4 => self.send(|value, random| tx.another(random.bool()).send(value)),
            5..=6 => self.send_many(|values| tx.send_many(values)) && !tx.is_closed(),
            7 => self.send_many(|values| tx.try_send_many(values)),
            8..=9 => self.force(tx),
            10..=11 => self.send_permitted(tx),
            12..=13 => self.send_on_either(lanes),
            14 => self.send_on_all(lanes),
            15 => !tx.wait_closed_timeout(some_time(&mut self.random)),
            16 => self.send(|value, _| tx.downgrade().upgrade().expect("we live").send(value)),
            _ => self.send(|value, _| tx.send(value)),
        }
    }

    async fn act_in_a_task(&mut self, lanes: &[Tx]) -> bool {
        let tx = &lanes[self.random.usize(0..lanes.len())];
        match self.random.u8(0..20) {
            0 => self.send(|value, _| tx.try_send(value)),
            1..=4 => self.send_cut_off(tx).await,
            5 => {
                let tx = tx.another(self.random.bool());
                let value = self.value();
                let id = value.id();
                let put = tx.send_async(value).await;
                self.enter(id, put)
            }
            6..=7 => self.send_many_cut_off(tx).await,
            8..=9 => self.force(tx),
            10..=11 => self.send_permitted_in_a_task(tx).await,
            12..=13 => self.send_on_either_in_a_task(lanes).await,
            14 => self.send_on_all_in_a_task(lanes).await,
            15 => {
                let turns = self.random.u8(0..4);
                tokio::select! {
                    () = tx.closed() => false,
                    () = some_turns(turns) => true,
                }
            }
            _ => {
                let value = self.value();
                let id = value.id();
                let put = tx.send_async(value).await;
                self.enter(id, put)
            }
        }
    }

    fn value(&mut self) -> Token {
        self.left = self.left.saturating_sub(1);
        self.books.token()
    }

    /// Enters what became of a value; false if the channel is closed.
    fn enter(&self, id: usize, put: Put) -> bool {
        match put {
            Put::Done => self.books.mark(id, SENT),
            Put::NotNow(value) => value.end(RETURNED),
            Put::Closed(value) => {
                value.end(RETURNED);
                return false;
            }
        }
        true
    }

    pub(crate) fn send(&mut self, send: impl FnOnce(Token, &mut Rng) -> Put) -> bool {
        let value = self.value();
        let id = value.id();
        let put = send(value, &mut self.random);
        self.enter(id, put)
    }

    async fn send_cut_off(&mut self, tx: &Tx) -> bool {
        let value = self.value();
        let id = value.id();
        let put = if self.random.bool() {
            let time = some_time(&mut self.random);
            let sent = tokio::time::timeout(time, tx.send_async(value));
            sent.await.ok()
        } else {
            let turns = self.random.u8(0..4);
            tokio::select! {
                biased;
                put = tx.send_async(value) => Some(put),
                () = some_turns(turns) => None,
            }
        };
        // One that was cut off was taken or dropped.
        put.is_none_or(|put| self.enter(id, put))
    }

    // ---- Batches. ----

    fn batch(&mut self) -> (VecDeque<Token>, Vec<usize>) {
        let count = self.random.usize(1..=BATCH);
        let values: VecDeque<Token> = (0..count).map(|_| self.value()).collect();
        let ids = values.iter().map(Token::id).collect();
        (values, ids)
    }

    /// Enters a batch of which `values` are left. They are its last ones.
    fn enter_batch(&self, ids: &[usize], values: VecDeque<Token>) {
        let sent = ids.len() - values.len();
        let left: Vec<usize> = values.iter().map(Token::id).collect();
        assert_eq!(left, ids[sent..], "what is left of a batch");
        for &id in &ids[..sent] {
            self.books.mark(id, SENT);
        }
        for value in values {
            value.end(RETURNED);
        }
    }

    fn send_many(&mut self, send: impl FnOnce(&mut VecDeque<Token>)) -> bool {
        let (mut values, ids) = self.batch();
        send(&mut values);
        self.enter_batch(&ids, values);
        true
    }

    async fn send_many_cut_off(&mut self, tx: &Tx) -> bool {
        let (mut values, ids) = self.batch();
        let turns = self.random.u8(0..6);
        tokio::select! {
            biased;
            () = tx.send_many_async(&mut values) => {}
            () = some_turns(turns) => {}
        }
        self.enter_batch(&ids, values);
        !tx.is_closed()
    }

    fn force(&mut self, tx: &Tx) -> bool {
        let value = self.value();
        let id = value.id();
        let (put, oldest) = tx.force_send(value);
        if let Some(oldest) = oldest {
            oldest.end(DISPLACED);
        }
        self.enter(id, put)
    }

    // ---- Permits. ----

    fn send_permitted(&mut self, tx: &Tx) -> bool {
        if !tx.has_buffer() {
            return true;
        }
        let permit = match self.random.u8(0..3) {
            0 => tx.try_reserve(),
            1 => tx.reserve_timeout(some_time(&mut self.random)),
            _ => tx.reserve(),
        };
        match permit {
            Some(permit) => self.spend(permit, tx),
            None => !tx.is_closed(),
        }
    }

    async fn send_permitted_in_a_task(&mut self, tx: &Tx) -> bool {
        if !tx.has_buffer() {
            return true;
        }
        let turns = self.random.u8(0..6);
        let permit = tokio::select! {
            biased;
            permit = tx.reserve_async() => permit,
            () = some_turns(turns) => None,
        };
        let Some(permit) = permit else {
            return !tx.is_closed();
        };
        // Others wait meanwhile.
        some_turns(self.random.u8(0..2)).await;
        self.spend(permit, tx)
    }

    fn spend(&mut self, permit: Permit<'_, Token>, tx: &Tx) -> bool {
        // Of several that are had at once some are dropped.
        let more = (0..self.random.u8(0..3)).map_while(|_| tx.try_reserve());
        let more: Vec<_> = more.collect();
        let value = self.value();
        let id = value.id();
        let sent = match self.random.u8(0..5) {
            0 => return true,
            1 => permit.into_owned().send(value),
            2 => {
                drop(permit.into_owned());
                return self.enter(id, Put::NotNow(value));
            }
            _ => permit.send(value),
        };
        let went_on = match sent {
            Ok(()) => self.enter(id, Put::Done),
            Err(closed) => self.enter(id, Put::Closed(closed.into_inner())),
        };
        drop(more);
        went_on
    }

    // ---- Selects. ----

    fn two<'l>(&mut self, lanes: &'l [Tx]) -> ([&'l Tx; 2], [Token; 2], [usize; 2]) {
        let any = |random: &mut Rng| &lanes[random.usize(0..lanes.len())];
        let lanes = [any(&mut self.random), any(&mut self.random)];
        let values = [self.value(), self.value()];
        let ids = [values[0].id(), values[1].id()];
        (lanes, values, ids)
    }

    fn enter_either(&self, ids: [usize; 2], sent: Option<Sent>) -> bool {
        sent.is_none_or(|(at, put)| self.enter(ids[at], put))
    }

    fn send_on_either(&mut self, lanes: &[Tx]) -> bool {
        let (lanes, values, ids) = self.two(lanes);
        let time = self.random.bool().then(|| some_time(&mut self.random));
        let sent = send_either(lanes, values, time);
        self.enter_either(ids, sent)
    }

    async fn send_on_either_in_a_task(&mut self, lanes: &[Tx]) -> bool {
        let (lanes, values, ids) = self.two(lanes);
        let time = self.random.bool().then(|| some_time(&mut self.random));
        let turns = self.random.u8(0..6);
        let sent = tokio::select! {
            biased;
            sent = send_either_async(lanes, values, time) => sent,
            () = some_turns(turns) => None,
        };
        self.enter_either(ids, sent)
    }

    /// A [`Select`](chan_select::Select) over all lanes, and the values in it.
    fn set<'l>(&mut self, lanes: &'l [Tx]) -> (SendSet<'l>, Vec<usize>) {
        let mut random = self.random.fork();
        let mut ids = Vec::new();
        let set = SendSet::new(lanes, &mut random, |_| {
            let value = self.value();
            ids.push(value.id());
            value
        });
        (set, ids)
    }

    /// Enters what a select did, and gives its case another value.
    fn go_on(&mut self, set: &mut SendSet<'_>, ids: &mut [usize], sent: Sent) -> bool {
        let (at, put) = sent;
        let open = self.enter(ids[at], put);
        let value = self.value();
        ids[at] = value.id();
        set.put(at, value);
        open
    }

    fn send_on_all(&mut self, lanes: &[Tx]) -> bool {
        let (mut set, mut ids) = self.set(lanes);
        let mut open = true;
        for _ in 0..self.random.u8(1..4) {
            let sent = match self.random.u8(0..3) {
                0 => set.select.try_select(),
                1 => set.select.select_timeout(some_time(&mut self.random)),
                _ => Some(set.select.select()),
            };
            open = sent.is_none_or(|sent| self.go_on(&mut set, &mut ids, sent));
            if !open {
                break;
            }
        }
        self.end_set(set);
        open
    }

    async fn send_on_all_in_a_task(&mut self, lanes: &[Tx]) -> bool {
        let (mut set, mut ids) = self.set(lanes);
        let mut open = true;
        for _ in 0..self.random.u8(1..4) {
            let turns = self.random.u8(0..6);
            let sent = tokio::select! {
                biased;
                sent = set.select.select_async() => Some(sent),
                () = some_turns(turns) => None,
            };
            open = sent.is_none_or(|sent| self.go_on(&mut set, &mut ids, sent));
            if !open {
                break;
            }
        }
        self.end_set(set);
        open
    }

    fn end_set(&self, mut set: SendSet<'_>) {
        for value in set.take_back() {
            value.end(RETURNED);
        }
    }
}
