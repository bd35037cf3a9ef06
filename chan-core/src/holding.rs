//! What a handle holds, said of any handle: its channel, and what it can do.
//!
//! A watcher that is told where handles are, by those who have them, counts
//! them with this.

use std::fmt;

use crate::capability::Handles;
use crate::chan::{Chan, RecvChan, SendChan};
use crate::handle::{ALL, Handle, RX, TX, capability};
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::time::{Ticker, Timer};
use crate::watch::ChannelId;

/// What a handle holds.
///
/// # Examples
///
/// ```
/// use chan_core::observe::{Holder, Holding};
///
/// let (send, _recv) = chan_core::Chan::<u8>::new(1).split();
/// let what: Holding = send.holding().unwrap();
/// assert_eq!((what.can.send, what.can.recv), (1, 0));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holding {
    /// The channel.
    pub channel: ChannelId,
    /// How it is counted there: ones where it can, zeros where not.
    pub can: Handles,
}

/// A counted handle of a channel.
///
/// Implemented by [`Chan`], [`SendChan`], [`RecvChan`], [`Sender`] and
/// [`Receiver`], by [`Timer`] and [`Ticker`], which have both sides of their
/// channel, and by nothing else.
///
/// # Examples
///
/// ```
/// use chan_core::observe::Holder;
///
/// let (tx, rx) = chan_core::bounded::<u8>(1);
/// let (tx, rx) = (tx.holding().unwrap(), rx.holding().unwrap());
/// assert_eq!(tx.channel, rx.channel);
/// assert_eq!((tx.can.send, tx.can.recv, tx.can.close), (1, 0, 1));
/// assert!(chan_core::never::<u8>().holding().is_none());
/// ```
pub trait Holder: sealed::Sealed {
    /// What it holds; nothing of nil.
    fn holding(&self) -> Option<Holding>;
}

mod sealed {
    /// Keeps others out: who says what it holds must be counted.
    pub trait Sealed {}
}

fn holding<T, const CAN: u8>(handle: &Handle<T, CAN>) -> Holding {
    Holding {
        channel: handle.chan().header().id(),
        can: capability(CAN).shown(),
    }
}

macro_rules! holder {
    ($($face:ident: $can:ident,)*) => {
        $(
            impl<T> sealed::Sealed for $face<T> {}

            impl<T> Holder for $face<T> {
                fn holding(&self) -> Option<Holding> {
                    self.handle().map(holding::<T, $can>)
                }
            }
        )*
    };
}

holder! {
    Chan: ALL,
    SendChan: TX,
    RecvChan: RX,
    Sender: TX,
    Receiver: RX,
}

macro_rules! timer {
    ($($timer:ident),*) => {
        $(
            impl sealed::Sealed for $timer {}

            impl Holder for $timer {
                fn holding(&self) -> Option<Holding> {
                    let rx = self.channel().holding()?;
                    let can = capability(ALL).shown();
                    Some(Holding { can, ..rx })
                }
            }
        )*
    };
}

timer!(Timer, Ticker);

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Handles { send, recv, close } = self.can;
        write!(
            f,
            "{:?} (send {send}, receive {recv}, close {close})",
            self.channel
        )
    }
}
