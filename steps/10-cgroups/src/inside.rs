//! What the container sees of its group.

use std::fs::create_dir;
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use nix::unistd::symlinkat;
use process::{Call, Hint, Result};

use crate::hierarchy::{Hierarchy, Version, hierarchies};
use crate::options::GroupOptions;

/// Makes the groups that this process is in the highest that it sees:
/// cgroup_namespaces(7). Call it when the process is where it belongs.
///
/// Gives the trees that it was moved in: those that are mounted here. In
/// another one it is where its caller is.
pub fn unshare() -> Result<Vec<Hierarchy>> {
    let trees = hierarchies()?; // by the names of outside
    nix::sched::unshare(CloneFlags::CLONE_NEWCGROUP)
        .call("unshare(CLONE_NEWCGROUP)")
        .hint(Errno::EPERM, "it takes root (CAP_SYS_ADMIN)")?;
    Ok(trees)
}

/// Mounts these trees on `/sys/fs/cgroup`. Call it when `/sys` is the
/// container's own.
pub fn mount_groups(options: &GroupOptions, trees: &[Hierarchy]) -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let read_only = match options.writable_cgroups {
        true => MsFlags::empty(),
        false => MsFlags::MS_RDONLY,
    };
    let top = Path::new("/sys/fs/cgroup");
    match trees {
        [] => {}
        [only] if only.version == Version::V2 => {
            mount_alone(top, flags, read_only)?;
        }
        several => {
            mount_at(top, "tmpfs", flags, "mode=755,size=64k")?;
            for tree in several {
                mount_tree(top, &tree.name(), flags | read_only)?;
            }
            let remount = flags | MsFlags::MS_RDONLY | MsFlags::MS_REMOUNT;
            mount_at(top, "tmpfs", remount, "")?;
        }
    }
    Ok(())
}

/// The only one. Who has the caller's network has the caller's `/sys` too, and
/// with it all groups. They are hidden first: the kernel mounts no file system
/// on itself.
fn mount_alone(top: &Path, flags: MsFlags, read_only: MsFlags) -> Result<()> {
    let mount = || mount_at(top, "cgroup2", flags | read_only, "");
    match mount() {
        Err(error) if error.errno() == Some(Errno::EBUSY) => {
            mount_at(top, "tmpfs", flags | MsFlags::MS_RDONLY, "size=64k")?;
            mount()
        }
        result => result,
    }
}

/// One of several, in a directory of its own: where systemd mounts it.
fn mount_tree(top: &Path, names: &str, flags: MsFlags) -> Result<()> {
    let (directory, kind) = match names {
        "" => ("unified", "cgroup2"),
        _ => (names.strip_prefix("name=").unwrap_or(names), "cgroup"),
    };
    let at = top.join(directory);
    create_dir(&at).call(format_args!("mkdir({at:?})"))?;
    let is_named = names.starts_with("name=");
    let none = if is_named { "none," } else { "" };
    mount_at(&at, kind, flags, &format!("{none}{names}"))?;
    // `cpu,cpuacct` is looked for by either name.
    for name in names.split(',').filter(|_| names.contains(',')) {
        symlinkat(directory, nix::fcntl::AT_FDCWD, &top.join(name))
            .call(format_args!("symlink({directory:?}, {name:?})"))?;
    }
    Ok(())
}

fn mount_at(
    at: &Path,
    kind: &str,
    flags: MsFlags,
    options: &str,
) -> Result<()> {
    mount(Some(kind), at, Some(kind), flags, Some(options))
        .call(format_args!("mount({kind:?}, {at:?}, {options:?})"))
        .hint(Errno::ENOENT, "a volume covers /sys: this kernel's is needed")
        .hint(Errno::EPERM, "in a user namespace the groups must be its own")
}
