//! A coarse monotonic clock: nanoseconds since an arbitrary start, in steps
//! of a few milliseconds, for the price of a load or two.
//!
//! Waits are stamped with it whether or not somebody watches, so that a
//! watcher installed later still knows their age. A precise clock would cost
//! more than the rest of a park that ends at once.

/// The reading of the clock. Never 0, which stands for "not stamped".
#[cfg(all(target_os = "linux", not(loom)))]
#[inline]
pub(crate) fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid place to write a timespec to. The call cannot
    // fail: the clock exists since Linux 2.6.32.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &mut time) };
    (time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64).max(1)
}

/// The reading of the clock. Never 0, which stands for "not stamped".
#[cfg(not(any(target_os = "linux", loom)))]
pub(crate) fn now() -> u64 {
    use std::sync::OnceLock;
    use std::time::Instant;

    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    (start.elapsed().as_nanos() as u64).max(1)
}

/// Models have no time.
#[cfg(loom)]
pub(crate) fn now() -> u64 {
    1
}
