//! The test programs in a place where `cargo test` can't go: in a guest, or
//! here, if their numbers are to be recorded.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal, Read, Write, stderr};
use std::ops::ControlFlow::Continue;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use process::{Call, Error, Result};

use super::inside::Job as Programs;
use super::programs::Program;
use super::report::{Outcome, Report};
use crate::repository;
use crate::vm::kernels::Kernel;
use crate::vm::{Guest, Job, lines};

/// Where the tests run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lane {
    /// On the machine itself.
    Machine,
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

impl Run {
    /// One that did not come about.
    pub(super) fn none(lane: Lane, error: Error) -> Self {
        Self {
            lane,
            directory: PathBuf::new(),
            report: Report::default(),
            problems: vec![error.to_string()],
        }
    }
}

/// A fault of the guest's kernel, of which some end the guest and some do not.
const FAULTS: &[&str] =
    &["Kernel panic", "Oops", "BUG: ", "general protection fault"];

/// A guest that gets too little of the machine's time is not at fault.
const NO_FAULT: &str = "soft lockup";

impl Lane {
    /// `6.1`, `6.1-systemd` or `machine`.
    pub(super) fn name(self) -> String {
        match self {
            Self::Machine => "machine".into(),
            Self::Guest { kernel, systemd: false } => kernel.version.into(),
            Self::Guest { kernel, systemd: true } => {
                format!("{}-systemd", kernel.version)
            }
        }
    }

    /// Whether it is a failure if the tests can't run there.
    pub(super) fn is_must(self) -> bool {
        match self {
            Self::Machine => true,
            Self::Guest { kernel, .. } => kernel.is_must,
        }
    }

    /// Fetches what may not be there for anybody to have.
    pub(super) fn prepare(self) -> Result<()> {
        match self {
            Self::Machine => Ok(()),
            Self::Guest { kernel, .. } => kernel.ensure().map(drop),
        }
    }

    /// Runs the programs, and says how it goes.
    pub(super) fn run(self, programs: &[Program]) -> Result<Run> {
        let script =
            "#!/bin/sh\ncd \"${0%/*}\" && ./workshop run-tests programs\n";
        let job = Job::new(&self.name(), script)?;
        Programs { programs: programs.to_vec(), environment: environment() }
            .write(&job.at("programs"))?;
        let mut log = Log::new(self.name(), &job)?;
        let problem = match self {
            Self::Machine => on_the_machine(&job, &mut log)?,
            Self::Guest { kernel, systemd } => {
                in_a_guest(kernel, systemd, &job, &mut log)?
            }
        };
        let mut problems = log.report.problems(programs.len());
        problems.extend(problem);
        problems.extend(fault(&job.console()));
        Ok(Run {
            lane: self,
            directory: job.directory,
            report: log.report,
            problems,
        })
    }
}

/// What the tests are to know: cargo is not there to ask.
fn environment() -> BTreeMap<String, String> {
    let top = repository::top().display().to_string();
    let mut all = BTreeMap::from([
        ("INSTA_UPDATE".to_owned(), "no".to_owned()),
        ("INSTA_WORKSPACE_ROOT".to_owned(), top),
    ]);
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

/// Clears the line of the terminal: console_codes(4).
const CLEAR: &str = "\r\x1b[K";

/// Everything that was printed, in a file; what matters of it, on the terminal.
struct Log {
    lane: String,
    file: File,
    /// By the times one sees where it was slow, or stood still.
    start: Instant,
    report: Report,
    /// What the present program printed.
    recent: Vec<String>,
    shows_progress: bool,
}

impl Log {
    fn new(lane: String, job: &Job) -> Result<Self> {
        let path = job.at("results");
        let file = File::create(&path);
        Ok(Self {
            lane,
            file: file.call(format_args!("open({path:?})"))?,
            start: Instant::now(),
            report: Report::default(),
            recent: Vec::new(),
            shows_progress: stderr().is_terminal(),
        })
    }

    /// Reads to the end, or says that there was none.
    fn read(&mut self, output: impl Read + Send + 'static) -> Option<String> {
        lines(output, |line| {
            self.add(line);
            Continue(())
        })
    }

    fn add(&mut self, line: &str) {
        // What matters is on the terminal too, should the disk be full.
        let seconds = self.start.elapsed().as_secs_f32();
        let _ = writeln!(self.file, "{seconds:7.1} {line}");
        self.report.add(line);
        if line.starts_with("@begin ") {
            self.recent.clear();
        }
        self.recent.push(line.to_owned());
        if self.shows_progress {
            eprint!("{CLEAR}{:.70}\r", format!("{}: {line}", self.lane));
        }
        if line.starts_with("@end ") {
            self.show_program();
        }
    }

    /// A line for each program that has tests, and why some failed.
    fn show_program(&self) {
        let Some(program) = self.report.programs.last() else { return };
        let clear = if self.shows_progress { CLEAR } else { "" };
        if program.has_tests() {
            println!("{clear}{:12} {}", self.lane, sum(program));
        }
        for line in failures(&self.recent) {
            println!("{:12}   {line}", self.lane);
        }
    }
}

fn sum(program: &Outcome) -> String {
    format!(
        "{:24} {} passed, {} failed, {} skipped",
        program.name,
        program.passed(),
        program.failed.len(),
        program.skipped.len()
    )
}

/// What the harness prints about the tests that failed.
fn failures(lines: &[String]) -> &[String] {
    let first = lines.iter().position(|line| line == "failures:");
    first.map_or(&[], |first| &lines[first..])
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

    #[test]
    fn the_harness_says_at_the_end_why_tests_failed() {
        let lines = ["test a ... ok", "failures:", "---- b stdout ----"];
        let lines = lines.map(str::to_owned);
        assert_eq!(failures(&lines), &lines[1..]);
        assert!(failures(&lines[..1]).is_empty());
    }
}
