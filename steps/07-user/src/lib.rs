//! Root inside, nobody outside: user_namespaces(7).
//!
//! A user namespace gives numbers of users and groups another meaning. Two
//! maps say which user outside each user inside *is*: 0 inside may be
//! 1900000000 outside, to whom no file belongs. And its first process has
//! every capability, but only over what belongs to the namespace: the other
//! namespaces that were made with it, and the files of those users.
//!
//! So root is split in two. What it may do to the container it may do; what
//! it may do to the machine is gone. And since it costs the machine nothing,
//! everybody may make such a namespace: from here on no step needs root.

mod gate;
mod ids;
mod map;
mod options;
mod owner;
mod refusal;
mod subordinate;
mod write;

use std::convert::Infallible;
use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::unistd::Pid;
use process::{Call, Error, Result};

pub use gate::Gate;
pub use ids::become_root;
pub use map::{Map, Range};
pub use options::{IdOptions, Ids};
pub use owner::{received, sources};

/// Starts a process as [`pid::spawn`] does, in a user namespace besides.
///
/// One call for all: the kernel makes the user namespace first, and the
/// others belong to it (user_namespaces(7), "Interaction of user namespaces
/// and other types of namespaces"). Until somebody outside has written the
/// maps, the process is nobody in there: let it wait at a [`Gate`].
pub fn spawn(
    namespaces: CloneFlags,
    child: impl FnOnce(pid::Parent) -> Result<Infallible>,
) -> Result<pid::Child> {
    spawn_into(None, namespaces, child)
}

/// The same, in another group, as [`pid::spawn_into`] has it.
pub fn spawn_into(
    group: Option<BorrowedFd>,
    namespaces: CloneFlags,
    child: impl FnOnce(pid::Parent) -> Result<Infallible>,
) -> Result<pid::Child> {
    pid::spawn_into(group, CloneFlags::CLONE_NEWUSER | namespaces, child)
        .map_err(refusal::explain)
}

/// Fails unless `pid` is in another user namespace than the caller, whatever
/// was said when it was made: a container of the caller's own users is none.
fn must_have_its_own(pid: Pid) -> Result<()> {
    let link = |who: &str| {
        let path = format!("/proc/{who}/ns/user");
        std::fs::read_link(&path).call(format_args!("readlink({path:?})"))
    };
    match link(&pid.to_string())? == link("self")? {
        false => Ok(()),
        true => Err(Error::of_call("clone3(CLONE_NEWUSER)", Errno::EINVAL)
            .with_hint("it went through, and made no user namespace")),
    }
}
