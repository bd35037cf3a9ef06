//! One waiting party: a thread or a task that waits on one channel operation
//! or on all the cases of a select.
//!
//! Whoever completes a wait (a counterpart, a close) does so under the lock
//! of a channel in whose queue the party has a [`Waiter`]: it claims the
//! party, writes the outcome, marks it done and takes the [`Wake`] it owes,
//! which it fires when the lock is gone. A party's memory is its owner's: a
//! stack frame, or a pinned future.
//!
//! P1  A claim is won once. With one case the channel's lock decides; with
//!     several, a compare-and-swap on `winner`.
//! P2  The outcome is written before `state` becomes `DONE`, and by the
//!     winner alone.
//! P3  After `DONE` nobody but the owner touches the party of a thread. The
//!     party of a task, and one that a close completed, stays linked in its
//!     channel: its owner takes that lock before it leaves.
//! P4  A thread that really parks is unparked exactly by the one who marks it
//!     done, or by a watcher that asks for a stack; it parks again otherwise.
//!
//! P5  A watcher that asks a task for its stack takes the waker and wakes it:
//!     the poll puts it back. A winner that finds no waker owes no wake, since
//!     a poll that sees the outcome is under way. Of a select the watcher holds
//!     one channel's lock and the winner perhaps another's, so the watcher
//!     claims the party meanwhile, as [`ASKED`], and gives it back; a winner
//!     waits for that.
//!
//! States of `state`: `WAITING` → `PARKED` (the owner, when it gives up
//! looking) → `DONE` (the winner); or `WAITING` → `DONE`.
//!
//! Atomics:
//! - `state`: the owner's store of `PARKED` (Release) publishes its thread
//!   handle to the winner in [`finish`] or [`mark_done`] (Acquire). The winner's
//!   `DONE` (Release) publishes outcome and value to the owner's loads
//!   (Acquire) in [`Party::is_done`]. Models: `park_meets_unpark`,
//!   `close_meets_park`, `timeout_meets_hand_off`.
//! - `winner`: decides only; what it protects is published by `state`. Model:
//!   `two_channels_claim_one_select`. A watcher that gives it back
//!   (Release) hands the waker's place to the next winner (Acquire). Model:
//!   `stack_request_meets_claim_of_a_select`.
//! - `since` and `waker_data`, written by the owner, read by a watcher: numbers
//!   by themselves, Relaxed.
//! - `ticket`: the watcher's store (Release) to the owner's swap (Acquire);
//!   unpark and park order it as well. Model: `stack_request_meets_hand_off`.
//!
//! Not here: queues ([`crate::waitq`]), channels, futures; how long a thread
//! looks before it parks ([`crate::spin`]).

use std::marker::PhantomPinned;
use std::ptr::{self, NonNull};
use std::task::Waker;
use std::time::Instant;

use crate::clock;
use crate::spin::{self, Yielding};
use crate::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::sync::{UnsafeCell, thread};
use crate::waitq::Waiter;
use crate::watch::{self, TaskId};

const WAITING: u32 = 0;
const PARKED: u32 = 1;
const DONE: u32 = 2;

/// Who wins a party while a watcher takes its waker: no waiter is there.
const ASKED: *mut Waiter = ptr::without_provenance_mut(1);

/// See the head of this file.
pub(crate) struct Party {
    state: AtomicU32,
    winner: AtomicPtr<Waiter>,
    since: AtomicU64,
    ticket: AtomicU64,
    /// The data of a task's waker, by which a watcher knows its own.
    waker_data: AtomicUsize,
    task: TaskId,
    cases: u32,
    select: bool,
    has_deadline: bool,
    who: Who,
    /// Who moves a box of it (with a case set) must not claim to be alone with
    /// what is in the box: those who complete the wait point to it.
    _pinned: PhantomPinned,
}

enum Who {
    /// The handle is there once the state is `PARKED`.
    Thread(UnsafeCell<Option<thread::Thread>>),
    /// The waker is guarded by the lock of the channel (all of them, for a
    /// select): the owner replaces it under the lock, the winner takes it.
    Task(UnsafeCell<Option<Waker>>),
}

// SAFETY: the cells are reached as `Who` says: by the owner before it
// publishes, by the winner after; both kinds of handle may cross threads.
unsafe impl Send for Party {}
// SAFETY: as above.
unsafe impl Sync for Party {}

impl Party {
    /// A thread that is about to wait on `cases` cases.
    pub(crate) fn thread(cases: u32, select: bool, has_deadline: bool) -> Self {
        let who = Who::Thread(UnsafeCell::new(None));
        Party::new(who, cases, select, has_deadline)
    }

