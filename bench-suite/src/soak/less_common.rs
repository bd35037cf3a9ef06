//! What else the ends of a channel can do, of either face: permits, batches,
//! sends that make room, waits for the close, weak handles.

#![expect(
    clippy::let_unit_value,
    reason = "of the two manners, one says something and the other nothing"
)]

use std::collections::VecDeque;
use std::time::Duration;

use chan_core::{
    Chan, Permit, Receiver, RecvChan, WeakChan, WeakReceiver, WeakRecvChan, WeakSendChan,
    WeakSender,
};

use crate::books::Token;
use crate::ends::{Got, Put, Rx, Tx};

/// Does the same to a sending end of any kind.
macro_rules! with_tx {
    ($end:expr, $tx:ident => $what:expr) => {
        match $end {
            Tx::Rust($tx) => $what,
            Tx::Go($tx) => $what,
            Tx::GoView($tx) => $what,
        }
    };
}

/// Does the same to a receiving end of any kind.
macro_rules! with_rx {
    ($end:expr, $rx:ident => $what:expr) => {
        match $end {
            Rx::Rust($rx) => $what,
            Rx::Go($rx) => $what,
            Rx::GoView($rx) => $what,
        }
    };
}

/// A permit, if one was granted: what the two manners answer.
trait Granted<'a> {
    fn granted(self) -> Option<Permit<'a, Token>>;
}

impl<'a> Granted<'a> for Permit<'a, Token> {
    fn granted(self) -> Option<Permit<'a, Token>> {
        Some(self)
    }
}

impl<'a, E> Granted<'a> for Result<Permit<'a, Token>, E> {
    fn granted(self) -> Option<Permit<'a, Token>> {
        self.ok()
    }
}

impl Tx {
    /// Whether there is room that can be promised.
    pub(crate) fn has_buffer(&self) -> bool {
        match self {
            Tx::Rust(tx) => tx.capacity() != Some(0),
            Tx::Go(chan) => chan.capacity() != 0,
            Tx::GoView(tx) => tx.capacity() != 0,
        }
    }

    pub(crate) fn reserve(&self) -> Option<Permit<'_, Token>> {
        with_tx!(self, tx => tx.reserve().granted())
    }

    pub(crate) fn try_reserve(&self) -> Option<Permit<'_, Token>> {
        with_tx!(self, tx => tx.try_reserve().granted())
    }

    pub(crate) fn reserve_timeout(&self, timeout: Duration) -> Option<Permit<'_, Token>> {
        with_tx!(self, tx => tx.reserve_timeout(timeout).granted())
    }

    pub(crate) async fn reserve_async(&self) -> Option<Permit<'_, Token>> {
        with_tx!(self, tx => tx.reserve_async().await.granted())
    }

    /// What became of the value, and the one that made room for it.
    pub(crate) fn force_send(&self, value: Token) -> (Put, Option<Token>) {
        let forced = match self {
            Tx::Rust(tx) => match tx.force_send(value) {
                Err(error) if !error.is_full() => return (Put::Closed(error.into_inner()), None),
                forced => forced.map_err(|full| full.into_inner()),
            },
            Tx::Go(chan) => chan.force_send(value).map_err(|full| full.into_inner()),
            Tx::GoView(tx) => tx.force_send(value).map_err(|full| full.into_inner()),
        };
        match forced {
            Ok(oldest) => (Put::Done, oldest),
            Err(value) => (Put::NotNow(value), None),
        }
    }

    /// What is left when it comes back was not sent: the channel is closed.
    pub(crate) fn send_many(&self, values: &mut VecDeque<Token>) {
        with_tx!(self, tx => { let _ = tx.send_many(values); });
    }

    pub(crate) fn try_send_many(&self, values: &mut VecDeque<Token>) {
        with_tx!(self, tx => { let _ = tx.try_send_many(values); });
    }

    pub(crate) async fn send_many_async(&self, values: &mut VecDeque<Token>) {
        with_tx!(self, tx => { let _ = tx.send_many_async(values).await; });
    }

    pub(crate) async fn closed(&self) {
        with_tx!(self, tx => tx.closed().await);
    }

    pub(crate) fn wait_closed(&self) {
        with_tx!(self, tx => tx.wait_closed());
    }

    pub(crate) fn wait_closed_timeout(&self, timeout: Duration) -> bool {
        with_tx!(self, tx => tx.wait_closed_timeout(timeout))
    }

    pub(crate) fn is_closed(&self) -> bool {
        with_tx!(self, tx => tx.is_closed())
    }

    pub(crate) fn downgrade(&self) -> WeakTx {
        match self {
            Tx::Rust(tx) => WeakTx::Rust(tx.downgrade()),
            Tx::Go(chan) => WeakTx::Go(chan.downgrade()),
            Tx::GoView(tx) => WeakTx::GoView(tx.downgrade()),
        }
    }
}

