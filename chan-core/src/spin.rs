//! How long a thread looks before it parks.
//!
//! To wake a parked thread costs tens of microseconds where the processor has
//! gone to sleep, a yield less than one, a pause some thirty nanoseconds. So a
//! thread that waits pauses a little on its own word, then yields a few times,
//! then parks. Both stages are bounded, and each thread remembers whether they
//! have paid lately: one that waits for long every time soon parks at once,
//! and tries again now and then.

#![cfg_attr(loom, allow(dead_code, reason = "threads of a model do not look"))]

use std::cell::Cell;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

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
    /// processor) and 16 yields. The default.
    Adaptive,
    /// Never: a thread that has to wait parks at once. For machines where
    /// every moment of the processor is paid for or taken from somebody else,
    /// such as containers with a small quota.
    Off,
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

thread_local! {
    /// Pauses, yields, and looks ahead. Plain numbers without a destructor: they are there
    /// as long as the thread.
    static STAGES: Cell<[Stage; 3]> = const { Cell::new([Stage::new(); 3]) };
}

const PAUSES: u32 = 32;
const YIELDS: u32 = 16;

/// Whether it pays to look ahead. At the smallest buffers each value is handed
/// over anyway.
pub(crate) fn looks_ahead(capacity: usize) -> bool {
    capacity >= 4
}

/// Looks for a while at a buffer that is full or empty, before the thread
/// queues up. Who is queued is handed each value by itself, and that takes both
/// sides of the channel; it is better to let the other side get some way ahead.
/// So the looks are far apart, the more the larger the buffer is: each moves
/// the other side's line.
#[cold]
pub(crate) fn look_ahead(capacity: usize, done: impl Fn() -> bool) {
    const ROUNDS: u32 = 4;
    const AHEAD_YIELDS: u32 = 4;

    let mode = mode();
    if !looks_ahead(capacity) || mode == OFF || cfg!(loom) {
        return;
    }
    let [pauses, yields, mut ahead] = STAGES.get();
    if ahead.is_worth_it() {
        let step = (capacity / 2).clamp(4, 64);
        let paused = |_| {
            (0..step).for_each(|_| std::hint::spin_loop());
            done()
        };
        let yielded = |_| {
            thread::yield_now();
            done()
        };
        let paid = mode == ADAPTIVE && (0..ROUNDS).any(paused) || (0..AHEAD_YIELDS).any(yielded);
        ahead.learn(paid);
    }
    STAGES.set([pauses, yields, ahead]);
}

/// Looks for a while; whether `done` came true.
pub(crate) fn look(done: impl Fn() -> bool) -> bool {
    let mode = mode();
    if mode == OFF {
        return done();
    }
    let [mut pauses, mut yields, ahead] = STAGES.get();
    let found = look_with(mode, &mut pauses, &mut yields, done);
    STAGES.set([pauses, yields, ahead]);
    found
}

fn look_with(mode: u8, pauses: &mut Stage, yields: &mut Stage, done: impl Fn() -> bool) -> bool {
    // With one processor nobody can come while we pause.
    if mode == ADAPTIVE && pauses.is_worth_it() {
        let found = (0..PAUSES).any(|_| {
            std::hint::spin_loop();
            done()
        });
        pauses.learn(found);
        if found {
            return true;
        }
    }
    if yields.is_worth_it() {
        let found = (0..YIELDS).any(|_| {
            thread::yield_now();
            done()
        });
        yields.learn(found);
        if found {
            return true;
        }
    }
    done()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_pay_is_given_up_and_tried_again() {
        let (mut pauses, mut yields) = (Stage::new(), Stage::new());
        let looks = Cell::new(0);
        let mut waits = |count: u32, comes: bool| {
            looks.set(0);
            for _ in 0..count {
                look_with(ADAPTIVE, &mut pauses, &mut yields, || {
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
        assert!(!look(never));
        look_ahead(512, never);
        set_spinning(Spinning::Adaptive);
        assert_eq!(looks.get(), 1);
        assert!(!look(never));
        assert!(looks.get() > 2, "a thread that is new looks for a while");
    }

    #[test]
    fn one_processor_pauses_for_nobody() {
        let (mut pauses, mut yields) = (Stage::new(), Stage::new());
        let looks = Cell::new(0);
        look_with(ONE_PROCESSOR, &mut pauses, &mut yields, || {
            looks.set(looks.get() + 1);
            false
        });
        assert_eq!(looks.get(), YIELDS + 1);
    }
}
