//! `09-vxlan --vni N ROOTFS COMMAND`: a program in a network across hosts.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use net::Network;
use nix::sched::CloneFlags;
use process::Result;

/// Run a command with ROOTFS as its root directory, in the network of a tenant
/// that spans hosts, and with mounts, devices, process numbers, a host name,
/// shared memory and message queues of its own. It reaches nobody but the
/// tenant's, unless --network says otherwise.
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
    net: net::NetOptions,
    #[command(flatten)]
    vxlan: vxlan::VxlanOptions,
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

/// Outside: start the command, plug its cables in, open the gate, wait, unplug,
/// exit as it did.
fn run(options: &Options) -> Result<u8> {
    let network = options.net.choose_or(Network::None)?;
    options.vxlan.check(&network)?;
    let mounts = options.net.mounts(&network, &options.mounts)?;
    let gate = pid::Gate::new()?;
    network.join()?; // a network that is there already
    let namespaces = NAMESPACES | network.namespaces();
    let child = pid::spawn(namespaces, |parent| {
        child(options, &network, &mounts, &gate, parent)
    })?;
    let connection = match network {
        Network::Bridge => {
            let name = options.names.hostname();
            let options = &options.net;
            Some(net::Connection::make(options, child.pidfd(), name)?)
        }
        _ => None,
    };
    let tenant = vxlan::Connection::make(&options.vxlan, child.pidfd())?;
    gate.open()?;
    let code = child.wait();
    drop((connection, tenant)); // until here their rules held
    code
}

/// In the new process: leave the host's files behind, become the command.
fn child(
    options: &Options,
    network: &Network,
    mounts: &mount::MountOptions,
    gate: &pid::Gate,
    parent: pid::Parent,
) -> Result<Infallible> {
    let environment = options.environment.environment(Path::new("/root"));

    pid::die_with(parent)?; // before it waits, perhaps for the dead
    gate.wait()?; // outside: the cable is plugged in
    if *network == Network::None {
        net::up_loopback()?;
    }
    jail::close_inherited_files()?; // or `mount::enter` would be in vain
    uts::set_names(&options.names)?;
    ipc::set_sysctls(&options.sysctls)?; // while /proc/sys can be written
    mount::enter(&options.rootfs, mounts)?;

    pid::run(&options.init, || process::exec(&options.command, &environment))
}
