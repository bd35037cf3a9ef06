//! Who could cancel a context: counted for watchers.
//!
//! The `done` channel of a context is closed by its context, on behalf of a
//! `Cancel` handle of it or of an ancestor, or of a deadline. So what counts
//! is not the one handle in the context that can close the channel, but these.
//! While somebody watches, the counts are found by the channel.
//!
//! Atomics: `handles` is a count as that of an `Arc`: Relaxed on the way up,
//! Release on the way down, Acquire by a watcher, who so sees what was done
//! through the handles that it finds gone.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::watch::{self, ChannelId};

/// Who could cancel one context.
pub(super) struct Cancels {
    done: ChannelId,
    handles: AtomicUsize,
    has_deadline: bool,
    parent: Option<Arc<Cancels>>,
    listed: bool,
}

/// Who could cancel a context, as a watcher sees it.
///
/// # Examples
///
/// ```standalone_crate
/// # use std::{panic::Location, time::Duration};
/// # use chan_core::observe::{self, *};
/// # struct Quiet;
/// # impl Watcher for Quiet {
/// #     fn note(&self, _: Moment) -> Option<Note> { None }
/// #     fn misuse(&self, _: Misuse, _: &'static Location<'static>, _: ChannelId) {}
/// #     fn stack_requested(&self, _: u64) {}
/// # }
/// # observe::install(&Quiet).unwrap();
/// use chan_core::Context;
///
/// let (ctx, cancel) = Context::background().with_timeout(Duration::from_secs(60));
/// let _another = cancel.clone();
/// let id = observe::context_of(&cancel);
/// let who: observe::Cancellers = observe::cancellers(id).unwrap();
/// assert_eq!((who.has_deadline, who.handles[0]), (true, (id, 2)));
/// # drop(ctx);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cancellers {
    /// It, or an ancestor, has a deadline that will cancel it.
    pub has_deadline: bool,
    /// The context and its ancestors, by their `done` channels, with the
    /// number of `Cancel` handles of each.
    pub handles: Vec<(ChannelId, usize)>,
}

static LISTED: Mutex<BTreeMap<ChannelId, Arc<Cancels>>> = Mutex::new(BTreeMap::new());

fn listed() -> MutexGuard<'static, BTreeMap<ChannelId, Arc<Cancels>>> {
    // Nothing panics under this lock.
    LISTED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cancels {
    /// Of a context that nobody can cancel yet.
    pub(super) fn new(
        done: ChannelId,
        has_deadline: bool,
        parent: Option<&Arc<Cancels>>,
    ) -> Arc<Self> {
        let watched = watch::watcher().is_some();
        let cancels = Arc::new(Cancels {
            done,
            handles: AtomicUsize::new(0),
            has_deadline,
            parent: parent.map(Arc::clone),
            listed: watched,
        });
        if watched {
            listed().insert(done, Arc::clone(&cancels));
        }
        cancels
    }

    pub(super) fn done(&self) -> ChannelId {
        self.done
    }

    /// One more handle.
    pub(super) fn add(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub(super) fn subtract(&self) {
        self.handles.fetch_sub(1, Ordering::Release);
    }

    /// The context has ended.
    pub(super) fn end(&self) {
        if self.listed {
            let ended = listed().remove(&self.done);
            drop(ended);
        }
    }
}

impl Drop for Cancels {
    fn drop(&mut self) {
        // One by one: a long chain dropped from its leaf would recurse.
        let mut next = self.parent.take();
        while let Some(parent) = next {
            next = Arc::into_inner(parent).and_then(|mut parent| parent.parent.take());
        }
    }
}

/// Who could cancel the context whose `done` channel this is. Nothing if it
/// is no context's, or of one that is older than the watcher.
pub(crate) fn cancellers(done: ChannelId) -> Option<Cancellers> {
    let first = listed().get(&done).map(Arc::clone)?;
    let mut all = Cancellers::default();
    let mut next = Some(&first);
    while let Some(cancels) = next {
        all.has_deadline |= cancels.has_deadline;
        let handles = cancels.handles.load(Ordering::Acquire);
        all.handles.push((cancels.done, handles));
        next = cancels.parent.as_ref();
    }
    Some(all)
}
