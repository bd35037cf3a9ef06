//! The cases of a set, each in its box and without its types.

use std::ptr::NonNull;

use crate::arm::{Arm, Target};
use crate::face::{RecvFace, SendFace};
use crate::look::Arms;
use crate::waiting::{RecvWaiting, SendWaiting, Waiting};

/// The cases by number, with holes where some were removed.
pub(super) struct Cases<'a, R>(pub(super) Vec<Option<Entry<'a, R>>>);

pub(super) struct Entry<'a, R> {
    pub(super) serial: u64,
    pub(super) first: bool,
    /// Where the case goes: a look at it needs no more.
    pub(super) target: Target<'a>,
    pub(super) case: Box<dyn Handled<R> + Send + 'a>,
}

/// A case with its function.
pub(super) trait Handled<R> {
    fn arm(&self) -> Arm<'_>;
    /// Whether it takes part: a send has a value.
    fn is_armed(&self) -> bool;
    /// Whether it is a receive.
    fn is_receive(&self) -> bool;
    /// Readies it for another wait.
    fn renew(&mut self);
    /// The result of a case that has won.
    #[track_caller]
    fn finish(&mut self) -> R;
    /// The `Offer<T>` of a send of `T`.
    fn offer(&mut self) -> Option<NonNull<()>>;
}

pub(super) struct Receives<'a, T, F, M> {
    pub(super) case: RecvWaiting<'a, T, F>,
    pub(super) then: M,
}

pub(super) struct Sends<'a, T, F, M> {
    pub(super) case: SendWaiting<'a, T, F>,
    pub(super) then: M,
}

impl<T, F: RecvFace<T>, R, M: FnMut(F::Out) -> R> Handled<R> for Receives<'_, T, F, M> {
    fn arm(&self) -> Arm<'_> {
        self.case.arm()
    }

    fn is_armed(&self) -> bool {
        true
    }

    fn is_receive(&self) -> bool {
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

    fn is_receive(&self) -> bool {
        false
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

impl<R> Cases<'_, R> {
    #[inline]
    fn entry(&self, index: u16) -> &Entry<'_, R> {
        let entry = self.0[index as usize].as_ref();
        entry.expect("only cases that are there are asked")
    }
}

impl<R> Arms for Cases<'_, R> {
    fn arm(&self, index: u16) -> Arm<'_> {
        self.entry(index).case.arm()
    }

    #[inline]
    fn target(&self, index: u16) -> Target<'_> {
        self.entry(index).target
    }
}
