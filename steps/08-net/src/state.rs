//! What the containers of one bridge share on the host: a directory, which is
//! also the lock by which only one of them at a time changes something.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use process::{Call, Hint, Result};

use crate::namespace::Namespace;

/// Where there is one directory for each network namespace with a bridge.
pub const STATE: &str = "/run/workshop/net";

/// The directory of the caller's network namespace.
pub fn directory() -> Result<PathBuf> {
    let namespace = Namespace::current()?;
    let found = namespace.as_fd().try_clone_to_owned().map(File::from);
    let found = found.and_then(|f| f.metadata()).call("fstat(ns/net)")?;
    Ok(Path::new(STATE).join(found.ino().to_string()))
}

/// The directory, locked as long as this lives: flock(2). The kernel unlocks
/// it when the process ends.
#[derive(Debug)]
pub struct Locked {
    pub(crate) path: PathBuf,
    _lock: Flock<File>,
}

impl Locked {
    /// Makes the directory if need be, and waits for the lock.
    pub fn wait(path: &Path) -> Result<Self> {
        loop {
            let made = fs::create_dir_all(path);
            if made.as_ref().is_err_and(is_missing) {
                continue; // Somebody has removed the one above meanwhile.
            }
            made.call(format_args!("mkdir({path:?})")).hint(
                Errno::EACCES,
                "it takes root; a user namespace can mount a file system \
                     of its own on /run: `mount -t tmpfs run /run`",
            )?;
            let Some(locked) = Self::lock(path)? else { continue };
            return Ok(locked);
        }
    }

    /// None, if the last one to use it has removed it meanwhile.
    fn lock(path: &Path) -> Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if is_missing(&error) => return Ok(None),
            file => file.call(format_args!("open({path:?})"))?,
        };
        let inode = file.metadata().call(format_args!("stat({path:?})"))?.ino();
        let lock = Flock::lock(file, FlockArg::LockExclusive)
            .map_err(|(_, errno)| errno)
            .call(format_args!("flock({path:?})"))?;
        let is_it = fs::metadata(path).is_ok_and(|now| now.ino() == inode);
        Ok(is_it.then(|| Self { path: path.into(), _lock: lock }))
    }

    /// Writes a file that others read, in place: it is mounted elsewhere.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .call(format_args!("write({path:?})"))
    }

    /// Removes all, since nobody uses it any more.
    pub fn remove(self) -> Result<()> {
        let path = &self.path;
        fs::remove_dir_all(path).call(format_args!("rmdir({path:?})"))?;
        // Others may have theirs in there.
        for empty in path.ancestors().skip(1).take(2) {
            let _ = fs::remove_dir(empty);
        }
        Ok(())
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}
