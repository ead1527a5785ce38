//! The devices that every program expects, on `/dev`.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sys::stat::{
    FchmodatFlags, Mode, SFlag, fchmodat, major, makedev, minor, mknodat,
};
use nix::unistd::symlinkat;
use process::{Call, Error, Result};

use crate::api::{Filesystem, inert};
use crate::root::{Place, Root};

/// Name, major and minor number: the "Default Devices" of the OCI runtime
/// specification.
const NODES: &[(&str, u64, u64)] = &[
    ("full", 1, 7),
    ("null", 1, 3),
    ("random", 1, 8),
    ("tty", 5, 0),
    ("urandom", 1, 9),
    ("zero", 1, 5),
];

/// Name, and what it leads to.
const LINKS: &[(&str, &str)] = &[
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Mounts a `/dev` of the container's own. Gives its null device.
pub(crate) fn mount_dev(root: &Root) -> Result<Place> {
    let filesystem = Filesystem {
        kind: "tmpfs",
        flags: MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC,
        options: &[("mode", "755"), ("size", "64k")],
    };
    let dev = root.mount(&filesystem, &root.directory("/dev")?)?;
    for (name, major, minor) in NODES {
        make_node(&dev, name, makedev(*major, *minor))?;
    }
    for (name, target) in LINKS {
        symlinkat(*target, &dev, *name)
            .call(format_args!("symlink({target:?}, \"/dev/{name}\")"))?;
    }
    mount_terminals(&dev)?;
    mount_shared_memory(&dev)?;
    mount_message_queues(&dev)?;

    let null = dev.open(Path::new("null"))?;
    must_be_device(&null, makedev(1, 3))?;
    Ok(null)
}

/// Makes a device node, or, where that is forbidden, takes the host's.
fn make_node(dev: &Root, name: &str, device: u64) -> Result<()> {
    let mode = Mode::from_bits_truncate(0o666);
    match mknodat(dev, name, SFlag::S_IFCHR, mode, device) {
        // A user namespace makes no devices, nor may some containers.
        Err(Errno::EPERM) => return bind_node(dev, name, device),
        result => result.call(format_args!("mknod(\"/dev/{name}\")"))?,
    }
    // The umask of the caller has cut the mode.
    fchmodat(dev, name, mode, FchmodatFlags::FollowSymlink)
        .call(format_args!("chmod(\"/dev/{name}\", 0666)"))
}

fn bind_node(dev: &Root, name: &str, device: u64) -> Result<()> {
    let hosts = Place::on_host(&Path::new("/dev").join(name))?;
    must_be_device(&hosts, device)?;
    let at = dev.mount_point(Path::new(name), false)?;
    dev.api.bind(&hosts, &at, MsFlags::empty()).map(drop)
}

/// Whatever its name is.
fn must_be_device(place: &Place, device: u64) -> Result<()> {
    let found = place.metadata()?;
    match found.file_type().is_char_device() && found.rdev() == device {
        true => Ok(()),
        false => Err(Error::new(format_args!(
            "{:?} is not the device {}:{}",
            place.path,
            major(device),
            minor(device)
        ))
        .with_hint("somebody has put it there: see findmnt(8)")),
    }
}

/// Pseudo-terminals of the container's own, on `/dev/pts`: pts(4).
fn mount_terminals(dev: &Root) -> Result<()> {
    let at = dev.mount_point(Path::new("pts"), true)?;
    let mount = |options| {
        let kind = "devpts";
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        dev.mount(&Filesystem { kind, flags, options }, &at).map(drop)
    };
    let all = [("ptmxmode", "0666"), ("mode", "0620"), ("gid", "5")];
    match mount(&all) {
        // A user namespace may have no group 5, which is `tty`.
        Err(error) if error.errno() == Some(Errno::EINVAL) => mount(&all[..2]),
        result => result,
    }
}

/// What shm_open(3) makes, on `/dev/shm`: shm_overview(7).
fn mount_shared_memory(dev: &Root) -> Result<()> {
    let shm = Filesystem {
        kind: "tmpfs",
        flags: inert(),
        options: &[("mode", "1777"), ("size", "64m")],
    };
    let at = dev.mount_point(Path::new("shm"), true)?;
    dev.mount(&shm, &at).map(drop)
}

/// The queues of the IPC namespace, on `/dev/mqueue`: mq_overview(7).
fn mount_message_queues(dev: &Root) -> Result<()> {
    let kind = "mqueue";
    let queues = Filesystem { kind, flags: inert(), options: &[] };
    let at = dev.mount_point(Path::new("mqueue"), true)?;
    dev.mount(&queues, &at).map(drop)
}
