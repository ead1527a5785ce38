//! Attacks through devices: what a file system hides, the disk below it has.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::str::FromStr;

use nix::sys::stat::{Mode, SFlag, mknod};
use process::{Call, Error, Result};

use crate::outcome::{Finding, Outcome};
use crate::spec::{Spec, from_hex, to_hex};

/// Bytes of the disk that are compared.
const LENGTH: usize = 16;

/// Where to look for some that tell this disk from others: the start, where
/// XFS has its name, and the UUID of ext2 to ext4, which leave the start
/// empty.
const PLACES: [u64; 2] = [0, 0x468];

/// Makes a device node of the host's disk, and reads it: mknod(2).
///
/// A device node is two numbers in a directory; who may make one, and open
/// it, has the device: CAP_MKNOD, and no device cgroup. The disk holds every
/// file of the host, whatever root directory or mounts are in between.
pub(crate) fn mknod_disk(canary: &Spec) -> Result<Finding> {
    let disk: Disk = canary.get_if_planted("disk")?;
    let bytes = disk.read(&canary.inside()?).or_else(|error| {
        // These are often writable where the rest is not.
        let places = ["/dev", "/tmp"].map(Path::new);
        places.into_iter().find_map(|place| disk.read(place).ok()).ok_or(error)
    })?;
    Ok(disk.judge(&bytes))
}

/// What is on the disk of the host's root directory, for SPEC: if that is a
/// disk, and can be read from `directory`. What fails outside proves nothing
/// inside.
pub(crate) fn plant(directory: &Path) -> Result<Disk> {
    let device = fs::metadata("/").call("stat(\"/\")")?.dev();
    if libc::major(device) == 0 {
        return Err(Error::new("the host's root is on no block device"));
    }
    for offset in PLACES {
        let mut disk = Disk { device, offset, bytes: Vec::new() };
        disk.bytes = disk.read(directory)?;
        if disk.bytes.iter().any(|byte| *byte != 0) {
            return Ok(disk);
        }
    }
    Err(Error::new("the disk is empty where file systems have their names"))
}

/// A piece of a disk.
#[derive(Debug)]
pub(crate) struct Disk {
    device: libc::dev_t,
    offset: u64,
    bytes: Vec<u8>,
}

impl Disk {
    /// Reads the piece through a node that is made for it in `directory`.
    fn read(&self, directory: &Path) -> Result<Vec<u8>> {
        let node = directory.join("attacks-canary-disk");
        let call = format!(
            "mknod({node:?}, {}:{})",
            libc::major(self.device),
            libc::minor(self.device)
        );
        mknod(&node, SFlag::S_IFBLK, Mode::S_IRUSR, self.device).call(call)?;
        let disk = File::open(&node).call(format_args!("open({node:?})"));
        // Gone before anything else can fail, or be run.
        fs::remove_file(&node).call(format_args!("unlink({node:?})"))?;
        let (disk, mut bytes) = (disk?, vec![0; LENGTH]);
        disk.read_exact_at(&mut bytes, self.offset)
            .call(format_args!("pread({node:?})"))?;
        Ok(bytes)
    }

    fn judge(&self, bytes: &[u8]) -> Finding {
        let text = format!(
            "the bytes at {} of disk {}:{}, {}",
            self.offset,
            libc::major(self.device),
            libc::minor(self.device),
            to_hex(bytes)
        );
        match bytes == self.bytes {
            true => (Outcome::Escaped, format!("read {text}")),
            false => {
                (Outcome::Contained, format!("{text}, are not the host's"))
            }
        }
    }
}

/// `MAJOR:MINOR:OFFSET:BYTES`.
impl std::fmt::Display for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (major, minor) =
            (libc::major(self.device), libc::minor(self.device));
        write!(f, "{major}:{minor}:{}:{}", self.offset, to_hex(&self.bytes))
    }
}

impl FromStr for Disk {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let parts: Vec<_> = text.split(':').collect();
        let [major, minor, offset, bytes] = parts.as_slice() else {
            return Err(());
        };
        Ok(Self {
            device: libc::makedev(
                major.parse().map_err(drop)?,
                minor.parse().map_err(drop)?,
            ),
            offset: offset.parse().map_err(drop)?,
            bytes: from_hex(bytes).ok_or(())?,
        })
    }
}
