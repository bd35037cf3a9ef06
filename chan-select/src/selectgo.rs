//! What the macros call: chance, and how long a select waits.
//!
//! The looking, with the argument why exactly one case runs, is chan-core's
//! (`chan_core::select`). Here is where chance comes from: a generator of the
//! thread, seeded at its first use, without a lock and without a division that
//! would favour low numbers.

use std::time::{Duration, Instant};

use chan_core::select::{self, Alarm, CaseList, SelectFuture};

/// A number below `n`, each equally likely.
#[inline]
pub(crate) fn below(n: u32) -> u32 {
    fastrand::u32(..n)
}

/// A case that is ready now. The first `first` cases are looked at in their
/// order, before the others.
#[inline]
#[track_caller]
pub fn try_select<L: CaseList, const N: usize>(cases: L, first: usize) -> Option<L::Won> {
    select::look::<L, N>(cases, first, below)
}

/// The first case to be ready.
#[inline]
#[track_caller]
pub fn select<L: CaseList, const N: usize>(cases: L, first: usize) -> L::Won {
    won(select::wait::<L, N>(cases, first, below, None))
}

/// The first case to be ready within `timeout`.
#[track_caller]
pub fn select_timeout<L: CaseList, const N: usize>(
    cases: L,
    first: usize,
    timeout: Duration,
) -> Option<L::Won> {
    // A time beyond the clock's end never comes.
    let deadline = Instant::now().checked_add(timeout);
    select::wait::<L, N>(cases, first, below, deadline)
}

/// The first case to be ready, for a task, as what [`won`] wants.
pub fn select_async<L: CaseList, const N: usize>(cases: L, first: usize) -> Selecting<L, N> {
    SelectFuture::new(cases, first, below, Alarm::new(None))
}

/// The first case to be ready within `timeout`, for a task: on any executor,
/// as chan-core's own timer thread wakes it.
pub fn select_async_timeout<L: CaseList, const N: usize>(
    cases: L,
    first: usize,
    timeout: Duration,
) -> Selecting<L, N> {
    SelectFuture::new(cases, first, below, Alarm::within(timeout))
}

/// The select of a task.
pub(crate) type Selecting<L, const N: usize> = SelectFuture<L, N, fn(u32) -> u32>;

/// The case that has won a select which waits for ever.
#[inline]
pub fn won<W>(won: Option<W>) -> W {
    won.expect("without a deadline a case wins")
}
