//! Open files: a directory that is open stays a way to all that lies below
//! and above it, whatever the root directory is.

use std::fs;
use std::os::fd::RawFd;

use nix::errno::Errno;
use process::{Call, Error, Hint, Result};

/// The first descriptor behind standard input, output and error.
const FIRST: RawFd = 3;

/// Marks every file that the caller left open, but for the three standard
/// ones, to be closed by execve(2).
///
/// Marked and not closed, since something in this very process may own one
/// and still need it. Call it while `/proc` is in reach.
pub fn close_inherited_files() -> Result<()> {
    let flags = libc::CLOSE_RANGE_CLOEXEC as libc::c_int;
    // SAFETY: close_range(2) touches no memory, and with this flag it closes
    // nothing yet, so no owner in this process loses its file.
    let result = unsafe { libc::close_range(FIRST as u32, u32::MAX, flags) };
    Errno::result(result)
        .call("close_range(3, max, CLOSE_RANGE_CLOEXEC)")
        .hint(Errno::ENOSYS, "it takes Linux 5.9")
        .hint(Errno::EINVAL, "it takes Linux 5.11")?;

    for fd in open_descriptors()? {
        must_close_on_exec(fd)?;
    }
    Ok(())
}

/// The descriptors of this process from [`FIRST`] on.
fn open_descriptors() -> Result<Vec<RawFd>> {
    let directory = "/proc/self/fd";
    let entries = fs::read_dir(directory)
        .call(format_args!("open({directory:?})"))
        .hint(Errno::ENOENT, "mount -t proc proc /proc")?;
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.call(format_args!("getdents({directory:?})"))?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.parse::<RawFd>().ok());
        found.extend(number.filter(|fd| *fd >= FIRST));
    }
    Ok(found)
}

fn must_close_on_exec(fd: RawFd) -> Result<()> {
    // SAFETY: F_GETFD reads a flag of whatever the number stands for.
    match unsafe { libc::fcntl(fd, libc::F_GETFD) } {
        flags if flags & libc::FD_CLOEXEC != 0 => Ok(()),
        // The directory that was being read has been closed since.
        -1 if Errno::last() == Errno::EBADF => Ok(()),
        _ => Err(Error::new(format_args!(
            "descriptor {fd} would stay open for the command"
        ))),
    }
}
