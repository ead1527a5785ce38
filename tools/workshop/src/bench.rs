//! `workshop bench`: what a step costs.
//!
//! A number from another day or another machine says nothing about this one.
//! So a step is only compared with what ran in turn with it: the program that
//! it starts, without any step, and a peer, a program of the machine that does
//! the like.

mod bundle;
mod held;
mod machine;
mod network;
mod peer;
mod report;
mod shares;
mod start;
mod stopwatch;
mod summary;
pub(crate) mod table;
mod traffic;

use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use process::{Call, Error, Result};
use serde::Serialize;

use crate::host::Host;
use crate::ladder::{LADDER, Step};
use crate::{repository, setup};

pub(crate) use network::host as busy_host;
use peer::Peer;
use report::{Report, Row, Timed};

/// Measure how long each step takes to start a program and to end, and how
/// long others take that do the like.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only this step, by number or name; `start`: whole containers, beside
    /// other programs that run some
    step: Option<String>,
    /// How often everything is started: 50 times and more for a number that
    /// others may rely on
    #[arg(long, default_value_t = 100, value_name = "N")]
    runs: usize,
    /// Measure networks instead: how long it takes to set one up, and what
    /// goes through
    #[arg(long, conflicts_with = "step")]
    network: bool,
    /// Measure what limits cost that are not hit
    #[arg(long, conflicts_with_all = ["step", "network"])]
    shares: bool,
    /// Write the tables of the networks to where the book has them from
    #[arg(long, requires = "network")]
    record: bool,
    /// How to print it
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Measure the steps in this directory, and build nothing
    #[arg(long, hide = true, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// What this command calls itself with, to be one end of a connection
    #[arg(long, hide = true, value_name = "WORDS")]
    traffic: Option<String>,
    /// The same, to do some work
    #[arg(long, hide = true, value_name = "KIND")]
    work: Option<String>,
    /// What this command calls itself with on the pretend host: commands,
    /// with a `;` between them
    #[arg(last = true, hide = true)]
    commands: Vec<OsString>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Table,
    /// For programs: all numbers, with their units
    Json,
}

/// With fewer, a quartile is the time of a single run.
const FEWEST_RUNS: usize = 10;

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    if !options.commands.is_empty() {
        return stopwatch::run(&options.commands, options.runs);
    }
    if let Some(kind) = &options.work {
        return shares::work(kind);
    }
    if let Some(words) = &options.traffic {
        return traffic::run(words);
    }
    if options.runs < FEWEST_RUNS {
        return Err(few(options.runs));
    }
    if options.network {
        network::run(&programs(options)?, options.runs, options.record)?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.shares {
        shares::run(&programs(options)?, options.runs)?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.step.as_deref() == Some("start") {
        let report = start::measure(&programs(options)?, options.runs)?;
        print(&report, options.format)?;
        return Ok(ExitCode::SUCCESS);
    }
    let contests = contests(options.step.as_deref())?;
    let programs = programs(options)?;
    let rows: Result<_> = contests
        .iter()
        .map(|contest| contest.measure(&programs, options.runs))
        .collect();
    print(&Report::new(options.runs, rows?), options.format)?;
    Ok(ExitCode::SUCCESS)
}

fn few(runs: usize) -> Error {
    Error::new(format_args!("--runs {runs}: too few to compare")).with_hint(
        format_args!("at least {FEWEST_RUNS}, or the spread means nothing"),
    )
}

/// The directory of the steps. Those in `bin/` would be slower: they are built
/// to be debugged.
fn programs(options: &Options) -> Result<PathBuf> {
    match &options.programs {
        Some(directory) => Ok(directory.clone()),
        None => {
            setup::ensure()?;
            setup::release()
        }
    }
}

fn print(report: &(impl Display + Serialize), format: Format) -> Result<()> {
    match format {
        Format::Table => print!("{report}"),
        Format::Json => {
            let json = serde_json::to_string_pretty(report)
                .map_err(|error| Error::new(format_args!("JSON: {error}")))?;
            println!("{json}");
        }
    }
    Ok(())
}

/// A step, and its peer if it has one.
struct Contest {
    step: &'static Step,
    peer: Option<(&'static Peer, PathBuf)>,
}

/// Of one step, or of all. Fails early if a peer is missing: nothing has been
/// built for it yet.
fn contests(step: Option<&str>) -> Result<Vec<Contest>> {
    let steps: Vec<&Step> = match step {
        Some(name) => vec![Step::named(name)?],
        None => LADDER.iter().collect(),
    };
    let contest = |step: &'static Step| {
        let peer = Peer::of(step).map(|peer| Ok((peer, peer.locate()?)));
        Ok(Contest { step, peer: peer.transpose()? })
    };
    steps.into_iter().map(contest).collect()
}

impl Contest {
    fn measure(&self, programs: &Path, runs: usize) -> Result<Row> {
        eprintln!("workshop: measuring {}", self.step.name);
        // One for each step, since a step may leave something behind.
        let host = Host::start()?;
        let commands = self.commands(programs, &host);
        let times = race(&host, &commands, runs)?;
        let timed = commands.iter().zip(times);
        let mut timed = timed.map(|(words, times)| Timed::new(words, times));
        match (timed.next(), timed.next()) {
            (Some(own), Some(bare)) => {
                let peer = self.peer.as_ref().map(|(peer, _)| *peer);
                Ok(Row::new(self.step, own, bare, peer.zip(timed.next())))
            }
            _ => Err(Error::new("the stopwatch did not time all commands")),
        }
    }

    /// What runs in turn: the step, its program alone, and the peer.
    fn commands(&self, programs: &Path, host: &Host) -> Vec<Vec<OsString>> {
        let rootfs = repository::rootfs().join("busybox");
        let alone = rootfs.join("bin/true");
        // Step 00 has no root directory of its own.
        let path = match self.step.takes_rootfs {
            true => "/bin/true".into(),
            false => alone.display().to_string(),
        };
        let options = self.step.options_on(host);
        let mut own = vec![programs.join(self.step.name).into()];
        own.extend(self.step.arguments(&options, &rootfs, &[&path]));
        let peer = self.peer.as_ref();
        let peer = peer.map(|(peer, program)| peer.words(program, &rootfs));
        [own, vec![alone.into()]].into_iter().chain(peer).collect()
    }
}

/// Lets this very program time the commands from inside the pretend host:
/// nsenter(1) for each run would take longer than what is measured.
fn race(
    host: &Host,
    commands: &[Vec<OsString>],
    runs: usize,
) -> Result<Vec<Vec<u64>>> {
    // By its name: the file that was started is gone if `setup` built anew.
    let this = repository::programs()?.join("workshop");
    let output = host
        .command(this)
        .args(["bench", "--runs", &runs.to_string(), "--"])
        .args(commands.join(&OsString::from(stopwatch::SEPARATOR)))
        // cargo sets LD_LIBRARY_PATH: the peers, unlike the steps, have a
        // loader that would look for their libraries there first.
        .env_clear()
        .env("PATH", process::DEFAULT_PATH)
        .stderr(Stdio::inherit())
        .output()
        .call("execve(\"nsenter\")")?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        Error::new("no measurement on the pretend host")
            .with_hint("its own message stands above")
    })
}
