//! The handles of both faces behind one door, their answers in one language.
//! `handles/many.rs` has the batches, `handles/permits.rs` the permits,
//! `handles/weak.rs` the weak handles.

use std::cell::Cell;
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use chan_core::{
    AlreadyClosed, Chan, CloseError, Empty, Full, Receiver, RecvChan, RecvError, RecvTimedOut,
    RecvTimeoutError, SendChan, SendError, SendTimedOut, SendTimeoutError, Sender, TryRecvError,
    TrySendError,
};

use super::ops::{Answer, Way};
use super::plain::Can;
use super::value::Value;

mod many;
mod permits;
mod weak;

pub(crate) use many::{Queue, ReceivesMany, SendsMany};
pub(crate) use permits::Reserves;
pub(crate) use weak::Weak;

/// Where a future leaves its answer.
pub(crate) type Out = Rc<Cell<Option<Answer>>>;

/// An operation that was made and not polled. It borrows its handle, leaves
/// its answer in an [`Out`], and then lives on until it is dropped.
pub(crate) type Operation<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

pub(crate) trait Sends: SendsMany + Reserves {
    fn send_by(&self, way: Way, value: Value) -> Answer;
    fn force(&self, value: Value) -> Answer;
    fn close_by(&self, polite: bool) -> Answer;
    fn send_later(&self, value: Value, out: Out) -> Operation<'_>;
}

pub(crate) trait Receives: ReceivesMany {
    fn recv_by(&self, way: Way) -> Answer;
    /// Receives all that is there, one by one. `closed` is what the model says.
    fn drain(&self, closed: bool) -> Answer;
    fn recv_later(&self, out: Out) -> Operation<'_>;
}

/// What every handle knows of its channel.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) len: usize,
    pub(crate) is_empty: bool,
    pub(crate) is_full: bool,
    pub(crate) is_closed: bool,
    pub(crate) senders: usize,
    pub(crate) receivers: usize,
    pub(crate) waiting_senders: usize,
    pub(crate) waiting_receivers: usize,
}

/// A handle of either face.
pub(crate) enum Handle {
    Sender(Sender<Value>),
    Receiver(Receiver<Value>),
    Chan(Chan<Value>),
    SendChan(SendChan<Value>),
    RecvChan(RecvChan<Value>),
}

/// Does the same to a handle of any kind.
macro_rules! each {
    ($handle:expr, $it:ident => $what:expr) => {
        match $handle {
            Handle::Sender($it) => $what,
            Handle::Receiver($it) => $what,
            Handle::Chan($it) => $what,
            Handle::SendChan($it) => $what,
            Handle::RecvChan($it) => $what,
        }
    };
}

impl Handle {
    pub(crate) fn can(&self) -> Can {
        Can {
            send: self.sends().is_some(),
            recv: self.receives().is_some(),
        }
    }

    pub(crate) fn sends(&self) -> Option<&dyn Sends> {
        match self {
            Handle::Sender(tx) => Some(tx),
            Handle::Chan(chan) => Some(chan),
            Handle::SendChan(tx) => Some(tx),
            _ => None,
        }
    }

    pub(crate) fn receives(&self) -> Option<&dyn Receives> {
        match self {
            Handle::Receiver(rx) => Some(rx),
            Handle::Chan(chan) => Some(chan),
            Handle::RecvChan(rx) => Some(rx),
            _ => None,
        }
    }

    /// A handle that can do the same. None that the driver makes is nil.
    pub(crate) fn another(&self) -> Handle {
        match self {
            Handle::Sender(tx) => Handle::Sender(tx.clone()),
            Handle::Receiver(rx) => Handle::Receiver(rx.clone()),
            Handle::Chan(chan) => Handle::Chan(chan.clone()),
            Handle::SendChan(tx) => Handle::SendChan(tx.clone()),
            Handle::RecvChan(rx) => Handle::RecvChan(rx.clone()),
        }
    }

    /// One of the two views of a whole channel.
    pub(crate) fn view(&self, sender: bool) -> Option<Handle> {
        match self {
            Handle::Chan(chan) if sender => Some(Handle::SendChan(chan.sender())),
            Handle::Chan(chan) => Some(Handle::RecvChan(chan.receiver())),
            _ => None,
        }
    }

    pub(crate) fn about(&self) -> About {
        macro_rules! about {
            ($handle:ident) => {
                About {
                    len: $handle.len(),
                    is_empty: $handle.is_empty(),
                    is_full: $handle.is_full(),
                    is_closed: $handle.is_closed(),
                    senders: $handle.sender_count(),
                    receivers: $handle.receiver_count(),
                    waiting_senders: $handle.waiting_senders(),
                    waiting_receivers: $handle.waiting_receivers(),
                }
            };
        }
        each!(self, it => about!(it))
    }

    /// Waits for the close, if the model says that it comes at once or `way`
    /// has an end; whether there was something to wait for.
    pub(crate) fn wait_closed(&self, way: Way) -> Answer {
        Answer::WaitedForClose(match way {
            Way::Block => {
                each!(self, it => it.wait_closed());
                true
            }
            _ => each!(self, it => it.wait_closed_timeout(Duration::ZERO)),
        })
    }

    pub(crate) fn closed_later(&self, out: Out) -> Operation<'_> {
        let said = |()| Answer::WaitedForClose(true);
        each!(self, it => Box::pin(answer(it.closed(), out, said)))
    }
}

/// Leaves the answer and then holds on to the operation, so that it is
/// dropped when the driver says so and not when it is ready.
async fn answer<F: Future>(operation: F, out: Out, said: impl FnOnce(F::Output) -> Answer) {
    let mut operation = pin!(operation);
    let result = operation.as_mut().await;
    out.set(Some(said(result)));
    pending().await
}

