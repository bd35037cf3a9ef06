//! What is still to come, in the order in which it is due, and the one thread
//! that has it come.
//!
//! The thread is started by the first timer and sleeps until the next one is
//! due. Entries are calls (the deadlines of contexts) and courses: the timers
//! of channels. A course holds the sending side of its channel, so nobody who
//! waits for a timer that is still to come is ever called orphaned.
//!
//! T1  A feed has at most one course, entered under the feed's `place`.
//! T2  A value is sent, and taken back, under the lock of this queue. So after
//!     [`Feeder::set`] nothing can be received that was sent before it (rule
//!     67 of the parity table).
//! T3  The lock of one channel may be taken under the queue's, never the
//!     reverse. Wakes are fired, calls made and handles dropped after it.
//! T4  The one slot of a channel is all it holds: a tick that finds the last
//!     one still there is dropped (rule 69).
//!
//! Atomics:
//! - `due` and `place` of a [`Feed`]: written under the lock. `due` is read
//!   without it by a look: a number by itself, Relaxed; who set the timer
//!   before the look, in the order of events, is seen. Under the lock it is
//!   read again.
//! - `NEXT`: a counter, Relaxed.
//!
//! Not here: what users see of timers ([`crate::time`]).

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::birth::{Birth, Manners, Source};
use crate::handle::{self, Handle, RX, TX};
use crate::parker::Wake;
use crate::results::{Received, Sent};
use crate::{panics, watch};

/// A moment, in nanoseconds since the first timer of the process.
type Nanos = u64;

/// What is not set.
const NEVER: Nanos = u64::MAX;
/// Beyond the clock's end: set, but it does not come.
const BEYOND: Nanos = u64::MAX - 1;
/// When the thread tries again to send a tick that nobody has taken. Shorter
/// periods would keep it busy for nothing; a look does not wait for it.
const IDLE: Nanos = 1_000_000;

/// An entry of the queue; first the moment, by which they are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId(Nanos, u64);

/// A number that no other entry has.
fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A moment to come.
#[derive(Clone, Copy)]
pub(super) struct When {
    at: Instant,
    due: Nanos,
}

impl When {
    pub(super) fn at(at: Instant) -> Self {
        let due = at.saturating_duration_since(start()).as_nanos();
        When {
            at,
            due: due.min(BEYOND.into()) as Nanos,
        }
    }

    pub(super) fn after(delay: Duration) -> Self {
        let now = Instant::now();
        match now.checked_add(delay) {
            Some(at) => When::at(at),
            None => When {
                at: now,
                due: BEYOND,
            },
        }
    }

    pub(super) fn is_beyond(self) -> bool {
        self.due == BEYOND
    }

    /// The first moment after `now` that lies a multiple of `period` ahead.
    fn next(self, period: Nanos, now: Nanos) -> Self {
        let late = now.saturating_sub(self.due);
        let ahead = (late / period).saturating_add(1).saturating_mul(period);
        match self.at.checked_add(Duration::from_nanos(ahead)) {
            Some(at) => When {
                at,
                due: self.due.saturating_add(ahead).min(BEYOND),
            },
            None => When {
                due: BEYOND,
                ..self
            },
        }
    }
}

fn now() -> Nanos {
    start().elapsed().as_nanos() as Nanos
}

/// What a channel's header knows of its timer.
struct Feed {
    number: u64,
    /// When it fires; [`NEVER`] if it is not set.
    due: AtomicU64,
    /// Where the queue has it, if it is set.
    place: AtomicU64,
}

impl Feed {
    fn due(&self) -> Nanos {
        self.due.load(Ordering::Relaxed)
    }

    /// Under the lock.
    fn place(&self) -> TimerId {
        TimerId(self.place.load(Ordering::Relaxed), self.number)
    }

    /// Under the lock.
    fn put(&self, due: Nanos, place: Nanos) {
        self.due.store(due, Ordering::Relaxed);
        self.place.store(place, Ordering::Relaxed);
    }
}

