//! What a step isolates.

use std::io::BufReader;
use std::process::{Child, Command, Stdio};

use probe::{Comparison, Report, Verdict, compare};
use process::{Call, Error, Result};

use super::Column;
use crate::host::{Host, first_descendant};
use crate::ladder::Step;
use crate::repository;

/// Lets `probe` look at itself inside the step, and at that process from
/// outside, and compares both with what a program sees that the same caller
/// starts without any step.
pub fn isolation(step: &Step) -> Result<Column> {
    let host = Host::start()?;
    let probe = repository::programs()?.join("probe");
    let reference =
        report(host.careless_command(&probe).args(["--format", "json"]))?;
    let (inside, outside) = look_at(step, &host)?;
    let inside = compare(&inside.completed_by(&outside), &reference);
    let outside = compare(&outside, &reference);
    let cells = inside.iter().zip(&outside).map(|(inside, outside)| {
        (inside.resource.clone(), cell(inside, outside))
    });
    // Standard input and output are the pipes of whoever looks.
    Ok(cells.filter(|(resource, _)| resource != "streams").collect())
}

/// The kernel's word, from outside, counts; what only the process itself can
/// try, such as to open a device, it must be believed.
fn cell(inside: &Comparison, outside: &Comparison) -> String {
    let verdict = match outside.verdict {
        Verdict::Unknown => inside.verdict,
        known => known,
    };
    match verdict {
        Verdict::Shared => "shared",
        Verdict::Private => "private",
        Verdict::Limited => "limited",
        Verdict::Unknown => "unknown",
    }
    .into()
}

/// The two reports on one process inside the step.
fn look_at(step: &Step, host: &Host) -> Result<(Report, Report)> {
    let probe = repository::programs()?.join("probe");
    let rootfs = repository::rootfs().join("busybox");
    let options = step.options_on(host);
    // Step 00 has no root directory of its own.
    let path = match step.takes_rootfs {
        true => "/usr/bin/probe".into(),
        false => probe.display().to_string(),
    };
    let held = [&path, "--format", "json", "--hold"];
    let mut tool = host
        .careless_command(repository::programs()?.join(step.name))
        .args(step.arguments(&options, &rootfs, &held))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .call("execve(\"nsenter\")")?;
    let inside = first_report(&mut tool)?;
    let pid = host.number_of(first_descendant(tool.id()))?;
    let outside =
        report(host.command(&probe).args(["--format", "json", "--pid", &pid]));
    drop(tool.stdin.take()); // It has been held long enough.
    tool.wait().call("wait(nsenter)")?;
    Ok((inside, outside?))
}

/// The report of a probe that stays afterwards.
fn first_report(tool: &mut Child) -> Result<Report> {
    let Some(stdout) = tool.stdout.take() else {
        return Err(Error::new("the probe has no standard output"));
    };
    let stream = serde_json::Deserializer::from_reader(BufReader::new(stdout));
    match stream.into_iter().next() {
        Some(Ok(report)) => Ok(report),
        _ => Err(Error::new("the step did not run the probe")),
    }
}

/// The report of a probe that ends.
fn report(probe: &mut Command) -> Result<Report> {
    let output = probe.output().call("execve(\"nsenter\")")?;
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        Error::new(format_args!("{probe:?}: {said}"))
    })
}
