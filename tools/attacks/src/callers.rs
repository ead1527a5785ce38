//! Attacks on a service of the host that is called by a socket in a volume, as
//! those of docker(1) and D-Bus are: unix(7).
//!
//! Such a socket is a file. Whoever has the file may call, whatever his
//! network and his process numbers are.

use std::fs::{self, File};
use std::io::{IoSlice, IoSliceMut, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, getsockopt, recvmsg,
    sendmsg, sockopt,
};
use process::{Call, Result};
use rustix::process::{
    PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open,
};

use crate::directory::set_mode;
use crate::outcome::{Finding, Outcome};
use crate::spec::{SECRET_LENGTH, Spec};
use crate::volume;

/// The socket, in the volume.
const NAME: &str = "service";

/// Is user 0 to a service that asks the kernel who calls: SO_PEERCRED.
///
/// dockerd(8), polkit(8) and D-Bus let root do what others may not. If user 0
/// inside is user 0 outside, so is the caller. A map of his own that says so
/// is of no use to anybody else: nobody gives away numbers that he does not
/// have, "Defining user and group ID mappings" in user_namespaces(7).
pub(crate) fn host_uid(canary: &Spec) -> Result<Finding> {
    let path = volume::inside(canary)?.join(NAME);
    call(&path)?;
    let again = map_root().and_then(|()| call(&path));
    let how = match again {
        Ok(_) => "and once more with the map `0 0 1`".to_owned(),
        Err(error) => error.to_string(),
    };
    Ok((Outcome::Attempted, format!("called {path:?}; {how}")))
}

/// Becomes user 0 of a user namespace, who is to be user 0 outside.
fn map_root() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWUSER).call("unshare(CLONE_NEWUSER)")?;
    let path = "/proc/self/uid_map";
    fs::write(path, "0 0 1").call(format_args!("write({path:?}, \"0 0 1\")"))
}

/// Takes an open file of the service's: pidfd_getfd(2).
///
/// The service gives its pidfd to every caller, as systemd(1) does. So no
/// process number is asked for, and no pid namespace is in the way: what
/// remains are the rules of ptrace(2). By those, the same user is enough, or
/// CAP_SYS_PTRACE; unless the process belongs to another user namespace, where
/// only the capability counts, and only if it is from there.
pub(crate) fn take_descriptor(canary: &Spec) -> Result<Finding> {
    let path = volume::inside(canary)?.join(NAME);
    let Answer { process, number } = call(&path)?;
    let file = pidfd_getfd(process, number, PidfdGetfdFlags::empty())
        .map_err(std::io::Error::from)
        .call(format_args!("pidfd_getfd({path:?}, {number})"))?;
    let mut bytes = [0; SECRET_LENGTH];
    File::from(file)
        .read_exact_at(&mut bytes, 0)
        .call(format_args!("pread({number})"))?;
    canary.judge(&bytes, format_args!("descriptor {number} of the service"))
}

/// What the service tells everybody.
struct Answer {
    /// Its pidfd.
    process: OwnedFd,
    /// By which number it has the secret open.
    number: RawFd,
}

fn call(path: &Path) -> Result<Answer> {
    let stream =
        UnixStream::connect(path).call(format_args!("connect({path:?})"))?;
    let mut number = [0; 4];
    let mut bytes = [IoSliceMut::new(&mut number)];
    let mut space = cmsg_space!([RawFd; 1]);
    let receive = format!("recvmsg({path:?})");
    let message = recvmsg::<()>(
        stream.as_raw_fd(),
        &mut bytes,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )
    .call(&receive)?;
    let fd = message.cmsgs().call(&receive)?.find_map(|c| match c {
        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
        _ => None,
    });
    let fd = fd.ok_or(Errno::EMFILE).call(&receive)?;
    // SAFETY: the kernel has just put it into our table, and nobody else knows
    // of it.
    let process = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok(Answer { process, number: RawFd::from_ne_bytes(number) })
}

/// The service, which the canary process offers.
#[derive(Debug)]
pub(crate) struct Callers {
    pub(crate) listener: UnixListener,
    secret: File,
}

impl Callers {
    /// Makes the socket, for everybody to call.
    pub(crate) fn plant(volume: &Path, secret: &str) -> Result<Self> {
        let path: PathBuf = volume.join(NAME);
        // A path to bind is at most 107 bytes long, and this one is not ours.
        let directory =
            File::open(volume).call(format_args!("open({volume:?})"))?;
        let short = format!("/proc/self/fd/{}/{NAME}", directory.as_raw_fd());
        let listener =
            UnixListener::bind(short).call(format_args!("bind({path:?})"))?;
        set_mode(&path, 0o666)?;
        let mut file = memfd_create("secret", MFdFlags::MFD_CLOEXEC)
            .map(File::from)
            .call("memfd_create()")?;
        file.write_all(secret.as_bytes()).call("write(secret)")?;
        Ok(Self { listener, secret: file })
    }

    /// In the canary process: answers a caller; whether it was user 0.
    pub(crate) fn answer(&self) -> Result<bool> {
        let (caller, _) = self.listener.accept().call("accept()")?;
        let who = getsockopt(&caller, sockopt::PeerCredentials)
            .call("getsockopt(SO_PEERCRED)")?;
        let own = pidfd_open(getpid(), PidfdFlags::empty())
            .map_err(std::io::Error::from)
            .call("pidfd_open()")?;
        let number = self.secret.as_raw_fd().to_ne_bytes();
        // A caller that has gone away is none of our business.
        let _ = sendmsg::<()>(
            caller.as_raw_fd(),
            &[IoSlice::new(&number)],
            &[ControlMessage::ScmRights(&[own.as_raw_fd()])],
            MsgFlags::MSG_NOSIGNAL,
            None,
        );
        Ok(who.uid() == 0)
    }
}
