//! Which other processes there are to see.

use std::fs;
use std::iter;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use nix::unistd::{Pid, getpgid};
use process::{Call, Error, Result};

use crate::namespaces::pidfd_open;
use crate::report::Known;
use crate::subject::{Subject, status_field};

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
        Ok(PROC_SUPER_MAGIC) => listed(&proc),
        _ if subject.is_self() => answering(),
        Ok(_) => Err(Error::new(format_args!("{proc:?} is no proc"))),
        Err(errno) => Err(Error::of_call(format!("statfs({proc:?})"), errno)),
    }
}

/// The directories of proc(5) that are numbers.
fn listed(proc: &Path) -> Result<Known> {
    let entries = fs::read_dir(proc).call(format_args!("open({proc:?})"))?;
    let numbers: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.parse::<u32>().is_ok())
        .collect();
    let scope = numbering(proc, &numbers)?;
    Ok(Known::set(numbers).scoped(scope).noted(format_args!("in {proc:?}")))
}

/// The pid namespace whose numbers this /proc has: that of whoever mounted
/// it, not that of whoever looks. So it is asked of its processes, and a root
/// without all capabilities may not ask each.
fn numbering(proc: &Path, numbers: &[String]) -> Result<String> {
    iter::once("self")
        .chain(numbers.iter().map(String::as_str))
        .find_map(|number| namespace_of_member(&proc.join(number)))
        .ok_or_else(|| {
            Error::new(format_args!(
                "whose numbers does {proc:?} have? It shows no process whose \
                 pid namespace may be read"
            ))
        })
}

/// `None` if the process is not in that very namespace, or can't be read. A
/// member has one number there, one further down has more.
fn namespace_of_member(directory: &Path) -> Option<String> {
    let status = fs::read_to_string(directory.join("status")).ok()?;
    let numbers = status_field(&status, "NSpid")?;
    let found = fs::metadata(directory.join("ns/pid")).ok()?;
    let is_member = numbers.split_whitespace().count() == 1;
    is_member.then(|| format!("{}:{}", found.dev(), found.ino()))
}

/// Asks the kernel for every number.
fn answering() -> Result<Known> {
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
    Ok(Known::set(numbers).noted(note))
}
