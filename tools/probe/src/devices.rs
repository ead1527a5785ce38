//! What this process may open: devices, and files that steer the kernel.
//!
//! Whether open(2) succeeds, only the process itself can try. Nothing is read
//! or written, and nothing is opened whose open(2) alone has an effect, such
//! as a watchdog's.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::{major, minor};
use nix::sys::statfs::{
    CGROUP_SUPER_MAGIC, FsType, PROC_SUPER_MAGIC, SYSFS_MAGIC, fstatfs,
};
use process::{Error, Result};

use crate::report::Known;
use crate::subject::Subject;

/// Character devices that no open(2) disturbs.
const CHARACTER_DEVICES: [&str; 12] = [
    "null",
    "zero",
    "full",
    "random",
    "urandom",
    "tty",
    "kmsg",
    "mem",
    "kvm",
    "fuse",
    "net/tun",
    "loop-control",
];

/// Files whose writer commands the whole kernel.
const INTERFACES: [&str; 9] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/domainname",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/sysrq",
    "/proc/sysrq-trigger",
    "/sys/kernel/uevent_helper",
    "/sys/power/state",
    "/sys/fs/cgroup/release_agent",
];

/// `NAME TYPE MAJOR:MINOR` of each device that opens.
pub(crate) fn devices(subject: &Subject) -> Result<Known> {
    must_try_oneself(subject)?;
    let character = CHARACTER_DEVICES.map(str::to_owned);
    let names = character.into_iter().chain(block_devices());
    attempt(names, |name| open_device(&Path::new("/dev").join(name), name))
}

/// Each file that opens for writing.
pub(crate) fn kernel_interfaces(subject: &Subject) -> Result<Known> {
    must_try_oneself(subject)?;
    let fixed = INTERFACES.map(str::to_owned);
    let paths = fixed
        .into_iter()
        .chain(directory("/proc/sys/vm"))
        .chain(
            directory("/sys/fs/cgroup")
                .map(|hierarchy| hierarchy + "/release_agent"),
        )
        .filter(|path| Path::new(path).is_file());
    attempt(paths, |path| open_interface(path).map(|()| path.to_owned()))
}

fn must_try_oneself(subject: &Subject) -> Result<()> {
    match subject.is_self() {
        true => Ok(()),
        false => Err(Error::new("only the process itself can try open(2)")),
    }
}

/// What `open` says of those that open; a note says why the others don't.
fn attempt(
    names: impl Iterator<Item = String>,
    open: impl Fn(&str) -> nix::Result<String>,
) -> Result<Known> {
    let mut opened = Vec::new();
    let mut refused = BTreeMap::<String, Vec<String>>::new();
    for name in names {
        match open(&name) {
            Ok(description) => opened.push(description),
            Err(errno) => {
                refused.entry(format!("{errno:?}")).or_default().push(name);
            }
        }
    }
    let why: Vec<String> = refused
        .iter()
        .map(|(errno, names)| format!("{errno}: {}", names.join(", ")))
        .collect();
    let known = Known::set(opened);
    Ok(if why.is_empty() { known } else { known.noted(why.join("; ")) })
}

/// The kernel's disks, which /sys and /proc list.
fn block_devices() -> Vec<String> {
    let from_sys: Vec<String> = directory("/sys/block")
        .filter_map(|path| Some(path.rsplit_once('/')?.1.to_owned()))
        .collect();
    if !from_sys.is_empty() {
        return from_sys;
    }
    let table = fs::read_to_string("/proc/partitions").unwrap_or_default();
    table
        .lines()
        .skip(2) // the heading
        .filter_map(|line| Some(line.split_whitespace().nth(3)?.to_owned()))
        .collect()
}

/// The paths in a directory, in order. One that can't be read has none to
/// offer: what can't be found can't be opened.
fn directory(path: &str) -> impl Iterator<Item = String> {
    let mut paths: Vec<String> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.path().to_str().map(str::to_owned))
        .collect();
    paths.sort();
    paths.into_iter()
}

fn open_device(path: &Path, name: &str) -> nix::Result<String> {
    let kind = |found: &fs::Metadata| {
        let kind = found.file_type();
        match (kind.is_char_device(), kind.is_block_device()) {
            (true, _) => Ok("c"),
            (_, true) => Ok("b"),
            _ => Err(Errno::ENODEV), // a file that has the name of a device
        }
    };
    kind(&fs::metadata(path).map_err(errno)?)?;
    let file = open(OpenOptions::new().read(true), path)?;
    let found = file.metadata().map_err(errno)?;
    let number = found.rdev();
    let (major, minor) = (major(number), minor(number));
    Ok(format!("{name} {}{major}:{minor}", kind(&found)?))
}

fn open_interface(path: &str) -> nix::Result<()> {
    const OURS: [FsType; 3] =
        [PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC];
    let file = open(OpenOptions::new().write(true), Path::new(path))?;
    match OURS.contains(&fstatfs(&file)?.filesystem_type()) {
        true => Ok(()),
        false => Err(Errno::ENODEV), // an ordinary file, put in its place
    }
}

fn open(options: &mut OpenOptions, path: &Path) -> nix::Result<File> {
    // Neither wait for a device nor let a terminal become ours.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    options.custom_flags(flags).open(path).map_err(errno)
}

fn errno(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}
