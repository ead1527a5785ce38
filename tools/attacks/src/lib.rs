//! Harmless attacks that prove what a step isolates.
//!
//! An attack is real: it makes the very calls that have led out of
//! containers. What it reaches is a *canary*, planted for it: a file, a
//! process, a piece of memory that nobody misses. Without a canary it
//! refuses to run.
//!
//! It has two halves. The inside half is the sandbox's command, and says what
//! it could do. The outside half plants the canaries and is the *witness*: it
//! says what happened to the host. An attack that is a race has an accomplice
//! outside as well, [`exchange`].

mod against;
mod callers;
mod canary;
mod devices;
mod directory;
mod exchange;
mod groups;
mod handles;
mod host;
mod ipc;
mod keeper;
mod kernel;
mod loop_device;
mod mounts;
mod neighbour;
mod network;
mod outcome;
mod packet;
mod paths;
mod proc;
mod processes;
mod service;
mod shares;
mod signals;
mod spec;
mod users;
mod volume;

use process::Result;
use serde::Serialize;

pub use against::{AgainstOptions, against};
pub use canary::{Canary, PlantOptions, Sighting, plant};
pub use exchange::{ExchangeOptions, exchange};
pub use neighbour::{NeighbourOptions, neighbour};
pub use outcome::{
    Claim, Finding, Format, Outcome, Report, UNTRIED, json, print, table,
};
pub use signals::HeldSignals;
pub use spec::{Spec, USAGE};
pub use users::is_helper;

/// An attack, and how to believe it.
#[derive(Debug, Serialize)]
pub struct Attack {
    /// Its name on the command line and in tables.
    pub name: &'static str,
    /// What it tries, in one sentence.
    pub about: &'static str,
    /// What counts as an escape.
    #[serde(skip)]
    pub proof: Proof,
    /// Whose traffic it is after: another sandbox, started for it.
    #[serde(skip)]
    neighbour: Option<neighbour::Tenant>,
    /// The inside half. A call that fails is what contained it.
    #[serde(skip)]
    run: fn(&Spec) -> Result<Finding>,
}

/// What `attacks against` takes as proof of an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The evidence shows the secret, which nobody told the attack.
    Secret,
    /// The attack compared what it found with what SPEC says, or with what
    /// only the kernel can show.
    Comparison,
    /// The witness saw it happen to the host.
    Witness,
}