impl Rx {
    /// How many; 0 is closed and drained.
    pub(crate) fn recv_many(&self, values: &mut Vec<Token>, max: usize) -> usize {
        with_rx!(self, rx => rx.recv_many(values, max))
    }

    pub(crate) fn try_recv_many(&self, values: &mut Vec<Token>, max: usize) {
        with_rx!(self, rx => { let _ = rx.try_recv_many(values, max); });
    }

    pub(crate) async fn recv_many_async(&self, values: &mut Vec<Token>, max: usize) -> usize {
        with_rx!(self, rx => rx.recv_many_async(values, max).await)
    }

    pub(crate) fn drain(&self) -> Vec<Token> {
        with_rx!(self, rx => rx.drain().collect())
    }

    pub(crate) async fn closed(&self) {
        with_rx!(self, rx => rx.closed().await);
    }

    pub(crate) fn wait_closed_timeout(&self, timeout: Duration) -> bool {
        with_rx!(self, rx => rx.wait_closed_timeout(timeout))
    }

    pub(crate) fn downgrade(&self) -> WeakRx {
        match self {
            Rx::Rust(rx) => WeakRx::Rust(rx.downgrade()),
            Rx::Go(chan) => WeakRx::Go(chan.downgrade()),
            Rx::GoView(rx) => WeakRx::GoView(rx.downgrade()),
        }
    }

    // The end as an operand of a select, where it is of that kind.

    pub(crate) fn rust(&self) -> Option<&Receiver<Token>> {
        match self {
            Rx::Rust(rx) => Some(rx),
            _ => None,
        }
    }

    pub(crate) fn go(&self) -> Option<&Chan<Token>> {
        match self {
            Rx::Go(chan) => Some(chan),
            _ => None,
        }
    }

    pub(crate) fn view(&self) -> Option<&RecvChan<Token>> {
        match self {
            Rx::GoView(rx) => Some(rx),
            _ => None,
        }
    }
}

/// Remembers something that sends.
pub(crate) enum WeakTx {
    Rust(WeakSender<Token>),
    Go(WeakChan<Token>),
    GoView(WeakSendChan<Token>),
}

/// Remembers something that receives.
pub(crate) enum WeakRx {
    Rust(WeakReceiver<Token>),
    Go(WeakChan<Token>),
    GoView(WeakRecvChan<Token>),
}

impl WeakTx {
    pub(crate) fn upgrade(&self) -> Option<Tx> {
        match self {
            WeakTx::Rust(weak) => weak.upgrade().map(Tx::Rust),
            WeakTx::Go(weak) => weak.upgrade().map(Tx::Go),
            WeakTx::GoView(weak) => weak.upgrade().map(Tx::GoView),
        }
    }

    /// How many handles there are, of both sides.
    pub(crate) fn handles(&self) -> usize {
        match self {
            WeakTx::Rust(weak) => weak.sender_count() + weak.receiver_count(),
            WeakTx::Go(weak) => weak.sender_count() + weak.receiver_count(),
            WeakTx::GoView(weak) => weak.sender_count() + weak.receiver_count(),
        }
    }
}

impl WeakRx {
    pub(crate) fn upgrade(&self) -> Option<Rx> {
        match self {
            WeakRx::Rust(weak) => weak.upgrade().map(Rx::Rust),
            WeakRx::Go(weak) => weak.upgrade().map(Rx::Go),
            WeakRx::GoView(weak) => weak.upgrade().map(Rx::GoView),
        }
    }
}

/// What a case of a select says, in one language.
pub(crate) trait Said {
    type Said;
    fn said(self) -> Self::Said;
}

impl Said for () {
    type Said = Put;
    fn said(self) -> Put {
        Put::Done
    }
}

impl Said for Result<(), chan_core::SendError<Token>> {
    type Said = Put;
    fn said(self) -> Put {
        self.map_or_else(|closed| Put::Closed(closed.into_inner()), |()| Put::Done)
    }
}

impl Said for Option<Token> {
    type Said = Got;
    fn said(self) -> Got {
        self.map_or(Got::Drained, Got::Value)
    }
}

impl Said for Result<Token, chan_core::RecvError> {
    type Said = Got;
    fn said(self) -> Got {
        self.ok().said()
    }
}
