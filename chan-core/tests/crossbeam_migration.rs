//! A program as users of crossbeam-channel write it, compiled twice from one
//! source: against crossbeam-channel, and with the `use` line changed. Both
//! must compile, and print the same.
#![cfg(not(loom))]

mod with_crossbeam {
    use crossbeam_channel as chan;

    include!("migration/program.rs");
}

mod with_chan_core {
    use chan_core as chan;

    include!("migration/program.rs");
}

#[test]
fn the_same_program_prints_the_same() {
    assert_eq!(with_crossbeam::run(), with_chan_core::run());
}
