//! Outside: tell the kernel who is who.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::unistd::Pid;
use process::{Call, Error, Hint, Result};

use crate::map::Map;
use crate::must_have_its_own;
use crate::options::Ids;

impl Ids {
    /// Writes the maps of the user namespace that `child` is the first process
    /// of. Each can be written once, in a single write(2).
    ///
    /// The writer is somebody outside: in there nobody has rights over the
    /// numbers out here, but for the one that is his own.
    pub fn write(&self, child: &pid::Child) -> Result<()> {
        let pid = child.pid();
        must_have_its_own(pid)?;
        if self.is_privileged {
            write(pid, "uid_map", &self.users.to_string())?;
            return write(pid, "gid_map", &self.groups.to_string());
        }
        self.write_users(pid)?;
        self.write_groups(pid)
    }

    fn write_users(&self, pid: Pid) -> Result<()> {
        match is_only_myself(&self.users) {
            true => write(pid, "uid_map", &self.users.to_string()),
            false => help("newuidmap", pid, &self.users),
        }
    }

    /// Groups can forbid: a file of mode 0604 everybody may read but the group.
    /// Who could leave the group by setgroups(2) could read it too. So without
    /// CAP_SETGID the kernel takes a map of one's own group only when
    /// setgroups(2) is denied for good (CVE-2014-8989).
    ///
    /// newgidmap(1) needs no such thing: by an entry in /etc/subgid the
    /// system's administrator has allowed it.
    fn write_groups(&self, pid: Pid) -> Result<()> {
        if !is_only_myself(&self.groups) {
            return help("newgidmap", pid, &self.groups);
        }
        write(pid, "setgroups", "deny")?;
        write(pid, "gid_map", &self.groups.to_string())
    }
}

/// What a user may write without help. Any other map, he has no right to.
fn is_only_myself(map: &Map) -> bool {
    matches!(map.ranges(), [range] if range.count == 1)
}

fn write(pid: Pid, file: &str, text: &str) -> Result<()> {
    let path = format!("/proc/{pid}/{file}");
    let call = format!("write({path:?}, {text:?})");
    let mut file = OpenOptions::new()
        .write(true)
        .open(&path)
        .call(format_args!("open({path:?}, O_WRONLY)"))
        .hint(
            Errno::ENOENT,
            "/proc must show the processes of this tool's \
             own pid namespace: mount -t proc proc /proc",
        )?;
    file.write_all(text.as_bytes())
        .call(call)
        .hint(
            Errno::EPERM,
            "the map has numbers that are not the caller's to give, or has \
             been written already: user_namespaces(7), \"Defining user and \
             group ID mappings\"",
        )
        .hint(
            Errno::EINVAL,
            "ranges overlap, or there are more than the 340 that the kernel \
             takes",
        )
}

/// Has a set-user-ID program write the map, which looks in /etc/subuid whether
/// the numbers are the caller's. It is the one thing that the kit leaves to
/// another program: what it takes is a right that only root can lend.
fn help(program: &str, pid: Pid, map: &Map) -> Result<()> {
    let words = map.to_string();
    let output = Command::new(program)
        .arg(pid.to_string())
        .args(words.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .call(format_args!("execve({program:?})"))
        .hint(
            Errno::ENOENT,
            "the package is called `uidmap`; without it, choose a single \
             number, your own: --uid-map 0:UID:1 --gid-map 0:GID:1",
        )?;
    match output.status.success() {
        true => Ok(()),
        false => Err(Error::new(format_args!(
            "{program} {pid}: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        ))
        .with_hint(
            "it must be set-user-ID root, or have the capability, and its \
             file system may not be mounted nosuid; and no_new_privs must \
             not be set",
        )),
    }
}
