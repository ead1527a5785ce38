//! Groups of cgroups(7) whose tool was killed, or whose canary.

use std::path::PathBuf;

use nix::errno::Errno;
use process::{Call, Result};

use super::directories::directories_in;
use super::{Leftover, Place, canaries};

/// Those that no tool holds.
pub(super) fn find(_: &Place) -> Result<Vec<Leftover>> {
    let group = |path: PathBuf| Leftover {
        description: format!("group {}", path.display()),
        remove: Box::new(move || cgroups::remove_leftover(&path)),
    };
    let canary = |path: PathBuf| Leftover {
        description: format!("group {}", path.display()),
        remove: Box::new(move || remove_empty(&path)),
    };
    let groups = cgroups::leftovers()?.into_iter().map(group);
    Ok(groups.chain(canaries()?.into_iter().map(canary)).collect())
}

/// Beside the group that attacks are planted from, which is the caller's.
fn canaries() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for tree in cgroups::hierarchies()? {
        found.extend(directories_in(&tree.own)?);
    }
    found.retain(|path| canaries::holds(path));
    Ok(found)
}

fn remove_empty(group: &PathBuf) -> Result<()> {
    match std::fs::remove_dir(group).call(format_args!("rmdir({group:?})")) {
        Err(error) if error.errno() == Some(Errno::ENOENT) => Ok(()),
        result => result,
    }
}
