//! What the program has for standard input, output and error.
//!
//! A terminal of the caller's is not among it: whoever has it can read what is
//! typed, and type himself (TIOCSTI). A file or a pipe is: it costs nothing to
//! hand it on.

use std::fs::File;
use std::io::{IsTerminal, Read, Write, stderr, stdin, stdout};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::fchown;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{
    Gid, Uid, dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid,
};
use process::{Call, Error, Result};

use crate::handover;
use crate::terminal::{self, null};

/// What the user asks for.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct StreamOptions {
    /// Hand on what is written to standard input
    #[arg(short, long)]
    pub interactive: bool,
    /// Give it a terminal of its own. Ctrl-P Ctrl-Q leaves it alone
    #[arg(short, long)]
    pub tty: bool,
}

/// The end that the program gets.
pub(crate) struct Inside {
    kind: Kind,
    /// By which who waits outside learns whether the program was started:
    /// nobody has it any more, or there is an exit code.
    started: OwnedFd,
    /// Standard error as the caller has it, for our own errors.
    callers: OwnedFd,
}

enum Kind {
    Files([OwnedFd; 3]),
    /// The terminal is made inside, and its other end handed out.
    Terminal(OwnedFd),
}

/// The end outside.
pub(crate) struct Outside {
    /// To which goes what is typed.
    pub(crate) input: Option<OwnedFd>,
    pub(crate) output: Vec<(OwnedFd, crate::log::Stream)>,
    terminal: Option<OwnedFd>,
    started: Option<OwnedFd>,
}

impl StreamOptions {
    /// Makes both ends. Nobody is there to read what a *detached* program
    /// writes, but the log.
    pub(crate) fn make(self, detached: bool) -> Result<(Inside, Outside)> {
        let (started_outside, started) = pipe()?;
        let callers = stderr().as_fd().try_clone_to_owned();
        let callers = callers.call("dup(stderr)")?;
        let mut outside = Outside {
            input: None,
            output: Vec::new(),
            terminal: None,
            started: Some(started_outside),
        };
        let kind = match self.tty {
            true => {
                let (ours, theirs) = handover::pair()?;
                outside.terminal = Some(ours);
                Kind::Terminal(theirs)
            }
            false => Kind::Files(self.files(detached, &mut outside)?),
        };
        Ok((Inside { kind, started, callers }, outside))
    }

    fn files(
        self,
        detached: bool,
        outside: &mut Outside,
    ) -> Result<[OwnedFd; 3]> {
        use crate::log::Stream;
        let input = match (self.interactive && !detached, stdin()) {
            (true, stdin) if stdin.is_terminal() => {
                let (theirs, ours) = pipe()?;
                set_nonblocking(&ours)?;
                outside.input = Some(ours);
                theirs
            }
            (true, stdin) => {
                stdin.as_fd().try_clone_to_owned().call("dup(stdin)")?
            }
            (false, _) => null()?.into(),
        };
        let mut output = |callers: BorrowedFd, is_terminal, stream| {
            if !detached && !is_terminal {
                return callers.try_clone_to_owned().call("dup()");
            }
            let (ours, theirs) = pipe()?;
            set_nonblocking(&ours)?;
            outside.output.push((ours, stream));
            Ok(theirs)
        };
        let (out, err) = (stdout(), stderr());
        Ok([
            input,
            output(out.as_fd(), out.is_terminal(), Stream::Out)?,
            output(err.as_fd(), err.is_terminal(), Stream::Err)?,
        ])
    }
}

impl Inside {
    /// Gives the pipes to root inside: who opens `/dev/stdout` anew is asked
    /// for rights over them.
    pub(crate) fn give_to(&self, (uid, gid): (Uid, Gid)) -> Result<()> {
        let Kind::Files(files) = &self.kind else { return Ok(()) };
        for file in files {
            let found = nix::sys::stat::fstat(file).call("fstat(stream)")?;
            let kind = found.st_mode & libc::S_IFMT;
            // Only our own: those that the caller has handed on are his.
            let is_ours = kind == libc::S_IFIFO && self.is_made_by_us(file);
            if is_ours && found.st_uid != uid.as_raw() {
                fchown(file, Some(uid.as_raw()), Some(gid.as_raw()))
                    .call("fchown(pipe)")?;
            }
        }
        Ok(())
    }

