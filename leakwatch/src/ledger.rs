//! The ledger: which thread or task has which handle, by the word of types.
//!
//! An [`Account`] belongs to one thread or one tracked task. Handles are
//! entered by [`Seat`]s, which [`Held`](crate::Held) keeps beside its handle;
//! a [`Shared`](crate::Shared) struct has a [`Node`] in which the handles that
//! it keeps are entered; what is [enclosed](crate::Enclosed) in messages is
//! entered for their channel. Whatever is not entered anywhere is unaccounted
//! for.
//!
//! L1  An entry stands for a counted handle: it is made after the handle is
//!     counted in and taken out before it is counted out. So at any instant a
//!     channel has at least as many live handles as entries.
//! L2  The entries of an account change only while its owner runs (or, for a
//!     task, is being dropped). [`crate::held`] argues why.
//!
//! Nothing here is on the way of an operation: entries are made when a handle
//! is bound to its owner, not when it is used.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, ThreadId};

use chan_core::observe::{ChannelId, Handles, TaskId};
use dashmap::DashMap;
use parking_lot::Mutex;

use crate::hash::SHARDS;

/// Whose handles an account lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Thread(ThreadId),
    Task(TaskId),
}

/// What a handle is a handle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Thing {
    /// A channel.
    Channel(ChannelId),
    /// A context, by its `done` channel: the handle can cancel it.
    Context(ChannelId),
    /// A struct that is shared, and with it what it keeps.
    Node(NodeId),
}

/// A [`Node`], told apart from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct NodeId(u64);

/// How many entries there are for one thing, by what they can do there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) send: usize,
    pub(crate) recv: usize,
    pub(crate) close: usize,
    /// Of a context or a node: how many handles.
    pub(crate) whole: usize,
}

impl Tally {
    pub(crate) fn of(can: Handles) -> Tally {
        Tally {
            send: can.send,
            recv: can.recv,
            close: can.close,
            whole: 0,
        }
    }

    pub(crate) fn whole() -> Tally {
        Tally {
            whole: 1,
            ..Tally::default()
        }
    }

    pub(crate) fn add(&mut self, other: Tally) {
        self.send += other.send;
        self.recv += other.recv;
        self.close += other.close;
        self.whole += other.whole;
    }

    fn subtract(&mut self, other: Tally) {
        self.send -= other.send;
        self.recv -= other.recv;
        self.close -= other.close;
        self.whole -= other.whole;
    }

    fn is_empty(self) -> bool {
        self == Tally::default()
    }
}

/// What one handle means.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub(crate) thing: Thing,
    pub(crate) tally: Tally,
}

/// Entries by their thing, and what tells whether they have changed.
#[derive(Clone, Debug)]
pub(crate) struct Entries {
    all: HashMap<Thing, Tally>,
    version: Version,
}

/// A moment of some entries, told apart from all others of any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    of: u64,
    changes: u64,
}

impl Default for Entries {
    fn default() -> Self {
        /// A number by itself: Relaxed.
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let of = NEXT.fetch_add(1, Ordering::Relaxed);
        Entries {
            all: HashMap::new(),
            version: Version { of, changes: 0 },
        }
    }
}

impl Entries {
    fn enter(&mut self, entry: Entry) {
        self.all.entry(entry.thing).or_default().add(entry.tally);
        self.version.changes += 1;
    }

    fn strike(&mut self, entry: Entry) {
        if let Some(tally) = self.all.get_mut(&entry.thing) {
            tally.subtract(entry.tally);
            if tally.is_empty() {
                self.all.remove(&entry.thing);
            }
        }
        self.version.changes += 1;
    }

    /// The entries as they are now.
    fn read(&self) -> Listed {
        let all = self.all.iter();
        Listed {
            entries: all.map(|(thing, tally)| (*thing, *tally)).collect(),
            version: self.version,
        }
    }
}

/// What was entered at a moment.
pub(crate) struct Listed {
    pub(crate) entries: Vec<(Thing, Tally)>,
    pub(crate) version: Version,
}

/// The account of a thread or a task.
#[derive(Debug)]
pub(crate) struct Account {
    owner: Owner,
    name: Arc<str>,
    entries: Mutex<Entries>,
}

impl Account {
    pub(crate) fn owner(&self) -> Owner {
        self.owner
    }

    /// What its owner is called.
    pub(crate) fn name(&self) -> String {
        self.name.to_string()
    }

    pub(crate) fn read(&self) -> Vec<(Thing, Tally)> {
        self.entries.lock().read().entries
    }
}

/// All accounts whose owners live, and all nodes.
pub(crate) struct Ledger {
    accounts: DashMap<Owner, Arc<Account>>,
    nodes: DashMap<NodeId, Arc<Node>>,
    /// What is enclosed for a channel; those with something.
    enclosed: DashMap<Thing, Entries>,
}

/// The ledger of this process.
pub(crate) fn ledger() -> &'static Ledger {
    static LEDGER: OnceLock<Ledger> = OnceLock::new();
    LEDGER.get_or_init(|| Ledger {
        accounts: DashMap::with_shard_amount(SHARDS),
        nodes: DashMap::with_shard_amount(SHARDS),
        enclosed: DashMap::with_shard_amount(SHARDS),
    })
}

