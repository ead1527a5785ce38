//! What tools have left that were killed: groups with nobody to remove them.
//!
//! No list says which: each group in use is locked by its tool, and the
//! kernel lets go of a lock when its owner has ended.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use process::{Call, Error, Result};

use crate::group::PREFIX;
use crate::hierarchy::hierarchies;
use crate::kill::{children, remove};

/// How many groups are looked at before another is made: however many there
/// are, a start takes as long.
const LOOKS: usize = 32;

/// Removes what is left directly below `parent`, and what else was of the same
/// tool. `parent` is where each tool makes its first group and removes its
/// last: whoever has left none there has left none.
///
/// If there are more than a few, it depends on `luck` which are looked at.
pub(crate) fn sweep(parent: &Path, luck: usize) -> Result<()> {
    for group in some_of(parent, luck) {
        let Some(_lock) = try_lock(&group)? else { continue };
        let mut places = all_groups()?;
        places.retain(|place| place.file_name() == group.file_name());
        for place in places.iter().rev() {
            match remove(place) {
                Err(error) if is_left_to_others(&error) => break,
                result => result?,
            }
        }
    }
    Ok(())
}

/// The same in one tree alone: that of version 2 is not mounted everywhere, and
/// who did not see it has left it out above.
pub(crate) fn sweep_alone(parent: &Path, luck: usize) -> Result<()> {
    for group in some_of(parent, luck) {
        match remove_leftover(&group) {
            Err(error) if is_left_to_others(&error) => {}
            result => result?,
        }
    }
    Ok(())
}

/// It is another user's, who will remove it. Or somebody in there is slow to
/// die, and the next start will: it is no fault of this one.
fn is_left_to_others(error: &Error) -> bool {
    matches!(error.errno(), Some(Errno::EACCES | Errno::EBUSY))
}

fn some_of(parent: &Path, luck: usize) -> impl Iterator<Item = PathBuf> {
    let mut groups: Vec<_> =
        children(parent).into_iter().filter(|p| is_ours(p)).collect();
    let count = groups.len();
    groups.rotate_left(luck.checked_rem(count).unwrap_or(0));
    groups.into_iter().take(LOOKS)
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
