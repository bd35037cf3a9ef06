//! The measurements that two programs share: `compare`, which runs all
//! contenders side by side, and `growth`, which draws what an operation costs
//! against how much there is of something. `watch-cost`, `soak` and
//! `callgrind` stand alone.

#![recursion_limit = "512"]

mod bytes;
mod case;
mod compare;
mod contenders;
mod environment;
mod faces;
mod growth;
mod measure;
mod outcome;
mod process;
mod report;
mod rows;
mod runner;
mod session;
mod workloads;

pub use compare::main as compare;
pub use growth::main as growth;
