//! The learner's and teacher's command, and what the tests share with it.

pub mod bench;
pub mod book;
pub mod clean;
pub mod demo;
pub mod doctor;
pub mod frame;
pub mod host;
pub mod hosts;
pub mod ladder;
pub mod linker;
pub mod matrix;
pub mod mountinfo;
pub mod packages;
pub mod planted;
pub mod repository;
pub mod setup;
pub mod soak;
pub mod sources;
pub mod test;
pub mod top;
pub mod vm;
