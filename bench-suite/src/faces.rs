//! What a contender must be able to do for a workload. Each workload is
//! generic over one of these traits, so that no call goes through a table.
//! `contenders/adapt.rs` has a short way to write them.

use std::future::Future;

use crate::case::Capacity;

/// What is sent. It carries a stamp, and weighs what the row says.
pub(crate) trait Element: Clone + Default + Send + Sync + Unpin + 'static {
    fn new(stamp: u64) -> Self;
    fn stamp(&self) -> u64;
}

/// Eight bytes.
impl Element for u64 {
    fn new(stamp: u64) -> Self {
        stamp
    }

    fn stamp(&self) -> u64 {
        *self
    }
}

/// 64 bytes.
impl Element for [u64; 8] {
    fn new(stamp: u64) -> Self {
        [stamp; 8]
    }

    fn stamp(&self) -> u64 {
        self[7]
    }
}

/// Channels between threads.
///
/// The last sender's end closes a channel. Receivers take what is left first.
pub(crate) trait Threads: 'static {
    type Tx<T: Element>: Send + 'static;
    type Rx<T: Element>: Send + 'static;

    /// `None` if there are none of this kind.
    fn make<T: Element>(capacity: Capacity) -> Option<(Self::Tx<T>, Self::Rx<T>)>;

    /// `None` if there can be only one.
    fn clone_tx<T: Element>(tx: &Self::Tx<T>) -> Option<Self::Tx<T>>;

    /// `None` if there can be only one.
    fn clone_rx<T: Element>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>>;

    /// Waits; false if the channel is closed.
    fn send<T: Element>(tx: &mut Self::Tx<T>, value: T) -> bool;

    /// Waits; `None` if the channel is closed and empty.
    fn recv<T: Element>(rx: &mut Self::Rx<T>) -> Option<T>;

    /// False if it is full, or closed.
    fn try_send<T: Element>(tx: &mut Self::Tx<T>, value: T) -> bool;

    /// `None` if it is empty.
    fn try_recv<T: Element>(rx: &mut Self::Rx<T>) -> Option<T>;
}

/// Channels between tasks; as [`Threads`].
pub(crate) trait Tasks: 'static {
    type Tx<T: Element>: Send + 'static;
    type Rx<T: Element>: Send + 'static;

    fn make<T: Element>(capacity: Capacity) -> Option<(Self::Tx<T>, Self::Rx<T>)>;

    fn clone_tx<T: Element>(tx: &Self::Tx<T>) -> Option<Self::Tx<T>>;

    fn clone_rx<T: Element>(rx: &Self::Rx<T>) -> Option<Self::Rx<T>>;

    fn send<T: Element>(tx: &mut Self::Tx<T>, value: T) -> impl Future<Output = bool> + Send;

    fn recv<T: Element>(rx: &mut Self::Rx<T>) -> impl Future<Output = Option<T>> + Send;
}

/// Channels of `u64` between threads, of which one thread receives by select.
///
/// The same trait serves macros, builders and multiplexers: [`Self::Arms`] is
/// what the receiving thread owns, [`Self::Set`] what it may prepare once and
/// use for many selects.
pub(crate) trait Selects: 'static {
    type Tx: Send;
    type Arms<const N: usize>: Send;
    type Set<'a, const N: usize>;

    /// `N` channels; `None` if there are none of this kind, or no select over
    /// so many.
    fn make<const N: usize>(capacity: Capacity) -> Option<(Vec<Self::Tx>, Self::Arms<N>)>;

    fn set<const N: usize>(arms: &Self::Arms<N>) -> Self::Set<'_, N>;

    /// Waits for a value from any arm; `None` says that an arm is closed.
    fn select<const N: usize>(set: &mut Self::Set<'_, N>) -> Option<u64>;

    /// A value that is there, or the default.
    fn try_select<const N: usize>(set: &mut Self::Set<'_, N>) -> Option<u64>;

    fn send(tx: &mut Self::Tx, value: u64) -> bool;

    fn try_send(tx: &mut Self::Tx, value: u64) -> bool;
}

/// Four channels of `u64`, of which sends and receives can be selected over.
pub(crate) trait SelectsBoth: 'static {
    type Tx: Clone + Send + 'static;
    type Rx: Clone + Send + 'static;

    fn make(capacity: Capacity) -> ([Self::Tx; 4], [Self::Rx; 4]);

    /// Sends to whichever channel will take it; false if one is closed.
    fn send(all: &[Self::Tx; 4], value: u64) -> bool;

    /// Receives from whichever channel has something; `None` if one is closed
    /// and empty.
    fn recv(all: &[Self::Rx; 4]) -> Option<u64>;

    fn try_recv(rx: &Self::Rx) -> Option<u64>;
}
