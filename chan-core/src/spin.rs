//! How long a thread looks before it parks.
//!
//! To wake a parked thread costs tens of microseconds where the processor has
//! gone to sleep, a yield less than one, a pause some thirty nanoseconds. So a
//! thread that waits pauses a little on its own word, then yields a few times,
//! then parks. Both stages are bounded, and each thread remembers whether they
//! have paid lately: one that waits for long every time soon parks at once,
//! and tries again now and then.
//!
//! A thread whose waits have lately been shorter than a park costs stays, in
//! place of the yields, as long as a park would cost it: at most twice what the
//! best choice would have cost (Karlin, Li, Manasse and Owicki, 1991: competitive
//! spinning). Four things keep it from burning what others need:
//!
//! - It does so only while the last waits that really parked, less what the wake
//!   took of them, say that it may pay. Where values come every millisecond it
//!   never does.
//! - What it may spend is halved each time it was spent in vain, and doubled
//!   each time it was not.
//! - It stops when it sees that somebody else has had the processor. (It does not
//!   yield to find out: a scheduler may take a yield for a whole turn given up,
//!   and who yields for long and is never really away then waits for seconds.)
//! - It never does where there is one processor.
//!
//! A yield is not free of harm either. Where several threads send and several
//! receive, a scheduler that takes a yield for a whole turn given up shares out
//! yields in place of time: whoever finds its partner awake goes on, and those
//! that yielded in vain get nothing for seconds. There nobody yields, and time
//! is shared as between any threads ([`Yielding`]). Where all wait for one, a
//! yield is what lets that one go on, and soonest.

#![cfg_attr(loom, allow(dead_code, reason = "threads of a model do not look"))]

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Whether threads look for a while before they park.
///
/// # Examples
///
/// ```
/// use chan_core::{Spinning, set_spinning, spinning};
///
/// assert_eq!(spinning(), Spinning::Adaptive);
/// set_spinning(Spinning::Off);
/// assert_eq!(spinning(), Spinning::Off);
/// # set_spinning(Spinning::Adaptive);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spinning {
    /// As long as it pays: up to 32 pauses (where there is more than one
    /// processor) and 16 yields (unless several threads send and several
    /// receive); or up to 50 µs, where the last waits of the
    /// thread were as short and nobody else wants its processor. The default.
    Adaptive,
    /// Never: a thread that has to wait parks at once. For machines where
    /// every moment of the processor is paid for or taken from somebody else,
    /// such as containers with a small quota.
    Off,
}

/// Whether a thread yields before it parks. With one processor it does always:
/// nobody else can come while it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Yielding {
    Yes,
    No,
}

impl Yielding {
    fn applies(self, mode: u8) -> bool {
        mode == ONE_PROCESSOR || mode == ADAPTIVE && self == Yielding::Yes
    }
}

const UNKNOWN: u8 = 0;
const ONE_PROCESSOR: u8 = 1;
const ADAPTIVE: u8 = 2;
const OFF: u8 = 3;

/// A setting: a number by itself, Relaxed.
static MODE: AtomicU8 = AtomicU8::new(UNKNOWN);

/// Sets for the whole process whether threads look before they park. It holds
/// for waits that begin later.
///
/// # Examples
///
/// ```
/// // Before the first channel is used, say, in a container with half a CPU.
/// chan_core::set_spinning(chan_core::Spinning::Off);
/// # chan_core::set_spinning(chan_core::Spinning::Adaptive);
/// ```
pub fn set_spinning(spinning: Spinning) {
    let mode = match spinning {
        Spinning::Adaptive => UNKNOWN,
        Spinning::Off => OFF,
    };
    MODE.store(mode, Ordering::Relaxed);
}

/// Whether threads look before they park.
///
/// # Examples
///
/// ```
/// assert_eq!(chan_core::spinning(), chan_core::Spinning::Adaptive);
/// ```
pub fn spinning() -> Spinning {
    match MODE.load(Ordering::Relaxed) {
        OFF => Spinning::Off,
        _ => Spinning::Adaptive,
    }
}

