//! Objects that processes talk through: sysvipc(7) and mq_overview(7).
//!
//! Through the system calls, so that no /proc is needed.

use std::fs;
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::sys::statfs::{FsType, statfs};
use process::{Call, Error, Result};

use crate::report::Known;
use crate::subject::Subject;

// From <linux/shm.h> and <linux/msg.h>; shmctl(2) describes them.
const SHM_INFO: libc::c_int = 14;
const SHM_STAT_ANY: libc::c_int = 15;
const MSG_STAT_ANY: libc::c_int = 13;

/// See statfs(2).
const MQUEUE_MAGIC: FsType = FsType(0x1980_0202);

/// What `shmctl`, `semctl` or `msgctl` answers to a command on an index.
type Control = fn(libc::c_int, libc::c_int) -> libc::c_int;

/// `TYPE ID` of each object, whoever owns it.
pub(crate) fn system_v(subject: &Subject) -> Result<Known> {
    let objects = subject.within("ipc", || {
        let mut found = list("shm", shmctl, SHM_INFO, SHM_STAT_ANY)?;
        found.extend(list("sem", semctl, libc::SEM_INFO, libc::SEM_STAT_ANY)?);
        found.extend(list("msg", msgctl, libc::MSG_INFO, MSG_STAT_ANY)?);
        Ok(found)
    })?;
    Ok(Known::set(objects))
}

/// The `info` command tells the highest index in use, and `stat` turns an
/// index into an identifier.
fn list(
    kind: &str,
    control: Control,
    info: libc::c_int,
    stat: libc::c_int,
) -> Result<Vec<String>> {
    let highest = Errno::result(control(0, info))
        .call(format_args!("{kind}ctl({}_INFO)", kind.to_uppercase()))?;
    let mut found = Vec::new();
    for index in 0..=highest {
        match Errno::result(control(index, stat)) {
            Ok(id) => found.push(format!("{kind} {id}")),
            // An index between two that are in use.
            Err(Errno::EINVAL | Errno::EIDRM) => {}
            Err(errno) => {
                let call = format!("{kind}ctl({index}, STAT_ANY)");
                return Err(Error::of_call(call, errno));
            }
        }
    }
    Ok(found)
}

fn shmctl(index: libc::c_int, command: libc::c_int) -> libc::c_int {
    let mut answer = MaybeUninit::<libc::shmid_ds>::uninit();
    // SAFETY: both commands only write, a `struct shmid_ds` or the smaller
    // `struct shm_info`, for which there is room.
    unsafe { libc::shmctl(index, command, answer.as_mut_ptr()) }
}

fn semctl(index: libc::c_int, command: libc::c_int) -> libc::c_int {
    let mut answer = MaybeUninit::<libc::semid_ds>::uninit();
    // SAFETY: the fourth argument of these two commands is a pointer, and
    // they only write, a `struct semid_ds` or the smaller `struct seminfo`.
    unsafe { libc::semctl(index, 0, command, answer.as_mut_ptr()) }
}

fn msgctl(index: libc::c_int, command: libc::c_int) -> libc::c_int {
    let mut answer = MaybeUninit::<libc::msqid_ds>::uninit();
    // SAFETY: both commands only write, a `struct msqid_ds` or the smaller
    // `struct msginfo`, for which there is room.
    unsafe { libc::msgctl(index, command, answer.as_mut_ptr()) }
}

/// The names in /dev/mqueue. A mount shows the queues of the namespace that
/// it was made in, so its device is the scope.
pub(crate) fn message_queues(subject: &Subject) -> Result<Known> {
    let path = match subject.is_self() {
        true => "/dev/mqueue".into(),
        false => subject.proc("root/dev/mqueue")?,
    };
    match statfs(&path).map(|found| found.filesystem_type()) {
        Ok(MQUEUE_MAGIC) => {}
        Ok(_) | Err(Errno::ENOENT) => return Err(Error::new(UNMOUNTED)),
        Err(errno) => {
            return Err(errno).call(format_args!("statfs({path:?})"));
        }
    }
    let device = fs::metadata(&path).call(format_args!("stat({path:?})"))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&path).call(format_args!("open({path:?})"))? {
        let entry = entry.call(format_args!("getdents({path:?})"))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    Ok(Known::set(names).scoped(format_args!("device {}", device.dev())))
}

/// mq_open(3) works all the same, by name, in the namespace ns-ipc.
const UNMOUNTED: &str = "no mqueue file system is mounted on /dev/mqueue";
