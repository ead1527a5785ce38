//! Virtual machines with kernels that this machine does not run.
//!
//! A guest has the machine's own tree as its root, so that it runs the very
//! programs that were built here, and changes nothing of it. The scripts in
//! `vm/` at the top say what happens within.

mod accelerator;
mod architecture;
pub mod exit;
mod guest;
pub mod kernels;
pub mod pair;
mod watch;

pub(crate) use guest::{Guest, Job};
pub(crate) use kernels::{directory, script};
pub(crate) use watch::{SILENCE, lines, lines_within};
