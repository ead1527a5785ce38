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
use crate::log::Stream;
use crate::terminal::{self, null};

/// What the user asks for.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct StreamOptions {
    /// Hand on what is written to standard input
    #[arg(short, long)]
    pub interactive: bool,
    /// Give it a terminal of its own. Ctrl-P Ctrl-Q leaves it alone
    #[arg(short, long)]
    pub tty: bool,
}

/// What the caller does while the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Waits for it, and lends it its own files.
    Lends,
    /// Waits for it too, and is shown what goes to a log.
    Listens,
    /// Leaves, as soon as the program was started.
    Leaves,
    /// Has left before the program is started.
    HasLeft,
}

impl Caller {
    fn is_there(self) -> bool {
        matches!(self, Self::Lends | Self::Listens)
    }
}

/// The end that the program gets.
pub(crate) struct Inside {
    caller: Caller,
    kind: Kind,
    /// Through which inside hands out what it has made.
    socket: Option<OwnedFd>,
    /// By which who waits outside learns whether the program was started:
    /// nobody has it any more, or there is an exit code.
    started: OwnedFd,
    /// Standard error as the caller has it, for our own errors; or the log, if
    /// the caller has left.
    errors: OwnedFd,
}

enum Kind {
    /// Without an input, one is made inside.
    Files { input: Option<OwnedFd>, output: [Output; 2] },
    /// It is made inside.
    Terminal,
}

struct Output {
    fd: OwnedFd,
    /// Or else it is the caller's.
    is_made: bool,
}

/// The end outside.
#[derive(Default)]
pub(crate) struct Outside {
    /// To which goes what is typed.
    pub(crate) input: Option<OwnedFd>,
    pub(crate) output: Vec<(OwnedFd, Stream)>,
    /// Whether what comes out is that of a terminal.
    pub(crate) is_terminal: bool,
    socket: Option<OwnedFd>,
    started: Option<OwnedFd>,
}

impl StreamOptions {
    /// What can't be together.
    pub(crate) fn check(self, detach: bool) -> Result<()> {
        let Self { interactive, tty } = self;
        if detach && interactive && !tty {
            return Err(Error::new(
                "--detach and --interactive: nobody would type",
            )
            .with_hint("leave out one of the two"));
        }
        // What is read there has an end, and a terminal has none.
        if interactive && tty && !detach && !std::io::stdin().is_terminal() {
            return Err(Error::new("standard input is no terminal")
                .with_hint("leave out --tty: what is piped in needs none"));
        }
        Ok(())
    }

    /// Makes both ends. Of a program whose caller has left nobody reads what it
    /// writes but the log, and nobody types.
    pub(crate) fn make(self, caller: Caller) -> Result<(Inside, Outside)> {
        let (started_outside, started) = pipe()?;
        let mut outside = Outside {
            is_terminal: self.tty,
            started: Some(started_outside),
            ..Outside::default()
        };
        let errors = match caller {
            Caller::HasLeft => outside.new_output(Stream::Err)?,
            _ => stderr().as_fd().try_clone_to_owned().call("dup(stderr)")?,
        };
        let kind = match self.tty {
            true => Kind::Terminal,
            false => self.files(caller, &mut outside)?,
        };
        let has_to_make =
            matches!(kind, Kind::Terminal | Kind::Files { input: None, .. });
        let mut socket = None;
        if has_to_make {
            let (ours, theirs) = handover::pair()?;
            (outside.socket, socket) = (Some(ours), Some(theirs));
        }
        Ok((Inside { caller, kind, socket, started, errors }, outside))
    }

    fn files(self, caller: Caller, outside: &mut Outside) -> Result<Kind> {
        let input = match stdin() {
            _ if !caller.is_there() || !self.interactive => {
                Some(null()?.into())
            }
            stdin if stdin.is_terminal() => None,
            stdin => {
                Some(stdin.as_fd().try_clone_to_owned().call("dup(stdin)")?)
            }
        };
        let mut output = |callers: BorrowedFd, is_terminal, stream| {
            let is_made = caller != Caller::Lends || is_terminal;
            let fd = match is_made {
                false => callers.try_clone_to_owned().call("dup()")?,
                true => outside.new_output(stream)?,
            };
            Ok(Output { fd, is_made })
        };
        let (out, err) = (stdout(), stderr());
        let output = [
            output(out.as_fd(), out.is_terminal(), Stream::Out)?,
            output(err.as_fd(), err.is_terminal(), Stream::Err)?,
        ];
        Ok(Kind::Files { input, output })
    }
}

