//! The half of a channel that does not know its element: lock, queues, counts
//! and history. A watcher sees this half only.
//!
//! `Header` is the first field of every [`Hchan<T>`](crate::hchan::Hchan).
//! `guarded` is guarded by the lock of the channel, which is that of both
//! [`Sides`]; everything else is atomic or fixed at birth.
//!
//! H1  `guarded` is touched through a [`Guard`] only, which holds the lock;
//!     but for the list of the handed, for which the sending side's is enough
//!     (model: `waker_replaced_meets_wake`).
//! H2  The handles of a channel are counted by what they can do, in one
//!     word; a side (senders, or receivers) whose count has gone never comes
//!     back: no operation turns one capability into another. In the same word
//!     is which sides have not left; the last one to leave destroys. The last
//!     handle of a side, if there never was a weak one, closes before it is
//!     counted out, and leaves with that.
//! H3  Values are dropped and the channel leaves the list of live channels
//!     when the last handle goes, before its drop returns. A watcher may
//!     keep the header's memory longer, nothing else.
//!
//! Atomics:
//! - `handles`: adding is Relaxed (whoever clones holds one); the subtraction
//!   is AcqRel, so that the one who finds a side gone sees all that was done
//!   through it. Model: `last_sender_drop_closes`. A weak handle that becomes
//!   a strong one adds by compare-and-swap, Relaxed: the word alone decides.
//!   Model: `weak_handle_meets_last_drop`. That there was a weak one is set
//!   Relaxed, before the handle it is made of is counted out (Release), and so
//!   seen by the last of a side (Acquire). Model:
//!   `weak_handle_of_another_meets_last_drop`. Sides leave as the count of an `Arc`
//!   goes down: Release, and Acquire by the last, who destroys; so does the
//!   load of a handle that finds itself the last. Model:
//!   `last_two_handles_race`.
//! - `memory`: as the count of an `Arc`: Release on the way down, Acquire by
//!   the last, who frees. Model: `watcher_meets_last_handle`.
//! - `readiness`: see there. A guard that goes brings it up to date.

mod counts;
mod guarded;
mod rare;

pub(crate) use counts::Standing;
pub(crate) use guarded::Guarded;
pub(crate) use rare::{Notes, Rare};

use std::borrow::Cow;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;

use rare::{GuardedRare, RarePlace};

use crate::birth::{Birth, Manners, Source};
use crate::capability::{Capability, Word};
use crate::readiness::{Flags, Readiness, Seen};
use crate::registry::{Links, Maker};
use crate::sides::{Index, LINE, Sides};
use crate::sync::UnsafeCell;
use crate::sync::atomic::{AtomicU32, AtomicU64};
use crate::waitq::{Direction, Site, Waiter};
use crate::watch::{ChannelId, ScopeId};

/// What waits and hand-overs touch fills a line.
const _: () = assert!(cfg!(loom) || size_of::<usize>() < 8 || size_of::<Middle>() == LINE);

/// See the head of this file.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) sides: Sides<Middle>,
    handles: AtomicU64,
    memory: AtomicU32,
    /// The scope it was made in, as a watcher numbers them.
    scope: u32,
    kind: &'static Kind,
    /// The line that made it.
    site: Site,
    rare: RarePlace,
    /// Where the list of live channels keeps its links; guarded by its lock.
    pub(crate) links: Links,
}

/// What waits and hand-overs touch; it keeps the sides apart.
#[repr(C)]
pub(crate) struct Middle {
    readiness: Readiness,
    guarded: UnsafeCell<Guarded>,
}

/// What a channel is made with, as its header keeps it.
pub(crate) struct Origin {
    site: Site,
    scope: u32,
    timed: bool,
    rare: RarePlace,
}

impl Origin {
    /// Makes the box that it needs, if it does: before there is a channel, so
    /// that nothing that must be dropped is kept meanwhile, in memory.
    #[inline(always)]
    pub(crate) fn of(birth: Birth) -> Self {
        Origin {
            site: birth.site,
            scope: birth.scope,
            timed: birth.source.is_some(),
            rare: RarePlace::new(birth.name, birth.source),
        }
    }
}

