//! What is said of a party that nothing is proven of: facts that stand for
//! themselves, and measures that may mislead.
//!
//! | | rests on | may it mislead? |
//! | --- | --- | --- |
//! | [`BlockedHandler`](Evidence::BlockedHandler) | counts: no receiver is left, and none can be made | no: the send cannot succeed. A close may end it |
//! | [`BlockingInPoll`](Evidence::BlockingInPoll) | the stack | no |
//! | [`NotPolled`](Evidence::NotPolled) | two looks | the poll may come late |
//! | [`Suspected`](Evidence::Suspected) | [`crate::history`] | yes, and it is counted how often |
//! | [`Slow`](Evidence::Slow) | the same | it says no more than that |

use std::time::{Duration, Instant};

use chan_core::observe::{ChannelSnapshot, Direction, Manners, Who};

use crate::evidence::Verdict;
use crate::history::{History, Line};
use crate::options::Limits;
use crate::report::{Evidence, Frame};
use crate::snapshot::{Look, Party};

/// A sender that nobody can receive from, though somebody may still close.
pub(crate) fn blocked_handler(look: &Look, party: &Party) -> Option<Verdict> {
    if party.wait().has_deadline || !party.is_whole() {
        return None;
    }
    let cases = party.cases.iter();
    let channels: Option<Vec<_>> = cases
        .map(|case| {
            let channel = look.channel(case)?;
            // A receiver that is gone never comes back, and a permit that is
            // given back makes room.
            let alone = case.wait.direction == Direction::Send
                && channel.manners == Manners::Go
                && channel.handles.recv == 0
                && channel.permits == 0
                && !channel.closed;
            alone.then_some(channel)
        })
        .collect();
    let names: Vec<_> = channels?.into_iter().map(name).collect();
    Some(Verdict::new(
        Evidence::BlockedHandler,
        format!(
            "this send can never succeed: {} has no receivers; only a close would end it",
            names.join(", ")
        ),
    ))
}

/// A thread that is parked within a poll, by its stack.
pub(crate) fn blocking_in_poll(party: &Party, stack: &[Frame]) -> Option<Verdict> {
    if !matches!(party.wait().who, Who::Thread(_)) || !polls(stack) {
        return None;
    }
    Some(Verdict::new(
        Evidence::BlockingInPoll,
        format!(
            "a thread is parked in a {} in the middle of a future's poll; \
             whatever else its executor runs on this thread waits, too",
            party.wait().reason
        ),
    ))
}

/// Whether the innermost thing on the stack that tells is a poll. Executors
/// have places where one may block, and they tell as well.
pub(crate) fn polls(stack: &[Frame]) -> bool {
    const MAY_BLOCK: [&str; 3] = ["block_in_place", "BlockingTask<", "::blocking::unblock"];
    const POLLS: [&str; 6] = [
        "::Future>::poll",
        "future::Future::poll",
        "tokio::runtime::task::core::Core<",
        "async_task::raw::RawTask<",
        "futures_util::future::FutureExt::poll_unpin",
        "leakwatch::task::Tracked<",
    ];
    for frame in stack {
        let has = |part: &&str| frame.function.contains(part);
        if MAY_BLOCK.iter().any(has) {
            return false;
        }
        if POLLS.iter().any(has) {
            return true;
        }
    }
    false
}

/// A future that was woken or handed a value, and is left alone.
pub(crate) fn not_polled(
    holds_value: bool,
    alone: Duration,
    patience: Duration,
) -> Option<Verdict> {
    if alone < patience {
        return None;
    }
    let what = if holds_value {
        "was handed a value, which it holds"
    } else {
        "was woken"
    };
    Some(Verdict::new(
        Evidence::NotPolled,
        format!(
            "this future {what}, and has not been polled for {} since: \
             whoever owns it waits for something else",
            seconds(alone)
        ),
    ))
}

/// Much speaks against it, or it is merely slow.
pub(crate) fn unusual(
    look: &Look,
    party: &Party,
    history: &History,
    limits: &Limits,
    now: Instant,
) -> Option<Verdict> {
    let age = party.wait().age?;
    let line = history.line(party)?;
    let usual = line.longest.max(Duration::from_millis(1)) * limits.factor;
    let known = line.ended >= limits.known_after;
    if let Some(reason) = suspicion(
        look,
        party,
        history,
        limits,
        now,
        &line,
        known && age > usual,
    ) {
        return Some(Verdict::new(Evidence::Suspected, reason));
    }
    let slow = known && age > usual && age >= limits.slow_after;
    slow.then(|| Verdict::new(Evidence::Slow, format!(
            "it has been parked for {}; the longest of {} waits seen to end at this line took {}",
            seconds(age),
            line.ended,
            seconds(line.longest)
        )))
}

fn suspicion(
    look: &Look,
    party: &Party,
    history: &History,
    limits: &Limits,
    now: Instant,
    line: &Line,
    is_unusual: bool,
) -> Option<String> {
    let age = party
        .wait()
        .age
        .filter(|age| *age >= limits.suspect_after)?;
    if party.wait().has_deadline || !party.is_whole() {
        return None;
    }
    // Time comes by itself; a close that has happened is on its way.
    let channels: Vec<_> = party.cases.iter().filter_map(|c| look.channel(c)).collect();
    if channels
        .iter()
        .any(|channel| channel.is_timer || channel.closed)
    {
        return None;
    }
    let idle = channels.iter().map(|channel| history.idle(channel.id, now));
    let idle = idle.min()?;
    if idle < limits.suspect_after {
        return None;
    }
    let mut why = Vec::new();
    if is_unusual {
        why.push(format!(
            "the longest of {} waits seen to end at this line took {}",
            line.ended,
            seconds(line.longest)
        ));
    }
    if line.waiting >= limits.crowd {
        why.push(format!("{} wait at this line", line.waiting));
    }
    if line.growing >= limits.windows {
        why.push(format!(
            "more and more wait at this line, {} by now, for {} windows of {}",
            line.waiting,
            line.growing,
            seconds(limits.window)
        ));
    }
    if why.is_empty() {
        return None;
    }
    Some(format!(
        "parked for {}; {}; nothing has moved, and no handle come or gone, for {}",
        seconds(age),
        why.join("; "),
        seconds(idle),
    ))
}

/// What a channel is called in a sentence.
pub(crate) fn name(channel: &ChannelSnapshot) -> String {
    match &channel.name {
        Some(name) => format!("channel \"{name}\" made at {}", channel.birth),
        None => format!("the channel made at {}", channel.birth),
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(functions: &[&str]) -> Vec<Frame> {
        let frame = |function: &&str| Frame {
            function: (*function).to_owned(),
            file: None,
            line: None,
            address: 0,
        };
        functions.iter().map(frame).collect()
    }

    #[test]
    fn the_innermost_thing_that_tells_decides() {
        let task = "tokio::runtime::task::core::Core<T,S>::poll::{{closure}}";
        let pool = "<tokio::runtime::blocking::task::BlockingTask<T> as core::future::future::Future>::poll";
        let in_place = "tokio::task::blocking::block_in_place";
        assert!(polls(&stack(&["app::handler::{{closure}}", task])));
        assert!(!polls(&stack(&["app::work", pool])));
        // The workers of tokio are themselves jobs of its pool.
        assert!(polls(&stack(&["app::handler::{{closure}}", task, pool])));
        assert!(!polls(&stack(&["app::work", in_place, task, pool])));
        assert!(!polls(&stack(&["app::worker::run", "app::main"])));
    }
}
