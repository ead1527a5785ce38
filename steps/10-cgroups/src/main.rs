//! `10-cgroups ROOTFS COMMAND`: a program with a share of the machine, and no
//! more.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sched::CloneFlags;
use process::Result;

/// Run a command with ROOTFS as its root directory, in a group of its own that
/// limits and counts what it takes of the machine: CPU time, memory, disks,
/// devices, processes. It is still root, and has the network of the host.
#[derive(Debug, clap::Parser)]
#[command(name = "10-cgroups", version)]
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
    #[command(flatten)]
    group: cgroups::GroupOptions,
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

/// Outside: make the group, start the command in it, wait for it, say whether
/// memory was the reason, remove the group, exit as the command did.
fn run(options: &Options) -> Result<u8> {
    let group = cgroups::Group::create(&options.group)?;
    let gate = pid::Gate::new()?;
    let child = pid::spawn_into(group.to_be_born_in(), NAMESPACES, |parent| {
        child(options, &gate, parent)
    })?;
    group.adopt(child.pid())?;
    gate.open()?;
    let code = child.wait()?;
    group.report_out_of_memory()?;
    group.remove()?;
    Ok(code)
}

/// In the new process: leave the host's files behind, become the command.
fn child(
    options: &Options,
    gate: &pid::Gate,
    parent: pid::Parent,
) -> Result<Infallible> {
    let environment = options.environment.environment(Path::new("/root"));
    let Options { rootfs, mounts, .. } = options;

    pid::die_with(parent)?; // before it waits, perhaps for the dead
    gate.wait()?; // from here on, all that it takes is counted
    jail::close_inherited_files()?; // or `mount::enter` would be in vain
    cgroups::unshare()?; // in its group, which becomes the top of what it sees
    uts::set_names(&options.names)?;
    ipc::set_sysctls(&options.sysctls)?; // while /proc/sys can be written
    let sources = mount::Sources::open(rootfs, mounts)?; // by the host's paths
    mount::enter(sources, mounts)?;
    cgroups::mount_and_make_devices(&options.group)?; // in the new /sys, /dev

    pid::run(&options.init, || process::exec(&options.command, &environment))
}