impl Sends for Sender<Value> {
    fn send_by(&self, way: Way, value: Value) -> Answer {
        match way {
            Way::Try => match self.try_send(value) {
                Ok(()) => Answer::Sent,
                Err(TrySendError::Full(value)) => Answer::Full(value.end()),
                Err(TrySendError::Disconnected(value)) => Answer::Unsent(value.end()),
            },
            Way::Block => sent(self.send(value)),
            Way::Timeout => match self.send_timeout(value, Duration::ZERO) {
                Ok(()) => Answer::Sent,
                Err(SendTimeoutError::Timeout(value)) => Answer::SendTimedOut(value.end()),
                Err(SendTimeoutError::Disconnected(value)) => Answer::Unsent(value.end()),
            },
        }
    }

    fn force(&self, value: Value) -> Answer {
        match self.force_send(value) {
            Ok(oldest) => forced(oldest),
            Err(TrySendError::Full(value)) => Answer::Full(value.end()),
            Err(TrySendError::Disconnected(value)) => Answer::Unsent(value.end()),
        }
    }

    fn close_by(&self, _: bool) -> Answer {
        match self.close() {
            Ok(()) => Answer::Closed,
            Err(AlreadyClosed) => Answer::AlreadyClosed,
        }
    }

    fn send_later(&self, value: Value, out: Out) -> Operation<'_> {
        Box::pin(answer(self.send_async(value), out, sent))
    }
}

fn forced(oldest: Option<Value>) -> Answer {
    oldest.map_or(Answer::Sent, |oldest| Answer::Displaced(oldest.end()))
}

fn sent(result: Result<(), SendError<Value>>) -> Answer {
    match result {
        Ok(()) => Answer::Sent,
        Err(SendError(value)) => Answer::Unsent(value.end()),
    }
}

impl Receives for Receiver<Value> {
    fn recv_by(&self, way: Way) -> Answer {
        match way {
            Way::Try => match self.try_recv() {
                Ok(value) => Answer::Got(value.end()),
                Err(TryRecvError::Empty) => Answer::Empty,
                Err(TryRecvError::Disconnected) => Answer::Drained,
            },
            Way::Block => received(self.recv()),
            Way::Timeout => match self.recv_timeout(Duration::ZERO) {
                Ok(value) => Answer::Got(value.end()),
                Err(RecvTimeoutError::Timeout) => Answer::RecvTimedOut,
                Err(RecvTimeoutError::Disconnected) => Answer::Drained,
            },
        }
    }

    fn drain(&self, closed: bool) -> Answer {
        Answer::All(if closed {
            self.iter().map(Value::end).collect()
        } else {
            self.try_iter().map(Value::end).collect()
        })
    }

    fn recv_later(&self, out: Out) -> Operation<'_> {
        Box::pin(answer(self.recv_async(), out, received))
    }
}

fn received(result: Result<Value, RecvError>) -> Answer {
    match result {
        Ok(value) => Answer::Got(value.end()),
        Err(RecvError) => Answer::Drained,
    }
}

/// What [`Chan`] and its views share.
macro_rules! go_sends {
    ($face:ident) => {
        impl Sends for $face<Value> {
            fn send_by(&self, way: Way, value: Value) -> Answer {
                match way {
                    Way::Try => match self.try_send(value) {
                        Ok(()) => Answer::Sent,
                        Err(Full(value)) => Answer::Full(value.end()),
                    },
                    Way::Block => {
                        self.send(value);
                        Answer::Sent
                    }
                    Way::Timeout => match self.send_timeout(value, Duration::ZERO) {
                        Ok(()) => Answer::Sent,
                        Err(SendTimedOut(value)) => Answer::SendTimedOut(value.end()),
                    },
                }
            }

            fn force(&self, value: Value) -> Answer {
                match self.force_send(value) {
                    Ok(oldest) => forced(oldest),
                    Err(Full(value)) => Answer::Full(value.end()),
                }
            }

            fn close_by(&self, polite: bool) -> Answer {
                if !polite {
                    self.close();
                    return Answer::Closed;
                }
                match self.try_close() {
                    Ok(()) => Answer::Closed,
                    Err(CloseError::Closed) => Answer::AlreadyClosed,
                    Err(CloseError::Nil) => unreachable!("it is not nil"),
                }
            }

            fn send_later(&self, value: Value, out: Out) -> Operation<'_> {
                Box::pin(answer(self.send_async(value), out, |()| Answer::Sent))
            }
        }
    };
}

/// See [`go_sends`].
macro_rules! go_receives {
    ($face:ident) => {
        impl Receives for $face<Value> {
            fn recv_by(&self, way: Way) -> Answer {
                match way {
                    Way::Try => match self.try_recv() {
                        Ok(got) => go_received(got),
                        Err(Empty) => Answer::Empty,
                    },
                    Way::Block => go_received(self.recv()),
                    Way::Timeout => match self.recv_timeout(Duration::ZERO) {
                        Ok(got) => go_received(got),
                        Err(RecvTimedOut) => Answer::RecvTimedOut,
                    },
                }
            }

            fn drain(&self, closed: bool) -> Answer {
                if closed {
                    return Answer::All(self.iter().map(Value::end).collect());
                }
                let some = std::iter::from_fn(|| self.try_recv().ok().flatten());
                Answer::All(some.map(Value::end).collect())
            }

            fn recv_later(&self, out: Out) -> Operation<'_> {
                Box::pin(answer(self.recv_async(), out, go_received))
            }
        }
    };
}

fn go_received(got: Option<Value>) -> Answer {
    match got {
        Some(value) => Answer::Got(value.end()),
        None => Answer::Drained,
    }
}

go_sends!(Chan);
go_sends!(SendChan);
go_receives!(Chan);
go_receives!(RecvChan);
