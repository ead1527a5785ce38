//! Directories for the canaries, which go when the planter goes.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use process::{Call, Result};

/// A directory that is removed in the end.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
}

impl Directory {
    /// Makes it; nobody else may enter it yet.
    pub(crate) fn make(path: PathBuf) -> Result<Self> {
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .call(format_args!("mkdir({path:?})"))?;
        Ok(Self { path })
    }

    /// Removes it and what is in it, but nothing below: if a mount is left
    /// there, this fails instead of emptying what is mounted.
    fn remove(&self) -> std::io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir(entry.path())?,
                false => fs::remove_file(entry.path())?,
            }
        }
        fs::remove_dir(&self.path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = self.remove() {
            eprintln!("attacks: rm -r {:?}: {error}", self.path);
        }
    }
}

/// chmod(2), since the mode that a file is made with is cut by the umask.
pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .call(format_args!("chmod({path:?}, {mode:04o})"))
}
