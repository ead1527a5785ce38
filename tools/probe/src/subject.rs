//! Whose view is read: this process's own, or that of another.

use std::fs;
use std::path::PathBuf;
use std::thread;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
use nix::unistd::{Pid, getpid};
use process::{Call, Error, Hint, Result};

use crate::namespaces;
use crate::report::Side;

/// The process that is looked at.
pub(crate) struct Subject {
    other: Option<Pid>,
}

impl Subject {
    pub(crate) fn myself() -> Self {
        Self { other: None }
    }

    pub(crate) fn other(pid: Pid) -> Result<Self> {
        let subject = Self { other: Some(pid) };
        subject.proc("status").and_then(|path| {
            fs::metadata(&path).call(format_args!("stat({path:?})")).hint(
                Errno::ENOENT,
                "no such process in the pid namespace that /proc shows",
            )
        })?;
        Ok(subject)
    }

    pub(crate) fn is_self(&self) -> bool {
        self.other.is_none()
    }

    pub(crate) fn side(&self) -> Side {
        match self.other {
            None => Side::Inside,
            Some(_) => Side::Outside,
        }
    }

    /// The number by which the calling process knows it.
    pub(crate) fn pid(&self) -> Pid {
        self.other.unwrap_or_else(getpid)
    }

    /// The number by which it knows itself: the last of those that
    /// proc_pid_status(5) lists, one per level of pid namespaces.
    pub(crate) fn own_pid(&self) -> Result<i32> {
        let Some(pid) = self.other else { return Ok(getpid().as_raw()) };
        let numbers = self.status("NSpid")?;
        let last = numbers.split_whitespace().next_back();
        Ok(last.and_then(|n| n.parse().ok()).unwrap_or(pid.as_raw()))
    }

    /// The path of a file of its directory in proc(5).
    pub(crate) fn proc(&self, name: &str) -> Result<PathBuf> {
        // A root file system may bring a /proc of ordinary files, which say
        // what their author wanted.
        let mounted = statfs("/proc").call("statfs(\"/proc\")")?;
        if mounted.filesystem_type() != PROC_SUPER_MAGIC {
            return Err(Error::new("no proc file system is mounted on /proc"));
        }
        let directory = match self.other {
            None => PathBuf::from("/proc/self"),
            Some(pid) => PathBuf::from(format!("/proc/{pid}")),
        };
        Ok(directory.join(name))
    }

    /// The text of a file of its directory in proc(5).
    pub(crate) fn read(&self, name: &str) -> Result<String> {
        let path = self.proc(name)?;
        let bytes = fs::read(&path).call(format_args!("read({path:?})"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The value of one line of proc_pid_status(5).
    pub(crate) fn status(&self, field: &str) -> Result<String> {
        let text = self.read("status")?;
        status_field(&text, field).map(str::to_owned).ok_or_else(|| {
            Error::new(format_args!("/proc/PID/status has no {field}"))
        })
    }

    /// Runs `look` inside the subject's namespace of the kind `name`, so that
    /// the same system calls answer for both.
    pub(crate) fn within<T: Send>(
        &self,
        name: &str,
        look: impl FnOnce() -> Result<T> + Send,
    ) -> Result<T> {
        if self.is_self() || self.is_with_me(name)? {
            return look();
        }
        let namespace = namespaces::open(self, name)?;
        let enter = || {
            setns(namespace, CloneFlags::empty())
                .call(format_args!("setns({name} of {})", self.pid()))
                .hint(Errno::EPERM, "it takes root (CAP_SYS_ADMIN)")
        };
        // A thread of its own: it alone moves, and ends with the look.
        thread::scope(|scope| {
            let looking = scope.spawn(|| enter().and_then(|()| look()));
            looking.join().unwrap_or_else(|_| {
                Err(Error::new("the thread that looked panicked"))
            })
        })
    }

    /// Whether it is in the caller's own namespace, for which setns(2) would
    /// still ask for privilege.
    fn is_with_me(&self, name: &str) -> Result<bool> {
        let mine = namespaces::identity(&Self::myself(), name)?;
        Ok(namespaces::identity(self, name)? == mine)
    }
}

/// `Name:<tab>value`, one per line.
pub(crate) fn status_field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found == name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let text = "Seccomp_filters:\t3\nSeccomp:\t2\nGroups:\t \n";
        assert_eq!(status_field(text, "Seccomp"), Some("2"));
        assert_eq!(status_field(text, "Groups"), Some(""));
        assert_eq!(status_field(text, "Sec"), None);
    }

    #[test]
    fn nobody_has_the_number_minus_one() {
        assert!(Subject::other(Pid::from_raw(-1)).is_err());
    }
}
