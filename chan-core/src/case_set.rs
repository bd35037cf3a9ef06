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

mod entry;
mod key;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use crate::arm::Target;
use crate::case::{Alternative, RecvArm, SendArm};
use crate::face::{RecvFace, SendFace};
use crate::look::{self, Frozen, Glance};
use crate::nil::{self, Nothing};
use crate::parker::{Party, Wake};
use crate::waiting::Offer;
use crate::{coop, selection, task_wait};

use self::entry::{Cases, Entry, Handled, Receives, Sends};
pub use self::key::{CaseKey, SendKey};

/// Cases that wait together, each with a function that makes an `R` of its
/// result.
///
/// # Examples
///
/// ```
/// use chan_core::{Chan, select::CaseSet};
///
/// let (numbers, words) = (Chan::new(1), Chan::new(1));
/// let mut set = CaseSet::new();
/// set.recv(&numbers, |got: Option<u8>| format!("{got:?}"));
/// set.recv(&words, |got: Option<&str>| format!("{got:?}"));
/// words.send("hello");
/// assert_eq!(set.wait(|_| 0, None).unwrap(), "Some(\"hello\")");
/// ```
pub struct CaseSet<'a, R> {
    cases: Cases<'a, R>,
    /// Numbers that were given back, lowest first.
    free: BinaryHeap<Reverse<u16>>,
    /// Who takes part in a select, those that go first in front; filled by
    /// [`CaseSet::line_up`].
    order: Vec<u16>,
    first: usize,
    /// Whether `order` is up to date.
    lined_up: bool,
    /// Whether a case may have to be renewed: it has waited, or has a result
    /// that nobody took.
    stale: bool,
    space: Vec<u16>,
    party: Box<Party>,
    waiting: bool,
    /// Where a select of a task waits that has no cases.
    nothing: Option<Pin<Box<Nothing>>>,
}

impl<'a, R> CaseSet<'a, R> {
    /// A set without cases.
    ///
    /// # Examples
    ///
    /// ```
    /// let set = chan_core::select::CaseSet::<()>::new();
    /// assert!(set.is_empty());
    /// ```
    pub fn new() -> Self {
        CaseSet {
            cases: Cases(Vec::new()),
            free: BinaryHeap::new(),
            order: Vec::new(),
            first: 0,
            lined_up: true,
            stale: false,
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
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(1);
    /// let mut set = chan_core::select::CaseSet::new();
    /// set.recv(&chan, |got| got);
    /// chan.send(1);
    /// assert_eq!(set.look(|_| 0), Some(Some(1)));
    /// ```
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
        let target = case.goes_to();
        let case = case.waiting();
        self.add(target, Box::new(Receives { case, then }))
    }

    /// Adds a send of this value.
    ///
    /// # Panics
    ///
    /// As [`CaseSet::recv`].
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(1);
    /// let mut set = chan_core::select::CaseSet::new();
    /// set.send(&chan, 1, |()| "sent");
    /// assert_eq!(set.look(|_| 0), Some("sent"));
    /// assert_eq!(set.look(|_| 0), None, "its value has gone");
    /// ```
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
        let target = case.goes_to();
        let case = case.waiting();
        SendKey {
            key: self.add(target, Box::new(Sends { case, then })),
            element: PhantomData,
        }
    }

    fn add(&mut self, target: Target<'a>, case: Box<dyn Handled<R> + Send + 'a>) -> CaseKey {
        /// A number by itself: Relaxed.
        static SERIAL: AtomicU64 = AtomicU64::new(1);

        self.abandon();
        self.lined_up = false;
        let entry = Entry {
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            first: false,
            target,
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
        // Whoever asks changes something.
        self.lined_up = false;
        let entry = self.cases.0.get_mut(key.index())?.as_mut()?;
        (entry.serial == key.serial).then_some(entry)
    }

    /// Removes a case, with what it had to send; false if it is not there.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::<u8>::new(1);
    /// let mut set = chan_core::select::CaseSet::new();
    /// let key = set.recv(&chan, drop);
    /// assert!(set.remove(key) && set.is_empty());
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// let [a, b] = [(); 2].map(|()| chan_core::Chan::new(1));
    /// let mut set = chan_core::select::CaseSet::new();
    /// set.recv(&a, |_| "a");
    /// let urgent = set.recv(&b, |_| "b");
    /// assert!(set.set_first(urgent, true));
    /// a.send(1);
    /// b.send(1);
    /// assert_eq!(set.look(|_| 0), Some("b"), "whatever chance says");
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(2);
    /// let mut set = chan_core::select::CaseSet::new();
    /// let key = set.send(&chan, 1, drop);
    /// assert_eq!(set.put(key, 2), Ok(Some(1)));
    /// set.look(|_| 0).unwrap();
    /// assert_eq!(set.put(key, 3), Ok(None), "2 has gone");
    /// ```
    pub fn put<T>(&mut self, key: SendKey<T>, value: T) -> Result<Option<T>, T> {
        match self.offer(key) {
            Some(offer) => Ok(offer.put(value)),
            None => Err(value),
        }
    }

    /// Takes the value of a send case back, if it has not gone. Without one
    /// the case is never ready.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(1);
    /// let mut set = chan_core::select::CaseSet::new();
    /// let key = set.send(&chan, 1, drop);
    /// assert_eq!(set.take_back(key), Some(1));
    /// assert_eq!(set.look(|_| 0), None);
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::<u8>::new(1);
    /// let mut set = chan_core::select::CaseSet::new();
    /// set.recv(&chan, drop);
    /// assert_eq!(set.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.cases.0.len() - self.free.len()
    }

