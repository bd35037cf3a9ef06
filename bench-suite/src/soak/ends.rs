//! The two ends of a channel, of either face, with one language. With Go's
//! manners a send on a closed channel panics, and its thread or task ends.
//! `less_common.rs` has what is less common.

use std::time::Duration;

use chan_core::{Builder, Chan, Full, Receiver, RecvChan, SendChan, Sender};

use crate::books::Token;

/// What became of a send.
pub(crate) enum Put {
    Done,
    NotNow(Token),
    Closed(Token),
}

/// What became of a receive.
pub(crate) enum Got {
    Value(Token),
    NotNow,
    Drained,
}

/// Something that sends.
#[derive(Clone)]
pub(crate) enum Tx {
    Rust(Sender<Token>),
    Go(Chan<Token>),
    GoView(SendChan<Token>),
}

/// Something that receives.
#[derive(Clone)]
pub(crate) enum Rx {
    Rust(Receiver<Token>),
    Go(Chan<Token>),
    GoView(RecvChan<Token>),
}

/// The ends of a new channel, without a limit if there is no capacity.
pub(crate) fn channel(go: bool, capacity: Option<usize>) -> (Tx, Rx) {
    let builder = Builder::new().name("soak");
    let builder = match capacity {
        Some(capacity) => builder.capacity(capacity),
        None => builder.unbounded(),
    };
    if go {
        let chan = builder.chan();
        (Tx::Go(chan.clone()), Rx::Go(chan))
    } else {
        let (tx, rx) = builder.channel();
        (Tx::Rust(tx), Rx::Rust(rx))
    }
}

impl Tx {
    /// One more handle, perhaps of those that can do less.
    pub(crate) fn another(&self, less: bool) -> Tx {
        match self {
            Tx::Go(chan) if less => Tx::GoView(chan.sender()),
            other => other.clone(),
        }
    }

    pub(crate) fn send(&self, value: Token) -> Put {
        match self {
            Tx::Rust(tx) => match tx.send(value) {
                Ok(()) => Put::Done,
                Err(error) => Put::Closed(error.into_inner()),
            },
            Tx::Go(chan) => {
                chan.send(value);
                Put::Done
            }
            Tx::GoView(tx) => {
                tx.send(value);
                Put::Done
            }
        }
    }

    pub(crate) fn try_send(&self, value: Token) -> Put {
        match self {
            Tx::Rust(tx) => match tx.try_send(value) {
                Ok(()) => Put::Done,
                Err(error) if error.is_full() => Put::NotNow(error.into_inner()),
                Err(error) => Put::Closed(error.into_inner()),
            },
            Tx::Go(chan) => go_put(chan.try_send(value).map_err(Full::into_inner)),
            Tx::GoView(tx) => go_put(tx.try_send(value).map_err(Full::into_inner)),
        }
    }

    pub(crate) fn send_timeout(&self, value: Token, timeout: Duration) -> Put {
        match self {
            Tx::Rust(tx) => match tx.send_timeout(value, timeout) {
                Ok(()) => Put::Done,
                Err(error) if error.is_timeout() => Put::NotNow(error.into_inner()),
                Err(error) => Put::Closed(error.into_inner()),
            },
            Tx::Go(chan) => go_put(chan.send_timeout(value, timeout).map_err(|late| late.0)),
            Tx::GoView(tx) => go_put(tx.send_timeout(value, timeout).map_err(|late| late.0)),
        }
    }

    pub(crate) async fn send_async(&self, value: Token) -> Put {
        match self {
            Tx::Rust(tx) => match tx.send_async(value).await {
                Ok(()) => Put::Done,
                Err(error) => Put::Closed(error.into_inner()),
            },
            Tx::Go(chan) => {
                chan.send_async(value).await;
                Put::Done
            }
            Tx::GoView(tx) => {
                tx.send_async(value).await;
                Put::Done
            }
        }
    }

    /// Closes it, whether or not it was closed.
    pub(crate) fn close(&self) {
        match self {
            Tx::Rust(tx) => drop(tx.close()),
            Tx::Go(chan) => drop(chan.try_close()),
            Tx::GoView(tx) => drop(tx.try_close()),
        }
    }
}

fn go_put(sent: Result<(), Token>) -> Put {
    match sent {
        Ok(()) => Put::Done,
        Err(value) => Put::NotNow(value),
    }
}

impl Rx {
    /// As [`Tx::another`].
    pub(crate) fn another(&self, less: bool) -> Rx {
        match self {
            Rx::Go(chan) if less => Rx::GoView(chan.receiver()),
            other => other.clone(),
        }
    }

    pub(crate) fn recv(&self) -> Got {
        match self {
            Rx::Rust(rx) => got(rx.recv().ok()),
            Rx::Go(chan) => got(chan.recv()),
            Rx::GoView(rx) => got(rx.recv()),
        }
    }

    pub(crate) fn try_recv(&self) -> Got {
        match self {
            Rx::Rust(rx) => match rx.try_recv() {
                Ok(value) => Got::Value(value),
                Err(error) if error.is_empty() => Got::NotNow,
                Err(_) => Got::Drained,
            },
            Rx::Go(chan) => chan.try_recv().map_or(Got::NotNow, got),
            Rx::GoView(rx) => rx.try_recv().map_or(Got::NotNow, got),
        }
    }

    pub(crate) fn recv_timeout(&self, timeout: Duration) -> Got {
        match self {
            Rx::Rust(rx) => match rx.recv_timeout(timeout) {
                Ok(value) => Got::Value(value),
                Err(error) if error.is_timeout() => Got::NotNow,
                Err(_) => Got::Drained,
            },
            Rx::Go(chan) => chan.recv_timeout(timeout).map_or(Got::NotNow, got),
            Rx::GoView(rx) => rx.recv_timeout(timeout).map_or(Got::NotNow, got),
        }
    }

    pub(crate) async fn recv_async(&self) -> Got {
        got(match self {
            Rx::Rust(rx) => rx.recv_async().await.ok(),
            Rx::Go(chan) => chan.recv_async().await,
            Rx::GoView(rx) => rx.recv_async().await,
        })
    }
}

fn got(value: Option<Token>) -> Got {
    value.map_or(Got::Drained, Got::Value)
}
