//! Foreign code that panics, caught where others depend on our going on.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};

/// What a panic carries.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Calls foreign code; its panic is the caller's to pass on or to drop with
/// [`discard`].
pub(crate) fn catch<R>(foreign: impl FnOnce() -> R) -> Result<R, Panic> {
    panic::catch_unwind(AssertUnwindSafe(foreign))
}

/// Drops a panic. What it carries is foreign too, and its destructor may
/// panic as well, with something whose destructor does: one that has not come
/// to an end after a few is leaked, so that this does not unwind.
pub(crate) fn discard(mut panic: Panic) {
    for _ in 0..4 {
        match catch(|| drop(panic)) {
            Ok(()) => return,
            Err(again) => panic = again,
        }
    }
    std::mem::forget(panic);
}

/// Keeps the first of several panics and drops the others.
pub(crate) fn keep_first(first: &mut Option<Panic>, next: Option<Panic>) {
    match (&first, next) {
        (None, next) => *first = next,
        (Some(_), Some(next)) => discard(next),
        (Some(_), None) => {}
    }
}
