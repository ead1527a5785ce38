//! The test programs in a place where `cargo test` can't go: in a guest, or
//! here, if their numbers are to be recorded.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use process::{Call, Result};

use super::inside::Job as Programs;
use super::log::Log;
use super::programs::Program;
use super::report::Report;
use super::vagrant;
use crate::repository;
use crate::vm::kernels::Kernel;
use crate::vm::{Guest, Job, SILENCE};

/// Where the tests run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lane {
    /// On the machine itself.
    Machine,
    /// In a machine of Vagrant's, which is made and destroyed.
    Vagrant,
    /// In a guest.
    Guest {
        kernel: &'static Kernel,
        /// Whether process 1 is systemd.
        systemd: bool,
    },
}

/// What came of it.
pub(super) struct Run {
    pub(super) lane: Lane,
    /// Where everything that was said lies.
    pub(super) directory: PathBuf,
    pub(super) report: Report,
    /// What makes it no pass.
    pub(super) problems: Vec<String>,
}

/// A fault of the guest's kernel, of which some end the guest and some do not.
const FAULTS: &[&str] =
    &["Kernel panic", "Oops", "BUG: ", "general protection fault"];

/// A guest that gets too little of the machine's time is not at fault.
const NO_FAULT: &str = "soft lockup";

/// How long nothing may come of Vagrant, which itself waits as long for a
/// machine to boot.
const VAGRANTS_SILENCE: Duration = Duration::from_secs(600);

/// What is to be done in the job's directory.
pub(super) const RUN: &str = "./workshop run-tests programs\n";

impl Lane {
    /// `6.1`, `6.1-systemd` or `machine`.
    pub(super) fn name(self) -> String {
        match self {
            Self::Machine => "machine".into(),
            Self::Vagrant => "vagrant".into(),
            Self::Guest { kernel, systemd: false } => kernel.version.into(),
            Self::Guest { kernel, systemd: true } => {
                format!("{}-systemd", kernel.version)
            }
        }
    }

    /// Whether it is a failure if the tests can't run there.
    pub(super) fn is_must(self) -> bool {
        match self {
            Self::Machine | Self::Vagrant => true,
            Self::Guest { kernel, .. } => kernel.is_must,
        }
    }

    /// Fetches what may not be there for anybody to have.
    pub(super) fn prepare(self) -> Result<()> {
        match self {
            Self::Machine => Ok(()),
            Self::Vagrant => vagrant::ensure_box(),
            Self::Guest { kernel, .. } => kernel.ensure().map(drop),
        }
    }

    /// Runs the programs, and says how it goes.
    pub(super) fn run(self, programs: &[Program]) -> Result<Run> {
        let silence = match self {
            Self::Vagrant => VAGRANTS_SILENCE,
            Self::Machine | Self::Guest { .. } => SILENCE,
        };
        self.run_by(RUN, silence, programs)
    }

    /// The same by a script that begins in the job's directory.
    pub(super) fn run_by(
        self,
        script: &str,
        silence: Duration,
        programs: &[Program],
    ) -> Result<Run> {
        let script = format!("#!/bin/sh\ncd \"${{0%/*}}\" || exit\n{script}");
        let job = Job::new(&self.name(), &script)?;
        Programs {
            programs: programs.to_vec(),
            environment: environment(self),
        }
        .write(&job.at("programs"))?;
        let mut log = Log::new(self.name(), &job, silence)?;
        let problem = match self {
            Self::Machine => on_the_machine(&job, &mut log)?,
            Self::Vagrant => {
                vagrant::prepare(&job, programs)?;
                on_the_machine(&job, &mut log)?
            }
            Self::Guest { kernel, systemd } => {
                in_a_guest(kernel, systemd, &job, &mut log)?
            }
        };
        let mut problems = log.report.problems(programs.len());
        problems.extend(problem);
        problems.extend(fault(&job.console()));
        if matches!(self, Self::Vagrant) {
            problems.extend(vagrant::remains(&log.report.facts));
        }
        Ok(Run {
            lane: self,
            directory: job.directory,
            report: log.report,
            problems,
        })
    }
}

/// The seconds that a test waits for what must happen: an emulated guest on a
/// machine that has other things to do takes many times as long as others.
const PATIENCE: &str = "60";

/// What the tests are to know: cargo is not there to ask.
fn environment(lane: Lane) -> BTreeMap<String, String> {
    let top = repository::top().display().to_string();
    let mut all = BTreeMap::from([
        ("INSTA_UPDATE".to_owned(), "no".to_owned()),
        ("INSTA_WORKSPACE_ROOT".to_owned(), top),
    ]);
    if !matches!(lane, Lane::Machine) {
        all.insert("WORKSHOP_PATIENCE".to_owned(), PATIENCE.to_owned());
    }
    if let Ok(value) = std::env::var("WORKSHOP_NO_SKIP") {
        all.insert("WORKSHOP_NO_SKIP".to_owned(), value);
    }
    all
}

/// Gives what went wrong, beside what the report says.
fn on_the_machine(job: &Job, log: &mut Log) -> Result<Option<String>> {
    let mut child = Command::new(job.at("run"))
        .stdout(Stdio::piped())
        .spawn()
        .call("execve(\"run\")")?;
    let silence = child.stdout.take().and_then(|output| log.read(output));
    if silence.is_some() {
        child.kill().call("kill()")?;
    }
    let status = child.wait().call("wait()")?;
    Ok(silence.or((!status.success()).then(|| status.to_string())))
}

fn in_a_guest(
    kernel: &Kernel,
    systemd: bool,
    job: &Job,
    log: &mut Log,
) -> Result<Option<String>> {
    let bootable = kernel.ensure()?;
    let mut guest = Guest::boot(&bootable, job, systemd, &[])?;
    let silence = guest.output().and_then(|output| log.read(output));
    if silence.is_some() {
        return Ok(silence); // It will not end by itself.
    }
    Ok(match guest.status()? {
        Some(0) => None,
        Some(code) => Some(format!("the guest ended with status {code}")),
        None => Some("the guest ended before its script did".into()),
    })
}

/// The first fault on the console.
fn fault(console: &str) -> Option<String> {
    let mut lines = console.lines().filter(|line| !line.contains(NO_FAULT));
    let is_fault =
        |line: &&str| FAULTS.iter().any(|fault| line.contains(fault));
    Some(format!("the kernel says: {}", lines.find(is_fault)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_the_kernel_is_seen() {
        let quiet = "usb 1-1: new device\nwatchdog: BUG: soft lockup - CPU#1";
        assert_eq!(fault(quiet), None);
        let panic = format!("{quiet}\nKernel panic - not syncing: Oops\n");
        assert!(fault(&panic).is_some_and(|fault| fault.contains("panic")));
    }
}
