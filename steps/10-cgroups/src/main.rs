//! `10-cgroups ROOTFS COMMAND`: a program with a share of the machine, and no
//! more.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use net::Network;
use nix::sched::CloneFlags;
use process::Result;

/// Run a command with ROOTFS as its root directory, in a group of its own that
/// limits and counts what it takes of the machine: CPU time, memory, disks,
/// devices, processes. It is root as far as the container goes, and reaches
/// nobody, unless --network or --vni say otherwise.
#[derive(Debug, clap::Parser)]
#[command(name = "10-cgroups", version)]
#[command(mut_arg("vni", |vni| vni.required(false)))] // Few have tenants.
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
    vxlan: Option<vxlan::VxlanOptions>,
    #[command(flatten)]
    group: cgroups::GroupOptions,
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

/// Outside: make the group, start the command in it, say who is who, plug its
/// cables in, hand over what it can't find, open the gate, wait, say whether
/// memory was the reason, exit as it did.
fn run(options: &Options) -> Result<u8> {
    let Options { rootfs, vxlan, .. } = options;
    let ids = options.ids.choose()?;
    let network = options.net.choose_or(Network::None)?;
    vxlan.iter().try_for_each(|vxlan| vxlan.check(&network))?;
    network.join()?; // if it is there already
    let mounts = options.net.mounts(&network, &options.mounts)?;
    let mounts = &options.group.mounts(mounts);

    let group = cgroups::Group::create(&options.group)?;
    let gate = user::Gate::new()?;
    let namespaces = NAMESPACES | network.namespaces();
    let born_in = group.to_be_born_in();
    let child = user::spawn_into(born_in, namespaces, |parent| {
        group.enter()?; // from here on, all that it takes is counted
        child(options, &network, mounts, &gate, parent)
    })?;
    ids.write(&child)?; // from here on there is a root inside
    group.delegate(&options.group, ids.root())?;
    let name = options.names.hostname();
    let connection = network.connect(&options.net, &child, name)?;
    let make = |vxlan| vxlan::Connection::make(vxlan, child.pidfd());
    let tenant = vxlan.as_ref().map(make).transpose()?;
    cgroups::shape(&options.group, &network, child.pidfd())?; // both cables
    let sources = user::sources(rootfs, mounts, &options.ids, &ids, &child)?;
    gate.open(sources.as_ref())?;
    let code = child.wait();
    drop((connection, tenant)); // until here their rules held
    group.report_out_of_memory()?;
    group.remove()?;
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
    let trees = cgroups::unshare()?; // its group: the top of what it sees
    uts::set_names(&options.names)?;
    ipc::set_sysctls(&options.sysctls)?; // while /proc/sys can be written
    let sources = user::received(handed, rootfs, mounts)?;
    mount::enter(sources, mounts)?;
    cgroups::mount_groups(&options.group, &trees)?; // in the /sys that is new

    pid::run(&options.init, || process::exec(&options.command, &environment))
}
