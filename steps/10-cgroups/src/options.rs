//! The share, as the caller asks for it: by docker's names, where it has them.

use std::path::PathBuf;

use mount::MountOptions;
use process::Result;

use crate::devices::{Allowed, parse_device};
use crate::limit::{Device, Io, Limit};

/// What a container gets of the machine. Without a limit it is all that there
/// is, but for devices.
#[derive(Debug, clap::Args)]
pub struct GroupOptions {
    /// CPU time, in CPUs: 0.5 is half of one
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    cpus: Option<f64>,
    /// Share of the CPU time when others want it too, from 1 to 10000; 100 is
    /// everybody's
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    cpu_weight: Option<i64>,
    /// The CPUs to run on, such as `0-2,5`
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// The memory nodes to take memory from
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Memory, such as `64m`: over that, processes are killed
    #[arg(short = 'm', long, value_name = "BYTES", value_parser = parse_size,
          allow_hyphen_values = true)]
    memory: Option<i64>,
    /// Memory and swap together; -1 for any
    #[arg(long, value_name = "BYTES", value_parser = parse_size,
          allow_hyphen_values = true, requires = "memory")]
    memory_swap: Option<i64>,
    /// Memory: over that, it is slowed down (version 2)
    #[arg(long, value_name = "BYTES", value_parser = parse_size,
          allow_hyphen_values = true)]
    memory_high: Option<i64>,
    /// When memory runs out, kill all of the container, and not only its
    /// largest process (version 2)
    #[arg(long)]
    oom_group: bool,
    /// Processes and threads; -1 for any number
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pids_limit: Option<i64>,
    /// Bytes a second read from a block device, such as `/dev/sda:1m`
    #[arg(long, value_name = "DEVICE:BYTES", value_parser = parse_rate)]
    device_read_bps: Vec<(PathBuf, i64)>,
    /// Bytes a second written to it
    #[arg(long, value_name = "DEVICE:BYTES", value_parser = parse_rate)]
    device_write_bps: Vec<(PathBuf, i64)>,
    /// Operations a second by which it is read
    #[arg(long, value_name = "DEVICE:N", value_parser = parse_rate)]
    device_read_iops: Vec<(PathBuf, i64)>,
    /// Operations a second by which it is written
    #[arg(long, value_name = "DEVICE:N", value_parser = parse_rate)]
    device_write_iops: Vec<(PathBuf, i64)>,
    /// A device of the host that may be used, and what may be done with it:
    /// read, write, mknod. The node is the host's, and keeps its owner and mode
    #[arg(long = "device", value_name = "HOST[:INSIDE][:rwm]",
          value_parser = parse_device)]
    pub(crate) devices: Vec<Allowed>,
    /// The class of its packets, for tc(8) and nft(8) (version 1). Takes
    /// --network host
    #[arg(long, value_name = "MAJOR:MINOR", value_parser = parse_class)]
    net_class: Option<u32>,
    /// The priority of its packets on an interface, or their class there: of
    /// 1:10 it is 0x10010. Takes --network host
    #[arg(long, value_name = "INTERFACE:N", value_parser = parse_priority)]
    net_priority: Vec<(String, u32)>,
    /// Bytes a second that it may send, and as many that it may receive, such
    /// as `1m`
    #[arg(long, value_name = "BYTES", value_parser = parse_net_rate)]
    pub(crate) net_rate: Option<u64>,
    /// The group to make the container's group in, as a path in each
    /// hierarchy; otherwise it is the caller's, or systemd is asked for one
    #[arg(long, value_name = "PATH")]
    pub(crate) cgroup_parent: Option<PathBuf>,
    /// Whether there is a group at all
    #[arg(long, value_name = "HOW", value_enum, default_value = "enabled")]
    pub(crate) cgroups: Enabled,
    /// Let the container make groups below its own: /sys/fs/cgroup can be
    /// written
    #[arg(long)]
    pub(crate) writable_cgroups: bool,
}

/// podman's word for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Enabled {
    /// A group of its own
    Enabled,
    /// The caller's groups: nothing is limited
    Disabled,
}

type Parsed<T> = std::result::Result<T, String>;

