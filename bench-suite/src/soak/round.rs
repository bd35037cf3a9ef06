//! One round: a channel, some threads and tasks that send and receive in all
//! ways there are, an end to it, and the books.
//!
//! Every round ends by itself: when all of one side have left, the channel is
//! closed, by Rust's manners or by the round. Whoever still waits is woken by
//! that, or somebody is lost, which the watchdog sees.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chan_core::observe;
use fastrand::Rng;
use tokio::runtime::Handle;

use crate::books::{Books, RECEIVED, RETURNED, SENT, Sums};
use crate::ends::{Got, Put, Rx, Tx, channel};

/// What a round is about.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    seed: u64,
    go: bool,
    capacity: usize,
    senders: usize,
    receivers: usize,
    /// Values of each sender.
    values: usize,
    /// Receivers leave after some values.
    receivers_leave: bool,
    /// Somebody closes in the middle.
    close_early: bool,
    /// Tasks are cut off in the middle of whatever they do.
    abort: bool,
}

/// Who has left; sent by a party's [`Leaving`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Sending,
    Receiving,
}

struct Leaving(Side, mpsc::Sender<Side>);

impl Drop for Leaving {
    fn drop(&mut self) {
        // The round is not interested any more once one side is gone.
        let _ = self.1.send(self.0);
    }
}

/// A thread or a task of the round.
enum Party {
    Thread(thread::JoinHandle<()>),
    Task(tokio::task::JoinHandle<()>),
}

impl Plan {
    pub(crate) fn new(seed: u64, most_values: usize) -> Plan {
        let mut random = Rng::with_seed(seed);
        let capacity = match random.u8(0..4) {
            0 => 0,
            1 => random.usize(1..4),
            _ => random.usize(0..=64),
        };
        Plan {
            seed,
            go: random.bool(),
            capacity,
            senders: random.usize(1..=4),
            receivers: random.usize(1..=4),
            values: random.usize(1..=most_values),
            receivers_leave: random.u8(0..4) == 0,
            close_early: random.u8(0..4) == 0,
            abort: random.u8(0..4) == 0,
        }
    }

    /// Runs the round to its end and closes the books.
    pub(crate) fn run(&self, tasks: &Handle) -> Result<Sums, String> {
        let before = observe::channels().len();
        let books = Books::new(self.senders * self.values);
        let mut random = Rng::with_seed(self.seed ^ 1);
        let (tx, rx) = channel(self.go, self.capacity);
        let (leaves, left) = mpsc::channel();
        let mut parties = Vec::new();
        for _ in 0..self.senders {
            let sender = Sending {
                tx: tx.another(random.bool()),
                books: Arc::clone(&books),
                random: random.fork(),
                values: self.values,
                leaving: Leaving(Side::Sending, leaves.clone()),
            };
            parties.push(sender.start(random.bool(), tasks));
        }
        for _ in 0..self.receivers {
            let quota = self.receivers_leave.then(|| random.usize(0..=self.values));
            let receiver = Receiving {
                rx: rx.another(random.bool()),
                random: random.fork(),
                quota: quota.unwrap_or(usize::MAX),
                leaving: Leaving(Side::Receiving, leaves.clone()),
            };
            parties.push(receiver.start(random.bool(), tasks));
        }
        drop(leaves);
        drop(rx);
        self.interfere(&tx, &parties, &mut random);
        self.see_it_end(tx, &left);
        let panics: Vec<String> = parties
            .into_iter()
            .filter_map(|party| party.join(tasks).err())
            .collect();
        if let Some(panic) = panics.first() {
            return Err(format!("a party panicked: {panic}"));
        }
        let sums = books.close(!self.receivers_leave && !self.abort)?;
        check_nothing_is_left(before)?;
        Ok(sums)
    }

    /// What happens in the middle.
    fn interfere(&self, tx: &Tx, parties: &[Party], random: &mut Rng) {
        let mut pause = || thread::sleep(Duration::from_micros(random.u64(0..2000)));
        if self.abort {
            pause();
            for party in parties.iter().step_by(2) {
                if let Party::Task(task) = party {
                    task.abort();
                }
            }
        }
        if self.close_early {
            pause();
            tx.close();
        }
    }

    /// Waits until all of one side have left, and closes as Go's manners want
    /// it. With Rust's manners our own handle must not keep it open.
    fn see_it_end(&self, tx: Tx, left: &mpsc::Receiver<Side>) {
        let closer = self.go.then_some(tx);
        let (mut senders, mut receivers) = (self.senders, self.receivers);
        while senders > 0 && receivers > 0 {
            match left.recv().expect("every party says that it leaves") {
                Side::Sending => senders -= 1,
                Side::Receiving => receivers -= 1,
            }
        }
        if let Some(tx) = closer {
            tx.close();
        }
    }
}

/// What a watcher sees after a round: no channel more than before it, nobody
/// who waits.
fn check_nothing_is_left(before: usize) -> Result<(), String> {
    let channels = observe::channels();
    if channels.len() != before {
        let (now, last) = (channels.len(), channels.last());
        return Err(format!(
            "{now} channels are alive, not {before}; the last: {last:?}"
        ));
    }
    let waits: usize = channels
        .iter()
        .map(|channel| channel.snapshot().waits.len())
        .sum();
    let waits = waits + observe::nil_waits().len();
    if waits > 0 {
        return Err(format!("waits left: {waits}"));
    }
    Ok(())
}

