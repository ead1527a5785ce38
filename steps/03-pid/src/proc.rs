//! The list of processes: proc(5).

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use process::{Call, Hint, Result};

use crate::lock::RootLock;

/// Mounts a `/proc` that shows the processes of this pid namespace, where ps(1)
/// looks for them. An old one would go on showing those of its own namespace.
///
/// The mount is in the mount table of the host, for everybody to see, and does
/// not go with the process: see [`Sweeper`](crate::Sweeper).
pub fn mount_proc(_: &RootLock) -> Result<()> {
    // Nothing in there is a program or a device, so nobody misses these.
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)
        .call("mount(\"proc\", \"/proc\", \"proc\")")
        .hint(Errno::ENOENT, "the root file system needs a directory /proc")
        .hint(Errno::ENOTDIR, "the root file system has a /proc that is none")
        .hint(
            Errno::EPERM,
            "in a user namespace it takes a /proc outside of which nothing is \
             covered: mount_namespaces(7)",
        )
}
