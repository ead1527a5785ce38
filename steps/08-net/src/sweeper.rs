//! Unplug the cable when a container has ended, however it ended.
//!
//! The kernel does most of it: the cable goes with the container's network,
//! the rules with the tool. Only the bridge belongs to nobody.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::process::exit;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::setsid;
use process::{Call, Error, Result};

use crate::bridge;
use crate::names;
use crate::namespace::Namespace;
use crate::netlink::Netlink;
use crate::options::NetOptions;
use crate::state::Locked;

/// A process that waits for the end of a container.
#[must_use = "call `finish` when the container has ended"]
#[derive(Debug)]
pub struct Sweeper(process::Child);

impl Sweeper {
    /// Starts it, before there is anything to be swept. It runs `sweep` when
    /// the container has ended.
    pub fn start(
        container: BorrowedFd,
        sweep: impl FnOnce() -> Result<()>,
    ) -> Result<Self> {
        process::spawn(|_| {
            // Neither Ctrl-C nor the end of the terminal are meant for it.
            setsid().call("setsid()")?;
            wait_for_end(container)?;
            sweep()?;
            exit(0)
        })
        .map(Self)
    }

    /// Waits until all is swept. Call it when the container has ended.
    pub fn finish(self) -> Result<()> {
        let pid = self.0.pid();
        match waitpid(pid, None).call(format_args!("waitpid({pid})"))? {
            WaitStatus::Exited(_, 0) => Ok(()),
            _ => Err(Error::new("the container's network was not removed")
                .with_hint("`cargo workshop clean` removes it")),
        }
    }
}

fn wait_for_end(pidfd: BorrowedFd) -> Result<()> {
    let mut events = [PollFd::new(pidfd, PollFlags::POLLIN)];
    poll(&mut events, PollTimeout::NONE).call("poll(pidfd)").map(drop)
}

pub(crate) fn sweep(
    network: &Namespace,
    options: &NetOptions,
    state: &Path,
) -> Result<()> {
    let state = Locked::wait(state)?;
    // The kernel would do it too, in a while. But the last one must see it
    // gone to know that it is the last.
    bridge::unplug(network)?;
    let mut netlink = Netlink::open()?;
    match bridge::remove_unused(&mut netlink)? {
        true => state.remove(),
        false => names::write_hosts(&mut netlink, options, &state),
    }
}

/// What the next one to come does for those whose sweeper was killed too.
pub fn sweep_all() -> Result<()> {
    let path = crate::state::directory()?;
    if !path.exists() && crate::link::index_of(bridge::BRIDGE).is_err() {
        return Ok(());
    }
    let state = Locked::wait(&path)?;
    match bridge::remove_unused(&mut Netlink::open()?) {
        Ok(true) => state.remove(),
        Ok(false) => Ok(()),
        Err(error) if error.errno() == Some(Errno::EPERM) => Ok(()),
        Err(error) => Err(error),
    }
}
