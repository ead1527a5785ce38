//! The kernel and the processor.

use super::{Machine, Verdict};

/// The oldest kernel on which the whole kit works.
const OLDEST: (u32, u32) = (5, 15);

/// What came later than that, the oldest first. Steps that use it do without,
/// and say so, where it is not there.
const NEWS: &[((u32, u32), &str)] = &[
    ((5, 19), "overlayfs on mounts with mapped ids"),
    ((5, 19), "a cgroup's memory.peak"),
    ((6, 2), "Landlock rules about truncation"),
    ((6, 7), "Landlock rules about TCP ports"),
    ((6, 12), "Landlock rules about abstract sockets and signals"),
];

pub(super) fn version(machine: &Machine) -> Verdict {
    let release = machine.release();
    match machine.kernel() {
        Some(kernel) if kernel >= OLDEST => Verdict::ok(release),
        Some(_) => Verdict::problem(
            format_args!("{release} is older than 5.15"),
            "take a newer kernel, or follow the book in its virtual machines",
        ),
        None => Verdict::warning(
            format_args!("unknown: the release is {release:?}"),
            "`uname -r` must say 5.15 or later",
        ),
    }
}

pub(super) fn news(machine: &Machine) -> Verdict {
    let Some(kernel) = machine.kernel() else {
        return Verdict::warning("unknown", "see the check `kernel`");
    };
    let absent: Vec<String> = NEWS
        .iter()
        .filter(|(since, _)| *since > kernel)
        .map(|((major, minor), what)| format!("{what} ({major}.{minor})"))
        .collect();
    match absent.as_slice() {
        [] => Verdict::ok("all that the kit can use"),
        absent => {
            Verdict::ok(format_args!("too old for {}", absent.join(", ")))
        }
    }
}

pub(super) fn architecture(machine: &Machine) -> Verdict {
    match machine.architecture.as_str() {
        name @ ("x86_64" | "aarch64") => Verdict::ok(name),
        name => Verdict::problem(
            format_args!("{name}: the kit knows x86_64 and aarch64"),
            "filters of system calls go by number, and each architecture \
             has its own numbers; the rest may work",
        ),
    }
}
