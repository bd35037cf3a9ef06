//! Closed worlds: what is proven in one, and what keeps a world from being
//! called closed.
//!
//! Each test has a process to itself: a world counts as open while other tests
//! run beside it.
#![cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]

mod common;
mod open;
mod proven;
