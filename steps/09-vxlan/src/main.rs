//! `09-vxlan --vni N ROOTFS COMMAND`: a program in a network across hosts.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use net::Network;
use nix::sched::CloneFlags;
use process::Result;

/// Run a command with ROOTFS as its root directory, as a root whose power ends
/// at the container, in the network of a tenant that spans hosts, and with
/// mounts, devices, process numbers, a host name, shared memory and message
/// queues of its own. It reaches nobody but the tenant's, unless --network says
/// otherwise.
#[derive(Debug, clap::Parser)]
#[command(name = "09-vxlan", version)]
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
    #[command(flatten)]
    net: net::NetOptions,
    #[command(flatten)]
    vxlan: vxlan::VxlanOptions,
    /// The directory that becomes the command's `/`
    rootfs: PathBuf,
    #[command(flatten)]
    command: process::Command,
}

/// And a user namespace, to which these belong, and most often a network
/// namespace.
const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWPID
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWIPC)
    .union(CloneFlags::CLONE_NEWNS);

fn main() -> ExitCode {
    process::main(run)
}

/// Outside: start the command, say who is who, plug its cables in, hand
/// over what it can't find, open the gate, wait, exit as it did.
fn run(options: &Options) -> Result<u8> {
    let Options { rootfs, .. } = options;
    let ids = options.ids.choose()?;
    let network = options.net.choose_or(Network::None)?;
    options.vxlan.check(&network)?;
    network.join()?; // if it is there already
    let mounts = &options.net.mounts(&network, &options.mounts)?;

    let gate = user::Gate::new()?;
    let namespaces = NAMESPACES | network.namespaces();
    let child = user::spawn(namespaces, |parent| {
        child(options, &network, mounts, &gate, parent)
    })?;
    ids.write(&child)?; // from here on there is a root inside
    let name = options.names.hostname();
    let connection = network.connect(&options.net, &child, name)?;
    let tenant = vxlan::Connection::make(&options.vxlan, child.pidfd())?;
    let sources = user::sources(rootfs, mounts, &options.ids, &ids, &child)?;
    gate.open(sources.as_ref())?;
    let code = child.wait();
    drop((connection, tenant)); // until here their rules held
    code
}

/// In the new process: become root, leave the host's files behind, become the
/// command.
fn child(
    options: &Options,
    network: &Network,
    mounts: &mount::MountOptions,
    gate: &user::Gate,
    parent: pid::Parent,
) -> Result<Infallible> {
    let Options { rootfs, .. } = options;
    let environment = options.environment.environment(Path::new("/root"));

    // Outside: ids mapped, the cable plugged in, files handed.
    let handed = gate.wait(&parent)?;
    user::become_root()?; // or nothing below would belong to anybody
    pid::die_with(parent)?; // the change of user would undo it
    network.bring_up()?; // it takes that root
    jail::close_inherited_files()?; // or `mount::enter` would be in vain
    uts::set_names(&options.names)?;
    ipc::set_sysctls(&options.sysctls)?; // while /proc/sys can be written
    let sources = user::received(handed, rootfs, mounts)?;
    mount::enter(sources, mounts)?;

    pid::run(&options.init, || process::exec(&options.command, &environment))
}
