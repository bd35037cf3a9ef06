//! One waiting party: a thread or a task that waits on one channel operation
//! or on all the cases of a select.
//!
//! Whoever completes a wait (a counterpart, a close) does so under the lock
//! of a channel in whose queue the party has a waiter: it claims the
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
//!   handle to the winner in [`finish_thread`] or [`mark_done`] (Acquire). The winner's
//!   `DONE` (Release) publishes outcome and value to the owner's loads
//!   (Acquire) in [`Party::is_done`]. Models: `park_meets_unpark`,
//!   `close_meets_park`, `timeout_meets_hand_off`.
//! - `winner`: decides only; what it protects is published by `state`. Model:
//!   `two_channels_claim_one_select`. A watcher that gives it back
//!   (Release) hands the waker's place to the next winner (Acquire). Model:
//!   `stack_request_meets_claim_of_a_select`.
//! - `since`, written by the owner, read by a watcher: a number by itself,
//!   Relaxed.
//! - `ticket`, of a thread: the watcher's store (Release) to the owner's swap
//!   (Acquire); unpark and park order it as well. Model:
//!   `stack_request_meets_hand_off`. (A task's is where its waker was.)
//!
//! Not here: queues ([`crate::waitq`]), channels, futures; how long a thread
//! looks before it parks ([`crate::spin`]).

mod kind;
mod room;
mod wake;
mod woken;

pub(crate) use room::{PartyRoom, Stage};
pub(crate) use wake::Wake;

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::mem::ManuallyDrop;
use std::task::Waker;
use std::time::Instant;

use crate::clock;
use crate::spin::{self, Yielding};
use crate::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use crate::sync::{UnsafeCell, thread};
use crate::watch::{self, TaskId};
use kind::Kind;
use woken::Woken;

const WAITING: u8 = 0;
const PARKED: u8 = 1;
const DONE: u8 = 2;

/// Who has won a party.
const NOBODY: u8 = 0;
const SOMEBODY: u8 = 1;
/// A watcher, while it takes the waker.
const ASKED: u8 = 2;

/// See the head of this file. Many lie in futures that are moved before they
/// wait: it is small, and what it has before that is apart ([`PartyRoom`]).
#[repr(C)]
pub(crate) struct Party {
    begun: Begun,
    marks: Marks,
    /// Who moves a box of it (with a case set) must not claim to be alone with
    /// what is in the box: those who complete the wait point to it.
    _pinned: PhantomPinned,
}

/// What of a party is written when it begins to wait.
struct Begun {
    since: AtomicU64,
    task: TaskId,
    who: Who,
}

/// What of it is known before.
struct Marks {
    cases: u32,
    state: AtomicU8,
    winner: AtomicU8,
    kind: Kind,
    /// Its owner's, for its own use.
    stage: Cell<Stage>,
}

/// The one or the other, as `kind` says.
union Who {
    thread: ManuallyDrop<Handle>,
    task: ManuallyDrop<Woken>,
}

/// A thread.
struct Handle {
    /// It is there once the state is `PARKED`.
    thread: UnsafeCell<Option<thread::Thread>>,
    /// The ticket of a watcher that has asked for its stack, or 0.
    ticket: AtomicU64,
}

impl Begun {
    /// Writes a task to its place.
    ///
    /// # Safety
    ///
    /// `place` is there to be written, and nobody looks.
    #[inline(always)]
    unsafe fn write(place: *mut Begun, waker: Waker, since: u64) {
        let task = ManuallyDrop::new(Woken::by(Some(waker)));
        // SAFETY: the caller's promise.
        unsafe {
            (&raw mut (*place).since).write(AtomicU64::new(since));
            (&raw mut (*place).task).write(watch::current_task());
            (&raw mut (*place).who).write(Who { task });
        }
    }
}

