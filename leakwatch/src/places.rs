//! Which threads work for which test, and which for none: what they say of
//! themselves. Of all others nothing is known.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::thread::{self, ThreadId};

use chan_core::observe::ScopeId;
use parking_lot::Mutex;

use crate::kernel::{self, Tid};

/// For whom a thread works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// For what belongs to this scope.
    In(ScopeId),
    /// For nothing that could be part of a closed world: it looks on.
    Outside,
}

/// A thread that has said where it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) place: Place,
    /// What waits of it carry.
    pub(crate) thread: ThreadId,
}

static KNOWN: Mutex<Option<HashMap<Tid, Known>>> = Mutex::new(None);

/// All threads that have said where they are.
pub(crate) fn all() -> HashMap<Tid, Known> {
    KNOWN.lock().clone().unwrap_or_default()
}

/// This thread is at a place, until this is dropped.
#[derive(Debug)]
pub(crate) struct Stay {
    /// None where the kernel does not tell who it is.
    tid: Option<Tid>,
    outer: Option<Known>,
    /// It must be dropped on the thread that said so.
    here: PhantomData<*const ()>,
}

/// Says where this thread is.
pub(crate) fn enter(place: Place) -> Stay {
    let tid = kernel::this_thread();
    let thread = thread::current().id();
    let known = Known { place, thread };
    let outer = tid.and_then(|tid| KNOWN.lock().get_or_insert_default().insert(tid, known));
    Stay {
        tid,
        outer,
        here: PhantomData,
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let Some(tid) = self.tid else { return };
        let mut known = KNOWN.lock();
        let known = known.get_or_insert_default();
        match self.outer {
            Some(outer) => known.insert(tid, outer),
            None => known.remove(&tid),
        };
    }
}
