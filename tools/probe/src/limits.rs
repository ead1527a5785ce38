//! How much a process may use: getrlimit(2).

use std::mem::MaybeUninit;
use std::ptr;

use nix::errno::Errno;
use process::{Call, Hint, Result};

use crate::report::Known;
use crate::subject::Subject;

/// By the names that the shell's `ulimit` and docker have for them.
const NAMES: [(&str, libc::__rlimit_resource_t); 16] = [
    ("as", libc::RLIMIT_AS),
    ("core", libc::RLIMIT_CORE),
    ("cpu", libc::RLIMIT_CPU),
    ("data", libc::RLIMIT_DATA),
    ("fsize", libc::RLIMIT_FSIZE),
    ("locks", libc::RLIMIT_LOCKS),
    ("memlock", libc::RLIMIT_MEMLOCK),
    ("msgqueue", libc::RLIMIT_MSGQUEUE),
    ("nice", libc::RLIMIT_NICE),
    ("nofile", libc::RLIMIT_NOFILE),
    ("nproc", libc::RLIMIT_NPROC),
    ("rss", libc::RLIMIT_RSS),
    ("rtprio", libc::RLIMIT_RTPRIO),
    ("rttime", libc::RLIMIT_RTTIME),
    ("sigpending", libc::RLIMIT_SIGPENDING),
    ("stack", libc::RLIMIT_STACK),
];

/// `NAME soft` and `NAME hard` of each.
pub(crate) fn rlimits(subject: &Subject) -> Result<Known> {
    let mut found = Vec::new();
    for (name, resource) in NAMES {
        let limit = prlimit(subject, resource)
            .call(format_args!("prlimit({}, {name})", subject.pid()))
            .hint(Errno::EPERM, "it takes the same user or root")?;
        found.push((format!("{name} soft"), finite(limit.rlim_cur)));
        found.push((format!("{name} hard"), finite(limit.rlim_max)));
    }
    Ok(Known::numbers(found))
}

/// prlimit(2), which reads the limits of others too.
fn prlimit(
    subject: &Subject,
    resource: libc::__rlimit_resource_t,
) -> nix::Result<libc::rlimit> {
    let pid = subject.pid().as_raw();
    let mut limit = MaybeUninit::uninit();
    // SAFETY: with no new limit, prlimit(2) only writes one `struct rlimit`,
    // for which there is room.
    let answer = unsafe {
        libc::prlimit(pid, resource, ptr::null(), limit.as_mut_ptr())
    };
    Errno::result(answer)?;
    // SAFETY: prlimit(2) succeeded, so it filled the structure.
    Ok(unsafe { limit.assume_init() })
}

fn finite(limit: libc::rlim_t) -> Option<u64> {
    (limit != libc::RLIM_INFINITY).then_some(limit)
}
