//! `run`: make a container, let it go, and wait for it or leave it alone.

use process::Result;

use crate::attend::Owner;
use crate::create::create;
use crate::front::{self, Front};
use crate::log::Log;
use crate::options::RunOptions;
use crate::own_binary;
use crate::store::Store;
use crate::timing::Timing;

/// Runs the command; gives its exit code.
///
/// Whoever waits for the container to its end needs no other process: this one
/// owns it. Who may go before starts an owner.
pub fn run(store: &Store, options: &RunOptions) -> Result<u8> {
    options.check()?;
    let ids = options.ids.choose()?;
    own_binary::protect(|uid| ids.has_user(uid))?;
    match options.detach || options.streams.tty {
        false => own(store, options, &ids, None),
        true => front::start(options.streams.tty, |front| {
            own(store, options, &ids, Some(front))
        }),
    }
}

/// Makes the container, and owns it to its end.
fn own(
    store: &Store,
    options: &RunOptions,
    ids: &user::Ids,
    front: Option<Front>,
) -> Result<u8> {
    let mut timing = Timing::start();
    let (inside, mut streams) = options.streams.make(options.detach)?;
    let mut created = create(store, options, ids, inside, &mut timing)?;
    created.start()?;
    timing.note("let go");
    streams.take_made()?;
    // Only then is there an id to print: what can't be started is forgotten.
    let failed = match options.detach || options.timing {
        true => streams.wait_until_started()?,
        false => None,
    };
    timing.note("started");

    let log = match &front {
        Some(_) => Some(Log::create(&created.claim.path)?),
        None => None, // It writes to the caller's own files.
    };
    let front = match front {
        Some(front) if options.detach && failed.is_none() => {
            println!("{}", created.record.id);
            front.let_go()?;
            None
        }
        front => front, // It waits with us.
    };
    let is_watched = !options.detach;
    let code =
        Owner::new(&created.child, streams, log, front, is_watched)?.wait()?;
    timing.note("ended");
    created.finish(code, failed.is_some())?;
    timing.note("removed");
    if options.timing {
        timing.print();
    }
    Ok(code)
}