/// What is the same for all channels of an element and a use.
pub(crate) struct Kind {
    pub(crate) element: fn() -> &'static str,
    pub(crate) manners: Manners,
    /// They are the ends of contexts: signals by nature.
    pub(crate) is_context: bool,
    /// Frees the memory of the whole channel.
    pub(crate) free: unsafe fn(NonNull<Header>),
}

// SAFETY: `guarded` is reached under the lock (H1), `links` under the list's,
// the rest is atomic or never changes. The queues hold pointers to waiters
// whose owners may be other threads; see waitq, Q1 and Q2.
unsafe impl Send for Header {}
// SAFETY: as above.
unsafe impl Sync for Header {}

impl Header {
    /// Writes a header for one handle with `all` capabilities to its place.
    /// (Field by field: the whole, made elsewhere, would be copied twice.)
    ///
    /// # Safety
    ///
    /// `place` is there to be written, and nobody looks.
    #[inline]
    pub(crate) unsafe fn write(
        place: NonNull<Header>,
        origin: Origin,
        capacity: usize,
        all: Capability,
        kind: &'static Kind,
        maker: Maker,
    ) {
        let unbuffered = Flags::UNBUFFERED.when(capacity == 0);
        let base = Flags::TIMED.when(origin.timed).and(unbuffered);
        let guarded = Guarded::new(base, maker);
        let header = place.as_ptr();
        // SAFETY: the caller's promise; these are all the fields.
        unsafe {
            let sides = &raw mut (*header).sides;
            Sides::write(sides, capacity, base.are_plain());
            let middle = &raw mut (*sides).between;
            (&raw mut (*middle).readiness).write(Readiness::new(base));
            (&raw mut (*middle).guarded).write(UnsafeCell::new(guarded));
            (&raw mut (*header).handles).write(AtomicU64::new(Word::first(all).0));
            (&raw mut (*header).memory).write(AtomicU32::new(1));
            (&raw mut (*header).scope).write(origin.scope);
            (&raw mut (*header).kind).write(kind);
            (&raw mut (*header).site).write(origin.site);
            (&raw mut (*header).rare).write(origin.rare);
            (&raw mut (*header).links).write(Links::new());
        }
    }

    #[inline(always)]
    fn readiness(&self) -> &Readiness {
        &self.sides.between.readiness
    }

    #[inline(always)]
    fn guarded(&self) -> &UnsafeCell<Guarded> {
        &self.sides.between.guarded
    }

