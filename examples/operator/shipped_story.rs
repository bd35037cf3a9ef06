//! Whether the shipped stream is what a cluster could have sent.
//!
//! Examples and measurements reason about these events, so the stream must not
//! only parse: its objects must be born before they change and die once.
//! `events/story.rs` says what is promised; this checks it from the reader's
//! side, knowing nothing of how it was written.

use std::collections::{HashMap, HashSet};

use crate::source::Source;
use crate::wire::{Bookmark, Change, Kind, Object, WatchEvent};

/// The shipped events.
fn shipped() -> Vec<WatchEvent> {
    let events = Source::Shipped.open().expect("it is built in");
    events
        .map(|event| event.unwrap_or_else(|error| panic!("{error}")))
        .collect()
}

/// The version of an event as the number it looks like.
fn version(event: &WatchEvent) -> u64 {
    event
        .resource_version()
        .as_str()
        .parse()
        .expect("etcd's versions are numbers")
}

/// What the events so far have said.
#[derive(Default)]
struct Seen {
    /// Living objects by kind and name.
    alive: HashMap<(Kind, String), Object>,
    /// Uids that were given away.
    uids: HashSet<String>,
    /// Kinds whose list is complete.
    listed: HashSet<Kind>,
    /// The latest version; in the lists, the latest of any object.
    latest: u64,
}

impl Seen {
    /// One event, which must be possible after those before.
    fn take(&mut self, event: &WatchEvent) {
        let version = version(event);
        if self.listed.len() == Kind::ALL.len() {
            let together = matches!(event, WatchEvent::Bookmark(_));
            assert!(
                version > self.latest || together && version == self.latest,
                "{version}"
            );
        }
        self.latest = self.latest.max(version);
        match event {
            WatchEvent::Bookmark(bookmark) => self.bookmark(bookmark, version),
            WatchEvent::Object {
                change: Change::Added,
                object,
            } => self.added(object),
            WatchEvent::Object {
                change: Change::Modified,
                object,
            } => self.modified(object),
            WatchEvent::Object {
                change: Change::Deleted,
                object,
            } => self.deleted(object),
        }
    }

    fn bookmark(&mut self, bookmark: &Bookmark, version: u64) {
        assert_eq!(version, self.latest, "a bookmark is behind nothing");
        let first = !self.listed.contains(&bookmark.kind);
        assert_eq!(
            bookmark.initial_events_end, first,
            "the first bookmark ends the list"
        );
        self.listed.insert(bookmark.kind);
    }

    fn added(&mut self, object: &Object) {
        let (kind, meta) = (object.kind(), object.metadata());
        assert!(
            self.uids.insert(meta.uid.clone()),
            "{} has the uid of another",
            meta.key()
        );
        for owner in &meta.owner_references {
            // The lists come kind after kind, so an owner may be listed later.
            let listed = !self.listed.contains(&Kind::Database);
            assert!(
                listed || self.uids.contains(&owner.uid),
                "{} has no owner",
                meta.key()
            );
        }
        let before = self.alive.insert((kind, meta.key()), object.clone());
        assert!(before.is_none(), "{} is there already", meta.key());
    }

    fn modified(&mut self, object: &Object) {
        let meta = object.metadata();
        let before = self
            .alive
            .insert((object.kind(), meta.key()), object.clone());
        let before = before.unwrap_or_else(|| panic!("{} is not there", meta.key()));
        assert_eq!(before.metadata().uid, meta.uid);
        assert_eq!(
            before.metadata().creation_timestamp,
            meta.creation_timestamp
        );
        if let (Object::Database(old), Object::Database(new)) = (&before, object) {
            let asked = new.metadata.deletion_timestamp != old.metadata.deletion_timestamp;
            let changes = i64::from(old.spec != new.spec || asked);
            let generation = old.metadata.generation.expect("databases have one");
            assert_eq!(
                meta.generation,
                Some(generation + changes),
                "{}",
                meta.key()
            );
            assert_ne!(
                (old.spec != new.spec, asked),
                (true, true),
                "one write, one reason"
            );
        } else {
            assert_eq!(meta.generation, None, "core kinds have no generation");
        }
    }

    fn deleted(&mut self, object: &Object) {
        let meta = object.metadata();
        let before = self.alive.remove(&(object.kind(), meta.key()));
        let before = before.unwrap_or_else(|| panic!("{} is not there", meta.key()));
        assert_eq!(before.metadata().uid, meta.uid);
        assert!(meta.finalizers.is_empty(), "{} is held back", meta.key());
        assert_eq!(
            object.kind() == Kind::Database,
            meta.deletion_timestamp.is_some()
        );
    }
}

#[test]
fn each_event_is_possible_after_those_before() {
    let mut seen = Seen::default();
    for event in &shipped() {
        seen.take(event);
    }
    assert_eq!(seen.listed.len(), Kind::ALL.len());
    let owners: HashSet<_> = seen
        .alive
        .values()
        .map(|object| object.metadata().uid.clone())
        .collect();
    for object in seen.alive.values() {
        let meta = object.metadata();
        assert!(
            meta.owner_references
                .iter()
                .all(|owner| owners.contains(&owner.uid)),
            "{} outlives its owner",
            meta.key()
        );
        if let Object::Database(database) = object {
            let status = database.status.as_ref().expect("the operator has seen all");
            assert_eq!(
                status.observed_generation,
                meta.generation,
                "{}",
                meta.key()
            );
            assert_eq!(
                status.ready_replicas,
                database.spec.replicas,
                "{}",
                meta.key()
            );
        }
    }
}

#[test]
fn there_is_enough_of_everything() {
    let events = shipped();
    assert!((400..500).contains(&events.len()), "{}", events.len());
    for kind in Kind::ALL {
        for change in [Change::Added, Change::Modified, Change::Deleted] {
            let such = |event: &&WatchEvent| {
                event.kind() == kind
                    && matches!(event, WatchEvent::Object { change: is, .. } if *is == change)
            };
            let count = events.iter().filter(such).count();
            assert!(count >= 5, "{count} {change:?} of {kind}");
        }
    }
}
