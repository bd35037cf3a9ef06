//! What was seen at earlier looks: how long waits last at a line, how many
//! there are, since when a channel is idle, and what became of suspicions.
//!
//! It is written at each look, by the one who looks. A wait that ended between
//! two looks was seen with an age, which it has at least reached: so what is
//! usual at a line is learned from the long ones, and that is what is asked.
//! Waits that no look has met are not known. The memory is that of the waits
//! and of the lines at which some have been seen.

use std::collections::HashMap;
use std::collections::HashSet;
use std::panic::Location;
use std::time::{Duration, Instant};

use chan_core::observe::{ChannelId, Handles, WaitId};
use parking_lot::{Mutex, MutexGuard};

use crate::options::Options;
use crate::report::Suspicions;
use crate::snapshot::{Look, Party};
use crate::stack::RawStack;

/// A wait, told apart from all others there ever are.
pub(crate) type Key = (Option<ChannelId>, WaitId);

#[derive(Default)]
pub(crate) struct History {
    waits: HashMap<Key, Seen>,
    unpolled: HashMap<Key, Instant>,
    channels: HashMap<ChannelId, Traffic>,
    lines: HashMap<usize, Line>,
    pub(crate) suspicions: Suspicions,
}

/// A wait that was there at the last look.
struct Seen {
    line: usize,
    age: Duration,
    suspected: bool,
    /// It was asked for its stack, which is done once.
    asked: bool,
    /// It does not change while the wait lasts.
    stack: Option<RawStack>,
}

/// A channel with waits, as it was at the last look.
struct Traffic {
    moved: u64,
    handles: Handles,
    /// Since when it is like that.
    since: Instant,
}

/// What is known of a line that waits.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    /// Waits that were seen, and ended.
    pub(crate) ended: u64,
    /// The longest of them.
    pub(crate) longest: Duration,
    /// How many wait there now.
    pub(crate) waiting: usize,
    /// In how many windows up to now more and more waited.
    pub(crate) growing: u32,
    before: usize,
    window: Instant,
}

/// The history of this process.
pub(crate) fn history() -> MutexGuard<'static, Option<History>> {
    static HISTORY: Mutex<Option<History>> = Mutex::new(None);
    HISTORY.lock()
}

pub(crate) fn key(look: &Look, party: &Party) -> Key {
    let case = &party.cases[0];
    (look.channel(case).map(|channel| channel.id), case.wait.id)
}

fn address(site: &'static Location<'static>) -> usize {
    std::ptr::from_ref(site) as usize
}

impl History {
    /// Takes in a look at everything.
    pub(crate) fn learn(&mut self, look: &Look, options: &Options, now: Instant) {
        self.learn_waits(look, now);
        self.learn_windows(options, now);
        self.learn_traffic(look, now);
        let mut before = std::mem::take(&mut self.unpolled);
        for party in &look.unpolled {
            let key = key(look, party);
            let since = before.remove(&key).unwrap_or(now);
            self.unpolled.insert(key, since);
        }
    }

    fn learn_waits(&mut self, look: &Look, now: Instant) {
        let mut before = std::mem::take(&mut self.waits);
        self.waits.reserve(look.parties.len());
        for line in self.lines.values_mut() {
            line.waiting = 0;
        }
        for party in &look.parties {
            let key = key(look, party);
            let age = party.wait.age.unwrap_or_default();
            let line = address(party.wait.site);
            let seen = match before.remove(&key) {
                Some(seen) => Seen { age, ..seen },
                None => Seen {
                    line,
                    age,
                    suspected: false,
                    asked: false,
                    stack: None,
                },
            };
            self.waits.insert(key, seen);
            self.lines.entry(line).or_insert(Line::new(now)).waiting += 1;
        }
        let alive = || look.channels.iter().map(|(_, channel)| channel.id);
        let alive: HashSet<_> = if before.values().any(|seen| seen.suspected) {
            alive().collect()
        } else {
            HashSet::new()
        };
        for ((channel, _), seen) in before {
            let Some(line) = self.lines.get_mut(&seen.line) else {
                continue;
            };
            line.ended += 1;
            line.longest = line.longest.max(seen.age);
            // One that ended with its channel was not helped by anybody.
            if seen.suspected && channel.is_none_or(|id| alive.contains(&id)) {
                self.suspicions.resumed += 1;
            }
        }
    }

