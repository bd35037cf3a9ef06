//! A struct with channels in it that several threads and tasks share, as Go
//! programs do, and that can be accounted for all the same.
//!
//! What the struct keeps is out of everybody's reach when all its handles are:
//! they are counted like those of a channel, and a [`Kept`] handle can be used
//! only through a handle of its struct (checked: N1).
//!
//! N1  A [`Kept`] handle is used through a handle of the struct it was made
//!     for, whatever became of it since.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::held::{At, Handle, Held, Residence, sealed};
use crate::ledger::{Entry, Node, Tally, Thing};

/// A struct that is shared, like an [`Arc`], and whose handles are counted.
///
/// # Examples
///
/// ```
/// use chan_core::Chan;
/// use leakwatch::{Kept, Shared};
///
/// struct Conn {
///     requests: Kept<Chan<u32>>,
///     replies: Kept<Chan<u32>>,
/// }
///
/// let conn = Shared::new(|keep| Conn {
///     requests: keep.keep(Chan::new(0)),
///     replies: keep.keep(Chan::new(0)),
/// });
/// let server = leakwatch::spawn!("server", [conn = conn.clone()] move || {
///     let request = conn.at(|conn| &conn.requests).recv().unwrap();
///     conn.at(|conn| &conn.replies).send(request + 1);
/// });
/// conn.at(|conn| &conn.requests).send(1);
/// assert_eq!(conn.at(|conn| &conn.replies).recv(), Some(2));
/// server.join().unwrap();
/// ```
pub struct Shared<T>(Arc<Inner<T>>);

struct Inner<T> {
    node: Arc<Node>,
    value: T,
}

/// A handle that a [`Shared`] struct keeps. It is used with
/// [`at`](Shared::at).
pub struct Kept<H: Handle> {
    // In this order: the entry goes before the handle is counted out.
    entry: NodeEntry,
    handle: H,
}

struct NodeEntry {
    node: Arc<Node>,
    entry: Option<Entry>,
}

impl Drop for NodeEntry {
    fn drop(&mut self) {
        if let Some(entry) = self.entry {
            self.node.strike(entry);
        }
    }
}

/// Makes the [`Kept`] handles of a struct.
#[derive(Debug)]
pub struct Keeper(Arc<Node>);

impl Keeper {
    /// Puts a handle into the struct.
    pub fn keep<H: Handle>(&self, handle: H) -> Kept<H> {
        let entry = handle.entry();
        if let Some(entry) = entry {
            self.0.enter(entry);
        }
        Kept {
            entry: NodeEntry {
                node: Arc::clone(&self.0),
                entry,
            },
            handle,
        }
    }
}

impl<T> Shared<T> {
    /// A struct that several are going to share.
    ///
    /// # Examples
    ///
    /// See [`Shared`].
    pub fn new(make: impl FnOnce(&Keeper) -> T) -> Self {
        let keeper = Keeper(Node::open());
        let value = make(&keeper);
        Shared(Arc::new(Inner {
            node: keeper.0,
            value,
        }))
    }

    /// One of the handles that it keeps.
    ///
    /// # Panics
    ///
    /// If it is kept by another struct.
    pub fn at<'a, H: Handle>(&'a self, which: impl FnOnce(&'a T) -> &'a Kept<H>) -> &'a H {
        let kept = which(&self.0.value);
        assert!(
            Arc::ptr_eq(&self.0.node, &kept.entry.node),
            "this handle is kept by another struct"
        );
        &kept.handle
    }
}

impl<T, R: Residence> Held<Shared<T>, R> {
    /// One of the handles that it keeps, as bound as this is.
    ///
    /// # Panics
    ///
    /// If it is kept by another struct.
    pub fn at<'a, H: Handle>(&'a self, which: impl FnOnce(&'a T) -> &'a Kept<H>) -> At<'a, H, R> {
        At::new(self.raw().at(which))
    }
}

impl<T> Handle for Shared<T> {}
impl<T> sealed::Handle for Shared<T> {
    fn entry(&self) -> Option<Entry> {
        Some(Entry {
            thing: Thing::Node(self.0.node.id),
            tally: Tally::whole(),
        })
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        self.0.node.add_clone();
        Shared(Arc::clone(&self.0))
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        self.0.node.drop_clone();
    }
}

/// What it keeps are [`Kept`] handles, which have no operations here.
impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

/// What it keeps are [`Kept`] handles, which have no operations here.
impl<T, R: Residence> Deref for Held<Shared<T>, R> {
    type Target = T;

    fn deref(&self) -> &T {
        self.raw()
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shared").field(&self.0.value).finish()
    }
}

impl<H: Handle + fmt::Debug> fmt::Debug for Kept<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&self.handle).finish()
    }
}
