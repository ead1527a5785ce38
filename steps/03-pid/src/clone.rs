//! Start a process in new namespaces: clone3(2).

use std::convert::Infallible;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::{ForkResult, Pid};
use process::{Call, Hint, Result};

use crate::parent::Parent;

/// A process that has been started in namespaces of its own.
#[must_use = "a child that nobody waits for stays behind as a zombie"]
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    pidfd: OwnedFd,
}

impl Child {
    /// Waits as [`process::Child::wait`] does.
    pub fn wait(self) -> Result<u8> {
        self.process.wait()
    }

    /// The number of the process out here; inside it is 1.
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// By which others may wait as well. A number is given to another process
    /// when this one has been waited for, its pidfd never: pidfd_open(2).
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// Starts a process in new `namespaces`, as [`process::spawn`] does in the old
/// ones.
///
/// unshare(2) would not do: it leaves its caller in the old pid namespace, and
/// only the next child is in the new one.
pub fn spawn(
    namespaces: CloneFlags,
    child: impl FnOnce(Parent) -> Result<Infallible>,
) -> Result<Child> {
    spawn_into(None, namespaces, child)
}

/// The same, in another group of cgroups(7) from its first moment on: `group`
/// is the group's directory. Without clone3(2) the kernel can't, and the
/// process begins in the group of its parent.
pub fn spawn_into(
    group: Option<BorrowedFd>,
    namespaces: CloneFlags,
    child: impl FnOnce(Parent) -> Result<Infallible>,
) -> Result<Child> {
    let parent = Parent::of_children()?;
    let mut pidfd = None;
    let clone = || {
        let (which, fd) = clone(group, namespaces)?;
        pidfd = fd;
        Ok(which)
    };
    let process = process::spawn_by(clone, || child(parent))?;
    match pidfd {
        Some(pidfd) => Ok(Child { process, pidfd }),
        None => unreachable!("CLONE_PIDFD gives the parent one"),
    }
}

/// Which of the two processes this is, and the parent's pidfd of the child.
fn clone(
    group: Option<BorrowedFd>,
    namespaces: CloneFlags,
) -> Result<(ForkResult, Option<OwnedFd>)> {
    let mut pidfd: RawFd = -1;
    let pid = clone3(group, namespaces, &mut pidfd)
        // Linux 5.2 has the pidfd but not the call, and so has a container
        // whose seccomp filter was written before it.
        .or_else(|errno| match errno {
            Errno::ENOSYS => clone2(namespaces, &mut pidfd),
            _ => Err(errno),
        })
        .call(format_args!("clone3({} | CLONE_PIDFD)", names(namespaces)))
        .hint(
            Errno::EPERM,
            "new namespaces take root (CAP_SYS_ADMIN): run it with sudo, or \
             as root of a user namespace, which `unshare --map-root-user` \
             makes; 07-user is the first step that needs no root",
        )
        .hint(
            Errno::ENOSPC,
            "pid namespaces nest 32 deep; /proc/sys/user/ has how many of \
             each kind there may be",
        )
        .hint(
            Errno::EAGAIN,
            "a limit on processes is reached: `ulimit -u`, pids.max of a \
             cgroup, or /proc/sys/kernel/pid_max",
        )?;
    if pid == 0 {
        return Ok((ForkResult::Child, None));
    }
    // SAFETY: the kernel has just opened it for us, and nobody else knows of
    // it.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    let child = Pid::from_raw(pid as libc::pid_t);
    Ok((ForkResult::Parent { child }, Some(pidfd)))
}

/// The flags as C has them.
fn names(flags: CloneFlags) -> String {
    let names: Vec<_> = flags.iter_names().map(|(name, _)| name).collect();
    names.join(" | ")
}

/// From <linux/sched.h>. It does not fit into the type that libc has for
/// flags: its constant of this name is 0, and has no effect.
const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// clone3(2), Linux 5.3: one structure, which newer kernels can make longer.
fn clone3(
    group: Option<BorrowedFd>,
    namespaces: CloneFlags,
    pidfd: &mut RawFd,
) -> nix::Result<libc::c_long> {
    let flags = (namespaces.bits() | libc::CLONE_PIDFD) as u64;
    let into = group.map_or(0, |_| CLONE_INTO_CGROUP);
    let mut arguments = libc::clone_args {
        flags: flags | into,
        pidfd: std::ptr::from_mut(pidfd).addr() as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0, // The child goes on with a copy of ours.
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: group.map_or(0, |group| group.as_raw_fd() as u64),
    };
    // SAFETY: without CLONE_VM this is fork(2), with its contract: the caller
    // has one thread, which `process::spawn_by` sees to. The structure and
    // `pidfd` outlive the call.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw mut arguments,
            size_of::<libc::clone_args>(),
        )
    })
}

/// clone(2), the older call: flags and the signal in one number, and the
/// pidfd in the place of another result.
fn clone2(
    namespaces: CloneFlags,
    pidfd: &mut RawFd,
) -> nix::Result<libc::c_long> {
    let flags = namespaces.bits() | libc::CLONE_PIDFD | libc::SIGCHLD;
    let none = 0_usize;
    // SAFETY: as above. What stands behind `pidfd` differs between machines,
    // and is not used.
    Errno::result(unsafe {
        libc::syscall(
            libc::SYS_clone,
            flags as libc::c_ulong,
            none, // The stack.
            std::ptr::from_mut(pidfd),
            none,
            none,
        )
    })
}
