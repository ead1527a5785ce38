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
//! - what others do with it: `exec`, `lifecycle`, `views`, `logs`.

mod attend;
mod confine;
mod create;
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

pub use create::Created;
pub use exec::{ExecOptions, exec};
pub use life::{Event, Sight, Witness};
pub use lifecycle::{kill, pause, remove, stop};
pub use logs::{LogsOptions, logs};
pub use options::{ProcessOptions, RunOptions};
pub use record::Record;
pub use run::run;
pub use signal::parse as parse_signal;
pub use state::State;
pub use store::{Claim, Entry, Store};
pub use table::Format;
pub use views::{PsOptions, inspect, ps, stats, top};
