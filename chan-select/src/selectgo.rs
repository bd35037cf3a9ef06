//! The choice: in which order the cases are looked at, and how long.
//!
//! The looking itself, with all channels locked, is chan-core's
//! ([`Selection`]); so is the argument why exactly one case runs. Here is
//! what makes the choice uniform: a fresh permutation of *all* cases for each
//! look, of which the first ready one wins. A random start followed by a
//! cyclic walk would favour cases behind idle ones.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::time::{Duration, Instant};

use chan_core::select::{CaseList, Selection};

/// Go's `pollorder`: the numbers, shuffled (Fisher and Yates).
fn shuffle(order: &mut [u16]) {
    fastrand::shuffle(order);
}

/// A case that is ready now.
#[track_caller]
pub fn try_select<L: CaseList, const N: usize>(cases: L) -> Option<L::Won> {
    let mut selection = pin!(Selection::<L, N>::of_thread(cases, true));
    let won = selection.as_mut().look(&mut shuffle)?;
    Some(selection.take(won))
}

/// The first case to be ready.
#[track_caller]
pub fn select<L: CaseList, const N: usize>(cases: L) -> L::Won {
    let mut selection = pin!(Selection::<L, N>::of_thread(cases, false));
    let won = selection.as_mut().wait(&mut shuffle, None);
    selection.take(won.expect("without a deadline a case wins"))
}

/// The first case to be ready within `timeout`.
#[track_caller]
pub fn select_timeout<L: CaseList, const N: usize>(cases: L, timeout: Duration) -> Option<L::Won> {
    // A time beyond the clock's end never comes.
    let deadline = Instant::now().checked_add(timeout);
    let mut selection = pin!(Selection::<L, N>::of_thread(cases, deadline.is_some()));
    let won = selection.as_mut().wait(&mut shuffle, deadline)?;
    Some(selection.take(won))
}

/// The first case to be ready, for a task.
///
/// # Cancel safety
///
/// Dropped in any state it loses nothing: a value received goes on to the
/// next receiver, a value sent stays sent, and the values of send cases that
/// did not happen are dropped with it.
pub fn select_async<L: CaseList, const N: usize>(cases: L) -> impl Future<Output = L::Won> {
    let selection = Selection::<L, N>::of_task(cases);
    async move {
        let mut selection = pin!(selection);
        let won = poll_fn(|cx| selection.as_mut().poll(cx, &mut shuffle)).await;
        selection.take(won)
    }
}

/// The first case to be ready, for a task; the last of them is a timer.
///
/// The timer is a case like the others, looked at last: it wins only when it
/// is the first to be ready.
///
/// # Cancel safety
///
/// As for [`select_async`].
pub fn select_async_timeout<L: CaseList, const N: usize>(cases: L) -> impl Future<Output = L::Won> {
    let selection = Selection::<L, N>::of_task(cases);
    async move {
        let mut selection = pin!(selection);
        let timer_last = &mut |order: &mut [u16]| shuffle(&mut order[..N - 1]);
        let won = poll_fn(|cx| selection.as_mut().poll(cx, &mut *timer_last)).await;
        selection.take(won)
    }
}
