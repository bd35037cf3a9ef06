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
pub trait CaseList: sealed::Sealed {
    /// The result of whichever case wins.
    type Won;
    /// How many cases there are.
    const LEN: usize;

    /// The list with one more case, the last.
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
#[derive(Debug, Default)]
pub struct End;

/// A list of cases and one more.
#[derive(Debug)]
pub struct Cons<L, C>(pub L, pub C);

/// Which case of a list has won, with its result.
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
