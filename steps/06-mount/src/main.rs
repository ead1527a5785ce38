//! `06-mount ROOTFS COMMAND`: a program with files, devices and a mount table
//! of its own.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sched::CloneFlags;
use process::Result;

/// Run a command with ROOTFS as its root directory, and with mounts, devices,
/// process numbers, a host name, shared memory and message queues of its own.
/// It is still root, and has the network of the host.
#[derive(Debug, clap::Parser)]
#[command(name = "06-mount", version)]
struct Options {
    #[command(flatten)]
    environment: chroot::EnvironmentOptions,
    #[command(flatten)]
    init: pid::InitOptions,
    #[command(flatten)]
    names: uts::NameOptions,
    #[command(flatten)]
    sysctls: ipc::SysctlOptions,
    #[command(flatten)]
    mounts: mount::MountOptions,
    /// The directory that becomes the command's `/`
    rootfs: PathBuf,
    #[command(flatten)]
    command: process::Command,
}

const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWPID
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWIPC)
    .union(CloneFlags::CLONE_NEWNS);

fn main() -> ExitCode {
    process::main(run)
}

/// Outside: start the command, wait for it, exit as it did.
fn run(options: &Options) -> Result<u8> {
    pid::spawn(NAMESPACES, |parent| child(options, parent))?.wait()
}

/// In the new process: leave the host's files behind, become the command.
fn child(options: &Options, parent: pid::Parent) -> Result<Infallible> {
    let environment = options.environment.environment(Path::new("/root"));
    let Options { rootfs, mounts, .. } = options;

    pid::die_with(parent)?;
    jail::close_inherited_files()?; // or `mount::enter` would be in vain
    uts::set_names(&options.names)?;
    ipc::set_sysctls(&options.sysctls)?; // while /proc/sys can be written
    let sources = mount::Sources::open(rootfs, mounts)?; // by the host's paths
    mount::enter(sources, mounts)?;

    pid::run(&options.init, || process::exec(&options.command, &environment))
}
