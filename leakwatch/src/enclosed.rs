//! Handles inside messages: where they lie is known, though nobody knows in
//! whose hands the message is.
//!
//! A handle that was [enclosed](Carrier::enclose) for a channel has no
//! operations. It is [opened](Carrier::open) with a handle of that channel, and
//! with nothing else. So it does not matter where the message is, in the buffer
//! or in the hands of somebody who sends, receives or forgets it: as long as
//! all handles of its channel are with those who are stuck, nobody comes to what
//! lies in it. Nothing of this is on the way of a send or a receive.
//!
//! N2  An enclosed handle is used through a handle of the channel it was
//!     enclosed for: `open` has one while it strikes the entry. So whoever
//!     counts the handles of that channel, and reads the entries after that,
//!     finds no entry of a handle that was taken out by somebody whose own
//!     handle was not counted.
//!
//! To drop a message needs no handle of its channel, and drops what lies in it.
//! That frees nobody on a channel with Go's manners; one with Rust's manners it
//! may close, so what is enclosed of such counts as able to come.

use std::fmt;

use chan_core::observe::{ChannelId, Holder};

use crate::held::{At, Handle, Held, Residence};
use crate::ledger::{Entry, Thing, ledger};

/// A handle that lies in a message of one channel; see [`Carrier`].
pub struct Enclosed<H: Handle> {
    // In this order: the entry goes before the handle is counted out (L1).
    entered: Entered,
    handle: H,
}

/// An entry among what is enclosed for a channel.
struct Entered {
    /// None of nil, which carries nothing.
    carrier: Option<ChannelId>,
    entry: Option<Entry>,
}

impl Entered {
    fn new(carrier: Option<ChannelId>, entry: Option<Entry>) -> Entered {
        if let (Some(carrier), Some(entry)) = (carrier, entry) {
            ledger().enclose(Thing::Channel(carrier), entry);
        }
        Entered { carrier, entry }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let (Some(carrier), Some(entry)) = (self.carrier, self.entry) {
            ledger().take_out(Thing::Channel(carrier), entry);
        }
    }
}

mod sealed {
    use chan_core::observe::ChannelId;

    /// Keeps others out: an enclosed handle is opened with a counted handle of
    /// its channel.
    pub trait Carrier {
        /// The channel; nothing for nil.
        fn carrier(&self) -> Option<ChannelId>;
    }
}

/// A channel whose messages carry handles.
///
/// A handle in a message is in nobody's hands, and leakwatch takes what it
/// cannot find to be on its way. So a channel that is made to carry handles has
/// [`Enclosed`] ones in its messages, alone or among other things. Whoever
/// sends encloses them for the channel, whoever receives opens them with it;
/// between, it is known that they can be had from this channel only, and
/// somebody who waits for one of them can be proven to be stuck if nobody is
/// left who could receive it.
///
/// Implemented by all handles of channels, held ones and kept ones.
///
/// # Examples
///
/// ```
/// use chan_core::{Chan, SendChan};
/// use leakwatch::{Carrier, Enclosed};
///
/// /// A question, and where the answer goes.
/// struct Request {
///     question: u32,
///     reply: Enclosed<SendChan<u32>>,
/// }
///
/// let requests: Chan<Request> = Chan::new(8);
/// let server = leakwatch::spawn!("server", [requests = requests.receiver()] move || {
///     for Request { question, reply } in &requests {
///         requests.open(reply).send(question + 1);
///     }
/// });
///
/// let (reply, answer) = Chan::new(1).split();
/// requests.send(Request { question: 1, reply: requests.enclose(reply) });
/// assert_eq!(answer.recv(), Some(2));
/// requests.close();
/// server.join().unwrap();
/// ```
pub trait Carrier: sealed::Carrier {
    /// Encloses a handle for this channel: from here on it can be had with a
    /// handle of this channel only.
    fn enclose<H: Handle>(&self, handle: H) -> Enclosed<H> {
        Enclosed {
            entered: Entered::new(self.carrier(), handle.entry()),
            handle,
        }
    }

    /// The handle, which anybody may have from here on.
    ///
    /// # Panics
    ///
    /// If it was enclosed for another channel.
    fn open<H: Handle>(&self, enclosed: Enclosed<H>) -> H {
        assert!(
            self.carrier() == enclosed.entered.carrier,
            "this handle was enclosed for another channel"
        );
        // Struck while `self` is there (N2).
        drop(enclosed.entered);
        enclosed.handle
    }
}

impl<C: sealed::Carrier> Carrier for C {}

impl<H: Handle + Holder> sealed::Carrier for H {
    fn carrier(&self) -> Option<ChannelId> {
        self.holding().map(|it| it.channel)
    }
}

impl<H: Handle + Holder, R: Residence> sealed::Carrier for Held<H, R> {
    fn carrier(&self) -> Option<ChannelId> {
        self.raw().carrier()
    }
}

impl<H: Handle + Holder, R: Residence> sealed::Carrier for At<'_, H, R> {
    fn carrier(&self) -> Option<ChannelId> {
        self.raw().carrier()
    }
}

impl<H: Handle + fmt::Debug> fmt::Debug for Enclosed<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Enclosed").field(&self.handle).finish()
    }
}
