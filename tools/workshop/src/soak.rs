//! `workshop soak`: thousands of containers, and what is left of them.
//!
//! It takes minutes, so it is no part of the test suite. All of it happens on
//! a pretend host.

mod census;
mod killed;
mod tool;

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use process::{Call, Error, Result};

use crate::bench::busy_host;
use crate::{repository, setup};
use census::Census;
use tool::{BRIDGED, Tool};

/// Start containers by the thousand, hold hundreds, kill whatever belongs to
/// them at any moment, and look whether something is left.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How many containers come and go
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    short: usize,
    /// How many are held at once
    #[arg(long, default_value_t = 500, value_name = "N")]
    held: usize,
    /// How many are killed: the tool, the owner, or the container
    #[arg(long, default_value_t = 500, value_name = "N")]
    killed: usize,
    /// What decides who is killed when
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Take the container tool in this directory, and build nothing
    #[arg(long, hide = true, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// This is the pretend host
    #[arg(long, hide = true)]
    here: bool,
}

/// How many start at a time.
const AT_ONCE: usize = 4;
/// How many share a line of the table.
const BATCH: usize = 50;
/// How often `ps` is timed.
const LOOKS: usize = 21;
const FASTEST_PS: Duration = Duration::from_millis(20);
/// How much longer than the first the last containers may take to start.
const FLAT: f64 = 1.5;
/// How long what was killed may take to be gone.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked, before once more something is started.
const CENSUSES: usize = 50;

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let programs = match &options.programs {
        Some(directory) => directory.clone(),
        None => {
            setup::ensure()?;
            setup::release()?
        }
    };
    if options.here {
        return soak(options, &programs);
    }
    let host = busy_host()?;
    let mut here = host.command(repository::programs()?.join("workshop"));
    here.arg("soak").arg("--here").arg("--programs").arg(programs);
    for (name, count) in [
        ("--short", options.short),
        ("--held", options.held),
        ("--killed", options.killed),
    ] {
        here.args([name, &count.to_string()]);
    }
    here.args(options.seed.map(|seed| format!("--seed={seed}")));
    here.env_clear().env("PATH", process::DEFAULT_PATH).stdin(Stdio::null());
    let status = here.status().call("execve(\"nsenter\")")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn soak(options: &Options, programs: &Path) -> Result<ExitCode> {
    let tool = Tool::new(programs);
    // What stays, such as directories, is there from the first one on.
    tool.short(true)?;
    tool.short(false)?;
    let before = Census::take()?;
    let is_fast = hold(&tool, options.held)?;
    must_be_as(&before, &tool, "held")?;
    short(&tool, options.short)?;
    must_be_as(&before, &tool, "short")?;
    killed::run(&tool, options.killed, options.seed)?;
    must_be_as(&before, &tool, "killed")?;
    Ok(if is_fast { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits until all is as before.
fn must_be_as(before: &Census, tool: &Tool, what: &str) -> Result<()> {
    let (start, mut left) = (Instant::now(), Vec::new());
    while start.elapsed() < PATIENCE {
        tool.short(true)?; // Who starts sweeps up what the killed have left.
        // And leaves a process that sweeps up after it, for a moment.
        for _ in 0..CENSUSES {
            left = Census::take()?.beyond(before);
            if left.is_empty() {
                println!("{what}: nothing is left");
                return Ok(());
            }
            thread::sleep(PATIENCE / 1000);
        }
    }
    let left = left.join("\n  ");
    Err(Error::new(format_args!("{what}: left:\n  {left}")))
}

/// Holds so many at once; whether starts and `ps` stay fast.
fn hold(tool: &Tool, count: usize) -> Result<bool> {
    let mut rates = Vec::new();
    for first in (0..count).step_by(BATCH) {
        let batch = BATCH.min(count - first);
        let start = Instant::now();
        for _ in 0..batch {
            tool.detached(&[])?;
        }
        let each = start.elapsed().as_secs_f64() * 1e3 / batch as f64;
        println!("{:5}–{:<5} {each:8.2} ms each", first + 1, first + batch);
        rates.push(each);
    }
    let (is_flat, is_fast) = (is_flat(&rates), ps_is_fast(tool, count)?);
    tool.remove_all()?;
    Ok(is_flat && is_fast)
}

/// Of the first two batches and the last two the faster ones: what else the
/// machine does makes a batch slower, and none faster.
fn is_flat(rates: &[f64]) -> bool {
    let fastest =
        |rates: &[f64]| rates.iter().copied().fold(f64::MAX, f64::min);
    let (Some(first), Some(last)) = (rates.get(..2), rates.last_chunk::<2>())
    else {
        return true;
    };
    let ratio = fastest(last) / fastest(first);
    let verdict = if ratio <= FLAT { "met" } else { "MISSED" };
    println!(
        "the last take {ratio:.2} times as long: at most {FLAT}: {verdict}"
    );
    ratio <= FLAT
}

fn ps_is_fast(tool: &Tool, count: usize) -> Result<bool> {
    let mut times = Vec::new();
    for _ in 0..LOOKS {
        let start = Instant::now();
        let ids = tool.running()?;
        times.push(start.elapsed());
        if ids.len() != count {
            return Err(Error::new(format_args!(
                "ps lists {} of {count} containers",
                ids.len()
            )));
        }
    }
    times.sort_unstable();
    let [p25, median, p75] = [1, 2, 3].map(|n| times[LOOKS / 4 * n]);
    let verdict = if median < FASTEST_PS { "met" } else { "MISSED" };
    println!(
        "ps with {count} running: {median:.1?} ({p25:.1?}–{p75:.1?}), less \
         than {FASTEST_PS:?}: {verdict}"
    );
    Ok(median < FASTEST_PS)
}

/// So many that come and go, some at a time. Every fourth has a network.
fn short(tool: &Tool, count: usize) -> Result<()> {
    let (next, start) = (AtomicUsize::new(0), Instant::now());
    let work = || -> Result<()> {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(());
            }
            tool.short(number.is_multiple_of(BRIDGED))?;
            if number % 1000 == 999 {
                println!("{:6} after {:.0?}", number + 1, start.elapsed());
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| match worker.join() {
            Ok(result) => result,
            Err(_) => Err(Error::new("a worker panicked")),
        })
    })
}