    /// A pipe of the caller's is one of its three files.
    fn is_made_by_us(&self, file: &OwnedFd) -> bool {
        let inode = |fd: BorrowedFd| nix::sys::stat::fstat(fd).map(|f| f.st_ino);
        let own = inode(file.as_fd());
        let callers = [
            inode(stdin().as_fd()),
            inode(stdout().as_fd()),
            inode(stderr().as_fd()),
        ];
        !callers.contains(&own)
    }

    /// Inside: leaves the session of the caller, with its terminal, and takes
    /// its own streams.
    pub(crate) fn enter(&self, (uid, gid): (Uid, Gid)) -> Result<()> {
        setsid().call("setsid()")?;
        let terminal;
        let [stdin, stdout, stderr] = match &self.kind {
            Kind::Files(files) => files.each_ref(),
            Kind::Terminal(socket) => {
                let (ours, theirs) = terminal::open_pair()?;
                fchown(&theirs, Some(uid.as_raw()), Some(gid.as_raw()))
                    .call("fchown(terminal)")?;
                handover::send(socket, ours.as_fd())?;
                rustix::process::ioctl_tiocsctty(&theirs)
                    .map_err(std::io::Error::from)
                    .call("ioctl(TIOCSCTTY)")?;
                terminal = theirs;
                [&terminal; 3]
            }
        };
        dup2_stdin(stdin).call("dup2(stdin)")?;
        dup2_stdout(stdout).call("dup2(stdout)")?;
        dup2_stderr(stderr).call("dup2(stderr)")
    }

    /// Inside: the program was not started. Says so to who waits, and lets
    /// this process say why to the caller.
    pub(crate) fn failed(&self, error: &Error) {
        // There is nobody else to tell if this fails too.
        let _ = dup2_stderr(&self.callers);
        let _ = nix::unistd::write(&self.started, &[error.exit_code()]);
    }
}

impl Outside {
    /// Waits until the program was started; if it was not, with which code
    /// its process ends.
    pub(crate) fn wait_until_started(&mut self) -> Result<Option<u8>> {
        let Some(started) = self.started.take() else { return Ok(None) };
        let mut code = [0];
        let length = File::from(started).read(&mut code);
        match length.call("read(started)")? {
            0 => Ok(None),
            _ => Ok(Some(code[0])),
        }
    }

    /// Takes the terminal that the program has made.
    pub(crate) fn take_terminal(&mut self) -> Result<()> {
        let Some(socket) = self.terminal.take() else { return Ok(()) };
        // None, if the container has failed before.
        if let Some(terminal) = handover::receive(&socket)? {
            let input = terminal.try_clone().call("dup(terminal)")?;
            self.input = Some(input);
            self.output.push((terminal, crate::log::Stream::Out));
        }
        Ok(())
    }
}

/// The end to read from, and the one to write to.
pub(crate) fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    pipe2(OFlag::O_CLOEXEC).call("pipe2(O_CLOEXEC)")
}

fn set_nonblocking(fd: &OwnedFd) -> Result<()> {
    fcntl(fd, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
        .map(drop)
        .call("fcntl(F_SETFL, O_NONBLOCK)")
}

/// Reads what there is. Nothing, if there is nothing yet; no bytes, if there
/// never will be.
pub(crate) fn read_some(fd: &OwnedFd) -> Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; 1 << 14];
    match nix::unistd::read(fd, &mut bytes) {
        Err(Errno::EAGAIN) => Ok(None),
        // A terminal whose last program has ended.
        Err(Errno::EIO) => Ok(Some(Vec::new())),
        read => {
            bytes.truncate(read.call("read(stream)")?);
            Ok(Some(bytes))
        }
    }
}

/// Writes to the caller's own standard output or error.
pub(crate) fn show(stream: crate::log::Stream, bytes: &[u8]) -> Result<()> {
    let written = match stream {
        crate::log::Stream::Out => {
            let mut out = stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        crate::log::Stream::Err => stderr().write_all(bytes),
    };
    match written {
        // Nobody reads it any more.
        Err(error) if error.raw_os_error() == Some(libc::EPIPE) => Ok(()),
        written => written.call("write(stdout)"),
    }
}
