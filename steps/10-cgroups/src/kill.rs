//! The end of a group: everybody in it, and then the directories.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use process::{Call, Hint, Result};

use crate::freezer::thaw;
use crate::hierarchy::hierarchies;
use crate::sweep::groups_in;
use crate::write::write;

/// How often it is tried to remove a group whose processes are dying: on a busy
/// machine that takes seconds.
const TRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(5);

/// Removes the group and those below it, which a container may have made.
pub(crate) fn remove(group: &Path) -> Result<()> {
    for _ in 0..TRIES {
        match remove_tree(group) {
            Err(Errno::EBUSY) => {
                thaw_in_version_1(group)?;
                kill_all(group)?;
                sleep(PAUSE);
            }
            result => return result.call(format_args!("rmdir({group:?})")),
        }
    }
    Err(Errno::EBUSY).call(format_args!("rmdir({group:?})")).hint(
        Errno::EBUSY,
        "a process in there does not end: cgroup.procs has its number, and \
         /proc/PID/stack what it waits for",
    )
}

/// The frozen get no SIGKILL there, and would stay for ever. They may be in
/// this group, and frozen by that of the same name in the freezer's tree.
fn thaw_in_version_1(group: &Path) -> Result<()> {
    for tree in hierarchies()?.iter().filter(|tree| tree.has("freezer")) {
        let mut groups = groups_in(&tree.top).into_iter();
        let is_it = |other: &PathBuf| other.file_name() == group.file_name();
        if let Some(group) = groups.find(is_it) {
            thaw_all(&group)?;
        }
    }
    Ok(())
}

fn thaw_all(group: &Path) -> Result<()> {
    for child in children(group) {
        thaw_all(&child)?;
    }
    match thaw(group) {
        // Nobody is there to be thawed.
        Err(error)
            if matches!(error.errno(), Some(Errno::ENODEV | Errno::ENOENT)) =>
        {
            Ok(())
        }
        result => result,
    }
}

/// The deep before the shallow. What is not there is removed.
fn remove_tree(group: &Path) -> nix::Result<()> {
    for child in children(group) {
        remove_tree(&child)?;
    }
    match fs::remove_dir(group).map_err(|e| e.raw_os_error()) {
        Err(Some(libc::ENOENT)) | Ok(()) => Ok(()),
        Err(errno) => Err(Errno::from_raw(errno.unwrap_or_default())),
    }
}

/// Kills all at once (cgroup.kill, Linux 5.14), or else one after the other:
/// between two looks a process may have made another, so the caller repeats.
fn kill_all(group: &Path) -> Result<()> {
    if group.join("cgroup.kill").exists() {
        return write(group, "cgroup.kill", "1");
    }
    for child in children(group) {
        kill_all(&child)?;
    }
    let file = group.join("cgroup.procs");
    let list = fs::read_to_string(file).unwrap_or_default();
    // 0 stands for a process of a pid namespace that is not below ours.
    let pids = list.lines().filter_map(|line| line.parse().ok());
    for pid in pids.filter(|pid| *pid > 0) {
        match kill(Pid::from_raw(pid), Signal::SIGKILL) {
            Err(Errno::ESRCH) => {} // It has ended since.
            result => result.call(format_args!("kill({pid}, SIGKILL)"))?,
        }
    }
    Ok(())
}

/// The groups below.
pub(crate) fn children(group: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(group) else { return Vec::new() };
    let entries = entries.flatten();
    let is_dir = |e: &fs::DirEntry| e.file_type().is_ok_and(|t| t.is_dir());
    entries.filter(is_dir).map(|entry| entry.path()).collect()
}
