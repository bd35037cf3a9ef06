//! Bytes as a script, done to a channel and to the plain model of one. Any
//! difference is a panic, hence a crash. The driver is that of the test
//! `chan-core/tests/model.rs`.
//!
//! `.ci/run fuzz` builds and runs it; `cargo fuzz run channel` does too. A
//! crash is run again with the file it left as the only argument.
#![no_main]

#[path = "../../chan-core/tests/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    model::run(&model::Script::decode(bytes));
});
