//! Who is left when a test is over: looked for until nobody is, or until the
//! grace is.

use std::thread;
use std::time::{Duration, Instant};

use chan_core::observe::{self, ScopeId, Who};

use super::{Config, world};
use crate::export::text;
use crate::registry::registry;
use crate::report::Report;
use crate::survey::{About, survey};

impl Config {
    /// Fails the test if somebody is left.
    pub(super) fn check(&self, scope: ScopeId) {
        if let Some(message) = self.left_behind(scope) {
            panic!("{message}");
        }
    }

    /// Waits until nobody is left or the grace is over: the message, if
    /// somebody is.
    pub(super) fn left_behind(&self, scope: ScopeId) -> Option<String> {
        let end = Instant::now() + self.grace;
        let mut pause = Duration::from_millis(1);
        loop {
            let over = Instant::now() >= end;
            let undecided = somebody_looks(scope);
            // Whoever has a handle may not have come to its wait yet.
            if self.nothing_is_left(scope) && sees_the_sentinel() {
                return None;
            }
            let deadlock = || match self.closed_world {
                true => world::deadlock(scope, None, &self.allowed),
                false => None,
            };
            let report = match over {
                true => Some(self.leftovers(scope)),
                false => deadlock(),
            };
            match report {
                Some(report) if !report.findings.is_empty() => {
                    return Some(format!(
                        "this test has left somebody behind\n\n{}",
                        text::to_string(&report)
                    ));
                }
                // Who was seen neither to wait nor to have gone is looked at again.
                _ if over => {
                    let undecided = undecided || somebody_looks(scope);
                    if !undecided || Instant::now() >= end + MAY_LOOK {
                        return None;
                    }
                }
                _ => {}
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Whether all channels of the scope have gone, but those that may stay,
    /// and all its tasks have ended.
    fn nothing_is_left(&self, scope: ScopeId) -> bool {
        let of_scope = |channel: &observe::Channel| channel.scope() == scope;
        let may_stay = |channel: &observe::Channel| {
            let mut allowed = self.allowed.iter();
            allowed.any(|allow| allow.allows_event(None, channel.name()))
        };
        let mut left = observe::channels().into_iter().filter(of_scope);
        left.all(|channel| may_stay(&channel)) && !registry().has_tasks_of(scope)
    }

    fn leftovers(&self, scope: ScopeId) -> Report {
        survey(&About::Scope {
            scope,
            task: None,
            ended: true,
            allowed: &self.allowed,
            stacks: true,
        })
    }
}

/// How long a thread may take to its park.
const MAY_LOOK: Duration = Duration::from_secs(20);

/// Whether a thread stands before a channel of the scope that is about to park.
/// It is in no report yet.
fn somebody_looks(scope: ScopeId) -> bool {
    let of_scope = |channel: &observe::Channel| channel.scope() == scope;
    let looks = |channel: observe::Channel| {
        let waits = channel.snapshot().waits;
        let mut who = waits.iter().map(|wait| &wait.who);
        who.any(|who| matches!(who, Who::LookingThread))
    };
    observe::channels().into_iter().filter(of_scope).any(looks)
}

/// Whether the built-in leak is found: whoever sees nothing must see that.
fn sees_the_sentinel() -> bool {
    survey(&About::Scope {
        scope: ScopeId(u32::MAX),
        task: None,
        ended: false,
        allowed: &[],
        stacks: false,
    })
    .sentinel
}
