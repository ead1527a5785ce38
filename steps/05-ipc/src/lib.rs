//! Own System V IPC and POSIX message queues: ipc_namespaces(7).
//!
//! Both let processes share memory and messages by a *key*, a number, or by a
//! name that is no path of a file. So no root directory hides them. A new
//! IPC namespace begins without any, and takes its own along when its last
//! process ends.

mod sysctl;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use process::{Call, Hint, Result};

pub use sysctl::{SysctlOptions, set_sysctls};

/// Mounts the POSIX message queues of this namespace as files on
/// `/dev/mqueue`, where mq_overview(7) has them. mq_open(3) works without.
///
/// As `/proc` in [`pid::mount_proc`], this mount is in the host's mount table.
pub fn mount_mqueue(_: &pid::RootLock) -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("mqueue"), "/dev/mqueue", Some("mqueue"), flags, None::<&str>)
        .call("mount(\"mqueue\", \"/dev/mqueue\", \"mqueue\")")
        .hint(
            Errno::ENOENT,
            "the root file system needs a directory /dev/mqueue",
        )
        .hint(Errno::ENODEV, "this kernel has no POSIX message queues")
}