impl Party {
    /// Waits for its end. A panic of Go's is an end like any other.
    fn join(self, tasks: &Handle) -> Result<(), String> {
        let panic = match self {
            Party::Thread(thread) => thread.join().err(),
            Party::Task(task) => match tasks.block_on(task) {
                Err(error) if error.is_panic() => Some(error.into_panic()),
                _ => None,
            },
        };
        match panic {
            Some(panic) if !is_gos(&*panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                Err(text.unwrap_or_else(|| "without a text".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a panic is the one that Go's manners want.
pub(crate) fn is_gos(panic: &(dyn std::any::Any + Send)) -> bool {
    let text = panic.downcast_ref::<String>();
    text.is_some_and(|text| text.starts_with("send on closed channel"))
}

/// A party that sends.
struct Sending {
    tx: Tx,
    books: Arc<Books>,
    random: Rng,
    values: usize,
    leaving: Leaving,
}

impl Sending {
    fn start(self, thread: bool, tasks: &Handle) -> Party {
        if thread {
            Party::Thread(thread::spawn(|| self.on_a_thread()))
        } else {
            Party::Task(tasks.spawn(self.in_a_task()))
        }
    }

    fn on_a_thread(mut self) {
        for _ in 0..self.values {
            let value = self.books.token();
            let id = value.id();
            let put = match self.random.u8(0..8) {
                0 => self.tx.try_send(value),
                1 | 2 => self.tx.send_timeout(value, some_time(&mut self.random)),
                3 => self.tx.another(self.random.bool()).send(value),
                _ => self.tx.send(value),
            };
            if !self.enter(id, put) {
                break;
            }
        }
        // The handle first, so that the last one to leave has closed.
        drop(self.tx);
        drop(self.leaving);
    }

    async fn in_a_task(mut self) {
        for _ in 0..self.values {
            let value = self.books.token();
            let id = value.id();
            let put = match self.random.u8(0..8) {
                0 => Some(self.tx.try_send(value)),
                1 => {
                    let time = some_time(&mut self.random);
                    let sent = tokio::time::timeout(time, self.tx.send_async(value));
                    sent.await.ok()
                }
                2 | 3 => {
                    let turns = self.random.u8(0..4);
                    tokio::select! {
                        biased;
                        put = self.tx.send_async(value) => Some(put),
                        () = some_turns(turns) => None,
                    }
                }
                4 => {
                    let tx = self.tx.another(self.random.bool());
                    Some(tx.send_async(value).await)
                }
                _ => Some(self.tx.send_async(value).await),
            };
            // One that was cut off was taken or dropped.
            if put.is_some_and(|put| !self.enter(id, put)) {
                break;
            }
        }
        drop(self.tx);
        drop(self.leaving);
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
}

/// A party that receives.
struct Receiving {
    rx: Rx,
    random: Rng,
    /// Leaves after so many values.
    quota: usize,
    leaving: Leaving,
}

impl Receiving {
    fn start(self, thread: bool, tasks: &Handle) -> Party {
        if thread {
            Party::Thread(thread::spawn(|| self.on_a_thread()))
        } else {
            Party::Task(tasks.spawn(self.in_a_task()))
        }
    }

    fn on_a_thread(mut self) {
        while self.quota > 0 {
            let got = match self.random.u8(0..8) {
                0 => self.rx.try_recv(),
                1 | 2 => self.rx.recv_timeout(some_time(&mut self.random)),
                3 => self.rx.another(self.random.bool()).recv(),
                _ => self.rx.recv(),
            };
            if !self.enter(got) {
                break;
            }
        }
        drop(self.rx);
        drop(self.leaving);
    }

    async fn in_a_task(mut self) {
        while self.quota > 0 {
            let got = match self.random.u8(0..8) {
                // An executor wants its turns back.
                0 => {
                    tokio::task::yield_now().await;
                    self.rx.try_recv()
                }
                1 => {
                    let time = some_time(&mut self.random);
                    let received = tokio::time::timeout(time, self.rx.recv_async());
                    received.await.unwrap_or(Got::NotNow)
                }
                2 | 3 => {
                    let turns = self.random.u8(0..4);
                    // Two at a time: the loser may have been handed a value.
                    // It has come back by then, so that the winner's word that
                    // all is drained is old: look again.
                    let got = tokio::select! {
                        got = self.rx.recv_async() => got,
                        got = self.rx.recv_async() => got,
                        () = some_turns(turns) => Got::NotNow,
                    };
                    match got {
                        Got::Drained => Got::NotNow,
                        got => got,
                    }
                }
                4 => {
                    let rx = self.rx.another(self.random.bool());
                    rx.recv_async().await
                }
                _ => self.rx.recv_async().await,
            };
            if !self.enter(got) {
                break;
            }
        }
        drop(self.rx);
        drop(self.leaving);
    }

    /// Enters what came; false if nothing will come any more.
    fn enter(&mut self, got: Got) -> bool {
        match got {
            Got::Value(value) => {
                value.end(RECEIVED);
                self.quota -= 1;
                true
            }
            Got::NotNow => true,
            Got::Drained => false,
        }
    }
}

/// Mostly none at all: then it is decided who was first.
fn some_time(random: &mut Rng) -> Duration {
    match random.u8(0..4) {
        0 => Duration::from_micros(random.u64(0..300)),
        1 => Duration::from_micros(random.u64(0..10)),
        _ => Duration::ZERO,
    }
}

async fn some_turns(turns: u8) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let face = if self.go { "Go's" } else { "Rust's" };
        write!(
            f,
            "{face} manners, capacity {}, {} senders of {} values, {} receivers",
            self.capacity, self.senders, self.values, self.receivers
        )?;
        for (what, said) in [
            (self.receivers_leave, "receivers leave"),
            (self.close_early, "closed early"),
            (self.abort, "tasks aborted"),
        ] {
            if what {
                write!(f, ", {said}")?;
            }
        }
        Ok(())
    }
}
