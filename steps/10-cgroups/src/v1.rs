//! Version 1: a tree for each controller, and the files of
//! <https://docs.kernel.org/admin-guide/cgroup-v1/>.

use std::fs;
use std::path::Path;

use process::{Call, Result};

use crate::limit::{Io, Limit, Setting, setting};
use crate::write::write;

/// Microseconds in which `--cpus` is counted: what cpu.cfs_period_us has if
/// nobody writes to it.
const PERIOD: f64 = 100_000.0;

/// Which file says so, if there is one.
pub(crate) fn file(limit: &Limit) -> Option<Setting> {
    match limit {
        Limit::Cpus(cpus) => {
            let quota = (cpus * PERIOD).round();
            setting("cpu", "cpu.cfs_quota_us", quota)
        }
        // What is 100 there is 1024 here, and 2 is the least.
        Limit::CpuWeight(weight) => {
            let shares = (weight * 1024 / 100).max(2);
            setting("cpu", "cpu.shares", shares)
        }
        Limit::CpusetCpus(list) => setting("cpuset", "cpuset.cpus", list),
        Limit::CpusetMems(list) => setting("cpuset", "cpuset.mems", list),
        Limit::Memory(bytes) => {
            setting("memory", "memory.limit_in_bytes", bytes)
        }
        Limit::MemorySwap { both, .. } => {
            setting("memory", "memory.memsw.limit_in_bytes", both)
        }
        Limit::Pids(-1) => setting("pids", "pids.max", "max"),
        Limit::Pids(count) => setting("pids", "pids.max", count),
        Limit::Io { device, what, rate } => {
            let file = match what {
                Io::ReadBytes => "blkio.throttle.read_bps_device",
                Io::WriteBytes => "blkio.throttle.write_bps_device",
                Io::ReadOperations => "blkio.throttle.read_iops_device",
                Io::WriteOperations => "blkio.throttle.write_iops_device",
            };
            setting("blkio", file, format!("{device} {rate}"))
        }
        Limit::NetClass(class) => setting("net_cls", "net_cls.classid", class),
        Limit::NetPriority(interface, priority) => {
            let value = format!("{interface} {priority}");
            setting("net_prio", "net_prio.ifpriomap", value)
        }
        // The kernel has never learnt it here.
        Limit::MemoryHigh(_) | Limit::OomGroup => None,
    }
}

/// Whether the limits of a group hold for the groups below it. Those of
/// blkio don't: "the broken flat hierarchy behavior is retained"
/// (block/blk-throttle.c).
pub(crate) fn is_inherited(controller: &str) -> bool {
    controller != "blkio"
}

/// A new group of this controller has no CPU and no memory, and takes no
/// process, until it is given some: cpuset(7). It gets those of its parent.
pub(crate) fn fill_cpuset(parent: &Path, group: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let path = parent.join(file);
        let has =
            fs::read_to_string(&path).call(format_args!("read({path:?})"))?;
        write(group, file, has.trim())?;
    }
    Ok(())
}
