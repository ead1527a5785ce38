//! Inside: become root.

use std::fs;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid};
use nix::unistd::{getgroups, getresgid, getresuid};
use nix::unistd::{setgroups, setresgid, setresuid};
use process::{Call, Error, Hint, Result};

use crate::refusal;

/// Becomes user and group 0 of the user namespace, with no other group. Call
/// it when the maps have been written.
///
/// The process has had every capability from the start. But it still is the
/// user who started it, and if that one is in no map, nobody: what it makes
/// would belong to nobody.
///
/// The change undoes PR_SET_PDEATHSIG, and takes the process's own files in
/// `/proc` away from it, until the next execve(2): they belong to the root of
/// the machine (PR_SET_DUMPABLE in prctl(2)). What it may open by being
/// itself, such as `/proc/self/fd`, it still may.
pub fn become_root() -> Result<()> {
    drop_groups()?;
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(gid, gid, gid)
        .call("setresgid(0, 0, 0)")
        .map_err(refusal::explain_inside)?;
    setresuid(uid, uid, uid)
        .call("setresuid(0, 0, 0)")
        .map_err(refusal::explain_inside)?;

    let users = getresuid().call("getresuid()")?;
    let groups = getresgid().call("getresgid()")?;
    let users = [users.real, users.effective, users.saved];
    let groups = [groups.real, groups.effective, groups.saved];
    match (users, groups) == ([uid; 3], [gid; 3]) {
        true => Ok(()),
        false => Err(Error::new(format_args!(
            "the ids read back as {users:?} and {groups:?}, not 0"
        ))),
    }
}

/// Leaves the groups that the caller was in: whatever number they have inside,
/// and most have none, outside they still open files.
///
/// Where setgroups(2) is denied they stay. An ordinary user, who may not write
/// a map without denying it, so keeps what his groups allow, and what they
/// forbid.
fn drop_groups() -> Result<()> {
    if is_denied()? {
        return Ok(());
    }
    setgroups(&[]).call("setgroups([])").map_err(refusal::explain_inside)?;
    match getgroups().call("getgroups()")? {
        left if left.is_empty() => Ok(()),
        left => Err(Error::new(format_args!(
            "setgroups([]) left the groups {left:?}"
        ))),
    }
}

fn is_denied() -> Result<bool> {
    let path = "/proc/self/setgroups";
    let text = fs::read_to_string(path)
        .call(format_args!("open({path:?})"))
        .hint(Errno::ENOENT, "mount -t proc proc /proc")?;
    Ok(text.trim() == "deny")
}