impl Source for Feed {
    fn refresh(&self) {
        let due = self.due();
        if due >= BEYOND || due > now() {
            return;
        }
        let fired = {
            let mut queue = QUEUE.lock();
            // It may have fired, or been set anew, since.
            if self.due() > now() {
                return;
            }
            queue.take(self).map(|course| queue.fire(course))
        };
        if let Some(fired) = fired {
            fired.finish();
        }
    }

    fn abandoned(&self) {
        // Two statements: what it holds is dropped after the lock.
        let course = QUEUE.lock().take(self);
        drop(course);
    }
}

/// The sending side of a channel that time feeds.
#[derive(Clone)]
pub(super) struct Feeder {
    feed: Arc<Feed>,
    tx: Handle<Instant, TX>,
}

impl Feeder {
    /// A channel that time can feed. Nothing closes it: as in Go, a timer that
    /// will not fire any more is one that is waited for in vain.
    pub(super) fn new(
        name: &'static str,
        site: &'static Location<'static>,
    ) -> (Self, Handle<Instant, RX>) {
        let feed = Arc::new(Feed {
            number: number(),
            due: AtomicU64::new(NEVER),
            place: AtomicU64::new(NEVER),
        });
        let birth = Birth {
            site,
            name: Some(name.into()),
            source: Some(Arc::clone(&feed) as Arc<dyn Source>),
            scope: watch::current_scope().0,
            manners: Manners::Go,
            is_context: false,
        };
        let (tx, rx) = handle::make(birth, 1).split();
        (Feeder { feed, tx }, rx)
    }

    /// Sets the timer, or stops it if there is no `when`. What was sent and
    /// not received is taken back (T2). True if that, or being set anew, kept
    /// a value from being received.
    pub(super) fn set(&self, when: Option<When>, period: Option<Duration>) -> bool {
        let next = when.map(|when| self.clone().course(when, period));
        let (old, recalled) = {
            let mut queue = QUEUE.lock();
            let old = queue.take(&self.feed);
            let recalled = self.recall();
            if let Some(next) = next {
                let place = next.when.due;
                queue.enter(next, place);
            }
            (old, recalled)
        };
        old.is_some() || !matches!(recalled, Received::Empty)
    }

    /// Sets a timer that nobody will set anew.
    pub(super) fn start(self, when: When, period: Option<Duration>) {
        let course = self.course(when, period);
        QUEUE.lock().enter(course, when.due);
    }

    fn course(self, when: When, period: Option<Duration>) -> Course {
        let period = period.map(|period| period.as_nanos().clamp(1, BEYOND.into()) as Nanos);
        Course {
            feeder: self,
            when,
            period,
        }
    }

    /// Sends a value, if the last one is gone.
    fn offer(&self, at: Instant) -> Option<Wake> {
        let header = self.tx.chan().header();
        let mut guard = header.lock();
        // It may be there in the ring, or have come back. T4.
        if guard.len() > 0 {
            return None;
        }
        match self.tx.chan().op(&mut guard).send(at) {
            Sent::Done(wake) => Some(wake),
            Sent::Full(_) | Sent::Closed(_) => None,
        }
    }

    /// Takes a value back.
    fn recall(&self) -> Received<Instant> {
        let mut guard = self.tx.chan().header().lock();
        guard.outdate();
        // T4: there is one at most.
        self.tx.chan().op(&mut guard).recv()
    }
}

/// A timer that is set.
struct Course {
    feeder: Feeder,
    when: When,
    /// Of a ticker.
    period: Option<Nanos>,
}

/// What is left to do for a timer that has fired when the lock is gone.
struct Fired {
    wake: Wake,
    /// Its last handles may be among these.
    over: Option<Course>,
}

impl Fired {
    /// A waker that panics must stop neither the clock nor somebody who only
    /// looked; the panic hook has printed it.
    fn finish(self) {
        if let Err(panic) = panics::catch(|| self.wake.fire()) {
            panics::discard(panic);
        }
        drop(self.over);
    }
}

enum Entry {
    Call(Call),
    Course(Course),
}

/// What a timer of no channel does when it is due.
type Call = Box<dyn FnOnce() + Send>;

