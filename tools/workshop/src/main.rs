//! The learner's and teacher's command.

use std::process::ExitCode;

use process::Result;
use workshop::{planted, test};

/// Build a container a system call at a time, and see what each one changes.
#[derive(Debug, clap::Parser)]
#[command(name = "workshop", version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Test(test::Options),
    Planted(planted::Options),
}

fn main() -> ExitCode {
    process::main(run)
}

fn run(options: &Options) -> Result<ExitCode> {
    match &options.command {
        Command::Test(options) => test::run(options),
        Command::Planted(options) => planted::run(options),
    }
}
