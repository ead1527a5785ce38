//! What the kernel can do with mounts, by the calls that it has.
//!
//! The new calls (Linux 5.2 to 5.12) make a mount first, finish it while
//! nobody sees it, and then put it into the tree. The old mount(2) does it
//! the other way round, and by paths. It is the fallback where the new ones
//! are missing: in a container whose seccomp filter is older than they.

mod new;
mod old;

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::mount::MsFlags;
use process::{Call, Result};

use crate::root::{Place, Source};

/// A file system to be made.
pub(crate) struct Filesystem<'a> {
    pub(crate) kind: &'a str,
    /// `MS_RDONLY`, `MS_NOSUID`, `MS_NODEV`, `MS_NOEXEC`.
    pub(crate) flags: MsFlags,
    /// Those of its own: tmpfs(5), and proc(5) for the others.
    pub(crate) options: &'a [(&'a str, &'a str)],
}

/// For a file system in which nothing is a device, nor a program.
pub(crate) fn inert() -> MsFlags {
    MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC
}

/// Which calls there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    New,
    Old,
}

impl Api {
    /// Asks for the youngest of the new calls, with arguments that are wrong.
    pub(crate) fn detect() -> Self {
        // SAFETY: the kernel refuses a structure of size 0 before it looks
        // at it.
        let result = unsafe {
            libc::syscall(libc::SYS_mount_setattr, -1, c"".as_ptr(), 0, 0, 0)
        };
        match Errno::result(result) {
            Err(Errno::EINVAL) => Self::New,
            _ => Self::Old,
        }
    }

    /// Mounts a new file system at `at`. Gives its root directory.
    pub(crate) fn mount(
        self,
        filesystem: &Filesystem,
        at: &Place,
    ) -> Result<OwnedFd> {
        match self {
            Self::New => new::mount(filesystem, at),
            Self::Old => old::mount(filesystem, at),
        }
    }

    /// Mounts what is at `from`, and all that is mounted below it, at `at` as
    /// well. Every one of these mounts gets the flags. Gives the top one.
    pub(crate) fn bind(
        self,
        from: &Place,
        at: &Place,
        flags: MsFlags,
    ) -> Result<OwnedFd> {
        match self {
            Self::New => new::bind(from, at, flags),
            Self::Old => old::bind(from, at, flags),
        }
    }

    /// The same with what may be in no table yet.
    pub(crate) fn attach(
        self,
        from: &Source,
        at: &Place,
        flags: MsFlags,
    ) -> Result<OwnedFd> {
        match from {
            Source::Here(place) => self.bind(place, at, flags),
            Source::Detached(tree) => {
                let tree = tree.fd.try_clone().call("dup()")?;
                new::finish(tree, at, flags)
            }
        }
    }

    /// Copies what is there, and all that is mounted below it, out of the
    /// mount table. The old call has no such thing.
    pub(crate) fn detach(place: &Place) -> Result<OwnedFd> {
        new::detach(place)
    }

    /// Makes this one mount, and none below it, read-only or writable.
    pub(crate) fn set_read_only(self, mount: &Place, is: bool) -> Result<()> {
        match self {
            Self::New => new::set_read_only(mount, is),
            Self::Old => old::set_read_only(mount, is),
        }
    }
}
