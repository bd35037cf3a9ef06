//! How a channel closes and ends: who is told, what is dropped, in which order.
//!
//! Nothing here runs foreign code under a lock: those whom a close has settled
//! are woken by the dozen, and values that nobody can receive are taken out and
//! dropped one by one, each with no lock held. What panics on the way keeps
//! nobody asleep and takes no other value with it.

use std::panic;
use std::ptr::NonNull;

use crate::hchan::Hchan;
use crate::header::{Guard, Header};
use crate::registry::Maker;
use crate::waitq::{Site, WaitQueue};
use crate::wakes::Wakes;
use crate::{blocks, panics, registry, watch};

impl<T> Hchan<T> {
    /// Closes at a line; false if it was closed. Whoever waits is woken.
    pub(crate) fn close(&self, site: Site) -> bool {
        // For the line; if it is closed, that of another close is kept.
        if !self.header().is_closed() {
            self.header().ensure_rare();
        }
        let mut guard = self.header().lock();
        let unheard = watch::watcher().is_some() && is_unheard_of(&guard);
        if !guard.close() {
            return false;
        }
        guard.set_closed_at(site);
        let waited_for = guard.owes_wakes();
        drop(guard);
        let closing = watch::Closing {
            channel: self.header().id(),
            birth: self.header().site(),
            site,
            unheard,
        };
        let note = watch::guarded(|watcher| watcher.closed(&closing)).flatten();
        self.attach(note, |notes| &mut notes.closed);
        if waited_for {
            self.wake_the_settled();
        }
        true
    }

    /// Closes because nobody can send any more: the daily course, which a
    /// watcher is not told of.
    pub(crate) fn close_for_good(&self) {
        let mut guard = self.header().lock();
        let waited_for = guard.close() && guard.owes_wakes();
        drop(guard);
        if waited_for {
            self.wake_the_settled();
        }
    }

    /// After a close. A waker that panics keeps no one else asleep.
    fn wake_the_settled(&self) {
        let mut panicked = None;
        let mut wakes = Wakes::new();
        loop {
            let mut guard = self.header().lock();
            guard.take_wakes(&mut wakes);
            let more = guard.owes_wakes();
            drop(guard);
            panics::keep_first(&mut panicked, wakes.fire());
            if !more {
                break;
            }
        }
        if let Some(panic) = panicked {
            panic::resume_unwind(panic);
        }
    }

    /// Closes because nobody can receive any more, and drops what is left.
    pub(crate) fn close_and_discard(&self) {
        let mut guard = self.header().lock();
        guard.close();
        let (waited_for, left) = (guard.owes_wakes(), guard.len() > 0);
        drop(guard);
        // Also if a waker panics.
        let rest = left.then(|| {
            // Those who look are to know what was discarded.
            self.header().ensure_rare();
            Discard(self)
        });
        if waited_for {
            self.wake_the_settled();
        }
        drop(rest);
    }

    /// Attaches a watcher's note to this channel.
    #[cold]
    pub(crate) fn note(
        &self,
        moment: watch::Moment,
        place: fn(&mut crate::header::Notes) -> &mut Option<watch::Note>,
    ) {
        let note = watch::guarded(|watcher| watcher.note(moment)).flatten();
        self.attach(note, place);
        if moment == watch::Moment::Orphaned {
            let id = self.header().id();
            watch::guarded(|watcher| watcher.orphaned(id));
        }
    }

    fn attach(
        &self,
        note: Option<watch::Note>,
        place: fn(&mut crate::header::Notes) -> &mut Option<watch::Note>,
    ) {
        let Some(note) = note else { return };
        // Allocated here, in case there is none yet; dropped after the lock.
        let fresh = Box::<crate::header::Notes>::default();
        self.header().ensure_rare();
        let mut guard = self.header().lock();
        let notes = guard.rare_made().notes.get_or_insert(fresh);
        let old = place(notes).replace(note);
        drop(guard);
        drop(old);
    }

    /// Ends the channel: nobody has a handle any more.
    ///
    /// # Safety
    ///
    /// Called once, by the one who found the last side gone. The pointer is
    /// not used after.
    pub(crate) unsafe fn destroy(this: NonNull<Self>) {
        /// Also if the drop of a value panics.
        struct Release<T>(NonNull<Hchan<T>>);
        impl<T> Drop for Release<T> {
            fn drop(&mut self) {
                // SAFETY: our share, used no more. Without values and without
                // handles nobody uses the blocks.
                unsafe {
                    self.0.as_ref().end_blocks();
                    Header::release_memory(self.0.cast());
                }
            }
        }

        let _release = Release(this);
        // SAFETY: the handles' share of the memory is still ours.
        let chan = unsafe { this.as_ref() };
        // SAFETY: linked in `new`; this is called once.
        unsafe { registry::unlink(this.cast()) };
        // (A watcher's notes go with the memory.)
        if chan.header().len() > 0 {
            if chan.header().is_shared() {
                chan.header().ensure_rare();
            }
            drop(Discard(chan));
        }
    }

    /// # Safety
    ///
    /// The channel is empty, and without handles.
    unsafe fn end_blocks(&self) {
        let sides = &self.header().sides;
        if sides.are_unbounded() {
            // SAFETY: the caller's promise. A watcher does not touch the sides.
            unsafe {
                sides.tail.own.with_mut(|tail| {
                    sides.head.own.with_mut(|head| blocks::end::<T>(tail, head));
                });
            }
        }
    }
}

/// Drops the values that are left in a channel from which nobody can receive.
/// One whose drop panics takes none of the others with it.
struct Discard<'c, T>(&'c Hchan<T>);

impl<T> Drop for Discard<'_, T> {
    fn drop(&mut self) {
        struct Rest<'c, T>(&'c Hchan<T>);
        impl<T> Rest<'_, T> {
            fn drop_all(&self) {
                loop {
                    let mut guard = self.0.header().lock();
                    let value = self.0.op(&mut guard).discard();
                    drop(guard);
                    if value.is_none() {
                        break;
                    }
                }
            }
        }
        impl<T> Drop for Rest<'_, T> {
            fn drop(&mut self) {
                self.drop_all();
            }
        }
        let rest = Rest(self.0);
        rest.drop_all();
    }
}

/// Whether a close now would be heard by nobody: see [`watch::Closing`].
fn is_unheard_of(guard: &Guard<'_>) -> bool {
    let header = guard.header();
    let handles = header.handles();
    let waits = [Some(&guard.recvq), Some(&guard.sendq), guard.closeq()];
    guard.sent() == 0
        && waits.into_iter().flatten().all(WaitQueue::is_empty)
        && handles.send <= 1
        && handles.recv <= 1
        && guard.maker == Maker::this_thread()
        && !header.is_context()
}
