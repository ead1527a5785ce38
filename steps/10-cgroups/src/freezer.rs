//! Stand still, and go on: the freezer of cgroups(7).
//!
//! A frozen process is not told and can't refuse, unlike with SIGSTOP: it gets
//! no time until it is thawed. Version 2 has a file for it in each group, in
//! version 1 it is a controller with a tree of its own.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use process::{Call, Error, Result};

use crate::write::write;

/// How often it is looked whether all stand still.
const TRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(5);

/// Stops all processes of the group, and those of the groups below. When it
/// returns, all stand still.
pub fn freeze(group: &Path) -> Result<()> {
    set(group, true)?;
    for _ in 0..TRIES {
        if is_frozen(group)? {
            return Ok(());
        }
        sleep(PAUSE);
    }
    thaw(group)?;
    Err(Error::new(format_args!("{group:?} does not stand still")).with_hint(
        "a process in there waits for a disk or a network file system, and \
         can't be stopped meanwhile: it goes on",
    ))
}

/// Lets them go on.
pub fn thaw(group: &Path) -> Result<()> {
    set(group, false)
}

/// Whether all in there stand still. Those of a tree of version 1 can, if it is
/// the freezer's.
pub fn is_frozen(group: &Path) -> Result<bool> {
    let (file, word) = match group.join("cgroup.events") {
        events if events.exists() => (events, "frozen 1"),
        _ => (group.join("freezer.state"), "FROZEN"),
    };
    match fs::read_to_string(&file).call(format_args!("read({file:?})")) {
        Ok(text) => Ok(text.lines().any(|line| line == word)),
        // This tree freezes nobody, or the group has gone.
        Err(error)
            if matches!(error.errno(), Some(Errno::ENOENT | Errno::ENODEV)) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Whether the group is in a tree in which groups can be frozen.
pub(crate) fn can_freeze(group: &Path) -> bool {
    group.join("cgroup.freeze").exists() || group.join("freezer.state").exists()
}

fn set(group: &Path, is: bool) -> Result<()> {
    if group.join("cgroup.freeze").exists() {
        return write(group, "cgroup.freeze", if is { "1" } else { "0" });
    }
    if group.join("freezer.state").exists() {
        let state = if is { "FROZEN" } else { "THAWED" };
        return write(group, "freezer.state", state);
    }
    Ok(())
}
