//! A network namespace, and the way in and back: network_namespaces(7).

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use process::{Call, Hint, Result};

/// A network namespace, which lives at least as long as this.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// That of the calling thread.
    pub fn current() -> Result<Self> {
        let path = "/proc/thread-self/ns/net";
        File::open(path).call(format_args!("open({path:?})")).map(Self)
    }

    /// That of a process, by its pidfd.
    pub fn of(process: BorrowedFd) -> Result<Self> {
        let here = Self::current()?;
        enter(process)?;
        let there = Self::current();
        enter(here.as_fd())?;
        there
    }

    /// Does something in there, such as to open a socket: sockets belong to
    /// the network namespace in which they were opened, wherever they are used.
    pub fn within<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let here = Self::current()?;
        enter(self.as_fd())?;
        let result = act();
        enter(here.as_fd())?;
        result
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Moves the calling thread, and no other, to the network namespace of a file
/// or of a pidfd.
pub fn enter(namespace: BorrowedFd) -> Result<()> {
    setns(namespace, CloneFlags::CLONE_NEWNET)
        .call("setns(CLONE_NEWNET)")
        .hint(
            Errno::EPERM,
            "it takes CAP_SYS_ADMIN, in the user namespace that owns the \
             network too: run it with sudo",
        )
        .hint(Errno::ESRCH, "the process has ended")
}