impl Inside {
    /// Inside, first of all: lets go of the files of a caller who leaves. What
    /// he reads would not end before the container does.
    pub(crate) fn leave_caller(&self) -> Result<()> {
        if self.caller.is_there() {
            return Ok(());
        }
        let null = null()?.into();
        take([&null; 3])
    }

    /// Outside: gives the pipes to a user of the container's. Who opens
    /// `/dev/stdout` anew is asked for rights over them.
    pub(crate) fn give_to(&self, owner: (Uid, Gid)) -> Result<()> {
        let Kind::Files { output, .. } = &self.kind else { return Ok(()) };
        let made = output.iter().filter(|output| output.is_made);
        made.map(|output| &output.fd).try_for_each(|fd| give(fd, owner))
    }

    /// Inside: leaves the session of the caller, with its terminal, and takes
    /// its own streams, which are given to `owner`.
    pub(crate) fn enter(&self, owner: (Uid, Gid)) -> Result<()> {
        setsid().call("setsid()")?;
        match &self.kind {
            Kind::Files { input, output: [out, err] } => {
                self.give_to(owner)?;
                let made;
                let input = match input {
                    Some(input) => input,
                    None => {
                        made = self.make_input()?;
                        &made
                    }
                };
                take([input, &out.fd, &err.fd])
            }
            Kind::Terminal => {
                let (ours, theirs) = terminal::open_pair()?;
                give(&theirs, owner)?;
                terminal::copy_size(stdin().as_fd(), &ours); // the caller's
                self.hand_out(&ours)?;
                rustix::process::ioctl_tiocsctty(&theirs)
                    .map_err(std::io::Error::from)
                    .call("ioctl(TIOCSCTTY)")?;
                take([&theirs; 3])
            }
        }
    }

    /// A pipe, of which nobody has the other end but who types: whoever else
    /// had it would keep the program from seeing its end.
    fn make_input(&self) -> Result<OwnedFd> {
        let (theirs, ours) = pipe()?;
        set_nonblocking(&ours)?;
        self.hand_out(&ours)?;
        Ok(theirs)
    }

    fn hand_out(&self, fd: &OwnedFd) -> Result<()> {
        let mut sockets = self.socket.iter();
        sockets.try_for_each(|socket| handover::send(socket, fd.as_fd()))
    }

    /// Inside: the program was not started. Says so to who waits, and lets
    /// this process say why to the caller.
    pub(crate) fn failed(&self, error: &Error) {
        // There is nobody else to tell if this fails too.
        let _ = dup2_stderr(&self.errors);
        let _ = nix::unistd::write(&self.started, &[error.exit_code()]);
    }
}

fn give(fd: &OwnedFd, (uid, gid): (Uid, Gid)) -> Result<()> {
    fchown(fd, Some(uid.as_raw()), Some(gid.as_raw())).call("fchown(stream)")
}

fn take([stdin, stdout, stderr]: [&OwnedFd; 3]) -> Result<()> {
    dup2_stdin(stdin).call("dup2(stdin)")?;
    dup2_stdout(stdout).call("dup2(stdout)")?;
    dup2_stderr(stderr).call("dup2(stderr)")
}

impl Outside {
    /// A pipe more to read from; gives the end of who writes.
    fn new_output(&mut self, stream: Stream) -> Result<OwnedFd> {
        let (ours, theirs) = pipe()?;
        set_nonblocking(&ours)?;
        self.output.push((ours, stream));
        Ok(theirs)
    }

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

    /// Takes what inside has made, once it is there.
    pub(crate) fn take_made(&mut self) -> Result<()> {
        let Some(socket) = self.socket.take() else { return Ok(()) };
        // None, if the container has failed before.
        let Some(made) = handover::receive(&socket)? else { return Ok(()) };
        if self.is_terminal {
            let output = made.try_clone().call("dup(terminal)")?;
            self.output.push((output, Stream::Out));
        }
        self.input = Some(made);
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

/// Writes to the caller's own standard output or error; whether somebody still
/// reads it.
pub(crate) fn show(stream: Stream, bytes: &[u8]) -> Result<bool> {
    let written = match stream {
        Stream::Out => {
            let mut out = stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        Stream::Err => stderr().write_all(bytes),
    };
    match written {
        Err(error) if error.raw_os_error() == Some(libc::EPIPE) => Ok(false),
        written => written.call("write(stdout)").map(|()| true),
    }
}
