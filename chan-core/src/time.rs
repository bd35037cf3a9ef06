//! Channels that time feeds, and the one thread that serves them.
//!
//! The thread is started by the first timer and sleeps until the next one is
//! due. A timer is a live waker: it holds the sending side of its channel, so
//! nobody who waits for it is ever called orphaned.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::builder::Builder;
use crate::panics;
use crate::receiver::{Receiver, never};

/// A receiver that gets one value after `delay`: the moment at which the
/// timer fired (which is not before the delay was over).
///
/// A delay beyond the end of the clock never ends. Dropping the receiver does
/// not stop the timer, whose few bytes are freed when it fires.
///
/// # Panics
///
/// If the first timer of the process cannot start its thread.
///
/// # Examples
///
/// ```
/// # use std::time::{Duration, Instant};
/// let start = Instant::now();
/// let fired = chan_core::after(Duration::from_millis(10)).recv().unwrap();
/// assert!(fired - start >= Duration::from_millis(10));
/// ```
#[track_caller]
pub fn after(delay: Duration) -> Receiver<Instant> {
    let Some(due) = Instant::now().checked_add(delay) else {
        return never();
    };
    let (tx, rx) = Builder::new().capacity(1).name("timer").channel();
    schedule(due, move || {
        // Nobody may be listening any more.
        let _ = tx.try_send(Instant::now());
    });
    rx
}

/// What a timer does when it is due.
type Fire = Box<dyn FnOnce() + Send>;

/// A timer that may still be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TimerId {
    due: Instant,
    number: u64,
}

/// Has `fire` run at `due`, on the timer thread.
pub(crate) fn schedule(due: Instant, fire: impl FnOnce() + Send + 'static) -> TimerId {
    let timers = timers();
    let mut pending = timers.pending();
    let id = TimerId {
        due,
        number: pending.next,
    };
    pending.next += 1;
    pending.queue.insert(id, Box::new(fire));
    if pending
        .queue
        .first_key_value()
        .is_some_and(|(first, _)| *first == id)
    {
        timers.earlier.notify_one();
    }
    id
}

/// Stops a timer that has not fired.
pub(crate) fn cancel(id: TimerId) {
    // What it holds is dropped after the lock: it may hold channels.
    let fire = timers().pending().queue.remove(&id);
    drop(fire);
}

struct Timers {
    pending: Mutex<Pending>,
    earlier: Condvar,
}

struct Pending {
    queue: BTreeMap<TimerId, Fire>,
    next: u64,
}

impl Timers {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        // Nothing panics under this lock.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of the timer thread.
    fn serve(&self) {
        let mut pending = self.pending();
        loop {
            let Some(first) = pending.queue.first_entry() else {
                pending = self
                    .earlier
                    .wait(pending)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = first.key().due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let fire = first.remove();
                drop(pending);
                // A waker that panics must not stop the clock for the others;
                // the panic hook has printed it.
                if let Err(panic) = panics::catch(fire) {
                    panics::discard(panic);
                }
                pending = self.pending();
            } else {
                let woken = self.earlier.wait_timeout(pending, left);
                pending = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }
}

fn timers() -> &'static Timers {
    static TIMERS: OnceLock<&'static Timers> = OnceLock::new();
    TIMERS.get_or_init(|| {
        let timers: &'static Timers = Box::leak(Box::new(Timers {
            pending: Mutex::new(Pending {
                queue: BTreeMap::new(),
                next: 0,
            }),
            earlier: Condvar::new(),
        }));
        thread::Builder::new()
            .name("chan-timers".to_owned())
            .spawn(|| timers.serve())
            .expect("the timer thread cannot be started: raise the limit on threads");
        timers
    })
}
