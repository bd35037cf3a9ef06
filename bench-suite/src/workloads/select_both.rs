//! Selects on both sides: four threads select over sends on four channels,
//! four over receives.

use super::race::{self, Receiving, Sending};
use super::threads::ends;
use crate::case::{Case, Work};
use crate::faces::SelectsBoth;
use crate::measure::Plan;
use crate::outcome::Outcome;

/// Runs a row of selects on both sides. `None` if it is not one.
pub(crate) fn run<S: SelectsBoth>(case: &Case, plan: &Plan) -> Option<Outcome> {
    if case.work != Work::SelectBoth {
        return None;
    }
    let (senders, receivers) = S::make(case.capacity);
    let sending = ends(senders, 4, |all| Some(all.clone()))?
        .into_iter()
        .map(|all| -> Sending {
            Box::new(move |course| {
                let mut sent = 0;
                while course.goes_on() && S::send(&all, course.stamp(sent)) {
                    sent += 1;
                }
                sent
            })
        });
    let receiving = ends(receivers, 4, |all| Some(all.clone()))?
        .into_iter()
        .map(|all| -> Receiving {
            Box::new(move |times| {
                let mut received = 0;
                let mut arrived = |stamp| {
                    received += 1;
                    times.arrived(stamp);
                };
                while let Some(stamp) = S::recv(&all) {
                    arrived(stamp);
                }
                // One channel is closed, so nobody sends any more: what is left
                // is in the others.
                for rx in &all {
                    while let Some(stamp) = S::try_recv(rx) {
                        arrived(stamp);
                    }
                }
                received
            })
        });
    Some(race::run(plan, sending.collect(), receiving.collect()))
}