/// Has `call` run at `due`, on the timer thread.
pub(crate) fn schedule(due: Instant, call: impl FnOnce() + Send + 'static) -> TimerId {
    let id = TimerId(When::at(due).due, number());
    let call = Box::new(call);
    QUEUE.lock().insert(id, Entry::Call(call));
    id
}

/// Stops a call that was not made.
pub(crate) fn cancel(id: TimerId) {
    // What it holds is dropped after the lock: it may hold channels.
    let call = QUEUE.lock().entries.remove(&id);
    drop(call);
}

struct Queue {
    pending: Mutex<Pending>,
    earlier: Condvar,
}

static QUEUE: Queue = Queue {
    pending: Mutex::new(Pending {
        entries: BTreeMap::new(),
        asleep_until: 0,
    }),
    earlier: Condvar::new(),
};

struct Pending {
    entries: BTreeMap<TimerId, Entry>,
    /// When the thread looks by itself; 0 while it is not asleep.
    asleep_until: Nanos,
}

impl Pending {
    fn insert(&mut self, id: TimerId, entry: Entry) {
        self.entries.insert(id, entry);
        if id.0 < self.asleep_until {
            self.asleep_until = 0;
            QUEUE.earlier.notify_one();
        }
    }

    /// Enters a course that was not entered.
    fn enter(&mut self, course: Course, place: Nanos) {
        let feed = &course.feeder.feed;
        feed.put(course.when.due, place);
        self.insert(feed.place(), Entry::Course(course));
    }

    /// Takes a timer's course out, if it is set.
    fn take(&mut self, feed: &Feed) -> Option<Course> {
        let entry = self.entries.remove(&feed.place())?;
        feed.put(NEVER, NEVER);
        match entry {
            Entry::Course(course) => Some(course),
            Entry::Call(_) => unreachable!("numbers are given once"),
        }
    }

    /// Fires a timer that was just taken out; a ticker is set again. The value
    /// says when it was due, however late this is (rule 68).
    fn fire(&mut self, mut course: Course) -> Fired {
        let sent = course.feeder.offer(course.when.at);
        let dropped = sent.is_none();
        let wake = sent.unwrap_or(Wake::None);
        let Some(period) = course.period else {
            return Fired {
                wake,
                over: Some(course),
            };
        };
        let now = now();
        course.when = course.when.next(period, now);
        let idle = if dropped { now + IDLE } else { 0 };
        let place = course.when.due.max(idle);
        self.enter(course, place);
        Fired { wake, over: None }
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        // Nothing panics under this lock.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of the timer thread.
    fn serve(&self) {
        let mut pending = self.lock();
        loop {
            let now = now();
            let first = pending.entries.first_key_value().map(|(id, _)| id.0);
            if first.is_some_and(|due| due <= now) {
                let entry = pending.entries.pop_first();
                pending = self.run(pending, entry.map(|(_, entry)| entry));
                continue;
            }
            pending.asleep_until = first.unwrap_or(NEVER);
            pending = match first {
                Some(due) => {
                    let left = Duration::from_nanos(due - now);
                    let woken = self.earlier.wait_timeout(pending, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = self.earlier.wait(pending);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
            };
            pending.asleep_until = 0;
        }
    }

    /// Does what an entry is there for, with the lock as long as it is needed.
    fn run<'q>(
        &'q self,
        mut pending: MutexGuard<'q, Pending>,
        entry: Option<Entry>,
    ) -> MutexGuard<'q, Pending> {
        match entry {
            Some(Entry::Course(course)) => {
                course.feeder.feed.put(NEVER, NEVER);
                let fired = pending.fire(course);
                drop(pending);
                fired.finish();
            }
            Some(Entry::Call(call)) => {
                drop(pending);
                // As for a waker.
                if let Err(panic) = panics::catch(call) {
                    panics::discard(panic);
                }
            }
            None => return pending,
        }
        self.lock()
    }
}

/// The moment of the first timer; the thread is there from then on.
fn start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(|| {
        thread::Builder::new()
            .name("chan-timers".to_owned())
            .spawn(|| QUEUE.serve())
            .expect("the timer thread cannot be started: raise the limit on threads");
        Instant::now()
    })
}
