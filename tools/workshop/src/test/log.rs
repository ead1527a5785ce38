//! What is printed about tests that run elsewhere.

use std::fs::File;
use std::io::{IsTerminal, Read, Write, stderr};
use std::ops::ControlFlow::Continue;
use std::time::{Duration, Instant};

use process::{Call, Result};

use super::report::{Outcome, Report};
use crate::vm::{Job, lines_within};

/// Clears the line of the terminal: console_codes(4).
const CLEAR: &str = "\r\x1b[K";

/// Everything that was printed, in a file; what matters of it, on the terminal.
pub(super) struct Log {
    lane: String,
    file: File,
    /// By the times one sees where it was slow, or stood still.
    start: Instant,
    /// How long nothing may come.
    silence: Duration,
    pub(super) report: Report,
    /// What the present program printed.
    recent: Vec<String>,
    shows_progress: bool,
}

impl Log {
    pub(super) fn new(
        lane: String,
        job: &Job,
        silence: Duration,
    ) -> Result<Self> {
        let path = job.at("results");
        let file = File::create(&path);
        Ok(Self {
            lane,
            file: file.call(format_args!("open({path:?})"))?,
            start: Instant::now(),
            silence,
            report: Report::default(),
            recent: Vec::new(),
            shows_progress: stderr().is_terminal(),
        })
    }

    /// Reads to the end, or says that there was none.
    pub(super) fn read(
        &mut self,
        output: impl Read + Send + 'static,
    ) -> Option<String> {
        lines_within(self.silence, output, |line| {
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
    fn the_harness_says_at_the_end_why_tests_failed() {
        let lines = ["test a ... ok", "failures:", "---- b stdout ----"];
        let lines = lines.map(str::to_owned);
        assert_eq!(failures(&lines), &lines[1..]);
        assert!(failures(&lines[..1]).is_empty());
    }
}
