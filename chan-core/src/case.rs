//! An armed send or receive: one alternative of a wait, before it waits.
//!
//! A case is made by a face ([`RecvArm`], [`SendArm`]) and is small: a channel,
//! a place in the program, the value of a send. Lists of them are looked at
//! and moved for the price of that ([`crate::case_list`]). What a case needs
//! to wait it gets when it comes to that ([`crate::waiting`]).

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::Location;

use crate::arm::Target;
use crate::face::{Bound, Closed, RecvFace, SendFace};
use crate::handle::took_closed;
use crate::hchan::Hchan;
use crate::results::{Received, Sent};
use crate::waiting::{RecvWaiting, SendWaiting, Waiting, sent_on_closed};
use crate::waitq::{Direction, Site};

/// An operand of a receive case: a receiver, a channel, a view of one, or an
/// optional one of these, `None` being nil.
///
/// # Examples
///
/// ```
/// use chan_core::select::{self, CaseList, End, RecvArm, Won};
///
/// /// Receives from whatever can be received from, without waiting.
/// fn glance<'a, A: RecvArm<'a>>(operand: A) -> bool {
///     select::look::<_, 1>(End.and(operand.arm()), 0, |_| 0).is_some()
/// }
/// let (tx, rx) = chan_core::bounded(1);
/// assert!(!glance(&rx) && !glance(&None::<chan_core::Chan<u8>>));
/// tx.send(1).unwrap();
/// assert!(glance(&rx));
/// ```
pub trait RecvArm<'a> {
    /// The element.
    type Item: 'a;
    /// How results are said.
    type Face: RecvFace<Self::Item>;

    /// Arms a receive. A nil operand makes a case that is never ready.
    #[track_caller]
    fn arm(self) -> RecvCase<'a, Self::Item, Self::Face>;
}

/// An operand of a send case, as [`RecvArm`] is one of a receive.
///
/// # Examples
///
/// ```
/// use chan_core::select::{self, CaseList, End, SendArm, Won};
///
/// let chan = chan_core::Chan::new(1);
/// let case = SendArm::arm(&chan, 1);
/// assert!(matches!(select::look::<_, 1>(End.and(case), 0, |_| 0), Some(Won::This(()))));
/// assert_eq!(chan.recv(), Some(1));
/// ```
pub trait SendArm<'a> {
    /// The element.
    type Item: 'a;
    /// How results are said.
    type Face: SendFace<Self::Item>;

    /// Arms a send. A nil operand makes a case that is never ready.
    #[track_caller]
    fn arm(self, value: Self::Item) -> SendCase<'a, Self::Item, Self::Face>;
}

impl<'a, 'b: 'a, R> RecvArm<'a> for &'a &'b R
where
    &'a R: RecvArm<'a>,
{
    type Item = <&'a R as RecvArm<'a>>::Item;
    type Face = <&'a R as RecvArm<'a>>::Face;

    fn arm(self) -> RecvCase<'a, Self::Item, Self::Face> {
        RecvArm::arm(*self)
    }
}

impl<'a, R> RecvArm<'a> for &'a Option<R>
where
    &'a R: RecvArm<'a>,
{
    type Item = <&'a R as RecvArm<'a>>::Item;
    type Face = <&'a R as RecvArm<'a>>::Face;

    fn arm(self) -> RecvCase<'a, Self::Item, Self::Face> {
        match self {
            Some(operand) => operand.arm(),
            None => RecvCase::new(None, Location::caller()),
        }
    }
}

impl<'a, 'b: 'a, S> SendArm<'a> for &'a &'b S
where
    &'a S: SendArm<'a>,
{
    type Item = <&'a S as SendArm<'a>>::Item;
    type Face = <&'a S as SendArm<'a>>::Face;

    fn arm(self, value: Self::Item) -> SendCase<'a, Self::Item, Self::Face> {
        SendArm::arm(*self, value)
    }
}

impl<'a, S> SendArm<'a> for &'a Option<S>
where
    &'a S: SendArm<'a>,
{
    type Item = <&'a S as SendArm<'a>>::Item;
    type Face = <&'a S as SendArm<'a>>::Face;

    fn arm(self, value: Self::Item) -> SendCase<'a, Self::Item, Self::Face> {
        match self {
            Some(operand) => operand.arm(value),
            None => SendCase::new(None, value, Location::caller()),
        }
    }
}

/// An armed receive.
///
/// # Examples
///
/// ```
/// use chan_core::select::{RecvArm, RecvCase, RustFace};
///
/// let (_tx, rx) = chan_core::bounded::<u8>(1);
/// let case: RecvCase<'_, u8, RustFace> = rx.arm();
/// drop(case); // nothing was received
/// ```
pub struct RecvCase<'a, T, F> {
    chan: Option<&'a Hchan<T>>,
    site: Site,
    /// It is for the face to say which threads the case may go to ([`Bound`]).
    face: PhantomData<F>,
}

/// An armed send.
///
/// # Examples
///
/// ```
/// use chan_core::select::{GoFace, SendArm, SendCase};
///
/// let chan = chan_core::Chan::new(1);
/// let case: SendCase<'_, u8, GoFace> = chan.arm(1);
/// drop(case); // nothing was sent
/// assert!(chan.is_empty());
/// ```
pub struct SendCase<'a, T, F> {
    chan: Option<&'a Hchan<T>>,
    site: Site,
    /// There until it has gone.
    value: Cell<Option<T>>,
    face: PhantomData<F>,
}

