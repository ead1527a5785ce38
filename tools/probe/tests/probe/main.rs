//! What probe says, held against the kernel and against what was done to it.

// clippy.toml allows these in functions that are tests; here all is test.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod agreement;
mod command;
mod namespaces;
mod restraints;
mod support;
mod without_proc;
