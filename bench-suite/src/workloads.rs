//! What the contenders do.

use crate::case::{Case, World};
use crate::faces::{Tasks, Threads};
use crate::measure::Plan;
use crate::outcome::Outcome;

pub(crate) mod grown;
pub(crate) mod memory;
pub(crate) mod race;
pub(crate) mod select_both;
pub(crate) mod select_tasks;
pub(crate) mod selecting;
pub(crate) mod snapshots;
pub(crate) mod tasks;
pub(crate) mod threads;

/// Runs a row of a contender with both faces. `None` if it cannot.
pub(crate) fn run<B: Threads, A: Tasks>(case: &Case, plan: &Plan) -> Option<Outcome> {
    match case.world {
        World::Threads | World::OneCore => threads::run::<B>(case, plan),
        World::TokioMulti | World::TokioSingle => tasks::run::<A>(case, plan),
    }
}