fn mode() -> u8 {
    let mode = MODE.load(Ordering::Relaxed);
    if mode != UNKNOWN {
        return mode;
    }
    let alone = thread::available_parallelism().is_ok_and(|processors| processors.get() == 1);
    let found = if alone { ONE_PROCESSOR } else { ADAPTIVE };
    // Somebody's `Off` meanwhile stays.
    let _ = MODE.compare_exchange(UNKNOWN, found, Ordering::Relaxed, Ordering::Relaxed);
    MODE.load(Ordering::Relaxed)
}

/// One way to look, and whether it has paid lately.
#[derive(Clone, Copy)]
struct Stage {
    /// 0 when it has failed [`Stage::PATIENCE`] times more often than it paid.
    credit: u8,
    /// How often it was passed by since.
    passed: u8,
}

impl Stage {
    const PATIENCE: u8 = 16;
    /// One in so many waits tries again what has not paid.
    const RETRY: u8 = 16;

    const fn new() -> Self {
        Stage {
            credit: Self::PATIENCE,
            passed: 0,
        }
    }

    fn is_worth_it(&mut self) -> bool {
        if self.credit > 0 {
            return true;
        }
        self.passed = (self.passed + 1) % Self::RETRY;
        self.passed == 0
    }

    fn learn(&mut self, paid: bool) {
        self.credit = match paid {
            true => (self.credit + 4).min(Self::PATIENCE),
            false => self.credit.saturating_sub(1),
        };
    }
}

/// How long a thread stays, from what its waits were lately. In nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Stay {
    /// A decaying mean of those waits that a pause or two did not end.
    expected: u32,
    /// What the next wait may spend.
    budget: u32,
    /// The waits that had nothing to spend, though it might have paid.
    passed: u8,
}

impl Stay {
    /// What a park costs, where the processor that is to be woken sleeps.
    const PARK: u32 = 50_000;
    const PARK_TIME: Duration = Duration::from_nanos(Stay::PARK as u64);
    /// Longer waits count as so long, so that it soon learns of shorter ones.
    const LONG: u32 = 4 * Stay::PARK;
    /// Less is not worth two looks at the clock.
    const LEAST: u32 = Stay::PARK / 8;
    /// One in so many waits tries again what has not paid.
    const RETRY: u8 = 32;

    /// A thread that is new has to learn first that its waits are short.
    const fn new() -> Self {
        Stay {
            expected: Self::LONG,
            budget: Self::PARK,
            passed: 0,
        }
    }

    /// What this wait may spend.
    fn budget(&mut self) -> Option<Duration> {
        if self.expected > Self::PARK {
            return None;
        }
        if self.budget < Self::LEAST {
            self.passed = (self.passed + 1) % Self::RETRY;
            if self.passed != 0 {
                return None;
            }
            return Some(Self::PARK_TIME);
        }
        Some(Duration::from_nanos(self.budget.into()))
    }

    /// It has stayed, and what it waited for came, or did not.
    fn learn(&mut self, found_after: Option<Duration>) {
        match found_after {
            Some(wait) => {
                self.expect(wait);
                let enough = self.budget.max(nanos(wait)).max(Self::LEAST);
                self.budget = (2 * enough).min(Self::PARK);
            }
            None => self.budget /= 2,
        }
    }

    /// A wait has lasted so long.
    fn expect(&mut self, wait: Duration) {
        self.expected = (3 * self.expected + nanos(wait)) / 4;
    }
}

/// No more than [`Stay::LONG`].
fn nanos(wait: Duration) -> u32 {
    u32::try_from(wait.as_nanos()).map_or(Stay::LONG, |wait| wait.min(Stay::LONG))
}

/// What a thread remembers of its waits.
#[derive(Clone, Copy)]
struct Memory {
    pauses: Stage,
    yields: Stage,
    ahead: Stage,
    stay: Stay,
}

impl Memory {
    const fn new() -> Self {
        Memory {
            pauses: Stage::new(),
            yields: Stage::new(),
            ahead: Stage::new(),
            stay: Stay::new(),
        }
    }
}

thread_local! {
    /// Plain numbers without a destructor: they are there as long as the thread.
    static MEMORY: Cell<Memory> = const { Cell::new(Memory::new()) };
}

const PAUSES: u32 = 32;
const YIELDS: u32 = 16;
const AHEAD_ROUNDS: u32 = 4;
const AHEAD_YIELDS: u32 = 4;

