//! Ours: `chan_select::select!` and `select_async!` over `chan_core` receivers.

use ::chan_core::{Receiver, Sender};
use ::chan_select::{Select, select, select_async};

use super::chan_core::{Async, channel};
use super::{Contender, How, Role};
use crate::case::{Capacity, World};
use crate::faces::{Selects, SelectsBoth};
use crate::workloads::select_tasks::{self, AsyncSelects, Selected};
use crate::workloads::{select_both, selecting};

pub(crate) const MACRO: Contender = Contender {
    name: "chan-select",
    role: Role::Ours,
    package: "chan-select",
    how: How::Rust(|case, plan| match case.world {
        World::Threads | World::OneCore => {
            select_both::run::<Macro>(case, plan).or_else(|| selecting::run::<Macro>(case, plan))
        }
        World::TokioMulti | World::TokioSingle => select_tasks::run::<AsyncMacro>(case, plan),
    }),
};

/// `Select`, built once: its cases stay.
pub(crate) const BUILDER: Contender = Contender {
    name: "chan-select-dyn",
    role: Role::Ours,
    package: "chan-select",
    how: How::Rust(selecting::run::<Builder>),
};

struct Macro;

/// A select with one receive for each number.
macro_rules! over {
    ($arms:ident [$($arm:literal)*] $($default:tt)*) => {
        select! { $(recv($arms[$arm]) -> value => value.ok(),)* $($default)* }
    };
}

/// `over!` for the arity that is asked for; the others compile to nothing.
macro_rules! by_arity {
    ($n:ident, $arms:ident, $($default:tt)*) => {
        match $n {
            2 => over!($arms [0 1] $($default)*),
            4 => over!($arms [0 1 2 3] $($default)*),
            16 => over!($arms [0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15] $($default)*),
            64 => over!($arms [
                0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
                16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
                32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47
                48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63
            ] $($default)*),
            _ => unreachable!("`make` refused"),
        }
    };
}

impl Selects for Macro {
    type Tx = Sender<u64>;
    type Arms<const N: usize> = [Receiver<u64>; N];
    type Set<'a, const N: usize> = &'a [Receiver<u64>; N];

    fn make<const N: usize>(capacity: Capacity) -> Option<(Vec<Self::Tx>, Self::Arms<N>)> {
        let mut senders = Vec::new();
        let arms = std::array::from_fn(|_| {
            let (tx, rx) = channel(capacity);
            senders.push(tx);
            rx
        });
        matches!(N, 2 | 4 | 16 | 64).then_some((senders, arms))
    }

    fn set<const N: usize>(arms: &Self::Arms<N>) -> Self::Set<'_, N> {
        arms
    }

    #[inline]
    fn select<const N: usize>(arms: &mut Self::Set<'_, N>) -> Option<u64> {
        by_arity!(N, arms,)
    }

    #[inline]
    fn try_select<const N: usize>(arms: &mut Self::Set<'_, N>) -> Option<u64> {
        by_arity!(N, arms, default => None)
    }

    fn send(tx: &mut Self::Tx, value: u64) -> bool {
        tx.send(value).is_ok()
    }

    fn try_send(tx: &mut Self::Tx, value: u64) -> bool {
        tx.try_send(value).is_ok()
    }
}

impl SelectsBoth for Macro {
    type Tx = Sender<u64>;
    type Rx = Receiver<u64>;

    fn make(capacity: Capacity) -> ([Self::Tx; 4], [Self::Rx; 4]) {
        let pairs: [_; 4] = std::array::from_fn(|_| channel(capacity));
        (
            pairs.each_ref().map(|(tx, _)| tx.clone()),
            pairs.map(|(_, rx)| rx),
        )
    }

    #[inline]
    fn send([a, b, c, d]: &[Self::Tx; 4], value: u64) -> bool {
        select! {
            send(a, value) -> sent => sent.is_ok(),
            send(b, value) -> sent => sent.is_ok(),
            send(c, value) -> sent => sent.is_ok(),
            send(d, value) -> sent => sent.is_ok(),
        }
    }

    #[inline]
    fn recv([a, b, c, d]: &[Self::Rx; 4]) -> Option<u64> {
        select! {
            recv(a) -> value => value.ok(),
            recv(b) -> value => value.ok(),
            recv(c) -> value => value.ok(),
            recv(d) -> value => value.ok(),
        }
    }

    fn try_recv(rx: &Self::Rx) -> Option<u64> {
        rx.try_recv().ok()
    }
}

struct Builder;

impl Selects for Builder {
    type Tx = Sender<u64>;
    type Arms<const N: usize> = [Receiver<u64>; N];
    type Set<'a, const N: usize> = Select<'a, Option<u64>>;

    fn make<const N: usize>(capacity: Capacity) -> Option<(Vec<Self::Tx>, Self::Arms<N>)> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..N).map(|_| channel(capacity)).unzip();
        Some((senders, receivers.try_into().ok()?))
    }

    fn set<const N: usize>(arms: &Self::Arms<N>) -> Self::Set<'_, N> {
        let mut select = Select::new();
        for arm in arms {
            select.recv(arm, |value| value.ok());
        }
        select
    }

    #[inline]
    fn select<const N: usize>(set: &mut Self::Set<'_, N>) -> Option<u64> {
        set.select()
    }

    #[inline]
    fn try_select<const N: usize>(set: &mut Self::Set<'_, N>) -> Option<u64> {
        set.try_select().flatten()
    }

    fn send(tx: &mut Self::Tx, value: u64) -> bool {
        tx.send(value).is_ok()
    }

    fn try_send(tx: &mut Self::Tx, value: u64) -> bool {
        tx.try_send(value).is_ok()
    }
}

struct AsyncMacro;

/// An arm that is closed is left out by giving `None` in its place.
macro_rules! over_async {
    ($arms:ident, $open:ident [$($arm:literal)*]) => {
        select_async! {
            $(recv($open[$arm].then_some(&$arms[$arm])) -> value => selected($arm, value.ok()),)*
        }
    };
}

fn selected(arm: usize, value: Option<u64>) -> Selected {
    match value {
        Some(value) => Selected::Value(arm, value),
        None => Selected::Closed(arm),
    }
}

impl AsyncSelects for AsyncMacro {
    type Channels = Async;

    #[inline]
    async fn select<const N: usize>(arms: &mut [Receiver<u64>; N], open: &[bool; N]) -> Selected {
        match N {
            2 => over_async!(arms, open [0 1]),
            4 => over_async!(arms, open [0 1 2 3]),
            _ => unreachable!("`run` refused"),
        }
    }

    #[inline]
    async fn try_select<const N: usize>(arms: &mut [Receiver<u64>; N]) -> Selected {
        match N {
            2 => select_async! {
                recv(arms[0]) -> value => selected(0, value.ok()),
                recv(arms[1]) -> value => selected(1, value.ok()),
                default => Selected::Default,
            },
            4 => select_async! {
                recv(arms[0]) -> value => selected(0, value.ok()),
                recv(arms[1]) -> value => selected(1, value.ok()),
                recv(arms[2]) -> value => selected(2, value.ok()),
                recv(arms[3]) -> value => selected(3, value.ok()),
                default => Selected::Default,
            },
            _ => unreachable!("`run` refused"),
        }
    }
}
