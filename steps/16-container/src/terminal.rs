//! A terminal of the container's own, and what becomes of the user's own one
//! meanwhile: pty(7).

use std::fs::File;
use std::io::IsTerminal;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat, major, minor};
use nix::sys::statfs::{FsType, fstatfs};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use process::{Call, Error, Hint, Result};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{tcgetwinsize, tcsetwinsize};

/// From <linux/magic.h>.
const DEVPTS_SUPER_MAGIC: libc::c_long = 0x1cd1;

/// Inside: opens a new terminal. Gives its two ends: of whoever looks at it,
/// and of the program.
///
/// The program's end is asked of the other one, and not opened by its path:
/// in a container that runs already, what is at the path is what root in there
/// likes (CVE-2025-52565).
pub(crate) fn open_pair() -> Result<(OwnedFd, OwnedFd)> {
    let path = "/dev/pts/ptmx";
    let flags =
        OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let ours = open(path, flags, Mode::empty())
        .call(format_args!("open({path:?})"))
        .hint(Errno::ENOSPC, "/proc/sys/kernel/pty/max terminals are open")?;
    must_be_ptmx(&ours)?;
    let errno = std::io::Error::from;
    grantpt(&ours).map_err(errno).call("grantpt()")?;
    unlockpt(&ours).map_err(errno).call("ioctl(TIOCSPTLCK)")?;
    let open = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let theirs = ioctl_tiocgptpeer(&ours, open)
        .map_err(errno)
        .call("ioctl(TIOCGPTPEER)")?;
    Ok((ours, theirs))
}

/// The device that makes terminals, in a file system of terminals.
fn must_be_ptmx(fd: &OwnedFd) -> Result<()> {
    let found = fstat(fd).call("fstat(\"/dev/pts/ptmx\")")?;
    let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
    let number = (major(found.st_rdev), minor(found.st_rdev));
    let system = fstatfs(fd).call("fstatfs(\"/dev/pts/ptmx\")")?;
    let is_devpts = system.filesystem_type() == FsType(DEVPTS_SUPER_MAGIC);
    match kind == SFlag::S_IFCHR && number == (5, 2) && is_devpts {
        true => Ok(()),
        false => Err(Error::new("/dev/pts/ptmx is no terminal multiplexer")
            .with_hint("somebody in the container has put it there")),
    }
}

/// Makes the window of a terminal as large as that of another. Who has none
/// has no size either.
pub(crate) fn copy_size(from: BorrowedFd, to: &OwnedFd) {
    if let Ok(size) = tcgetwinsize(from) {
        // The program looks worse, and works.
        let _ = tcsetwinsize(to, size);
    }
}

/// The user's terminal in raw mode: it passes on each key, and does not look
/// at it. Dropped, it is as before.
#[derive(Debug)]
pub(crate) struct Raw {
    terminal: OwnedFd,
    before: Termios,
}

impl Raw {
    /// Nothing, if standard input is no terminal.
    pub(crate) fn enter() -> Result<Option<Self>> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let terminal = stdin.as_fd().try_clone_to_owned().call("dup(stdin)")?;
        let before = tcgetattr(&terminal).call("tcgetattr(stdin)")?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(&terminal, SetArg::TCSADRAIN, &raw)
            .call("tcsetattr(stdin, raw)")?;
        Ok(Some(Self { terminal, before }))
    }

    /// What is to be put back by somebody else, should this process be
    /// killed.
    pub(crate) fn remember() -> Option<Remembered> {
        let stdin = std::io::stdin();
        let terminal = stdin.as_fd().try_clone_to_owned().ok()?;
        let before = tcgetattr(&terminal).ok()?;
        Some(Remembered(Self { terminal, before }))
    }
}

/// The settings of the user's terminal, put back when it is dropped.
pub(crate) struct Remembered(#[allow(dead_code)] Raw);

impl Drop for Raw {
    fn drop(&mut self) {
        // Nobody is left to be told if the terminal is gone.
        let _ = tcsetattr(&self.terminal, SetArg::TCSADRAIN, &self.before);
    }
}

/// Ctrl-P Ctrl-Q, by which docker(1) leaves a container alone.
#[derive(Debug, Default)]
pub(crate) struct DetachKeys {
    has_first: bool,
}

const CTRL_P: u8 = b'P' - b'@';
const CTRL_Q: u8 = b'Q' - b'@';

impl DetachKeys {
    /// Which of the keys are the container's; nothing, if these were the two.
    pub(crate) fn filter(&mut self, keys: &[u8]) -> Option<Vec<u8>> {
        let mut passed = Vec::new();
        for key in keys {
            match (std::mem::take(&mut self.has_first), *key) {
                (true, CTRL_Q) => return None,
                // It was no first key, but it may be one now.
                (true, CTRL_P) => {
                    passed.push(CTRL_P);
                    self.has_first = true;
                }
                (true, other) => passed.extend([CTRL_P, other]),
                (false, CTRL_P) => self.has_first = true,
                (false, other) => passed.push(other),
            }
        }
        Some(passed)
    }
}

/// Where nobody reads and nobody writes.
pub(crate) fn null() -> Result<File> {
    let null = File::options().read(true).write(true).open("/dev/null");
    null.call("open(\"/dev/null\")")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_keys_detach_and_all_others_pass() {
        let mut keys = DetachKeys::default();
        assert_eq!(keys.filter(b"ab"), Some(b"ab".to_vec()));
        assert_eq!(keys.filter(b"\x10"), Some(vec![]));
        assert_eq!(keys.filter(b"x"), Some(b"\x10x".to_vec()));
        assert_eq!(keys.filter(b"\x10\x10"), Some(b"\x10".to_vec()));
        assert_eq!(keys.filter(b"\x11"), None);
        assert_eq!(keys.filter(b"a\x10\x11"), None);
    }
}
