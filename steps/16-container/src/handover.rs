//! A descriptor handed from the container to its owner: SCM_RIGHTS in unix(7).

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag,
    SockType, recvmsg, sendmsg, socketpair,
};
use process::{Call, Result};

/// Two ends, of which one is to be the container's.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd)> {
    let flags = SockFlag::SOCK_CLOEXEC;
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)
        .call("socketpair(AF_UNIX, SOCK_SEQPACKET)")
}

pub(crate) fn send(socket: &OwnedFd, fd: BorrowedFd) -> Result<()> {
    let rights = [fd.as_raw_fd()];
    let control = [ControlMessage::ScmRights(&rights)];
    let (byte, flags) = ([IoSlice::new(&[0])], MsgFlags::MSG_NOSIGNAL);
    sendmsg::<()>(socket.as_raw_fd(), &byte, &control, flags, None)
        .map(drop)
        .call("sendmsg(terminal)")
}

/// Waits for it. None, if the other end is closed.
pub(crate) fn receive(socket: &OwnedFd) -> Result<Option<OwnedFd>> {
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut space = cmsg_space!([RawFd; 1]);
    let (fd, flags) = (socket.as_raw_fd(), MsgFlags::MSG_CMSG_CLOEXEC);
    let message = recvmsg::<()>(fd, &mut bytes, Some(&mut space), flags)
        .call("recvmsg(terminal)")?;
    for control in message.cmsgs().call("recvmsg(terminal)")? {
        if let ControlMessageOwned::ScmRights(fds) = control
            && let Some(fd) = fds.first()
        {
            // SAFETY: the kernel has just put it into our table, and nobody
            // else knows of it.
            return Ok(Some(unsafe { OwnedFd::from_raw_fd(*fd) }));
        }
    }
    Ok(None)
}
