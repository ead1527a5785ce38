//! What tools have left that were killed: groups with nobody to remove them.
//!
//! No list says which: each group in use is locked by its tool, and the
//! kernel lets go of a lock when its owner has ended.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use process::{Call, Result};

use crate::group::PREFIX;
use crate::hierarchy::hierarchies;
use crate::kill::{children, remove};

/// Removes what is left directly below `parent`.
pub(crate) fn sweep(parent: &Path) -> Result<()> {
    let groups = children(parent).into_iter().filter(|p| is_ours(p));
    for group in groups {
        match remove_leftover(&group) {
            // It is another user's, who will remove it.
            Err(error) if error.errno() == Some(Errno::EACCES) => {}
            result => result?,
        }
    }
    Ok(())
}

/// Removes a group, unless it is in use.
pub fn remove_leftover(group: &Path) -> Result<()> {
    match try_lock(group)? {
        Some(_lock) => remove(group),
        None => Ok(()),
    }
}

/// The groups of the kit that nobody uses.
pub fn leftovers() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for group in all_groups()? {
        if try_lock(&group)?.is_some() {
            found.push(group);
        }
    }
    Ok(found)
}

/// Every group of the kit, in each hierarchy.
pub fn all_groups() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for hierarchy in hierarchies()? {
        found.extend(groups_in(&hierarchy.top));
    }
    Ok(found)
}

/// Those below this directory.
pub(crate) fn groups_in(top: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    search(top, &mut found);
    found
}

/// Whether a tool holds it.
pub(crate) fn is_in_use(group: &Path) -> Result<bool> {
    Ok(group.exists() && try_lock(group)?.is_none())
}

fn search(directory: &Path, found: &mut Vec<PathBuf>) {
    for child in children(directory) {
        match is_ours(&child) {
            true => found.push(child),
            false => search(&child, found),
        }
    }
}

/// The lock, if nobody has it.
fn try_lock(path: &Path) -> Result<Option<Flock<File>>> {
    let file = match File::open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
            return Ok(None); // Somebody else was faster.
        }
        result => result.call(format_args!("open({path:?})"))?,
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => {
            Err(errno).call(format_args!("flock({path:?}, LOCK_NB)"))
        }
    }
}

/// By its name, which only the kit gives.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let digits = name.and_then(|name| name.strip_prefix(PREFIX));
    digits.is_some_and(|digits| {
        digits.len() == 12 && digits.bytes().all(|b| b.is_ascii_hexdigit())
    })
}
