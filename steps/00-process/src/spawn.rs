//! Start a process and wait for it: fork(2), signalfd(2), waitpid(2).
//!
//! The tool stands between its caller and the command, and neither should
//! notice. Signals sent to the tool reach the command, Ctrl-Z stops both, and
//! the tool exits as the command did.

use std::convert::Infallible;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::OnceLock;

use libc::c_int;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal};
use nix::sys::signal::{raise, signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

use crate::error::{Call, Hint, Result};

/// A process that has been started and must be waited for.
#[must_use = "a child that nobody waits for stays behind as a zombie"]
#[derive(Debug)]
pub struct Child {
    pid: Pid,
}

/// Starts a process that runs `child`, which is told its parent's pid.
///
/// `child` ends in [`exec`](crate::exec). If it fails instead, the new process
/// reports the error and exits with the error's code.
///
/// From here on every signal to the caller is held back, for
/// [`Child::wait`] to pass on.
pub fn spawn(child: impl FnOnce(Pid) -> Result<Infallible>) -> Result<Child> {
    let parent = getpid();
    let fork = || {
        // SAFETY: fork(2) leaves the child with the calling thread alone. In
        // a process with others, whose locks would stay locked for ever, the
        // child may make only async-signal-safe calls (signal-safety(7)).
        // `spawn_by` has found no other thread when it comes here.
        unsafe { fork() }.call("fork()").hint(
            Errno::EAGAIN,
            "a limit on processes is reached: `ulimit -u`, pids.max of a \
             cgroup, or /proc/sys/kernel/pid_max",
        )
    };
    spawn_by(fork, || child(parent))
}

/// The same for those who make the process by another call. `fork` returns
/// twice, as fork(2) does, in a process of one thread.
pub fn spawn_by(
    fork: impl FnOnce() -> Result<ForkResult>,
    child: impl FnOnce() -> Result<Infallible>,
) -> Result<Child> {
    must_be_the_only_thread()?;
    // Before the fork: a signal that arrives between fork and wait would kill
    // the tool and leave the command alone. Held back, it stays pending.
    HeldSignals::hold()?;
    match fork()? {
        ForkResult::Parent { child } => Ok(Child { pid: child }),
        ForkResult::Child => {
            let Err(error) = child();
            std::process::exit(crate::report(&error).into())
        }
    }
}

/// A thread left behind by fork can't be seen in the result, only in a hang:
/// better to refuse.
fn must_be_the_only_thread() -> Result<()> {
    // unshare(2): CLONE_THREAD has no effect in a process of one thread, and
    // is EINVAL in any other.
    unshare(CloneFlags::CLONE_THREAD)
        .call("unshare(CLONE_THREAD)")
        .hint(Errno::EINVAL, "fork before any thread is started")
}

/// The signal settings of the tool's caller, which are to be the command's.
pub(crate) struct HeldSignals {
    mask: SigSet,
    sigchld: SigHandler,
}

/// They survive fork(2), to be found again by the process that calls execve(2).
static CALLERS: OnceLock<HeldSignals> = OnceLock::new();

impl HeldSignals {
    /// From now on every signal stays pending until it is asked for.
    fn hold() -> Result<()> {
        if CALLERS.get().is_some() {
            return Ok(()); // An init holds them already, and starts a command.
        }
        let mut mask = SigSet::empty();
        let every = SigSet::all();
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&every), Some(&mut mask))
            .call("sigprocmask(SIG_SETMASK, all)")?;
        // A caller that ignores SIGCHLD would have the kernel discard the
        // status of the command, and nobody told: NOTES in wait(2).
        let sigchld = set_disposition(Signal::SIGCHLD, SigHandler::SigDfl)?;
        CALLERS.get_or_init(|| Self { mask, sigchld });
        Ok(())
    }

    /// Before execve(2): everything as it was.
    pub(crate) fn release() -> Result<()> {
        let Some(callers) = CALLERS.get() else { return Ok(()) };
        set_disposition(Signal::SIGCHLD, callers.sigchld)?;
        // Rust's runtime ignores SIGPIPE, and an ignored signal stays ignored
        // across execve(2): `yes | head -1` would not end.
        set_disposition(Signal::SIGPIPE, SigHandler::SigDfl)?;
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&callers.mask), None)
            .call("sigprocmask(SIG_SETMASK)")
    }
}

/// Sets what becomes of the process when the signal arrives; gives what it
/// was before.
fn set_disposition(number: Signal, to: SigHandler) -> Result<SigHandler> {
    // SAFETY: signal(2) is unsafe for the sake of handlers that call what is
    // not async-signal-safe. The kit has none: it sets SIG_DFL, or what a
    // program starts with, which is SIG_DFL or SIG_IGN (execve(2)).
    unsafe { signal(number, to) }.call(format_args!("signal({number}, …)"))
}

