//! What a channel is made with, and never changes.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;

/// What a channel does when misused or let go; fixed when it is made.
///
/// # Examples
///
/// ```
/// use chan_core::observe::{self, Manners};
///
/// let _chan = chan_core::Builder::new().name("go's").chan::<u8>();
/// let all = observe::channels();
/// let seen = all.iter().find(|channel| channel.name() == Some("go's")).unwrap();
/// assert_eq!(seen.snapshot().manners, Manners::Go);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manners {
    /// [`Sender`](crate::Sender) and [`Receiver`](crate::Receiver): errors,
    /// and a side that goes closes the channel.
    Rust,
    /// [`Chan`](crate::Chan): Go's panics; handles that go do nothing.
    Go,
}

/// The capacity that stands for none. No buffer of so many slots can be had.
pub(crate) const UNBOUNDED: usize = usize::MAX;

/// What a channel is made with, besides its capacity. (Its header keeps what
/// many channels share apart from what is a channel's own.)
pub(crate) struct Birth {
    pub(crate) site: &'static Location<'static>,
    pub(crate) name: Option<Cow<'static, str>>,
    /// What sends by itself, if anything does.
    pub(crate) source: Option<Arc<dyn Source>>,
    /// The scope it was made in, as a watcher numbers them.
    pub(crate) scope: u32,
    pub(crate) manners: Manners,
    /// It is the end of a context: a signal by nature.
    pub(crate) is_context: bool,
}

/// What feeds a channel by itself: time. Its channel has one slot, and seems
/// to have none (rule 67 of the parity table).
pub(crate) trait Source: Send + Sync {
    /// Sends what is due. Called with no lock held; does not unwind.
    fn refresh(&self);
    /// Nobody is left who can receive.
    fn abandoned(&self);
}
