//! The process that the user has started, in front of the one that owns the
//! container.
//!
//! They are two where the user may go before the container does: when it is
//! started in the background, or has a terminal that can be left alone. Until
//! then the one in front is only a shadow of the owner: it passes signals on,
//! ends as the owner does, and takes it along if it is killed.

use std::cell::Cell;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, exit};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, close, dup2_stderr, dup2_stdin, dup2_stdout, setsid};
use process::{Call, Result};

use crate::streams::{pipe, read_some};
use crate::terminal::{Raw, null};

/// The one in front, as the owner knows it.
pub(crate) struct Front {
    pid: Pid,
    /// Of which it has the other end, as long as it lives.
    pipe: OwnedFd,
    /// That of the host: whoever has entered a container finds its own there.
    null: File,
}

/// Starts `owner` in a process of its own. Ends when it ends or when it lets
/// go, and gives its exit code, or 0.
pub(crate) fn start(
    has_terminal: bool,
    owner: impl FnOnce(Front) -> Result<u8>,
) -> Result<u8> {
    // Should the owner be killed while the terminal is as it has set it.
    let _settings = has_terminal.then(Raw::remember);
    let (told, tell) = pipe()?;
    let told = Cell::new(Some(told));
    let process = process::spawn(|pid| {
        drop(told.take());
        close_inherited_files()?;
        let front = Front { pid, pipe: tell, null: null()? };
        let code = owner(front)?;
        exit(code.into())
    })?;
    let Some(told) = told.take() else { return Ok(process::FAILED) };
    set_nonblocking(&told)?;
    process.wait_by(|process| {
        if has_let_go(&told)? {
            return Ok(Some(ExitStatus::from_raw(0)));
        }
        let status = process::look_after(process.pid())?;
        let status = status.map(|(_, status)| status);
        Ok(status.filter(|status| status.stopped_signal().is_none()))
    })
}

/// Closes what the caller has left open beside the three standard files: it
/// would stay so for as long as the container lives. What this program opens
/// is marked to be closed by execve(2), and what is not marked is the caller's.
fn close_inherited_files() -> Result<()> {
    let path = "/proc/self/fd";
    let open = std::fs::read_dir(path).call(format_args!("open({path:?})"))?;
    let numbers = open
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<RawFd>().ok());
    for fd in numbers.filter(|fd| *fd > 2).collect::<Vec<_>>() {
        if is_marked(fd) == Ok(false) {
            close(fd).call(format_args!("close({fd})"))?;
        }
    }
    Ok(())
}

/// Fails if it is none any more: that by which the list was read.
fn is_marked(fd: RawFd) -> nix::Result<bool> {
    // SAFETY: fcntl(2) with F_GETFD touches neither memory nor the file.
    let flags = Errno::result(unsafe { libc::fcntl(fd, libc::F_GETFD) })?;
    Ok(flags & libc::FD_CLOEXEC != 0)
}

fn has_let_go(told: &OwnedFd) -> Result<bool> {
    Ok(read_some(told)?.is_some_and(|bytes| !bytes.is_empty()))
}

fn set_nonblocking(fd: &OwnedFd) -> Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .map(drop)
        .call("fcntl(F_SETFL, O_NONBLOCK)")
}

impl Front {
    /// Whether it was killed.
    pub(crate) fn is_gone(&self) -> bool {
        let mut events = [PollFd::new(self.as_fd(), PollFlags::empty())];
        // A pipe that nobody reads has an error: poll(2).
        poll(&mut events, PollTimeout::ZERO).is_ok_and(|count| count > 0)
    }

    /// Lets it go: it ends with 0. This process leaves the terminal, since
    /// neither Ctrl-C nor its end are meant for it any more.
    pub(crate) fn let_go(self) -> Result<()> {
        setsid().call("setsid()")?;
        dup2_stdin(&self.null).call("dup2(stdin)")?;
        dup2_stdout(&self.null).call("dup2(stdout)")?;
        dup2_stderr(&self.null).call("dup2(stderr)")?;
        nix::unistd::write(&self.pipe, b"gone").call("write(front)")?;
        match kill(self.pid, Signal::SIGCHLD) {
            Err(Errno::ESRCH) => Ok(()), // It was killed just now.
            result => result.call(format_args!("kill({}, SIGCHLD)", self.pid)),
        }
    }
}

impl AsFd for Front {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}
