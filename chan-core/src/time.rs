//! Channels that time feeds: `after`, `at` and `tick`, and Go's timers and
//! tickers, which can be stopped and set anew.
//!
//! Go's rules since 1.23 hold for all of them (67 to 70 of the parity table).
//! How they are kept is said in [`queue`].

mod queue;

use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use crate::receiver::{Receiver, never};

use crate::time::queue::{Feeder, When};
pub(crate) use crate::time::queue::{TimerId, cancel, schedule};

/// A receiver that gets one value when `delay` is over: the moment at which
/// that was the case, however late it is received.
///
/// The channel is never closed: a second receive waits for ever, as in Go,
/// and is a proven zombie. Like those of all timers it seems to be
/// unbuffered, although the value waits for its receiver. A receive that
/// begins when the time has come succeeds at once, as busy as the timer
/// thread may be. Dropping the receiver frees the timer.
///
/// A delay beyond the end of the clock (centuries) never ends: the receiver
/// is [`never()`].
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
    receiver(When::after(delay), None, "timer", Location::caller())
}

/// A receiver that gets one value at `moment`: that moment. One that has
/// passed comes at once. Everything else is as for [`after`].
///
/// # Panics
///
/// If the first timer of the process cannot start its thread.
///
/// # Examples
///
/// ```
/// # use std::time::{Duration, Instant};
/// let soon = Instant::now() + Duration::from_millis(10);
/// assert_eq!(chan_core::at(soon).recv(), Ok(soon));
/// ```
#[track_caller]
pub fn at(moment: Instant) -> Receiver<Instant> {
    receiver(When::at(moment), None, "timer", Location::caller())
}

/// A receiver that gets a value every `period`, the first one a period from
/// now: the moment at which it was due.
///
/// One tick waits for its receiver; those that come due meanwhile are dropped,
/// and the next one keeps step with the first. Like [`after`], the channel is
/// never closed and seems to be unbuffered, and dropping the last receiver
/// frees the ticker.
///
/// A period of zero is not a mistake here: there is a tick at every look that
/// does not come within a nanosecond of the last one. (Go's `time.Tick` gives
/// nil for it, and [`Ticker::new`] panics.) A period beyond the end of the
/// clock never ends: the receiver is [`never()`].
///
/// # Panics
///
/// If the first timer of the process cannot start its thread.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// let ticks = chan_core::tick(Duration::from_millis(10));
/// let first = ticks.recv().unwrap();
/// let second = ticks.recv().unwrap();
/// assert!(second - first >= Duration::from_millis(10));
/// ```
#[track_caller]
pub fn tick(period: Duration) -> Receiver<Instant> {
    let first = When::after(period);
    receiver(first, Some(period), "ticker", Location::caller())
}

fn receiver(
    when: When,
    period: Option<Duration>,
    name: &'static str,
    site: &'static Location<'static>,
) -> Receiver<Instant> {
    if when.is_beyond() {
        return never();
    }
    let (feeder, rx) = Feeder::new(name, site);
    feeder.start(when, period);
    Receiver::from_handle(rx)
}

/// Go's `time.Timer`: a channel that gets one value when a delay is over, and
/// that can be stopped and set anew.
///
/// The channel is like that of [`after`]. Dropping the timer does not stop it:
/// as in Go, it still fires for those who have a clone of its receiver. Without
/// one it is freed at once.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// use chan_core::Timer;
///
/// let idle = Timer::new(Duration::from_secs(3600));
/// // Something happened: begin anew.
/// assert!(idle.reset(Duration::from_millis(5)));
/// assert!(idle.channel().recv().is_ok());
/// assert!(!idle.stop(), "it has fired, and was received");
/// ```
#[must_use = "dropped, it is freed"]
pub struct Timer {
    feeder: Feeder,
    channel: Receiver<Instant>,
}

impl Timer {
    /// A timer that fires when `delay` is over; Go's `time.NewTimer`. A delay
    /// beyond the end of the clock never ends.
    ///
    /// # Panics
    ///
    /// If the first timer of the process cannot start its thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let timer = chan_core::Timer::new(Duration::from_millis(5));
    /// assert!(timer.channel().recv().is_ok());
    /// ```
    #[track_caller]
    pub fn new(delay: Duration) -> Timer {
        Timer::set(When::after(delay), Location::caller())
    }

    /// A timer that fires at `moment`; at once, if that has passed.
    ///
    /// # Panics
    ///
    /// If the first timer of the process cannot start its thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// let soon = Instant::now() + Duration::from_millis(5);
    /// let timer = chan_core::Timer::at(soon);
    /// assert_eq!(timer.channel().recv(), Ok(soon));
    /// ```
    #[track_caller]
    pub fn at(moment: Instant) -> Timer {
        Timer::set(When::at(moment), Location::caller())
    }

    fn set(when: When, site: &'static Location<'static>) -> Timer {
        let (feeder, rx) = Feeder::new("timer", site);
        feeder.set(Some(when), None);
        Timer {
            feeder,
            channel: Receiver::from_handle(rx),
        }
    }

