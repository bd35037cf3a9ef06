//! Who has handles of a channel, by what is entered, and how many are with
//! nobody who is known.

use std::cell::OnceCell;

use chan_core::observe::ChannelSnapshot;

use crate::hash::Map;
use crate::ledger::{Tally, Thing, ledger};
use crate::snapshot::{Look, Party};
use crate::suspect;

/// More names would not be read.
const NAMED: usize = 4;

/// What is entered for each thing, with the name of whoever has it. Read when
/// it is first asked for: few are.
#[derive(Default)]
pub(super) struct Whereabouts(OnceCell<Map<Thing, Vec<(String, Tally)>>>);

impl Whereabouts {
    /// The handles on the channels of a party.
    pub(super) fn of(&self, look: &Look, party: &Party) -> String {
        let channels = party.cases.iter().filter_map(|case| look.channel(case));
        let each = channels.map(|channel| self.on(channel));
        each.collect::<Vec<_>>().join("; ")
    }

    fn on(&self, channel: &ChannelSnapshot) -> String {
        let entered = self.0.get_or_init(entered);
        let known = entered.get(&Thing::Channel(channel.id));
        let known = known.map_or(&[][..], Vec::as_slice);
        let mut sum = Tally::default();
        known.iter().for_each(|(_, tally)| sum.add(*tally));
        let all = channel.handles;
        // Counted at two moments.
        let loose = |all: usize, known: usize| format!("{} of {all}", all.saturating_sub(known));
        let mut text = format!(
            "unaccounted: {} senders, {} receivers, {} closers of {}",
            loose(all.send, sum.send),
            loose(all.recv, sum.recv),
            loose(all.close, sum.close),
            suspect::name(channel),
        );
        let able = known
            .iter()
            .filter(|(_, tally)| tally.send + tally.recv > 0);
        let some = able.clone().take(NAMED).map(|(name, tally)| match tally {
            Tally { send: 0, .. } => format!("\"{name}\" (receives)"),
            Tally { recv: 0, .. } => format!("\"{name}\" (sends)"),
            _ => format!("\"{name}\""),
        });
        let some: Vec<_> = some.collect();
        if !some.is_empty() {
            text += &format!(", others with {}", some.join(", "));
        }
        if able.count() > NAMED {
            text += " and more";
        }
        text
    }
}

fn entered() -> Map<Thing, Vec<(String, Tally)>> {
    let mut all: Map<Thing, Vec<(String, Tally)>> = Map::default();
    for account in ledger().accounts() {
        for (thing, tally) in account.read() {
            all.entry(thing).or_default().push((account.name(), tally));
        }
    }
    for node in ledger().nodes() {
        for (thing, tally) in node.read().entries {
            let name = "a shared struct".to_owned();
            all.entry(thing).or_default().push((name, tally));
        }
    }
    for (_, enclosed) in ledger().carriers() {
        for (thing, tally) in enclosed.entries {
            let name = "a message".to_owned();
            all.entry(thing).or_default().push((name, tally));
        }
    }
    all
}