    /// Takes the lock.
    #[inline(always)]
    pub(crate) fn lock(&self) -> Guard<'_> {
        self.sides.lock();
        self.guard()
    }

    /// The guard of a channel whose one lock a plain operation has taken.
    ///
    /// # Safety
    ///
    /// This thread holds the lock of the sending side, there is no guard of
    /// it, and the sides are not apart.
    #[inline(always)]
    pub(crate) unsafe fn guard_of_held(&self) -> Guard<'_> {
        debug_assert!(!self.sides.are_apart());
        self.guard()
    }

    #[inline(always)]
    fn guard(&self) -> Guard<'_> {
        Guard {
            header: self,
            access: ManuallyDrop::new(self.guarded().get_mut()),
        }
    }

    /// Takes the lock without a guard: one of several that a select holds.
    #[inline]
    pub(crate) fn hold(&self) {
        self.sides.lock();
    }

    /// Gives back what [`Header::hold`] has taken.
    ///
    /// # Safety
    ///
    /// This thread holds the lock, and there is no guard of it.
    #[inline]
    pub(crate) unsafe fn release(&self) {
        self.sides.unlock();
    }

    /// What a guard is for, under a lock that is held and stays so.
    ///
    /// # Safety
    ///
    /// As for [`Header::release`].
    #[inline]
    pub(crate) unsafe fn with_held<R>(&self, f: impl FnOnce(&mut Guard<'_>) -> R) -> R {
        let mut guard = ManuallyDrop::new(self.guard());
        let result = f(&mut guard);
        guard.publish();
        // The access ends, the lock is kept; so it is if `f` panics.
        // SAFETY: dropped once, as the guard is not, and not used after.
        unsafe { ManuallyDrop::drop(&mut guard.access) };
        result
    }

    /// Takes a waiter that was completed out of the list of the handed. Nothing
    /// changes that others are told, and one lock is enough (H1).
    ///
    /// # Safety
    ///
    /// The waiter is in that list, and of this channel.
    #[inline]
    pub(crate) unsafe fn unlist(&self, waiter: NonNull<Waiter>) {
        let lock = &self.sides.tail.lock;
        lock.lock();
        let access = self.guarded().get_mut();
        // SAFETY: H1, whoever has a guard holds this lock too. The rest is the
        // caller's promise.
        unsafe { access.deref().handed.remove(waiter) };
        access.end();
        lock.unlock();
    }

    pub(crate) fn id(&self) -> ChannelId {
        ChannelId(self.links.serial())
    }

    /// The line that made it.
    pub(crate) fn site(&self) -> Site {
        self.site
    }

    /// The scope it was made in.
    pub(crate) fn scope(&self) -> ScopeId {
        ScopeId(self.scope)
    }

    pub(crate) fn manners(&self) -> Manners {
        self.kind.manners
    }

    /// Whether it is the end of a context.
    pub(crate) fn is_context(&self) -> bool {
        self.kind.is_context
    }

    /// What few channels need, if this one has it.
    #[inline(always)]
    pub(crate) fn rare(&self) -> Option<&Rare> {
        self.rare.get()
    }

    /// The same, made if it is not there. Called with no lock held (U2 of
    /// `rare`).
    #[inline]
    pub(crate) fn ensure_rare(&self) -> &Rare {
        self.rare().unwrap_or_else(|| self.rare.make())
    }

    pub(crate) fn name(&self) -> Option<&Cow<'static, str>> {
        self.rare()?.name.as_ref()
    }

    /// What sends by itself, if anything does.
    #[inline(always)]
    pub(crate) fn source(&self) -> Option<&Arc<dyn Source>> {
        self.rare()?.source.as_ref()
    }

    /// `usize::MAX` without a limit.
    #[inline(always)]
    pub(crate) fn capacity(&self) -> usize {
        self.sides.capacity()
    }

    #[inline(always)]
    pub(crate) fn is_unbounded(&self) -> bool {
        self.sides.are_unbounded()
    }

    /// A count as users are to see it.
    pub(crate) fn shown(&self, count: usize) -> usize {
        if self.source().is_some() { 0 } else { count }
    }

    /// Has a timer that is due fire (rule 70): before a look, or when one has
    /// found nothing. Called with no lock held. False if no time feeds this.
    #[inline]
    pub(crate) fn refresh(&self) -> bool {
        let source = self.source();
        source.inspect(|source| source.refresh()).is_some()
    }

    pub(crate) fn element(&self) -> &'static str {
        (self.kind.element)()
    }

    /// Values in it. A hint without the lock.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        if self.readiness().flags().has_returned() {
            return self.lock().len();
        }
        self.sides.len()
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.readiness().flags().is_closed()
    }

    /// Whether it is closed, and nothing is left in it. (Once it is closed the
    /// buffer only gets emptier, and it gives its last value only if nothing
    /// has come back; so the two reads are of one moment.)
    #[inline(always)]
    pub(crate) fn is_over(&self) -> bool {
        // (The receivers' own line first: most often that is the end of it.)
        !self.sides.head.index_from_afar().is_plain()
            && self.readiness().flags().is_closed_for_good()
            && self.sides.empty().is_some()
    }

    /// Of a buffer that was empty when the sending side was as `gone_in` says:
    /// whether there was nothing to receive, and the channel open, at a moment
    /// of this call or of that look. Else it must be looked at closely.
    ///
    /// If the channel was plain, that is all. Else one index is enough: the other
    /// has not fallen since, nor passed it.
    #[inline(always)]
    pub(crate) fn is_only_empty(&self, gone_in: Index) -> bool {
        let still = || self.sides.tail.index_from_afar() == gone_in;
        gone_in.is_plain() || self.readiness().shows_nothing_but(Flags::RECEIVERS, still)
    }

    /// The same of a buffer that is full, and of a send.
    #[inline(always)]
    pub(crate) fn is_only_full(&self, out: Index) -> bool {
        let still = || self.sides.head.index_from_afar() == out;
        out.is_plain() || self.readiness().shows_nothing_but(Flags::SENDERS, still)
    }

    /// See [`Readiness::look_again`].
    #[inline(always)]
    pub(crate) fn look_again(&self, direction: Direction) -> u64 {
        self.readiness().look_again(&self.sides, direction)
    }

    /// What it says without its lock of an operation.
    #[inline(always)]
    pub(crate) fn look(&self, direction: Direction) -> Seen {
        self.readiness().look(&self.sides, direction)
    }
}

