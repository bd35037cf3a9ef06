//! A wait for the first of any number of cases that come and go while the
//! program runs: Go's `reflect.Select`. The passes are those of every select
//! ([`crate::look`]).
//!
//! A case is one box, made when it is added and kept until it is removed; the
//! lists of numbers grow when a case is added. To wait allocates nothing.
//!
//! D1  While cases wait (`waiting`), no box of theirs, nor the party's, is
//!     moved from, changed or dropped: every method that could begins with
//!     [`CaseSet::abandon`], and so does the drop. A future that is forgotten
//!     leaves its set waiting, and nothing else.
//! D2  A key's number was given to one case of one type, in the whole
//!     process; where a case with that number is, it is of that type.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use crate::arm::Arm;
use crate::case::{Offer, RecvArm, RecvCase, SendArm, SendCase};
use crate::face::{RecvFace, SendFace};
use crate::look::{self, Arms, Frozen, Winner};
use crate::nil::{self, Nothing};
use crate::parker::Party;
use crate::{coop, selection};

/// A case of a [`CaseSet`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CaseKey {
    /// No other case ever has it.
    serial: u64,
    index: u16,
}

impl CaseKey {
    /// Its number in the set: the lowest that was free when it was added.
    pub fn index(&self) -> usize {
        self.index.into()
    }
}

/// A send case of a [`CaseSet`], which sends a `T`.
pub struct SendKey<T> {
    key: CaseKey,
    /// Invariant, as the case is.
    element: PhantomData<fn(T) -> T>,
}

/// Cases that wait together, each with a function that makes an `R` of its
/// result.
pub struct CaseSet<'a, R> {
    cases: Cases<'a, R>,
    /// Numbers that were given back, lowest first.
    free: BinaryHeap<Reverse<u16>>,
    /// Who takes part in this select; filled by [`CaseSet::line_up`].
    order: Vec<u16>,
    first: usize,
    space: Vec<u16>,
    party: Box<Party>,
    waiting: bool,
    /// Where a select of a task waits that has no cases.
    nothing: Option<Pin<Box<Nothing>>>,
}

/// The cases by number, with holes where some were removed.
struct Cases<'a, R>(Vec<Option<Entry<'a, R>>>);

struct Entry<'a, R> {
    serial: u64,
    first: bool,
    case: Box<dyn Handled<R> + Send + 'a>,
}

/// A case with its function.
trait Handled<R> {
    fn arm(&self) -> Arm<'_>;
    /// Whether it takes part: a send has a value.
    fn is_armed(&self) -> bool;
    /// Readies it for another wait.
    fn renew(&mut self);
    /// The result of a case that has won.
    #[track_caller]
    fn finish(&mut self) -> R;
    /// The `Offer<T>` of a send of `T`.
    fn offer(&mut self) -> Option<NonNull<()>>;
}

struct Receives<'a, T, F, M> {
    case: RecvCase<'a, T, F>,
    then: M,
}

struct Sends<'a, T, F, M> {
    case: SendCase<'a, T, F>,
    then: M,
}

impl<T, F: RecvFace<T>, R, M: FnMut(F::Out) -> R> Handled<R> for Receives<'_, T, F, M> {
    fn arm(&self) -> Arm<'_> {
        self.case.arm()
    }

    fn is_armed(&self) -> bool {
        true
    }

    fn renew(&mut self) {
        self.case.renew();
    }

    fn finish(&mut self) -> R {
        (self.then)(self.case.take())
    }

    fn offer(&mut self) -> Option<NonNull<()>> {
        None
    }
}

impl<T, F: SendFace<T>, R, M: FnMut(F::Out) -> R> Handled<R> for Sends<'_, T, F, M> {
    fn arm(&self) -> Arm<'_> {
        self.case.arm()
    }

    fn is_armed(&self) -> bool {
        self.case.is_armed()
    }

    fn renew(&mut self) {
        self.case.renew();
    }

    #[track_caller]
    fn finish(&mut self) -> R {
        (self.then)(self.case.take())
    }

    fn offer(&mut self) -> Option<NonNull<()>> {
        Some(NonNull::from(self.case.offer()).cast())
    }
}

