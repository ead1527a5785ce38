//! 09-vxlan: one network across hosts.
#![allow(clippy::expect_used)] // A test says what it expects.
