//! The devices that every program expects, on `/dev`.

use std::path::Path;

use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::sys::stat::{
    Mode, SFlag, major, makedev, minor, mkdirat, mknodat, umask,
};
use nix::unistd::symlinkat;
use process::{Call, Error, Hint, Result};

use crate::api::{Filesystem, inert};
use crate::root::{Place, Root, kind};

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
    make_nodes(&dev)?;
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

/// The umask, by which the caller would cut their modes, is the command's again
/// when they are made.
fn make_nodes(dev: &Root) -> Result<()> {
    let callers = umask(Mode::empty());
    for (name, major, minor) in NODES {
        make_node(dev, name, makedev(*major, *minor))?;
    }
    umask(callers);
    Ok(())
}

/// Makes a device node, or, where that is forbidden, takes the host's.
fn make_node(dev: &Root, name: &str, device: u64) -> Result<()> {
    let mode = Mode::from_bits_truncate(0o666);
    match mknodat(dev, name, SFlag::S_IFCHR, mode, device) {
        // A user namespace makes no devices, nor may some containers.
        Err(Errno::EPERM) => bind_node(dev, name, device),
        result => result.call(format_args!("mknod(\"/dev/{name}\")")).hint(
            Errno::EOVERFLOW,
            "in a user namespace only who is in its map owns anything",
        ),
    }
}

fn bind_node(dev: &Root, name: &str, device: u64) -> Result<()> {
    let hosts = Place::on_host(&Path::new("/dev").join(name))?;
    must_be_device(&hosts, device)?;
    let at = dev.mount_point(Path::new(name), false)?;
    dev.api.bind(&hosts, &at, MsFlags::empty()).map(drop)
}

/// Whatever its name is.
fn must_be_device(place: &Place, device: u64) -> Result<()> {
    let found = place.status()?;
    match kind(&found) == SFlag::S_IFCHR && found.st_rdev == device {
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

/// Makes a directory to mount on. In this new file system there is nothing yet
/// that could have its name.
fn make_directory(dev: &Root, name: &str) -> Result<Place> {
    mkdirat(dev, name, Mode::from_bits_truncate(0o755))
        .call(format_args!("mkdir(\"/dev/{name}\")"))?;
    dev.open(Path::new(name))
}

/// Pseudo-terminals of the container's own, on `/dev/pts`: pts(4).
fn mount_terminals(dev: &Root) -> Result<()> {
    let at = make_directory(dev, "pts")?;
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
    let at = make_directory(dev, "shm")?;
    dev.mount(&shm, &at).map(drop)
}

/// The queues of the IPC namespace, on `/dev/mqueue`: mq_overview(7).
fn mount_message_queues(dev: &Root) -> Result<()> {
    let kind = "mqueue";
    let queues = Filesystem { kind, flags: inert(), options: &[] };
    let at = make_directory(dev, "mqueue")?;
    dev.mount(&queues, &at).map(drop)
}
