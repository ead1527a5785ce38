//! Own process numbers: pid_namespaces(7).
//!
//! The first process of a new pid namespace is number 1 in there, and sees no
//! process but those it starts. What is not seen can be neither signalled nor
//! traced. When number 1 ends, the kernel kills all others.
//!
//! Number 1 is more than a number. The kernel makes it the parent of every
//! orphan, and spares it from signals that it does not handle. A program that
//! does not know this is a bad number 1, and [`run`] can put an init before
//! it.

mod clone;
mod gate;
mod init;
mod lock;
mod parent;
mod proc;
mod sweeper;

pub use clone::{Child, spawn, spawn_into};
pub use gate::Gate;
pub use init::{InitOptions, run};
pub use lock::RootLock;
pub use parent::{Parent, die_with};
pub use proc::mount_proc;
pub use sweeper::Sweeper;
