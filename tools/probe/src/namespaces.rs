//! The eight kinds of namespaces(7), each known by the inode that stands for
//! it.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use process::{Call, Error, Result};

use crate::report::Known;
use crate::subject::Subject;

/// The requests of ioctl(2) on a pidfd, from Linux 6.11: <linux/pidfd.h>.
mod request {
    const PIDFS_IOCTL_MAGIC: u8 = 0xff;
    nix::ioctl_none!(cgroup, PIDFS_IOCTL_MAGIC, 1);
    nix::ioctl_none!(ipc, PIDFS_IOCTL_MAGIC, 2);
    nix::ioctl_none!(mnt, PIDFS_IOCTL_MAGIC, 3);
    nix::ioctl_none!(net, PIDFS_IOCTL_MAGIC, 4);
    nix::ioctl_none!(pid, PIDFS_IOCTL_MAGIC, 5);
    nix::ioctl_none!(time, PIDFS_IOCTL_MAGIC, 7);
    nix::ioctl_none!(user, PIDFS_IOCTL_MAGIC, 9);
    nix::ioctl_none!(uts, PIDFS_IOCTL_MAGIC, 10);
}

type Request = unsafe fn(RawFd) -> nix::Result<i32>;

const REQUESTS: [(&str, Request); 8] = [
    ("cgroup", request::cgroup),
    ("ipc", request::ipc),
    ("mnt", request::mnt),
    ("net", request::net),
    ("pid", request::pid),
    ("time", request::time),
    ("user", request::user),
    ("uts", request::uts),
];

/// The identity of the subject's namespace of the kind `name`.
pub(crate) fn read(subject: &Subject, name: &str) -> Result<Known> {
    identity(subject, name).map(Known::text)
}

/// Device and inode, as two processes that share a namespace both see it.
pub(crate) fn identity(subject: &Subject, name: &str) -> Result<String> {
    let found = open(subject, name)?.metadata().call("fstat(namespace)")?;
    Ok(format!("{}:{}", found.dev(), found.ino()))
}

/// Opens the namespace, through the kernel alone if it can, else through
/// /proc.
pub(crate) fn open(subject: &Subject, name: &str) -> Result<File> {
    open_by_pidfd(subject, name).or_else(|without_proc| {
        open_by_path(subject, name).map_err(|error| {
            Error::new(format_args!("{without_proc}; {error}"))
        })
    })
}

fn open_by_path(subject: &Subject, name: &str) -> Result<File> {
    let path = subject.proc(&format!("ns/{name}"))?;
    File::open(&path).call(format_args!("open({path:?})"))
}

fn open_by_pidfd(subject: &Subject, name: &str) -> Result<File> {
    let pidfd = pidfd_open(subject.pid().as_raw()).call("pidfd_open")?;
    let request = REQUESTS.iter().find(|(known, _)| *known == name);
    let Some((_, request)) = request else {
        return Err(Error::new(format_args!("no namespace {name:?}")));
    };
    // SAFETY: the request takes no argument and touches no memory; an older
    // kernel answers ENOTTY.
    let fd = unsafe { request(pidfd.as_raw_fd()) }.call(format_args!(
        "ioctl(PIDFD_GET_{}_NAMESPACE)",
        name.to_uppercase()
    ))?;
    // SAFETY: the kernel made this descriptor for us a moment ago, and nobody
    // else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) }.into())
}

/// pidfd_open(2), which has no wrapper in the C libraries of 2022 and before.
pub(crate) fn pidfd_open(pid: libc::pid_t) -> nix::Result<OwnedFd> {
    // SAFETY: pidfd_open(2) takes two numbers and touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = Errno::result(fd)? as RawFd;
    // SAFETY: as above, the descriptor is new and ours.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
