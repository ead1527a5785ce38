//! The learner's and teacher's command.

use std::process::ExitCode;

use workshop::{clean, doctor, planted, setup, test};

/// The container workshop: build a container, a system call at a time.
#[derive(Debug, clap::Parser)]
#[command(name = "workshop", version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Setup(setup::Options),
    Doctor(doctor::Options),
    Test(test::Options),
    Planted(planted::Options),
    Clean(clean::Options),
}

fn main() -> ExitCode {
    process::main(|options: &Options| match &options.command {
        Command::Setup(options) => setup::run(options),
        Command::Doctor(options) => doctor::run(options),
        Command::Test(options) => test::run(options),
        Command::Planted(options) => planted::run(options),
        Command::Clean(options) => clean::run(options),
    })
}
