//! The learner's and teacher's command, and what the tests share with it.

pub mod host;
pub mod ladder;
pub mod planted;
pub mod repository;
pub mod test;
