//! The machine on which it was measured.

use std::fmt::{self, Display};
use std::fs;
use std::process::Command;
use std::thread::available_parallelism;

use serde::Serialize;

use super::peer;

/// On what the numbers depend, besides the steps.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    kernel: String,
    cpus: usize,
    /// What `chroot --version` says.
    coreutils: String,
    /// What `unshare --version` says.
    util_linux: String,
}

impl Machine {
    /// The one that this process runs on.
    pub(super) fn here() -> Self {
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").ok();
        let kernel = kernel.as_deref().and_then(first_line);
        Self {
            kernel: kernel.unwrap_or("of unknown version".into()),
            cpus: available_parallelism().map_or(0, usize::from),
            coreutils: version_of("chroot"),
            util_linux: version_of("unshare"),
        }
    }
}

impl Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kernel, cpus, coreutils, util_linux } = self;
        write!(f, "Linux {kernel}, {cpus} CPUs\n{coreutils}\n{util_linux}")
    }
}

/// What `program --version` prints first. Not every chroot(1) has the option,
/// and no comparison fails for that.
fn version_of(program: &str) -> String {
    let version = peer::locate(program).ok().and_then(|path| {
        let output = Command::new(path).arg("--version").output().ok()?;
        String::from_utf8(output.stdout).ok()
    });
    let unknown = format!("{program}, of unknown version");
    version.as_deref().and_then(first_line).unwrap_or(unknown)
}

fn first_line(text: &str) -> Option<String> {
    text.lines().next().map(str::to_owned)
}
