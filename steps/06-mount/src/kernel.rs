//! The two file systems by which the kernel talks to programs, and which
//! parts of them are no business of a container's.

use std::path::Path;

use nix::errno::Errno;
use nix::mount::MsFlags;
use process::{Hint, Result};

use crate::api::{Filesystem, inert};
use crate::root::{Place, Root};

/// What tells too much about the machine: the list of docker and podman.
const MASKED_IN_PROC: &[&str] = &[
    "acpi",
    "asound",
    "interrupts",
    "kcore",
    "keys",
    "latency_stats",
    "sched_debug",
    "scsi",
    "timer_list",
    "timer_stats",
];
const MASKED_IN_SYS: &[&str] = &["devices/virtual/powercap", "firmware"];

/// What sets something that the whole machine shares.
const READ_ONLY_IN_PROC: &[&str] =
    &["bus", "fs", "irq", "sys", "sysrq-trigger"];

/// The processes of this pid namespace, on `/proc`: proc(5).
pub(crate) fn mount_proc(root: &Root) -> Result<Root> {
    let proc = Filesystem { kind: "proc", flags: inert(), options: &[] };
    root.mount(&proc, &root.directory("/proc")?).hint(
        Errno::EPERM,
        "in a user namespace the pid namespace must be its own, and a /proc \
         be there of which nothing is covered, or the new one would show it: \
         mount_namespaces(7). Start the outer container with --unmasked",
    )
}

/// The devices of the machine, on `/sys`: sysfs(5). All of it is read-only.
pub(crate) fn mount_sys(root: &Root) -> Result<Root> {
    let flags = inert() | MsFlags::MS_RDONLY;
    let sys = Filesystem { kind: "sysfs", flags, options: &[] };
    let at = root.directory("/sys")?;
    match root.mount(&sys, &at) {
        // In a user namespace it takes a network namespace that belongs to
        // it, since /sys shows a network. Who has the caller's network has
        // the caller's /sys too, as in rootless podman(1).
        Err(error) if error.errno() == Some(Errno::EPERM) => {
            let hosts = Place::on_host(Path::new("/sys"))?;
            root.bind(&hosts, &at, flags)
        }
        result => result,
    }
}

/// Covers what is to be masked, and makes read-only what is to be read only.
///
/// The kernel has no such notion: these are mounts on top. `null` is the null
/// device, and not just any file of that name: runc once took the root file
/// system's word for it (CVE-2025-31133).
pub(crate) fn protect(proc: &Root, sys: &Root, null: &Place) -> Result<()> {
    let masked = existing(proc, MASKED_IN_PROC);
    let mut empty = None;
    for place in masked.chain(existing(sys, MASKED_IN_SYS)) {
        let place = place?;
        if !place.is_directory()? {
            proc.api.bind(null, &place, MsFlags::empty())?;
        } else if let Some(empty) = &empty {
            proc.api.bind(empty, &place, MsFlags::empty())?;
        } else {
            empty = Some(cover(proc, place)?);
        }
    }
    for place in existing(proc, READ_ONLY_IN_PROC) {
        let place = place?;
        proc.api.bind(&place, &place, MsFlags::MS_RDONLY)?;
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
