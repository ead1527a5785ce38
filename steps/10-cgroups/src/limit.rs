//! What can be limited, whichever version has the controller.

use std::fs;
use std::path::Path;

use nix::sys::stat::{SFlag, major, minor, stat};
use process::{Call, Error, Hint, Result};

use nix::errno::Errno;

/// One limit, as it was asked for. Numbers may be negative, which is refused
/// where the name of the file is known that they would go to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Limit {
    /// CPUs' worth of time.
    Cpus(f64),
    /// Share of the CPU time when others want it too; 100 is everybody's.
    CpuWeight(i64),
    /// `0-3,8`: cpuset(7), "List format".
    CpusetCpus(String),
    /// Nodes of memory, likewise.
    CpusetMems(String),
    /// Bytes, over which the kernel kills.
    Memory(i64),
    /// Bytes of memory and swap together, and of memory.
    MemorySwap { both: i64, memory: i64 },
    /// Bytes, over which the kernel slows down.
    MemoryHigh(i64),
    /// Whether it kills all of the group, and not only the largest process.
    OomGroup,
    /// Processes and threads.
    Pids(i64),
    /// How much of a block device.
    Io { device: Device, what: Io, rate: i64 },
    /// The class that `tc` knows the group's packets by.
    NetClass(u32),
    /// Interface and priority.
    NetPriority(String, u32),
}

/// In a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Io {
    ReadBytes,
    WriteBytes,
    ReadOperations,
    WriteOperations,
}

/// A block device, by its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Device(pub(crate) u64, pub(crate) u64);

impl Device {
    /// The device that has this node on the host.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let found = stat(path)
            .call(format_args!("stat({path:?})"))
            .hint(Errno::ENOENT, "there is no such device: see lsblk(8)")?;
        let kind = SFlag::from_bits_truncate(found.st_mode);
        match kind.contains(SFlag::S_IFBLK) {
            true => Ok(Self(major(found.st_rdev), minor(found.st_rdev))),
            false => Err(Error::new(format_args!(
                "{path:?} is no block device, and only those have limits"
            ))
            .with_hint("lsblk(8) lists them")),
        }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

/// What goes where: the tables of `v1` and `v2` give these.
#[derive(Debug, PartialEq)]
pub(crate) struct Setting {
    pub(crate) controller: &'static str,
    pub(crate) file: &'static str,
    pub(crate) value: String,
}

/// A setting, by its parts.
pub(crate) fn setting(
    controller: &'static str,
    file: &'static str,
    value: impl ToString,
) -> Option<Setting> {
    Some(Setting { controller, file, value: value.to_string() })
}

impl Limit {
    /// What the kernel would take, and could not mean what was asked for.
    pub(crate) fn check(&self, setting: &Setting) -> Result<()> {
        let refuse = |cause: String, hint: &str| {
            let Setting { controller, file, .. } = setting;
            let value = self.value();
            let what = format!("{controller}: {file}: {value}: {cause}");
            Err(Error::new(what).with_hint(hint))
        };
        match *self {
            Self::Cpus(cpus) if cpus < 0.01 => {
                refuse("too little to run at all".into(), "from 0.01 CPUs on")
            }
            Self::Cpus(cpus) if cpus > processors()? => refuse(
                format!("this machine has {} CPUs", processors()?),
                "without --cpus there is no limit",
            ),
            Self::CpuWeight(weight) if !(1..=10_000).contains(&weight) => {
                refuse("out of range".into(), "from 1 to 10000; 100 is usual")
            }
            Self::Memory(bytes) | Self::MemoryHigh(bytes)
                if bytes > total_memory()? =>
            {
                let total = total_memory()?;
                refuse(
                    format!("this machine has {total} bytes"),
                    "a limit above that would limit nothing",
                )
            }
            Self::MemorySwap { both, memory }
                if both != -1 && both < memory =>
            {
                refuse(
                    format!("memory alone may be {memory}"),
                    "--memory-swap is memory and swap together",
                )
            }
            Self::MemorySwap { both: -1, .. } | Self::Pids(-1) => Ok(()),
            _ if self.is_negative() => refuse(
                "a limit can't be negative".into(),
                "-1, for no limit, is known to --memory-swap and --pids-limit",
            ),
            _ => Ok(()),
        }
    }

    fn is_negative(&self) -> bool {
        match *self {
            Self::Memory(n) | Self::MemoryHigh(n) | Self::Pids(n) => n < 0,
            Self::MemorySwap { both, .. } => both < 0,
            Self::Io { rate, .. } => rate < 0,
            _ => false,
        }
    }

    /// As it was asked for.
    fn value(&self) -> String {
        match self {
            Self::Cpus(n) => n.to_string(),
            Self::CpusetCpus(list) | Self::CpusetMems(list) => list.clone(),
            Self::OomGroup => "1".into(),
            Self::NetClass(class) => class.to_string(),
            Self::NetPriority(interface, n) => format!("{interface} {n}"),
            Self::Io { device, rate, .. } => format!("{device} {rate}"),
            Self::MemorySwap { both: n, .. }
            | Self::CpuWeight(n)
            | Self::Memory(n)
            | Self::MemoryHigh(n)
            | Self::Pids(n) => n.to_string(),
        }
    }

    /// The option that asked for it.
    pub(crate) fn option(&self) -> &'static str {
        match self {
            Self::Cpus(_) => "--cpus",
            Self::CpuWeight(_) => "--cpu-weight",
            Self::CpusetCpus(_) => "--cpuset-cpus",
            Self::CpusetMems(_) => "--cpuset-mems",
            Self::Memory(_) => "--memory",
            Self::MemorySwap { .. } => "--memory-swap",
            Self::MemoryHigh(_) => "--memory-high",
            Self::OomGroup => "--oom-group",
            Self::Pids(_) => "--pids-limit",
            Self::Io { what: Io::ReadBytes, .. } => "--device-read-bps",
            Self::Io { what: Io::WriteBytes, .. } => "--device-write-bps",
            Self::Io { what: Io::ReadOperations, .. } => "--device-read-iops",
            Self::Io { what: Io::WriteOperations, .. } => "--device-write-iops",
            Self::NetClass(_) => "--net-class",
            Self::NetPriority(..) => "--net-priority",
        }
    }
}

/// How many CPUs there are, whoever may use them.
fn processors() -> Result<f64> {
    let file = "/sys/devices/system/cpu/online";
    let list = fs::read_to_string(file).call(format_args!("read({file:?})"))?;
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(last.parse::<u32>().ok()? - first.parse::<u32>().ok()? + 1)
    };
    Ok(list.trim().split(',').filter_map(count).sum::<u32>().into())
}

/// In bytes.
fn total_memory() -> Result<i64> {
    let file = "/proc/meminfo";
    let text = fs::read_to_string(file).call(format_args!("read({file:?})"))?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kilobytes = total.and_then(|t| t.split_whitespace().next());
    match kilobytes.and_then(|number| number.parse::<i64>().ok()) {
        Some(kilobytes) => Ok(kilobytes * 1024),
        None => Err(Error::new("/proc/meminfo has no MemTotal")),
    }
}
