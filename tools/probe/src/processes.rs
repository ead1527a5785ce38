//! Which other processes there are to see.

use std::fs;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use nix::unistd::{Pid, getpgid};
use process::{Call, Error, Result};

use crate::namespaces::{identity, pidfd_open};
use crate::report::Known;
use crate::subject::Subject;

/// Without /proc every number up to this is asked for. The kernel may give
/// out numbers up to /proc/sys/kernel/pid_max.
const BOUND: i32 = 65_536;

/// The processes that the subject's /proc lists, or else those that it could
/// send a signal to.
pub(crate) fn visible(subject: &Subject) -> Result<Known> {
    let proc = match subject.is_self() {
        true => "/proc".into(),
        false => subject.proc("root/proc")?,
    };
    let kind = statfs(&proc).map(|found| found.filesystem_type());
    match kind {
        Ok(PROC_SUPER_MAGIC) => listed(subject, &proc),
        _ if subject.is_self() => answering(subject),
        Ok(_) => Err(Error::new(format_args!("{proc:?} is no proc"))),
        Err(errno) => Err(Error::of_call(format!("statfs({proc:?})"), errno)),
    }
}

/// The directories of proc(5) that are numbers.
fn listed(subject: &Subject, proc: &Path) -> Result<Known> {
    let entries = fs::read_dir(proc).call(format_args!("open({proc:?})"))?;
    let numbers = entries.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.parse::<u32>().is_ok().then_some(name)
    });
    let known = Known::set(numbers).noted(format_args!("in {proc:?}"));
    Ok(known.scoped(numbering(subject, proc)?))
}

/// The pid namespace whose numbers this /proc has: that of whoever mounted
/// it, not that of whoever looks.
fn numbering(subject: &Subject, proc: &Path) -> Result<String> {
    // In a /proc of its own namespace a process has one number only.
    let is_own = subject.is_self()
        && subject.status("NSpid")?.split_whitespace().count() == 1;
    if is_own {
        return identity(subject, "pid");
    }
    let path = proc.join("1/ns/pid");
    let init = nix::sys::stat::stat(&path)
        .call(format_args!("whose numbers? stat({path:?})"))?;
    Ok(format!("{}:{}", init.st_dev, init.st_ino))
}

/// Asks the kernel for every number.
fn answering(subject: &Subject) -> Result<Known> {
    let mut numbers = Vec::new();
    for number in 1..=BOUND {
        match getpgid(Some(Pid::from_raw(number))) {
            Err(Errno::ESRCH) => {}
            Err(errno) if errno != Errno::EPERM => {
                let call = format!("getpgid({number})");
                return Err(Error::of_call(call, errno));
            }
            // Threads answer too, but have no pidfd: pidfd_open(2).
            _ if pidfd_open(number).is_ok() => numbers.push(number.to_string()),
            _ => {}
        }
    }
    let note = format!("without /proc, asked for 1 to {BOUND} by getpgid(2)");
    Ok(Known::set(numbers).noted(note).scoped(identity(subject, "pid")?))
}
