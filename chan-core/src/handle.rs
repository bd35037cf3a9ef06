//! A counted handle on a channel: what the public faces are made of.
//!
//! `CAN` says what a handle can do. Making one adds to the counts, dropping
//! one subtracts; what happens when a side goes depends on the channel's
//! manners:
//!
//! | | [`Manners::Rust`] | [`Manners::Go`] |
//! | --- | --- | --- |
//! | last sender | closes | nothing; a watcher may take a note |
//! | last receiver | closes, drops what is left | nothing; the same |
//! | last handle | the channel ends | the channel ends |

use std::fmt;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::ptr::{self, NonNull};

use crate::birth::{Birth, Manners, UNBOUNDED};
use crate::capability::{Capability, Gone, Handles, WeakCount};
use crate::hchan::Hchan;
use crate::header::{Header, Standing};
use crate::registry::HeaderRef;
use crate::watch;

/// Can send and close.
pub(crate) const TX: u8 = 1;
/// Can receive.
pub(crate) const RX: u8 = 2;
/// Can do both.
pub(crate) const ALL: u8 = TX | RX;

/// A handle that can do `CAN`.
pub(crate) struct Handle<T, const CAN: u8>(NonNull<Hchan<T>>);

// SAFETY: a handle lets values of `T` pass to and from other threads, and
// nothing of the channel is bound to a thread.
unsafe impl<T: Send, const CAN: u8> Send for Handle<T, CAN> {}
// SAFETY: as above; a shared handle gives no shared `T`.
unsafe impl<T: Send, const CAN: u8> Sync for Handle<T, CAN> {}

// A panic cannot leave a channel half changed: no foreign code runs while it
// is being changed.
impl<T, const CAN: u8> UnwindSafe for Handle<T, CAN> {}
impl<T, const CAN: u8> RefUnwindSafe for Handle<T, CAN> {}

/// The channel for a handle that can do everything.
///
/// # Panics
///
/// `makechan: size out of range`, at `birth.site`'s caller, if the buffer
/// cannot be had.
#[inline(always)]
#[track_caller]
pub(crate) fn make<T>(birth: Birth, capacity: usize) -> Handle<T, ALL> {
    match Hchan::new(birth, capacity, capability(ALL)) {
        Some(chan) => Handle(chan),
        None => panic!("makechan: size out of range"),
    }
}

pub(crate) const fn capability(can: u8) -> Capability {
    match can {
        TX => Capability::SEND,
        RX => Capability::RECV,
        _ => Capability::SEND.and(Capability::RECV),
    }
}

impl<T> Handle<T, ALL> {
    /// Splits the first handle of a channel into its two sides.
    pub(crate) fn split(self) -> (Handle<T, TX>, Handle<T, RX>) {
        let chan = self.0;
        // The counts of the whole are those of its two parts.
        std::mem::forget(self);
        (Handle(chan), Handle(chan))
    }
}

impl<T, const CAN: u8> Handle<T, CAN> {
    #[inline(always)]
    pub(crate) fn chan(&self) -> &Hchan<T> {
        // SAFETY: a handle keeps its channel alive.
        unsafe { self.0.as_ref() }
    }

    /// A handle that can do less, on the same channel.
    pub(crate) fn narrowed<const LESS: u8>(&self) -> Handle<T, LESS> {
        const { assert!(LESS & !CAN == 0, "a capability cannot be made up") };
        self.chan().header().add_handle(capability(LESS));
        Handle(self.0)
    }

    pub(crate) fn same_channel<const OTHER: u8>(&self, other: &Handle<T, OTHER>) -> bool {
        ptr::eq(self.0.as_ptr(), other.0.as_ptr())
    }

    /// A side went with this handle.
    #[cold]
    fn side_gone(&self, gone: &Gone) {
        let chan = self.chan();
        if let Some(source) = chan.header().source() {
            // A timer's end is no news to a watcher.
            if gone.receivers {
                source.abandoned();
            }
            return;
        }
        match chan.header().manners() {
            // Nobody is left who could tell the difference.
            _ if gone.all => {}
            Manners::Rust if gone.receivers => chan.close_and_discard(),
            Manners::Rust => chan.close_for_good(),
            Manners::Go if watch::watcher().is_none() || chan.header().is_closed() => {}
            Manners::Go if gone.senders => chan.note(watch::Moment::Orphaned, |notes| {
                &mut notes.receivers_orphaned
            }),
            Manners::Go => {
                chan.note(watch::Moment::Orphaned, |notes| &mut notes.senders_orphaned);
            }
        }
    }
}

/// Knows a channel and keeps its header's memory, nothing else.
///
/// The pointer may be used as a channel's only through a handle that
/// [`WeakHandle::upgrade`] has counted in; without one there may be no values.
pub(crate) struct WeakHandle<T, const CAN: u8> {
    chan: NonNull<Hchan<T>>,
    memory: HeaderRef,
}

// SAFETY: all it can do is to make a handle, which may cross threads as
// `T: Send`.
unsafe impl<T: Send, const CAN: u8> Send for WeakHandle<T, CAN> {}
// SAFETY: as above.
unsafe impl<T: Send, const CAN: u8> Sync for WeakHandle<T, CAN> {}

impl<T, const CAN: u8> Handle<T, CAN> {
    pub(crate) fn downgrade(&self) -> WeakHandle<T, CAN> {
        // SAFETY: a handle keeps its channel alive, whose pointer this is.
        let memory = unsafe { HeaderRef::share(self.0.cast()) };
        memory.header().expect_weak();
        memory.header().ensure_rare().weak.add();
        WeakHandle {
            chan: self.0,
            memory,
        }
    }
}