/// `64m`: b, k, m, g, and each 1024 times the one before.
fn parse_size(text: &str) -> Parsed<i64> {
    let lower = text.to_ascii_lowercase();
    let (number, unit) = match lower.strip_suffix(['b', 'k', 'm', 'g']) {
        Some(number) => (number, lower.chars().last()),
        None => (&*lower, None),
    };
    let factor = match unit {
        Some('k') => 1 << 10,
        Some('m') => 1 << 20,
        Some('g') => 1 << 30,
        _ => 1,
    };
    let number: i64 = number.parse().map_err(|_| "not a number of bytes")?;
    number.checked_mul(factor).ok_or_else(|| "too many bytes".into())
}

fn parse_rate(text: &str) -> Parsed<(PathBuf, i64)> {
    let (device, rate) = text.rsplit_once(':').ok_or("the form is DEVICE:N")?;
    Ok((device.into(), parse_size(rate)?))
}

fn parse_net_rate(text: &str) -> Parsed<u64> {
    match parse_size(text)?.try_into() {
        Ok(rate) if rate >= 1000 => Ok(rate),
        _ => Err("from 1000 bytes a second on".into()),
    }
}

/// `10:1`, in hexadecimal digits as tc(8) has them.
fn parse_class(text: &str) -> Parsed<u32> {
    let number = |text| u32::from(u16::from_str_radix(text, 16).unwrap_or(0));
    match text.split_once(':') {
        Some((major, minor)) if number(major) > 0 => {
            Ok(number(major) << 16 | number(minor))
        }
        _ => Err("the form is MAJOR:MINOR, in hexadecimal digits".into()),
    }
}

fn parse_priority(text: &str) -> Parsed<(String, u32)> {
    let form = "the form is INTERFACE:N, and N is not negative";
    let (interface, priority) = text.rsplit_once(':').ok_or(form)?;
    let number = match priority.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => priority.parse(),
    };
    Ok((interface.into(), number.map_err(|_| form)?))
}

impl GroupOptions {
    /// What is mounted in the container besides: the nodes of devices, since
    /// nobody in a user namespace can make one.
    pub fn mounts(&self, mounts: MountOptions) -> MountOptions {
        let add = |mounts: MountOptions, device: &Allowed| {
            mounts.with_file(&device.host, &device.inside)
        };
        self.devices.iter().fold(mounts, add)
    }

    /// What it weighs, if it is possible.
    pub(crate) fn weight(&self) -> Option<u64> {
        let weight = u64::try_from(self.cpu_weight?).ok()?;
        (1..=10_000).contains(&weight).then_some(weight)
    }

    /// An option by which its packets are marked, for the host's tc(8).
    pub(crate) fn mark(&self) -> Option<&'static str> {
        match (self.net_class, self.net_priority.as_slice()) {
            (Some(_), _) => Some("--net-class"),
            (None, [_, ..]) => Some("--net-priority"),
            (None, []) => None,
        }
    }

    /// In the order in which they must be set: version 1 knows memory before
    /// memory and swap.
    pub(crate) fn limits(&self) -> Result<Vec<Limit>> {
        let memory = self.memory.unwrap_or_default();
        let both = |both| Limit::MemorySwap { both, memory };
        let mut all: Vec<Limit> = [
            self.cpus.map(Limit::Cpus),
            self.cpu_weight.map(Limit::CpuWeight),
            self.cpuset_cpus.clone().map(Limit::CpusetCpus),
            self.cpuset_mems.clone().map(Limit::CpusetMems),
            self.memory.map(Limit::Memory),
            self.memory_swap.map(both),
            self.memory_high.map(Limit::MemoryHigh),
            self.oom_group.then_some(Limit::OomGroup),
            self.pids_limit.map(Limit::Pids),
            self.net_class.map(Limit::NetClass),
        ]
        .into_iter()
        .flatten()
        .collect();
        for (interface, priority) in self.net_priority.iter().cloned() {
            all.push(Limit::NetPriority(interface, priority));
        }
        for (rates, what) in [
            (&self.device_read_bps, Io::ReadBytes),
            (&self.device_write_bps, Io::WriteBytes),
            (&self.device_read_iops, Io::ReadOperations),
            (&self.device_write_iops, Io::WriteOperations),
        ] {
            for (path, rate) in rates {
                let device = Device::of(path)?;
                all.push(Limit::Io { device, what, rate: *rate });
            }
        }
        Ok(all)
    }
}