    /// A task that is about to wait on `cases` cases.
    pub(crate) fn task(cases: u32, select: bool, has_deadline: bool) -> Self {
        let who = Who::Task(UnsafeCell::new(None));
        Party::new(who, cases, select, has_deadline)
    }

    /// Writes to `place` a task that is about to wait on one case, to be woken
    /// by `waker`. (In place: built elsewhere and moved it costs ten
    /// nanoseconds, as what was just written in words is read in pairs.)
    ///
    /// # Safety
    ///
    /// `place` is there to be written, and nobody looks.
    #[inline(always)]
    pub(crate) unsafe fn write_task(place: *mut Party, waker: Waker, has_deadline: bool) {
        // SAFETY: the caller's promise.
        unsafe {
            (&raw mut (*place).state).write(AtomicU32::new(WAITING));
            (&raw mut (*place).winner).write(AtomicPtr::new(ptr::null_mut()));
            (&raw mut (*place).since).write(AtomicU64::new(clock::now()));
            (&raw mut (*place).ticket).write(AtomicU64::new(0));
            let data = waker.data() as usize;
            (&raw mut (*place).waker_data).write(AtomicUsize::new(data));
            (&raw mut (*place).task).write(watch::current_task());
            (&raw mut (*place).cases).write(1);
            (&raw mut (*place).select).write(false);
            (&raw mut (*place).has_deadline).write(has_deadline);
            (&raw mut (*place).who).write(Who::Task(UnsafeCell::new(Some(waker))));
        }
    }

    fn new(who: Who, cases: u32, select: bool, has_deadline: bool) -> Self {
        Party {
            state: AtomicU32::new(WAITING),
            winner: AtomicPtr::new(ptr::null_mut()),
            since: AtomicU64::new(0),
            ticket: AtomicU64::new(0),
            waker_data: AtomicUsize::new(0),
            task: watch::current_task(),
            cases,
            select,
            has_deadline,
            who,
            _pinned: PhantomPinned,
        }
    }

    // ---- The owner's side. ----

