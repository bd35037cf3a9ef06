//! Wakes a task at a time, on any executor: our own timer thread does it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::time::{self, TimerId};

/// The end of a task's patience. Dropped, it wakes nobody.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::{future::poll_fn, task::Poll, time::{Duration, Instant}};
/// use chan_core::select::Alarm;
///
/// let start = Instant::now();
/// let mut alarm = Alarm::within(Duration::from_millis(5));
/// poll_fn(|cx| match alarm.is_due(cx) {
///     true => Poll::Ready(()),
///     false => Poll::Pending,
/// })
/// .await;
/// assert!(start.elapsed() >= Duration::from_millis(5));
/// # });
/// ```
pub struct Alarm {
    /// Nothing if the time is beyond the clock's end.
    deadline: Option<Instant>,
    set: Option<(TimerId, Arc<Bell>)>,
}

/// Who is to be woken. Its lock is held to look at it and to replace it, never
/// while a waker is called, cloned or dropped.
struct Bell(Mutex<Option<Waker>>);

impl Bell {
    fn replace(&self, waker: Option<Waker>) -> Option<Waker> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut slot, waker)
    }
}

impl Alarm {
    /// Rings at this time; never, if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// let alarm = chan_core::select::Alarm::new(None);
    /// assert!(!alarm.is_set());
    /// ```
    pub fn new(deadline: Option<Instant>) -> Self {
        Alarm {
            deadline,
            set: None,
        }
    }

    /// Rings after this time from now.
    ///
    /// # Examples
    ///
    /// ```
    /// let alarm = chan_core::select::Alarm::within(std::time::Duration::from_secs(5));
    /// assert!(alarm.is_set());
    /// ```
    pub fn within(timeout: Duration) -> Self {
        // A time beyond the clock's end never comes.
        Alarm::new(Instant::now().checked_add(timeout))
    }

    /// Whether it will ever ring.
    ///
    /// # Examples
    ///
    /// ```
    /// // Beyond the end of the clock.
    /// let alarm = chan_core::select::Alarm::within(std::time::Duration::MAX);
    /// assert!(!alarm.is_set());
    /// ```
    pub fn is_set(&self) -> bool {
        self.deadline.is_some()
    }

    /// Whether the time has come. If not, the task will be woken when it does.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{task::{Context, Waker}, time::Instant};
    ///
    /// let mut alarm = chan_core::select::Alarm::new(Some(Instant::now()));
    /// assert!(alarm.is_due(&Context::from_waker(Waker::noop())));
    /// ```
    pub fn is_due(&mut self, cx: &Context<'_>) -> bool {
        let Some(deadline) = self.deadline else {
            return false;
        };
        if Instant::now() >= deadline {
            return true;
        }
        let waker = cx.waker().clone();
        match &self.set {
            Some((_, bell)) => drop(bell.replace(Some(waker))),
            None => {
                let bell = Arc::new(Bell(Mutex::new(Some(waker))));
                let rung = bell.clone();
                let id = time::schedule(deadline, move || {
                    if let Some(waker) = rung.replace(None) {
                        waker.wake();
                    }
                });
                self.set = Some((id, bell));
            }
        }
        // It may have rung for the waker that was replaced.
        Instant::now() >= deadline
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some((id, _)) = self.set {
            time::cancel(id);
        }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alarm").field(&self.deadline).finish()
    }
}
