//! A disk of the planter's own: a piece of memory, which the kernel shows as
//! a block device: loop(4).

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use process::{Call, Error, Result};

use crate::devices::Device;

/// Between asking for a free device and taking it, others may take it.
const TRIES: usize = 100;

/// From <linux/loop.h>.
const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_AUTOCLEAR: u32 = 4;

/// The requests, from <linux/loop.h>.
mod request {
    #![allow(unreachable_pub)] // The macros write `pub`.

    nix::ioctl_none_bad!(
        /// Gives the number of a device that is free; makes one if none is.
        get_free,
        0x4c82
    );
    nix::ioctl_write_ptr_bad!(
        /// Has the device show a file. Since Linux 5.8.
        configure,
        0x4c0a,
        super::LoopConfig
    );
}

/// `struct loop_config` of <linux/loop.h>.
#[repr(C)]
pub(crate) struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

/// `struct loop_info64`; only the flags are of use to us.
#[repr(C)]
struct LoopInfo {
    device_to_size_limit: [u64; 5],
    number_to_key_size: [u32; 3],
    flags: u32,
    names_and_key: [u8; 64 + 64 + 32],
    init: [u64; 2],
}

impl LoopConfig {
    fn new(file: RawFd) -> Self {
        Self {
            fd: file.cast_unsigned(),
            block_size: 0, // The kernel's choice.
            info: LoopInfo {
                device_to_size_limit: [0; 5],
                number_to_key_size: [0; 3],
                flags: LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR,
                names_and_key: [0; 160],
                init: [0; 2],
            },
            reserved: [0; 8],
        }
    }
}

/// A disk that is gone when the last process ends that has it open: even
/// after SIGKILL.
#[derive(Debug)]
pub(crate) struct LoopDevice {
    pub(crate) device: Device,
    _open: File,
}

impl LoopDevice {
    /// Makes a disk of this name that begins with `text`. Its `size` in bytes
    /// is one of whole sectors, whatever size the kernel gives them. A device
    /// node for it is in `directory` for a moment if `/dev` has none.
    pub(crate) fn make(
        name: &str,
        text: &str,
        size: u64,
        directory: &Path,
    ) -> Result<Self> {
        let content = memory(name, text, size)?;
        let node = directory.join(name);
        let path = "/dev/loop-control";
        let control = File::open(path).call(format_args!("open({path:?})"))?;
        let mut tries =
            (0..TRIES).map(|_| Self::take_one(&control, &content, &node));
        // EBUSY: it was taken. ENXIO: it was removed.
        let is_lost = |result: &Result<Self>| {
            let errno = result.as_ref().err().and_then(Error::errno);
            matches!(errno, Some(Errno::EBUSY | Errno::ENXIO))
        };
        tries
            .find(|result| !is_lost(result))
            .unwrap_or_else(|| Err(Error::new("others took each loop device")))
    }

    fn take_one(control: &File, content: &File, node: &Path) -> Result<Self> {
        // SAFETY: LOOP_CTL_GET_FREE takes no argument and touches no memory.
        let number = unsafe { request::get_free(control.as_raw_fd()) }
            .call("ioctl(LOOP_CTL_GET_FREE)")?;
        let open = open(number, node)?;
        let config = LoopConfig::new(content.as_raw_fd());
        // SAFETY: LOOP_CONFIGURE reads a `struct loop_config`, whose layout
        // `LoopConfig` has. The kernel keeps the file, not the descriptor.
        unsafe { request::configure(open.as_raw_fd(), &raw const config) }
            .call(format_args!("ioctl(loop{number}, LOOP_CONFIGURE)"))?;
        let device = open.metadata().call("fstat(loop device)")?.rdev();
        Ok(Self { device: Device(device), _open: open })
    }
}

/// A file in memory: there is nothing to remove in the end.
fn memory(name: &str, text: &str, size: u64) -> Result<File> {
    // losetup(8) shows the name.
    let c_name = CString::new(name).map_err(Error::new)?;
    let mut file: File = memfd_create(c_name.as_c_str(), MFdFlags::MFD_CLOEXEC)
        .call(format_args!("memfd_create({name:?})"))?
        .into();
    file.write_all(text.as_bytes()).call("write(memfd)")?;
    file.set_len(size).call(format_args!("ftruncate(memfd, {size})"))?;
    Ok(file)
}

/// Opens the device; through `node` if it has none.
fn open(number: i32, node: &Path) -> Result<File> {
    let path = format!("/dev/loop{number}");
    match File::open(&path) {
        // A `/dev` of files, as docker makes it, does not learn of devices
        // that are made later.
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let path = format!("/sys/block/loop{number}/dev");
            let text = fs::read_to_string(&path)
                .call(format_args!("read({path:?})"))?;
            let device: Device = text.trim().parse().map_err(|()| {
                Error::new(format_args!("{path:?} has {text:?}"))
            })?;
            device.open(node)
        }
        result => result.call(format_args!("open({path:?})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_the_kernels() {
        assert_eq!(size_of::<LoopConfig>(), 304);
        let flags = std::mem::offset_of!(LoopInfo, flags);
        assert_eq!(std::mem::offset_of!(LoopConfig, info) + flags, 60);
    }
}
