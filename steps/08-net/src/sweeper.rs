//! Unplug the cable when a container has ended, however it ended.
//!
//! The kernel does most of it: the cable goes with the container's network,
//! the rules with the tool. Only the bridge belongs to nobody.

use std::fs::File;
use std::io::{Read, pipe};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::Path;
use std::process::exit;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, setsid};
use process::{Call, Result};

use crate::bridge;
use crate::names;
use crate::namespace::Namespace;
use crate::netlink::Netlink;
use crate::options::NetOptions;
use crate::state::Locked;

/// Starts a process that waits for the end of a container and then calls
/// `sweep`, before there is anything to be swept.
///
/// It has closed what the tool has open when this returns. Rules and ports go
/// when nobody has their sockets any more, and it is not to be somebody.
///
/// Nobody waits for its end in turn: to remove interfaces, the kernel waits until
/// no processor looks at them any more, which takes longer than to start the
/// container. What it could not do, the next start does, or `workshop clean`.
pub fn start(
    container: BorrowedFd,
    there: &Namespace,
    sweep: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let (mut ours, theirs) = pipe().call("pipe()")?;
    let sweeper = process::spawn(|_| {
        detach()?;
        close_all_but([container, there.as_fd()])?;
        wait_for_end(container)?;
        sweep()?;
        exit(0)
    })?;
    drop((sweeper, theirs));
    // The other end is closed with all else.
    ours.read(&mut [0]).call("read(sweeper)").map(drop)
}

/// Leaves the terminal: neither Ctrl-C nor its end are meant for this process,
/// and who reads what the tool prints is not to wait for it.
pub(crate) fn detach() -> Result<()> {
    setsid().call("setsid()")?;
    let null = File::options().read(true).write(true).open("/dev/null");
    let null = null.call("open(\"/dev/null\")")?;
    dup2_stdin(&null).call("dup2(stdin)")?;
    dup2_stdout(&null).call("dup2(stdout)")?;
    dup2_stderr(&null).call("dup2(stderr)")
}

/// Closes what the tool has open, but for these.
pub(crate) fn close_all_but(kept: [BorrowedFd; 2]) -> Result<()> {
    let mut kept = kept.map(|fd| fd.as_raw_fd() as u32);
    kept.sort_unstable();
    let [low, high] = kept;
    let ranges = [(3, low - 1), (low + 1, high - 1), (high + 1, u32::MAX)];
    for (first, last) in ranges.into_iter().filter(|(a, b)| a <= b) {
        // SAFETY: close_range(2) touches no memory. Whoever in this process
        // owns one of these uses it no more: it ends by exit(3), which drops
        // nothing.
        let result = unsafe { libc::close_range(first, last, 0) };
        Errno::result(result)
            .call(format_args!("close_range({first}, {last}, 0)"))?;
    }
    Ok(())
}

/// Waits for a process that is no child of this one.
pub(crate) fn wait_for_end(pidfd: BorrowedFd) -> Result<()> {
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

/// Does for those whose sweeper was killed too what it would have done.
pub fn sweep_all() -> Result<()> {
    let state = Locked::wait(&crate::state::directory()?)?;
    match bridge::remove_unused(&mut Netlink::open()?)? {
        true => state.remove(),
        false => Ok(()), // A container was faster.
    }
}
