//! Lists of cases whose types are known, as a macro writes them: a list and one
//! more case, and so on. The result of a list says which of its cases has won,
//! and what it was.

use std::convert::Infallible;

use crate::arm::Arm;
use crate::case::{RecvCase, SendCase};
use crate::face::{RecvFace, SendFace};

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
pub trait CaseList: sealed::Sealed {
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

    /// The result of case `index`, which has won.
    ///
    /// # Panics
    ///
    /// `send on closed channel`, if that is what the case is.
    #[doc(hidden)]
    #[track_caller]
    fn take(&self, index: usize) -> Self::Won;
}

pub(crate) mod sealed {
    use crate::arm::Arm;

    /// Keeps foreign lists out: a list must own its cases.
    #[allow(private_interfaces, reason = "nobody outside can call it")]
    pub trait Sealed {
        fn fill<'c>(&'c self, arms: &mut [Option<Arm<'c>>]);
    }
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

#[allow(private_interfaces, reason = "nobody outside can call it")]
impl sealed::Sealed for End {
    fn fill<'c>(&'c self, _: &mut [Option<Arm<'c>>]) {}
}

impl CaseList for End {
    type Won = Infallible;
    const LEN: usize = 0;

    fn take(&self, _: usize) -> Infallible {
        unreachable!("an index beyond the list")
    }
}

macro_rules! list_of {
    ($case:ident, $face:ident) => {
        #[allow(private_interfaces, reason = "nobody outside can call it")]
        impl<T, F, L: CaseList> sealed::Sealed for Cons<L, $case<'_, T, F>> {
            #[inline]
            fn fill<'c>(&'c self, arms: &mut [Option<Arm<'c>>]) {
                let (last, before) = arms.split_last_mut().expect("one place per case");
                *last = Some(self.1.arm());
                self.0.fill(before);
            }
        }

        impl<T, F: $face<T>, L: CaseList> CaseList for Cons<L, $case<'_, T, F>> {
            type Won = Won<L::Won, F::Out>;
            const LEN: usize = L::LEN + 1;

            #[inline]
            fn take(&self, index: usize) -> Self::Won {
                if index == L::LEN {
                    Won::This(self.1.take())
                } else {
                    Won::Before(self.0.take(index))
                }
            }
        }
    };
}

list_of!(RecvCase, RecvFace);
list_of!(SendCase, SendFace);