impl<R> Arms for Cases<'_, R> {
    #[inline]
    fn arm(&self, index: u16) -> Arm<'_> {
        let entry = self.0[index as usize].as_ref();
        entry
            .expect("only cases that are there are asked")
            .case
            .arm()
    }
}

impl<'a, R> CaseSet<'a, R> {
    /// A set without cases.
    pub fn new() -> Self {
        CaseSet {
            cases: Cases(Vec::new()),
            free: BinaryHeap::new(),
            order: Vec::new(),
            first: 0,
            space: Vec::new(),
            party: Box::new(Party::task(0, true, false)),
            waiting: false,
            nothing: None,
        }
    }

    // ---- Cases that come and go. ----

    /// Adds a receive.
    ///
    /// # Panics
    ///
    /// `too many cases (max 65536)`.
    #[track_caller]
    pub fn recv<A>(
        &mut self,
        operand: A,
        then: impl FnMut(<A::Face as RecvFace<A::Item>>::Out) -> R + Send + 'a,
    ) -> CaseKey
    where
        A: RecvArm<'a>,
        A::Item: Send,
        A::Face: Send + 'a,
    {
        let case = operand.arm();
        self.add(Box::new(Receives { case, then }))
    }

    /// Adds a send of this value.
    ///
    /// # Panics
    ///
    /// As [`CaseSet::recv`].
    #[track_caller]
    pub fn send<A>(
        &mut self,
        operand: A,
        value: A::Item,
        then: impl FnMut(<A::Face as SendFace<A::Item>>::Out) -> R + Send + 'a,
    ) -> SendKey<A::Item>
    where
        A: SendArm<'a>,
        A::Item: Send,
        A::Face: Send + 'a,
    {
        let case = operand.arm(value);
        SendKey {
            key: self.add(Box::new(Sends { case, then })),
            element: PhantomData,
        }
    }

    fn add(&mut self, case: Box<dyn Handled<R> + Send + 'a>) -> CaseKey {
        /// A number by itself: Relaxed.
        static SERIAL: AtomicU64 = AtomicU64::new(1);

        self.abandon();
        let entry = Entry {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            first: false,
            case,
        };
        let serial = entry.serial;
        let index = match self.free.pop() {
            Some(Reverse(index)) => {
                self.cases.0[index as usize] = Some(entry);
                index
            }
            None => {
                let index = u16::try_from(self.cases.0.len());
                let index = index.unwrap_or_else(|_| too_many_cases());
                self.cases.0.push(Some(entry));
                self.order.reserve(self.cases.0.len());
                self.space.resize(self.cases.0.len(), 0);
                self.free.reserve(self.cases.0.len());
                index
            }
        };
        CaseKey { serial, index }
    }

