//! `workshop test`: everything that the kit claims, proven.

mod guests;
pub mod inside;
mod lane;
mod log;
mod plant;
mod programs;
mod record;
mod report;
mod too_old;
mod union;
mod vagrant;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::sys::signal::{SigHandler, Signal, signal};
use process::{Call, Result};

use crate::ladder::Step;
use crate::{repository, setup};

/// Run the tests: of one step, or of everything.
#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// Only this step, by number or name
    step: Option<String>,
    /// In virtual machines with these kernels: 5.10, 6.1, 6.12, 7, or all;
    /// 6.1-systemd is one with systemd, and 6.1/10+16 runs these steps only
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    kernel: Vec<String>,
    /// There, let systemd be process 1
    #[arg(long, requires = "kernel")]
    systemd: bool,
    /// There, only the tests of steps, and of these not the slowest
    #[arg(long, requires = "kernel")]
    quick: bool,
    /// There, let something go wrong, which must be seen
    #[arg(long, requires = "kernel", conflicts_with = "record")]
    plant: Option<plant::Plant>,
    /// Write the numbers down in the table of the book
    #[arg(long, conflicts_with = "step")]
    record: bool,
    /// Show that two virtual machines reach each other
    #[arg(long, conflicts_with_all = ["step", "kernel"])]
    two_guests: bool,
    /// In the virtual machines of the Vagrantfile, which are made for it
    #[arg(long, conflicts_with_all = ["kernel", "two_guests"])]
    vagrant: bool,
    /// Only if what makes them has changed since the last run that passed
    #[arg(long, requires = "vagrant")]
    if_changed: bool,
    /// Only ask whether each test that was skipped somewhere ran elsewhere
    #[arg(long, exclusive = true)]
    union: bool,
}

impl Options {
    /// The arguments by which cargo knows the tests.
    fn selection(&self) -> Result<Vec<String>> {
        let Some(name) = &self.step else { return Ok(Vec::new()) };
        let step = Step::named(name)?;
        let file = step.name.replace('-', "_");
        Ok(vec![
            format!("--package={}", step.package()),
            format!("--test={file}"),
        ])
    }
}

/// Builds what the tests need, runs them, and sums up.
pub fn run(options: &Options) -> Result<ExitCode> {
    match options {
        Options { two_guests: true, .. } => guests::ping(),
        Options { union: true, .. } => union::check(),
        Options { vagrant: true, .. } => vagrant::run(options),
        Options { kernel, .. } if !kernel.is_empty() => guests::run(options),
        Options { record: true, .. } => guests::record_machine(options),
        _ => run_cargo(&options.selection()?),
    }
}

fn run_cargo(selection: &[String]) -> Result<ExitCode> {
    // Tests of one step also run the steps before it, and the tools.
    setup::ensure()?;

    let skips = repository::top().join("target/skipped-tests");
    fs::write(&skips, "").call(format_args!("open({skips:?})"))?;
    // Which program's results these are, cargo says on its standard error.
    let (output, input) = std::io::pipe().call("pipe()")?;
    let mut cargo = Command::new("cargo");
    cargo
        .args(["test", "--no-fail-fast"])
        .args(selection)
        .args((!selection.is_empty()).then_some("--lib"))
        .env("WORKSHOP_SKIPS", &skips)
        .stdout(input.try_clone().call("dup(pipe)")?)
        .stderr(input);
    // SAFETY: signal(2), which is async-signal-safe, is all that it calls.
    unsafe { cargo.pre_exec(heed_the_keyboard) };
    let child = cargo.spawn();
    drop(cargo); // and with it our end of the pipe, or it would never end
    let mut cargo = child.call("execve(\"cargo\")")?;
    let mut counts = Counts::default();
    let mut machine = union::Machine::new(&skips);
    for line in BufReader::new(output).lines() {
        let line = line.call("read(cargo)")?;
        counts.add(&line);
        machine.add(&line);
        println!("{line}");
    }
    let status = cargo.wait().call("wait(cargo)")?;
    counts.summarise(
        &fs::read_to_string(&skips).call(format_args!("open({skips:?})"))?,
    );
    union::note("machine", &machine.report())?;
    Ok(ExitCode::from(u8::from(!status.success())))
}

/// A script starts its background jobs with the signals of the keyboard
/// ignored, which execve(2) preserves, and tests that send them would wait in
/// vain.
fn heed_the_keyboard() -> std::io::Result<()> {
    for key in [Signal::SIGINT, Signal::SIGQUIT] {
        // SAFETY: the default action runs no code of ours.
        unsafe { signal(key, SigHandler::SigDfl) }?;
    }
    Ok(())
}

/// The results of all test programs together.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    failures: Vec<String>,
}

impl Counts {
    /// Reads a line of the test harness.
    fn add(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test ") else { return };
        match result.rsplit_once(" ... ") {
            Some((_, "ok")) => self.passed += 1,
            Some((name, "FAILED")) => {
                self.failed += 1;
                self.failures.push(name.to_owned());
            }
            _ => {}
        }
    }

    /// `skips` has a line for each test that could not run here. The harness
    /// knows no such thing, and counted it among those that passed.
    fn summarise(&self, skips: &str) {
        let skipped = skips.lines().count();
        println!("\n-----");
        for line in skips.lines() {
            println!("SKIP {line}");
        }
        for name in &self.failures {
            println!("FAILED {name}");
        }
        let passed = self.passed.saturating_sub(skipped);
        println!("{passed} passed, {} failed, {skipped} skipped", self.failed);
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn results_of_all_programs_are_added_up() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test one ... ok",
            "test module::two ... FAILED",
            "test three ... ok",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored",
        ] {
            counts.add(line);
        }
        let failures = vec!["module::two".into()];
        assert_eq!(counts, Counts { passed: 2, failed: 1, failures });
    }
}
