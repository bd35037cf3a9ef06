//! One run of a case: who takes part, who has ended, and the gates that force
//! an order.
//!
//! What is true of a run is written down here, by the tasks themselves: who
//! began and has not ended is stuck, or about to end. The detector is not
//! asked.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use chan_core::observe::{self, Channel, Direction, Holder};
use chan_core::{Builder, Chan};
use leakwatch::test::World;
use leakwatch::{Enclosed, Handle};

use crate::cases::{Case, Flavour, Form};

/// What a run is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) form: Form,
    pub(crate) flavour: Flavour,
    /// The order that leaks is forced by gates.
    pub(crate) forced: bool,
    /// Without the bug.
    pub(crate) fixed: bool,
    /// Inside a scope that nothing leaves.
    pub(crate) closed: bool,
}

impl Setting {
    /// Whether all that is stuck must be proven to be.
    pub(crate) fn must_prove(self, case: &Case) -> bool {
        case.rung.is_provable() && !self.fixed && (self.closed || self.form != Form::Arc)
    }
}

/// One run.
pub(crate) struct Run {
    pub(crate) setting: Setting,
    /// Where it takes place, if nothing leaves that.
    pub(crate) world: Option<World>,
    number: usize,
    runtime: Option<tokio::runtime::Handle>,
    books: Mutex<Books>,
    gates: Mutex<HashMap<&'static str, bool>>,
    channels: Mutex<HashMap<&'static str, Channel>>,
    turn: AtomicUsize,
    /// Those who are kept at work may end.
    released: AtomicBool,
}

#[derive(Default)]
struct Books {
    seats: Vec<(&'static str, Standing)>,
    changes: u64,
    panics: Vec<String>,
}

/// What became of a task.
#[derive(Clone, Copy, PartialEq)]
enum Standing {
    Going,
    /// It goes on for as long as the judge looks, and is no leak.
    Kept,
    Ended,
}

/// How often each name occurs.
pub(crate) type Census = BTreeMap<String, usize>;

/// What is true of a run at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    /// Who has not ended, without those who are kept.
    pub(crate) going: Census,
    pub(crate) kept: usize,
    /// Grows with everything that begins or ends.
    pub(crate) changes: u64,
    pub(crate) panics: Vec<String>,
}

impl Run {
    pub(crate) fn new(setting: Setting, runtime: Option<tokio::runtime::Handle>) -> Arc<Run> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        Arc::new(Run {
            setting,
            world: setting.closed.then(World::new),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            runtime,
            books: Mutex::default(),
            gates: Mutex::default(),
            channels: Mutex::default(),
            turn: AtomicUsize::new(0),
            released: AtomicBool::new(false),
        })
    }

    /// What stands before the name of each of its tasks.
    pub(crate) fn prefix(&self) -> String {
        format!("{}/", self.number)
    }

    pub(crate) fn truth(&self) -> Truth {
        let books = self.books();
        let mut going = Census::new();
        for (label, _) in books.seats.iter().filter(|seat| seat.1 == Standing::Going) {
            *going.entry((*label).to_owned()).or_default() += 1;
        }
        let kept = |seat: &&(_, Standing)| seat.1 == Standing::Kept;
        Truth {
            going,
            kept: books.seats.iter().filter(kept).count(),
            changes: books.changes,
            panics: books.panics.clone(),
        }
    }

    /// Lets those go who are kept.
    pub(crate) fn release(&self) {
        self.released.store(true, Ordering::Release);
    }

    /// Where tasks are spawned.
    pub(crate) fn runtime(&self) -> &tokio::runtime::Handle {
        self.runtime.as_ref().expect("this flavour has tasks")
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().expect("nobody panics with the books")
    }
}

/// The stage of a run, and each of its tasks: what a case is written against.
#[derive(Clone)]
pub(crate) struct Me {
    pub(crate) run: Arc<Run>,
    seat: Option<usize>,
    blocks: bool,
}

impl Me {
    /// The stage, which begins tasks and is none.
    pub(crate) fn stage(run: Arc<Run>) -> Me {
        Me {
            run,
            seat: None,
            blocks: true,
        }
    }

    /// Whether it is a thread.
    pub(crate) fn blocks(&self) -> bool {
        self.blocks
    }

    pub(crate) fn fixed(&self) -> bool {
        self.run.setting.fixed
    }

