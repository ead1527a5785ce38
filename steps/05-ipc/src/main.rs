//! `05-ipc ROOTFS COMMAND`: a program that shares no memory with the host.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sched::CloneFlags;
use process::Result;

/// Run a command with ROOTFS as its root directory, and with process numbers,
/// a host name, shared memory and message queues of its own. It is still
/// root, and has the mounts and the network of the host.
#[derive(Debug, clap::Parser)]
#[command(name = "05-ipc", version)]
struct Options {
    #[command(flatten)]
    environment: chroot::EnvironmentOptions,
    #[command(flatten)]
    init: pid::InitOptions,
    #[command(flatten)]
    names: uts::NameOptions,
    #[command(flatten)]
    sysctls: ipc::SysctlOptions,
    /// The directory that becomes the command's `/`
    rootfs: PathBuf,
    #[command(flatten)]
    command: process::Command,
}

const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWPID
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWIPC);

/// What is mounted for the command, and is to go with it.
const MOUNTS: &[&str] = &["/dev/mqueue", "/proc"];

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

/// In the new process: set the limits of shared memory, become the command.
fn child(
    options: &Options,
    gate: &pid::Gate,
    parent: pid::Parent,
) -> Result<Infallible> {
    let environment = options.environment.environment(Path::new("/root"));

    pid::die_with(parent)?; // before it waits, perhaps for the dead
    gate.wait()?; // from here on what is mounted will be unmounted
    uts::set_names(&options.names)?;
    ipc::set_sysctls(&options.sysctls)?; // while the host's /proc is in reach
    chroot::enter(&options.rootfs)?;
    let lock = pid::RootLock::take()?; // others may have this root too
    ipc::mount_mqueue(&lock)?; // the one in the new root
    pid::mount_proc(&lock)?; // last: it tells a sweeper whose they are
    drop(lock);

    pid::run(&options.init, || process::exec(&options.command, &environment))
}
