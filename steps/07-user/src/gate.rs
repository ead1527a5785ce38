//! A gate as [`pid::Gate`], through which descriptors are handed as well.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::process::exit;

use mount::Sources;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag,
    SockType, recvmsg, sendmsg, socketpair,
};
use process::{Call, Result};

/// Closed at first. A pair of sockets, since a socket carries descriptors:
/// SCM_RIGHTS in unix(7).
#[derive(Debug)]
pub struct Gate {
    outside: OwnedFd,
    inside: OwnedFd,
}

impl Gate {
    /// A new gate, closed.
    pub fn new() -> Result<Self> {
        let (outside, inside) = socketpair(
            AddressFamily::Unix,
            SockType::SeqPacket, // which keeps messages apart
            None,
            SockFlag::SOCK_CLOEXEC,
        )
        .call("socketpair(AF_UNIX, SOCK_SEQPACKET)")?;
        Ok(Self { outside, inside })
    }

    /// Outside: lets the process inside go on, and hands it what it is to
    /// mount, if that is not for it to find.
    pub fn open(&self, sources: Option<&Sources>) -> Result<()> {
        // One each: there is a limit to how many a message can carry.
        for fd in sources.map(Sources::fds).unwrap_or_default() {
            self.send(&[ControlMessage::ScmRights(&[fd.as_raw_fd()])])?;
        }
        self.send(&[])
    }

    fn send(&self, control: &[ControlMessage]) -> Result<()> {
        let byte = [IoSlice::new(&[0])];
        sendmsg::<()>(
            self.outside.as_raw_fd(),
            &byte,
            control,
            MsgFlags::MSG_NOSIGNAL,
            None,
        )
        .map(drop)
        .call("sendmsg(gate)")
    }

    /// Inside: waits until the gate is open; gives what was handed over.
    ///
    /// If `parent` ends before, so does this process, and says nothing: who
    /// closed the door has said why. There is no end of file to tell, since
    /// this process holds a copy of `outside` too. And it can't leave that to
    /// [`pid::die_with`], whose wish the change of user that follows would
    /// undo.
    pub fn wait(&self, parent: &pid::Parent) -> Result<Vec<OwnedFd>> {
        let mut fds = Vec::new();
        loop {
            self.wait_for_message(parent)?;
            match self.receive()? {
                Some(fd) => fds.push(fd),
                None => return Ok(fds),
            }
        }
    }

    fn wait_for_message(&self, parent: &pid::Parent) -> Result<()> {
        let both = [self.inside.as_fd(), parent.as_fd()];
        let mut events = both.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut events, PollTimeout::NONE).call("poll(gate, parent)")?;
        match events[0].any() {
            Some(true) => Ok(()),
            _ => exit(process::FAILED.into()),
        }
    }

    fn receive(&self) -> Result<Option<OwnedFd>> {
        let mut byte = [0];
        let mut bytes = [IoSliceMut::new(&mut byte)];
        let mut space = cmsg_space!([RawFd; 1]);
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let call = "recvmsg(gate)";
        let message = recvmsg::<()>(
            self.inside.as_raw_fd(),
            &mut bytes,
            Some(&mut space),
            flags,
        )
        .call(call)?;
        if message.flags.contains(MsgFlags::MSG_CTRUNC) {
            // No descriptor was free for it, and the kernel says only this.
            return Err(Errno::EMFILE).call(call);
        }
        for control in message.cmsgs().call(call)? {
            if let ControlMessageOwned::ScmRights(fds) = control
                && let Some(fd) = fds.first()
            {
                // SAFETY: the kernel has just put it into our table, and
                // nobody else knows of it.
                return Ok(Some(unsafe { OwnedFd::from_raw_fd(*fd) }));
            }
        }
        Ok(None)
    }
}
