//! Whether landlock(7) rules are in force.
//!
//! The kernel tells nobody, not even the process itself. But it stacks no
//! more than sixteen layers of rules, so a thread that adds layers until it
//! is refused learns how many there were. The thread then ends, and its
//! layers with it.

use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::thread;

use nix::errno::Errno;
use nix::sys::prctl;
use process::{Call, Error, Hint, Result};

use crate::report::Known;
use crate::subject::Subject;

/// LANDLOCK_MAX_NUM_LAYERS: landlock(7), "Ruleset layers".
const MAX_LAYERS: u64 = 16;
/// Asks landlock_create_ruleset(2) for the version of the interface.
const VERSION: libc::c_uint = 1;
/// LANDLOCK_ACCESS_FS_MAKE_BLOCK: a layer must forbid something, and the
/// thread makes no block device.
const MAKE_BLOCK: u64 = 1 << 11;

/// The layers in force, and the version of the interface.
pub(crate) fn layers(subject: &Subject) -> Result<Known> {
    if !subject.is_self() {
        return Err(Error::new("only the process itself can try"));
    }
    let version = match create_ruleset(None, VERSION) {
        Ok(version) => version,
        // It was not chosen when the kernel was started.
        Err(Errno::EOPNOTSUPP) => return Ok(state(0).noted("disabled")),
        Err(errno) => {
            return Err(errno).call("landlock_create_ruleset(VERSION)").hint(
                Errno::ENOSYS,
                "this kernel was built without it, or a seccomp filter hides \
                 it",
            );
        }
    };
    let counting = thread::Builder::new().spawn(count).call("clone(thread)")?;
    let layers = counting
        .join()
        .unwrap_or_else(|_| Err(Error::new("the counting thread panicked")))?;
    Ok(state(layers).noted(format_args!("the interface has version {version}")))
}

fn state(layers: u64) -> Known {
    Known::numbers([("layers", Some(layers))])
}

/// Adds layers to the calling thread until there are no more to have.
fn count() -> Result<u64> {
    // Of the calling thread alone, like the layers; they require it.
    prctl::set_no_new_privs().call("prctl(PR_SET_NO_NEW_PRIVS)")?;
    let fd = create_ruleset(Some(&MAKE_BLOCK), 0)
        .call("landlock_create_ruleset(MAKE_BLOCK)")?;
    // SAFETY: the kernel made this descriptor for us a moment ago, and nobody
    // else knows of it.
    let ruleset = unsafe { OwnedFd::from_raw_fd(fd) };
    for added in 0..=MAX_LAYERS {
        match restrict_self(&ruleset) {
            Ok(()) => {}
            Err(Errno::E2BIG) => return Ok(MAX_LAYERS - added),
            Err(errno) => {
                return Err(errno).call("landlock_restrict_self(ruleset)");
            }
        }
    }
    Err(Error::new(format_args!("more than {MAX_LAYERS} layers can be added")))
}

/// landlock_create_ruleset(2); `handled` is its first structure of 2021,
/// which later kernels still take.
fn create_ruleset(
    handled: Option<&u64>,
    flags: libc::c_uint,
) -> nix::Result<RawFd> {
    let size = handled.map_or(0, |_| size_of::<u64>());
    let handled = handled.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: the kernel reads `size` bytes at `handled`, which is either a
    // reference that outlives the call, or null with nothing to read.
    let answer = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, handled, size, flags)
    };
    Errno::result(answer).map(|fd| fd as RawFd)
}

fn restrict_self(ruleset: &OwnedFd) -> nix::Result<()> {
    let fd = ruleset.as_raw_fd();
    // SAFETY: landlock_restrict_self(2) takes two numbers and touches no
    // memory.
    let answer =
        unsafe { libc::syscall(libc::SYS_landlock_restrict_self, fd, 0) };
    Errno::result(answer).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_counts() {
        let myself = Subject::myself();
        let Ok(before) = layers(&myself) else {
            eprintln!("SKIP: it takes a kernel with Landlock");
            return;
        };
        // The counting thread inherits the layers of the one that starts it.
        let confined = thread::spawn(move || {
            prctl::set_no_new_privs().unwrap();
            let fd = create_ruleset(Some(&MAKE_BLOCK), 0).unwrap();
            // SAFETY: the descriptor is new and ours.
            let ruleset = unsafe { OwnedFd::from_raw_fd(fd) };
            restrict_self(&ruleset).unwrap();
            restrict_self(&ruleset).unwrap();
            layers(&myself).unwrap()
        });
        let confined = confined.join().unwrap();
        if before.note.as_deref() != Some("disabled") {
            assert_eq!(before.value, state(0).value);
            assert_eq!(confined.value, state(2).value);
        }
        assert_eq!(layers(&Subject::myself()).unwrap().value, before.value);
    }
}
