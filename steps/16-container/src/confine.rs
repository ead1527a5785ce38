//! What root inside may do: the fourteen capabilities that docker(1) leaves
//! it, and nobody else any.

use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use process::{Call, Error, Result};

/// Those that programs in containers are known to use. In a user namespace
/// each means the container alone.
const KEPT: [Capability; 14] = [
    Capability::CAP_AUDIT_WRITE,
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_FOWNER,
    Capability::CAP_FSETID,
    Capability::CAP_KILL,
    Capability::CAP_MKNOD,
    Capability::CAP_NET_BIND_SERVICE,
    Capability::CAP_NET_RAW,
    Capability::CAP_SETFCAP,
    Capability::CAP_SETGID,
    Capability::CAP_SETPCAP,
    Capability::CAP_SETUID,
    Capability::CAP_SYS_CHROOT,
];

/// Drops all others, for this process and for all that come after it.
///
/// Nothing is inheritable: a program with inheritable capabilities on its file
/// would give them to whoever runs it (CVE-2022-29162).
pub(crate) fn drop_capabilities() -> Result<()> {
    let kept = CapsHashSet::from(KEPT);
    jail::bound_capabilities(&kept)?;
    let none = CapsHashSet::new();
    let sets = [
        (CapSet::Ambient, &none),
        (CapSet::Effective, &kept),
        (CapSet::Permitted, &kept),
        (CapSet::Inheritable, &none),
    ];
    for (which, to) in sets {
        caps::set(None, which, to)
            .map_err(|_| Errno::last()) // The crate's error is only text.
            .call(format_args!("capset({which:?}, {to:?})"))?;
    }
    let sets = sets.into_iter().chain([(CapSet::Bounding, &kept)]);
    sets.into_iter().try_for_each(|(which, to)| must_be(which, to))
}

fn must_be(which: CapSet, expected: &CapsHashSet) -> Result<()> {
    let has = caps::read(None, which)
        .map_err(|_| Errno::last())
        .call(format_args!("capget({which:?})"))?;
    match has == *expected {
        true => Ok(()),
        false => Err(Error::new(format_args!(
            "the {which:?} set of capabilities is {has:?}, not {expected:?}"
        ))),
    }
}

/// The limits of getrlimit(2), of which Linux has sixteen.
pub(crate) struct Limits([libc::rlimit64; 16]);

/// Those of a process.
pub(crate) fn limits_of(pid: i32) -> Result<Limits> {
    let none = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    let mut limits = [none; 16];
    for (resource, limit) in (0..).zip(&mut limits) {
        // SAFETY: prlimit(2) writes one structure, to a place that we own.
        let result =
            unsafe { libc::prlimit64(pid, resource, std::ptr::null(), limit) };
        Errno::result(result)
            .call(format_args!("prlimit({pid}, {resource})"))?;
    }
    Ok(Limits(limits))
}

impl Limits {
    /// Takes them over. A limit of our own that is lower stays: nobody may
    /// raise it.
    pub(crate) fn take(&self) -> Result<()> {
        let own = limits_of(0)?;
        for (resource, (limit, own)) in (0..).zip(self.0.iter().zip(own.0)) {
            let hard = limit.rlim_max.min(own.rlim_max);
            let soft = limit.rlim_cur.min(hard);
            let new = libc::rlimit64 { rlim_cur: soft, rlim_max: hard };
            // SAFETY: prlimit(2) reads one structure, which lives.
            let result = unsafe {
                libc::prlimit64(0, resource, &new, std::ptr::null_mut())
            };
            Errno::result(result)
                .call(format_args!("prlimit({resource}, {soft}, {hard})"))?;
        }
        Ok(())
    }
}

/// Becomes who the command is to run as. Root stays root, with what it has;
/// whoever else has nothing: execve(2) gives them none, since none is ambient.
pub(crate) fn become_user(user: &jail::User) -> Result<()> {
    match user.uid.is_root() && user.gid.as_raw() == 0 {
        true => Ok(()),
        false => jail::become_user(user),
    }
}
