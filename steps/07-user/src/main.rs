//! `07-user ROOTFS COMMAND`: a program that is root inside, and nobody
//! outside.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::sched::CloneFlags;
use process::Result;

/// Run a command with ROOTFS as its root directory, as a root whose power ends
/// at the container, and with mounts, devices, process numbers, a host name,
/// shared memory and message queues of its own. It needs no root, and has the
/// network of the host.
#[derive(Debug, clap::Parser)]
#[command(name = "07-user", version)]
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
    ids: user::IdOptions,
    /// The directory that becomes the command's `/`
    rootfs: PathBuf,
    #[command(flatten)]
    command: process::Command,
}

/// And a user namespace, to which these belong.
const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWPID
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWIPC)
    .union(CloneFlags::CLONE_NEWNS);

fn main() -> ExitCode {
    process::main(run)
}

/// Outside: start the command, say who is who, hand over what it can't find,
/// open the gate, wait, exit as it did.
fn run(options: &Options) -> Result<u8> {
    let Options { rootfs, mounts, .. } = options;
    let ids = options.ids.choose()?;
    let gate = user::Gate::new()?;
    let child =
        user::spawn(NAMESPACES, |parent| child(options, &gate, parent))?;
    ids.write(&child)?; // from here on there is a root inside
    let sources = user::sources(rootfs, mounts, &options.ids, &ids, &child)?;
    gate.open(sources.as_ref())?;
    child.wait()
}

/// In the new process: become root, leave the host's files behind, become the
/// command.
fn child(
    options: &Options,
    gate: &user::Gate,
    parent: pid::Parent,
) -> Result<Infallible> {
    let Options { rootfs, mounts, .. } = options;
    let environment = options.environment.environment(Path::new("/root"));

    let handed = gate.wait(&parent)?; // outside: ids mapped, files handed
    user::become_root()?; // or nothing below would belong to anybody
    pid::die_with(parent)?; // the change of user would undo it
    jail::close_inherited_files()?; // or `mount::enter` would be in vain
    uts::set_names(&options.names)?;
    ipc::set_sysctls(&options.sysctls)?; // while /proc/sys can be written
    let sources = user::received(handed, rootfs, mounts)?;
    mount::enter(sources, mounts)?;

    pid::run(&options.init, || process::exec(&options.command, &environment))
}