    /// Whether the wait is over. If so, the outcome may be read.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        // Acquire: pairs with the Release in `finish` and `mark_done`.
        self.state.load(Ordering::Acquire) == DONE
    }

    /// Puts the waker to use and returns the one it replaces.
    ///
    /// # Safety
    ///
    /// Called by the owner, of a task, with the locks of all its channels
    /// held, or before any of its waiters is linked.
    pub(crate) unsafe fn set_waker(&self, waker: Waker) -> Option<Waker> {
        let Who::Task(cell) = &self.who else {
            unreachable!("a thread has no waker")
        };
        // Only the first registration is the beginning of the wait.
        if self.since.load(Ordering::Relaxed) == 0 {
            self.stamp();
        }
        let data = waker.data() as usize;
        self.waker_data.store(data, Ordering::Relaxed);
        // SAFETY: the caller holds the locks that guard the cell.
        unsafe { cell.with_mut(|slot| slot.replace(waker)) }
    }

    /// Stamps the beginning of the wait.
    pub(crate) fn stamp(&self) {
        self.since.store(clock::now(), Ordering::Relaxed);
    }

    /// Whether the waker in use wakes the same task as `other`.
    ///
    /// # Safety
    ///
    /// As for [`Party::set_waker`].
    pub(crate) unsafe fn will_wake(&self, other: &Waker) -> bool {
        let Who::Task(cell) = &self.who else {
            unreachable!("a thread has no waker")
        };
        let same =
            |waker: &Option<Waker>| waker.as_ref().is_some_and(|waker| waker.will_wake(other));
        // SAFETY: the caller holds the locks that guard the cell.
        unsafe { cell.with(same) }
    }

    /// Waits until the party is done or the deadline has come. `false` says
    /// that the deadline came first; the party may be done all the same by
    /// the time its owner has locked the channel.
    ///
    /// It does not unwind: the frame it would leave is linked in a queue.
    pub(crate) fn wait(&self, deadline: Option<Instant>, yielding: Yielding) -> bool {
        /// Nothing here is known to panic but `std`'s thread handle, asked for
        /// when the thread's locals are gone.
        struct Linked;
        impl Drop for Linked {
            fn drop(&mut self) {
                eprintln!("a thread that waits on a channel has panicked; aborting");
                std::process::abort();
            }
        }

        let linked = Linked;
        let done = self.wait_linked(deadline, yielding);
        std::mem::forget(linked);
        done
    }

    fn wait_linked(&self, deadline: Option<Instant>, yielding: Yielding) -> bool {
        let Err(looked) = self.look_for_a_while(yielding) else {
            return true;
        };
        // Foreign code, so before this thread may be unparked.
        watch::about_to_park();
        if self.commit() {
            return true;
        }
        let done = self.park_until_done(deadline);
        looked.parked();
        done
    }

    fn park_until_done(&self, deadline: Option<Instant>) -> bool {
        loop {
            match deadline {
                None => thread::park(),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return self.is_done();
                    }
                    park_timeout(left);
                }
            }
            if self.is_done() {
                return true;
            }
            // The hook is foreign code. If it parks by itself it may take the
            // very unpark that says that we are done, so look once more.
            if self.show_stack() && self.is_done() {
                return true;
            }
        }
    }

    fn look_for_a_while(&self, yielding: Yielding) -> Result<(), spin::Vain> {
        if self.is_done() {
            return Ok(());
        }
        spin::look(yielding, || self.is_done())
    }

    /// Goes from `WAITING` to `PARKED`; true if it was done meanwhile.
    fn commit(&self) -> bool {
        let Who::Thread(cell) = &self.who else {
            unreachable!("a task is not parked")
        };
        // SAFETY: nobody else looks at the cell before the state is PARKED.
        unsafe { cell.with_mut(|handle| *handle = Some(thread::current())) };
        self.stamp();
        // Release publishes the handle to the winner and to watchers; Acquire,
        // on failure, takes over the outcome.
        self.state
            .compare_exchange(WAITING, PARKED, Ordering::Release, Ordering::Acquire)
            .is_err()
    }

    /// If a watcher asked for the stack of this thread, lets it have it and
    /// says so.
    #[cold]
    fn show_stack(&self) -> bool {
        let ticket = self.ticket.swap(0, Ordering::Acquire);
        if ticket != 0 {
            watch::guarded(|watcher| watcher.stack_requested(ticket));
        }
        ticket != 0
    }

    // ---- The winner's side, under the lock of one of its channels. ----

    /// Tries to win the party for `waiter`. P1.
    #[inline]
    pub(crate) fn claim(&self, waiter: NonNull<Waiter>) -> bool {
        self.cases == 1 || self.claim_of_several(waiter)
    }

    #[inline]
    fn claim_of_several(&self, waiter: NonNull<Waiter>) -> bool {
        loop {
            // Acquire pairs with the store in `request_stack`.
            let claimed = self.winner.compare_exchange(
                ptr::null_mut(),
                waiter.as_ptr(),
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match claimed {
                // A watcher is there for a few instructions. P5.
                Err(ASKED) => thread::yield_now(),
                claimed => return claimed.is_ok(),
            }
        }
    }

    /// Whether somebody has won it. A select that another channel is about to
    /// win may still say no.
    #[cfg(debug_assertions)]
    pub(crate) fn is_claimed(&self) -> bool {
        if self.cases == 1 {
            self.is_done()
        } else {
            !self.winner.load(Ordering::Relaxed).is_null()
        }
    }

    // ---- A watcher's side, under the lock of one of its channels. ----

    /// Asks for the stack: the wake to fire after the lock is gone, which
    /// makes a parked thread or a waiting task look for the ticket. Nothing for
    /// a thread that has not parked yet and for a wait that is over.
    pub(crate) fn request_stack(&self, ticket: u64) -> Option<Wake> {
        let Who::Task(cell) = &self.who else {
            let handle = self.parked_thread()?;
            self.ticket.store(ticket, Ordering::Release);
            return Some(Wake::Thread(handle));
        };
        if self.is_done() {
            return None;
        }
        // With one case the lock that the caller holds decides alone. Acquire:
        // the waker's place, after another watcher.
        if self.cases > 1 {
            self.winner
                .compare_exchange(ptr::null_mut(), ASKED, Ordering::Acquire, Ordering::Relaxed)
                .ok()?;
        }
        self.ticket.store(ticket, Ordering::Release);
        // SAFETY: nobody has won it, and nobody can now; the owner needs the
        // lock that the caller holds.
        let waker = unsafe { cell.with_mut(Option::take) };
        if self.cases > 1 {
            // Release: the waker's place, to the winner.
            self.winner.store(ptr::null_mut(), Ordering::Release);
        }
        waker.map(Wake::Task)
    }

    /// The owner of a task, in a poll with no lock held: if a watcher asked for
    /// the stack, lets it have it.
    #[inline]
    pub(crate) fn show_stack_if_asked(&self) {
        if self.ticket.load(Ordering::Relaxed) != 0 {
            self.show_stack();
        }
    }

    /// The handle of a thread that is really parked.
    pub(crate) fn parked_thread(&self) -> Option<thread::Thread> {
        let Who::Thread(cell) = &self.who else {
            return None;
        };
        // Acquire pairs with the Release in `commit`.
        if self.state.load(Ordering::Acquire) != PARKED {
            return None;
        }
        // SAFETY: after PARKED the handle is only read, and the owner cannot
        // leave while the caller holds the lock of a channel it is queued in.
        unsafe { cell.with(Clone::clone) }
    }

    /// When the wait began, on [`clock`]; 0 while a thread still looks.
    pub(crate) fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }

    /// The data of the waker that was last put to use; 0 of a thread.
    pub(crate) fn waker_data(&self) -> usize {
        self.waker_data.load(Ordering::Relaxed)
    }

    pub(crate) fn task_id(&self) -> TaskId {
        self.task
    }

    pub(crate) fn cases(&self) -> u32 {
        self.cases
    }

    pub(crate) fn is_select(&self) -> bool {
        self.select
    }

    pub(crate) fn is_task(&self) -> bool {
        matches!(self.who, Who::Task(_))
    }

    pub(crate) fn has_deadline(&self) -> bool {
        self.has_deadline
    }
}

