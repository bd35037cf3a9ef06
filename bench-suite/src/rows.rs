//! The rows: what is measured. Committed before tuning; results do not change
//! them.
//!
//! A row is `world/workload/…`: the world is where the parties live, what
//! follows the workload are its parameters in any order.
//!
//! | world | parties |
//! | --- | --- |
//! | `threads` | threads, placed by the scheduler |
//! | `one-core` | threads, all on one core |
//!
//! | parameter | means |
//! | --- | --- |
//! | `c16`, `unb` | the capacity; unbounded |
//! | `b8`, `b64` | the size of an element in bytes; 8 if not given |
//! | `n4` | how many arms a select has |

/// All rows, in the order of the report.
pub(crate) const ROWS: &[&str] = &[
    // One thread: every arm has values; what one select costs.
    "threads/select-ready/n2",
    "threads/select-ready/n4",
    "threads/select-ready/n16",
    "threads/select-ready/n64",
    // One thread: no arm is ready; what finding that out costs.
    "threads/select-default/n2",
    "threads/select-default/n4",
    "threads/select-default/n16",
    "threads/select-default/n64",
    // One thread selects over receives, up to four others feed the arms.
    "threads/select-rx/n2/c0",
    "threads/select-rx/n2/c16",
    "threads/select-rx/n4/c0",
    "threads/select-rx/n4/c1",
    "threads/select-rx/n4/c16",
    "threads/select-rx/n4/c512",
    "threads/select-rx/n4/unb",
    "threads/select-rx/n16/c0",
    "threads/select-rx/n16/c16",
    "threads/select-rx/n64/c0",
    "threads/select-rx/n64/c16",
];
