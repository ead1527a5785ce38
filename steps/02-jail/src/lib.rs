//! A jail: what FreeBSD's jail(2) added to chroot(2), as far as Linux goes
//! without namespaces.
//!
//! chroot(2) hides files from paths. A process still gets out through a
//! directory it holds open, by calling chroot(2) again, by making a device
//! node of the disk, or by executing a set-user-ID program. The jail takes
//! away what each of these needs: open files, the identity of root and its
//! capabilities, and every way to gain new ones.
//!
//! A drop that did not happen is worse than none, because somebody relies on
//! it. So each function here reads back what it has set, and fails if the
//! kernel has something else.

mod capabilities;
mod descriptors;
mod limits;
mod user;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{chdir, geteuid};
use process::{Call, Error, Hint, Result};

pub use capabilities::{
    CapabilityOptions, bound_capabilities, keep_capabilities,
};
pub use descriptors::close_inherited_files;
pub use limits::{LimitOptions, set_limits};
pub use user::{User, UserOptions, become_user, find_user};

/// Makes `root` the root directory, as [`chroot::enter`] does, if nobody but
/// its owner can change what lies there.
///
/// Whoever can write the directory can exchange `etc/passwd` and the
/// programs in it, and so decides what runs in the jail and as whom.
pub fn enter(root: &Path) -> Result<()> {
    // First go there, then look, then stay: a directory that was looked at
    // by its path may be another one by the time it is entered.
    chdir(root)
        .call(format_args!("chdir({root:?})"))
        .hint(Errno::ENOENT, "`cargo workshop setup` makes root file systems")
        .hint(Errno::ENOTDIR, "the new root must be a directory")?;
    must_belong_to_us(root)?;
    chroot::enter(Path::new("."))
}

/// The working directory, which is to be the root.
fn must_belong_to_us(root: &Path) -> Result<()> {
    let directory = fs::metadata(".").call("stat(\".\")")?;
    let mode = directory.mode() & 0o7777;
    // The write bit of the group also covers all that an access control list
    // grants: acl(5), "correspondence between ACL entries and file
    // permission bits".
    if mode & 0o022 != 0 {
        return Err(Error::new(format_args!(
            "{root:?} can be written by others: its mode is {mode:04o}"
        ))
        .with_hint(
            "a root file system is a directory that only you can write: \
                    `cargo workshop setup` makes some",
        ));
    }
    let owner = directory.uid();
    if owner != 0 && owner != geteuid().as_raw() {
        return Err(Error::new(format_args!(
            "{root:?} belongs to user {owner}, who can write it"
        ))
        .with_hint("make one of your own: `cargo workshop setup`"));
    }
    Ok(())
}

/// From now on no execve(2) gives this process, or any that it starts, more
/// than it has: set-user-ID bits and capabilities of files are ignored.
pub fn forbid_new_privileges() -> Result<()> {
    prctl::set_no_new_privs().call("prctl(PR_SET_NO_NEW_PRIVS)")?;
    match prctl::get_no_new_privs().call("prctl(PR_GET_NO_NEW_PRIVS)")? {
        true => Ok(()),
        false => Err(Error::new("no_new_privs was set and reads back as 0")),
    }
}
