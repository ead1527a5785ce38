//! What does this process see?
//!
//! A [`Report`] holds, for each resource that the kit's steps take away, what
//! a process sees of it; [`compare`] tells from two reports which resources
//! the one process shares with the other. What can't be read is `unknown`,
//! with the reason, and never guessed.
//!
//! [`RESOURCES`] is the table of contents: what is looked at, who reads it,
//! and by which [`Rule`] it is compared.

mod cgroup_limits;
mod cgroups;
mod compare;
mod descriptors;
mod devices;
mod files;
mod ipc;
mod landlock;
mod limits;
mod namespaces;
mod network;
mod owners;
mod privileges;
mod processes;
mod report;
mod resources;
mod routes;
mod sockets;
mod subject;
mod surroundings;
mod users;

pub use compare::{Comparison, Rule, Verdict, compare};
pub use report::{Fact, Known, Report, Side, Value};
pub use resources::{RESOURCES, Resource};