impl<T, const CAN: u8> WeakHandle<T, CAN> {
    /// A handle, if the sides it belongs to have not gone.
    pub(crate) fn upgrade(&self) -> Option<Handle<T, CAN>> {
        let counted = self.memory.header().revive(capability(CAN));
        // Made only if counted: its drop counts it out.
        counted.then(|| Handle(self.chan))
    }

    pub(crate) fn handles(&self) -> Handles {
        self.memory.header().handles()
    }

    fn count(&self) -> &WeakCount {
        let rare = self.memory.header().rare();
        &rare.expect("made with the first weak handle").weak
    }
}

impl<T, const CAN: u8> Clone for WeakHandle<T, CAN> {
    fn clone(&self) -> Self {
        self.count().add();
        WeakHandle {
            chan: self.chan,
            memory: self.memory.clone(),
        }
    }
}

impl<T, const CAN: u8> Drop for WeakHandle<T, CAN> {
    fn drop(&mut self) {
        self.count().remove();
    }
}

impl<T, const CAN: u8> Clone for Handle<T, CAN> {
    #[inline]
    fn clone(&self) -> Self {
        self.narrowed()
    }
}

impl<T, const CAN: u8> Drop for Handle<T, CAN> {
    #[inline]
    fn drop(&mut self) {
        let header = self.chan().header();
        // A timer's end is told to its source: in the order that holds for all.
        if header.source().is_some() {
            return self.count_out();
        }
        match header.standing(capability(CAN)) {
            // SAFETY: the last handle, which is counted out.
            Standing::Nobody => unsafe { Hchan::destroy(self.0) },
            Standing::NoneOfItsSide if header.manners() == Manners::Rust => self.close_side(),
            _ => self.count_out(),
        }
    }
}

impl<T, const CAN: u8> Handle<T, CAN> {
    /// The last handle of one side goes, and others cannot come. It closes the
    /// channel while it is counted in, so that it is counted out and its side
    /// leaves in one step.
    fn close_side(&mut self) {
        /// Leaves also when a waker or a value panics on the way out.
        struct Leave<T, const CAN: u8>(NonNull<Hchan<T>>);
        impl<T, const CAN: u8> Drop for Leave<T, CAN> {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: the side has gone, and leaves once, here.
                if unsafe { Header::leave_with(self.0.cast(), capability(CAN)) } {
                    // SAFETY: the last side, which leaves once.
                    unsafe { Hchan::destroy(self.0) };
                }
            }
        }

        let _leave = Leave::<T, CAN>(self.0);
        if CAN == TX {
            self.chan().close_for_good();
        } else {
            self.chan().close_and_discard();
        }
    }

    /// A handle goes, whatever that means.
    fn count_out(&mut self) {
        /// As above.
        struct Leave<T>(NonNull<Hchan<T>>, u64);
        impl<T> Drop for Leave<T> {
            fn drop(&mut self) {
                // SAFETY: our sides have gone, and leave once, here.
                if unsafe { Header::leave(self.0.cast(), self.1) } {
                    // SAFETY: the last side, which leaves once.
                    unsafe { Hchan::destroy(self.0) };
                }
            }
        }

        // SAFETY: counted in when it was made. What is used after is used only
        // if a side went with it, which has not left.
        let gone = unsafe { Header::remove_handle(self.0.cast(), capability(CAN)) };
        if gone.sides > 0 {
            let _leave = Leave(self.0, gone.sides);
            self.side_gone(&gone);
        }
    }
}

impl<T, const CAN: u8> fmt::Debug for Handle<T, CAN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = self.chan().header();
        let handles = header.handles();
        let mut out = f.debug_struct("Channel");
        if let Some(name) = header.name() {
            out.field("name", name);
        }
        match header.shown(header.capacity()) {
            UNBOUNDED => out.field("capacity", &format_args!("unbounded")),
            capacity => out.field("capacity", &capacity),
        };
        out.field("len", &header.shown(header.len()))
            .field("closed", &header.is_closed())
            .field("senders", &handles.send)
            .field("receivers", &handles.recv)
            .field("birth", &format_args!("{}", header.site()))
            .finish()
    }
}

/// Tells a watcher that a receive case has won because its channel is closed.
#[cold]
pub(crate) fn took_closed<T>(chan: Option<&Hchan<T>>, site: &'static Location<'static>) {
    let (Some(chan), Some(_)) = (chan, watch::watcher()) else {
        return;
    };
    let header = chan.header();
    if header.is_context() {
        return;
    }
    let taken = watch::TakenCase {
        channel: header.id(),
        birth: header.site(),
        site,
        carried: header.lock().sent() > 0,
    };
    watch::guarded(|watcher| watcher.took_closed_case(&taken));
}

/// Tells a watcher of a misuse and makes Go's text for it, with the line of
/// the close where that is known.
#[cold]
pub(crate) fn misuse<T>(
    chan: &Hchan<T>,
    misuse: watch::Misuse,
    site: &'static Location<'static>,
) -> String {
    let id = chan.header().id();
    watch::guarded(|watcher| watcher.misuse(misuse, site, id));
    let text = match misuse {
        watch::Misuse::DoubleClose => "close of closed channel",
        watch::Misuse::SendAfterClose => "send on closed channel",
    };
    // A statement of its own: the lock is gone when the text is made.
    let closed_at = chan.header().lock().closed_at();
    match closed_at {
        Some(at) => format!("{text} (closed at {at})"),
        None => text.to_owned(),
    }
}
