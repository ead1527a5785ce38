//! The two file systems by which the kernel talks to programs, and which
//! parts of them are no business of a container's.

use std::path::Path;

use nix::errno::Errno;
use nix::mount::MsFlags;
use process::{Hint, Result};

use crate::api::{Filesystem, inert};
use crate::root::{Place, Root};

/// What tells too much about the machine: the list of docker and podman.
const MASKED: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// What sets something that the whole machine shares.
const READ_ONLY: &[&str] =
    &["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The processes of this pid namespace, on `/proc`: proc(5).
pub(crate) fn mount_proc(root: &Root) -> Result<()> {
    let proc = Filesystem { kind: "proc", flags: inert(), options: &[] };
    root.api
        .mount(&proc, &root.directory("/proc")?)
        .hint(
            Errno::EPERM,
            "in a user namespace the pid namespace must be its own, and a \
             /proc be there of which nothing is covered: mount_namespaces(7)",
        )
        .map(drop)
}

/// The devices of the machine, on `/sys`: sysfs(5). All of it is read-only.
pub(crate) fn mount_sys(root: &Root) -> Result<()> {
    let flags = inert() | MsFlags::MS_RDONLY;
    let sys = Filesystem { kind: "sysfs", flags, options: &[] };
    root.api
        .mount(&sys, &root.directory("/sys")?)
        .hint(
            Errno::EPERM,
            "in a user namespace the network namespace must be its own, \
             since /sys shows the network: user_namespaces(7)",
        )
        .map(drop)
}

/// Covers what is to be masked, and makes read-only what is to be read only.
///
/// The kernel has no such notion: these are mounts on top. `null` is the null
/// device, and not just any file of that name: runc once took the root file
/// system's word for it (CVE-2025-31133).
pub(crate) fn protect(root: &Root, null: &Place) -> Result<()> {
    let mut empty = None;
    for path in existing(root, MASKED) {
        let place = path?;
        if !place.is_directory()? {
            root.api.bind(null, &place, MsFlags::empty())?;
        } else if let Some(empty) = &empty {
            root.api.bind(empty, &place, MsFlags::empty())?;
        } else {
            empty = Some(cover(root, place)?);
        }
    }
    for path in existing(root, READ_ONLY) {
        let place = path?;
        root.api.bind(&place, &place, MsFlags::MS_RDONLY)?;
    }
    Ok(())
}

/// Those that this kernel has.
fn existing<'a>(
    root: &'a Root,
    paths: &'a [&'a str],
) -> impl Iterator<Item = Result<Place>> + 'a {
    paths.iter().map(|path| root.open(Path::new(path))).filter(|place| {
        let missing = Some(Errno::ENOENT);
        !matches!(place, Err(error) if error.errno() == missing)
    })
}

/// Covers a directory with an empty one, which will do for all others too.
fn cover(root: &Root, place: Place) -> Result<Place> {
    let flags = inert() | MsFlags::MS_RDONLY;
    // As few as there can be; 0 would mean any number: tmpfs(5).
    let options = &[("nr_blocks", "1"), ("nr_inodes", "1"), ("mode", "755")];
    let tmpfs = Filesystem { kind: "tmpfs", flags, options };
    let fd = root.api.mount(&tmpfs, &place)?;
    Ok(Place { fd, path: place.path })
}
