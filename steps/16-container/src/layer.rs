//! A layer above the root file system, to which all changes go: overlayfs.
//!
//! Many containers can have one root file system, and none of them sees what
//! another has written. The layer is in memory, belongs to the mount namespace
//! of the container, counts as its memory, and ends with it: nobody has to
//! remove it.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};

use mount::{MountOptions, Sources};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::mount::{MntFlags, umount2};
use nix::sys::stat::{Mode, mkdirat};
use process::{Call, Error, Hint, Result};
use rustix::fs::XattrFlags;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags,
    fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen,
    move_mount, open_tree,
};

/// What is to be mounted, with a layer above ROOTFS. Where there can be none,
/// ROOTFS is read-only, and the user is told.
///
/// What is mounted here is seen by nobody else: the mount namespace is new, and
/// belongs to another user namespace than the host's, to which it passes
/// nothing on (mount_namespaces(7)).
pub(crate) fn put_on(
    sources: Sources,
    mounts: &MountOptions,
) -> Result<(Sources, MountOptions)> {
    // The kernel takes layers only from the mount table.
    let _attached = match sources.is_detached() {
        true => Some(Attached::new(sources.rootfs())?),
        false => None,
    };
    match above(sources.rootfs()) {
        Ok(layer) => Ok((sources.with_rootfs(layer), mounts.clone())),
        Err(error) if is_refusal(&error) => {
            eprintln!(
                "16-container: no writable layer, so the root file system is \
                 read-only: {error}"
            );
            let rootfs = copy(sources.rootfs())?;
            let mounts = mounts.clone().with_read_only();
            Ok((sources.with_rootfs(rootfs), mounts))
        }
        Err(error) => Err(error),
    }
}

/// The kernel can't: it has no overlayfs, or an older one.
fn is_refusal(error: &Error) -> bool {
    use Errno::{EINVAL, ENODEV, ENOSYS, EOPNOTSUPP, EPERM};
    let refusals = [EINVAL, ENODEV, ENOSYS, EOPNOTSUPP, EPERM];
    error.errno().is_some_and(|errno| refusals.contains(&errno))
}

/// A mount that nobody sees yet.
fn above(rootfs: BorrowedFd) -> Result<OwnedFd> {
    let memory = filesystem("tmpfs", &[("mode", "755")], &[])?;
    let _attached = Attached::new(memory.as_fd())?;
    for name in ["upper", "work"] {
        mkdirat(&memory, name, Mode::from_bits_truncate(0o755))
            .call(format_args!("mkdir({name:?})"))?;
    }
    make_like(rootfs, &memory)?;

    let (lower, memory) = (path_of(rootfs), path_of(memory.as_fd()));
    let options = [
        ("lowerdir", &*lower),
        ("upperdir", &*format!("{memory}/upper")),
        ("workdir", &*format!("{memory}/work")),
    ];
    // In a user namespace the notes of overlayfs are attributes of users.
    filesystem("overlay", &options, &["userxattr"])
}

/// Owner and mode of `/` are those of the upper directory.
fn make_like(rootfs: BorrowedFd, memory: &OwnedFd) -> Result<()> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let upper = openat(memory, "upper", flags, Mode::empty())
        .map(File::from)
        .call("open(\"upper\")")?;
    if let Err(error) = must_keep_attributes(&upper) {
        eprintln!(
            "16-container: a directory that is removed can't be made again: \
             {error}"
        );
    }
    let rootfs = rootfs.try_clone_to_owned().map(File::from);
    let rootfs = rootfs.and_then(|file| file.metadata());
    let rootfs = rootfs.call("fstat(rootfs)")?;
    // Nobody, if the owner has no number in here.
    let _ = fchown(&upper, Some(rootfs.uid()), Some(rootfs.gid()));
    let mode = std::fs::Permissions::from_mode(rootfs.mode() & 0o7777);
    upper.set_permissions(mode).call("fchmod(upper)")
}

/// By an attribute overlayfs notes that a directory hides the one below it.
/// Without, none can be made again that was removed.
fn must_keep_attributes(upper: &File) -> Result<()> {
    let name = "user.workshop";
    rustix::fs::fsetxattr(upper, name, b"", XattrFlags::empty())
        .and_then(|()| rustix::fs::fremovexattr(upper, name))
        .map_err(std::io::Error::from)
        .call("fsetxattr(tmpfs, \"user.workshop\")")
        .hint(
            Errno::EOPNOTSUPP,
            "a file system in memory keeps attributes of users from Linux 6.6 \
             on",
        )
}

/// The same tree of mounts once more, in no mount table.
fn copy(tree: BorrowedFd) -> Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    open_tree(tree, "", flags)
        .map_err(std::io::Error::from)
        .call("open_tree(rootfs, OPEN_TREE_CLONE)")
}

/// A new file system, mounted nowhere.
fn filesystem(
    kind: &str,
    options: &[(&str, &str)],
    flags: &[&str],
) -> Result<OwnedFd> {
    let errno = std::io::Error::from;
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)
        .map_err(errno)
        .call(format_args!("fsopen({kind:?})"))
        .hint(Errno::ENODEV, "this kernel has no such file system")?;
    for (key, value) in options {
        fsconfig_set_string(&context, *key, *value)
            .map_err(errno)
            .call(format_args!("fsconfig({kind:?}, {key:?}, {value:?})"))?;
    }
    for flag in flags {
        fsconfig_set_flag(&context, *flag)
            .map_err(errno)
            .call(format_args!("fsconfig({kind:?}, {flag:?})"))?;
    }
    fsconfig_create(&context)
        .map_err(errno)
        .call(format_args!("fsconfig({kind:?}, FSCONFIG_CMD_CREATE)"))
        .hint(
            Errno::EINVAL,
            "one of the layers can't be one: ids can be mapped in a layer \
             from Linux 5.19 on",
        )?;
    let close = FsMountFlags::FSMOUNT_CLOEXEC;
    fsmount(context.as_fd(), close, MountAttrFlags::empty())
        .map_err(errno)
        .call(format_args!("fsmount({kind:?})"))
}

/// A mount that is in the table for a moment, on top of the old root
/// directory. The layers made of it have copies of their own.
struct Attached(OwnedFd);

impl Attached {
    fn new(mount: BorrowedFd) -> Result<Self> {
        let root = open("/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
            .call("open(\"/\", O_PATH)")?;
        let by_descriptors = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH
            | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
        move_mount(mount, "", &root, "", by_descriptors)
            .map_err(std::io::Error::from)
            .call("move_mount(\"/\")")?;
        mount.try_clone_to_owned().call("dup(mount)").map(Self)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        // It would stand between the new root directory and the old one, which
        // then were not exchanged: `mount::enter` would fail.
        let path = path_of(self.0.as_fd());
        let _ = umount2(&*path, MntFlags::MNT_DETACH);
    }
}

/// By which the kernel finds what this process has open.
fn path_of(fd: BorrowedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
