//! The attacks work, know when they don't, and leave nothing behind.
//!
//! Each test runs in pretend hosts of its own: for real root, if the tests
//! are run by root, and for an ordinary user.

#![cfg(test)] // So clippy.toml allows `unwrap` in the helpers, too.

mod against;
mod exchange;
mod host;
mod plant;
