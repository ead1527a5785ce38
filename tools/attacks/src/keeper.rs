//! The canary process: an ordinary process of the host, with a secret.
//!
//! It runs as an ordinary user, allows that user everything, and shares all
//! with the host: what stops an attack on it is isolation, and not that it
//! belongs to somebody else.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use caps::CapSet;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, chdir, setsid};
use process::{Call, Error, Result};

use crate::callers::Callers;
use crate::service::Service;

/// A number that a small, private set of process numbers does not reach.
const HIGH_PID: u32 = 20_000;

/// The canary process is given this long to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the canary process is made of.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    /// Its name: comm in proc_pid_comm(5).
    pub(crate) id: &'a str,
    /// Its working directory.
    pub(crate) directory: &'a Path,
    /// Whom it becomes.
    pub(crate) user: &'a jail::User,
    /// Whether it may stay who it is if it can't become that user.
    pub(crate) may_stay: bool,
    /// The abstract socket that it answers on.
    pub(crate) listener: &'a UnixListener,
    /// The service that it offers in the volume.
    pub(crate) callers: &'a Callers,
    /// The network services that it is for.
    pub(crate) service: &'a Service,
    /// What it tells there.
    pub(crate) secret: &'a str,
}

/// What the canary process was sent since the last time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived {
    /// SIGUSR1.
    pub(crate) signal: bool,
    /// A datagram with a forged source.
    pub(crate) forged: bool,
    /// A call by user 0.
    pub(crate) root: bool,
}

/// The planter's hold on the canary process.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) pid: Pid,
    control: UnixStream,
}

impl Keeper {
    /// Starts the canary process, and waits until it is what it is to be.
    pub(crate) fn start(settings: &Settings<'_>) -> Result<Self> {
        let (control, theirs) = UnixStream::pair().call("socketpair()")?;
        control
            .set_read_timeout(Some(PATIENCE))
            .call("setsockopt(SO_RCVTIMEO)")?;
        raise_pids();
        let child = process::spawn(|parent| keep(settings, parent, &theirs))?;
        let mut keeper = Self { pid: child.pid(), control };
        // Or the end of the canary process could not be noticed.
        drop(theirs);
        keeper.answer()?;
        Ok(keeper)
    }

    /// What has arrived since the last time.
    pub(crate) fn what_arrived(&mut self) -> Result<Arrived> {
        self.control.write_all(b"?").call("write(canary process)")?;
        let answer = self.answer()?;
        let is = |bit| answer & bit != 0;
        Ok(Arrived { signal: is(1), forged: is(2), root: is(4) })
    }

    fn answer(&mut self) -> Result<u8> {
        let mut answer = [0];
        match self.control.read(&mut answer).call("read(canary process)")? {
            0 => Err(Error::new("the canary process has ended")),
            _ => Ok(answer[0]),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // It may have ended before; then there is nothing to kill, and still
        // something to wait for.
        let _ = kill(self.pid, Signal::SIGKILL);
        if let Err(errno) = waitpid(self.pid, None) {
            eprintln!("attacks: waitpid({}): {errno}", self.pid);
        }
    }
}

/// Lets the next process have a high number, where the kernel allows it: in
/// a sandbox of its own, the same number then is nobody's.
fn raise_pids() {
    let path = "/proc/sys/kernel/ns_last_pid";
    let last = fs::read_to_string(path)
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok());
    if last.is_some_and(|last| last < HIGH_PID) {
        // It takes CAP_CHECKPOINT_RESTORE. Without it the attacks still tell
        // the canary by its session.
        let _ = fs::write(path, HIGH_PID.to_string());
    }
}

/// In the new process: become the canary, and stay it until killed.
fn keep(
    settings: &Settings<'_>,
    parent: Pid,
    control: &UnixStream,
) -> Result<Infallible> {
    let Settings { id, directory, .. } = settings;
    // SIGUSR1 stays pending until the witness asks: it must kill nobody.
    let signals = hold_signals()?;
    chdir(*directory).call(format_args!("chdir({directory:?})"))?;
    setsid().call("setsid()")?;
    become_ordinary(settings)?;
    let name = CString::new(*id).map_err(Error::new)?;
    prctl::set_name(&name).call("prctl(PR_SET_NAME)")?;
    // After the change of user, which undoes the first and the last: prctl(2).
    prctl::set_dumpable(true).call("prctl(PR_SET_DUMPABLE)")?;
    allow_ptrace()?;
    process::die_with(parent)?;
    serve(settings, control, &signals)
}

fn hold_signals() -> Result<SignalFd> {
    let awaited: SigSet = [Signal::SIGUSR1].into_iter().collect();
    awaited.thread_block().call("sigprocmask(SIG_BLOCK, SIGUSR1)")?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    SignalFd::with_flags(&awaited, flags).call("signalfd()")
}

/// Another user, without capabilities: who has fewer than a process may not
/// look into it, "Ptrace access mode checking" in ptrace(2).
fn become_ordinary(settings: &Settings<'_>) -> Result<()> {
    if let Err(error) = jail::become_user(settings.user) {
        let is_impossible =
            matches!(error.errno(), Some(Errno::EINVAL | Errno::EPERM));
        if !(settings.may_stay && is_impossible) {
            return Err(error);
        }
    }
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::clear(None, set)
            .map_err(|_| Errno::last()) // The crate's error is only text.
            .call(format_args!("capset({set:?}, {{}})"))?;
    }
    Ok(())
}

/// The Yama module lets only ancestors trace, unless a process says otherwise.
fn allow_ptrace() -> Result<()> {
    // SAFETY: PR_SET_PTRACER takes a number and touches no memory.
    let result =
        unsafe { libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY) };
    match Errno::result(result) {
        // A kernel without Yama.
        Ok(_) | Err(Errno::EINVAL) => Ok(()),
        Err(errno) => {
            Err(errno).call("prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)")
        }
    }
}

/// Tells the secret on the sockets, and the planter what arrived.
fn serve(
    settings: &Settings<'_>,
    mut control: &UnixStream,
    signals: &SignalFd,
) -> Result<Infallible> {
    let Settings { listener, callers, service, secret, .. } = settings;
    control.write_all(&[0]).call("write(planter)")?; // Ready.
    let (mut forged, mut root) = (false, false);
    loop {
        let mut fds = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(service.listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(callers.listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
        ];
        poll(&mut fds, Service::PERIOD).call("poll()")?;
        let [is_called, is_connected, has_caller, is_asked] =
            fds.map(|fd| fd.any() == Some(true));
        // A caller that has gone away is none of our business.
        if is_called {
            let (mut caller, _) = listener.accept().call("accept()")?;
            let _ = caller.write_all(secret.as_bytes());
        }
        if is_connected {
            let (mut caller, _) = service.listener.accept().call("accept()")?;
            let _ = caller.write_all(secret.as_bytes());
        }
        if has_caller {
            root |= callers.answer()?;
        }
        forged |= service.receive()?;
        service.send()?;
        if is_asked {
            control.read_exact(&mut [0]).call("read(planter)")?;
            let signal = signals.read_signal().call("read(signalfd)")?;
            let answer = u8::from(signal.is_some())
                | u8::from(forged) << 1
                | u8::from(root) << 2;
            control.write_all(&[answer]).call("write(planter)")?;
            (forged, root) = (false, false);
        }
    }
}