impl Marks {
    #[inline(always)]
    fn new(kind: Kind, cases: u32, select: bool, has_deadline: bool) -> Self {
        let kind = kind.and(Kind::SELECT, select);
        Marks {
            cases,
            state: AtomicU8::new(WAITING),
            winner: AtomicU8::new(NOBODY),
            kind: kind.and(Kind::DEADLINE, has_deadline),
            stage: Cell::new(Stage::Fresh),
        }
    }
}

// SAFETY: the cells are reached as `Handle` and `Woken` say: by the owner before
// it publishes, by the winner after; both kinds of handle may cross threads.
// `stage` is the owner's alone.
unsafe impl Send for Party {}
// SAFETY: as above.
unsafe impl Sync for Party {}

impl Party {
    /// A thread that is about to wait on `cases` cases.
    pub(crate) fn thread(cases: u32, select: bool, has_deadline: bool) -> Self {
        let thread = ManuallyDrop::new(Handle {
            thread: UnsafeCell::new(None),
            ticket: AtomicU64::new(0),
        });
        let marks = Marks::new(Kind::THREAD, cases, select, has_deadline);
        Party::new(Who { thread }, marks)
    }

    /// A task that is about to wait on `cases` cases.
    pub(crate) fn task(cases: u32, select: bool, has_deadline: bool) -> Self {
        let task = ManuallyDrop::new(Woken::by(None));
        let marks = Marks::new(Kind::TASK, cases, select, has_deadline);
        Party::new(Who { task }, marks)
    }

    fn new(who: Who, marks: Marks) -> Self {
        let begun = Begun {
            since: AtomicU64::new(0),
            task: watch::current_task(),
            who,
        };
        Party {
            begun,
            marks,
            _pinned: PhantomPinned,
        }
    }

    #[inline(always)]
    fn who(&self) -> Result<&Woken, &Handle> {
        // SAFETY: the kind says which of them it is.
        unsafe {
            if self.is_task() {
                Ok(&self.begun.who.task)
            } else {
                Err(&self.begun.who.thread)
            }
        }
    }

    fn woken(&self) -> &Woken {
        self.who().ok().expect("a thread has no waker")
    }

    /// How far its owner has come with it.
    pub(crate) fn stage(&self) -> &Cell<Stage> {
        &self.marks.stage
    }

    // ---- The owner's side. ----

