//! Containers of `05-ipc` on a pretend host, and the objects of System V IPC
//! and the message queues that are made in and beside them.

use std::path::Path;
use std::process::Command;

use support::{Sandbox, step_in, step_on};
use workshop::host::Host;
use workshop::ladder::Step;

/// The step on a pretend host, with a command.
pub(crate) fn ipc(host: &Host, options: &[&str], command: &[&str]) -> Command {
    let step = Step::find("05-ipc").expect("a step of the ladder");
    step_on(host, step.name, step, options, command)
}

/// A step that runs a script with the programs of the machine, which the small
/// root file system does not have.
pub(crate) fn script(
    host: &Host,
    name: &str,
    options: &[&str],
    script: &str,
) -> Command {
    let step = Step::find(name).expect("a step of the ladder");
    let command = ["sh", "-c", script];
    step_in(Path::new("/"), host, step.name, step, options, &command)
}

/// What a command prints, which must succeed, without the end of the line.
pub(crate) fn printed(mut command: Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// The same for a program on the pretend host.
pub(crate) fn on_host(host: &Host, words: &[&str]) -> String {
    let mut command = host.command(words[0]);
    command.args(&words[1..]);
    printed(command)
}

/// The same in the IPC namespace of the command, and in no other of its.
pub(crate) fn in_its_ipc(sandbox: &Sandbox, words: &[&str]) -> String {
    let pid = sandbox.host.number_of(sandbox.pid).expect("a process inside");
    let enter = ["nsenter", "--target", &pid, "--ipc", "--"];
    on_host(&sandbox.host, &[&enter, words].concat())
}

/// A segment, a semaphore and a queue, for everybody.
pub(crate) const MAKE_ALL: [&str; 8] =
    ["ipcmk", "--shmem", "4096", "--semaphore", "1", "--queue", "-p", "666"];

/// Lists them; the kernel shows those of whoever reads.
pub(crate) const LIST_ALL: [&str; 4] =
    ["cat", "/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"];

/// How many objects are in such a list: each of its parts has a heading.
pub(crate) fn count(list: &str) -> usize {
    list.lines().count() - 3
}

/// Makes a queue. All queues of a user are limited together, and those of
/// namespaces that have ended still count until the kernel gets round to them,
/// which takes an emulated machine seconds.
pub(crate) fn made(name: &str) -> String {
    let touch = format!("touch /mnt/{name}");
    let later = |seconds| format!("{{ sleep {seconds}; {touch}; }}");
    format!("{{ {touch} || {} || {}; }}", later(2), later(8))
}

/// Runs a script with the POSIX queues of the caller's namespace on /mnt:
/// no mount that the step has made is looked at.
pub(crate) fn with_queues(script: &str) -> [String; 5] {
    let script = format!("mount -t mqueue mqueue /mnt && {script}");
    ["unshare", "--mount", "sh", "-c", &script].map(str::to_owned)
}

pub(crate) fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
