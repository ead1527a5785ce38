//! The container tool, as the soak calls it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use process::{Call, Error, Result};
use serde_json::Value;

use crate::repository;

/// Of so many containers one has a network: there are addresses for some 250.
pub(super) const BRIDGED: usize = 4;

pub(super) struct Tool {
    program: PathBuf,
    rootfs: PathBuf,
}

impl Tool {
    pub(super) fn new(programs: &Path) -> Self {
        let rootfs = repository::rootfs().join("busybox");
        Self { program: programs.join("16-container"), rootfs }
    }

    /// `run`, or another verb that makes containers, with these options, and
    /// the command.
    pub(super) fn start(
        &self,
        verb: &[&str],
        options: &[&str],
        command: &[&str],
    ) -> Command {
        let mut tool = Command::new(&self.program);
        tool.args(verb).args(options).arg("--rootfs").arg(&self.rootfs);
        tool.args(command).stdin(Stdio::null());
        tool
    }

    /// One that comes and goes.
    pub(super) fn short(&self, is_bridged: bool) -> Result<()> {
        let options = ["--rm", "--network", network(is_bridged)];
        output(self.start(&["run"], &options, &["true"])).map(drop)
    }

    /// One in the background; gives its id.
    pub(super) fn detached(&self, options: &[&str]) -> Result<String> {
        let all = [&["-d", "--network", "none"], options].concat();
        let id = output(self.start(&["run"], &all, &["sleep", "1000000"]))?;
        Ok(id.trim().into())
    }

    /// The ids of those that `ps` says run.
    pub(super) fn running(&self) -> Result<Vec<String>> {
        self.ids("-q")
    }

    /// Those of all.
    pub(super) fn all(&self) -> Result<Vec<String>> {
        self.ids("-aq")
    }

    fn ids(&self, options: &str) -> Result<Vec<String>> {
        let mut ps = Command::new(&self.program);
        let ids = output_of(ps.args(["ps", options]))?;
        Ok(ids.lines().map(str::to_owned).collect())
    }

    /// What is known of a container: nothing, if it is none any more.
    pub(super) fn inspect(&self, id: &str) -> Option<Value> {
        let mut inspect = Command::new(&self.program);
        let text = output_of(inspect.args(["inspect", id])).ok()?;
        let known: Value = serde_json::from_str(&text).ok()?;
        Some(known[0].clone())
    }

    /// Removes all containers, in any state.
    pub(super) fn remove_all(&self) -> Result<()> {
        let ids = self.all()?;
        let mut some = ids.chunks(50);
        some.try_for_each(|ids| {
            let ids: Vec<_> = ids.iter().map(String::as_str).collect();
            self.remove(&ids)
        })
    }

    /// Removes these.
    pub(super) fn remove(&self, names: &[&str]) -> Result<()> {
        let mut remove = Command::new(&self.program);
        output_of(remove.args(["rm", "-f"]).args(names)).map(drop)
    }
}

pub(super) fn network(is_bridged: bool) -> &'static str {
    if is_bridged { "bridge" } else { "none" }
}

fn output(mut command: Command) -> Result<String> {
    output_of(&mut command)
}

/// What it prints. It must succeed.
fn output_of(command: &mut Command) -> Result<String> {
    let program: OsString = command.get_program().into();
    let output = command.output().call(format_args!("execve({program:?})"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Error::new(format_args!(
            "{command:?}: {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}
