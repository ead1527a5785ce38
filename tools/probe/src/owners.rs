//! Whom a namespace belongs to: ioctl_ns(2).

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use process::{Call, Result};

/// NSIO: the group of these requests.
const GROUP: u32 = 0xb7;
const NS_GET_USERNS: u32 = 1;
const NS_GET_PARENT: u32 = 2;
const NS_GET_OWNER_UID: u32 = 4;

/// For people: the user namespace that a namespace of the kind `name` belongs
/// to. Of a user namespace itself, who made it, and its ancestors with their
/// makers, as far as whoever looks may see them.
pub(crate) fn describe(namespace: &File, name: &str) -> Result<String> {
    if name != "user" {
        return Ok(match related(namespace, NS_GET_USERNS)? {
            Some(owner) => format!("belongs to user {}", identity(&owner)?),
            None => "belongs to a user namespace out of sight".into(),
        });
    }
    let mut text = maker(namespace)?;
    let mut ancestor = related(namespace, NS_GET_PARENT)?;
    while let Some(parent) = ancestor {
        let (name, maker) = (identity(&parent)?, maker(&parent)?);
        text += &format!(", within {name} {maker}");
        ancestor = related(&parent, NS_GET_PARENT)?;
    }
    Ok(text)
}

/// Device and inode, as in the rows of the namespaces.
pub(crate) fn identity(namespace: &File) -> Result<String> {
    let found = namespace.metadata().call("fstat(namespace)")?;
    Ok(format!("{}:{}", found.dev(), found.ino()))
}

/// Nothing, if it is not in the sight of whoever looks.
fn related(namespace: &File, number: u32) -> Result<Option<File>> {
    let request = nix::request_code_none!(GROUP, number);
    // SAFETY: the request takes no argument and touches no memory.
    let fd = unsafe { libc::ioctl(namespace.as_raw_fd(), request) };
    match Errno::result(fd) {
        Err(Errno::EPERM) => Ok(None),
        result => {
            let fd = result.call(format_args!("ioctl(namespace, {number})"))?;
            // SAFETY: the kernel has just made this descriptor for us, and
            // nobody else knows of it.
            Ok(Some(unsafe { OwnedFd::from_raw_fd(fd) }.into()))
        }
    }
}

/// The user who made a user namespace, by the number that whoever looks has
/// for him.
fn maker(namespace: &File) -> Result<String> {
    let request = nix::request_code_none!(GROUP, NS_GET_OWNER_UID);
    let mut uid: libc::uid_t = 0;
    // SAFETY: the request writes one number, to a place that is ours.
    let result =
        unsafe { libc::ioctl(namespace.as_raw_fd(), request, &raw mut uid) };
    Errno::result(result).call("ioctl(NS_GET_OWNER_UID)")?;
    Ok(format!("of user {uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_belongs_to_somebody() {
        for name in ["ipc", "mnt", "net", "pid", "user", "uts"] {
            let file = File::open(format!("/proc/self/ns/{name}")).unwrap();
            let text = describe(&file, name).unwrap();
            let expected = if name == "user" { "of user " } else { "belongs" };
            assert!(text.starts_with(expected), "{name}: {text}");
        }
    }
}
