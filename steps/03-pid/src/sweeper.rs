//! Remove a mount when a container has ended, however it ended.
//!
//! A mount belongs to a mount table, and here that is the host's. So somebody
//! outside must remove it, and not the tool alone: SIGKILL leaves it no time.
//! A mount table of the container's own, as `06-mount` has it, makes all of
//! this unnecessary.

use std::convert::Infallible;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::exit;

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{chroot, fchdir, setsid};
use process::{Call, Error, Hint, Result};

use crate::clone::Child;
use crate::gate::Gate;
use crate::lock::RootLock;

/// A process that waits for the end of a container, and then unmounts what
/// the container has mounted.
#[must_use = "call `finish` when the container has ended"]
#[derive(Debug)]
pub struct Sweeper(process::Child);

impl Sweeper {
    /// Starts it for the mounts at `targets`, paths below `root`. It opens the
    /// gate when it is ready: nothing may be mounted before.
    pub fn start(
        container: &Child,
        root: &Path,
        targets: &[&str],
        gate: &Gate,
    ) -> Result<Self> {
        // Opened now, since the path may be another directory by then.
        let root = File::options()
            .read(true)
            .custom_flags(libc::O_DIRECTORY)
            .open(root)
            .call(format_args!("open({root:?})"))
            .hint(
                Errno::ENOENT,
                "`cargo workshop setup` makes root file systems",
            )
            .hint(Errno::ENOTDIR, "the new root must be a directory")?;
        process::spawn(|_| {
            // Neither Ctrl-C nor the end of the terminal are meant for it.
            setsid().call("setsid()")?;
            gate.open()?;
            wait_for_end(container.pidfd())?;
            sweep(&root, targets)
        })
        .map(Self)
    }

    /// Waits until all is unmounted. Call it when the container has ended.
    pub fn finish(self) -> Result<()> {
        let pid = self.0.pid();
        // Not by `process::Child::wait`: the wait for the container has read
        // a SIGCHLD that may have been this one's too.
        match waitpid(pid, None).call(format_args!("waitpid({pid})"))? {
            WaitStatus::Exited(_, 0) => Ok(()),
            _ => Err(Error::new("the container's mounts were not removed")
                .with_hint("`cargo workshop clean` removes them")),
        }
    }
}

/// Waits for a process that is no child of ours, which waitpid(2) can't. Number
/// 1 of a pid namespace ends last, when the kernel has killed all others.
fn wait_for_end(pidfd: BorrowedFd) -> Result<()> {
    let mut events = [PollFd::new(pidfd, PollFlags::POLLIN)];
    poll(&mut events, PollTimeout::NONE).call("poll(pidfd)").map(drop)
}

fn sweep(root: &File, targets: &[&str]) -> Result<Infallible> {
    // As the container did, so that a path leads to where it did in there.
    fchdir(root.as_fd()).call("fchdir(root)")?;
    chroot(".").call("chroot(\".\")")?;
    let _lock = RootLock::take()?; // between the look and the call, nobody mounts
    while !is_alive(Path::new("/proc")) && unmount(targets)? {
        // Below it may be that of another container that has ended.
    }
    exit(0)
}

/// Whether `proc` shows a process 1 that lives. Then it is not ours to remove:
/// it is the host's, if the two have one root directory, or that of another
/// container, which will remove ours when it ends.
fn is_alive(proc: &Path) -> bool {
    // Followed, this link leads nowhere once the process has ended, also
    // while nobody has waited for it: proc_pid_root(5).
    proc.join("1/root").exists()
}

/// Unmounts what there is at each of the targets; whether there was anything.
fn unmount(targets: &[&str]) -> Result<bool> {
    let mut found = false;
    for target in targets {
        match umount2(*target, MntFlags::MNT_DETACH) {
            // It was never mounted, or the command has unmounted it.
            Err(Errno::EINVAL | Errno::ENOENT) => {}
            result => {
                result.call(format_args!("umount2({target:?}, MNT_DETACH)"))?;
                found = true;
            }
        }
    }
    Ok(found)
}
