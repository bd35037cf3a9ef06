//! One round: some channels (its lanes), threads and tasks that send and
//! receive on all of them in all ways there are, an end to it, and the books.
//!
//! Every round ends by itself: when all of one side have left, the lanes are
//! closed, by Rust's manners or by the round. Whoever still waits is woken by
//! that, or somebody is lost, which the watchdog sees.
//!
//! `sending.rs` and `receiving.rs` have the parties, `others.rs` those who wait
//! for the close, or upgrade weak handles until there are none to be had.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use chan_core::observe;
use fastrand::Rng;
use tokio::runtime::Handle;

use crate::books::{Books, Sums};
use crate::ends::{Rx, Tx, channel};
use crate::less_common::WeakTx;
use crate::others::{Haunting, wait_for_the_close};
use crate::receiving::{Receiving, Takes};
use crate::selects::LANES;
use crate::sending::{BATCH, Makes, Sending};

/// What a channel of a round is like.
#[derive(Clone, Debug)]
struct Lane {
    go: bool,
    /// None is without a limit.
    capacity: Option<usize>,
}

/// What a round is about.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    seed: u64,
    lanes: Vec<Lane>,
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
    /// Somebody waits for the close.
    awaited: bool,
    /// Somebody upgrades weak handles.
    haunted: bool,
}

/// Who has left; sent by a party's [`Leaving`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Sending,
    Receiving,
}

/// Says at its end that a party has left.
pub(crate) struct Leaving(Side, mpsc::Sender<Side>);

impl Drop for Leaving {
    fn drop(&mut self) {
        // The round is not interested any more once one side is gone.
        let _ = self.1.send(self.0);
    }
}

/// A thread or a task of the round.
pub(crate) enum Party {
    Thread(thread::JoinHandle<()>),
    Task(tokio::task::JoinHandle<()>),
}

impl Lane {
    fn new(random: &mut Rng) -> Lane {
        let capacity = match random.u8(0..5) {
            0 => Some(0),
            1 => Some(random.usize(1..4)),
            2 => None,
            _ => Some(random.usize(0..=64)),
        };
        Lane {
            go: random.bool(),
            capacity,
        }
    }
}

/// The ends of the lanes that the round itself has.
struct Ends {
    tx: Vec<Tx>,
    rx: Vec<Rx>,
}

impl Plan {
    pub(crate) fn new(seed: u64, most_values: usize) -> Plan {
        let mut random = Rng::with_seed(seed);
        let lanes = match random.u8(0..2) {
            0 => 1,
            _ => random.usize(2..=LANES),
        };
        Plan {
            seed,
            lanes: (0..lanes).map(|_| Lane::new(&mut random)).collect(),
            senders: random.usize(1..=4),
            receivers: random.usize(1..=4),
            values: random.usize(1..=most_values),
            receivers_leave: random.u8(0..4) == 0,
            close_early: random.u8(0..4) == 0,
            abort: random.u8(0..4) == 0,
            awaited: random.u8(0..3) == 0,
            haunted: random.u8(0..3) == 0,
        }
    }

    /// Runs the round to its end and closes the books.
    pub(crate) fn run(&self, tasks: &Handle) -> Result<Sums, String> {
        let before = channels_and_waits();
        // Those who are at it make a few more, and so does one who haunts.
        let books = Books::new((self.senders + 1) * (self.values + 2 * BATCH));
        let mut random = Rng::with_seed(self.seed ^ 1);
        let made = self
            .lanes
            .iter()
            .map(|lane| channel(lane.go, lane.capacity));
        let (tx, rx) = made.unzip();
        let ends = Ends { tx, rx };
        let weak: Vec<WeakTx> = ends.tx.iter().map(Tx::downgrade).collect();
        let (leaves, left) = mpsc::channel();
        let mut parties = self.start(&ends, &books, &leaves, &mut random, tasks);
        drop(leaves);
        let Ends { tx, rx } = ends;
        if self.haunted {
            let at = random.usize(0..tx.len());
            let haunting = Haunting {
                tx: tx[at].another(random.bool()).downgrade(),
                rx: rx[at].another(random.bool()).downgrade(),
                makes: self.makes(&books, &mut random),
            };
            parties.push(haunting.start());
        }
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
        check_nothing_comes_back(&weak)?;
        check_nothing_is_left(before)?;
        Ok(sums)
    }

    fn makes(&self, books: &Arc<Books>, random: &mut Rng) -> Makes {
        Makes {
            books: Arc::clone(books),
            random: random.fork(),
            left: self.values,
        }
    }

