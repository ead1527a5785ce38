//! mount(2), which is as old as Unix, and knows paths only.
//!
//! A descriptor has a path too, `/proc/self/fd/N`, and the kernel follows it
//! to what is open, whatever happened to the name meanwhile. So nobody can
//! exchange what is to be mounted. What this interface can't do is to finish
//! a mount before it is seen, or to change a whole tree at once.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, open};
use nix::mount::MsFlags;
use nix::sys::stat::Mode;
use process::{Call, Error, Result};
use rustix::fs::fstatvfs;

use super::Filesystem;
use crate::root::Place;

/// Links are not followed in there: mount(2), statfs(2), Linux 5.10.
const NOSYMFOLLOW: MsFlags = MsFlags::from_bits_retain(libc::MS_NOSYMFOLLOW);
const ST_NOSYMFOLLOW: u64 = 0x2000;

pub(super) fn mount(filesystem: &Filesystem, at: &Place) -> Result<OwnedFd> {
    let Filesystem { kind, flags, options } = *filesystem;
    let options = options.iter().map(|(key, value)| format!("{key}={value}"));
    let data = options.collect::<Vec<_>>().join(",");
    let target = path_of(at);
    nix::mount::mount(Some(kind), &target, Some(kind), flags, Some(&*data))
        .call(format_args!("mount({kind:?}, {:?}, {data:?})", at.path))?;
    mounted_on(at)
}

pub(super) fn bind(
    from: &Place,
    at: &Place,
    flags: MsFlags,
) -> Result<OwnedFd> {
    let nothing = None::<&str>;
    let how = MsFlags::MS_BIND | MsFlags::MS_REC;
    nix::mount::mount(
        Some(&path_of(from)),
        &path_of(at),
        nothing,
        how,
        nothing,
    )
    .call(format_args!(
        "mount({:?}, {:?}, MS_BIND | MS_REC)",
        from.path, at.path
    ))?;
    let top = mounted_on(at)?;
    if !flags.is_empty() {
        for mount in tree_below(&top)? {
            change(&mount, flags, MsFlags::empty())?;
        }
    }
    Ok(top)
}

pub(super) fn set_read_only(mount: &Place, is: bool) -> Result<()> {
    let read_only = MsFlags::MS_RDONLY;
    match is {
        true => change(mount, read_only, MsFlags::empty()),
        false => change(mount, MsFlags::empty(), read_only),
    }
}

/// Changes the flags of one mount. It takes all that are to be set, those
/// that are set already among them: who forgets one clears it.
fn change(mount: &impl AsFd, set: MsFlags, clear: MsFlags) -> Result<()> {
    let nothing = None::<&str>;
    let how = MsFlags::MS_REMOUNT | MsFlags::MS_BIND;
    let flags = (flags_of(mount)? | set) - clear;
    nix::mount::mount(nothing, &path_of(mount), nothing, how | flags, nothing)
        .call(format_args!("mount(MS_REMOUNT | MS_BIND | {flags:?})"))
}

/// The flags that a mount has, but for those on the times of access: the
/// kernel leaves these as they are where none of them is named.
fn flags_of(mount: &impl AsFd) -> Result<MsFlags> {
    let found = fstatvfs(mount)
        .map_err(std::io::Error::from)
        .call("fstatvfs()")?
        .f_flag
        .bits();
    let pairs = [
        (libc::ST_RDONLY, MsFlags::MS_RDONLY),
        (libc::ST_NOSUID, MsFlags::MS_NOSUID),
        (libc::ST_NODEV, MsFlags::MS_NODEV),
        (libc::ST_NOEXEC, MsFlags::MS_NOEXEC),
        (ST_NOSYMFOLLOW, NOSYMFOLLOW),
    ];
    let set = pairs.iter().filter(|(is, _)| found & is != 0);
    Ok(set.map(|(_, flag)| *flag).collect())
}

/// A path that leads to what is open, and nowhere else: proc_pid_fd(5).
fn path_of(fd: &impl AsFd) -> PathBuf {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()).into()
}

/// The root of the mount that was just put on `at`.
fn mounted_on(at: &Place) -> Result<OwnedFd> {
    let link = path_of(at);
    let path = fs::read_link(&link).call(format_args!("readlink({link:?})"))?;
    let top = open_path(&path)?;
    let (id, below) = (mount_id(&top)?, mount_id(at)?);
    // The path may have become another one since.
    match mounts()?.iter().any(|m| m.id == id && m.parent == below) {
        true => Ok(top),
        false => Err(Error::new(format_args!(
            "{path:?} does not lead to what was just mounted there"
        ))
        .with_hint(
            "somebody has moved it, or it is the root directory: the latter \
             takes the mount calls of Linux 5.2",
        )),
    }
}

/// This mount, and all those below it.
fn tree_below(top: &OwnedFd) -> Result<Vec<OwnedFd>> {
    let mut ids = vec![mount_id(top)?];
    let mut tree = vec![top.try_clone().call("dup()")?];
    // A mount stands behind the one that it is mounted on.
    for Mount { id, parent, path } in mounts()? {
        if !ids.contains(&parent) {
            continue;
        }
        let mount = open_path(&path)?;
        if mount_id(&mount)? != id {
            return Err(Error::new(format_args!(
                "{path:?} leads to another mount than /proc/self/mountinfo \
                 has there"
            )));
        }
        ids.push(id);
        tree.push(mount);
    }
    Ok(tree)
}

/// A line of proc_pid_mountinfo(5).
struct Mount {
    id: u64,
    parent: u64,
    path: PathBuf,
}

fn mounts() -> Result<Vec<Mount>> {
    let path = "/proc/self/mountinfo";
    let text = fs::read_to_string(path).call(format_args!("open({path:?})"))?;
    Ok(text.lines().filter_map(Mount::parse).collect())
}

impl Mount {
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split(' ');
        let id = fields.next()?.parse().ok()?;
        let parent = fields.next()?.parse().ok()?;
        let path = fields.nth(2)?;
        // Blanks and the like are written in octal.
        let path = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n")]
            .into_iter()
            .chain([("\\134", "\\")])
            .fold(path.to_owned(), |path, (code, c)| path.replace(code, c));
        Some(Self { id, parent, path: path.into() })
    }
}

/// The number of the mount that an open file is on.
fn mount_id(fd: &impl AsFd) -> Result<u64> {
    let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
    let text =
        fs::read_to_string(&path).call(format_args!("open({path:?})"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    line.and_then(|id| id.trim().parse().ok())
        .ok_or_else(|| Error::new(format_args!("{path:?} has no mnt_id")))
}

fn open_path(path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty())
        .call(format_args!("open({path:?}, O_PATH | O_NOFOLLOW)"))
}
