//! Values whose drops are counted, and wakers that say which was woken when.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use super::ops::Id;

/// How often each value was dropped.
#[derive(Default)]
pub(crate) struct Ledger(RefCell<Vec<u32>>);

impl Ledger {
    /// The next value.
    pub(crate) fn value(self: &Rc<Self>) -> Value {
        let mut drops = self.0.borrow_mut();
        drops.push(0);
        Value {
            id: drops.len() - 1,
            ledger: Rc::clone(self),
        }
    }

    pub(crate) fn drops(&self) -> Vec<u32> {
        self.0.borrow().clone()
    }
}

/// A value. It is not `Send`: the scripts run on one thread.
pub(crate) struct Value {
    id: Id,
    ledger: Rc<Ledger>,
}

impl Value {
    /// Its number; it is dropped.
    pub(crate) fn end(self) -> Id {
        self.id
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.ledger.0.borrow_mut()[self.id] += 1;
    }
}

/// The number of a future, and which of its two wakers.
pub(crate) type Tone = (usize, usize);

/// Who was woken, in order.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<Tone>>);

impl Log {
    /// A waker that says `tone`.
    pub(crate) fn waker(self: &Arc<Self>, tone: Tone) -> Waker {
        let log = Arc::clone(self);
        Waker::from(Arc::new(Bell { log, tone }))
    }

    pub(crate) fn take(&self) -> Vec<Tone> {
        std::mem::take(&mut self.0.lock().expect("nobody panics while he holds it"))
    }
}

struct Bell {
    log: Arc<Log>,
    tone: Tone,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let mut log = self.log.0.lock().expect("nobody panics while he holds it");
        log.push(self.tone);
    }
}