    fn start(
        &self,
        ends: &Ends,
        books: &Arc<Books>,
        leaves: &mpsc::Sender<Side>,
        random: &mut Rng,
        tasks: &Handle,
    ) -> Vec<Party> {
        let mut parties = Vec::new();
        for _ in 0..self.senders {
            let lanes = ends.tx.iter().map(|tx| tx.another(random.bool()));
            let sender = Sending {
                lanes: lanes.collect(),
                makes: self.makes(books, random),
                leaving: Leaving(Side::Sending, leaves.clone()),
            };
            parties.push(sender.start(random.bool(), tasks));
        }
        for _ in 0..self.receivers {
            let lanes = ends.rx.iter().map(|rx| Some(rx.another(random.bool())));
            let lanes = lanes.collect();
            let quota = self.receivers_leave.then(|| random.usize(0..=self.values));
            let receiver = Receiving {
                lanes,
                takes: Takes {
                    random: random.fork(),
                    quota: quota.unwrap_or(usize::MAX),
                },
                leaving: Leaving(Side::Receiving, leaves.clone()),
            };
            parties.push(receiver.start(random.bool(), tasks));
        }
        if self.awaited {
            let lanes = ends.tx.iter().map(|tx| tx.another(random.bool()));
            parties.push(wait_for_the_close(lanes.collect(), random.bool(), tasks));
        }
        parties
    }

    /// What happens in the middle.
    fn interfere(&self, tx: &[Tx], parties: &[Party], random: &mut Rng) {
        let pause = |random: &mut Rng| {
            thread::sleep(Duration::from_micros(random.u64(0..2000)));
        };
        if self.abort {
            pause(random);
            for party in parties.iter().step_by(2) {
                if let Party::Task(task) = party {
                    task.abort();
                }
            }
        }
        if self.close_early {
            pause(random);
            // One of them, or all.
            let one = random.usize(0..=tx.len());
            let lanes = tx.get(one).map_or(tx, std::slice::from_ref);
            lanes.iter().for_each(Tx::close);
        }
    }

    /// Waits until all of one side have left, and closes as Go's manners want
    /// it. With Rust's manners our own handle must not keep a lane open, unless
    /// somebody waits for the close with another one.
    fn see_it_end(&self, tx: Vec<Tx>, left: &mpsc::Receiver<Side>) {
        let lanes = tx.into_iter().zip(&self.lanes);
        let closers: Vec<Tx> = lanes
            .filter(|(_, lane)| lane.go || self.awaited)
            .map(|(tx, _)| tx)
            .collect();
        let (mut senders, mut receivers) = (self.senders, self.receivers);
        while senders > 0 && receivers > 0 {
            match left.recv().expect("every party says that it leaves") {
                Side::Sending => senders -= 1,
                Side::Receiving => receivers -= 1,
            }
        }
        for tx in closers {
            tx.close();
        }
    }
}

/// A channel whose handles are gone stays gone.
fn check_nothing_comes_back(weak: &[WeakTx]) -> Result<(), String> {
    for weak in weak {
        let handles = weak.handles();
        if handles > 0 || weak.upgrade().is_some() {
            return Err(format!("{handles} handles are counted, or one came back"));
        }
    }
    Ok(())
}

/// Channels that are alive, and parties that wait, as a watcher counts them.
/// (leakwatch has one of each for itself.)
fn channels_and_waits() -> (usize, usize) {
    let channels = observe::channels();
    let waits = channels.iter().map(|it| it.snapshot().waits.len());
    let waits = waits.sum::<usize>() + observe::nil_waits().len();
    (channels.len(), waits)
}

/// What a watcher sees after a round: no channel more than before it, nobody
/// more who waits.
fn check_nothing_is_left(before: (usize, usize)) -> Result<(), String> {
    let now = channels_and_waits();
    if now == before {
        return Ok(());
    }
    let last = observe::channels().into_iter().next_back();
    Err(format!(
        "{now:?} channels and waits are left, not {before:?}; the last: {last:?}"
    ))
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

/// Mostly none at all: then it is decided who was first.
pub(crate) fn some_time(random: &mut Rng) -> Duration {
    match random.u8(0..4) {
        0 => Duration::from_micros(random.u64(0..300)),
        1 => Duration::from_micros(random.u64(0..10)),
        _ => Duration::ZERO,
    }
}

pub(crate) async fn some_turns(turns: u8) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let face = if self.go { "Go's" } else { "Rust's" };
        match self.capacity {
            Some(capacity) => write!(f, "{face} manners, capacity {capacity}"),
            None => write!(f, "{face} manners, no limit"),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for lane in &self.lanes {
            write!(f, "{lane}; ")?;
        }
        write!(
            f,
            "{} senders of {} values, {} receivers",
            self.senders, self.values, self.receivers
        )?;
        for (what, said) in [
            (self.receivers_leave, "receivers leave"),
            (self.close_early, "closed early"),
            (self.abort, "tasks aborted"),
            (self.awaited, "the close awaited"),
            (self.haunted, "haunted"),
        ] {
            if what {
                write!(f, ", {said}")?;
            }
        }
        Ok(())
    }
}
