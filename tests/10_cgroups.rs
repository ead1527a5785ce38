//! 10-cgroups: shares of the machine.

#![allow(clippy::expect_used)] // A test says what it expects.