/// Whether it pays to look ahead. At the smallest buffers each value is handed
/// over anyway.
pub(crate) fn looks_ahead(capacity: usize) -> bool {
    capacity >= 4
}

/// Looks for a while at a buffer that is full or empty, before the thread
/// queues up. Who is queued is handed each value by itself, and that takes both
/// sides of the channel; it is better to let the other side get some way ahead.
/// So the looks are far apart, the more the larger the buffer is: each moves
/// the other side's line. Says whether `done` came true.
#[cold]
pub(crate) fn look_ahead(capacity: usize, yielding: Yielding, done: impl Fn() -> bool) -> bool {
    let mode = mode();
    if !looks_ahead(capacity) || mode == OFF || cfg!(loom) {
        return false;
    }
    let mut memory = MEMORY.get();
    let found = look_ahead_with(mode, yielding, &mut memory.ahead, capacity, done);
    MEMORY.set(memory);
    found
}

fn look_ahead_with(
    mode: u8,
    yielding: Yielding,
    ahead: &mut Stage,
    capacity: usize,
    done: impl Fn() -> bool,
) -> bool {
    if !ahead.is_worth_it() {
        return false;
    }
    let step = (capacity / 2).clamp(4, 64);
    let paused = |_| {
        (0..step).for_each(|_| std::hint::spin_loop());
        done()
    };
    let yielded = |_| {
        thread::yield_now();
        done()
    };
    let found = mode == ADAPTIVE && (0..AHEAD_ROUNDS).any(paused)
        || yielding.applies(mode) && (0..AHEAD_YIELDS).any(yielded);
    ahead.learn(found);
    found
}

/// A wait that looking did not end.
#[must_use]
pub(crate) struct Vain {
    since: Instant,
}

impl Vain {
    /// The thread has parked, and was woken: remembers how long it would have
    /// had to stay.
    pub(crate) fn parked(self) {
        let mut memory = MEMORY.get();
        let wait = self.since.elapsed().saturating_sub(Stay::PARK_TIME);
        memory.stay.expect(wait);
        MEMORY.set(memory);
    }
}

/// Looks for a while, until `done` comes true.
pub(crate) fn look(yielding: Yielding, done: impl Fn() -> bool) -> Result<(), Vain> {
    let mode = if cfg!(loom) { OFF } else { mode() };
    let mut memory = MEMORY.get();
    let found = look_with(mode, yielding, &mut memory, done);
    MEMORY.set(memory);
    found
}

fn look_with(
    mode: u8,
    yielding: Yielding,
    memory: &mut Memory,
    done: impl Fn() -> bool,
) -> Result<(), Vain> {
    // With one processor nobody can come while we pause.
    if mode == ADAPTIVE && memory.pauses.is_worth_it() {
        let found = (0..PAUSES).any(|_| {
            std::hint::spin_loop();
            done()
        });
        memory.pauses.learn(found);
        if found {
            return Ok(());
        }
    }
    let since = Instant::now();
    if mode == ADAPTIVE
        && let Some(budget) = memory.stay.budget()
    {
        let found_after = stay(since, budget, &done);
        memory.stay.learn(found_after);
        if found_after.is_some() {
            return Ok(());
        }
    }
    if yielding.applies(mode) && memory.yields.is_worth_it() {
        let found = (0..YIELDS).any(|_| {
            thread::yield_now();
            done()
        });
        memory.yields.learn(found);
        if found {
            return Ok(());
        }
    }
    if done() { Ok(()) } else { Err(Vain { since }) }
}

