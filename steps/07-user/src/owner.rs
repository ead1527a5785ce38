//! Whose the files are: id-mapped mounts, mount_setattr(2).

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use caps::Capability;
use mount::{MountOptions, Sources};
use nix::errno::Errno;
use process::{Call, Error, Hint, Result};

use crate::options::{IdOptions, Ids, has};

/// Outside: what is to be mounted inside, ready to be handed over. Nothing if
/// the caller may not do so, and the process inside must find it by itself.
///
/// Root outside finds it, since root inside may be nobody to the directories
/// on the way. And root outside says whose the files are: the user namespace
/// has no power over a file system that it did not mount.
pub fn sources(
    rootfs: &Path,
    mounts: &MountOptions,
    options: &IdOptions,
    ids: &Ids,
    child: &pid::Child,
) -> Result<Option<Sources>> {
    let sources = Sources::open(rootfs, mounts)?;
    let is_root = has(Capability::CAP_SYS_ADMIN)?;
    let to_map = to_map(&sources, mounts, options, ids)?;
    if !is_root {
        return match to_map.is_empty() {
            true => Ok(None),
            false => Err(Error::new(format_args!(
                "{rootfs:?}, or a volume, belongs to somebody who is nobody \
                 inside, and it takes root (CAP_SYS_ADMIN) to map the owner"
            ))
            .with_hint(REMEDY)),
        };
    }
    let sources = sources.detach()?;
    let fds = sources.fds();
    for index in to_map {
        map_owners(fds[index], child)?;
    }
    Ok(Some(sources))
}

/// Inside: what was handed over; without it, what the same paths lead the same
/// user to.
pub fn received(
    handed: Vec<OwnedFd>,
    rootfs: &Path,
    mounts: &MountOptions,
) -> Result<Sources> {
    match handed.is_empty() {
        true => Sources::open(rootfs, mounts),
        false => Sources::received(handed, rootfs, mounts),
    }
}

const REMEDY: &str = "make a copy of your own, `cp -r`, or give the files to \
     the users of the map, `chown -R`, in a user namespace with `unshare \
     --map-auto --map-root-user chown -R`; or take it as it is: \
     --foreign-rootfs";

/// Which of the sources, of which ROOTFS is the first and the volumes follow,
/// are to be mapped: ROOTFS, if its owner is nobody inside, and the volumes
/// that the user named. Others keep their owners,
/// who are nobody inside: that is what protects them.
fn to_map(
    sources: &Sources,
    mounts: &MountOptions,
    options: &IdOptions,
    ids: &Ids,
) -> Result<Vec<usize>> {
    let mut indices = Vec::new();
    let rootfs = sources.fds()[0].try_clone_to_owned().map(File::from);
    let rootfs = rootfs.and_then(|file| file.metadata()).call("fstat(root)")?;
    let is_foreign = !ids.users.has_outside(rootfs.uid())
        || !ids.groups.has_outside(rootfs.gid());
    if is_foreign && !options.foreign_rootfs {
        indices.push(0);
    }
    for volume in &options.id_mapped {
        match mounts.places().position(|place| place == volume) {
            Some(index) => indices.push(index + 1),
            None => {
                return Err(Error::new(format_args!(
                    "there is no volume at {volume:?} whose owners to map"
                ))
                .with_hint("the path is the one inside: -v HOST:INSIDE"));
            }
        }
    }
    Ok(indices)
}

/// Maps the owners in all mounts of a tree that is in no table yet: a file of
/// user 0 on the disk belongs, in this mount, to the 0 of the user namespace.
fn map_owners(tree: BorrowedFd, child: &pid::Child) -> Result<()> {
    let path = format!("/proc/{}/ns/user", child.pid());
    let namespace = File::open(&path).call(format_args!("open({path:?})"))?;
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: namespace.as_fd().as_raw_fd() as u64,
    };
    let flags = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
    // SAFETY: the kernel reads as many bytes of the structure as it is told.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(result)
        .map(drop)
        .call("mount_setattr(MOUNT_ATTR_IDMAP, AT_RECURSIVE)")
        .hint(Errno::ENOSYS, format_args!("it takes Linux 5.12; {REMEDY}"))
        .hint(
            Errno::EINVAL,
            format_args!(
                "a file system of the tree can't: ext4, xfs and btrfs can, \
                 tmpfs from Linux 6.3 on, an overlay can't; {REMEDY}"
            ),
        )
        .hint(
            Errno::EPERM,
            format_args!(
                "the file system belongs to another user namespace, or its \
                 owners are mapped already; {REMEDY}"
            ),
        )
}
