//! Planted bugs: the mistakes that real tutorials and runtimes made, as small
//! patches under `tests/planted/STEP/`. The tests must catch every one.
//!
//! Each patch begins with its story and the names of the tests that are to
//! turn red: `Caught-by: test_name`. It is applied to a copy of the source,
//! never to the reader's own files.

mod record;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

use process::{Call, Error, Result};

use crate::host::Host;
use crate::ladder::{LADDER, Step};
use crate::{repository, setup, sources};

/// Show that the tests catch the mistakes that others have made.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only the bugs of this step
    step: Option<String>,
    /// Print the stories, and plant nothing
    #[arg(long)]
    list: bool,
    /// Only steps of which something has changed since --record
    #[arg(long, conflicts_with = "list")]
    if_changed: bool,
    /// Write down the steps of which every bug was caught
    #[arg(long, conflicts_with = "list")]
    record: bool,
}

/// A patch, and what it is to break.
struct Bug {
    step: &'static Step,
    path: PathBuf,
    story: String,
    caught_by: Vec<String>,
}

impl Bug {
    fn read(step: &'static Step, path: PathBuf) -> Result<Self> {
        let text =
            fs::read_to_string(&path).call(format_args!("open({path:?})"))?;
        let head = text.split("\ndiff --git").next().unwrap_or_default();
        let (story, tests) =
            head.split_once("\n\nCaught-by: ").ok_or_else(|| {
                Error::new(format_args!("{path:?} has no line Caught-by"))
            })?;
        let caught_by = tests.lines().map(|line| {
            line.strip_prefix("Caught-by: ").unwrap_or(line).to_owned()
        });
        Ok(Self {
            step,
            story: story.to_owned(),
            caught_by: caught_by.filter(|name| !name.is_empty()).collect(),
            path,
        })
    }

    fn name(&self) -> String {
        let stem = self.path.file_stem().unwrap_or_default();
        format!("{} {}", self.step.name, stem.display())
    }
}

/// Plants each bug in turn and runs the tests that are to notice it.
pub fn run(options: &Options) -> Result<ExitCode> {
    let steps: Vec<&Step> = match &options.step {
        Some(name) => vec![Step::named(name)?],
        None => LADDER.iter().collect(),
    };
    if options.list {
        for step in steps {
            for bug in bugs_of(step)? {
                println!("{}\n{}\n", bug.name(), bug.story);
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    setup::ensure()?;
    let (mut planted, mut missed) = (0, 0);
    for step in steps {
        if options.if_changed && record::is_current(step)? {
            println!("caught  {}, of which nothing has changed", step.name);
            continue;
        }
        let bugs = bugs_of(step)?;
        let missed_here = plant_each(&bugs)?;
        if options.record && missed_here == 0 {
            record::add(step)?;
        }
        planted += bugs.len();
        missed += missed_here;
    }
    println!("{planted} planted, {missed} missed");
    Ok(ExitCode::from(u8::from(missed > 0)))
}

/// How many of them no test notices.
fn plant_each(bugs: &[Bug]) -> Result<usize> {
    let mut missed = 0;
    for (index, bug) in bugs.iter().enumerate() {
        let survivors = plant(bug)?;
        let name = format!("{} [{}/{}]", bug.name(), index + 1, bugs.len());
        match survivors.as_slice() {
            [] => println!("caught  {name} by {}", bug.caught_by.join(", ")),
            tests => {
                println!("MISSED  {name}: passed {tests:?}");
                missed += 1;
            }
        }
    }
    Ok(missed)
}

fn bugs_of(step: &'static Step) -> Result<Vec<Bug>> {
    let directory = repository::top().join("tests/planted").join(step.name);
    let entries =
        fs::read_dir(&directory).call(format_args!("open({directory:?})"))?;
    let mut paths: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths.into_iter().map(|path| Bug::read(step, path)).collect()
}

/// Applies the patch to the copy, and gives those of its tests that did not
/// notice.
fn plant(bug: &Bug) -> Result<Vec<String>> {
    let copy = sources::copy_to("planted")?;
    let patch = Command::new("git")
        .args(["apply", "--whitespace=nowarn"])
        .arg(&bug.path)
        // Or git would take the copy for a part of the reader's repository.
        .env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(&copy))
        .current_dir(&copy)
        .output()
        .call("execve(\"git\")")?;
    must_succeed(&patch, format_args!("git apply {:?}", bug.path))?;
    let mut build = cargo(&copy, &["build", "--quiet"]);
    for program in programs(bug.step) {
        build.args(["--bin", program]);
    }
    let build = build.output().call("execve(\"cargo\")")?;
    must_succeed(&build, "cargo build of the bug")?;

    let report = test(&copy, bug)?;
    let failed = |test: &&String| {
        report.lines().any(|line| line == format!("test {test} ... FAILED"))
    };
    Ok(bug.caught_by.iter().filter(|test| !failed(test)).cloned().collect())
}

/// What the tests of a step start. Nothing else has to be built for each bug.
fn programs(step: &'static Step) -> impl Iterator<Item = &'static str> {
    let steps = [Some(step), step.base()].into_iter().flatten();
    steps.map(|step| step.name).chain(["attacks", "liar", "probe"])
}

/// What the test harness prints about the tests that are to notice.
fn test(copy: &Path, bug: &Bug) -> Result<String> {
    let path = copy.with_file_name("planted.log");
    let log = File::create(&path).call(format_args!("open({path:?})"))?;
    // Some bugs let processes live on, which the pretend host takes along.
    // They would also keep a pipe open for ever; a file has no end to wait for.
    let mut host = Host::start()?;
    let file = bug.step.name.replace('-', "_");
    let cargo = cargo(copy, &["test", "--offline", "--test", &file]);
    let mut inside = host.command("env");
    inside.arg("--chdir").arg(copy).arg(cargo.get_program());
    inside.args(cargo.get_args());
    inside.args(["--", "--exact"]).args(&bug.caught_by);
    for (variable, value) in cargo.get_envs() {
        inside.env(variable, value.unwrap_or_default());
    }
    inside
        .stdin(Stdio::null())
        .stdout(log.try_clone().call("dup()")?)
        .stderr(log)
        .status()
        .call("execve(\"nsenter\")")?;
    host.stop();
    fs::read_to_string(&path).call(format_args!("open({path:?})"))
}

fn cargo(copy: &Path, arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo
        .args(arguments)
        .env("CARGO_TARGET_DIR", copy.with_file_name("planted-build"))
        .env("CARGO_PROFILE_DEV_DEBUG", "none") // Nobody debugs these.
        .current_dir(copy);
    cargo
}

fn must_succeed(output: &Output, what: impl std::fmt::Display) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(format_args!("{what}: {}\n{said}", output.status)))
}
