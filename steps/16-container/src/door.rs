//! The door of a container that was made and not yet started: a FIFO in its
//! directory, fifo(7). The owner waits behind it, and whoever starts the
//! container knocks. runc has the same, and calls it `exec.fifo`.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use process::{Call, Hint, Result};

/// The name of the FIFO.
pub(crate) const FILE: &str = "door";

/// The side of the owner. Dropped, whoever has knocked knows that it was heard.
pub(crate) struct Door {
    path: PathBuf,
    fifo: File,
}

impl Door {
    /// Makes it in the directory of a container.
    pub(crate) fn make(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)
            .call(format_args!("mkfifo({path:?})"))?;
        // To write as well, or it would seem closed when one who has opened it
        // was killed before he could knock.
        let mut options = File::options();
        options.read(true).write(true).custom_flags(libc::O_NONBLOCK);
        let fifo = options.open(&path).call(format_args!("open({path:?})"))?;
        Ok(Self { path, fifo })
    }

    /// Waits until somebody knocks, or `process` has ended; whether there was a
    /// knock.
    pub(crate) fn wait(&self, process: BorrowedFd) -> Result<bool> {
        let both = [self.fifo.as_fd(), process];
        let mut events = both.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        loop {
            match poll(&mut events, PollTimeout::NONE) {
                Err(Errno::EINTR) => {}
                result => {
                    result.call("poll(door)")?;
                    return Ok(events[0].any().unwrap_or_default());
                }
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Nobody else is to find it. What is left goes with the directory.
        let _ = fs::remove_file(&self.path);
    }
}

/// Knocks, and waits until somebody has heard it, and has done as he was asked
/// to, or has ended.
pub(crate) fn knock(directory: &Path) -> Result<()> {
    let path = directory.join(FILE);
    let mut options = File::options();
    options.write(true).custom_flags(libc::O_NONBLOCK);
    let mut fifo = options
        .open(&path)
        .call(format_args!("open({path:?}, O_WRONLY)"))
        .hint(Errno::ENOENT, "whoever has made it starts it")
        .hint(Errno::ENXIO, "its owner has just been killed")?;
    fifo.write_all(b"!").call(format_args!("write({path:?})"))?;
    // That nobody can read it any more is an error, in the eyes of poll(2).
    let mut events = [PollFd::new(fifo.as_fd(), PollFlags::empty())];
    while let Err(errno) = poll(&mut events, PollTimeout::NONE) {
        if errno != Errno::EINTR {
            return Err(errno).call("poll(door)");
        }
    }
    Ok(())
}
