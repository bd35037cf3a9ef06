//! A program written for crossbeam-channel, compiled for both crates from one
//! source: what a user changes is the `use` line. Both print the same.
//!
//! Not in it: `Select`, which is the crate chan-select's; the texts of errors
//! and of `Debug`, which say "closed" here; `len` and `capacity` of timers,
//! which are Go's here (a timer seems to be unbuffered).

#![cfg(not(loom))]

mod theirs {
    use crossbeam_channel as chan;
    include!("crossbeam_migration/program.rs");
}

mod ours {
    use chan_core as chan;
    include!("crossbeam_migration/program.rs");
}

/// Part by part, so that a difference names its part.
#[test]
fn one_source_does_the_same_with_both_crates() {
    for (theirs, ours) in theirs::PARTS.iter().zip(ours::PARTS) {
        let (name, run) = ours;
        assert_eq!((theirs.1)(), run(), "{name}");
    }
    assert_eq!(theirs::PARTS.len(), ours::PARTS.len());
}
