//! What the owner of a container does while it lives: pass on what is typed,
//! written and signalled, and wait for the end.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use process::{Call, Result};

use crate::front::Front;
use crate::log::Log;
use crate::signal;
use crate::streams::{Outside, read_some, show};
use crate::terminal::{DetachKeys, Raw, copy_size};

/// The owner of a process, and of what it writes.
pub(crate) struct Owner<'a> {
    child: &'a pid::Child,
    streams: Outside,
    log: Option<Log>,
    /// Who has started us, if it waits for us.
    front: Option<Front>,
    /// Whether a user looks at what is written.
    is_watched: bool,
    raw: Option<Raw>,
    keys: DetachKeys,
    /// What has been typed, and nobody has read yet.
    typed: Vec<u8>,
    /// Whether there may be more to come.
    is_open: bool,
    signals: SignalFd,
}

impl<'a> Owner<'a> {
    /// Whoever owns the process `child` from now on, and has a log of what it
    /// writes, or a user who looks at it, or both.
    pub(crate) fn new(
        child: &'a pid::Child,
        streams: Outside,
        log: Option<Log>,
        front: Option<Front>,
        is_watched: bool,
    ) -> Result<Self> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&SigSet::all(), flags)
            .call("signalfd(all, SFD_CLOEXEC)")?;
        let is_open = streams.input.is_some();
        let mut owner = Self {
            child,
            streams,
            log,
            front,
            is_watched,
            raw: None,
            keys: DetachKeys::default(),
            typed: Vec::new(),
            is_open,
            signals,
        };
        if owner.streams.is_terminal && is_watched {
            owner.raw = Raw::enter()?;
            owner.resize();
        }
        Ok(owner)
    }

    /// Waits for the end of the process; gives its exit code.
    pub(crate) fn wait(mut self) -> Result<u8> {
        loop {
            self.wait_for_something()?;
            self.copy_output()?;
            self.copy_input()?;
            if self.front.as_ref().is_some_and(Front::is_gone) {
                signal::send(self.child.pidfd(), libc::SIGKILL)?;
                self.front = None;
            }
            if let Some(code) = self.handle_signals()? {
                self.copy_output()?; // What it has written last.
                return Ok(code);
            }
        }
    }

    fn wait_for_something(&self) -> Result<()> {
        let mut events = vec![poll_in(self.signals.as_fd())];
        let output = self.streams.output.iter();
        events.extend(output.map(|(fd, _)| poll_in(fd.as_fd())));
        let input = self.streams.input.as_ref();
        if let Some(input) = input.filter(|_| !self.typed.is_empty()) {
            events.push(PollFd::new(input.as_fd(), PollFlags::POLLOUT));
        }
        let stdin = std::io::stdin();
        if self.is_reading() {
            events.push(poll_in(stdin.as_fd()));
        }
        if let Some(front) = &self.front {
            events.push(PollFd::new(front.as_fd(), PollFlags::empty()));
        }
        match poll(&mut events, PollTimeout::NONE) {
            Err(Errno::EINTR) => Ok(()), // We were stopped, and go on.
            result => result.map(drop).call("poll(container)"),
        }
    }

    /// Whether somebody may type, and what was typed before has been read.
    fn is_reading(&self) -> bool {
        self.is_open && self.streams.input.is_some() && self.typed.is_empty()
    }

    /// To the user, if there is one, and to the log.
    fn copy_output(&mut self) -> Result<()> {
        let mut ended = Vec::new();
        for (index, (fd, stream)) in self.streams.output.iter().enumerate() {
            // As much as there is, but not for ever: others wait too.
            for _ in 0..16 {
                let Some(bytes) = read_some(fd)? else { break };
                if bytes.is_empty() {
                    ended.push(index);
                    break;
                }
                if let Some(log) = &mut self.log {
                    log.add(*stream, &bytes)?;
                }
                // Whom nobody reads any more is told so, as if the file that
                // it writes to were the caller's own: pipe(7).
                if self.is_watched
                    && !show(*stream, &bytes)?
                    && !self.streams.is_terminal
                {
                    ended.push(index);
                    break;
                }
            }
        }
        for index in ended.into_iter().rev() {
            self.streams.output.remove(index);
        }
        Ok(())
    }

    fn copy_input(&mut self) -> Result<()> {
        if self.is_reading() && is_readable(std::io::stdin().as_fd())? {
            self.read_keys()?;
        }
        let Some(input) = &self.streams.input else { return Ok(()) };
        match nix::unistd::write(input, &self.typed) {
            Ok(length) => drop(self.typed.drain(..length)),
            Err(Errno::EAGAIN) => {}
            // The program has closed it, or has ended.
            Err(Errno::EPIPE | Errno::EIO) => self.is_open = false,
            result => return result.map(drop).call("write(stdin)"),
        }
        // The end is passed on when all before it has been.
        if !self.is_open && self.typed.is_empty() && !self.streams.is_terminal {
            self.streams.input = None;
        }
        Ok(())
    }

    fn read_keys(&mut self) -> Result<()> {
        let mut bytes = [0; 4096];
        let length = match nix::unistd::read(std::io::stdin(), &mut bytes) {
            Err(Errno::EIO | Errno::EAGAIN) => 0, // The terminal is gone.
            read => read.call("read(stdin)")?,
        };
        self.is_open = length > 0;
        match self.streams.is_terminal && self.front.is_some() {
            false => self.typed.extend(&bytes[..length]),
            true => match self.keys.filter(&bytes[..length]) {
                Some(keys) => self.typed.extend(keys),
                None => self.detach()?,
            },
        }
        Ok(())
    }

    /// Lets the user go, and goes on alone.
    fn detach(&mut self) -> Result<()> {
        self.is_open = false;
        self.is_watched = false;
        self.raw = None; // The terminal is as before,
        match self.front.take() {
            Some(front) => front.let_go(), // and the user has it back.
            None => Ok(()),
        }
    }

    /// The exit code, if the process has ended.
    fn handle_signals(&mut self) -> Result<Option<u8>> {
        while let Some(signal) =
            self.signals.read_signal().call("read(signalfd)")?
        {
            match signal.ssi_signo as libc::c_int {
                libc::SIGCHLD => {
                    if let Some(code) = self.reap()? {
                        return Ok(Some(code));
                    }
                }
                libc::SIGWINCH => self.resize(),
                // Ctrl-Z stops us, and leaves the container alone.
                libc::SIGTSTP => {
                    raise(Signal::SIGSTOP).call("raise(SIGSTOP)")?;
                }
                libc::SIGCONT | libc::SIGTTIN | libc::SIGTTOU => {}
                // It is in a session of its own: no terminal has sent it this.
                other => signal::send(self.child.pidfd(), other)?,
            }
        }
        Ok(None)
    }

    fn reap(&self) -> Result<Option<u8>> {
        let status = process::look_after(self.child.pid())?;
        let status = status.map(|(_, status)| status);
        let ended = status.filter(|s| s.stopped_signal().is_none());
        Ok(ended.map(process::exit_code))
    }

    fn resize(&self) {
        if let Some(terminal) =
            self.streams.input.as_ref().filter(|_| self.streams.is_terminal)
        {
            copy_size(std::io::stdin().as_fd(), terminal);
        }
    }
}

fn poll_in(fd: BorrowedFd) -> PollFd {
    PollFd::new(fd, PollFlags::POLLIN)
}

fn is_readable(fd: BorrowedFd) -> Result<bool> {
    let mut events = [poll_in(fd)];
    poll(&mut events, PollTimeout::ZERO).map(|n| n > 0).call("poll(stdin)")
}