impl Ledger {
    /// Opens the account of an owner.
    pub(crate) fn open(&self, owner: Owner, name: Arc<str>) -> Arc<Account> {
        let account = Arc::new(Account {
            owner,
            name,
            entries: Mutex::default(),
        });
        self.accounts.insert(owner, Arc::clone(&account));
        account
    }

    /// The owner has ended. What it has left behind is unaccounted for.
    pub(crate) fn close(&self, owner: Owner) {
        self.accounts.remove(&owner);
    }

    /// All accounts.
    pub(crate) fn accounts(&self) -> Vec<Arc<Account>> {
        // Room beforehand, and not under the lock of a part.
        let mut all = Vec::with_capacity(self.accounts.len());
        all.extend(self.accounts.iter().map(|account| Arc::clone(&account)));
        all
    }

    /// A handle was enclosed for a channel.
    pub(crate) fn enclose(&self, carrier: Thing, entry: Entry) {
        self.enclosed.entry(carrier).or_default().enter(entry);
    }

    /// It was opened, or dropped.
    pub(crate) fn take_out(&self, carrier: Thing, entry: Entry) {
        // Under the lock of its place, so that what is removed is empty.
        self.enclosed.remove_if_mut(&carrier, |_, enclosed| {
            enclosed.strike(entry);
            enclosed.all.is_empty()
        });
    }

    /// The channels for which something is enclosed, with what that is.
    pub(crate) fn carriers(&self) -> Vec<(Thing, Listed)> {
        let all = self.enclosed.iter();
        all.map(|enclosed| (*enclosed.key(), enclosed.read()))
            .collect()
    }

    /// What tells whether that which is enclosed for a channel has changed.
    pub(crate) fn version_of(&self, carrier: Thing) -> Option<Version> {
        Some(self.enclosed.get(&carrier)?.version)
    }

    /// All nodes.
    pub(crate) fn nodes(&self) -> Vec<Arc<Node>> {
        let mut all = Vec::with_capacity(self.nodes.len());
        all.extend(self.nodes.iter().map(|node| Arc::clone(&node)));
        all
    }
}

/// The account of this thread, opened when it is first asked for.
pub(crate) fn of_this_thread() -> Arc<Account> {
    /// Closes the account when the thread ends.
    struct Here(Arc<Account>);
    impl Drop for Here {
        fn drop(&mut self) {
            ledger().close(self.0.owner);
        }
    }
    thread_local! {
        static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
    }
    let owner = Owner::Thread(thread::current().id());
    let name = || Arc::from(thread::current().name().unwrap_or("a thread"));
    let known = HERE.try_with(|here| {
        let mut here = here.borrow_mut();
        let here = here.get_or_insert_with(|| Here(ledger().open(owner, name())));
        Arc::clone(&here.0)
    });
    // While a thread's locals are being destroyed nothing is entered.
    known.unwrap_or_else(|_| {
        Arc::new(Account {
            owner,
            name: name(),
            entries: Mutex::default(),
        })
    })
}

/// An entry, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Seat {
    account: Arc<Account>,
    entry: Option<Entry>,
}

impl Seat {
    /// Enters a handle, unless it is nil's.
    pub(crate) fn take(account: &Arc<Account>, entry: Option<Entry>) -> Seat {
        if let Some(entry) = entry {
            account.entries.lock().enter(entry);
        }
        Seat {
            account: Arc::clone(account),
            entry,
        }
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.account.entries.lock().strike(entry);
        }
    }
}

/// A struct that is shared: how many handles of it there are, and which
/// handles it keeps.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    /// See [`Clones`].
    clones: AtomicU64,
    entries: Mutex<Entries>,
}

/// The handles of a node: how many there are in the lower half, how many were
/// ever made in the upper one. While it is the same none has come or gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clones(u64);

/// One handle more.
const MADE: u64 = 1 << 32 | 1;

impl Clones {
    pub(crate) fn alive(self) -> usize {
        (self.0 % (1 << 32)) as usize
    }
}

impl Node {
    /// A node with one handle.
    pub(crate) fn open() -> Arc<Node> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let node = Arc::new(Node {
            id: NodeId(NEXT.fetch_add(1, Ordering::Relaxed)),
            clones: AtomicU64::new(MADE),
            entries: Mutex::default(),
        });
        ledger().nodes.insert(node.id, Arc::clone(&node));
        node
    }

    /// One more handle. Relaxed, as for an `Arc`: who clones has one.
    pub(crate) fn add_clone(&self) {
        self.clones.fetch_add(MADE, Ordering::Relaxed);
    }

    /// One less; the last one takes the node out of the ledger, before what it
    /// keeps is dropped.
    pub(crate) fn drop_clone(&self) {
        if Clones(self.clones.fetch_sub(1, Ordering::AcqRel)).alive() == 1 {
            ledger().nodes.remove(&self.id);
        }
    }

    /// How many handles there are. Acquire: pairs with the subtraction.
    pub(crate) fn clones(&self) -> Clones {
        Clones(self.clones.load(Ordering::Acquire))
    }

    pub(crate) fn enter(&self, entry: Entry) {
        self.entries.lock().enter(entry);
    }

    pub(crate) fn strike(&self, entry: Entry) {
        self.entries.lock().strike(entry);
    }

    pub(crate) fn read(&self) -> Listed {
        self.entries.lock().read()
    }

    /// What tells whether its entries have changed.
    pub(crate) fn version(&self) -> Version {
        self.entries.lock().version
    }
}
