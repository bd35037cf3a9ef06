//! What became of an attempt at a channel whose lock was held, with whatever is
//! owed when the lock is gone: wakes to fire, values and nodes to drop.

use crate::parker::Wake;
use crate::returned::Comeback;

/// What became of a send.
pub(crate) enum Sent<T> {
    Done(Wake),
    /// No room; without a limit, none until [`Op::grow`].
    Full(T),
    Closed(T),
}

/// Why a send that does not wait was refused, with its value.
pub(crate) enum Refused<T> {
    Full(T),
    Closed(T),
}

/// Why a receive that does not wait has got nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    Empty,
    Closed,
}

impl<T> Sent<T> {
    /// The end of it, with no lock held: whoever is owed a wake is woken.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn conclude(self) -> Result<(), Refused<T>> {
        match self {
            Sent::Done(wake) => {
                wake.fire();
                Ok(())
            }
            Sent::Full(value) => Err(Refused::Full(value)),
            Sent::Closed(value) => Err(Refused::Closed(value)),
        }
    }
}

impl<T> Received<T> {
    /// The end of it, with no lock held: whoever is owed a wake is woken.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn conclude(self) -> Result<T, Nothing> {
        match self {
            Received::Value(value, wake) => {
                wake.fire();
                Ok(value)
            }
            Received::Returned(node) => Ok(node.into_value()),
            Received::Empty => Err(Nothing::Empty),
            Received::Closed => Err(Nothing::Closed),
        }
    }
}

/// What became of a send that takes the place of an older value.
pub(crate) enum Forced<T> {
    /// It is in, at the cost of this value.
    Done(Option<T>, Wake),
    Full(T),
    Closed(T),
}

/// What became of a request for a permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reserved {
    Granted,
    Full,
    Closed,
}

/// What became of a receive.
pub(crate) enum Received<T> {
    Value(T, Wake),
    /// A value that had come back, still in its node.
    Returned(Box<Comeback<T>>),
    Empty,
    Closed,
}

/// A value that nobody could receive.
pub(crate) enum Discarded<T> {
    Value(T),
    #[expect(dead_code, reason = "it is there to be dropped")]
    Returned(Box<Comeback<T>>),
}
