//! `01-chroot ROOTFS COMMAND`: a program with another root directory.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::unistd::Pid;
use process::Result;

/// Run a command with ROOTFS as its root directory. It is still root, and
/// everything but paths is shared with the host.
#[derive(Debug, clap::Parser)]
#[command(name = "01-chroot", version)]
struct Options {
    #[command(flatten)]
    environment: chroot::EnvironmentOptions,
    /// The directory that becomes the command's `/`
    rootfs: PathBuf,
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

/// In the new process: leave the host's files behind, become the command.
fn child(options: &Options, parent: Pid) -> Result<Infallible> {
    let environment = options.environment.environment(Path::new("/root"));

    chroot::enter(&options.rootfs)?;
    process::die_with(parent)?;

    process::exec(&options.command, &environment)
}
