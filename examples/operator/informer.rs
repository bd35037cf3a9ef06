//! The informer: reads the watch, says when the initial lists are complete,
//! and feeds the workers.
//!
//! As in a real operator nothing is reconciled before every kind's list is
//! known: until then objects are held back, then `has_synced` closes, then
//! they flow. A stream that ends before that releases everybody as well.

use std::collections::HashSet;

use chan_core::{Context, SendChan};
use chan_select::select;

use crate::bugs::Bug;
use crate::feeds::Work;
use crate::source::Events;
use crate::tally::Tally;
use crate::wire::{Kind, WatchEvent};

/// How many skipped lines are reported one by one. A stream of another format
/// has thousands, and all say the same.
const REPORTED: u64 = 20;

/// The reading end of the service; it owns the sending side of every feed.
pub(crate) struct Informer {
    pub(crate) context: Context,
    pub(crate) feeds: Vec<(Kind, SendChan<Work>)>,
    pub(crate) has_synced: SendChan<()>,
}

/// What was read.
pub(crate) struct Read {
    pub(crate) tally: Tally,
    /// Whether the stream could be read to its end.
    pub(crate) whole: bool,
    /// Sending sides that should have been closed and were not.
    pub(crate) kept: Vec<SendChan<Work>>,
}

impl Informer {
    /// Reads the stream to its end, then ends the watches.
    pub(crate) fn run(self, events: Events, bug: Bug) -> Read {
        let (tally, whole) = self.read(events);
        let kept = end_watches(self.feeds, bug);
        Read { tally, whole, kept }
    }

    fn read(&self, events: Events) -> (Tally, bool) {
        let mut tally = Tally::default();
        let mut held_back = Some(Vec::new());
        let mut listed = HashSet::new();
        let mut whole = true;
        for event in events {
            match event {
                Ok(event) => {
                    tally.count(&event);
                    self.take(event, &mut listed, &mut held_back);
                }
                Err(error) if error.ends_the_stream() => {
                    eprintln!("{error}");
                    whole = false;
                    break;
                }
                Err(error) => {
                    tally.count_skipped();
                    if tally.skipped() <= REPORTED {
                        eprintln!("{error}");
                    }
                }
            }
        }
        if tally.skipped() > REPORTED {
            eprintln!("more lines skipped: {}", tally.skipped() - REPORTED);
        }
        // A stream that ends within a list has nothing more to wait for.
        self.synced(&mut held_back);
        (tally, whole)
    }

    /// One event: a bookmark may complete a list, an object goes its way.
    fn take(
        &self,
        event: WatchEvent,
        listed: &mut HashSet<Kind>,
        held_back: &mut Option<Vec<Work>>,
    ) {
        match event {
            WatchEvent::Bookmark(bookmark) => {
                if bookmark.initial_events_end {
                    listed.insert(bookmark.kind);
                }
                if listed.len() == Kind::ALL.len() {
                    self.synced(held_back);
                }
            }
            WatchEvent::Object { change, object } => {
                let work = Work { change, object };
                match held_back {
                    Some(held_back) => held_back.push(work),
                    None => self.feed(work),
                }
            }
        }
    }

    /// The lists are complete: says so, then lets flow what was held back.
    fn synced(&self, held_back: &mut Option<Vec<Work>>) {
        let Some(held_back) = held_back.take() else {
            return;
        };
        self.has_synced.close();
        for work in held_back {
            self.feed(work);
        }
    }

    /// Hands an object to the workers of its kind, unless the service ends.
    fn feed(&self, work: Work) {
        let kind = work.object.kind();
        let feed = self.feeds.iter().find(|(of, _)| *of == kind);
        let (_, feed) = feed.expect("every kind has a feed");
        select! {
            send(feed, work) -> () => {}
            recv(self.context.done()) -> _ => {}
        }
    }
}

/// The watches are over. Their owner closes the feeds; with a bug it forgets
/// one, or keeps it open.
fn end_watches(feeds: Vec<(Kind, SendChan<Work>)>, bug: Bug) -> Vec<SendChan<Work>> {
    let mut kept = Vec::new();
    for (kind, feed) in feeds {
        match (bug, kind) {
            (Bug::Zombie, Kind::ConfigMap) => end_without_closing(feed),
            (Bug::Context, Kind::ConfigMap) => kept.push(feed),
            _ => feed.close(),
        }
    }
    kept
}

/// The zombie: the watch ends, and nobody tells those who wait for it.
fn end_without_closing(feed: SendChan<Work>) {
    drop(feed);
}
