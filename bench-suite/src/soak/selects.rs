//! Selects over several channels of either face: by the macros, whose arms are
//! nil where a channel is of another kind, and by `Select`.

use std::time::Duration;

use chan_select::{Select, SendKey};
use fastrand::Rng;

use crate::books::Token;
use crate::ends::{Got, Put, Rx, Tx};
use crate::less_common::Said;

/// What a select of sends says: which lane, and what became of its value.
pub(crate) type Sent = (usize, Put);
/// The same of receives.
pub(crate) type Received = (usize, Got);

/// Sends on one of two lanes, by `$select`. The value that was not sent is
/// dropped.
macro_rules! send_either {
    ($select:ident, $lanes:expr, $values:expr, $time:expr) => {{
        macro_rules! selected {
            ($a:ident, $b:ident) => {{
                let [one, two] = $values;
                match $time {
                    None => chan_select::$select! {
                        send($a, one) -> sent => Some((0, sent.said())),
                        send($b, two) -> sent => Some((1, sent.said())),
                    },
                    Some(time) => chan_select::$select! {
                        send($a, one) -> sent => Some((0, sent.said())),
                        send($b, two) -> sent => Some((1, sent.said())),
                        default(time) => None,
                    },
                }
            }};
        }
        match $lanes {
            [Tx::Rust(a), Tx::Rust(b)] => selected!(a, b),
            [Tx::Rust(a), Tx::Go(b)] => selected!(a, b),
            [Tx::Rust(a), Tx::GoView(b)] => selected!(a, b),
            [Tx::Go(a), Tx::Rust(b)] => selected!(a, b),
            [Tx::Go(a), Tx::Go(b)] => selected!(a, b),
            [Tx::Go(a), Tx::GoView(b)] => selected!(a, b),
            [Tx::GoView(a), Tx::Rust(b)] => selected!(a, b),
            [Tx::GoView(a), Tx::Go(b)] => selected!(a, b),
            [Tx::GoView(a), Tx::GoView(b)] => selected!(a, b),
        }
    }};
}

/// Without a time it waits until one of them is sent.
pub(crate) fn send_either(
    lanes: [&Tx; 2],
    values: [Token; 2],
    time: Option<Duration>,
) -> Option<Sent> {
    send_either!(select, lanes, values, time)
}

/// The same in a task.
pub(crate) async fn send_either_async(
    lanes: [&Tx; 2],
    values: [Token; 2],
    time: Option<Duration>,
) -> Option<Sent> {
    send_either!(select_async, lanes, values, time)
}

/// How many lanes a round has at most.
pub(crate) const LANES: usize = 3;

/// Receives on the first lane that has something, by `$select`.
macro_rules! recv_any {
    ($select:ident, $lanes:expr, $($more:tt)*) => {{
        let lane = |at: usize| $lanes.get(at).and_then(|lane: &Option<Rx>| lane.as_ref());
        let all: [_; LANES] = std::array::from_fn(lane);
        let rust = all.map(|lane| lane.and_then(Rx::rust));
        let go = all.map(|lane| lane.and_then(Rx::go));
        let views = all.map(|lane| lane.and_then(Rx::view));
        chan_select::$select! {
            recv(rust[0]) -> got => Some((0, got.said())),
            recv(rust[1]) -> got => Some((1, got.said())),
            recv(rust[2]) -> got => Some((2, got.said())),
            recv(go[0]) -> got => Some((0, got.said())),
            recv(go[1]) -> got => Some((1, got.said())),
            recv(go[2]) -> got => Some((2, got.said())),
            recv(views[0]) -> got => Some((0, got.said())),
            recv(views[1]) -> got => Some((1, got.said())),
            recv(views[2]) -> got => Some((2, got.said())),
            $($more)*
        }
    }};
}

/// Without a time it waits until one of them has something.
pub(crate) fn recv_any(lanes: &[Option<Rx>], time: Option<Duration>) -> Option<Received> {
    match time {
        None => recv_any!(select, lanes,),
        Some(Duration::ZERO) => recv_any!(select, lanes, default => None,),
        Some(time) => recv_any!(select, lanes, default(time) => None,),
    }
}

/// The same in a task.
pub(crate) async fn recv_any_async(
    lanes: &[Option<Rx>],
    time: Option<Duration>,
) -> Option<Received> {
    match time {
        None => recv_any!(select_async, lanes,),
        Some(time) => recv_any!(select_async, lanes, default(time) => None,),
    }
}

/// A [`Select`] over a send on each lane.
pub(crate) struct SendSet<'a> {
    pub(crate) select: Select<'a, Sent>,
    keys: Vec<SendKey<Token>>,
}

impl<'a> SendSet<'a> {
    /// Some go first, as `random` says.
    pub(crate) fn new(
        lanes: &'a [Tx],
        random: &mut Rng,
        mut value: impl FnMut(usize) -> Token,
    ) -> SendSet<'a> {
        let mut select = Select::new();
        let mut keys = Vec::new();
        for (at, lane) in lanes.iter().enumerate() {
            let value = value(at);
            let key = match lane {
                Tx::Rust(tx) => select.send(tx, value, move |sent| (at, sent.said())),
                Tx::Go(tx) => select.send(tx, value, move |sent| (at, sent.said())),
                Tx::GoView(tx) => select.send(tx, value, move |sent| (at, sent.said())),
            };
            select.first(key, random.u8(0..4) == 0);
            keys.push(key);
        }
        SendSet { select, keys }
    }

    /// Gives a case whose value has gone another one.
    pub(crate) fn put(&mut self, at: usize, value: Token) {
        let before = self.select.put(self.keys[at], value);
        assert!(matches!(before, Ok(None)), "the case was not idle");
    }

    /// The values that were not sent.
    pub(crate) fn take_back(&mut self) -> Vec<Token> {
        let keys = self.keys.drain(..);
        keys.filter_map(|key| self.select.take_back(key)).collect()
    }
}

/// A [`Select`] over a receive on each lane that is open.
pub(crate) fn recv_set<'a>(lanes: &'a [Option<Rx>], random: &mut Rng) -> Select<'a, Received> {
    let mut select = Select::new();
    for (at, lane) in lanes.iter().enumerate() {
        let key = match lane {
            None => continue,
            Some(Rx::Rust(rx)) => select.recv(rx, move |got| (at, got.said())),
            Some(Rx::Go(rx)) => select.recv(rx, move |got| (at, got.said())),
            Some(Rx::GoView(rx)) => select.recv(rx, move |got| (at, got.said())),
        };
        select.first(key, random.u8(0..4) == 0);
    }
    select
}
