//! Which threads and tasks are stuck on a channel for ever, where, since when,
//! and why nobody will come.
//!
//! ```
//! use chan_core::Builder;
//!
//! leakwatch::install().ok(); // once, early in main
//!
//! let (feed, inbox) = Builder::new().name("feed").chan::<u32>().split();
//! let worker = std::thread::spawn(move || inbox.recv());
//! drop(feed); // nobody closed it: the worker waits for ever
//!
//! # while leakwatch::snapshot().findings.is_empty() { std::thread::yield_now(); }
//! let report = leakwatch::snapshot();
//! let finding = &report.findings[0];
//! assert_eq!(finding.evidence.to_string(), "Proven::Orphaned");
//! # drop(worker);
//! ```
//!
//! A [`Report`] lists every parked task and what there is to say about it.
//! [`export`] writes it as text in the manner of Go's goroutine dump, as JSON,
//! as a profile for `go tool pprof`, as folded stacks and as a flamegraph.
//!
//! # What it costs
//!
//! Operations that do not park never meet leakwatch. A park stores the line
//! it came from and a coarse time, whether or not somebody watches. Stacks
//! are taken when a report is: each parked thread is woken, walks its own
//! stack and parks again, keeping its place in the queue; each waiting future
//! is woken, shows the stack of its poll, and waits on.
//!
//! # What it can know
//!
//! A proof is a matter of counting: a channel knows how many live handles can
//! send, receive and close. [`Proven::Orphaned`](report::Proven::Orphaned) is
//! said of who waits where none is left that could wake it, but for its own;
//! [`Proven::DeadSet`](report::Proven::DeadSet) where others have some who are
//! stuck themselves. Who has what is known of handles that were given to
//! [`spawn!`], [`task!`], [`local`] and [`Shared`], or are [`Enclosed`] in
//! messages. All others (in a static, in a plain thread) count as able: the
//! proof is missed, never wrong. Waits with a deadline are never judged.
//!
//! Where everybody sleeps no handle matters, for nobody runs who could use it:
//! [`Proven::ClosedWorld`](report::Proven::ClosedWorld), of the whole process
//! ([`on_deadlock`]) or of a test that is a world of its own
//! ([`test`](mod@test#closed-worlds)).

#![forbid(unsafe_code)]

mod closed;
mod deadlock;
mod enclosed;
mod events;
mod evidence;
pub mod export;
mod hash;
mod held;
mod history;
mod kernel;
mod ledger;
mod life;
mod options;
mod orphans;
mod places;
mod proofs;
mod registry;
pub mod report;
mod sentinel;
mod shared;
mod snapshot;
mod spawn;
mod stack;
mod survey;
mod suspect;
mod task;
pub mod test;

use std::fmt;

pub use deadlock::on_deadlock;
pub use enclosed::{Carrier, Enclosed};
pub use held::{At, Capture, Handle, Held, HeldIter, InTask, OnThread, Own, Residence, local};
pub use leakwatch_macros::test;
pub use options::{Allow, Limits, Options};
pub use orphans::on_orphan;
pub use report::Report;
pub use shared::{Keeper, Kept, Shared};
pub use task::{Entered, Task, Tracked};

/// Where this crate's sources lie; stacks leave their frames out.
const SOURCE: &str = file!();

/// Something watches this process already; there can be one watcher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyInstalled;

impl fmt::Display for AlreadyInstalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a watcher is installed already: call leakwatch::install once, early in main")
    }
}

impl std::error::Error for AlreadyInstalled {}

/// Starts to watch, with the default [`Options`].
///
/// From here on stacks can be taken, and it is written down who orphans or
/// misuses a channel. Channels and waits that are older than this are seen as
/// well.
///
/// # Errors
///
/// [`AlreadyInstalled`].
pub fn install() -> Result<(), AlreadyInstalled> {
    install_with(Options::default())
}

/// Starts to watch.
///
/// # Errors
///
/// [`AlreadyInstalled`].
pub fn install_with(options: Options) -> Result<(), AlreadyInstalled> {
    events::install(options)
}

/// Looks at every channel and says what there is to say.
///
/// Nobody is stopped for it: candidates are looked at twice, and only what
/// did not move in between is reported. Without [`install`] the report has no
/// stacks and does not know who orphaned a channel.
pub fn snapshot() -> Report {
    survey::survey(&survey::About::Everything)
}

/// What the macros call. Not for others: nothing here is promised to stay.
#[doc(hidden)]
pub mod internal {
    pub use crate::__first as first;
    pub use crate::held::Capture;
    pub use crate::spawn::{make_task, spawn_thread};

    /// The handle of what is captured.
    pub fn give_up<C: Capture>(captured: C) -> C::Handle {
        captured.give_up()
    }
}
