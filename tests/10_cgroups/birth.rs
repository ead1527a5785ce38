//! Where the container is when it is born.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::null_mut;

use super::scene::{Running, host_with_groups, in_reach, tool};

/// Nothing of it runs elsewhere, not even its first instruction.
#[test]
fn it_is_born_in_its_group() {
    let host = host_with_groups!();
    let trees = cgroups::hierarchies().expect("hierarchies");
    if trees.iter().all(|tree| tree.version == cgroups::Version::V1) {
        support::skip!("version 1 has no way", "a kernel with cgroup2");
    }
    let group = group_at_birth(tool(&host, &[], &["true"]));
    assert!(group.ends_with("/inside"), "{group:?}");
}

/// An old kernel, or a filter, leaves a moment; then the process waits.
#[test]
fn without_clone3_it_is_moved() {
    let host = host_with_groups!();
    let script = "echo ready; read -r end";
    let mut tool = tool(&host, &[], &["sh", "-c", script]);
    support::missing::without_calls(&mut tool, &[support::missing::CLONE3]);
    let running = Running::of(tool);
    let groups = fs::read_to_string(format!("/proc/{}/cgroup", running.pid));
    let groups = groups.expect("its groups");
    let in_reach = in_reach(&groups);
    assert!(in_reach.iter().all(|l| l.ends_with("/inside")), "{groups}");
    running.end();
}

/// Follows the tool by ptrace(2): each process that it makes stops before its
/// first instruction. Gives the group, in version 2, of the one that is number
/// 1 of a pid namespace.
fn group_at_birth(mut tool: Command) -> String {
    // SAFETY: between fork and execve it makes one system call.
    unsafe {
        tool.pre_exec(|| match trace(libc::PTRACE_TRACEME, 0, 0) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    let first = tool.spawn().expect("it starts").id() as i32;
    let (mut group, mut is_first_stop) = (None, true);
    loop {
        let mut status = 0;
        let ours = libc::__WALL | libc::__WNOTHREAD; // of no other test
        // SAFETY: the kernel writes to `status`, which outlives the call.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, ours) };
        assert!(pid > 0, "it has ended, and nobody was number 1");
        if libc::WIFEXITED(status) || libc::WIFSIGNALED(status) {
            if pid == first {
                return group.expect("a number 1");
            }
            continue;
        }
        if is_first_stop {
            is_first_stop = false;
            let events = libc::PTRACE_O_TRACEFORK
                | libc::PTRACE_O_TRACEVFORK
                | libc::PTRACE_O_TRACECLONE
                | libc::PTRACE_O_EXITKILL;
            trace(libc::PTRACE_SETOPTIONS, pid, events as usize);
        } else if libc::WSTOPSIG(status) == libc::SIGSTOP {
            // One that was just born. It is stopped, and can be looked at.
            group = group.or_else(|| group_of_number_1(pid));
        }
        let signal = match libc::WSTOPSIG(status) {
            libc::SIGTRAP | libc::SIGSTOP => 0,
            other => other,
        };
        trace(libc::PTRACE_CONT, pid, signal as usize);
    }
}

fn group_of_number_1(pid: i32) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    if !support::field(&status, "NSpid").ends_with(" 1") {
        return None;
    }
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let mut lines = groups.lines();
    lines.find_map(|line| line.strip_prefix("0::").map(str::to_owned))
}

fn trace(request: libc::c_uint, pid: i32, data: usize) -> libc::c_long {
    let address: *mut libc::c_void = null_mut();
    // SAFETY: these requests read and write no memory of ours.
    unsafe { libc::ptrace(request, pid, address, data) }
}
