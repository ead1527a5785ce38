//! Version 2: one tree, and the files of
//! <https://docs.kernel.org/admin-guide/cgroup-v2.html>.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use process::{Call, Hint, Result};

use crate::limit::{Io, Limit, Setting, setting};
use crate::write::write;

/// Microseconds in which `--cpus` is counted.
const PERIOD: f64 = 100_000.0;

/// Which file says so, if there is one.
pub(crate) fn file(limit: &Limit) -> Option<Setting> {
    match limit {
        Limit::Cpus(cpus) => {
            let quota = (cpus * PERIOD).round();
            setting("cpu", "cpu.max", format!("{quota} {PERIOD}"))
        }
        Limit::CpuWeight(weight) => setting("cpu", "cpu.weight", weight),
        Limit::CpusetCpus(list) => setting("cpuset", "cpuset.cpus", list),
        Limit::CpusetMems(list) => setting("cpuset", "cpuset.mems", list),
        Limit::Memory(bytes) => setting("memory", "memory.max", bytes),
        Limit::MemorySwap { both: -1, .. } => {
            setting("memory", "memory.swap.max", "max")
        }
        Limit::MemorySwap { both, memory } => {
            setting("memory", "memory.swap.max", both - memory)
        }
        Limit::MemoryHigh(bytes) => setting("memory", "memory.high", bytes),
        Limit::OomGroup => setting("memory", "memory.oom.group", 1),
        Limit::Pids(-1) => setting("pids", "pids.max", "max"),
        Limit::Pids(count) => setting("pids", "pids.max", count),
        Limit::Io { device, what, rate } => {
            let key = match what {
                Io::ReadBytes => "rbps",
                Io::WriteBytes => "wbps",
                Io::ReadOperations => "riops",
                Io::WriteOperations => "wiops",
            };
            setting("io", "io.max", format!("{device} {key}={rate}"))
        }
        // A packet has the number of its socket's group, by which nftables
        // (`socket cgroupv2`) and BPF programs sort it: see `priority`.
        Limit::NetClass(_) | Limit::NetPriority(..) => None,
    }
}

/// The controllers of this kit, and what is missing of them.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

/// Hands the controllers of a group on to its children.
///
/// The kernel refuses while processes are in the group itself, unless it is
/// the highest: they would compete with its children ("no internal
/// processes").
pub(crate) fn hand_on(group: &Path) -> Result<()> {
    let file = group.join("cgroup.controllers");
    let has = fs::read_to_string(&file)
        .call(format_args!("read({file:?})"))
        .hint(Errno::ENOENT, "--cgroup-parent names a group that is there")?;
    let file = group.join("cgroup.subtree_control");
    let is = fs::read_to_string(&file).call(format_args!("read({file:?})"))?;
    let among = |list: &str, name| list.split_whitespace().any(|w| w == name);
    let missing: Vec<_> = CONTROLLERS
        .iter()
        .filter(|name| among(&has, **name) && !among(&is, **name))
        .map(|name| format!("+{name}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    write(group, "cgroup.subtree_control", &missing.join(" ")).hint(
        Errno::EBUSY,
        "processes are in this group, and so it can't have children with \
         controllers (\"no internal processes\"): move them to a group below \
         it, or name another one: --cgroup-parent",
    )
}
