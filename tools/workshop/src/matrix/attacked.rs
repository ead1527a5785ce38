//! Which attacks a step contains.

use process::{Call, Error, Result};

use super::Column;
use crate::host::Host;
use crate::ladder::Step;
use crate::repository;

/// Attacks the step with all there is, from inside, and asks the witness
/// outside.
pub fn attacks(step: &Step) -> Result<Column> {
    let host = Host::start()?;
    let rootfs = repository::rootfs().join("busybox");
    let programs = repository::programs()?;
    let mut command = host.command(programs.join("attacks"));
    command.args(["against", "--format", "json"]);
    if step.takes_rootfs {
        command.arg("--rootfs").arg(&rootfs);
    }
    if let Some(other) = step.other_tenant() {
        command.args(["--other-tenant", other]);
    }
    command.arg("--").arg(programs.join(step.name));
    let mut options = step.options_on(&host);
    if step.lineage().iter().any(|step| step.name == "06-mount") {
        options.extend(["--volume", "{volume}"]);
    }
    options.extend(step.disk_limits_on(&host));
    command.args(step.arguments(&options, &rootfs, &[]));
    let output = command.output().call("execve(\"nsenter\")")?;
    let reports: Vec<attacks::Report> = serde_json::from_slice(&output.stdout)
        .map_err(|_| {
            let said = String::from_utf8_lossy(&output.stderr);
            Error::new(format_args!("attacks against {}: {said}", step.name))
        })?;
    reports.into_iter().map(cell).collect()
}

fn cell(report: attacks::Report) -> Result<(String, String)> {
    use attacks::Outcome::{Contained, Escaped, Untried};
    let outcome = match report.outcome {
        Escaped => "escaped",
        Contained => "contained",
        Untried => "untried",
        _ => {
            let attacks::Report { attack, evidence, .. } = report;
            return Err(Error::new(format_args!("{attack}: {evidence}")));
        }
    };
    Ok((report.attack, outcome.into()))
}
