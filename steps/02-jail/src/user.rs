//! Somebody with no rights: setresuid(2) and its relatives.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{Gid, Uid};
use nix::unistd::{getgroups, getresgid, getresuid};
use nix::unistd::{setgroups, setresgid, setresuid};
use process::{Call, Error, Hint, Result};

/// A user database larger than this is none.
const MAX_DATABASE: u64 = 1 << 20;

/// As whom the command runs.
#[derive(Debug, clap::Args)]
pub struct UserOptions {
    /// Run as this user, by number or by a name in ROOTFS/etc/passwd
    ///
    /// A name has the group of its entry there. A number stands for the user
    /// and the group of that number, whatever the file says.
    #[arg(short, long, value_name = "USER[:GROUP]", default_value = "65534")]
    user: String,
}

/// Who a process may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The user's number.
    pub uid: Uid,
    /// The number of the one group.
    pub gid: Gid,
    /// The home directory.
    pub home: PathBuf,
}

impl UserOptions {
    /// Looks names up below the present root directory: call it inside.
    pub fn find(&self) -> Result<User> {
        find_user(&self.user)
    }
}

/// The user of a `USER[:GROUP]`, by the names of the present root directory.
pub fn find_user(text: &str) -> Result<User> {
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let mut found = look_up(user)?;
    if let Some(group) = group {
        found.gid = find_group(group)?;
    }
    Ok(found)
}

/// passwd(5): `name:password:uid:gid:comment:home:shell`.
fn look_up(user: &str) -> Result<User> {
    if let Some(number) = parse_id(user) {
        // Not looked up, since the file may come from anywhere: its line for
        // an innocent number may say group 0.
        let (uid, gid) = (Uid::from_raw(number), Gid::from_raw(number));
        return Ok(User { uid, gid, home: "/".into() });
    }
    for entry in read_database("/etc/passwd")? {
        if let [name, _, uid, gid, _, home, ..] = entry.as_slice()
            && name == user
            && let (Some(uid), Some(gid)) = (parse_id(uid), parse_id(gid))
        {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            return Ok(User { uid, gid, home: home.into() });
        }
    }
    Err(unknown("user", user, "/etc/passwd"))
}

/// group(5): `name:password:gid:members`.
fn find_group(group: &str) -> Result<Gid> {
    if let Some(number) = parse_id(group) {
        return Ok(Gid::from_raw(number));
    }
    for entry in read_database("/etc/group")? {
        if let [name, _, gid, ..] = entry.as_slice()
            && name == group
            && let Some(gid) = parse_id(gid)
        {
            return Ok(Gid::from_raw(gid));
        }
    }
    Err(unknown("group", group, "/etc/group"))
}

/// The fields of each line.
fn read_database(path: &str) -> Result<Vec<Vec<String>>> {
    let call = format!("open({path:?})");
    let file = OpenOptions::new()
        .read(true)
        // Or a FIFO in its place would hold us up for ever.
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .call(&call)
        .hint(Errno::ENOENT, "without this file, give the user by number")?;
    let mut text = String::new();
    file.take(MAX_DATABASE)
        .read_to_string(&mut text)
        .call(format_args!("read({path:?})"))?;
    Ok(text
        .lines()
        .map(|line| line.split(':').map(str::to_owned).collect())
        .collect())
}

/// A user's or group's number. The highest is none: to setresuid(2) it means
/// "leave as it is", so that the command would stay root.
fn parse_id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number| *number != u32::MAX)
}

fn unknown(kind: &str, name: &str, path: &str) -> Error {
    Error::of_call(
        format_args!("lookup of {kind} {name:?} in {path}"),
        Errno::ENOENT,
    )
    .with_hint(
        "the file is the one in ROOTFS; a number from 0 to 4294967294 needs \
         no entry",
    )
}

/// Becomes `user`, with no group but its own, and no way back.
///
/// It takes CAP_SETGID and CAP_SETUID, and loses them; the permitted
/// capabilities stay, for [`keep_capabilities`](crate::keep_capabilities) to
/// choose from.
pub fn become_user(user: &User) -> Result<()> {
    let User { uid, gid, .. } = *user;
    prctl::set_keepcaps(true).call("prctl(PR_SET_KEEPCAPS, 1)")?;
    // Groups before the user: afterwards we may not change them any more.
    setresgid(gid, gid, gid)
        .call(format_args!("setresgid({gid}, {gid}, {gid})"))
        .hint(Errno::EINVAL, UNMAPPED)
        .hint(Errno::EPERM, "it takes root (CAP_SETGID)")?;
    drop_supplementary_groups(gid)?;
    setresuid(uid, uid, uid)
        .call(format_args!("setresuid({uid}, {uid}, {uid})"))
        .hint(Errno::EINVAL, UNMAPPED)
        .hint(Errno::EPERM, "it takes root (CAP_SETUID)")?;

    let users = getresuid().call("getresuid()")?;
    let groups = getresgid().call("getresgid()")?;
    if [users.real, users.effective, users.saved] != [uid; 3]
        || [groups.real, groups.effective, groups.saved] != [gid; 3]
    {
        return Err(Error::new(format_args!(
            "the ids read back as {users:?} and {groups:?}, not {user:?}"
        )));
    }
    Ok(())
}

const UNMAPPED: &str = "this user namespace has no such id: take one that \
                        /proc/self/uid_map and gid_map list, such as --user 0";

/// Groups that the caller was in besides, such as `disk`, open files that the
/// new user may not.
fn drop_supplementary_groups(gid: Gid) -> Result<()> {
    let others = || -> Result<Vec<Gid>> {
        let mut groups = getgroups().call("getgroups()")?;
        groups.retain(|group| *group != gid);
        Ok(groups)
    };
    // In a user namespace that an ordinary user made without help,
    // setgroups(2) is denied: user_namespaces(7). Who is in no other group
    // has none to drop.
    if others()?.is_empty() {
        return Ok(());
    }
    setgroups(&[]).call("setgroups([])").hint(
        Errno::EPERM,
        "it takes root (CAP_SETGID), and in a user namespace that \
         /proc/self/setgroups does not say `deny`",
    )?;
    match others()? {
        left if left.is_empty() => Ok(()),
        left => Err(Error::new(format_args!(
            "setgroups([]) left the groups {left:?}"
        ))),
    }
}
