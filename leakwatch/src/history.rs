//! What was seen at earlier looks: how long waits last at a line, how many
//! there are, since when a channel is idle, and what became of suspicions.
//!
//! It is written at each look, by the one who looks. A wait that ended between
//! two looks was seen with an age, which it has at least reached: so what is
//! usual at a line is learned from the long ones, and that is what is asked.
//! Waits that no look has met are not known. The memory is that of the waits
//! and of the lines at which some have been seen.

use std::panic::Location;
use std::time::{Duration, Instant};

use chan_core::observe::{ChannelId, Handles, WaitId};

use parking_lot::{Mutex, MutexGuard};

use crate::hash::{Map, Set};
use crate::options::Options;
use crate::report::Suspicions;
use crate::snapshot::{Look, Party};
use crate::stack::RawStack;

/// A wait, told apart from all others there ever are.
pub(crate) type Key = (Option<ChannelId>, WaitId);

#[derive(Default)]
pub(crate) struct History {
    /// The number of the last look.
    look: u64,
    waits: Map<Key, Seen>,
    /// How many of these are suspected.
    suspected: usize,
    /// How many of these have a stack.
    with_stack: usize,
    unpolled: Map<Key, Instant>,
    channels: Map<ChannelId, Traffic>,
    lines: Map<usize, Line>,
    pub(crate) suspicions: Suspicions,
}

/// A wait that was there at the last look.
struct Seen {
    /// The number of that look.
    look: u64,
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
    look: u64,
    moved: u64,
    handles: Handles,
    /// Since when it is like that.
    since: Instant,
}

/// What is known of a line that waits.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    site: Site,
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

/// A line that waits.
type Site = &'static Location<'static>;

fn address(site: Site) -> usize {
    std::ptr::from_ref(site) as usize
}

impl History {
    /// Takes in a look at everything.
    pub(crate) fn learn(&mut self, look: &Look, options: &Options, now: Instant) {
        self.look += 1;
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
        for line in self.lines.values_mut() {
            line.waiting = 0;
        }
        // Those of one channel mostly wait at one line.
        let (mut last, mut waiting) = (None::<Site>, 0);
        for party in &look.parties {
            let wait = party.wait();
            let line = address(wait.site);
            let seen = self.waits.entry(key(look, party)).or_insert(Seen {
                look: 0,
                line,
                age: Duration::ZERO,
                suspected: false,
                asked: false,
                stack: None,
            });
            seen.look = self.look;
            seen.age = wait.age.unwrap_or_default();
            if last.is_none_or(|last| !std::ptr::eq(last, wait.site)) {
                self.add_waiting(last.replace(wait.site), waiting, now);
                waiting = 0;
            }
            waiting += 1;
        }
        self.add_waiting(last, waiting, now);
        if self.waits.len() > look.parties.len() {
            self.learn_of_ends(look);
        }
    }

    fn add_waiting(&mut self, site: Option<Site>, waiting: usize, now: Instant) {
        if let Some(site) = site {
            let line = self.lines.entry(address(site));
            let line = line.or_insert_with(|| Line::new(site, now));
            line.waiting += waiting;
        }
    }

    /// What became of those who are not there any more.
    fn learn_of_ends(&mut self, look: &Look) {
        let alive: Set<ChannelId> = if self.suspected > 0 {
            look.channels
                .iter()
                .map(|(_, channel)| channel.id)
                .collect()
        } else {
            Set::default()
        };
        let number = self.look;
        for ((channel, _), seen) in self.waits.extract_if(|_, seen| seen.look != number) {
            self.suspected -= usize::from(seen.suspected);
            self.with_stack -= usize::from(seen.stack.is_some());
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
            if now.duration_since(line.window) < options.limits_of(line.site).window {
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
        let number = self.look;
        let mut last = None;
        for case in look.parties.iter().flat_map(|party| &party.cases) {
            if case.channel.is_none() || last == case.channel {
                continue;
            }
            last = case.channel;
            let Some(channel) = look.channel(case) else {
                continue;
            };
            let moved = channel.sent + channel.received;
            let fresh = Traffic {
                look: number,
                moved,
                handles: channel.handles,
                since: now,
            };
            let traffic = self.channels.entry(channel.id).or_insert(fresh);
            if traffic.moved != moved || traffic.handles != channel.handles {
                (traffic.moved, traffic.handles, traffic.since) = (moved, channel.handles, now);
            }
            traffic.look = number;
        }
        self.channels.retain(|_, traffic| traffic.look == number);
    }

    /// What is known of the line of a party.
    pub(crate) fn line(&self, party: &Party) -> Option<Line> {
        self.lines.get(&address(party.wait().site)).copied()
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
            self.suspected += 1;
            self.suspicions.raised += 1;
        }
    }

    /// A party is proven stuck; perhaps it had been suspected.
    pub(crate) fn prove(&mut self, key: Key) {
        if self.suspected > 0
            && let Some(seen) = self.waits.get_mut(&key)
            && seen.suspected
        {
            seen.suspected = false;
            self.suspected -= 1;
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
        if self.with_stack == 0 {
            return None;
        }
        self.waits.get(&key)?.stack.clone()
    }

    /// Keeps the stack of a wait for as long as it lasts.
    pub(crate) fn keep_stack(&mut self, key: Key, stack: RawStack) {
        if let Some(seen) = self.waits.get_mut(&key) {
            self.with_stack += usize::from(seen.stack.is_none());
            seen.stack = Some(stack);
        }
    }
}

impl Line {
    fn new(site: Site, now: Instant) -> Line {
        Line {
            site,
            ended: 0,
            longest: Duration::ZERO,
            waiting: 0,
            growing: 0,
            before: 0,
            window: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Limits;

    #[test]
    fn a_line_grows_in_windows_of_its_own() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let here = Location::caller();
        let there = Location::caller();
        assert_ne!(here, there);
        let quick = Limits {
            window: Duration::from_secs(1),
            ..Limits::default()
        };
        let own = format!("history.rs:{}", here.line());
        let options = Options::default().at(own, quick);
        let mut history = History::default();
        for site in [here, there] {
            let line = Line::new(site, begin);
            history.lines.insert(address(site), line);
        }
        let mut growing = |second, waiting| {
            for line in history.lines.values_mut() {
                line.waiting = waiting;
            }
            history.learn_windows(&options, after(second));
            [here, there].map(|site| history.lines[&address(site)].growing)
        };
        // More and more wait at both; a window of the other one is ten seconds.
        assert_eq!(growing(1, 1), [1, 0]);
        assert_eq!(growing(2, 2), [2, 0]);
        assert_eq!(growing(9, 3), [3, 0]);
        assert_eq!(growing(10, 4), [4, 1]);
        // No more than before: for the one that has looked.
        assert_eq!(growing(11, 4), [0, 1]);
        assert_eq!(growing(20, 5), [1, 2]);
        // Between two windows nothing is learned.
        assert_eq!(growing(20, 9), [1, 2]);
    }
}
