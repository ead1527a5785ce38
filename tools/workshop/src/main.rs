//! The learner's and teacher's command.

use std::process::ExitCode;

use nix::sys::signal::{SigHandler, Signal, signal};
use workshop::{
    bench, book, clean, demo, doctor, frame, hosts, matrix, planted, setup,
    soak, test, top, vm,
};

/// The container workshop: build a container, a system call at a time.
#[derive(Debug, clap::Parser)]
#[command(name = "workshop", version)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Demo(demo::Options),
    Setup(setup::Options),
    Doctor(doctor::Options),
    Matrix(matrix::Options),
    Test(test::Options),
    Planted(planted::Options),
    Bench(bench::Options),
    Soak(soak::Options),
    Hosts(hosts::Options),
    Frame(frame::Options),
    Top(top::Options),
    /// Stop all processes of a container
    Pause(top::Named),
    /// Let the processes of a container go on that was paused
    Unpause(top::Named),
    Book(book::Options),
    Clean(clean::Options),
    #[command(hide = true)] // `workshop test` calls it.
    RunTests(test::inside::Options),
    #[command(hide = true)] // A guest calls it.
    VmExit(vm::exit::Options),
}

fn main() -> ExitCode {
    // `workshop matrix | head`: end when nobody reads on. Rust's runtime
    // ignores the signal, and a failed `println!` would panic.
    //
    // SAFETY: SIG_DFL is no handler, which alone could do harm here.
    if let Err(errno) = unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) } {
        eprintln!("workshop: signal(SIGPIPE, SIG_DFL): {errno}");
    }
    process::main(|options: &Options| match &options.command {
        Command::Demo(options) => demo::run(options),
        Command::Setup(options) => setup::run(options),
        Command::Doctor(options) => doctor::run(options),
        Command::Matrix(options) => matrix::run(options),
        Command::Test(options) => test::run(options),
        Command::Planted(options) => planted::run(options),
        Command::Bench(options) => bench::run(options),
        Command::Soak(options) => soak::run(options),
        Command::Hosts(options) => hosts::run(options),
        Command::Frame(options) => frame::run(options),
        Command::Top(options) => top::run(options),
        Command::Pause(options) => top::pause(options),
        Command::Unpause(options) => top::unpause(options),
        Command::Book(options) => book::run(options),
        Command::Clean(options) => clean::run(options),
        Command::RunTests(options) => test::inside::run(options),
        Command::VmExit(options) => vm::exit::run(options),
    })
}
