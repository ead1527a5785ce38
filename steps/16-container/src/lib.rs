//! All of it: a container with everything the steps before have taught, and a
//! life that can be looked at and ended from elsewhere.
//!
//! Nothing about isolation is new here. `inside` is the recipe of all chapters,
//! one line each, in the order in which they must come. New is what happens
//! around it: a container has a name, is written down, and goes on when the
//! terminal is closed. There is no daemon for that. Each container has an
//! *owner*, the process that waits for its end, and whoever wants to know
//! whether it lives asks the kernel, which knows.
//!
//! A way through the files:
//!
//! - a container is made: `run`, `create`, `inside`, with `layer`, `confine`;
//! - who it is, and whether it lives: `store`, `record`, `life`, `state`;
//! - who looks after it: `front`, `attend`, with `streams`, `terminal`, `log`;
//! - what others do with it: `exec`, `lifecycle` with `door`, `views`, `logs`.
//!
//! The five operations of a runtime, as the OCI runtime specification names
//! them, are there one by one:
//!
//! ```no_run
//! use container::{RunOptions, State, Store, create, delete, kill};
//!
//! # fn main() -> process::Result<()> {
//! let options = RunOptions::of(&["--rootfs", "rootfs/busybox", "sleep", "9"])?;
//! let prepared = options.prepare()?;
//! let store = Store::open(None)?;
//! let mut created = create(&store, &prepared)?;
//!
//! // From here on others can find it, in any process.
//! let entry = store.find(&created.record.id)?;
//! assert_eq!(entry.state()?, State::Created);
//! created.start()?; // or `container::start(&entry)`, from another process
//! assert_eq!(entry.state()?, State::Running);
//! kill(&entry, 9)?;
//! assert_eq!(created.wait()?, 137); // which takes down what was made for it
//! assert_eq!(entry.state()?, State::Exited);
//! delete(&store, &entry, false)
//! # }
//! ```
//!
//! `create` makes a process, so its caller may have no other thread, and owns
//! the container: if it ends, so does the container.

mod attend;
mod confine;
mod create;
mod door;
mod exec;
mod front;
mod group;
mod handover;
mod id;
mod inside;
mod layer;
mod leftover;
mod life;
mod lifecycle;
mod log;
mod logs;
mod options;
mod own_binary;
mod record;
mod run;
mod signal;
mod state;
mod store;
mod streams;
mod table;
mod terminal;
mod time;
mod timing;
mod views;

pub use create::{Created, create};
pub use exec::{ExecOptions, exec};
pub use life::{Event, Sight, Witness};
pub use lifecycle::{delete, kill, pause, start, stop};
pub use logs::{LogsOptions, logs};
pub use options::{Prepared, ProcessOptions, RunOptions};
pub use record::Record;
pub use run::{create_and_leave, run};
pub use signal::parse as parse_signal;
pub use state::State;
pub use store::{Claim, Entry, Store};
pub use table::Format;
pub use views::{PsOptions, inspect, ps, stats, top};
