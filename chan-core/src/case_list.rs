//! Lists of cases whose types are known, as a macro writes them: a list and one
//! more case, and so on. The result of a list says which of its cases has won,
//! and what it was.
//!
//! A list of cases is looked at as it is; it becomes a list of what waits, once
//! and in place, when it has to.

use std::convert::Infallible;
use std::mem::MaybeUninit;

use crate::arm::{Arm, Target};
use crate::case::Case;
use crate::waiting::Waiting;

/// A list of cases whose types are known: [`End`], or a list and one more case
/// ([`CaseList::and`]). It owns its cases, so that whoever pins the list pins
/// them.
///
/// # Examples
///
/// ```
/// use chan_core::select::{self, CaseList, End, RecvArm, Won};
///
/// let (numbers, words) = (chan_core::Chan::new(1), chan_core::Chan::new(1));
/// numbers.send(1);
/// let cases = End.and(numbers.arm()).and(words.arm());
/// match select::wait::<_, 2>(cases, 0, |_| 0, None).expect("no deadline") {
///     Won::Before(Won::This(number)) => assert_eq!(number, Some(1)),
///     Won::This(word) => drop::<Option<String>>(word),
///     Won::Before(Won::Before(none)) => match none {},
/// }
/// ```
#[allow(private_bounds, reason = "keeps foreign lists out")]
pub trait CaseList: sealed::Cases<Result = Self::Won> {
    /// The result of whichever case wins.
    type Won;
    /// How many cases there are.
    const LEN: usize;

    /// The list with one more case, the last.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::select::{CaseList, Cons, End, RecvArm};
    ///
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// let cases: Cons<Cons<End, _>, _> = End.and(rx.arm()).and(rx.arm());
    /// drop(cases);
    /// ```
    fn and<C>(self, case: C) -> Cons<Self, C>
    where
        Self: Sized,
    {
        Cons(self, case)
    }
}

pub(crate) mod sealed {
    use super::{Target, WaitingList};

    /// What engines want of a list of cases.
    pub(crate) trait Cases: Sized {
        type Result;
        type Waiting: WaitingList<Won = Self::Result>;

        /// Says where each case goes.
        fn fill<'c>(&'c self, targets: &mut [Target<'c>]);

        /// Where case `index` goes.
        fn target(&self, index: usize) -> Target<'_>;

        /// Does case `index` if that can be done at once.
        #[track_caller]
        fn attempt(&self, index: usize) -> Option<Self::Result>;

        /// Readies the cases for a wait. None has been done.
        ///
        /// # Safety
        ///
        /// `place` may be written to. It has been, whole, when this returns.
        unsafe fn make_waiting(self, place: *mut Self::Waiting);
    }
}

use sealed::Cases;

/// The cases, readied for a wait. None has been done.
pub(crate) fn waiting<L: CaseList>(cases: L) -> L::Waiting {
    let mut place = MaybeUninit::uninit();
    // SAFETY: ours, and written by this.
    unsafe {
        cases.make_waiting(place.as_mut_ptr());
        place.assume_init()
    }
}

/// A list of what waits: like a [`CaseList`].
pub(crate) trait WaitingList {
    type Won;
    const LEN: usize;

    fn fill<'c>(&'c self, arms: &mut [Option<Arm<'c>>]);

    /// The result of case `index`, which has won.
    ///
    /// # Panics
    ///
    /// `send on closed channel`, if that is what the case is.
    #[track_caller]
    fn take(&self, index: usize) -> Self::Won;
}

/// The list without cases.
///
/// # Examples
///
/// ```
/// use chan_core::select::{CaseList, End};
///
/// assert_eq!(End::LEN, 0);
/// ```
#[derive(Debug, Default)]
pub struct End;

/// A list of cases and one more.
///
/// # Examples
///
/// ```
/// use chan_core::select::{CaseList, Cons, End};
///
/// let (_tx, rx) = chan_core::bounded::<u8>(1);
/// let cases: Cons<End, _> = End.and(chan_core::select::RecvArm::arm(&rx));
/// ```
#[derive(Debug)]
pub struct Cons<L, C>(pub L, pub C);

/// Which case of a list has won, with its result.
///
/// # Examples
///
/// ```
/// use chan_core::select::{self, CaseList, End, RecvArm, Won};
///
/// let chan = chan_core::Chan::<u8>::new(0);
/// chan.close();
/// let won = select::look::<_, 1>(End.and(chan.arm()), 0, |_| 0);
/// assert!(matches!(won, Some(Won::This(None)))); // closed
/// ```
#[derive(Debug)]
pub enum Won<L, C> {
    /// One of those before the last.
    Before(L),
    /// The last.
    This(C),
}

impl CaseList for End {
    type Won = Infallible;
    const LEN: usize = 0;
}

impl Cases for End {
    type Result = Infallible;
    type Waiting = End;

    #[inline(always)]
    fn fill<'c>(&'c self, _: &mut [Target<'c>]) {}

    #[inline(always)]
    fn target(&self, _: usize) -> Target<'_> {
        Target::NIL
    }

    #[inline(always)]
    fn attempt(&self, _: usize) -> Option<Infallible> {
        None
    }

    unsafe fn make_waiting(self, place: *mut End) {
        // SAFETY: the caller's promise.
        unsafe { place.write(End) };
    }
}

impl WaitingList for End {
    type Won = Infallible;
    const LEN: usize = 0;

    fn fill<'c>(&'c self, _: &mut [Option<Arm<'c>>]) {}

    fn take(&self, _: usize) -> Infallible {
        unreachable!("an index beyond the list")
    }
}

#[allow(private_bounds, reason = "nobody outside has other cases")]
impl<L: CaseList, C: Case> CaseList for Cons<L, C> {
    type Won = Won<L::Won, C::Out>;
    const LEN: usize = L::LEN + 1;
}

impl<L: CaseList, C: Case> Cases for Cons<L, C> {
    type Result = Won<L::Won, C::Out>;
    type Waiting = Cons<L::Waiting, C::Waiting>;

    #[inline(always)]
    fn fill<'c>(&'c self, targets: &mut [Target<'c>]) {
        targets[L::LEN] = self.1.target();
        self.0.fill(targets);
    }

    #[inline(always)]
    fn target(&self, index: usize) -> Target<'_> {
        if index == L::LEN {
            self.1.target()
        } else {
            self.0.target(index)
        }
    }

    #[inline(always)]
    fn attempt(&self, index: usize) -> Option<Self::Result> {
        if index == L::LEN {
            self.1.attempt().map(Won::This)
        } else {
            self.0.attempt(index).map(Won::Before)
        }
    }

    unsafe fn make_waiting(self, place: *mut Self::Waiting) {
        // SAFETY: the caller's promise; the two fields are all there is.
        unsafe {
            self.0.make_waiting(&raw mut (*place).0);
            (&raw mut (*place).1).write(self.1.waiting());
        }
    }
}

impl<L: WaitingList, W: Waiting> WaitingList for Cons<L, W> {
    type Won = Won<L::Won, W::Out>;
    const LEN: usize = L::LEN + 1;

    #[inline]
    fn fill<'c>(&'c self, arms: &mut [Option<Arm<'c>>]) {
        arms[L::LEN] = Some(self.1.arm());
        self.0.fill(arms);
    }

    #[inline]
    fn take(&self, index: usize) -> Self::Won {
        if index == L::LEN {
            Won::This(self.1.take())
        } else {
            Won::Before(self.0.take(index))
        }
    }
}
