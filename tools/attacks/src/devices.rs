//! Attacks through devices: what a file system hides, the disk below it has.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::sys::stat::{Mode, SFlag, mknod};
use process::{Call, Error, Result};

use crate::directory::set_mode;
use crate::loop_device::LoopDevice;
use crate::outcome::{Finding, Outcome};
use crate::paths::{read_from, read_secret};
use crate::spec::Spec;

/// Where a device node may be allowed if it is not where the attack is from:
/// these are often writable, or without the mount option nodev.
const ELSEWHERE: [&str; 2] = ["/dev", "/tmp"];

/// Bytes of the disk.
const SIZE: u64 = 4096;

/// Makes a device node of a disk of the host, and reads it: mknod(2).
///
/// A device node is two numbers in a directory; who may make one, and open
/// it, has the device: CAP_MKNOD, and no device cgroup. The disk holds every
/// file of the host, whatever root directory or mounts are in between.
pub(crate) fn mknod_disk(canary: &Spec) -> Result<Finding> {
    let device: Device = canary.get_if_planted("disk")?;
    let bytes = device.read(&node(canary)?, &canary.inside()?, &ELSEWHERE)?;
    canary.judge(&bytes, format_args!("disk {device}"))
}

/// Opens a device node that lies in the root file system: "c" and "b" in
/// inode(7).
///
/// Nobody needs a right to make one: it came with an image, or with a volume.
/// Where neither the mount option nodev nor a list of devices is in the way,
/// its mode alone says who may use it.
pub(crate) fn device_node(canary: &Spec) -> Result<Finding> {
    let node: PathBuf = canary.get_if_planted("node")?;
    let bytes = read_secret(&node)?;
    canary.judge(&bytes, node.display())
}

/// Leaves a node of the disk in the directory, for everybody to read.
pub(crate) fn plant_node(
    name: &str,
    disk: Device,
    inside: &Path,
) -> Result<()> {
    let mode = 0o444;
    let node = inside.join(name);
    mknod(&node, SFlag::S_IFBLK, Mode::from_bits_truncate(mode), disk.0)
        .call(format_args!("mknod({node:?}, {disk})"))?;
    set_mode(&node, mode)
}

/// Plants a disk with the secret, where a device node of it can be made and
/// read. What fails outside proves nothing inside.
///
/// The host's own disk is left alone: it may be out of reach even of root, or
/// there is none, and what is on it is nobody's business.
pub(crate) fn plant(
    canary: &Spec,
    secret: &str,
    inside: &Path,
    has_rootfs: bool,
) -> Result<LoopDevice> {
    let node = node(canary)?;
    let disk = LoopDevice::make(&node, secret, SIZE, inside)?;
    // A sandbox with another root directory has not these, but its own.
    let elsewhere = if has_rootfs { &[][..] } else { &ELSEWHERE };
    let bytes = disk.device.read(&node, inside, elsewhere)?;
    match canary.judge(&bytes, "")?.0 {
        Outcome::Escaped => Ok(disk),
        _ => Err(Error::new(format_args!(
            "disk {} is another than ours",
            disk.device
        ))),
    }
}

/// The name of the device node: nobody else's, in a directory of others.
fn node(canary: &Spec) -> Result<String> {
    Ok(format!("attacks-{}-disk", canary.get::<String>("id")?))
}

/// The number of a block device, `MAJOR:MINOR` in SPEC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Device(pub(crate) libc::dev_t);

impl Device {
    /// Reads as much as the secret is long, through a node in `directory` or
    /// else `elsewhere`.
    fn read(
        self,
        node: &str,
        directory: &Path,
        elsewhere: &[&str],
    ) -> Result<Vec<u8>> {
        let mut disk = self.open(&directory.join(node)).or_else(|error| {
            let mut nodes =
                elsewhere.iter().map(|place| Path::new(place).join(node));
            nodes.find_map(|node| self.open(&node).ok()).ok_or(error)
        })?;
        read_from(&mut disk, Path::new(node))
    }

    /// Opens it through a node that is there for a moment.
    pub(crate) fn open(self, node: &Path) -> Result<File> {
        let call = format!("mknod({node:?}, {self})");
        mknod(node, SFlag::S_IFBLK, Mode::S_IRUSR, self.0).call(call)?;
        let disk = File::open(node).call(format_args!("open({node:?})"));
        // Gone before anything else can fail, or be run.
        fs::remove_file(node).call(format_args!("unlink({node:?})"))?;
        disk
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", libc::major(self.0), libc::minor(self.0))
    }
}

impl FromStr for Device {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (major, minor) = text.split_once(':').ok_or(())?;
        let (Ok(major), Ok(minor)) = (major.parse(), minor.parse()) else {
            return Err(());
        };
        Ok(Self(libc::makedev(major, minor)))
    }
}