impl<'a, T, F> RecvCase<'a, T, F> {
    #[inline(always)]
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, site: Site) -> Self {
        RecvCase {
            chan,
            site,
            face: PhantomData,
        }
    }

    /// The same receive, bound to where an `R` may go.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::select::{Bound, RecvArm, RecvCase, RustFace};
    ///
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// // Does not leave this thread, as an `Rc` does not.
    /// let case: RecvCase<'_, u8, Bound<RustFace, std::rc::Rc<()>>> = rx.arm().bound();
    /// drop(case);
    /// ```
    pub fn bound<R>(self) -> RecvCase<'a, T, Bound<F, R>> {
        RecvCase::new(self.chan, self.site)
    }

    /// Where it goes, and the line.
    pub(crate) fn into_parts(self) -> (Option<&'a Hchan<T>>, Site) {
        (self.chan, self.site)
    }

    #[inline(always)]
    pub(crate) fn goes_to(&self) -> Target<'a> {
        Target::new(self.chan.map(Hchan::header), Direction::Recv)
    }
}

impl<'a, T, F> SendCase<'a, T, F> {
    /// Where it goes, the value, unless that has gone, and the line.
    pub(crate) fn into_parts(self) -> (Option<&'a Hchan<T>>, Option<T>, Site) {
        (self.chan, self.value.into_inner(), self.site)
    }

    #[inline(always)]
    pub(crate) fn new(chan: Option<&'a Hchan<T>>, value: T, site: Site) -> Self {
        SendCase {
            chan,
            site,
            value: Cell::new(Some(value)),
            face: PhantomData,
        }
    }

    /// The same send, bound to where an `R` may go.
    ///
    /// # Examples
    ///
    /// ```
    /// use chan_core::select::{Bound, GoFace, SendArm, SendCase};
    ///
    /// let chan = chan_core::Chan::new(1);
    /// let case: SendCase<'_, u8, Bound<GoFace, std::rc::Rc<()>>> = chan.arm(1).bound();
    /// drop(case);
    /// ```
    pub fn bound<R>(self) -> SendCase<'a, T, Bound<F, R>> {
        let value = self.value.into_inner();
        SendCase::new(self.chan, value.expect("it has not gone"), self.site)
    }

    #[inline(always)]
    pub(crate) fn goes_to(&self) -> Target<'a> {
        Target::new(self.chan.map(Hchan::header), Direction::Send)
    }
}

/// What can stand in a list of cases: an armed receive or send.
///
/// # Examples
///
/// ```
/// use chan_core::select::{self, Case, CaseList, Cons, End, RecvArm};
///
/// /// Whether a case could be done at once. It has been, then.
/// fn happened<C: Case>(case: C) -> bool {
///     select::look::<Cons<End, C>, 1>(End.and(case), 0, |_| 0).is_some()
/// }
/// let chan = chan_core::Chan::<u8>::new(0);
/// assert!(!happened(chan.arm()));
/// chan.close();
/// assert!(happened(chan.arm()));
/// ```
#[allow(private_bounds, reason = "keeps foreign cases out")]
pub trait Case: Alternative<Result = Self::Out> {
    /// The result.
    type Out;
}

/// What engines want of a case.
pub(crate) trait Alternative {
    type Result;
    /// The same case with what it needs to wait.
    type Waiting: Waiting<Out = Self::Result>;

    /// Where it goes.
    fn target(&self) -> Target<'_>;

    /// Does the operation if that can be done at once, and most likely it can.
    #[track_caller]
    fn attempt(&self) -> Option<Self::Result>;

    /// Readies it for a wait. It has not been done.
    fn waiting(self) -> Self::Waiting;
}

impl<T, F: RecvFace<T>> Case for RecvCase<'_, T, F> {
    type Out = F::Out;
}

impl<T, F: SendFace<T>> Case for SendCase<'_, T, F> {
    type Out = F::Out;
}

impl<'a, T, F: RecvFace<T>> Alternative for RecvCase<'a, T, F> {
    type Result = F::Out;
    type Waiting = RecvWaiting<'a, T, F>;

    #[inline(always)]
    fn target(&self) -> Target<'_> {
        self.goes_to()
    }

    #[inline]
    fn attempt(&self) -> Option<F::Out> {
        match self.chan?.recv_now() {
            Received::Value(value, wake) => {
                wake.fire();
                Some(F::value(value))
            }
            Received::Returned(node) => Some(F::value(node.into_value())),
            Received::Closed => {
                took_closed(self.chan, self.site);
                Some(F::closed())
            }
            Received::Empty => None,
        }
    }

    #[inline]
    fn waiting(self) -> Self::Waiting {
        RecvWaiting::new(self.chan, self.site)
    }
}

impl<'a, T, F: SendFace<T>> Alternative for SendCase<'a, T, F> {
    type Result = F::Out;
    type Waiting = SendWaiting<'a, T, F>;

    #[inline(always)]
    fn target(&self) -> Target<'_> {
        self.goes_to()
    }

    #[inline]
    fn attempt(&self) -> Option<F::Out> {
        let chan = self.chan?;
        match chan.send_now(self.value.take()?) {
            Sent::Done(wake) => {
                wake.fire();
                Some(F::sent())
            }
            Sent::Full(value) => {
                self.value.set(Some(value));
                None
            }
            Sent::Closed(value) => {
                let caller = Location::caller();
                let text = || sent_on_closed(chan, self.site, caller);
                Some(F::closed(value, Closed { text: &text }))
            }
        }
    }

    #[inline]
    fn waiting(self) -> Self::Waiting {
        let value = self.value.into_inner();
        SendWaiting::new(self.chan, value.expect("it has not gone"), self.site)
    }
}

impl<T, F> std::fmt::Debug for RecvCase<'_, T, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecvCase({})", self.site)
    }
}

impl<T, F> std::fmt::Debug for SendCase<'_, T, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SendCase({})", self.site)
    }
}
