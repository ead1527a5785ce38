//! The programs that the kit calls.

use super::{Machine, Verdict};
use crate::packages;

pub(super) fn programs(machine: &Machine) -> Verdict {
    let has = |program: &str| machine.has(program);
    let missing = packages::missing(has);
    if missing.is_empty() {
        return Verdict::ok("all that are needed");
    }
    let list: Vec<String> =
        missing.iter().map(|need| need.describe()).collect();
    Verdict::problem(
        format_args!("no {}", list.join("; no ")),
        packages::remedy(&missing, has),
    )
}

/// Why it must be static: see `.cargo/config.toml`.
pub(super) fn linker(machine: &Machine) -> Verdict {
    match &machine.linker {
        Ok(()) => Verdict::ok("links static programs"),
        Err(complaint) => Verdict::problem(
            complaint,
            "`./workshop`, without more, installs a C compiler and a static \
             C library, or says which command does",
        ),
    }
}
