//! What went wrong in other channels, class by class, and what must be so
//! here. References are to the public trackers and advisories of the crates.
//!
//! Looked at and shown elsewhere, or impossible here:
//!
//! | where it happened | what | here |
//! | --- | --- | --- |
//! | crossbeam#1146, #1147 | a block of large values is built on the stack | blocks are on the heap, of two kilobytes or one value: `src/blocks.rs` |
//! | crossbeam#1295 | a selected operation that is forgotten | no operation has two steps; futures that are forgotten: `attack` |
//! | crossbeam#1301 | capacities overflow | `go_rules`, rule 2 |
//! | kanal 3938bd0, RUSTSEC-2020-0106, -0130, -0143, RUSTSEC-2026-0221 | `Send` and `Sync` without `T: Send` | `bounds` |
//! | kanal#10, #11, #19 | memory of a receive read before it is written | dropped futures of each state: `cancel`; `.ci/deep asan` |
//! | kanal#62 | a batch that fails loses values | `batches` |
//! | RUSTSEC-2025-0023 | a broadcast clones values on two threads at once | nothing is cloned |
//! | iroh#2536 | a dropped receive takes a wake with it | `cancel` |
//! | async-channel#54, #105 | values in the channel, and receivers asleep | invariant I1, checked after each step of a debug build; `conservation` |
//! | crossfire#72 | sends dropped before their first poll leak | `go_rules`, values |
//! | tokio#7686, #8074, #8075, #8260 | permits and closes lose wakes | `permits`, and the models |
//! | kanal#29 | hangs as a replacement of another crate | `crossbeam_migration` |
//! | spacetimedb#369 | a permit in a future that nobody polls | it holds one place of the buffer; seen by a watcher: `permits` |

#![cfg(not(loom))]

mod common;

#[path = "peers_bugs/memory.rs"]
mod memory;
#[path = "peers_bugs/waiting.rs"]
mod waiting;

use chan_core::{Receiver, Sender, bounded, unbounded};

/// How often a race is tried. Every round is short.
const ROUNDS: usize = if cfg!(debug_assertions) { 300 } else { 3000 };

/// A channel of each kind.
fn kinds<T>() -> [(Sender<T>, Receiver<T>); 4] {
    [bounded(0), bounded(1), bounded(3), unbounded()]
}
