//! What a contender must be able to do for a workload. Each workload is
//! generic over one of these traits, so that no call goes through a table.

use crate::case::Capacity;

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
