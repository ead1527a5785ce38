//! Commands that have outlived their tool.
//!
//! A command dies with its tool, unless it ran a set-user-ID program: see
//! `die_with` in step 00. What the command had started lives on.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use process::{Call, Error, Result};
use rustix::process::{Pid, PidfdFlags, Signal};
use rustix::process::{pidfd_open, pidfd_send_signal};

use super::process_table::{Process, read, read_all};
use super::{Leftover, Place};

/// How long a killed process may take to end, in milliseconds.
const PATIENCE: u16 = 5000;

/// The commands that nobody waits for any more, and what they have started.
pub(super) fn find(place: &Place) -> Result<Vec<Leftover>> {
    let all = read_all()?;
    Ok(leftovers(&all, place, is_reaper)
        .into_iter()
        .cloned()
        .map(|process| Leftover {
            description: format!(
                "process {}: {}",
                process.pid,
                process.program.display()
            ),
            remove: Box::new(move || kill(&process)),
        })
        .collect())
}

fn leftovers<'a>(
    all: &'a [Process],
    place: &Place,
    is_reaper: impl Fn(i32) -> bool,
) -> Vec<&'a Process> {
    let exists = |pid| all.iter().any(|process| process.pid == pid);
    let mut found: Vec<&Process> = all
        .iter()
        .filter(|process| is_ours(process, place))
        // Whoever started it is gone: it was adopted, and the job of the
        // shell that it belongs to has lost its first process. A command in
        // use has at least one of them.
        .filter(|process| is_reaper(process.parent) && !exists(process.group))
        .collect();
    // And what they have started. A process has one parent, so none is added
    // twice.
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.pid) {
        found.extend(all.iter().filter(|process| {
            process.parent == parent && is_ours(process, place)
        }));
        next += 1;
    }
    found
}

/// Whether it runs in one of our root file systems, or runs a program from
/// there, or one that looks around for us. The tools themselves are left
/// alone: one that lives has not been killed.
fn is_ours(process: &Process, place: &Place) -> bool {
    process.root.starts_with(&place.rootfs)
        || process.program.starts_with(&place.rootfs)
        || ["probe", "attacks"]
            .iter()
            .any(|name| process.program == place.programs.join(name))
}

/// Whether this process adopts orphans: the first one, or systemd's of a user.
fn is_reaper(pid: i32) -> bool {
    pid == 1
        || fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name == "systemd\n")
}

fn kill(process: &Process) -> Result<()> {
    let Some(number) = Pid::from_raw(process.pid) else { return Ok(()) };
    let fd = match pidfd_open(number, PidfdFlags::empty()) {
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        result => result
            .map_err(io::Error::from)
            .call(format_args!("pidfd_open({number:?})"))?,
    };
    // The number may have gone to somebody else since; from here on the file
    // descriptor holds on to the process that it is.
    if !read(process.pid).is_some_and(|now| now.is(process)) {
        return Ok(());
    }
    match pidfd_send_signal(&fd, Signal::KILL) {
        Err(rustix::io::Errno::SRCH) => Ok(()),
        result => result
            .map_err(io::Error::from)
            .call(format_args!("pidfd_send_signal({number:?}, SIGKILL)")),
    }?;
    await_end(&fd, process.pid)
}

/// A pidfd can be read when its process has ended: pidfd_open(2).
fn await_end(fd: &OwnedFd, pid: i32) -> Result<()> {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    match poll(&mut fds, PollTimeout::from(PATIENCE)).call("poll(pidfd)")? {
        0 => Err(Error::new(format_args!("process {pid} does not end"))
            .with_hint(
                "a frozen cgroup of version 1 keeps even SIGKILL waiting: \
                 thaw it",
            )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::super::tests::{place, remove_all};
    use super::*;

    fn process(pid: i32, parent: i32, group: i32, root: &str) -> Process {
        let program = "/usr/bin/sleep".into();
        Process { pid, parent, group, program, root: root.into() }
    }

    fn pids(all: &[Process]) -> Vec<i32> {
        let place = Place {
            rootfs: "/kit/rootfs".into(),
            programs: "/kit/debug".into(),
            temporary: "/tmp".into(),
        };
        let found = leftovers(all, &place, |pid| pid == 1);
        found.iter().map(|process| process.pid).collect()
    }

    #[test]
    fn an_orphan_in_our_root_is_found_with_its_children() {
        let all = [
            process(1, 0, 1, "/"),
            process(11, 1, 10, "/kit/rootfs/host"),
            process(12, 11, 12, "/kit/rootfs/host"),
        ];
        assert_eq!(pids(&all), [11, 12]);
    }

    #[test]
    fn a_command_in_use_is_kept() {
        // Its tool lives; then a shell that is the machine's first process
        // runs chroot(1).
        let all = [
            process(1, 0, 1, "/"),
            process(10, 1, 10, "/"),
            process(11, 10, 10, "/kit/rootfs/host"),
            process(20, 1, 20, "/kit/rootfs/host"),
        ];
        assert!(pids(&all).is_empty());
    }

    #[test]
    fn what_lies_elsewhere_is_kept() {
        let all = [
            process(1, 0, 1, "/"),
            process(11, 1, 10, "/kit/rootfs-scripts"),
            process(12, 1, 10, "/kit"),
            process(13, 1, 10, ""),
        ];
        assert!(pids(&all).is_empty());
    }

    /// setsid(1) makes a group whose first process, the shell, ends at once.
    fn orphan(command: &str) {
        let script = format!("{command} >/dev/null 2>&1 &");
        let status =
            Command::new("setsid").args(["-w", "sh", "-c", &script]).status();
        assert!(status.unwrap().success());
    }

    fn eventually(mut holds: impl FnMut() -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs(10);
        while !holds() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        holds()
    }

    #[test]
    fn a_real_orphan_is_killed_with_its_child() {
        let (_directory, place) = place();
        let sleep = place.rootfs.join("sleep");
        fs::copy("/bin/sleep", &sleep).unwrap();
        fs::copy("/bin/sh", place.rootfs.join("sh")).unwrap();
        // This one is ours to wait for, and so in use.
        let mut child = Command::new(&sleep).arg("30").spawn().unwrap();
        let rootfs = place.rootfs.display();
        orphan(&format!("{rootfs}/sh -c '{rootfs}/sleep 30; true'"));
        assert!(eventually(|| find(&place).unwrap().len() == 2));

        assert_eq!(remove_all(find(&place).unwrap()), 2);
        let ours = |process: &Process| is_ours(process, &place);
        assert!(eventually(|| {
            read_all().unwrap().into_iter().filter(ours).count() == 1
        }));
        assert_eq!(child.try_wait().unwrap(), None, "it must live on");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
