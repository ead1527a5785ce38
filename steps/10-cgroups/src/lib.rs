//! A share of the machine: cgroups(7).
//!
//! A *group* is a directory, in a file system that the kernel makes up. The
//! processes in it are counted together and limited together, with all that
//! they start. A *controller* does so for one thing: `cpu`, `memory`, `pids`.
//! Namespaces take away what a process can see; groups, what it can use up.
//!
//! There are two versions. In version 1 each controller has a tree of groups
//! of its own. In version 2 there is one tree for all, and a group says which
//! controllers its children get. Many a machine has both, a controller being
//! in one or in the other. So the question is never which version a machine
//! has, but where a controller is: [`hierarchy`] looks, and the tables of
//! [`v1`] and [`v2`] say what to write there.

mod bpf;
mod devices;
mod freezer;
mod group;
mod hierarchy;
mod inside;
mod kill;
mod limit;
mod memory;
mod options;
mod priority;
mod running;
mod shaping;
mod sweep;
mod systemd;
mod usage;
mod v1;
mod v2;
mod write;

pub use freezer::{freeze, is_frozen, thaw};
pub use group::{Group, INSIDE, door_of};
pub use hierarchy::{Hierarchy, Version, hierarchies};
pub use inside::{mount_groups, unshare};
pub use options::GroupOptions;
pub use running::{Running, running};
pub use shaping::shape;
pub use sweep::{all_groups, leftovers, remove_leftover};
pub use usage::Usage;
