//! The process outside, as the one inside knows it: by a pidfd.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use process::{Call, Error, Result};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

/// The process that starts another one.
///
/// It is not to be kept: with a pidfd of the host, root in the container could
/// enter the host's namespaces (setns(2)).
#[derive(Debug)]
pub struct Parent(OwnedFd);

impl Parent {
    /// This process, as its children will know it.
    pub(crate) fn of_children() -> Result<Self> {
        pidfd_open(getpid(), PidfdFlags::empty())
            .map_err(std::io::Error::from)
            .call("pidfd_open(self)")
            .map(Self)
    }

    /// One more, for who must call [`die_with`] again: a change of user undoes
    /// it.
    pub fn try_clone(&self) -> Result<Self> {
        self.0.try_clone().call("dup(pidfd)").map(Self)
    }

    fn has_ended(&self) -> Result<bool> {
        // Readable from the end of the process on: pidfd_open(2).
        let mut events = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        let count = poll(&mut events, PollTimeout::ZERO).call("poll(pidfd)")?;
        Ok(count > 0)
    }
}

/// To wait for its end, and for something else too: poll(2).
impl AsFd for Parent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// As [`process::die_with`], for the first process of a pid namespace: with
/// it all others in there end, grandchildren too.
pub fn die_with(parent: Parent) -> Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)
        .call("prctl(PR_SET_PDEATHSIG, SIGKILL)")?;
    // A parent that ended before the call sends nothing any more. To compare
    // getppid(2) is no help: from in here, a parent outside has the number 0,
    // alive or dead. Nor is raise(2): number 1 can't kill itself.
    match parent.has_ended()? {
        false => Ok(()),
        true => Err(Error::new("the tool has ended, and so must its command")),
    }
}
