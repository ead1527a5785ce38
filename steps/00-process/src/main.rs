//! `00-process COMMAND`: a program started, waited for, and nothing more.

use std::convert::Infallible;
use std::process::ExitCode;

use nix::unistd::Pid;
use process::Result;

/// Run a command in a process of its own. Nothing is isolated: it sees and
/// may do whatever the caller could.
#[derive(Debug, clap::Parser)]
#[command(name = "00-process", version)]
struct Options {
    #[command(flatten)]
    command: process::Command,
}

fn main() -> ExitCode {
    process::main(run)
}

/// Outside: start the command, wait for it, exit as it did.
fn run(options: &Options) -> Result<u8> {
    process::spawn(|parent| child(options, parent))?.wait()
}

/// In the new process: become the command.
fn child(options: &Options, parent: Pid) -> Result<Infallible> {
    let environment = std::env::vars_os().collect();

    process::die_with(parent)?;
    process::exec(&options.command, &environment)
}
