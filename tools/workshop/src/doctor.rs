//! `workshop doctor`: what is in the way on this machine, and what to do.
//!
//! Each check is a function of a [`Machine`] and looks at nothing else, so
//! that a test can show it any machine there is.

mod cgroups;
mod features;
mod finding;
mod identity;
mod kernel;
mod machine;
mod namespaces;
mod network;
mod surroundings;
mod table;
mod tools;

use std::process::ExitCode;

use process::{Call, Result};

pub use finding::{Finding, Status, Verdict};
pub use machine::Machine;

/// Say what on this machine is in the way of the workshop, and the remedy.
///
/// The exit code is 0 if there is no problem, 1 otherwise; a warning is none.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// For people, or for programs
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Judges one thing about a machine.
type Check = fn(&Machine) -> Verdict;

/// Every check, by its name.
const CHECKS: &[(&str, Check)] = &[
    ("kernel", kernel::version),
    ("kernel-news", kernel::news),
    ("architecture", kernel::architecture),
    ("container", surroundings::container),
    ("wsl", surroundings::wsl),
    ("user", identity::user),
    ("capabilities", identity::capabilities),
    ("namespaces", namespaces::kinds),
    ("namespace-limits", namespaces::limits),
    ("user-namespaces", namespaces::user_namespaces),
    ("apparmor", namespaces::apparmor),
    ("subordinate-ids", identity::subordinate_ids),
    ("newuidmap", identity::newuidmap),
    ("cgroups", cgroups::version),
    ("controllers", cgroups::controllers),
    ("delegation", cgroups::delegation),
    ("overlay", |machine| features::check(machine, &features::OVERLAY)),
    ("veth", |machine| features::check(machine, &features::VETH)),
    ("bridge", |machine| features::check(machine, &features::BRIDGE)),
    ("vxlan", |machine| features::check(machine, &features::VXLAN)),
    ("forwarding", network::forwarding),
    ("br_netfilter", network::br_netfilter),
    ("nf_tables", |machine| features::check(machine, &features::NF_TABLES)),
    ("seccomp", features::seccomp),
    ("landlock", features::landlock),
    ("rlimits", surroundings::limits),
    ("proc", surroundings::proc),
    ("repository", surroundings::repository),
    ("programs", tools::programs),
    ("linker", tools::linker),
];

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let findings = examine(&Machine::here());
    match options.format {
        Format::Table => table::print(&findings)?,
        Format::Json => print_json(&findings)?,
    }
    let is_problem = |finding: &Finding| finding.status() == Status::Problem;
    Ok(ExitCode::from(u8::from(findings.iter().any(is_problem))))
}

/// All the checks, on one machine.
pub fn examine(machine: &Machine) -> Vec<Finding> {
    CHECKS
        .iter()
        .map(|(name, check)| Finding::new(name, check(machine)))
        .collect()
}

fn print_json(findings: &[Finding]) -> Result<()> {
    let mut output = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut output, findings)
        .map_err(std::io::Error::from)
        .and_then(|()| std::io::Write::write_all(&mut output, b"\n"))
        .call("write(stdout)")
}
