//! How many events of which kind and type were read, how many lines were not,
//! and how many objects there are after all of it.
//!
//! A plain count with a table for people. It knows nothing of where events go,
//! so a service can keep one while it passes them on, and compare what its
//! workers ended with.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::wire::{Change, Kind, WatchEvent};

/// The columns of the table, in their order.
const COLUMNS: [(&str, Column); 4] = [
    ("ADDED", Column::Change(Change::Added)),
    ("MODIFIED", Column::Change(Change::Modified)),
    ("DELETED", Column::Change(Change::Deleted)),
    ("BOOKMARK", Column::Bookmark),
];

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Column {
    /// Of an object.
    Change(Change),
    /// Of a bookmark.
    Bookmark,
}

/// Counts of events and of skipped lines. Its `Display` is the table, each line
/// with its line break.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// By kind and type.
    counts: HashMap<(Kind, Column), u64>,
    /// Objects that are not deleted, by kind and `namespace/name`.
    alive: HashSet<(Kind, String)>,
    /// Lines that were no event, or none that can be used.
    skipped: u64,
}

impl Tally {
    /// Counts an event.
    pub(crate) fn count(&mut self, event: &WatchEvent) {
        let column = match event {
            WatchEvent::Object { change, object } => {
                let id = (object.kind(), object.metadata().key());
                match change {
                    Change::Added | Change::Modified => self.alive.insert(id),
                    Change::Deleted => self.alive.remove(&id),
                };
                Column::Change(*change)
            }
            WatchEvent::Bookmark(_) => Column::Bookmark,
        };
        *self.counts.entry((event.kind(), column)).or_default() += 1;
    }

    /// Counts a line that was reported and skipped.
    pub(crate) fn count_skipped(&mut self) {
        self.skipped += 1;
    }

    /// All events.
    pub(crate) fn events(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Objects of this kind that are there after all events.
    pub(crate) fn alive(&self, kind: Kind) -> usize {
        self.alive.iter().filter(|(of, _)| *of == kind).count()
    }

    /// All skipped lines.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<9}", "")?;
        for (name, _) in COLUMNS {
            write!(f, " {name:>9}")?;
        }
        writeln!(f, " {:>9}", "alive")?;
        for kind in Kind::ALL {
            write!(f, "{kind:<9}")?;
            for (_, column) in COLUMNS {
                write!(
                    f,
                    " {:>9}",
                    self.counts.get(&(kind, column)).copied().unwrap_or(0)
                )?;
            }
            writeln!(f, " {:>9}", self.alive(kind))?;
        }
        Ok(())
    }
}
