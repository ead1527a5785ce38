//! The program itself, which a container must not be able to write to.
//!
//! A container can have it run once more, in there: `exec C /proc/self/exe`,
//! or a script that begins with `#!/proc/self/exe`. From then on it is at
//! `/proc/PID/exe`, and can be opened by whoever has the right to write to it,
//! to be run on the host the next time (CVE-2019-5736). Root inside is nobody
//! to a file of root's. But an ordinary user is root in his own container, and
//! his program is his own. So it is copied, and the copy sealed: fcntl(2),
//! F_ADD_SEALS.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::copy;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl;
use nix::unistd::fexecve;
use process::{Call, Hint, Result};

/// What the process is called.
const NAME: &CStr = c"16-container";

/// How a process finds its own program.
const EXE: &str = "/proc/self/exe";

/// Goes on as a sealed copy, unless nobody inside has a right to write to the
/// program: its owner is no user there, nor may others write to it. Call it
/// before anything else is done.
pub(crate) fn protect(is_inside: impl Fn(u32) -> bool) -> Result<()> {
    let found = fs::metadata(EXE).call(format_args!("stat({EXE:?})"))?;
    if !is_inside(found.uid()) && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    let program = File::open(EXE).call(format_args!("open({EXE:?})"))?;
    if is_sealed(&program) {
        // The name of the copy is a number of no meaning to ps(1).
        return prctl::set_name(NAME).call("prctl(PR_SET_NAME)");
    }
    become_copy_of(program)
}

const SEALS: SealFlag = SealFlag::F_SEAL_SEAL
    .union(SealFlag::F_SEAL_SHRINK)
    .union(SealFlag::F_SEAL_GROW)
    .union(SealFlag::F_SEAL_WRITE);

fn is_sealed(program: &File) -> bool {
    fcntl(program, FcntlArg::F_GET_SEALS)
        .is_ok_and(|seals| SealFlag::from_bits_truncate(seals).contains(SEALS))
}

fn become_copy_of(mut program: File) -> Result<()> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let sealed =
        memfd_create(NAME, flags).call("memfd_create(MFD_ALLOW_SEALING)")?;
    let mut writer = File::from(sealed.try_clone().call("dup(memfd)")?);
    copy(&mut program, &mut writer).call("write(memfd)")?;
    fcntl(&sealed, FcntlArg::F_ADD_SEALS(SEALS))
        .call("fcntl(memfd, F_ADD_SEALS)")?;
    let words: Vec<_> = std::env::args_os().filter_map(c_string).collect();
    let variables = std::env::vars_os().filter_map(|(mut name, value)| {
        name.push("=");
        name.push(value);
        c_string(name)
    });
    let Err(errno) =
        fexecve(sealed.as_fd(), &words, &variables.collect::<Vec<_>>());
    Err(errno).call("execveat(memfd)").hint(
        Errno::EACCES,
        "`sysctl vm.memfd_noexec=0`, or install the program as root's",
    )
}

/// The same for a container that is there: its users are those of its process.
pub(crate) fn protect_from(pid: i32) -> Result<()> {
    let users = user::Map::of(pid, "uid_map")?;
    protect(|uid| users.has_outside(uid))
}

/// What comes from the kernel has no NUL in it.
fn c_string(text: std::ffi::OsString) -> Option<CString> {
    CString::new(text.into_vec()).ok()
}
