//! Weak handles of both faces behind one door.

use chan_core::{WeakChan, WeakReceiver, WeakRecvChan, WeakSendChan, WeakSender};

use super::super::plain::Can;
use super::super::value::Value;
use super::Handle;

/// A weak handle of either face.
#[derive(Clone)]
pub(crate) enum Weak {
    Sender(WeakSender<Value>),
    Receiver(WeakReceiver<Value>),
    Chan(WeakChan<Value>),
    SendChan(WeakSendChan<Value>),
    RecvChan(WeakRecvChan<Value>),
}

impl Handle {
    pub(crate) fn downgrade(&self) -> Weak {
        match self {
            Handle::Sender(tx) => Weak::Sender(tx.downgrade()),
            Handle::Receiver(rx) => Weak::Receiver(rx.downgrade()),
            Handle::Chan(chan) => Weak::Chan(chan.downgrade()),
            Handle::SendChan(tx) => Weak::SendChan(tx.downgrade()),
            Handle::RecvChan(rx) => Weak::RecvChan(rx.downgrade()),
        }
    }
}

impl Weak {
    /// What a handle could do that it becomes.
    pub(crate) fn can(&self) -> Can {
        let sends = matches!(self, Weak::Sender(_) | Weak::SendChan(_));
        let receives = matches!(self, Weak::Receiver(_) | Weak::RecvChan(_));
        Can {
            send: !receives,
            recv: !sends,
        }
    }

    pub(crate) fn upgrade(&self) -> Option<Handle> {
        Some(match self {
            Weak::Sender(weak) => Handle::Sender(weak.upgrade()?),
            Weak::Receiver(weak) => Handle::Receiver(weak.upgrade()?),
            Weak::Chan(weak) => Handle::Chan(weak.upgrade()?),
            Weak::SendChan(weak) => Handle::SendChan(weak.upgrade()?),
            Weak::RecvChan(weak) => Handle::RecvChan(weak.upgrade()?),
        })
    }

    /// How many live handles can send, and receive.
    pub(crate) fn counts(&self) -> (usize, usize) {
        macro_rules! counts {
            ($($kind:ident),*) => {
                match self {
                    $(Weak::$kind(weak) => (weak.sender_count(), weak.receiver_count()),)*
                }
            };
        }
        counts!(Sender, Receiver, Chan, SendChan, RecvChan)
    }
}
