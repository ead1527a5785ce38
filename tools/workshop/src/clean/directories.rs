//! Directories: found without following a link, removed without leaving one.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use process::{Call, Error, Result};

use super::{Leftover, mounts};

/// The directories in a directory, and no links to directories: what a link
/// leads to may be anybody's.
pub(super) fn directories_in(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(Vec::new());
        }
        result => result.call(format_args!("open({directory:?})"))?,
    };
    let is_directory =
        |entry: &fs::DirEntry| entry.file_type().is_ok_and(|t| t.is_dir());
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok().filter(is_directory)?.path()))
        .collect();
    paths.sort();
    Ok(paths)
}

pub(super) fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

pub(super) fn leftover(kind: &str, path: PathBuf) -> Leftover {
    Leftover {
        description: format!("{kind} {}", path.display()),
        remove: Box::new(move || remove(&path)),
    }
}

/// Removes the tree. Links in it are removed, not followed: that is a promise
/// of [`fs::remove_dir_all`].
fn remove(directory: &Path) -> Result<()> {
    if mounts::any_in(directory)? {
        return Err(Error::new(format_args!(
            "something is mounted in {directory:?}"
        ))
        .with_hint("look what it is, and unmount it first"));
    }
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result.call(format_args!("unlink({directory:?})")),
    }
}
