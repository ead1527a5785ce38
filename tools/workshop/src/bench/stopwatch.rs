//! The stopwatch: starts commands in turn and takes their times. It runs on
//! the pretend host.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};
use process::{Call, Error, Result};

/// What stands between two commands, as find(1) ends one.
pub(super) const SEPARATOR: &str = ";";

/// Rounds that do not count: in them the kernel reads the programs from disk.
pub(super) const WARM_UP: usize = 10;

/// Prints, as JSON, a list of nanoseconds for each command.
pub(super) fn run(words: &[OsString], runs: usize) -> Result<ExitCode> {
    let commands = words.split(|word| word == SEPARATOR);
    let times: serde_json::Value = time(commands, runs)?.into();
    println!("{times}");
    Ok(ExitCode::SUCCESS)
}

/// Every command runs once in each round: whatever slows the machine down for
/// a while slows down all of them.
fn time<'a>(
    commands: impl Iterator<Item = &'a [OsString]>,
    runs: usize,
) -> Result<Vec<Vec<u64>>> {
    let mut racers = commands.map(Racer::new).collect::<Result<Vec<_>>>()?;
    let mut times = vec![Vec::with_capacity(runs); racers.len()];
    for round in 0..WARM_UP + runs {
        for (racer, times) in racers.iter_mut().zip(&mut times) {
            let nanoseconds = racer.run()?.as_nanos() as u64;
            if round >= WARM_UP {
                times.push(nanoseconds);
            }
        }
    }
    Ok(times)
}

struct Racer {
    command: Command,
    /// A file in memory, not a pipe, which somebody would have to read while
    /// the time is taken.
    complaints: File,
}

impl Racer {
    fn new(words: &[OsString]) -> Result<Self> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(Error::new("a command has no words"));
        };
        let complaints = memfd_create("complaints", MFdFlags::MFD_CLOEXEC)
            .call("memfd_create()")?;
        let complaints = File::from(complaints);
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(complaints.try_clone().call("dup()")?);
        Ok(Self { command, complaints })
    }

    /// From before the process is made until it has been waited for.
    fn run(&mut self) -> Result<Duration> {
        let start = Instant::now();
        let status = self.command.status();
        let time = start.elapsed();
        let program = self.command.get_program();
        let status = status.call(format_args!("execve({program:?})"))?;
        match status.success() {
            true => Ok(time),
            false => Err(self.failure(status)),
        }
    }

    fn failure(&mut self, status: ExitStatus) -> Error {
        let mut said = Vec::new();
        let read = self.complaints.rewind();
        let read = read.and_then(|()| self.complaints.read_to_end(&mut said));
        let said = match read {
            Ok(_) => String::from_utf8_lossy(&said).trim_end().to_owned(),
            Err(error) => format!("what it said can't be read: {error}"),
        };
        Error::new(format_args!("{:?}: {status}: {said}", self.command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn time_all(lines: &[&str], runs: usize) -> Result<Vec<Vec<u64>>> {
        let words: Vec<_> = lines.iter().map(|line| words(line)).collect();
        time(words.iter().map(Vec::as_slice), runs)
    }

    #[test]
    fn only_the_runs_after_the_warm_up_count() {
        let times = time_all(&["true", "env true"], 3).unwrap();
        assert_eq!(times.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3]);
    }

    #[test]
    fn a_failure_ends_it_in_the_programs_words() {
        let error = time_all(&["true", "ls /nonexistent"], 3).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("exit status: "), "{error}");
        assert!(error.contains("No such file"), "{error}");
    }

    #[test]
    fn what_is_no_program_is_the_kernels_answer() {
        let error = time_all(&["/nonexistent"], 1).unwrap_err();
        assert_eq!(error.errno(), Some(nix::errno::Errno::ENOENT));
    }
}
