//! `workshop demo`: the first thing that a newcomer sees. The same questions
//! are asked on the host and in the highest step, and the answers stand side
//! by side.

use std::env;
use std::fs;
use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use process::{Call, Result};

use crate::doctor::{self, Machine, Status};
use crate::host::Host;
use crate::ladder::{LADDER, Step};
use crate::{matrix, repository, setup};

/// Ask the same questions on the host and in the highest step, and show both
/// answers.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Another step than the highest, by number or name
    step: Option<String>,
}

/// A heading, and the shell's words for the question. $SECRET is a file of
/// the host, and descriptor 9 a directory that the caller left open.
const QUESTIONS: [(&str, &str); 10] = [
    ("who am I?", "id -un"),
    ("what is in /?", "echo $(ls /)"),
    ("who lives in /home?", "echo $(ls /home)"),
    ("read a file of the host", "cat $SECRET"),
    ("read the caller's secret", "echo ${CALLERS_SECRET-there is none}"),
    ("is descriptor 9 open?", "true <&9 && echo yes || echo no"),
    ("mount a file system", "mount -t tmpfs none /tmp && echo it works"),
    ("signal process 1", "kill -0 1 && echo it works"),
    ("what is the host's name?", "hostname"),
    ("rename the host", "hostname mine && echo it works"),
];

/// How much of an answer there is room for.
const WIDTH: usize = 25;

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let step = match &options.step {
        Some(name) => Step::named(name)?,
        None => LADDER.last().unwrap_or(&LADDER[0]),
    };
    setup::ensure()?;
    print_health();
    println!("{:24} {:WIDTH$}   {}", "", "on the host", step.name);
    let secret = Secret::write()?;
    for (heading, question) in QUESTIONS {
        let [host, inside] = [&LADDER[0], step]
            .map(|step| ask(step, question, &secret))
            .map(|answer| answer.map(|text| shorten(&text)));
        print_row(heading, &host?, &inside?);
    }
    println!("\n≠ marks what {} changes.", step.name);
    print_attacks(step)?;
    println!("Read on: cargo workshop book serve");
    Ok(ExitCode::SUCCESS)
}

/// What `workshop doctor` has to say, in a line for each problem.
fn print_health() {
    let findings = doctor::examine(&Machine::here());
    let with = |status| findings.iter().filter(move |f| f.status() == status);
    for problem in with(Status::Problem) {
        println!("{}: {}", problem.check(), problem.found());
        println!("hint: {}", problem.remedy().unwrap_or_default());
    }
    println!(
        "This machine: {} problems, {} warnings (cargo workshop doctor)\n",
        with(Status::Problem).count(),
        with(Status::Warning).count()
    );
}

/// A file of the host that is worth reading.
struct Secret(PathBuf);

impl Secret {
    fn write() -> Result<Self> {
        let path = repository::top().join("target/secret-of-the-host");
        fs::write(&path, "a secret of the host\n")
            .call(format_args!("open({path:?})"))?;
        Ok(Self(path))
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        // It holds no real secret: nothing is lost if it stays.
        let _ = fs::remove_file(&self.0);
    }
}

/// The answer to a question inside a step, or the complaint.
fn ask(step: &Step, question: &str, secret: &Secret) -> Result<String> {
    // One for each question, since an answer may have ruined it.
    let host = Host::start()?;
    let rootfs = repository::rootfs().join("busybox");
    let script = format!("SECRET='{}'; {question}", secret.0.display());
    let output = host
        .careless_command(repository::programs()?.join(step.name))
        .args(step.arguments(
            &step.options_on(&host),
            &rootfs,
            &["sh", "-c", &script],
        ))
        .output()
        .call("execve(\"nsenter\")")?;
    let said = match output.stdout.is_empty() {
        true => output.stderr,
        false => output.stdout,
    };
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// The first line, as far as there is room; of a complaint the end, where
/// programs say why.
fn shorten(answer: &str) -> String {
    let line = answer.lines().next().unwrap_or("nothing");
    let line = match line.rsplit_once(": ") {
        Some((_, why)) => why,
        None => line,
    };
    match line.chars().count() > WIDTH {
        true => line.chars().take(WIDTH - 1).chain(['…']).collect(),
        false => line.to_owned(),
    }
}

fn print_row(heading: &str, host: &str, inside: &str) {
    let mark = if host == inside { ' ' } else { '≠' };
    let is_coloured =
        stdout().is_terminal() && env::var_os("NO_COLOR").is_none();
    let (bold, plain) = match is_coloured && mark == '≠' {
        true => ("\x1b[1m", "\x1b[0m"),
        false => ("", ""),
    };
    println!("{heading:24} {host:WIDTH$} {mark} {bold}{inside}{plain}");
}

fn print_attacks(step: &Step) -> Result<()> {
    let escaped = |step| -> Result<usize> {
        let column = matrix::attacks(step)?;
        Ok(column.iter().filter(|(_, cell)| cell == "escaped").count())
    };
    let (before, after) = (escaped(&LADDER[0])?, escaped(step)?);
    println!(
        "Of {before} attacks that succeed on the host, {after} succeed in {}: \
         cargo workshop matrix",
        step.name
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::shorten;

    #[test]
    fn an_answer_fits_its_column() {
        assert_eq!(
            shorten("uid=0(root) gid=0(root)"),
            "uid=0(root) gid=0(root)"
        );
        assert_eq!(
            shorten("mount: /tmp: permission denied"),
            "permission denied"
        );
        assert_eq!(shorten(&"x".repeat(99)).chars().count(), super::WIDTH);
        assert_eq!(shorten(""), "nothing");
    }
}