    /// Whether there are none.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(chan_core::select::CaseSet::<()>::new().is_empty());
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(1);
    /// let mut set = chan_core::select::CaseSet::new();
    /// set.recv(&chan, |got| got);
    /// assert_eq!(set.look(|_| 0), None);
    /// chan.send(1);
    /// assert_eq!(set.look(|_| 0), Some(Some(1)));
    /// ```
    #[track_caller]
    pub fn look(&mut self, mut chance: impl FnMut(u32) -> u32) -> Option<R> {
        self.line_up();
        let (order, space) = (&mut self.order, &mut self.space);
        let cases = &self.cases;
        let index = match look::unless_idle(cases, order, space, self.first, &mut chance) {
            Glance::Won(index, wake) => self.fired(index, wake),
            Glance::Idle(_) => return None,
            Glance::Lost => {
                look::shuffle(order, self.first, chance);
                let won = Frozen::lock(cases, order, space).look(order)?;
                self.stale = true;
                won.fire()
            }
        };
        Some(self.finish(index))
    }

    /// Waits until a case has won, or until the deadline has come.
    ///
    /// # Panics
    ///
    /// As [`CaseSet::look`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Instant;
    ///
    /// let chan = chan_core::Chan::<u8>::new(1);
    /// let mut set = chan_core::select::CaseSet::new();
    /// set.recv(&chan, |got| got);
    /// assert_eq!(set.wait(|_| 0, Some(Instant::now())), None, "too late");
    /// ```
    #[track_caller]
    pub fn wait(
        &mut self,
        mut chance: impl FnMut(u32) -> u32,
        deadline: Option<Instant>,
    ) -> Option<R> {
        let index = match self.look_at_once(&mut chance) {
            Some(won) => won,
            None if self.order.is_empty() => {
                nil::wait_without_cases(deadline);
                return None;
            }
            None => {
                self.stale = true;
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
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let chan = chan_core::Chan::new(1);
    /// let mut set = chan_core::select::CaseSet::new();
    /// set.recv(&chan, |got| got);
    /// chan.send(1);
    /// let got = std::future::poll_fn(|cx| set.poll(cx, |_| 0, false)).await;
    /// assert_eq!(got, Some(1));
    /// # });
    /// ```
    #[track_caller]
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        chance: impl FnMut(u32) -> u32,
        has_deadline: bool,
    ) -> Poll<R> {
        let won = if self.waiting {
            self.next_poll(cx)
        } else if let Some(nothing) = &self.nothing {
            // No case came since: the wait goes on, the same as before.
            nothing.as_ref().list(cx);
            None
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
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{Context, Waker};
    ///
    /// let chan = chan_core::Chan::new(0);
    /// let mut set = chan_core::select::CaseSet::new();
    /// set.recv(&chan, |got| got);
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(set.poll(&mut cx, |_| 0, false).is_pending());
    /// chan.try_send(1).unwrap(); // to the set, which waits
    /// assert_eq!(set.give_up(), Some(Some(1)));
    /// ```
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
            self.look_at_once(&mut |_| 0)?
        };
        Some(self.finish(index))
    }

    /// Ends the wait of a task that is not interested any more: a value
    /// received goes on to the next receiver, a value sent stays sent. Nothing
    /// to do if none waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{Context, Waker};
    ///
    /// let chan = chan_core::Chan::new(0);
    /// let mut set = chan_core::select::CaseSet::new();
    /// set.recv(&chan, drop);
    /// let mut cx = Context::from_waker(Waker::noop());
    /// assert!(set.poll(&mut cx, |_| 0, false).is_pending());
    /// chan.try_send(1).unwrap();
    /// set.abandon();
    /// assert_eq!(chan.recv(), Some(1), "it went on");
    /// ```
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

    /// Sees to `order` and to stale cases, if there is something to see to.
    #[inline]
    fn line_up(&mut self) {
        self.abandon();
        if !self.lined_up || self.stale {
            self.line_up_anew();
        }
    }

    #[cold]
    fn line_up_anew(&mut self) {
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
        (self.lined_up, self.stale) = (true, false);
    }

    #[track_caller]
    fn look_at_once(&mut self, chance: &mut impl FnMut(u32) -> u32) -> Option<u16> {
        self.line_up();
        let (order, space) = (&self.order, &mut self.space);
        match look::at_once(&self.cases, order, space, self.first, chance) {
            Glance::Won(index, wake) => Some(self.fired(index, wake)),
            Glance::Idle(_) | Glance::Lost => None,
        }
    }

    /// Wakes the counterpart of a case that has won in a look.
    fn fired(&mut self, index: u16, wake: Wake) -> u16 {
        if !matches!(wake, Wake::None) {
            // A waker may panic, and then nobody takes the result.
            self.stale = true;
            wake.fire();
            self.stale = false;
        }
        index
    }

    #[track_caller]
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
            return Some(won);
        }
        if self.order.is_empty() {
            let site = std::panic::Location::caller();
            let nothing = Box::pin(Nothing::new(site, has_deadline));
            self.nothing.insert(nothing).as_ref().list(cx);
            return None;
        }
        self.stale = true;
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
            // Both are foreign code; whoever waits comes first.
            let won = won.fire();
            self.forget_waker();
            return Some(won);
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
        let won = unsafe { task_wait::poll_parked(cases, order, space, &self.party, cx) };
        self.waiting = won.is_none();
        won
    }

    #[track_caller]
    fn finish(&mut self, index: u16) -> R {
        let entry = self.cases.0[index as usize].as_mut();
        let case = &mut entry.expect("it has won").case;
        // A send has nothing to send after this, whether or not it panics.
        self.lined_up &= case.is_receive();
        case.finish()
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
