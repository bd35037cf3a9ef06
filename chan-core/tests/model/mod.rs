//! A real channel and a plain model of one, led through the same script and
//! compared after every step. `../model.rs` makes scripts with proptest, the
//! fuzz target makes them from bytes; both call [`run`].
//!
//! - `ops`: what a script may do
//! - `plain`: the model, written from the documented rules
//! - `rule`: its rare places
//! - `value`: values and wakers that are counted
//! - `handles`: the handles of both faces behind one door
//! - `driver`: the two worlds side by side

#![allow(dead_code, reason = "the fuzz target does not use all of it")]

mod driver;
mod handles;
mod ops;
mod plain;
mod rule;
mod value;

pub(crate) use driver::run;
pub(crate) use ops::Script;
#[allow(unused_imports, reason = "the fuzz target does not use all of it")]
pub(crate) use rule::Rule;