    /// Whether the wait is over. If so, the outcome may be read.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        // Acquire: pairs with the Release in `finish_thread`, `finish_task` and
        // `mark_done`.
        self.marks.state.load(Ordering::Acquire) == DONE
    }

    /// Puts the waker to use and returns the one it replaces.
    ///
    /// # Safety
    ///
    /// Called by the owner, of a task, with the locks of all its channels
    /// held, or before any of its waiters is linked.
    pub(crate) unsafe fn set_waker(&self, waker: Waker) -> Option<Waker> {
        // Only the first registration is the beginning of the wait.
        if self.begun.since.load(Ordering::Relaxed) == 0 {
            self.stamp();
        }
        let woken = self.woken();
        // SAFETY: the caller holds the locks that guard it.
        unsafe {
            let old = woken.take();
            woken.put(waker);
            old
        }
    }

    /// Stamps the beginning of the wait.
    pub(crate) fn stamp(&self) {
        self.begun.since.store(clock::now(), Ordering::Relaxed);
    }

    /// Whether the waker in use wakes the same task as `other`.
    ///
    /// # Safety
    ///
    /// As for [`Party::set_waker`].
    pub(crate) unsafe fn will_wake(&self, other: &Waker) -> bool {
        // SAFETY: the caller holds the locks that guard it.
        unsafe { self.woken().will_wake(other) }
    }

    /// The ticket of a watcher that has asked for the stack of the task, if one
    /// has; to be shown with [`show_stack`] when no lock is held. There is no
    /// waker then.
    ///
    /// # Safety
    ///
    /// As for [`Party::set_waker`].
    pub(crate) unsafe fn take_ticket(&self) -> Option<u64> {
        // SAFETY: the caller holds the locks that guard it.
        unsafe { self.woken().take_ticket() }
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
        let handle = self.who().err().expect("a task is not parked");
        // SAFETY: nobody else looks at the cell before the state is PARKED.
        unsafe {
            handle
                .thread
                .with_mut(|handle| *handle = Some(thread::current()))
        };
        self.stamp();
        // Release publishes the handle to the winner and to watchers; Acquire,
        // on failure, takes over the outcome.
        self.marks
            .state
            .compare_exchange(WAITING, PARKED, Ordering::Release, Ordering::Acquire)
            .is_err()
    }

    /// If a watcher asked for the stack of this thread, lets it have it and
    /// says so.
    fn show_stack(&self) -> bool {
        let handle = self.who().err().expect("a task is not parked");
        let ticket = handle.ticket.swap(0, Ordering::Acquire);
        if ticket != 0 {
            show_stack(ticket);
        }
        ticket != 0
    }

    // ---- The winner's side, under the lock of one of its channels. ----

    /// Tries to win the party. P1.
    #[inline]
    pub(crate) fn claim(&self) -> bool {
        self.marks.cases == 1 || self.claim_of_several()
    }

    #[inline]
    fn claim_of_several(&self) -> bool {
        loop {
            // Acquire pairs with the store in `request_stack`.
            let claimed = self.marks.winner.compare_exchange(
                NOBODY,
                SOMEBODY,
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
        if self.marks.cases == 1 {
            self.is_done()
        } else {
            self.marks.winner.load(Ordering::Relaxed) != NOBODY
        }
    }

    // ---- A watcher's side, under the lock of one of its channels. ----

    /// Asks for the stack: the wake to fire after the lock is gone, which
    /// makes a parked thread or a waiting task look for the ticket. Nothing for
    /// a thread that has not parked yet and for a wait that is over.
    pub(crate) fn request_stack(&self, ticket: u64) -> Option<Wake> {
        let woken = match self.who() {
            Ok(woken) => woken,
            Err(handle) => {
                let thread = self.parked_thread()?;
                handle.ticket.store(ticket, Ordering::Release);
                return Some(Wake::Thread(thread));
            }
        };
        if self.is_done() {
            return None;
        }
        // With one case the lock that the caller holds decides alone. Acquire:
        // the waker's place, after another watcher.
        if self.marks.cases > 1 {
            self.marks
                .winner
                .compare_exchange(NOBODY, ASKED, Ordering::Acquire, Ordering::Relaxed)
                .ok()?;
        }
        // SAFETY: nobody has won it, and nobody can now; the owner needs the
        // lock that the caller holds.
        let waker = unsafe { woken.swap(ticket) };
        if self.marks.cases > 1 {
            // Release: the waker's place, to the winner.
            self.marks.winner.store(NOBODY, Ordering::Release);
        }
        waker.map(Wake::Task)
    }

    /// The handle of a thread that is really parked.
    pub(crate) fn parked_thread(&self) -> Option<thread::Thread> {
        let handle = self.who().err()?;
        // Acquire pairs with the Release in `commit`.
        if self.marks.state.load(Ordering::Acquire) != PARKED {
            return None;
        }
        // SAFETY: after PARKED the handle is only read, and the owner cannot
        // leave while the caller holds the lock of a channel it is queued in.
        unsafe { handle.thread.with(Clone::clone) }
    }

    /// When the wait began, on [`clock`]; 0 while a thread still looks.
    pub(crate) fn since(&self) -> u64 {
        self.begun.since.load(Ordering::Relaxed)
    }

    /// The data of the waker that was last put to use; 0 of a thread.
    ///
    /// # Safety
    ///
    /// The caller holds the lock of a channel in which it is linked. (Who writes
    /// it holds them all.)
    pub(crate) unsafe fn waker_data(&self) -> usize {
        let Ok(woken) = self.who() else { return 0 };
        // SAFETY: the caller's promise.
        unsafe { woken.data() }
    }

    pub(crate) fn task_id(&self) -> TaskId {
        self.begun.task
    }

    pub(crate) fn cases(&self) -> u32 {
        self.marks.cases
    }

    pub(crate) fn is_select(&self) -> bool {
        self.marks.kind.is(Kind::SELECT)
    }

    #[inline(always)]
    pub(crate) fn is_task(&self) -> bool {
        self.marks.kind.is(Kind::TASK)
    }

    pub(crate) fn has_deadline(&self) -> bool {
        self.marks.kind.is(Kind::DEADLINE)
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        let is_task = self.is_task();
        let who = &mut self.begun.who;
        // SAFETY: the kind says which of them it is, and nobody is linked to
        // what ends, so all guards are ours.
        unsafe {
            if is_task {
                let waker = who.task.take();
                ManuallyDrop::drop(&mut who.task);
                drop(waker);
            } else {
                ManuallyDrop::drop(&mut who.thread);
            }
        }
    }
}

/// Lets a watcher have the stack that it has asked for. No lock is held.
#[cold]
pub(crate) fn show_stack(ticket: u64) {
    watch::guarded(|watcher| watcher.stack_requested(ticket));
}

/// Marks a claimed thread done and takes the wake that is owed. P2, P3.
///
/// A pointer, not a reference: the party of a thread may be gone before this
/// returns.
///
/// # Safety
///
/// The caller won the claim, has written the outcome, and holds the lock of
/// the channel of the winning waiter. It is a thread.
#[inline(always)]
pub(crate) unsafe fn finish_thread(party: *const Party) -> Wake {
    // SAFETY: alive until it is done (P3).
    let (handle, state) = unsafe { (&(*party).begun.who.thread, &(*party).marks.state) };
    // Release publishes the outcome; Acquire, on failure, takes over the handle
    // from `commit`.
    match state.compare_exchange(WAITING, DONE, Ordering::Release, Ordering::Acquire) {
        Ok(_) => Wake::None,
        Err(_) => {
            // SAFETY: the state is PARKED, so the handle is there and only read.
            let thread = unsafe { handle.thread.with(Clone::clone) };
            state.store(DONE, Ordering::Release);
            thread.map_or(Wake::None, Wake::Thread)
        }
    }
}

/// The same of a task.
///
/// # Safety
///
/// As for [`finish_thread`]. It is a task.
#[inline(always)]
pub(crate) unsafe fn finish_task(party: *const Party) -> Wake {
    // SAFETY: alive, since its owner must take the caller's lock (P3). That lock
    // guards the waker, for a select together with the claim: its owner holds
    // all locks.
    unsafe {
        let waker = (*party).begun.who.task.take();
        (*party).marks.state.store(DONE, Ordering::Release);
        waker.map_or(Wake::None, Wake::Task)
    }
}

/// The first half of these two for a close, which settles everybody at one
/// instant and wakes them later: true if a wake is owed.
///
/// # Safety
///
/// As for [`finish_thread`]; the waiter stays linked.
pub(crate) unsafe fn mark_done(party: *const Party) -> bool {
    // SAFETY: the waiter is linked, so the owner is there.
    let party = unsafe { &*party };
    // Release publishes the outcome, Acquire takes over the handle.
    party.marks.state.swap(DONE, Ordering::AcqRel) == PARKED || party.is_task()
}

/// The second half: the wake that [`mark_done`] said is owed.
///
/// # Safety
///
/// The waiter is still linked and the lock of its channel held since that was
/// found.
pub(crate) unsafe fn owed_wake(party: *const Party) -> Wake {
    // SAFETY: the owner of a linked waiter is there.
    match unsafe { (*party).who() } {
        // SAFETY: a wake is owed only after PARKED, when the handle is read-only.
        Err(handle) => match unsafe { handle.thread.with(Clone::clone) } {
            Some(thread) => Wake::Thread(thread),
            None => Wake::None,
        },
        // SAFETY: guarded by the lock, as in `finish_task`.
        Ok(woken) => match unsafe { woken.take() } {
            Some(waker) => Wake::Task(waker),
            None => Wake::None,
        },
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
