//! Containers of `03-pid` on a pretend host, and what is seen of them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use support::{eventually, field, rootfs, status_of, step_in};
use workshop::host::{Host, only_child};
use workshop::ladder::Step;

pub(crate) fn ladder(name: &str) -> &'static Step {
    Step::find(name).expect("a step of the ladder")
}

/// The step on a pretend host, with a command in the small root file system.
pub(crate) fn pid(host: &Host, options: &[&str], command: &[&str]) -> Command {
    let step = ladder("03-pid");
    step_in(&rootfs(), host, step.name, step, options, command)
}

/// The same with the host's own root directory, where its programs are, and
/// the `/dev/null` that a shell needs for `&`.
pub(crate) fn on_slash(
    host: &Host,
    options: &[&str],
    command: &[&str],
) -> Command {
    of_step("03-pid", host, options, command)
}

pub(crate) fn of_step(
    name: &str,
    host: &Host,
    options: &[&str],
    command: &[&str],
) -> Command {
    let step = ladder(name);
    step_in(Path::new("/"), host, name, step, options, command)
}

/// A step that has been started, and the processes that it is made of, by
/// their numbers on the real host.
pub(crate) struct Running {
    pub(crate) nsenter: Child,
    pub(crate) tool: u32,
    /// The child that it started first: number 1, if it has a namespace.
    pub(crate) first: u32,
    /// What the command printed behind `ready`.
    pub(crate) said: String,
}

impl Running {
    /// Starts the step, and waits until its command says `ready`.
    pub(crate) fn start(mut step: Command) -> Self {
        let mut nsenter = step
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = nsenter.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let said = line.strip_prefix("ready").expect("a command that runs");
        let tool = only_child(nsenter.id()).expect("the step");
        let first = children(tool)[0];
        Self { tool, first, said: said.trim().to_owned(), nsenter }
    }

    /// The exit code, or 128 + n.
    pub(crate) fn ends(mut self) -> i32 {
        let status = status_of(&mut self.nsenter);
        status.code().or(status.signal().map(|n| 128 + n)).expect("a status")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The host outlives it, and takes along whatever is left.
        let _ = self.nsenter.kill();
        let _ = self.nsenter.wait();
    }
}

/// The oldest first, zombies included.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let list = list.unwrap_or_default();
    list.split_whitespace().map(|n| n.parse().expect("a pid")).collect()
}

/// R, S, T, Z …; nothing, if there is no such process.
pub(crate) fn state(pid: u32) -> Option<char> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    field(&status, "State").chars().next()
}

pub(crate) fn has_ended(pid: u32) -> bool {
    matches!(state(pid), None | Some('Z' | 'X'))
}

pub(crate) fn kill(pid: u32, signal: i32) {
    // SAFETY: kill(2) touches no memory. The process is a descendant of this
    // one, and was seen to live.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

/// Waits until the tool has read all signals that it was sent, and waits for
/// more: then it has passed them on.
pub(crate) fn has_passed_all_on(tool: u32) {
    eventually("the tool reads its signals", || {
        let status = fs::read_to_string(format!("/proc/{tool}/status"));
        let status = status.expect("a process");
        let pending = field(&status, "ShdPnd");
        pending.trim_matches('0').is_empty() && state(tool) == Some('S')
    });
}

/// The numbers of a process, one for each level, the outermost first.
pub(crate) fn numbers(status: &str) -> Vec<u32> {
    let numbers = field(status, "NSpid");
    numbers.split(' ').map(|n| n.parse().expect("a pid")).collect()
}

pub(crate) fn mounts(host: &Host) -> String {
    let path = format!("/proc/{}/mountinfo", host.init());
    fs::read_to_string(path).expect("mounts")
}

/// Whether the host's table has a proc file system on this directory.
pub(crate) fn has_proc(host: &Host, root: &Path) -> bool {
    // As proc_pid_mountinfo(5) writes it.
    let target = root.join("proc").display().to_string();
    let target = format!(" {} ", target.replace(' ', "\\040"));
    mounts(host)
        .lines()
        .any(|line| line.contains(&target) && line.contains(" - proc "))
}

/// A command that ends with its input.
pub(crate) const HELD: [&str; 3] = ["sh", "-c", "echo ready; read -r end"];

/// A command that does not end by itself.
pub(crate) const ENDLESS: [&str; 3] =
    ["sh", "-c", "echo ready; exec sleep 1000"];

/// Stops the process without a signal, which it would see: ptrace(2).
pub(crate) fn hold_still(pid: u32, meanwhile: impl FnOnce()) {
    let null = std::ptr::null_mut::<libc::c_void>();
    let ptrace = |request, pid: u32| {
        // SAFETY: none of the requests below touches this process's memory.
        let result = unsafe { libc::ptrace(request, pid as i32, null, null) };
        assert_eq!(result, 0, "ptrace({request}, {pid})");
    };
    ptrace(libc::PTRACE_SEIZE, pid);
    ptrace(libc::PTRACE_INTERRUPT, pid);
    eventually("it is stopped", || state(pid) == Some('t'));
    meanwhile();
    // Detaching takes a tracee whose stop has been waited for.
    // SAFETY: waitpid(2) may be told to store no status.
    let found = unsafe { libc::waitpid(pid as i32, null.cast(), libc::__WALL) };
    assert_eq!(found, pid as i32);
    ptrace(libc::PTRACE_DETACH, pid);
}
