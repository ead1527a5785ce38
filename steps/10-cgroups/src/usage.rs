//! What a container takes, as the kernel has counted it.
//!
//! Each number has a file in either version, with names and units of their own;
//! here they are microseconds, bytes and pieces. What a kernel does not count
//! is None.

use std::fs;
use std::path::Path;

use crate::hierarchy::{Hierarchy, Version};
use crate::running::Running;

/// Since the group was made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// CPU time.
    pub cpu: Option<u64>,
    /// Periods in which it had to wait for its quota, and how long.
    pub throttled: Option<(u64, u64)>,
    /// In use now, and the limit.
    pub memory: (Option<u64>, Option<u64>),
    /// Likewise.
    pub pids: (Option<u64>, Option<u64>),
    /// From disks, and to them.
    pub read_and_written: Option<(u64, u64)>,
    /// How many hundredths of the last ten seconds somebody in it stood still
    /// for want of CPU, memory and disk.
    pub pressure: Option<[f64; 3]>,
}

impl Running {
    /// Looks now.
    pub fn usage(&self) -> Usage {
        let cpu = self
            .read("cpuacct", "cpuacct.usage")
            .map(|text| text.trim().parse::<u64>().unwrap_or_default() / 1000);
        let (cpu, stat) = match self.version_of("cpu") {
            Some(Version::V2) => {
                let stat = self.read("cpu", "cpu.stat").unwrap_or_default();
                (number(&stat, "usage_usec"), stat)
            }
            _ => (cpu, self.read("cpu", "cpu.stat").unwrap_or_default()),
        };
        let waited =
            number(&stat, "throttled_usec")
                .or(number(&stat, "throttled_time").map(|time| time / 1000));
        Usage {
            cpu,
            throttled: number(&stat, "nr_throttled").zip(waited),
            memory: (
                self.either(
                    "memory",
                    "memory.usage_in_bytes",
                    "memory.current",
                ),
                self.either("memory", "memory.limit_in_bytes", "memory.max"),
            ),
            pids: (
                self.either("pids", "pids.current", "pids.current"),
                self.either("pids", "pids.max", "pids.max"),
            ),
            read_and_written: self.io(),
            pressure: self.pressure(),
        }
    }

    /// A number of a file that bears another name in each version. The highest
    /// number of version 1 is no limit, as `max` is.
    fn either(&self, controller: &str, v1: &str, v2: &str) -> Option<u64> {
        let file = match self.version_of(controller)? {
            Version::V1 => v1,
            Version::V2 => v2,
        };
        let number = self.read(controller, file)?.trim().parse().ok();
        number.filter(|number| *number < 1 << 62)
    }

    /// Lines `8:0 Read 4096`, or `8:0 rbytes=4096 wbytes=0 …`.
    fn io(&self) -> Option<(u64, u64)> {
        let v1 = "blkio.throttle.io_service_bytes_recursive";
        let text = self.read("io", "io.stat").or(self.read("blkio", v1))?;
        let mut sums = (0, 0);
        for line in text.lines() {
            let words: Vec<_> = line.split([' ', '=']).collect();
            for pair in words.windows(2) {
                let number = pair[1].parse::<u64>().unwrap_or_default();
                match pair[0] {
                    "Read" | "rbytes" => sums.0 += number,
                    "Write" | "wbytes" => sums.1 += number,
                    _ => {}
                }
            }
        }
        Some(sums)
    }

    /// `some avg10=0.00 avg60=…` of version 2, if the kernel counts pressure,
    /// which it does whether or not the controllers are there:
    /// <https://docs.kernel.org/accounting/psi.html>.
    fn pressure(&self) -> Option<[f64; 3]> {
        let v2 = |(tree, _): &&(Hierarchy, _)| tree.version == Version::V2;
        let (_, group) = self.places.iter().find(v2)?;
        let average = |of: &str| {
            let file = group.join(format!("{of}.pressure"));
            let text = fs::read_to_string(file).ok()?;
            let rest = text.strip_prefix("some avg10=")?;
            rest.split(' ').next()?.parse().ok()
        };
        Some([average("cpu")?, average("memory")?, average("io")?])
    }

    fn version_of(&self, controller: &str) -> Option<Version> {
        self.place(controller).map(|(version, _)| version)
    }

    fn read(&self, controller: &str, file: &str) -> Option<String> {
        let (_, path) = self.place(controller)?;
        fs::read_to_string(path.join(file)).ok()
    }

    fn place(&self, controller: &str) -> Option<(Version, &Path)> {
        let mut places = self.places.iter();
        let (tree, path) = places.find(|(tree, _)| tree.has(controller))?;
        Some((tree.version, path))
    }
}

/// Behind `key` in lines of `key number`.
fn number(text: &str, key: &str) -> Option<u64> {
    let mut words = text.lines().filter_map(|line| line.split_once(' '));
    let (_, number) = words.find(|(name, _)| *name == key)?;
    number.trim().parse().ok()
}