    /// Stops the timer. When this returns, nothing can be received until it is
    /// set anew, also if it had fired before (rule 67). A receive that was
    /// waiting when it fired is over, and keeps its value.
    ///
    /// True if this kept a value from being received: the timer was set, or
    /// its value was still there. False if it had been received, or the timer
    /// stopped.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// let timer = chan_core::Timer::at(Instant::now());
    /// assert!(timer.stop());
    /// assert!(timer.channel().try_recv().is_err());
    /// assert!(!timer.stop());
    /// ```
    pub fn stop(&self) -> bool {
        self.feeder.set(None, None)
    }

    /// Has the timer fire when `delay` is over, counted from now, whatever it
    /// was set to. When this returns, nothing can be received that was due
    /// before (rule 67).
    ///
    /// True if this kept a value from being received, as for
    /// [`stop`](Timer::stop).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// let timer = chan_core::Timer::at(Instant::now());
    /// let start = Instant::now();
    /// timer.reset(Duration::from_millis(5));
    /// let fired = timer.channel().recv().unwrap();
    /// assert!(fired - start >= Duration::from_millis(5));
    /// ```
    pub fn reset(&self, delay: Duration) -> bool {
        self.feeder.set(Some(When::after(delay)), None)
    }

    /// Has the timer fire at `moment`; else as [`reset`](Timer::reset).
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::{Duration, Instant};
    /// let timer = chan_core::Timer::new(Duration::from_secs(3600));
    /// let soon = Instant::now() + Duration::from_millis(5);
    /// assert!(timer.reset_at(soon));
    /// assert_eq!(timer.channel().recv(), Ok(soon));
    /// ```
    pub fn reset_at(&self, moment: Instant) -> bool {
        self.feeder.set(Some(When::at(moment)), None)
    }

    /// Where the value comes: Go's `timer.C`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let timer = chan_core::Timer::new(Duration::from_millis(5));
    /// let channel = timer.channel().clone();
    /// assert!(std::thread::spawn(move || channel.recv()).join().unwrap().is_ok());
    /// ```
    pub fn channel(&self) -> &Receiver<Instant> {
        &self.channel
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timer").field(&self.channel).finish()
    }
}

/// Go's `time.Ticker`: a channel that gets a value every period, and that can
/// be stopped and set anew.
///
/// The channel is like that of [`tick`](tick()). Dropping the ticker does not
/// stop it: as in Go, it ticks on for those who have a clone of its receiver.
/// Without one it is freed at once.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// use chan_core::Ticker;
///
/// let beat = Ticker::new(Duration::from_millis(5));
/// for _ in 0..3 {
///     beat.channel().recv().unwrap();
/// }
/// beat.stop();
/// assert!(beat.channel().try_recv().is_err());
/// ```
#[must_use = "dropped, it is freed"]
pub struct Ticker {
    feeder: Feeder,
    channel: Receiver<Instant>,
}

impl Ticker {
    /// A ticker whose first tick is a period from now; Go's `time.NewTicker`.
    /// A period beyond the end of the clock never ends.
    ///
    /// # Panics
    ///
    /// `non-positive interval for NewTicker`, if `period` is zero. If the
    /// first timer of the process cannot start its thread.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ticker = chan_core::Ticker::new(Duration::from_millis(5));
    /// assert!(ticker.channel().recv().is_ok());
    /// ```
    #[track_caller]
    pub fn new(period: Duration) -> Ticker {
        assert!(!period.is_zero(), "non-positive interval for NewTicker");
        let (feeder, rx) = Feeder::new("ticker", Location::caller());
        feeder.set(Some(When::after(period)), Some(period));
        Ticker {
            feeder,
            channel: Receiver::from_handle(rx),
        }
    }

    /// Stops the ticker. When this returns, nothing can be received until it
    /// is set anew (rule 67); the channel is not closed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ticker = chan_core::Ticker::new(Duration::from_millis(5));
    /// ticker.stop();
    /// assert!(ticker.channel().try_recv().unwrap_err().is_empty());
    /// ```
    pub fn stop(&self) {
        self.feeder.set(None, None);
    }

    /// Has the ticker tick every `period`, first a period from now, whatever
    /// it was set to. When this returns, nothing can be received that was due
    /// before (rule 67).
    ///
    /// # Panics
    ///
    /// `non-positive interval for Ticker.Reset`, if `period` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ticker = chan_core::Ticker::new(Duration::from_secs(3600));
    /// ticker.reset(Duration::from_millis(5));
    /// assert!(ticker.channel().recv().is_ok());
    /// ```
    #[track_caller]
    pub fn reset(&self, period: Duration) {
        assert!(!period.is_zero(), "non-positive interval for Ticker.Reset");
        self.feeder.set(Some(When::after(period)), Some(period));
    }

    /// Where the ticks come: Go's `ticker.C`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// let ticker = chan_core::Ticker::new(Duration::from_millis(5));
    /// for tick in ticker.channel().iter().take(2) {
    ///     println!("{tick:?}");
    /// }
    /// ```
    pub fn channel(&self) -> &Receiver<Instant> {
        &self.channel
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticker").field(&self.channel).finish()
    }
}
