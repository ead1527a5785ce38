//! An init: the process number 1 that the others expect.

use std::convert::Infallible;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, exit};
use std::ptr::NonNull;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process::{Call, Child, Result};

/// Who is process number 1.
#[derive(Debug, clap::Args)]
pub struct InitOptions {
    /// Run an init as process 1, which reaps orphans and forwards signals;
    /// without it the command is process 1
    #[arg(long)]
    init: bool,
}

impl InitOptions {
    /// Whether there is an init, of which the command is a child.
    pub fn is_wanted(&self) -> bool {
        self.init
    }
}

/// Ends in `command`, which is process number 1, or has an init for it.
pub fn run(
    options: &InitOptions,
    command: impl FnOnce() -> Result<Infallible>,
) -> Result<Infallible> {
    match options.init {
        true => init(command),
        false => command(),
    }
}

/// Starts `command`, and ends as it does. Meanwhile it does what the kernel
/// leaves to number 1.
///
/// The signals that it passes on reach it because [`process::spawn`] holds all
/// of them back: a signal that is held back is kept even for number 1, which
/// otherwise gets none that it has no handler for (pid_namespaces(7)).
fn init(command: impl FnOnce() -> Result<Infallible>) -> Result<Infallible> {
    close_files()?;
    forget_environment();
    let code = process::spawn(|_| command())?.wait_by(reap_all)?;
    // The kernel kills whoever is left in this pid namespace.
    exit(code.into())
}

/// Closes every file but the three standard ones. execve(2) would close those
/// that are marked for it, but an init executes nothing: root inside would find
/// them in `/proc/1/fd`, and by an open directory of the host get out.
fn close_files() -> Result<()> {
    // SAFETY: close_range(2) touches no memory. Whoever in this process owns
    // one of the files never comes to use or close it: `init` does not return.
    let result = unsafe { libc::close_range(3, u32::MAX, 0) };
    Errno::result(result).map(drop).call("close_range(3, max, 0)")
}

/// Overwrites the caller's variables, keys and passwords among them. execve(2)
/// would leave them behind, but an init executes nothing: root inside would
/// read them in `/proc/1/environ`.
fn forget_environment() {
    unsafe extern "C" {
        /// environ(7).
        static environ: *const *mut libc::c_char;
    }
    // SAFETY: this process has one thread, and nobody changes the list.
    let mut entry = unsafe { environ };
    // SAFETY: the list ends with a null, before which this loop does.
    while let Some(variable) = NonNull::new(unsafe { *entry }) {
        // SAFETY: each is a string, of the stack, ...
        let length = unsafe { libc::strlen(variable.as_ptr()) };
        // SAFETY: ... to which nobody has a reference: std gives out copies.
        unsafe { variable.write_bytes(0, length) };
        // SAFETY: it was not the last, which is null.
        entry = unsafe { entry.add(1) };
    }
}

/// Reaps every child that has ended, the command and all orphans; gives the
/// status of the command.
fn reap_all(command: &Child) -> Result<Option<ExitStatus>> {
    let any = Pid::from_raw(-1);
    // One SIGCHLD may stand for several: pending signals don't add up.
    while let Some((pid, status)) = process::look_after(any)? {
        match status.stopped_signal() {
            // The caller's shell would have to be told, and number 1 can
            // neither stop itself nor signal its parent. So Ctrl-Z is undone.
            Some(libc::SIGTSTP) => {
                kill(pid, Signal::SIGCONT).call("kill(SIGCONT)")?;
            }
            Some(_) => {}
            None if pid == command.pid() => return Ok(Some(status)),
            None => {}
        }
    }
    Ok(None)
}
