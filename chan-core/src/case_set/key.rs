//! Keys: what is left in hand of a case that was given to a set.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

#[cfg(doc)]
use super::CaseSet;

/// A case of a [`CaseSet`].
///
/// # Examples
///
/// ```
/// use chan_core::select::{CaseKey, CaseSet};
///
/// let (_tx, rx) = chan_core::bounded::<u8>(1);
/// let mut set = CaseSet::new();
/// let key: CaseKey = set.recv(&rx, drop);
/// assert!(set.remove(key));
/// assert!(!set.remove(key), "no other case ever has it");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CaseKey {
    /// No other case ever has it.
    pub(super) serial: u64,
    pub(super) index: u16,
}

impl CaseKey {
    /// Its number in the set: the lowest that was free when it was added.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_tx, rx) = chan_core::bounded::<u8>(1);
    /// let mut set = chan_core::select::CaseSet::new();
    /// assert_eq!(set.recv(&rx, drop).index(), 0);
    /// assert_eq!(set.recv(&rx, drop).index(), 1);
    /// ```
    pub fn index(&self) -> usize {
        self.index.into()
    }
}

/// A send case of a [`CaseSet`], which sends a `T`.
///
/// # Examples
///
/// ```
/// use chan_core::select::{CaseSet, SendKey};
///
/// let chan = chan_core::Chan::new(1);
/// let mut set = CaseSet::new();
/// let key: SendKey<u8> = set.send(&chan, 1, drop);
/// assert_eq!(set.take_back(key), Some(1));
/// ```
pub struct SendKey<T> {
    pub(super) key: CaseKey,
    /// Invariant, as the case is.
    pub(super) element: PhantomData<fn(T) -> T>,
}

impl<T> SendKey<T> {
    /// The case, whatever it sends.
    ///
    /// # Examples
    ///
    /// ```
    /// let chan = chan_core::Chan::new(1);
    /// let mut set = chan_core::select::CaseSet::new();
    /// let send = set.send(&chan, 1, drop);
    /// assert!(set.remove(send.key()));
    /// ```
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
