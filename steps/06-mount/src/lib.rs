//! Own mount table: mount_namespaces(7).
//!
//! A mount table says which file system begins where. A process in a new
//! mount namespace has a copy, and can change it for itself: put another root
//! directory under everything, add what a program expects below it, and take
//! the host's files out. What is not in the table has no name. No call of
//! chroot(2) brings it back, and no open `..` leads there.
//!
//! The root file system is not trusted. A `/proc` or the target of a volume in
//! it may be a symbolic link that leads out, or become one while we look. So
//! each place is opened once, by openat2(2) with the root file system for its
//! root, and from then on it is a descriptor and no path.

mod api;
mod dev;
mod kernel;
mod options;
mod root;
mod sources;

use nix::mount::{MsFlags, mount};
use process::{Call, Result};

pub use options::MountOptions;
pub use sources::Sources;

use root::Root;

/// Makes the root file system the root directory, with a mount table of its
/// own, and with `/proc`, `/sys` and `/dev`. Nothing else of the host's files is
/// left but the volumes.
///
/// Call it in a new mount namespace, as process 1 of a new pid namespace, and
/// in the IPC namespace whose message queues are to be seen.
pub fn enter(sources: Sources, options: &MountOptions) -> Result<()> {
    make_private()?;
    let additions = options.additions(sources.volumes);
    let root = Root::attach(sources.rootfs, options.read_only)?;

    let proc = kernel::mount_proc(&root)?;
    let sys = kernel::mount_sys(&root)?;
    let null = dev::mount_dev(&root)?;
    if !options.unmasked {
        kernel::protect(&proc, &sys, &null)?;
    }
    for addition in additions {
        addition.mount(&root)?;
    }
    if options.read_only {
        root.make_read_only()?; // last, since mount points are made in it
    }
    root.pivot() // from here on, host paths are gone
}

/// Lets no mount out of this namespace, and none in.
///
/// systemd has made the host's mounts *shared*: a copy of the table still
/// passes every mount on to the original. MS_REC, since each mount is shared
/// for itself. MS_SLAVE would do too, and goes on receiving the host's mounts
/// and, what can be useful, its unmounts.
fn make_private() -> Result<()> {
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)
        .call("mount(\"/\", MS_REC | MS_PRIVATE)")
}
