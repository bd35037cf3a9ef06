//! Selects of one task over receives.
//!
//! Peers have no select of their own for tasks: they meet in `tokio::select!`
//! over their receive futures, of which all but one are dropped each time.

use std::future::{Future, ready};
use std::hint::black_box;
use std::marker::PhantomData;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::tasks::{Race, boxed, runtime};
use crate::case::{Capacity, Case, Selecting, Work};
use crate::faces::Tasks;
use crate::measure::{Plan, operation_ns};
use crate::outcome::Outcome;

/// What a select gave.
pub(crate) enum Selected {
    /// A value from this arm.
    Value(usize, u64),
    /// This arm is closed and empty.
    Closed(usize),
    /// No arm was ready, and there was a default.
    Default,
}

/// A way for a task to wait for the first of several receives.
pub(crate) trait AsyncSelects: 'static {
    type Channels: Tasks;

    /// Over the arms that are open.
    fn select<const N: usize>(
        arms: &mut [Rx<Self>; N],
        open: &[bool; N],
    ) -> impl Future<Output = Selected> + Send;

    /// With a default.
    fn try_select<const N: usize>(
        arms: &mut [Rx<Self>; N],
    ) -> impl Future<Output = Selected> + Send;
}

type Tx<S> = <<S as AsyncSelects>::Channels as Tasks>::Tx<u64>;
type Rx<S> = <<S as AsyncSelects>::Channels as Tasks>::Rx<u64>;
type Channels<S, const N: usize> = (Vec<Tx<S>>, [Rx<S>; N]);

/// Runs a row of selects by tasks. `None` if the contender cannot.
pub(crate) fn run<S: AsyncSelects>(case: &Case, plan: &Plan) -> Option<Outcome> {
    let runtime = runtime(case.world)?;
    match case.arms {
        2 => with_arms::<S, 2>(&runtime, case, plan),
        4 => with_arms::<S, 4>(&runtime, case, plan),
        _ => None,
    }
}

fn with_arms<S: AsyncSelects, const N: usize>(
    runtime: &Runtime,
    case: &Case,
    plan: &Plan,
) -> Option<Outcome> {
    let Work::Select(kind) = case.work else {
        return None;
    };
    match kind {
        Selecting::Ready => all_ready::<S, N>(runtime, plan),
        Selecting::Idle => idle::<S, N>(runtime, plan),
        Selecting::Fed => {
            let (senders, arms) = channels::<S, N>(case.capacity)?;
            Some(runtime.block_on(boxed(fed::<S, N>(senders, arms, plan))))
        }
        Selecting::One | Selecting::Woken => None,
    }
}

fn channels<S: AsyncSelects, const N: usize>(capacity: Capacity) -> Option<Channels<S, N>> {
    let made: Option<Vec<_>> = (0..N).map(|_| S::Channels::make::<u64>(capacity)).collect();
    let (senders, arms): (Vec<_>, Vec<_>) = made?.into_iter().unzip();
    Some((senders, arms.try_into().ok()?))
}

/// Every arm has values; as the row of threads.
fn all_ready<S: AsyncSelects, const N: usize>(runtime: &Runtime, plan: &Plan) -> Option<Outcome> {
    let room = (1024 / N).max(32);
    let (mut senders, mut arms) = channels::<S, N>(Capacity::Bounded(room))?;
    // Half of what is there is taken; then what was taken is put back.
    let stretch = (room * N / 2) as u64;
    let mut missing = [room; N];
    Some(Outcome::nanoseconds(operation_ns(plan, |n| {
        runtime.block_on(boxed(async {
            let (mut left, mut spent) = (n, Duration::ZERO);
            while left > 0 {
                for (tx, missing) in senders.iter_mut().zip(&mut missing) {
                    for _ in 0..std::mem::take(missing) {
                        S::Channels::send(tx, 1).await;
                    }
                }
                let now = left.min(stretch);
                let start = Instant::now();
                for _ in 0..now {
                    if let Selected::Value(arm, _) = S::select(&mut arms, &[true; N]).await {
                        missing[arm] += 1;
                    }
                }
                spent += start.elapsed();
                left -= now;
            }
            spent
        }))
    })))
}

/// No arm is ever ready.
fn idle<S: AsyncSelects, const N: usize>(runtime: &Runtime, plan: &Plan) -> Option<Outcome> {
    let (_senders, mut arms) = channels::<S, N>(Capacity::Bounded(16))?;
    Some(Outcome::nanoseconds(operation_ns(plan, |n| {
        runtime.block_on(boxed(async {
            let start = Instant::now();
            for _ in 0..n {
                black_box(S::try_select(&mut arms).await);
            }
            start.elapsed()
        }))
    })))
}

/// A task for each arm feeds it, and closes it at the end.
async fn fed<S: AsyncSelects, const N: usize>(
    senders: Vec<Tx<S>>,
    mut arms: [Rx<S>; N],
    plan: &Plan,
) -> Outcome {
    let mut race = Race::new(senders.len() + 1);
    race.receive(|mut times| async move {
        let (mut received, mut open) = (0, [true; N]);
        while open.contains(&true) {
            match S::select(&mut arms, &open).await {
                Selected::Value(_, stamp) => {
                    received += 1;
                    times.arrived(stamp);
                }
                Selected::Closed(arm) => open[arm] = false,
                Selected::Default => unreachable!("there is none"),
            }
        }
        (received, times)
    });
    for mut tx in senders {
        race.send(|course| async move {
            let mut sent = 0;
            while course.goes_on() && S::Channels::send(&mut tx, course.stamp(sent)).await {
                sent += 1;
            }
            sent
        });
    }
    race.run(plan).await
}

/// `tokio::select!` over a contender's receive futures.
pub(crate) struct TokioSelect<C>(PhantomData<C>);

fn selected(arm: usize, value: Option<u64>) -> Selected {
    match value {
        Some(value) => Selected::Value(arm, value),
        None => Selected::Closed(arm),
    }
}

/// `tokio::select!` over the first arms of a slice.
macro_rules! over {
    ($arms:ident, $open:ident, [$($name:ident $arm:literal)*]
        [$($first:tt)*] $($rest:tt)*
    ) => {{
        let [$($name,)* ..] = &mut $arms[..] else { unreachable!("there are as many arms") };
        tokio::select! {
            $($first)*
            $(value = C::recv($name), if $open[$arm] => selected($arm, value),)*
            $($rest)*
        }
    }};
}

impl<C: Tasks> AsyncSelects for TokioSelect<C> {
    type Channels = C;

    #[inline]
    async fn select<const N: usize>(arms: &mut [C::Rx<u64>; N], open: &[bool; N]) -> Selected {
        match N {
            2 => over!(arms, open, [a 0 b 1] []),
            4 => over!(arms, open, [a 0 b 1 c 2 d 3] []),
            _ => unreachable!("`run` refused"),
        }
    }

    #[inline]
    async fn try_select<const N: usize>(arms: &mut [C::Rx<u64>; N]) -> Selected {
        // A last arm that is always ready, looked at last.
        let open = [true; N];
        match N {
            2 => over!(arms, open, [a 0 b 1] [biased;] () = ready(()) => Selected::Default),
            4 => {
                over!(arms, open, [a 0 b 1 c 2 d 3] [biased;] () = ready(()) => Selected::Default)
            }
            _ => unreachable!("`run` refused"),
        }
    }
}
