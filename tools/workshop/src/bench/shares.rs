//! `workshop bench --shares`: what limits cost that are not hit.
//!
//! The kernel counts each page and each tick for a group. So a fixed amount of
//! work is done on the host, in a container without a group, and in one whose
//! limits are far away, in turn. What counts is the CPU time of the work: what
//! others do on the machine is none of it, nor is the container's start.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use process::{Call, Error, Result};

use super::summary::Summary;
use super::table;
use crate::host::Host;
use crate::repository;

/// Of the numbers that are computed, and of the memory that is taken anew and
/// written to.
const STEPS: u64 = 10_000_000;
const MEMORY: usize = 64 << 20;
const PAGE: usize = 4096;

/// Does a work, and prints how many nanoseconds of CPU time it took.
pub(super) fn work(kind: &str) -> Result<ExitCode> {
    let start = cpu_time()?;
    match kind {
        "cpu" => {
            // Each number depends on the one before: no processor skips one.
            let next =
                |x: u64, i| x.wrapping_mul(6_364_136_223_846_793_005) ^ i;
            black_box((0..STEPS).fold(1, next));
        }
        "memory" => {
            for _ in 0..2 {
                let mut bytes = vec![0_u8; MEMORY];
                bytes.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
                black_box(&bytes);
            }
        }
        _ => return Err(Error::new(format_args!("no work is called {kind}"))),
    }
    println!("{}", cpu_time()?.saturating_sub(start));
    Ok(ExitCode::SUCCESS)
}

/// Of this thread, in nanoseconds: proc_pid_schedstat(5).
fn cpu_time() -> Result<u64> {
    let file = "/proc/thread-self/schedstat";
    let text = fs::read_to_string(file).call(format_args!("read({file:?})"))?;
    let first = text.split(' ').next().and_then(|word| word.parse().ok());
    first.ok_or_else(|| Error::new(format_args!("{file:?} has {text:?}")))
}

/// Name, step, and its options.
const WAYS: &[(&str, Option<&str>, &[&str])] = &[
    ("the host", None, &[]),
    ("09-vxlan", Some("09-vxlan"), &["--vni=1"]),
    (
        "10-cgroups",
        Some("10-cgroups"),
        &["--memory=1g", "--cpus=1", "--cpu-weight=100", "--pids-limit=1000"],
    ),
];

/// Prints the table.
pub(super) fn run(programs: &Path, runs: usize) -> Result<()> {
    let head = ["WORK", "WHERE", "MEDIAN ms", "MIDDLE HALF", "OF THE HOST'S"];
    let mut rows = vec![head.map(String::from).to_vec()];
    let host = Host::start()?;
    for kind in ["cpu", "memory"] {
        let mut times = vec![Vec::new(); WAYS.len()];
        for _ in 0..runs {
            for (way, times) in WAYS.iter().zip(&mut times) {
                times.push(time_of(&host, programs, *way, kind)?);
            }
        }
        let summaries: Vec<_> = times.into_iter().map(Summary::of).collect();
        for ((name, ..), summary) in WAYS.iter().zip(&summaries) {
            rows.push(row(kind, name, summary, &summaries[0]));
        }
    }
    print!("{}", table::render(&rows));
    Ok(())
}

fn row(kind: &str, name: &str, own: &Summary, host: &Summary) -> Vec<String> {
    let ms = |us: f64| format!("{:.1}", us / 1000.0);
    vec![
        kind.into(),
        name.into(),
        ms(own.median_us),
        format!("{}–{}", ms(own.p25_us), ms(own.p75_us)),
        format!("{:.3}", own.ratio_to(host)),
    ]
}

fn time_of(
    host: &Host,
    programs: &Path,
    (_, step, options): (&str, Option<&str>, &[&str]),
    kind: &str,
) -> Result<u64> {
    let this = repository::programs()?.join("workshop");
    let mut command: Command = match step {
        None => host.command(&this),
        Some(step) => {
            let mut command = host.command(programs.join(step));
            command.args(options);
            super::network::put_into(&mut command, &this);
            command
        }
    };
    let output = command
        .args(["bench", "--work", kind])
        .stderr(Stdio::inherit())
        .output()
        .call("execve(\"nsenter\")")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|_| {
        Error::new("the work was not done")
            .with_hint("its own message stands above")
    })
}
