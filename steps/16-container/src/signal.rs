//! Signals, by name or number, to a process that is known by its pidfd.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::str::FromStr;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use process::{Call, Hint, Result};

/// Sends it. A process that has ended needs none.
pub(crate) fn send(process: BorrowedFd, number: libc::c_int) -> Result<()> {
    // By number, since the enumerations of crates have no real-time signals.
    //
    // SAFETY: pidfd_send_signal(2) without a siginfo_t touches no memory.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_raw_fd(),
            number,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    match Errno::result(result) {
        Err(Errno::ESRCH) => Ok(()),
        result => result
            .map(drop)
            .call(format_args!("pidfd_send_signal({number})"))
            .hint(Errno::EPERM, "the container belongs to somebody else"),
    }
}

/// `KILL`, `SIGKILL`, `kill` or `9`.
pub fn parse(text: &str) -> std::result::Result<i32, String> {
    if let Ok(number) = text.parse() {
        return match number {
            1..=64 => Ok(number),
            _ => Err("a signal is a number from 1 to 64: signal(7)".into()),
        };
    }
    let name = text.to_ascii_uppercase();
    let name = match name.starts_with("SIG") {
        true => name,
        false => format!("SIG{name}"),
    };
    Signal::from_str(&name)
        .map(|signal| signal as i32)
        .map_err(|_| "no such signal: `kill -l` lists them".into())
}