/// Every attack. A new one is a function and a row.
#[rustfmt::skip] // Or each row would be six lines.
pub const ATTACKS: &[Attack] = {
    use Proof::{Comparison, Secret, Witness};
    use neighbour::Tenant;
    &[
        attack("read-host-file", Secret, paths::read_host_file,
            "read a file of the host by its path"),
        attack("chroot-breakout", Secret, paths::chroot_breakout,
            "move the root directory below the working directory, walk up"),
        attack("inherited-fd", Secret, paths::inherited_fd,
            "climb out through a directory that the caller left open"),
        attack("proc-root", Secret, proc::proc_root,
            "follow /proc/1/root to the root directory of process 1"),
        attack("proc-cwd", Secret, proc::proc_cwd,
            "follow /proc/PID/cwd into a directory of the host"),
        attack("core-pattern", Comparison, kernel::core_pattern,
            "open for writing what the kernel runs after a crash"),
        attack("sysrq-trigger", Comparison, kernel::sysrq_trigger,
            "open for writing what takes orders to restart the machine"),
        attack("kernel-memory", Comparison, kernel::kernel_memory,
            "read the memory of the kernel"),
        attack("unmask", Comparison, kernel::unmask,
            "mount /proc anew, without what hides parts of it"),
        attack("open-by-handle", Secret, handles::open_by_handle,
            "open a file of the host by its inode, without a path"),
        attack("mknod-disk", Secret, devices::mknod_disk,
            "make a device node of a disk of the host and read it"),
        attack("device-node", Secret, devices::device_node,
            "read a disk of the host by a node in the root file system"),
        attack("set-uid", Comparison, users::set_uid,
            "become root by a set-user-ID program"),
        attack("write-volume", Witness, volume::write_volume,
            "write to a file of root's that host and sandbox share"),
        attack("plant-set-uid", Witness, volume::plant_set_uid,
            "leave a set-user-ID program of root's for the host's users"),
        attack("kept-group", Secret, volume::kept_group,
            "read a file of root's by a group that the caller is in"),
        attack("host-uid", Witness, callers::host_uid,
            "be user 0 to a service of the host that asks who calls"),
        attack("take-descriptor", Secret, callers::take_descriptor,
            "take an open file of a host process that has the same user"),
        attack("list-processes", Comparison, processes::list,
            "learn that a process of the host exists"),
        attack("signal-process", Witness, processes::signal,
            "send a signal to a process of the host"),
        attack("ptrace-process", Secret, processes::ptrace,
            "read the memory of a process of the host"),
        attack("rename-host", Witness, host::rename,
            "change the name of the host"),
        attack("shared-memory", Secret, ipc::shared_memory,
            "attach a shared memory segment of the host"),
        attack("leave-mount", Witness, mounts::leave_mount,
            "leave a mount behind in the mount table of the host"),
        attack("abstract-socket", Secret, network::abstract_socket,
            "connect to an abstract Unix socket of the host"),
        attack("host-loopback", Secret, network::host_loopback,
            "connect to a service that listens on the host's loopback alone"),
        attack("sniff-traffic", Secret, network::sniff_traffic,
            "read what is sent on the interfaces of the host"),
        attack("hijack-port", Secret, network::hijack_port,
            "take datagrams that arrive on a port of the host"),
        attack("forged-source", Witness, network::forged_source,
            "send the host a packet with the source address of another"),
        attack("fork-bomb", Comparison, shares::fork_bomb,
            "start more processes than one program needs"),
        attack("memory-hog", Comparison, shares::memory_hog,
            "take more memory than one program needs"),
        attack("cpu-hog", Comparison, shares::cpu_hog,
            "run on every CPU of the machine"),
        attack("disk-hog", Comparison, shares::disk_hog,
            "read a disk as fast as it can"),
        attack("release-agent", Comparison, groups::release_agent,
            "open for writing what the kernel runs when a group is empty"),
        attack("leave-group", Comparison, groups::leave_group,
            "move to a group of the host, and leave the limits behind"),
        Attack { neighbour: Some(Tenant::Same),
            ..attack("arp-spoof", Secret, neighbour::arp_spoof,
            "claim an address by ARP, and take what a neighbour sends it") },
        Attack { neighbour: Some(Tenant::Other),
            ..attack("other-tenant", Secret, neighbour::other_tenant,
            "hear what a container of another tenant tells its own") },
    ]
};

const fn attack(
    name: &'static str,
    proof: Proof,
    run: fn(&Spec) -> Result<Finding>,
    about: &'static str,
) -> Attack {
    Attack { name, about, proof, neighbour: None, run }
}

/// The attack of this name.
pub fn find(name: &str) -> std::result::Result<&'static Attack, String> {
    ATTACKS
        .iter()
        .find(|attack| attack.name == name)
        .ok_or_else(|| "no such attack: see `attacks list`".into())
}

/// Runs the inside half of an attack, here and now.
pub fn run(attack: &Attack, canary: &Spec) -> Result<Claim> {
    let id = canary.get("id")?;
    let finding = match (attack.run)(canary) {
        Ok(finding) => finding,
        Err(error) if error.exit_code() == UNTRIED => {
            (Outcome::Untried, error.to_string())
        }
        Err(error) if error.errno().is_some() => {
            (Outcome::Contained, error.to_string())
        }
        // Neither the kernel nor the planter stopped it: it is we who failed.
        Err(error) => return Err(error),
    };
    Ok(Claim { id, report: Report::new(attack.name, finding) })
}
