//! The calls in which a mount is a descriptor: fsopen(2), open_tree(2),
//! mount_setattr(2), move_mount(2).

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::mount::MsFlags;
use process::{Call, Error, Hint, Result};
use rustix::io::Result as Answer;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, move_mount,
    open_tree,
};

use super::Filesystem;
use crate::root::Place;

pub(super) fn mount(filesystem: &Filesystem, at: &Place) -> Result<OwnedFd> {
    let Filesystem { kind, flags, options } = *filesystem;
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)
        .map_err(std::io::Error::from)
        .call(format_args!("fsopen({kind:?})"))?;
    for (key, value) in [("source", kind)].iter().chain(options) {
        explained(
            &context,
            fsconfig_set_string(&context, *key, *value),
            || format!("fsconfig({kind:?}, {key:?}, {value:?})"),
        )?;
    }
    explained(&context, fsconfig_create(&context), || {
        format!("fsconfig({kind:?}, FSCONFIG_CMD_CREATE)")
    })?;
    let close = FsMountFlags::FSMOUNT_CLOEXEC;
    let mount = explained(
        &context,
        fsmount(context.as_fd(), close, attributes(flags)),
        || format!("fsmount({kind:?})"),
    )?;
    attach(&mount, at)?;
    Ok(mount)
}

/// The failure of one of fsopen's relatives, with the sentence that the
/// kernel has for it: each can be read once from the context.
fn explained<T>(
    context: &OwnedFd,
    answer: Answer<T>,
    call: impl Fn() -> String,
) -> Result<T> {
    answer.map_err(|errno| {
        let mut text = [0; 256];
        let log = context.try_clone().map(File::from);
        let length = log.and_then(|mut log| log.read(&mut text)).unwrap_or(0);
        let text = String::from_utf8_lossy(&text[..length]);
        let errno = Errno::from_raw(errno.raw_os_error());
        let error = Error::of_call(call(), errno);
        match text.split_once(' ') {
            Some((_, reason)) => error.with_hint(reason.trim_end()),
            None => error,
        }
    })
}

pub(super) fn bind(
    from: &Place,
    at: &Place,
    flags: MsFlags,
) -> Result<OwnedFd> {
    finish(copy(from)?, at, flags)
}

/// Gives a copied tree its flags, and mounts it.
pub(super) fn finish(
    tree: OwnedFd,
    at: &Place,
    flags: MsFlags,
) -> Result<OwnedFd> {
    if !flags.is_empty() {
        // While the tree is nowhere: at no moment is it there and writable.
        let flags = attributes(flags).bits().into();
        set_attributes(tree.as_fd(), flags, 0, libc::AT_RECURSIVE)?;
    }
    attach(&tree, at)?;
    Ok(tree)
}

/// Copies a tree of mounts, to be mounted in another namespace. A copy of a
/// shared mount is one more peer, wherever it is mounted: it passes on to the
/// host what is mounted on it, unless it is made private.
pub(super) fn detach(from: &Place) -> Result<OwnedFd> {
    let tree = copy(from)?;
    let private = libc::mount_attr {
        attr_set: 0,
        attr_clr: 0,
        propagation: libc::MS_PRIVATE,
        userns_fd: 0,
    };
    let recursive = libc::AT_RECURSIVE;
    set(tree.as_fd(), &private, recursive)
        .call("mount_setattr(MS_PRIVATE, AT_RECURSIVE)")
        .hint(Errno::ENOSYS, "it takes Linux 5.12")?;
    Ok(tree)
}

fn copy(from: &Place) -> Result<OwnedFd> {
    open_tree(
        from,
        "",
        OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH
            | OpenTreeFlags::AT_RECURSIVE,
    )
    .map_err(std::io::Error::from)
    .call(format_args!(
        "open_tree({:?}, OPEN_TREE_CLONE | AT_RECURSIVE)",
        from.path
    ))
}

pub(super) fn set_read_only(mount: &Place, is: bool) -> Result<()> {
    let read_only = libc::MOUNT_ATTR_RDONLY;
    match is {
        true => set_attributes(mount.as_fd(), read_only, 0, 0),
        false => set_attributes(mount.as_fd(), 0, read_only, 0),
    }
}

/// The four flags that the kit uses have the same values in both interfaces.
fn attributes(flags: MsFlags) -> MountAttrFlags {
    MountAttrFlags::from_bits_truncate(flags.bits() as u32)
}

/// mount_setattr(2), Linux 5.12. mount(2) can change one mount only.
fn set_attributes(
    mount: BorrowedFd,
    set_flags: u64,
    clear: u64,
    how_far: libc::c_int,
) -> Result<()> {
    let attributes = libc::mount_attr {
        attr_set: set_flags,
        attr_clr: clear,
        propagation: 0,
        userns_fd: 0,
    };
    set(mount, &attributes, how_far).call(format_args!(
        "mount_setattr(set {set_flags:#x}, clear {clear:#x}, {})",
        if how_far == 0 { "0" } else { "AT_RECURSIVE" }
    ))
}

fn set(
    mount: BorrowedFd,
    attributes: &libc::mount_attr,
    how_far: libc::c_int,
) -> nix::Result<()> {
    // SAFETY: the kernel reads as many bytes of the structure as it is told.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | how_far,
            std::ptr::from_ref(attributes),
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(result).map(drop)
}

/// Puts a mount that is nowhere into the tree: from now on it is seen.
fn attach(mount: &OwnedFd, at: &Place) -> Result<()> {
    let by_descriptors = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH
        | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", at, "", by_descriptors)
        .map_err(std::io::Error::from)
        .call(format_args!("move_mount({:?})", at.path))
}