    fn entry(&mut self, key: CaseKey) -> Option<&mut Entry<'a, R>> {
        self.abandon();
        let entry = self.cases.0.get_mut(key.index())?.as_mut()?;
        (entry.serial == key.serial).then_some(entry)
    }

    /// Removes a case, with what it had to send; false if it is not there.
    pub fn remove(&mut self, key: CaseKey) -> bool {
        if self.entry(key).is_none() {
            return false;
        }
        self.free.push(Reverse(key.index));
        drop(self.cases.0[key.index()].take());
        true
    }

    /// Has a case looked at before the others, or no longer; false if it is
    /// not there.
    pub fn set_first(&mut self, key: CaseKey, first: bool) -> bool {
        let entry = self.entry(key);
        entry.map(|entry| entry.first = first).is_some()
    }

    /// Gives a send case another value: the one that it had, if that has not
    /// gone. If the case is not there the value comes back as the error.
    ///
    /// # Errors
    ///
    /// The case has been removed, or is of another set.
    pub fn put<T>(&mut self, key: SendKey<T>, value: T) -> Result<Option<T>, T> {
        match self.offer(key) {
            Some(offer) => Ok(offer.put(value)),
            None => Err(value),
        }
    }

    /// Takes the value of a send case back, if it has not gone. Without one
    /// the case is never ready.
    pub fn take_back<T>(&mut self, key: SendKey<T>) -> Option<T> {
        self.offer(key)?.take_back()
    }

    fn offer<T>(&mut self, key: SendKey<T>) -> Option<&mut Offer<T>> {
        let offer = self.entry(key.key)?.case.offer()?;
        // SAFETY: D2, a send of T; borrowed from its box, which is not linked
        // (D1), for as long as `self` is borrowed alone.
        Some(unsafe { offer.cast::<Offer<T>>().as_mut() })
    }

    /// How many cases there are.
    pub fn len(&self) -> usize {
        self.cases.0.len() - self.free.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // ---- Selects. ----

    /// Takes a ready case if there is one. For `chance` see
    /// [`select::look`](selection::look).
    ///
    /// # Panics
    ///
    /// `send on closed channel`, if that is what the case is.
    #[track_caller]
    pub fn look(&mut self, chance: impl FnMut(u32) -> u32) -> Option<R> {
        self.line_up();
        let (order, space) = (&mut self.order, &mut self.space);
        let won = look::unless_idle(&self.cases, order, space, self.first, chance)?;
        let index = won.fire();
        Some(self.finish(index))
    }

    /// Waits until a case has won, or until the deadline has come.
    ///
    /// # Panics
    ///
    /// As [`CaseSet::look`].
    #[track_caller]
    pub fn wait(
        &mut self,
        mut chance: impl FnMut(u32) -> u32,
        deadline: Option<Instant>,
    ) -> Option<R> {
        let index = match self.look_at_once(&mut chance) {
            Some(won) => won.fire(),
            None if self.order.is_empty() => {
                nil::wait_without_cases(deadline);
                return None;
            }
            None => {
                let (order, space) = (&mut self.order, &mut self.space);
                let (cases, first) = (&self.cases, self.first);
                selection::wait_in_queues(cases, order, space, first, &mut chance, deadline)?
            }
        };
        Some(self.finish(index))
    }

    /// Polls until a case has won. The first poll after a result, or after
    /// [`CaseSet::abandon`], begins a new select.
    ///
    /// # Panics
    ///
    /// As [`CaseSet::look`].
    #[track_caller]
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        chance: impl FnMut(u32) -> u32,
        has_deadline: bool,
    ) -> Poll<R> {
        let won = if self.waiting {
            self.next_poll(cx)
        } else {
            self.first_poll(cx, chance, has_deadline)
        };
        match won {
            Some(index) => Poll::Ready(self.finish(index)),
            None => Poll::Pending,
        }
    }

    /// Ends the wait of a task: the result of the case that has won by now, if
    /// one has. Without a wait it looks.
    ///
    /// # Panics
    ///
    /// As [`CaseSet::look`].
    #[track_caller]
    pub fn give_up(&mut self) -> Option<R> {
        self.nothing = None;
        let index = if self.waiting {
            self.waiting = false;
            // SAFETY: parked, and over from here on.
            let won = unsafe { look::withdraw(&self.cases, &self.order, &self.party) };
            self.forget_waker();
            won?
        } else {
            self.look_at_once(|_| 0)?.fire()
        };
        Some(self.finish(index))
    }

    /// Ends the wait of a task that is not interested any more: a value
    /// received goes on to the next receiver, a value sent stays sent. Nothing
    /// to do if none waits.
    pub fn abandon(&mut self) {
        self.nothing = None;
        if self.waiting {
            self.waiting = false;
            // SAFETY: parked, and over from here on.
            unsafe { look::abandon(&self.cases, &self.order) };
            self.forget_waker();
        }
    }

    /// A waker keeps its task alive.
    fn forget_waker(&mut self) {
        *self.party = Party::task(0, true, false);
    }

    /// Who takes part, those that go first in front.
    fn line_up(&mut self) {
        self.abandon();
        self.order.clear();
        for first in [true, false] {
            for (index, entry) in self.cases.0.iter_mut().enumerate() {
                let Some(entry) = entry else { continue };
                if entry.first == first && entry.case.is_armed() {
                    entry.case.renew();
                    self.order.push(index as u16);
                }
            }
            if first {
                self.first = self.order.len();
            }
        }
    }

    fn look_at_once(&mut self, chance: impl FnMut(u32) -> u32) -> Option<Winner> {
        self.line_up();
        look::at_once(&self.cases, &mut self.order, self.first, chance).winner()
    }

    fn first_poll(
        &mut self,
        cx: &mut Context<'_>,
        mut chance: impl FnMut(u32) -> u32,
        has_deadline: bool,
    ) -> Option<u16> {
        if coop::must_yield(cx) {
            return None;
        }
        if let Some(won) = self.look_at_once(&mut chance) {
            coop::was_ready();
            return Some(won.fire());
        }
        if self.order.is_empty() {
            let site = std::panic::Location::caller();
            let nothing = Box::pin(Nothing::new(site));
            self.nothing.insert(nothing).as_ref().list();
            return None;
        }
        // Foreign code, so between two looks and not within one.
        look::shuffle(&mut self.order, self.first, chance);
        let waker = cx.waker().clone();
        *self.party = Party::task(self.order.len() as u32, true, has_deadline);
        // SAFETY: nothing is linked yet.
        let none = unsafe { self.party.set_waker(waker) };
        debug_assert!(none.is_none(), "the party is new");
        let mut frozen = Frozen::lock(&self.cases, &self.order, &mut self.space);
        if let Some(won) = frozen.look(&self.order) {
            drop(frozen);
            self.forget_waker();
            return Some(won.fire());
        }
        // SAFETY: D1, and `waiting` says that they have parked.
        unsafe { frozen.park(&self.order, &self.party) };
        self.waiting = true;
        coop::waits();
        None
    }

    fn next_poll(&mut self, cx: &mut Context<'_>) -> Option<u16> {
        let (cases, order, space) = (&self.cases, &self.order, &mut self.space);
        // SAFETY: parked, and not over.
        let won = unsafe { selection::poll_parked(cases, order, space, &self.party, cx) };
        self.waiting = won.is_none();
        won
    }

    #[track_caller]
    fn finish(&mut self, index: u16) -> R {
        let entry = self.cases.0[index as usize].as_mut();
        entry.expect("it has won").case.finish()
    }
}

#[cold]
#[track_caller]
fn too_many_cases() -> ! {
    panic!("select: too many cases (max 65536)")
}

impl<R> Drop for CaseSet<'_, R> {
    fn drop(&mut self) {
        self.abandon();
    }
}

impl<R> Default for CaseSet<'_, R> {
    fn default() -> Self {
        CaseSet::new()
    }
}

impl<R> fmt::Debug for CaseSet<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cases = self.cases.0.iter().flatten();
        f.debug_list()
            .entries(cases.map(|entry| entry.case.arm()))
            .finish()
    }
}

impl<T> SendKey<T> {
    /// The case, whatever it sends.
    pub fn key(&self) -> CaseKey {
        self.key
    }
}

impl<T> From<SendKey<T>> for CaseKey {
    fn from(send: SendKey<T>) -> CaseKey {
        send.key
    }
}

impl<T> Clone for SendKey<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SendKey<T> {}

impl<T> PartialEq for SendKey<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<T> Eq for SendKey<T> {}

impl<T> Hash for SendKey<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl<T> fmt::Debug for SendKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendKey").field(&self.key).finish()
    }
}
