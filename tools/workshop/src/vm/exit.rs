//! The end of a guest: it tells QEMU an exit status.

use std::fs;
use std::process::ExitCode;

use process::{Call, Error, Result};

/// End this virtual machine at once, with an exit status.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The status; more than 126 becomes 126
    status: u8,
}

/// The highest that can be told.
const HIGHEST: u8 = 126;

/// Runs the command, which does not return in a guest.
pub fn run(options: &Options) -> Result<ExitCode> {
    let path = "/proc/cmdline";
    let line = fs::read_to_string(path).call(format_args!("open({path:?})"))?;
    if !line.contains("workshop.job=") {
        return Err(Error::new("this is no virtual machine of ours"));
    }
    tell(options.status.min(HIGHEST) + 1)?;
    Err(Error::new("the virtual machine does not end"))
}

/// The guest's exit status, told by QEMU's own, which is twice what was written
/// to the device, and one more. An even one means that the guest told nothing:
/// it was reset, or off. 1 is what QEMU says if it could not even begin, so
/// nobody writes 0.
pub(super) fn told(status: Option<i32>) -> Option<u8> {
    let status = u8::try_from(status?).ok()?;
    (status % 2 == 1).then_some(status / 2)?.checked_sub(1)
}

/// Writes to the port of the device, which is at `iobase` in the call of QEMU.
#[cfg(target_arch = "x86_64")]
fn tell(byte: u8) -> Result<()> {
    use nix::errno::Errno;
    const PORT: u16 = 0xf4;

    // SAFETY: ioperm(2) touches no memory.
    let answer = unsafe { nix::libc::ioperm(PORT.into(), 1, 1) };
    Errno::result(answer).call(format_args!("ioperm({PORT:#x}, 1, 1)"))?;
    // SAFETY: the instruction touches neither memory, stack nor flags, and we
    // have just been granted the port, where a guest has this device.
    unsafe {
        std::arch::asm!(
            "out dx, al",
            in("dx") PORT,
            in("al") byte,
            options(nomem, nostack, preserves_flags),
        );
    }
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
fn tell(_byte: u8) -> Result<()> {
    Err(Error::new("there is no such device on this kind of processor"))
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn only_an_odd_status_is_the_guests() {
        assert_eq!(told(Some(3)), Some(0));
        assert_eq!(told(Some(9)), Some(3));
        assert_eq!(told(Some(1)), None); // QEMU itself failed
        assert_eq!(told(Some(0)), None); // reset after a panic, or off
        assert_eq!(told(Some(2)), None);
        assert_eq!(told(None), None); // killed
    }
}
