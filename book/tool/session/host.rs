//! A host of its own for the sessions of a chapter.

use std::fs::metadata;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::kit::Kit;

/// Namespaces with a process 1 in them; they end with this value.
pub(super) struct Host {
    process: Child,
    pid: u32,
    ordinary: bool,
    _scratch: TempDir,
}

impl Host {
    pub(super) fn start(kit: &Kit) -> Result<Self> {
        let scratch = tempfile::tempdir()?;
        let mut unshare = Command::new("unshare");
        unshare.args(NAMESPACES).args(["--fork", "--kill-child"]);
        let ordinary = metadata("/proc/self")?.uid() != 0;
        if ordinary {
            unshare.args(["--user", "--map-root-user"]);
            unshare.env("ORDINARY_USER", "yes");
        }
        unshare.args(["bash", "-c", include_str!("host.sh"), "host.sh"]);
        unshare.arg(scratch.path()).arg(kit.path(""));
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped());
        let process = unshare.spawn().context("unshare(1), of util-linux")?;
        let mut host = Self { process, pid: 0, ordinary, _scratch: scratch };
        host.pid = host.ready().context("the sandbox host did not start")?;
        Ok(host)
    }

    /// What process 1 says when all is set up: its number, seen from here.
    fn ready(&mut self) -> Result<u32> {
        let output = self.process.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }

    /// A command that runs in the host.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid.to_string()]);
        command.args(NAMESPACES);
        if self.ordinary {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg(program).env_clear().envs(ENVIRONMENT);
        command
    }
}

/// What is the host's own, in the words of unshare(1) and nsenter(1).
const NAMESPACES: [&str; 5] = ["--mount", "--pid", "--uts", "--ipc", "--net"];

/// `dumb`, since colours would be escape sequences in the book.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("HOME", "/root"),
    ("USER", "root"),
    ("SHELL", "/bin/bash"),
    ("LANG", "C.UTF-8"),
    ("TERM", "dumb"),
    ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
];

impl Drop for Host {
    /// `--kill-child` takes process 1 along, and the kernel all the others.
    /// That the process is gone already is no error here.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
