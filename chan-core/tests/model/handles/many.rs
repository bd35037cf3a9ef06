//! Batches of both faces in one language.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use chan_core::{Chan, Empty, Receiver, RecvChan, SendChan, SendError, Sender, TryRecvError};

use super::super::ops::{Answer, Id, Way};
use super::super::value::Value;
use super::{Operation, Out, answer};

/// A queue that says, when it ends, what is left in it.
pub(crate) struct Queue {
    pub(crate) values: VecDeque<Value>,
    pub(crate) left: Rc<RefCell<Vec<Id>>>,
}

impl Drop for Queue {
    fn drop(&mut self) {
        let left = self.values.drain(..).map(Value::end);
        self.left.borrow_mut().extend(left);
    }
}

pub(crate) trait SendsMany {
    /// What was not sent stays.
    fn send_many_by(&self, way: Way, values: &mut VecDeque<Value>) -> Answer;
    fn send_many_later<'a>(&'a self, values: &'a mut VecDeque<Value>, out: Out) -> Operation<'a>;
}

pub(crate) trait ReceivesMany {
    fn recv_many_by(&self, way: Way, max: usize) -> Answer;
    fn recv_many_later<'a>(
        &'a self,
        values: &'a mut Vec<Value>,
        max: usize,
    ) -> Pin<Box<dyn Future<Output = usize> + 'a>>;
    fn drain_at_once(&self) -> Answer;
}

impl SendsMany for Sender<Value> {
    fn send_many_by(&self, way: Way, values: &mut VecDeque<Value>) -> Answer {
        match way {
            Way::Block => sent_all(self.send_many(values)),
            _ => match self.try_send_many(values) {
                Ok(count) => Answer::SentSome(count),
                Err(SendError(())) => Answer::UnsentRest,
            },
        }
    }

    fn send_many_later<'a>(&'a self, values: &'a mut VecDeque<Value>, out: Out) -> Operation<'a> {
        Box::pin(answer(self.send_many_async(values), out, sent_all))
    }
}

fn sent_all(result: Result<(), SendError<()>>) -> Answer {
    match result {
        Ok(()) => Answer::Sent,
        Err(SendError(())) => Answer::UnsentRest,
    }
}

macro_rules! go_sends_many {
    ($face:ident) => {
        impl SendsMany for $face<Value> {
            fn send_many_by(&self, way: Way, values: &mut VecDeque<Value>) -> Answer {
                match way {
                    Way::Block => {
                        self.send_many(values);
                        Answer::Sent
                    }
                    _ => Answer::SentSome(self.try_send_many(values)),
                }
            }

            fn send_many_later<'a>(
                &'a self,
                values: &'a mut VecDeque<Value>,
                out: Out,
            ) -> Operation<'a> {
                let said = |()| Answer::Sent;
                Box::pin(answer(self.send_many_async(values), out, said))
            }
        }
    };
}

go_sends_many!(Chan);
go_sends_many!(SendChan);

/// The patterns are the errors of `try_recv_many`.
macro_rules! receives_many {
    ($face:ident, $refused:pat => $answer:expr $(, $more:pat => $other:expr)?) => {
        impl ReceivesMany for $face<Value> {
            fn recv_many_by(&self, way: Way, max: usize) -> Answer {
                let mut values = Vec::new();
                let count = match way {
                    Way::Block => self.recv_many(&mut values, max),
                    _ => match self.try_recv_many(&mut values, max) {
                        Ok(count) => count,
                        Err($refused) => return $answer,
                        $(Err($more) => return $other,)?
                    },
                };
                assert_eq!(count, values.len());
                Answer::All(values.into_iter().map(Value::end).collect())
            }

            fn recv_many_later<'a>(
                &'a self,
                values: &'a mut Vec<Value>,
                max: usize,
            ) -> Pin<Box<dyn Future<Output = usize> + 'a>> {
                Box::pin(self.recv_many_async(values, max))
            }

            fn drain_at_once(&self) -> Answer {
                Answer::All(self.drain().map(Value::end).collect())
            }
        }
    };
}

receives_many!(
    Receiver,
    TryRecvError::Empty => Answer::Empty,
    TryRecvError::Disconnected => Answer::Drained
);
receives_many!(Chan, Empty => Answer::Empty);
receives_many!(RecvChan, Empty => Answer::Empty);
