//! Writing to a file of the kernel's, and what its answers mean.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use nix::errno::Errno;
use process::{Call, Hint, Result};

/// Writes in one call: the kernel takes each for an order.
pub(crate) fn write(group: &Path, file: &str, value: &str) -> Result<()> {
    let path = group.join(file);
    let open = File::options().write(true).open(&path);
    let controller = file.split('.').next().unwrap_or_default();
    let missing = format!(
        "{file} is not here: the controller {controller} was not handed on to \
         this group, or this kernel lacks the file"
    );
    let denied = match controller {
        "cpuset" => {
            "the group above has not all of these, or belongs to somebody \
             else: see its cpuset.cpus and cpuset.mems"
        }
        _ => {
            "the group belongs to somebody else: it must be delegated to you, \
             which `systemd-run --user --scope -p Delegate=yes COMMAND` does, \
             or run it as root; --cgroups disabled goes without a group"
        }
    };
    open.and_then(|mut file| file.write_all(value.as_bytes()))
        .call(format_args!("{controller}: write({path:?}, {value:?})"))
        .hint(Errno::ENOENT, missing)
        .hint(Errno::EACCES, denied)
        .hint(Errno::EPERM, denied)
        .hint(Errno::EROFS, "the groups are read-only here, as in a container")
        .hint(
            Errno::EINVAL,
            "the kernel takes no such value: above what the machine or the \
             group above has, or not in the form of this file",
        )
        .hint(Errno::ERANGE, "more than the machine has, or the kernel counts")
        .hint(
            Errno::ENODEV,
            "there is no such device, or it is a part of one: limits are for \
             whole disks",
        )
        .hint(Errno::EBUSY, "more than that is in use already")
        .hint(
            Errno::ENOSPC,
            "the group has no CPUs or no memory nodes yet: give the group \
             above some, by its cpuset.cpus and cpuset.mems",
        )
        .hint(Errno::EOPNOTSUPP, "the group is no ordinary one: cgroup.type")
}
