//! Each test may be skipped somewhere, and none everywhere. Every run notes
//! what ran and what did not, and the notes of all runs are compared.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use process::{Call, Result};

use super::report::{Report, test_of};
use crate::repository;

fn directory() -> PathBuf {
    repository::top().join("target/lanes")
}

/// Notes what came of the tests in one place, instead of what was noted of it
/// before: `ran PROGRAM TEST` or `skipped PROGRAM TEST: WHY`.
pub(super) fn note(lane: &str, report: &Report) -> Result<()> {
    let mut text = String::new();
    for program in &report.programs {
        let name = &program.name;
        // A String takes whatever is written to it.
        for test in program.ran() {
            let _ = writeln!(text, "ran {name} {test}");
        }
        for line in &program.skipped {
            let _ = writeln!(text, "skipped {name} {line}");
        }
    }
    let path = directory().join(lane);
    fs::create_dir_all(directory()).call("mkdir(\"target/lanes\")")?;
    fs::write(&path, text).call(format_args!("open({path:?})"))
}

/// Compares all notes.
pub(super) fn check() -> Result<ExitCode> {
    let mut notes = String::new();
    let files = fs::read_dir(directory()).call("open(\"target/lanes\")")?;
    for file in files {
        let path = file.call("readdir(\"target/lanes\")")?.path();
        notes +=
            &fs::read_to_string(&path).call(format_args!("open({path:?})"))?;
    }
    let never = never_run(&notes);
    for line in &never {
        println!("FAILED ran nowhere: {line}");
    }
    println!("{} tests that were skipped ran nowhere", never.len());
    Ok(ExitCode::from(u8::from(!never.is_empty())))
}

/// The tests that were skipped somewhere, and ran nowhere.
fn never_run(notes: &str) -> BTreeSet<&str> {
    let lines = || notes.lines();
    let ran: BTreeSet<&str> =
        lines().filter_map(|line| line.strip_prefix("ran ")).collect();
    lines()
        .filter_map(|line| line.strip_prefix("skipped "))
        .filter(|line| !ran.contains(test_of(line)))
        .collect()
}

/// Makes a report of what `cargo test` prints.
pub(super) struct Machine<'a> {
    report: Report,
    /// Where tests write that they were skipped.
    skips: &'a Path,
    /// How much of it belongs to programs that have ended.
    seen: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(skips: &'a Path) -> Self {
        Self { report: Report::default(), skips, seen: 0 }
    }

    /// Reads a line.
    pub(super) fn add(&mut self, line: &str) {
        match program(line) {
            Some(name) => {
                self.add_skips();
                self.report.add(&format!("@begin {name}"));
            }
            None => self.report.add(line),
        }
    }

    fn add_skips(&mut self) {
        // The file was made before cargo was called.
        let text = fs::read_to_string(self.skips).unwrap_or_default();
        for line in text.lines().skip(self.seen) {
            self.seen += 1;
            self.report.add(&format!("@skip {line}"));
        }
    }

    pub(super) fn report(mut self) -> Report {
        self.add_skips();
        self.report
    }
}

/// The name in `     Running tests/06_mount.rs (target/debug/deps/06_mount-1)`.
fn program(line: &str) -> Option<&str> {
    let line = line.trim_start();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(name);
    }
    let rest = line.strip_prefix("Running ")?;
    let (_, file) = rest.strip_suffix(')')?.rsplit_once('/')?;
    Some(file.rsplit_once('-')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_nowhere_is_found() {
        let notes = "ran 06_mount one\nskipped 06_mount two: no disk; buy one\n\
                     skipped 06_mount one: no root; sudo\nran 05_ipc two\n";
        let never: Vec<_> = never_run(notes).into_iter().collect();
        assert_eq!(never, ["06_mount two: no disk; buy one"]);
        assert!(never_run(&format!("{notes}ran 06_mount two\n")).is_empty());
    }

    #[test]
    fn a_skip_belongs_to_the_program_that_runs() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut machine = Machine::new(file.path());
        machine.add("     Running tests/a.rs (target/x/deps/02_jail-0af)");
        machine.add("test one ... ok");
        fs::write(file.path(), "one: no root; sudo\n").unwrap();
        machine.add("     Running tests/b.rs (target/x/deps/03_pid-0af)");
        machine.add("test one ... ok");
        let report = machine.report();
        assert_eq!(report.programs[0].name, "02_jail");
        assert_eq!(report.programs[0].ran().count(), 0);
        assert_eq!(report.programs[1].ran().collect::<Vec<_>>(), ["one"]);
    }
}
