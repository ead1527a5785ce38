//! A command held still inside a step, to be looked at from outside.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use workshop::host::{Host, first_descendant};
use workshop::ladder::Step;

use super::{program, rootfs};

/// The command that is held: a shell that says it is there, then waits for
/// the end of its input. It must not execute another program, for while that
/// happens the kernel shows an empty environment.
const HELD: [&str; 3] = ["sh", "-c", "echo ready; read -r end"];

/// A command that runs inside a step, on a pretend host.
pub struct Sandbox {
    /// The pretend host, against which the command is compared.
    pub host: Host,
    /// The command's number on the real host.
    pub pid: u32,
    tool: Child,
}

impl Sandbox {
    /// Starts the program `name`, called as `step` is called, and waits until the
    /// command runs.
    pub fn start(
        name: &str,
        step: &Step,
        options: &[&str],
    ) -> Result<Self, String> {
        let host = Host::start().map_err(|error| error.to_string())?;
        let mut tool = step_on(&host, name, step, options, &HELD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        let mut line = String::new();
        if let Some(stdout) = tool.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .map_err(|error| error.to_string())?;
        }
        if line != "ready\n" {
            let status = tool.wait().map_err(|error| error.to_string())?;
            return Err(format!("{name} started nothing: {status}"));
        }
        let pid = first_descendant(tool.id());
        Ok(Self { host, pid, tool })
    }

    /// A file of the command's in /proc, such as `status`.
    pub fn proc(&self, file: &str) -> String {
        let path = PathBuf::from(format!("/proc/{}/{file}", self.pid));
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"))
    }

    /// The names of its network's interfaces.
    pub fn interfaces(&self) -> Vec<String> {
        let table = self.proc("net/dev");
        let names = table.lines().filter_map(|line| line.split_once(':'));
        let mut names: Vec<_> = names.map(|(n, _)| n.trim().into()).collect();
        names.sort();
        names
    }

    /// A line of /proc/PID/status: what stands behind `name:`.
    pub fn status(&self, name: &str) -> String {
        field(&self.proc("status"), name)
    }

    /// Device and inode of what a link in the command's /proc points at, such
    /// as `root` or `ns/uts`.
    pub fn identity(&self, link: &str) -> (u64, u64) {
        identity(&format!("/proc/{}/{link}", self.pid))
    }

    /// The same for the pretend host.
    pub fn host_identity(&self, link: &str) -> (u64, u64) {
        identity(&format!("/proc/{}/{link}", self.host.init()))
    }

    /// The numbers of the command's open files.
    pub fn open_files(&self) -> Vec<String> {
        // Asked of the pretend host, since its root may look at a process of
        // another user there, which whoever runs the test perhaps may not.
        let pid = self.host.number_of(self.pid).expect("a process inside");
        let directory = format!("/proc/{pid}/fd");
        let output = self.host.command("ls").arg(&directory).output();
        let output = output.expect("ls");
        assert!(output.status.success(), "ls {directory}: {output:?}");
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        names.lines().map(str::to_owned).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // The host takes the command with it, and nsenter, which is outside
        // and still alive, buries the command. The other way round nobody
        // would until the machine's init does.
        self.host.stop();
        let _ = self.tool.wait();
    }
}

/// The call of `program` as `step` is called, to run `command`.
pub fn step_on(
    host: &Host,
    name: &str,
    step: &Step,
    options: &[&str],
    command: &[&str],
) -> Command {
    step_in(&rootfs(), host, name, step, options, command)
}

/// The same with a root file system of the test's own.
pub fn step_in(
    rootfs: &Path,
    host: &Host,
    name: &str,
    step: &Step,
    options: &[&str],
    command: &[&str],
) -> Command {
    let mut all = step.options_on(host);
    all.extend(options);
    let mut call = host.careless_command(program(name));
    call.args(step.arguments(&all, rootfs, command));
    call
}

/// What stands behind `name:` in a file of such lines.
pub fn field(text: &str, name: &str) -> String {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .unwrap_or_else(|| panic!("no line {name} in\n{text}"))
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

fn identity(path: &str) -> (u64, u64) {
    let what = fs::metadata(Path::new(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    (what.dev(), what.ino())
}
