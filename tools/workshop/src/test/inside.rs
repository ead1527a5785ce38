//! Runs test programs where they are to run, perhaps in a virtual machine,
//! and prints what [`super::report`] reads.
//!
//! A line that begins with `@` is about the programs; all others are theirs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use nix::sys::utsname::uname;
use process::{Call, Error, Result};
use serde::{Deserialize, Serialize};

use super::programs::Program;
use crate::mountinfo;

/// Run the test programs that a file lists.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The file
    job: PathBuf,
}

/// What is to run, and in which environment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) programs: Vec<Program>,
    pub(super) environment: BTreeMap<String, String>,
}

impl Job {
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(json)?;
        fs::write(path, text).call(format_args!("open({path:?})"))
    }

    fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).call(format_args!("open({path:?})"))?;
        serde_json::from_slice(&text).map_err(json)
    }
}

fn json(error: serde_json::Error) -> Error {
    Error::new(format_args!("JSON: {error}"))
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let job = Job::read(&options.job)?;
    println!("@kernel {}", uname().call("uname()")?.release().display());
    println!("@init {}", text("/proc/1/comm"));
    println!("@cgroups {}", cgroups(&text("/proc/self/mountinfo")));
    println!("@lsm {}", text("/sys/kernel/security/lsm"));
    let skips =
        std::env::temp_dir().join(format!("skips-{}", std::process::id()));
    for program in &job.programs {
        run_one(program, &job.environment, &skips)?;
    }
    println!("@done {}", job.programs.len());
    Ok(ExitCode::SUCCESS)
}

/// What stands in a file of the kernel's; nothing if it has none.
fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim_end().to_owned()
}

/// Which of the versions of cgroups(7) are mounted.
fn cgroups(table: &str) -> &'static str {
    let mounts = mountinfo::parse(table);
    let has = |kind: &str| mounts.iter().any(|mount| mount.kind == kind);
    match (has("cgroup"), has("cgroup2")) {
        (true, true) => "hybrid",
        (true, false) => "v1",
        (false, true) => "v2",
        (false, false) => "none",
    }
}

fn run_one(
    program: &Program,
    environment: &BTreeMap<String, String>,
    skips: &Path,
) -> Result<()> {
    println!("@begin {}", program.name);
    fs::write(skips, "").call(format_args!("open({skips:?})"))?;
    let status = Command::new(&program.path)
        .args(program.without.iter().flat_map(|name| ["--skip", name]))
        .current_dir(&program.directory)
        .envs(environment)
        // Where cargo says it, and insta looks for snapshots.
        .env("CARGO_MANIFEST_DIR", &program.directory)
        .env("WORKSHOP_SKIPS", skips)
        .stdin(Stdio::null())
        .status()
        .call(format_args!("execve({:?})", program.path))?;
    println!(); // The last line of a program that died has no end.
    let skipped = fs::read_to_string(skips);
    for line in skipped.call(format_args!("open({skips:?})"))?.lines() {
        println!("@skip {line}");
    }
    println!("@end {status}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::cgroups;

    #[test]
    fn the_mounts_tell_which_cgroups_there_are() {
        let v1 = "30 29 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu";
        let v2 = "31 29 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup rw";
        assert_eq!(cgroups(v1), "v1");
        assert_eq!(cgroups(v2), "v2");
        assert_eq!(cgroups(&format!("{v1}\n{v2}")), "hybrid");
        assert_eq!(cgroups(""), "none");
    }
}
