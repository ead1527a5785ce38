//! Attacks on memory that processes share by a number: ipc_namespaces(7).

use nix::errno::Errno;
use process::{Call, Result};

use crate::outcome::Finding;
use crate::spec::{SECRET_LENGTH, Spec};

/// Attaches a System V shared memory segment: shmat(2).
///
/// A segment has no path, so no root directory hides it. It has a mode, as a
/// file has, and databases were known to set it wide open.
pub(crate) fn shared_memory(canary: &Spec) -> Result<Finding> {
    let id: i32 = canary.get("shm")?;
    let memory = attach(id, libc::SHM_RDONLY)?;
    let mut bytes = [0; SECRET_LENGTH];
    // SAFETY: the kernel maps whole pages, all of them readable, and a
    // segment has at least one: more than a secret is long. What another
    // process writes meanwhile is bytes all the same.
    unsafe { memory.copy_to(bytes.as_mut_ptr(), SECRET_LENGTH) };
    canary.judge(&bytes, format_args!("shared memory segment {id}"))
}

/// Makes a segment that everybody may read, for SPEC. It lives as long as
/// this process or a child of it.
pub(crate) fn plant(secret: &[u8; SECRET_LENGTH]) -> Result<i32> {
    // SAFETY: shmget(2) takes three numbers and touches no memory.
    let result =
        unsafe { libc::shmget(libc::IPC_PRIVATE, SECRET_LENGTH, 0o644) };
    let id = Errno::result(result)
        .call(format_args!("shmget(IPC_PRIVATE, {SECRET_LENGTH}, 0644)"))?;
    let memory = attach(id, 0);
    // Marked to go with the last process that has it attached, so that even
    // SIGKILL leaves none behind. Until then Linux lets others attach it:
    // IPC_RMID in shmctl(2).
    //
    // SAFETY: IPC_RMID takes no buffer.
    let result =
        unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
    Errno::result(result).call(format_args!("shmctl({id}, IPC_RMID)"))?;
    // SAFETY: the segment is as long as the secret, attached for writing,
    // and nobody knows of it yet.
    unsafe { memory?.copy_from(secret.as_ptr(), SECRET_LENGTH) };
    Ok(id)
}

/// Where the segment is in memory, from now on and for good.
fn attach(id: i32, flags: i32) -> Result<*mut u8> {
    // SAFETY: with no address given, shmat(2) maps the segment where nothing
    // is.
    let memory = unsafe { libc::shmat(id, std::ptr::null(), flags) };
    match memory.addr() {
        usize::MAX => Err(Errno::last()).call(format_args!("shmat({id})")),
        _ => Ok(memory.cast()),
    }
}