/// Marks a claimed party done and takes the wake that is owed. P2, P3.
///
/// A pointer, not a reference: the party of a thread may be gone before this
/// returns.
///
/// # Safety
///
/// The caller won the claim, has written the outcome, and holds the lock of
/// the channel of the winning waiter.
#[inline(always)]
pub(crate) unsafe fn finish(party: *const Party) -> Wake {
    // SAFETY: alive until it is done (P3).
    match unsafe { &(*party).who } {
        Who::Thread(cell) => {
            // SAFETY: alive until it is done.
            let state = unsafe { &(*party).state };
            // Release publishes the outcome; Acquire, on failure, takes over
            // the handle from `commit`.
            match state.compare_exchange(WAITING, DONE, Ordering::Release, Ordering::Acquire) {
                Ok(_) => Wake::None,
                Err(_) => {
                    // SAFETY: the state is PARKED, so the handle is there and
                    // only read.
                    let handle = unsafe { cell.with(Clone::clone) };
                    state.store(DONE, Ordering::Release);
                    handle.map_or(Wake::None, Wake::Thread)
                }
            }
        }
        Who::Task(cell) => {
            // SAFETY: the lock that the caller holds guards the waker, for a
            // select together with the claim: its owner holds all locks.
            let waker = unsafe { cell.with_mut(Option::take) };
            // SAFETY: alive, since its owner must take the caller's lock (P3).
            unsafe { &(*party).state }.store(DONE, Ordering::Release);
            waker.map_or(Wake::None, Wake::Task)
        }
    }
}

/// The first half of [`finish`] for a close, which settles everybody at one
/// instant and wakes them later: true if a wake is owed.
///
/// # Safety
///
/// As for [`finish`]; the waiter stays linked.
pub(crate) unsafe fn mark_done(party: *const Party) -> bool {
    // SAFETY: the waiter is linked, so the owner is there.
    let party = unsafe { &*party };
    // Release publishes the outcome, Acquire takes over the handle.
    party.state.swap(DONE, Ordering::AcqRel) == PARKED || party.is_task()
}

/// The second half: the wake that [`mark_done`] said is owed.
///
/// # Safety
///
/// The waiter is still linked and the lock of its channel held since that was
/// found.
pub(crate) unsafe fn owed_wake(party: *const Party) -> Wake {
    // SAFETY: the owner of a linked waiter is there.
    match unsafe { &(*party).who } {
        // SAFETY: a wake is owed only after PARKED, when the handle is read-only.
        Who::Thread(cell) => match unsafe { cell.with(Clone::clone) } {
            Some(handle) => Wake::Thread(handle),
            None => Wake::None,
        },
        // SAFETY: guarded by the lock, as in `finish`.
        Who::Task(cell) => match unsafe { cell.with_mut(Option::take) } {
            Some(waker) => Wake::Task(waker),
            None => Wake::None,
        },
    }
}

/// A wake that is owed to a party that is done. Taken under a lock, fired
/// without one: a waker is foreign code.
#[must_use = "a wake that is not fired strands its party"]
#[derive(Debug)]
pub(crate) enum Wake {
    None,
    Thread(thread::Thread),
    Task(Waker),
    /// Nobody is woken, but the watcher that has noted the close of a channel
    /// is told that a value was received after it.
    Late(watch::Note),
}

impl Wake {
    /// Wakes the party.
    #[inline(always)]
    pub(crate) fn fire(self) {
        match self {
            Wake::None => {}
            Wake::Thread(handle) => handle.unpark(),
            Wake::Task(waker) => waker.wake(),
            Wake::Late(close) => watch::received_after_close(&close),
        }
    }
}

#[cfg(not(loom))]
fn park_timeout(left: std::time::Duration) {
    thread::park_timeout(left);
}

/// Models have no deadlines.
#[cfg(loom)]
fn park_timeout(_: std::time::Duration) {
    unreachable!("models have no deadlines")
}