    fn learn_windows(&mut self, options: &Options, now: Instant) {
        for line in self.lines.values_mut() {
            if now.duration_since(line.window) < options.limits.window {
                continue;
            }
            line.growing = if line.waiting > line.before {
                line.growing + 1
            } else {
                0
            };
            (line.before, line.window) = (line.waiting, now);
        }
    }

    fn learn_traffic(&mut self, look: &Look, now: Instant) {
        let mut before = std::mem::take(&mut self.channels);
        for case in look.parties.iter().flat_map(|party| &party.cases) {
            let Some(channel) = look.channel(case) else {
                continue;
            };
            let moved = channel.sent + channel.received;
            self.channels.entry(channel.id).or_insert_with(|| {
                let same = |old: &Traffic| old.moved == moved && old.handles == channel.handles;
                before.remove(&channel.id).filter(same).unwrap_or(Traffic {
                    moved,
                    handles: channel.handles,
                    since: now,
                })
            });
        }
    }

    /// What is known of the line of a party.
    pub(crate) fn line(&self, party: &Party) -> Option<Line> {
        self.lines.get(&address(party.wait.site)).copied()
    }

    /// For how long nothing has moved on a channel and nobody has come or gone,
    /// as far as looks can tell.
    pub(crate) fn idle(&self, channel: ChannelId, now: Instant) -> Duration {
        let since = self.channels.get(&channel).map(|traffic| traffic.since);
        since.map_or(Duration::ZERO, |since| now.duration_since(since))
    }

    /// For how long a future has been left alone, as far as looks can tell.
    pub(crate) fn unpolled(&self, look: &Look, party: &Party, now: Instant) -> Duration {
        let since = self.unpolled.get(&key(look, party));
        since.map_or(Duration::ZERO, |since| now.duration_since(*since))
    }

    /// A party is suspected.
    pub(crate) fn suspect(&mut self, key: Key) {
        if let Some(seen) = self.waits.get_mut(&key)
            && !seen.suspected
        {
            seen.suspected = true;
            self.suspicions.raised += 1;
        }
    }

    /// A party is proven stuck; perhaps it had been suspected.
    pub(crate) fn prove(&mut self, key: Key) {
        if let Some(seen) = self.waits.get_mut(&key)
            && seen.suspected
        {
            seen.suspected = false;
            self.suspicions.proven += 1;
        }
    }

    /// Whether a wait was asked for its stack before.
    pub(crate) fn was_asked(&self, key: Key) -> bool {
        self.waits.get(&key).is_some_and(|seen| seen.asked)
    }

    /// A wait is asked for its stack.
    pub(crate) fn ask(&mut self, key: Key) {
        if let Some(seen) = self.waits.get_mut(&key) {
            seen.asked = true;
        }
    }

    /// The stack of a wait, if it was taken before.
    pub(crate) fn stack(&self, key: Key) -> Option<RawStack> {
        self.waits.get(&key)?.stack.clone()
    }

    /// Keeps the stack of a wait for as long as it lasts.
    pub(crate) fn keep_stack(&mut self, key: Key, stack: RawStack) {
        if let Some(seen) = self.waits.get_mut(&key) {
            seen.stack = Some(stack);
        }
    }
}

impl Line {
    fn new(now: Instant) -> Line {
        Line {
            ended: 0,
            longest: Duration::ZERO,
            waiting: 0,
            growing: 0,
            before: 0,
            window: now,
        }
    }
}
