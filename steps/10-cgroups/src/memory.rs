//! When memory ran out: what the kernel has counted.

use std::fs;
use std::path::Path;

use process::{Call, Error, Result};

use crate::group::INSIDE;
use crate::hierarchy::Version;

/// Where the numbers are: of those killed, the limit, the most in use.
struct Files {
    killed: (&'static str, &'static str),
    limit: &'static str,
    highest: &'static str,
}

fn files(version: Version) -> Files {
    match version {
        Version::V1 => Files {
            killed: ("memory.oom_control", "oom_kill"),
            limit: "memory.limit_in_bytes",
            highest: "memory.max_usage_in_bytes",
        },
        Version::V2 => Files {
            killed: ("memory.events", "oom_kill"),
            limit: "memory.max",
            highest: "memory.peak", // Linux 5.19
        },
    }
}

/// Prints what happened, if anything did.
pub(crate) fn report(version: Version, group: &Path) -> Result<()> {
    let Files { killed: (events, key), limit, highest } = files(version);
    // Version 1 counts where the process was, version 2 above as well.
    let inside = group.join(INSIDE);
    let counted = if version == Version::V1 { &inside } else { group };
    let file = counted.join(events);
    let text =
        fs::read_to_string(&file).call(format_args!("read({file:?})"))?;
    let killed = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
    let Some(killed @ 1..) = killed else { return Ok(()) };
    let number = |file: &str| match fs::read_to_string(group.join(file)) {
        Ok(text) => format!("{file} {}", text.trim()),
        Err(_) => format!("no {file} in this kernel"),
    };
    let processes = if killed == 1 { "process" } else { "processes" };
    process::report(
        &Error::new(format_args!(
            "out of memory: the kernel has killed {killed} {processes} of the \
             container: {events} has {key} {killed}; {}, {}",
            number(limit),
            number(highest),
        ))
        .with_hint("give it more by --memory, or find what takes so much"),
    );
    Ok(())
}
