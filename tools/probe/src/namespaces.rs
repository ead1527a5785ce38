//! The eight kinds of namespaces(7), each known by the inode that stands for
//! it.

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use process::{Call, Error, Hint, Result};

use crate::owners;
use crate::report::Known;
use crate::subject::Subject;

/// The names in /proc/PID/ns, and the numbers in PIDFD_GET_CGROUP_NAMESPACE
/// and its like: <linux/pidfd.h>, from Linux 6.11.
const KINDS: [(&str, u32); 8] = [
    ("cgroup", 1),
    ("ipc", 2),
    ("mnt", 3),
    ("net", 4),
    ("pid", 5),
    ("time", 7),
    ("user", 9),
    ("uts", 10),
];

/// PIDFS_IOCTL_MAGIC: the group of requests that those belong to.
const GROUP: u32 = 0xff;

/// The identity of the subject's namespace of the kind `name`, with a note
/// whom it belongs to.
pub(crate) fn read(subject: &Subject, name: &str) -> Result<Known> {
    let namespace = open(subject, name)?;
    let known = Known::text(owners::identity(&namespace)?);
    Ok(match owners::describe(&namespace, name) {
        Ok(owner) => known.noted(owner),
        Err(error) => known.noted(error),
    })
}

/// Device and inode, as two processes that share a namespace both see it.
pub(crate) fn identity(subject: &Subject, name: &str) -> Result<String> {
    owners::identity(&open(subject, name)?)
}

/// Opens the namespace, through the kernel alone if it can, else through
/// /proc.
pub(crate) fn open(subject: &Subject, name: &str) -> Result<File> {
    open_by_pidfd(subject, name)
        .or_else(|error| open_by_path(subject, name).map_err(|_| error))
        .hint(Errno::ENOTTY, "it takes Linux 6.11, or /proc")
        .hint(Errno::EACCES, "see PTRACE_MODE_READ in ptrace(2)")
}

fn open_by_path(subject: &Subject, name: &str) -> Result<File> {
    let path = subject.proc(&format!("ns/{name}"))?;
    File::open(&path).call(format_args!("open({path:?})"))
}

fn open_by_pidfd(subject: &Subject, name: &str) -> Result<File> {
    let pidfd = pidfd_open(subject.pid().as_raw()).call("pidfd_open")?;
    let kind = KINDS.iter().find(|(known, _)| *known == name);
    let Some((_, number)) = kind else {
        return Err(Error::new(format_args!("no namespace {name:?}")));
    };
    let request = nix::request_code_none!(GROUP, *number);
    // SAFETY: the request must have the argument 0 and touches no memory; an
    // older kernel knows none of that number and answers ENOTTY.
    let fd = unsafe { libc::ioctl(pidfd.as_raw_fd(), request, 0) };
    let fd = Errno::result(fd).call(format_args!(
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn both_ways_lead_to_the_same_namespace() {
        let myself = Subject::myself();
        for (name, _) in KINDS {
            let inode = |file: File| file.metadata().unwrap().ino();
            let path = open_by_path(&myself, name).map(inode).unwrap();
            match open_by_pidfd(&myself, name) {
                Ok(file) => assert_eq!(inode(file), path, "{name}"),
                Err(error) => {
                    assert_eq!(error.errno(), Some(Errno::ENOTTY), "{error}");
                }
            }
        }
    }
}