    /// A channel of this run.
    pub(crate) fn chan<T: Send + 'static>(&self, name: &'static str, capacity: usize) -> Chan<T> {
        self.adopt(name, Builder::new().capacity(capacity).name(name).chan())
    }

    /// A channel of this run whose messages are handles.
    pub(crate) fn letters<H: Handle + Send + 'static>(
        &self,
        name: &'static str,
        capacity: usize,
    ) -> Chan<Enclosed<H>> {
        self.chan(name, capacity)
    }

    /// Puts a handle where others than the tasks of this run can get at it. A
    /// closed world has to be told: whoever could come is no part of it.
    pub(crate) fn lets_out(&self, handle: &impl Handle) {
        if self.run.world.is_some() {
            leakwatch::test::let_out(handle);
        }
    }

    /// Knows the channel by its name from now on; see [`waits`](Me::waits).
    fn adopt<T>(&self, name: &'static str, chan: Chan<T>) -> Chan<T> {
        let id = chan.holding().expect("it is not nil").channel;
        let channel = observe::channels()
            .into_iter()
            .find(|channel| channel.id() == id);
        let channel = channel.expect("it is alive");
        let mut channels = self.run.channels.lock().expect("nobody panics with it");
        channels.insert(name, channel);
        chan
    }

    /// Whether so many wait to send to, or to receive from a channel. Looked
    /// at from outside: no handle is needed.
    pub(crate) fn waits(&self, name: &'static str, direction: Direction, many: usize) -> bool {
        let channels = self.run.channels.lock().expect("nobody panics with it");
        let channel = channels[name].clone();
        drop(channels);
        let waits = channel.snapshot().waits;
        waits
            .iter()
            .filter(|wait| wait.direction == direction)
            .count()
            >= many
    }

    // ---- Gates. ----

    /// Waits until the gate is opened, if the order is forced.
    pub(crate) async fn gate(&self, name: &'static str) {
        self.until(|| self.is_open(name)).await;
    }

    /// Opens a gate for good.
    pub(crate) fn open(&self, name: &'static str) {
        self.run
            .gates
            .lock()
            .expect("nobody panics with it")
            .insert(name, true);
    }

    fn is_open(&self, name: &'static str) -> bool {
        let gates = self.run.gates.lock().expect("nobody panics with it");
        gates.get(name) == Some(&true)
    }

    /// Waits until it is so, if the order is forced.
    pub(crate) async fn until(&self, so: impl Fn() -> bool) {
        if self.run.setting.forced {
            self.wait(so).await;
        }
    }

    /// Waits for as long as the judge looks. The task is no leak.
    pub(crate) async fn stay(&self) {
        self.stand(Standing::Kept);
        self.wait(|| self.has_leave()).await;
        self.stand(Standing::Going);
    }

    /// The same of a task that goes on with something else meanwhile, and asks
    /// [`has_leave`](Me::has_leave) now and then.
    pub(crate) fn is_kept(&self) {
        self.stand(Standing::Kept);
    }

    /// Whether it may end.
    pub(crate) fn has_leave(&self) -> bool {
        self.run.released.load(Ordering::Acquire)
    }

    /// Takes turns until it is so, in a way that no watcher sees.
    pub(crate) async fn wait(&self, so: impl Fn() -> bool) {
        let mut turns = 0;
        while !so() {
            turns += 1;
            match (self.blocks, turns > 50) {
                (true, false) => thread::yield_now(),
                (true, true) => thread::sleep(Duration::from_micros(200)),
                (false, false) => tokio::task::yield_now().await,
                (false, true) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    }

    fn stand(&self, standing: Standing) {
        let seat = self.seat.expect("a task, not the stage");
        let mut books = self.run.books();
        books.seats[seat].1 = standing;
        books.changes += 1;
    }

    // ---- Beginning a task. ----

    /// A seat for a new task. It is written down before the task runs, so
    /// that nobody is missing from the count.
    pub(crate) fn seat(&self, label: &'static str) -> Seat {
        let mut books = self.run.books();
        let seat = books.seats.len();
        books.seats.push((label, Standing::Going));
        books.changes += 1;
        drop(books);
        let blocks = match self.run.setting.flavour {
            Flavour::Threads => true,
            Flavour::TokioOne | Flavour::TokioMany => false,
            Flavour::Mixed => self
                .run
                .turn
                .fetch_add(1, Ordering::Relaxed)
                .is_multiple_of(2),
        };
        Seat {
            me: Me {
                run: Arc::clone(&self.run),
                seat: Some(seat),
                blocks,
            },
            name: format!("{}{label}", self.run.prefix()),
        }
    }
}

/// A task that is about to begin.
pub(crate) struct Seat {
    pub(crate) me: Me,
    /// Its name in reports.
    pub(crate) name: String,
}

/// Writes down that a task has ended, when dropped by the task.
pub(crate) struct Ending(pub(crate) Me);

impl Drop for Ending {
    fn drop(&mut self) {
        let seat = self.0.seat.expect("a task, not the stage");
        let mut books = self.0.run.books();
        if thread::panicking() {
            let label = books.seats[seat].0;
            books.panics.push(label.to_owned());
        }
        books.seats[seat].1 = Standing::Ended;
        books.changes += 1;
    }
}
