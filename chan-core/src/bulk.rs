//! Many values under one lock, without waiting: what a batch is made of.
//!
//! Memory is had and wakes are fired outside the lock, so a long batch is done
//! in passes, each as large as what was had for it.

use std::collections::VecDeque;
use std::panic;

use crate::hchan::Hchan;
use crate::results::{Received, Sent};
use crate::wakes::Wakes;

/// What stopped a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Batch {
    /// Nothing: all that was asked for is done.
    Whole,
    /// It would have to wait.
    Stuck,
    /// The channel is closed (for a receive: and drained).
    Closed,
}

impl<T> Hchan<T> {
    /// Moves values from the front of `values` into the channel until there
    /// is no room. One lock and one pass of wakes, unless there are more than
    /// [`Wakes`] holds.
    pub(crate) fn send_batch(&self, values: &mut VecDeque<T>) -> Batch {
        let mut wakes = Wakes::new();
        let mut panicked = None;
        let end = loop {
            // Blocks for all of them: at least one is had in each round.
            let unbounded = self.header().is_unbounded();
            if unbounded {
                self.grow();
            }
            let mut guard = self.header().lock();
            let mut op = self.op(&mut guard);
            if unbounded {
                op.begin();
            }
            let end = loop {
                let Some(value) = values.pop_front() else {
                    break Some(Batch::Whole);
                };
                match op.send(value) {
                    Sent::Done(wake) => wakes.push(wake),
                    Sent::Full(value) => {
                        values.push_front(value);
                        break (!unbounded).then_some(Batch::Stuck);
                    }
                    Sent::Closed(value) => {
                        values.push_front(value);
                        break Some(Batch::Closed);
                    }
                }
                if wakes.is_full() {
                    break None;
                }
            };
            drop(guard);
            crate::panics::keep_first(&mut panicked, wakes.fire());
            if let Some(end) = end {
                break end;
            }
        };
        if let Some(panic) = panicked {
            panic::resume_unwind(panic);
        }
        end
    }

    /// Moves up to `max` values from the channel to the end of `values`,
    /// without waiting. As for the locks, see [`Hchan::send_batch`].
    pub(crate) fn recv_batch(&self, values: &mut Vec<T>, max: usize) -> Batch {
        let mut wakes = Wakes::new();
        let mut panicked = None;
        let mut left = max;
        self.header().refresh();
        // Room is made outside the lock, for what is there now.
        let mut ready = self.header().len();
        let end = loop {
            if left == 0 {
                break Batch::Whole;
            }
            values.reserve(ready.clamp(1, left));
            let mut node = None;
            let mut guard = self.header().lock();
            let mut op = self.op(&mut guard);
            let end = loop {
                if left == 0 || values.len() == values.capacity() || wakes.is_full() {
                    // More has come meanwhile, or senders wait without a buffer.
                    ready = op.ready();
                    break None;
                }
                match op.recv() {
                    Received::Value(value, wake) => {
                        values.push(value);
                        wakes.push(wake);
                    }
                    Received::Returned(returned) => {
                        // Its memory is given back outside the lock.
                        node = Some(returned);
                        left -= 1;
                        break None;
                    }
                    Received::Empty => break Some(Batch::Stuck),
                    Received::Closed => break Some(Batch::Closed),
                }
                left -= 1;
            };
            drop(guard);
            values.extend(node.map(|node| node.into_value()));
            crate::panics::keep_first(&mut panicked, wakes.fire());
            if let Some(end) = end {
                break end;
            }
        };
        if let Some(panic) = panicked {
            panic::resume_unwind(panic);
        }
        end
    }

    /// How many values could be received without waiting.
    pub(crate) fn ready(&self) -> usize {
        self.header().refresh();
        self.op(&mut self.header().lock()).ready()
    }
}