/// The lock of a channel, held, and what it guards.
pub(crate) struct Guard<'a> {
    header: &'a Header,
    access: ManuallyDrop<crate::sync::MutPtr<Guarded>>,
}

impl Drop for Guard<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.publish();
        // The access ends first.
        // SAFETY: dropped once, and not used after.
        unsafe { ManuallyDrop::drop(&mut self.access) };
        self.header.sides.unlock();
    }
}

impl<'a> Guard<'a> {
    #[inline(always)]
    pub(crate) fn header(&self) -> &'a Header {
        self.header
    }

    /// Tells the two sides, and those without the lock, what has changed.
    #[inline(always)]
    fn publish(&mut self) {
        let flags = self
            .base
            .and(Flags::RECEIVERS.when(!self.recvq.is_empty()))
            .and(Flags::SENDERS.when(!self.sendq.is_empty()));
        let usual = self.state == Flags::default() && self.permits == 0;
        let flags = if usual { flags } else { self.unusual(flags) };
        if flags != self.told {
            self.tell(flags);
        }
    }

    /// The flags of a channel that is closed, or has permits out or values that
    /// came back. (Out of line, so that the end of a guard is inline.)
    #[cold]
    fn unusual(&self, flags: Flags) -> Flags {
        let promised = self.permits > 0 && !self.header.is_unbounded();
        let flags = if self.is_closed() {
            flags.without(Flags::SENDERS)
        } else {
            flags
        };
        flags
            .and(self.state)
            .and(Flags::PERMITS.when(promised))
            .and(Flags::FULL.when(promised && self.is_full()))
    }

    #[inline]
    fn tell(&mut self, flags: Flags) {
        let told = std::mem::replace(&mut self.told, flags);
        if told.are_plain() || flags.are_plain() {
            self.tell_sides(flags.are_plain());
        }
        // Last: whoever learns from the word that it is closed does not find it
        // plain after that (model: `look_meets_send_and_close`).
        self.header.readiness().set(flags);
    }

    /// (Out of line, so that the end of a guard is inline.)
    #[inline(never)]
    fn tell_sides(&self, plain: bool) {
        let sides = &self.header.sides;
        // SAFETY: the lock of the channel is that of both sides.
        unsafe {
            sides.tail.set_plain(plain);
            sides.head.set_plain(plain);
        }
    }

    /// Whether values and permits fill the buffer.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        let sides = &self.header.sides;
        !sides.are_unbounded() && sides.len() + self.permits >= sides.capacity()
    }

    /// Values in the channel.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        let returned = if self.has_returned() {
            self.returned()
        } else {
            0
        };
        self.header.sides.len() + returned as usize
    }

    /// Values sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.header.sides.tail.index().count() + self.handed_over
    }

    /// Values received so far. Those that came back are not.
    pub(crate) fn received(&self) -> u64 {
        let went = self.header.sides.head.index().count() + self.handed_over;
        let not_received = |rare: &GuardedRare| rare.discarded + u64::from(rare.returned);
        went - self.rare().map_or(0, not_received)
    }
}

impl Deref for Guard<'_> {
    type Target = Guarded;

    #[inline(always)]
    fn deref(&self) -> &Guarded {
        // SAFETY: H1, the lock is held while `self` lives.
        unsafe { (*self.access).look() }
    }
}

impl DerefMut for Guard<'_> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Guarded {
        // SAFETY: H1, the lock is held while `self` lives.
        unsafe { (*self.access).deref() }
    }
}
