//! `run`: make a container, let it go, and wait for it or leave it alone; and
//! `create`, which leaves it alone before it is let go.

use process::Result;

use crate::create::{create, make};
use crate::front::{self, Front};
use crate::options::{Prepared, RunOptions};
use crate::store::Store;
use crate::streams::Caller;
use crate::timing::Timing;

/// Runs the command; gives its exit code.
///
/// Whoever waits for the container to its end needs no other process: this one
/// owns it. Who may go before starts an owner.
pub fn run(store: &Store, options: &RunOptions) -> Result<u8> {
    let prepared = options.prepare()?;
    match options.detach || options.streams.tty {
        false => own(store, &prepared, None),
        true => front::start(options.streams.tty, |front| {
            own(store, &prepared, Some(front))
        }),
    }
}

/// Makes the container, and owns it to its end.
fn own(store: &Store, prepared: &Prepared, front: Option<Front>) -> Result<u8> {
    let options = prepared.options;
    let mut timing = Timing::start();
    let caller = caller_of(options);
    let mut created = make(store, prepared, caller, &mut timing)?;
    let failed = created.start()?;
    timing.note("started");

    let front = match front {
        // Only then is there an id to print.
        Some(front) if options.detach && failed.is_none() => {
            println!("{}", created.record.id);
            front.let_go()?;
            None
        }
        front => front, // It waits with us.
    };
    let code = created.attend(front, !options.detach)?;
    timing.note("ended");
    // Whom nobody has been told of is forgotten.
    created.finish(code, options.detach && failed.is_some())?;
    timing.note("removed");
    if options.timing {
        timing.print();
    }
    Ok(code)
}

/// Nobody could read the log of a container that is forgotten when it ends,
/// while somebody waits for it: so there is none, and what it writes takes no
/// way round.
fn caller_of(options: &RunOptions) -> Caller {
    match (options.detach, options.rm && !options.streams.tty) {
        (true, _) => Caller::Leaves,
        (false, true) => Caller::Lends,
        (false, false) => Caller::Listens,
    }
}

/// Makes a container, prints its id, and leaves it to an owner in the
/// background until [`start`](crate::start) lets it go.
pub fn create_and_leave(store: &Store, options: &RunOptions) -> Result<u8> {
    let prepared = options.prepare()?;
    front::start(false, |front| {
        let mut created = create(store, &prepared)?;
        println!("{}", created.record.id);
        front.let_go()?;
        created.wait_for_start()?;
        created.wait()
    })
}
