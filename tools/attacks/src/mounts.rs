//! Attacks on the mount table: mount_namespaces(7).

use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use process::{Call, Result};

use crate::outcome::{Finding, Outcome};
use crate::spec::Spec;

/// Mounts a file system and leaves it: mount(2).
///
/// A mount belongs to a namespace and not to a process: it stays when the
/// process is gone, and propagates where mounts are shared. It can hide the
/// host's own files. Where it is, the witness says.
pub(crate) fn leave_mount(canary: &Spec) -> Result<Finding> {
    let id: String = canary.get("id")?;
    let target = canary.inside()?.join("mount");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let call = format!("mount({id:?}, {target:?}, \"tmpfs\")");
    mount(Some(id.as_str()), &target, Some("tmpfs"), flags, Some("size=4k"))
        .call(&call)?;
    Ok((Outcome::Attempted, format!("{call} was granted")))
}

/// A file system that is mounted for an attack, in the planted directory, and
/// unmounted at the end.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    /// On top of a directory of the sandbox's own it would hide something: so
    /// on one that was planted empty.
    pub(crate) fn new(
        canary: &Spec,
        inside: &Path,
        kind: &str,
        options: &str,
    ) -> Result<Self> {
        let path = inside.join("mount");
        // The name of the canary, for the witness to find what is left.
        let id: String = canary.get("id")?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some(id.as_str()), &path, Some(kind), flags, Some(options))
            .call(format_args!("mount({kind:?}, {path:?}, {options:?})"))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(errno) = umount2(&self.0, MntFlags::MNT_DETACH) {
            eprintln!("attacks: umount2({:?}): {errno}", self.0);
        }
    }
}

/// Witness: unmounts what the host's mount table has of the canary.
pub(crate) fn undo(id: &str) -> Result<Option<String>> {
    let path = "/proc/self/mountinfo";
    let table =
        fs::read_to_string(path).call(format_args!("open({path:?})"))?;
    let mut seen = None;
    for target in table.lines().filter_map(|line| mount_of(id, line)) {
        umount2(&target, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW)
            .call(format_args!("umount2({target:?}, MNT_DETACH)"))?;
        seen = Some(format!("the host's mount table has {target:?}"));
    }
    Ok(seen)
}

/// Where this line of proc_pid_mountinfo(5) has the canary's file system
/// mounted, if it has.
fn mount_of(id: &str, line: &str) -> Option<PathBuf> {
    let (before, after) = line.split_once(" - ")?;
    let source = after.split(' ').nth(1)?;
    let target = before.split(' ').nth(4)?;
    // Whatever is mounted on a planted directory has to go as well.
    let is_ours = source == id || target.contains(&format!("/attacks-{id}"));
    is_ours.then(|| unescape(target).into())
}

/// A blank in a path stands there as `\040`, and a few others likewise.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(text.into(), |text: String, (code, c)| text.replace(code, c))
}
