//! Attacks through proc(5), where each process is a directory, and some
//! links in it lead into what *that* process sees.

use std::path::{Path, PathBuf};

use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use process::Result;

use crate::mounts::Mounted;
use crate::outcome::Finding;
use crate::paths::read_secret;
use crate::spec::Spec;

/// Follows `/proc/1/root`: proc_pid_root(5).
///
/// The link is no text but a door: the kernel goes on resolving from process
/// 1's own root directory. Who shares the host's process numbers, and is
/// root, is through.
pub(crate) fn proc_root(canary: &Spec) -> Result<Finding> {
    let path: PathBuf = canary.get("file")?;
    let proc = Proc::find_or_mount(canary)?;
    let host = proc.path().join("1/root");
    let path = host.join(path.strip_prefix("/").unwrap_or(&path));
    canary.judge(&read_secret(&path)?, path.display())
}

/// Follows `/proc/PID/cwd`: proc_pid_cwd(5).
///
/// As `root` does, the link leads to a directory outside. A process of the
/// same user is enough for it; root is not needed.
pub(crate) fn proc_cwd(canary: &Spec) -> Result<Finding> {
    let pid: i32 = canary.get("pid")?;
    let proc = Proc::find_or_mount(canary)?;
    let path = proc.path().join(format!("{pid}/cwd/secret"));
    canary.judge(&read_secret(&path)?, path.display())
}

/// A proc file system; unmounted at the end if it was mounted for the attack.
pub(crate) struct Proc {
    path: PathBuf,
    _mounted: Option<Mounted>,
}

impl Proc {
    /// `/proc`, or a new mount of it if there is none.
    pub(crate) fn find_or_mount(canary: &Spec) -> Result<Self> {
        let is_proc = |found: nix::sys::statfs::Statfs| {
            found.filesystem_type() == PROC_SUPER_MAGIC
        };
        if statfs("/proc").is_ok_and(is_proc) {
            return Ok(Self { path: "/proc".into(), _mounted: None });
        }
        Self::mount(canary, &canary.inside()?)
    }

    /// A new mount, whatever there is, in the planted directory.
    pub(crate) fn mount(canary: &Spec, inside: &Path) -> Result<Self> {
        let mounted = Mounted::new(canary, inside, "proc", "")?;
        Ok(Self { path: mounted.path().into(), _mounted: Some(mounted) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}