/// Looks until `done` comes true, for as long as `budget` and while nobody else
/// has the processor meanwhile: how long that was, if it came true.
fn stay(start: Instant, budget: Duration, done: impl Fn() -> bool) -> Option<Duration> {
    /// Pauses between two looks at the clock: some microseconds.
    const ROUND: u32 = 128;
    /// What took longer than this was somebody's turn.
    const TURN: Duration = Duration::from_micros(20);

    let mut spent = Duration::ZERO;
    loop {
        let found = (0..ROUND).any(|_| {
            std::hint::spin_loop();
            done()
        });
        let now = start.elapsed();
        if found {
            return Some(now);
        }
        if now >= budget || now - spent > TURN {
            return None;
        }
        spent = now;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_pay_is_given_up_and_tried_again() {
        let mut memory = Memory::new();
        let looks = Cell::new(0);
        let mut waits = |count: u32, comes: bool| {
            looks.set(0);
            for _ in 0..count {
                let _ = look_with(ADAPTIVE, Yielding::Yes, &mut memory, || {
                    looks.set(looks.get() + 1);
                    comes
                });
            }
            looks.get()
        };
        let whole = PAUSES + YIELDS + 1;
        assert_eq!(waits(16, false), 16 * whole, "patient at first");
        let given_up = waits(160, false);
        assert!(given_up >= 160, "it always looks once");
        assert!(given_up <= 160 + 20 * whole, "{given_up} looks");
        // It pays again: soon every wait looks, and is served at once.
        waits(64, true);
        assert_eq!(waits(100, true), 100);
    }

    #[test]
    fn switched_off_it_looks_once() {
        let looks = Cell::new(0);
        let never = || {
            looks.set(looks.get() + 1);
            false
        };
        set_spinning(Spinning::Off);
        assert_eq!(spinning(), Spinning::Off);
        assert!(look(Yielding::Yes, never).is_err());
        look_ahead(512, Yielding::Yes, never);
        set_spinning(Spinning::Adaptive);
        assert_eq!(looks.get(), 1);
        assert!(look(Yielding::Yes, never).is_err());
        assert!(looks.get() > 2, "a thread that is new looks for a while");
    }

    #[test]
    fn one_processor_pauses_and_stays_for_nobody() {
        let mut memory = Memory::new();
        memory.stay.expected = 0;
        let looks = Cell::new(0);
        let never = || {
            looks.set(looks.get() + 1);
            false
        };
        assert!(look_with(ONE_PROCESSOR, Yielding::No, &mut memory, never).is_err());
        assert_eq!(looks.get(), YIELDS + 1, "it yields, whoever else waits");
    }

    #[test]
    fn in_a_crowd_nobody_yields() {
        let mut memory = Memory::new();
        let looks = Cell::new(0);
        let never = || {
            looks.set(looks.get() + 1);
            false
        };
        assert!(look_with(ADAPTIVE, Yielding::No, &mut memory, never).is_err());
        assert_eq!(looks.replace(0), PAUSES + 1);
        let mut ahead = |yielding| {
            let found = look_ahead_with(ADAPTIVE, yielding, &mut memory.ahead, 512, never);
            assert!(!found);
            looks.replace(0)
        };
        assert_eq!(ahead(Yielding::No), AHEAD_ROUNDS);
        assert_eq!(ahead(Yielding::Yes), AHEAD_ROUNDS + AHEAD_YIELDS);
    }

    const SHORT: Duration = Duration::from_micros(20);
    const LONG: Duration = Duration::from_millis(1);

    #[test]
    fn it_stays_where_waits_are_short() {
        let mut stay = Stay::new();
        assert_eq!(stay.budget(), None, "a thread that is new knows nothing");
        (0..16).for_each(|_| stay.expect(SHORT));
        assert_eq!(stay.budget(), Some(Stay::PARK_TIME));
        // A service that idles, with a value every millisecond.
        stay.expect(LONG);
        stay.expect(LONG);
        assert_eq!(stay.budget(), None);
        (0..1000).for_each(|_| stay.expect(LONG));
        (0..16).for_each(|_| stay.expect(SHORT));
        assert!(stay.budget().is_some(), "it soon forgets the long ones");
    }

    #[test]
    fn what_is_spent_in_vain_falls_fast_and_rises_with_success() {
        let mut stay = Stay::new();
        (0..16).for_each(|_| stay.expect(SHORT));
        let mut spend = |waits: u32, found_after: Option<Duration>| -> Duration {
            (0..waits)
                .filter_map(|_| {
                    let spent = stay.budget()?;
                    stay.learn(found_after);
                    Some(spent)
                })
                .sum()
        };
        assert!(spend(32, None) < 2 * Stay::PARK_TIME, "it halves");
        let tries = spend(320, None) / 320;
        assert!(tries < Stay::PARK_TIME / 30, "{tries:?} for each wait");
        spend(32 + 1, Some(SHORT));
        assert_eq!(spend(1, Some(SHORT)), Stay::PARK_TIME, "it pays again");
    }
}
