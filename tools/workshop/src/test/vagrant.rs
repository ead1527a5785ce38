//! `workshop test --vagrant`: what a reader does with the Vagrantfile, in
//! earnest, and without leaving anything. The script `vm/vagrant` does it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use process::{Call, Error, Result};

use super::lane::{Lane, Run};
use super::programs::{self, Program};
use super::{Options, guests};
use crate::ladder::LADDER;
use crate::vm::{Job, directory, script};
use crate::{packages, repository, setup};

/// The tests that run there, unless others are asked for.
const STEP: &str = "06-mount";

/// What decides whether the machines come up. They are tried anew whenever one
/// of these has changed.
const SOURCES: &[&str] = &[
    "Vagrantfile",
    "vm/provision.sh",
    "vm/box",
    "vm/vagrant",
    "tools/workshop/src/test/vagrant.rs",
];

/// Where the last run that passed is written down.
const RECORD: &str = "vm/vagrant-record.toml";

/// What Vagrant said on that run, and how long each command took.
const TRANSCRIPT: &str = "vm/vagrant-transcript.txt";

/// Runs the lane, and writes down that it passed.
pub(super) fn run(options: &Options) -> Result<ExitCode> {
    let sources = sum_of_sources()?;
    if options.if_changed && recorded().contains(&sources) {
        println!("nothing has changed since the run in {RECORD}");
        return Ok(ExitCode::SUCCESS);
    }
    packages::ensure_for_vagrant()?;
    setup::ensure()?;
    let step = Some(options.step.clone().unwrap_or(STEP.into()));
    let options = Options { step, ..Options::default() };
    let programs = programs::quick(programs::build(&options.selection()?)?);
    Lane::Vagrant.prepare()?;
    let run = Lane::Vagrant.run(&programs)?;
    guests::summarise(&run);
    if run.problems.is_empty() {
        record(&run, &sources)?;
        keep_transcript(&run)?;
    }
    Ok(ExitCode::from(u8::from(!run.problems.is_empty())))
}

/// Makes the box of which the machines are copies.
pub(super) fn ensure_box() -> Result<()> {
    let path = directory("debian.box");
    let newer = |path| fs::metadata(path).ok()?.modified().ok();
    if newer(path.clone()) > newer(script("box")) {
        return Ok(());
    }
    eprintln!("workshop: making a box of Debian for Vagrant");
    let mut make = Command::new(script("box"));
    succeed(make.arg(&path), "vm/box")
}

/// Puts the programs where the script looks for them: in their directory as
/// cargo has them, without what a debugger reads, and the list of tests beside
/// them.
pub(super) fn prepare(job: &Job, tests: &[Program]) -> Result<()> {
    let built = job.at("built");
    fs::create_dir_all(built.join("deps")).call("mkdir(\"built\")")?;
    let from = repository::programs()?;
    let steps = LADDER.iter().map(|step| step.name);
    for name in steps.chain(["workshop", "probe", "attacks", "liar", "peer"]) {
        strip(&from.join(name), &built.join(name))?;
    }
    for test in tests {
        let name = test.path.file_name().unwrap_or_default();
        strip(&test.path, &built.join("deps").join(name))?;
    }
    fs::copy(job.at("programs"), built.join("programs"))
        .call("copy(\"programs\")")?;
    let script = script("vagrant");
    job.write(
        "run",
        &format!(
            "#!/bin/sh\ncd \"${{0%/*}}\" && exec setpriv --pdeathsig KILL \
             unshare --net --mount --pid --fork --kill-child --mount-proc \
             {script:?} \"$PWD\"\n"
        ),
    )
}

fn strip(from: &Path, to: &Path) -> Result<()> {
    succeed(Command::new("strip").arg("-o").arg(to).arg(from), "strip")
}

fn succeed(command: &mut Command, name: &str) -> Result<()> {
    let status = command.status().call(format_args!("execve({name:?})"))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::new(format_args!("{name}: {status}"))
            .with_hint("its own message stands above")),
    }
}

/// What the script should have said at its end, and did not.
pub(super) fn remains(facts: &BTreeMap<String, String>) -> Vec<String> {
    let expected = ["machines-left", "disks-left"];
    let is_wrong =
        |fact: &&str| facts.get(*fact).map(String::as_str) != Some("0");
    expected
        .into_iter()
        .filter(is_wrong)
        .map(|fact| format!("{fact} is {:?}, not 0", facts.get(fact)))
        .collect()
}

/// A sum over all sources, by sha256sum(1).
fn sum_of_sources() -> Result<String> {
    let output = Command::new("sh")
        .args(["-c", "cat -- \"$@\" | sha256sum | cut -d' ' -f1", "sum"])
        .args(SOURCES)
        .current_dir(repository::top())
        .output()
        .call("execve(\"sh\")")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// There is none before the first run.
fn recorded() -> String {
    fs::read_to_string(repository::top().join(RECORD)).unwrap_or_default()
}

fn record(run: &Run, sources: &str) -> Result<()> {
    let mut text = format!(
        "# The last run of `workshop test --vagrant` that passed.\n\
         sources = \"{sources}\"\ndate = \"{}\"\n",
        today()?
    );
    for (fact, value) in &run.report.facts {
        text += &format!("{fact} = {value:?}\n");
    }
    for program in &run.report.programs {
        text += &format!("tests-{} = {}\n", program.name, program.passed());
    }
    let path = repository::top().join(RECORD);
    fs::write(&path, text).call(format_args!("open({path:?})"))
}

/// Without the times of each line, and where the kit lies on this machine.
fn keep_transcript(run: &Run) -> Result<()> {
    let path = run.directory.join("results");
    let text =
        fs::read_to_string(&path).call(format_args!("open({path:?})"))?;
    let text = text.replace(&repository::top().display().to_string(), ".");
    let lines = text.lines().filter_map(|line| line.get(8..));
    let is_vagrants = |line: &&str| {
        let begins = ["$ ", "+ ", "==> ", "Linux ", "PING", "64 bytes"];
        begins.iter().any(|word| line.starts_with(word))
            || line.contains(" packets transmitted")
            || (line.starts_with('@') && line.ends_with(" s"))
    };
    let kept: Vec<&str> = lines.filter(is_vagrants).collect();
    let path = repository::top().join(TRANSCRIPT);
    fs::write(&path, kept.join("\n") + "\n")
        .call(format_args!("open({path:?})"))
}

fn today() -> Result<String> {
    let output = Command::new("date").args(["-u", "+%F"]).output();
    let output = output.call("execve(\"date\")")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::Step;

    #[test]
    fn what_is_left_is_a_failure_and_so_is_silence_about_it() {
        let facts = |machines: &str| {
            BTreeMap::from([
                ("machines-left".to_owned(), machines.to_owned()),
                ("disks-left".to_owned(), "0".to_owned()),
            ])
        };
        assert!(remains(&facts("0")).is_empty());
        assert_eq!(remains(&facts("1")).len(), 1);
        assert_eq!(remains(&BTreeMap::new()).len(), 2);
    }

    #[test]
    fn every_source_is_there() {
        let is_there = |path: &&str| repository::top().join(path).is_file();
        assert!(SOURCES.iter().all(is_there));
        assert!(Step::named(STEP).is_ok());
        assert_eq!(sum_of_sources().unwrap().len(), 64);
    }
}
