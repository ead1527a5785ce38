//! `03-pid ROOTFS COMMAND`: a program that sees no process but its own.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sched::CloneFlags;
use process::Result;

/// Run a command with ROOTFS as its root directory and process numbers of its
/// own. It is still root, and the mounts, the network and the names of the
/// host are its own too.
#[derive(Debug, clap::Parser)]
#[command(name = "03-pid", version)]
struct Options {
    #[command(flatten)]
    environment: chroot::EnvironmentOptions,
    #[command(flatten)]
    init: pid::InitOptions,
    /// The directory that becomes the command's `/`
    rootfs: PathBuf,
    #[command(flatten)]
    command: process::Command,
}

const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWPID;

/// What is mounted for the command, and is to go with it.
const MOUNTS: &[&str] = &["/proc"];

fn main() -> ExitCode {
    process::main(run)
}

/// Outside: start the command, wait for it, clean up, exit as it did.
fn run(options: &Options) -> Result<u8> {
    let gate = pid::Gate::new()?;
    let child = pid::spawn(NAMESPACES, |parent| child(options, &gate, parent))?;
    let sweeper = pid::Sweeper::start(&child, &options.rootfs, MOUNTS, &gate)?;
    let code = child.wait()?;
    sweeper.finish()?;
    Ok(code)
}

/// In the new process, which is number 1: mount `/proc`, become the command.
fn child(
    options: &Options,
    gate: &pid::Gate,
    parent: pid::Parent,
) -> Result<Infallible> {
    let environment = options.environment.environment(Path::new("/root"));

    pid::die_with(parent)?; // before it waits, perhaps for the dead
    gate.wait()?; // from here on what is mounted will be unmounted
    chroot::enter(&options.rootfs)?;
    let lock = pid::RootLock::take()?; // others may have this root too
    pid::mount_proc(&lock)?; // the one in the new root
    drop(lock);

    pid::run(&options.init, || process::exec(&options.command, &environment))
}
