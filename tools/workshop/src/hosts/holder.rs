//! The process that a host consists of.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write, stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

use net::{Namespace, Netlink};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{pause, sethostname};
use process::{Call, Error, Result};
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

/// A host, or, with the number 0, the switch that joins them.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) number: u8,
    pub(crate) pid: u32,
    pidfd: OwnedFd,
}

/// By what the process is known: the arguments behind the program's name.
fn command_line(number: u8) -> [String; 3] {
    ["hosts".into(), "hold".into(), number.to_string()]
}

/// Starts one, and waits until it is ready.
pub(super) fn start(number: u8) -> Result<Holder> {
    let own = std::env::current_exe().call("readlink(\"/proc/self/exe\")")?;
    // In a session of its own: it stays when the terminal goes.
    let mut started = Command::new("setsid")
        .args(["unshare", "--mount", "--propagation=private", "--uts"])
        .args(["--ipc", "--net", "--pid", "--fork", "--kill-child"])
        .args(["--mount-proc", "--"])
        .arg(own)
        .args(command_line(number))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .call("execve(\"setsid\")")?;
    let mut ready = String::new();
    if let Some(stdout) = started.stdout.take() {
        BufReader::new(stdout).read_line(&mut ready).call("read(host)")?;
    }
    let all = running()?;
    let found = all.into_iter().find(|holder| holder.number == number);
    if let ("ready\n", Some(holder)) = (ready.as_str(), found) {
        return Ok(holder);
    }
    let mut said = String::new();
    if let Some(mut stderr) = started.stderr.take() {
        stderr.read_to_string(&mut said).call("read(host)")?;
    }
    Err(Error::new(format_args!("no host: {}", said.trim()))
        .with_hint("it takes root: sudo env PATH=\"$PATH\" …"))
}

/// In the new namespaces, as process 1: becomes the host.
pub(super) fn hold(number: u8) -> Result<()> {
    // The kernel reaps orphans for whoever ignores their end: wait(2).
    //
    // SAFETY: SIG_IGN is no handler, which alone could do harm here.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }
        .call("signal(SIGCHLD, SIG_IGN)")?;
    let name = name(number);
    sethostname(&name).call(format_args!("sethostname({name:?})"))?;
    // What programs keep about the present state is of this host alone.
    mount(Some("run"), "/run", Some("tmpfs"), MsFlags::empty(), None::<&str>)
        .call("mount(\"run\", \"/run\", \"tmpfs\")")?;
    // /sys shows the network of whoever mounted it.
    mount(Some("sys"), "/sys", Some("sysfs"), MsFlags::empty(), None::<&str>)
        .call("mount(\"sys\", \"/sys\", \"sysfs\")")?;
    // As systemd does on the machines that people have.
    let shared = MsFlags::MS_SHARED | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, shared, None::<&str>)
        .call("mount(\"/\", MS_SHARED | MS_REC)")?;
    writeln!(stdout(), "ready").call("write(standard output)")?;
    loop {
        pause();
    }
}

fn name(number: u8) -> String {
    match number {
        0 => "underlay".into(),
        number => format!("host{number}"),
    }
}

/// All that there are, the switch first.
pub(crate) fn running() -> Result<Vec<Holder>> {
    let processes = fs::read_dir("/proc").call("open(\"/proc\")")?;
    let mut found: Vec<_> = processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != 1) // Of the host that this is inside of.
        .filter_map(find)
        .collect();
    found.sort_by_key(|holder| holder.number);
    Ok(found)
}

/// The process of this number, if it is one. setsid(1) and unshare(1), which
/// started it, have more arguments.
fn find(pid: u32) -> Option<Holder> {
    let raw = Pid::from_raw(pid.cast_signed())?;
    // Before the look: the number may go to another process, this won't.
    let pidfd = pidfd_open(raw, PidfdFlags::empty()).ok()?;
    let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    let words: Vec<_> = line.split_terminator('\0').collect();
    let [program, arguments @ ..] = words.as_slice() else { return None };
    let number = arguments.last()?.parse().ok()?;
    let is_it =
        program.ends_with("workshop") && arguments == command_line(number);
    is_it.then_some(Holder { number, pid, pidfd })
}

impl Holder {
    pub(crate) fn name(&self) -> String {
        name(self.number)
    }

    /// Its network.
    pub(super) fn network(&self) -> Result<Namespace> {
        Namespace::of(self.pidfd.as_fd())
    }

    /// A connection to the kernel about its network.
    pub(super) fn netlink(&self) -> Result<Netlink> {
        self.network()?.within(Netlink::open)
    }

    /// Ends it. The kernel ends all others in there, and removes what they
    /// had.
    pub(crate) fn end(&self) -> Result<()> {
        match pidfd_send_signal(&self.pidfd, rustix::process::Signal::KILL) {
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            result => result.map_err(std::io::Error::from).call(
                format_args!("pidfd_send_signal({}, SIGKILL)", self.pid),
            )?,
        }
        // Number 1 of a pid namespace ends last.
        let fd = self.pidfd.as_fd();
        let mut fds =
            [nix::poll::PollFd::new(fd, nix::poll::PollFlags::POLLIN)];
        match nix::poll::poll(&mut fds, 5000_u16).call("poll(pidfd)")? {
            0 => Err(Error::new(format_args!("{} does not end", self.name()))
                .with_hint("what does it wait for? see /proc/PID/stack")),
            _ => Ok(()),
        }
    }
}