/// In the child: asks the kernel for SIGKILL when `parent` ends, so that a
/// tool that is killed does not leave its command behind. What the command has
/// started in turn lives on: no process is told of its grandparent's end.
///
/// A change of user or group takes the wish back, and so does executing a
/// set-user-ID program: PR_SET_PDEATHSIG in prctl(2). Call this last.
pub fn die_with(parent: Pid) -> Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)
        .call("prctl(PR_SET_PDEATHSIG, SIGKILL)")?;
    // A parent that ended before the call sends nothing any more, but then
    // somebody else has adopted this process.
    if getppid() != parent {
        raise(Signal::SIGKILL).call("raise(SIGKILL)")?;
    }
    Ok(())
}

impl Child {
    /// The number of the process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Waits until the command has ended, passes signals on to it, and gives
    /// its exit code: its own, or 128 + n if signal n killed it.
    ///
    /// A SIGCHLD stands for all children that have ended since the last one
    /// was read. So of several children only one can be waited for like this.
    pub fn wait(self) -> Result<u8> {
        self.wait_by(Self::reap)
    }

    /// The same for those who have more children than the command. `reap` is
    /// called when any of them has changed, and gives the command's status.
    pub fn wait_by(
        self,
        reap: impl Fn(&Self) -> Result<Option<ExitStatus>>,
    ) -> Result<u8> {
        let signals =
            SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_CLOEXEC)
                .call("signalfd(all, SFD_CLOEXEC)")?;
        loop {
            let Some(signal) = signals.read_signal().call("read(signalfd)")?
            else {
                continue; // EAGAIN, which only a non-blocking one answers.
            };
            if signal.ssi_signo as c_int == libc::SIGCHLD {
                if let Some(status) = reap(&self)? {
                    return Ok(exit_code(status));
                }
            } else if let Err(error) = self.pass_on(&signal) {
                // The command lives on, and so must the wait for it.
                crate::report(&error);
            }
        }
    }

    /// Sends the command the signal that the tool was sent.
    fn pass_on(&self, signal: &siginfo) -> Result<()> {
        // Ctrl-C and the like: the terminal sends them to each process of the
        // foreground group, so the command has had it already.
        if signal.ssi_code == libc::SI_KERNEL {
            return Ok(());
        }
        let number = signal.ssi_signo as c_int;
        // By number, since nix's `Signal` has no real-time signals.
        //
        // SAFETY: kill(2) touches no memory. The pid is still the command's:
        // only `reap` frees the number, and then `wait` is over.
        let result = unsafe { libc::kill(self.pid.as_raw(), number) };
        Errno::result(result)
            .map(drop)
            .call(format_args!("kill({}, {number})", self.pid))
            .hint(
                Errno::EPERM,
                "the command runs as another user now: signal it yourself",
            )
    }

    /// Looks what became of the command: the status if it has ended, nothing
    /// if it lives.
    fn reap(&self) -> Result<Option<ExitStatus>> {
        let Some((_, status)) = look_after(self.pid)? else {
            return Ok(None); // It was continued, or a stop was undone.
        };
        if status.stopped_signal().is_some() {
            // Ctrl-Z stopped the command. Stop as well, so that the caller's
            // shell sees its job stopped. SIGCONT wakes us here, and is then
            // passed on like any other signal.
            raise(Signal::SIGSTOP).call("raise(SIGSTOP)")?;
            return Ok(None);
        }
        Ok(Some(status))
    }
}

/// A child that has ended or stopped, if there is one: waitpid(2), which takes
/// -1 for "any child".
pub fn look_after(pid: Pid) -> Result<Option<(Pid, ExitStatus)>> {
    let mut status = 0;
    let options = libc::WNOHANG | libc::WUNTRACED;
    // nix's `waitpid` fails for a command killed by a real-time signal.
    //
    // SAFETY: waitpid(2) writes one int, to a place that we own.
    let result = unsafe { libc::waitpid(pid.as_raw(), &mut status, options) };
    match Errno::result(result).call(format_args!("waitpid({pid})"))? {
        0 => Ok(None),
        pid => Ok(Some((Pid::from_raw(pid), ExitStatus::from_raw(status)))),
    }
}

/// The status as shells, docker(1) and chroot(1) put it into one byte.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = match status.signal() {
        Some(signal) => 128 + signal,
        None => status.code().unwrap_or_default(),
    };
    code as u8
}
