//! The verdict on one party: is there anybody left who could wake it?
//!
//! The argument for `Orphaned`, for a party all of whose cases are dead: a
//! receive is enabled by a handle that can send or close, or by a future that
//! holds an undelivered value and may be dropped; a send by a handle that can
//! receive or close, or by a permit that may be given back; a wait for the
//! close by a handle that can close. If the counts of all of these are zero, they stay so: a
//! capability is never made from another, and the undelivered value would
//! have to be handed over by a send. So the verdict never turns back.
//!
//! Channels with Rust's manners are not judged: there, the drop that takes
//! the last count to zero is about to close the channel.

use chan_core::observe::{ChannelSnapshot, Direction, Manners, Who};

use crate::report::{Evidence, Proven};
use crate::snapshot::{Case, Look, Party};

/// A verdict with its reason.
pub(crate) struct Verdict {
    pub(crate) evidence: Evidence,
    pub(crate) reason: String,
}

/// What the counts say about a party, if anything.
pub(crate) fn judge(look: &Look, party: &Party) -> Option<Verdict> {
    if party.wait.has_deadline || !party.is_whole() {
        return None;
    }
    let dead = party
        .cases
        .iter()
        .all(|case| is_dead(look.channel(case), case));
    if !dead {
        return None;
    }
    let nil = party.cases.iter().all(|case| case.channel.is_none());
    let proven = if nil { Proven::Never } else { Proven::Orphaned };
    let evidence = match party.wait.who {
        Who::Future => Evidence::DeadWait(proven),
        _ => Evidence::Proven(proven),
    };
    Some(Verdict {
        evidence,
        reason: reason(look, party, proven),
    })
}

/// Whether nothing can ever make the case ready.
fn is_dead(channel: Option<&ChannelSnapshot>, case: &Case) -> bool {
    let Some(channel) = channel else {
        return true;
    };
    if channel.manners == Manners::Rust || channel.closed {
        return false;
    }
    let handles = channel.handles;
    match case.wait.direction {
        Direction::Recv => handles.sending_side_gone() && channel.undelivered() == 0,
        // A permit that is dropped gives its room to one who waits to send.
        Direction::Send => handles.recv == 0 && handles.close == 0 && channel.permits == 0,
        Direction::Close => handles.close == 0,
    }
}

fn reason(look: &Look, party: &Party, proven: Proven) -> String {
    let counts = |case: &Case| {
        let channel = look.channel(case)?;
        let name = match &channel.name {
            Some(name) => format!("\"{name}\""),
            None => format!("of {}", channel.birth),
        };
        let handles = channel.handles;
        let enabling = match case.wait.direction {
            Direction::Recv => format!("{} senders, {} closers", handles.send, handles.close),
            Direction::Send => format!("{} receivers, {} closers", handles.recv, handles.close),
            Direction::Close => format!("{} closers", handles.close),
        };
        Some(format!("channel {name} is open with {enabling}"))
    };
    let who = match party.wait.who {
        Who::Future => "this operation can never complete (its task may drop it)",
        _ => "this thread can never be woken",
    };
    let why = match (proven, party.cases.len()) {
        (Proven::Never, _) if party.wait.cases == 0 => "its select has no cases".to_owned(),
        (Proven::Never, 1) => "its channel is nil".to_owned(),
        (Proven::Never, _) => "all channels of its select are nil".to_owned(),
        (Proven::Orphaned, _) => {
            let mut all: Vec<String> = party.cases.iter().filter_map(counts).collect();
            all.dedup();
            all.join("; ")
        }
    };
    format!("{who}: {why}")
}
