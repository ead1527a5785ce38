//! How little its groups of cgroups(7) leave the process.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use process::{Call, Error, Result};

use crate::cgroups::{VERSION_2, groups};
use crate::report::Known;
use crate::subject::Subject;

/// A controller, the name of the limit, and how to read it from a directory.
type Limit = (&'static str, &'static str, fn(&Path) -> Result<Option<u64>>);

const LIMITS: [Limit; 5] = [
    ("memory", "memory bytes", |group| {
        either(group, "memory.max", "memory.limit_in_bytes")
    }),
    ("memory", "memory and swap bytes", memory_and_swap),
    ("cpu", "cpu thousandths", cpu),
    ("pids", "pids", |group| either(group, "pids.max", "pids.max")),
    ("cpuset", "cpus", cpus),
];

/// The tightest limit on the way from the group to the highest one in reach.
/// What a cgroup namespace hides above that holds too, and can't be read.
pub(crate) fn limits(subject: &Subject) -> Result<Known> {
    let groups = groups(subject)?;
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for (controller, name, read) in LIMITS {
        let group = groups.iter().find(|group| group.has(controller));
        let group =
            group.or_else(|| groups.iter().find(|group| group.has(VERSION_2)));
        match group.map(|group| &group.place) {
            Some(Ok((top, directory))) => {
                found.push((name, tightest(top, directory, read)?));
            }
            _ => missing.push(controller),
        }
    }
    match (found.is_empty(), missing.is_empty()) {
        (true, _) => Err(Error::new("no cgroup file system is in reach")),
        (false, true) => Ok(Known::numbers(found)),
        (false, false) => Ok(Known::numbers(found)
            .noted(format_args!("not in reach: {}", missing.join(", ")))),
    }
}

fn tightest(
    top: &Path,
    directory: &Path,
    read: fn(&Path) -> Result<Option<u64>>,
) -> Result<Option<u64>> {
    let mut limits = Vec::new();
    for group in directory.ancestors() {
        limits.extend(read(group)?);
        if group == top {
            break;
        }
    }
    Ok(limits.into_iter().min())
}

/// The number in the first of the files that is there: version 2, then 1.
fn either(group: &Path, v2: &str, v1: &str) -> Result<Option<u64>> {
    match file(group, v2)? {
        Some(text) => Ok(number(&text)),
        None => Ok(file(group, v1)?.as_deref().and_then(number)),
    }
}

/// Version 2 counts them apart. A kernel without swap has no file for both.
fn memory_and_swap(group: &Path) -> Result<Option<u64>> {
    let read = |name| either(group, name, "memory.memsw.limit_in_bytes");
    let (memory, swap) = (read("memory.max")?, read("memory.swap.max")?);
    match file(group, "memory.max")? {
        Some(_) => Ok(memory.zip(swap).map(|(one, other)| one + other)),
        None => Ok(memory),
    }
}

/// Version 1 says "no limit" as the highest number of whole pages, or as -1;
/// version 2 says `max`.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number < 1 << 62)
}

/// Time per period, in thousandths of a CPU.
fn cpu(group: &Path) -> Result<Option<u64>> {
    let (quota, period) = match file(group, "cpu.max")? {
        Some(text) => match text.split_once(' ') {
            Some((quota, period)) => (number(quota), number(period)),
            None => (None, None),
        },
        None => (
            either(group, "cpu.cfs_quota_us", "cpu.cfs_quota_us")?,
            either(group, "cpu.cfs_period_us", "cpu.cfs_period_us")?,
        ),
    };
    Ok(quota.zip(period).and_then(|(quota, period)| {
        quota.saturating_mul(1000).checked_div(period)
    }))
}

/// How many CPUs.
fn cpus(group: &Path) -> Result<Option<u64>> {
    let list = match file(group, "cpuset.cpus.effective")? {
        Some(list) => Some(list),
        None => file(group, "cpuset.effective_cpus")?,
    };
    Ok(list.as_deref().and_then(count_cpus))
}

/// `0-3,8`: cpuset(7), "List format".
fn count_cpus(list: &str) -> Option<u64> {
    list.split(',')
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (u64, u64) =
                (first.parse().ok()?, last.parse().ok()?);
            Some(last.checked_sub(first)? + 1)
        })
        .sum()
}

/// The text of a control file; the highest group lacks some, and a group
/// lacks those of controllers that it does not use.
fn file(group: &Path, name: &str) -> Result<Option<String>> {
    let path = group.join(name);
    match fs::read_to_string(&path).call(format_args!("read({path:?})")) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(error) if error.errno() == Some(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_written_in_three_ways() {
        assert_eq!(number("max"), None);
        assert_eq!(number("-1"), None);
        assert_eq!(number("9223372036854771712"), None);
        assert_eq!(number("536870912"), Some(536_870_912));
    }

    #[test]
    fn the_tightest_limit_above_holds() {
        let top = std::env::temp_dir()
            .join(format!("probe-cgroups-{}", std::process::id()));
        let (above, group) = (top.join("a"), top.join("a/b"));
        fs::create_dir_all(&group).unwrap();
        fs::write(above.join("memory.max"), "1048576\n").unwrap();
        fs::write(above.join("memory.swap.max"), "0\n").unwrap();
        fs::write(group.join("memory.max"), "max\n").unwrap();
        fs::write(group.join("memory.swap.max"), "4096\n").unwrap();
        fs::write(above.join("cpu.max"), "80000 100000\n").unwrap();
        fs::write(group.join("cpu.max"), "50000 100000\n").unwrap();

        let memory =
            |group: &Path| either(group, "memory.max", "memory.limit_in_bytes");
        let found = [
            tightest(&top, &group, memory).unwrap(),
            tightest(&group, &group, memory).unwrap(),
            tightest(&top, &group, memory_and_swap).unwrap(),
            tightest(&group, &group, memory_and_swap).unwrap(),
            tightest(&top, &group, cpu).unwrap(),
            tightest(&top, &above, cpu).unwrap(),
        ];
        fs::remove_dir_all(&top).unwrap();
        let megabyte = Some(1_048_576);
        let expected = [megabyte, None, megabyte, None, Some(500), Some(800)];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_list_of_cpus_is_counted() {
        assert_eq!(count_cpus("0-3,8"), Some(5));
        assert_eq!(count_cpus("0"), Some(1));
        assert_eq!(count_cpus(""), None);
        assert_eq!(count_cpus("3-0"), None);
    }
}
