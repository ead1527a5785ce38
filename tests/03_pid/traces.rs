//! What is left when it has ended, however it ended.

use assert_cmd::assert::OutputAssertExt;
use support::{InTime, Trace, eventually, nearly_patience, program, rootfs};
use workshop::host::Host;

use super::scene::{ENDLESS, Running, has_proc, kill, mounts, on_slash, pid};

#[test]
fn the_host_stays_as_it_was() {
    support::leaves_no_trace("03-pid");
}

#[test]
fn a_killed_tool_leaves_no_mount() {
    let host = Host::start().expect("a pretend host");
    for options in [&[][..], &["--init"]] {
        let running = Running::start(pid(&host, options, &ENDLESS));
        assert!(has_proc(&host, &rootfs()));
        kill(running.tool, libc::SIGKILL);
        running.ends();
        eventually("/proc goes", || !has_proc(&host, &rootfs()));
    }
}

#[test]
fn the_end_of_the_whole_job_leaves_no_mount() {
    let host = Host::start().expect("a pretend host");
    let running = Running::start(pid(&host, &[], &ENDLESS));
    let group = -(running.nsenter.id() as i32);
    // As a shell does with its jobs, or a terminal that is closed.
    // SAFETY: kill(2) touches no memory; the group was made by `start`.
    assert_eq!(unsafe { libc::kill(group, libc::SIGKILL) }, 0);
    running.ends();
    eventually("/proc goes", || !has_proc(&host, &rootfs()));
}

#[test]
fn a_tool_killed_at_any_moment_leaves_nothing() {
    let host = Host::start().expect("a pretend host");
    let before = Trace::of(&host, &rootfs().join("proc"));
    let script = "for n in $(seq 0 25); do
            \"$0\" \"$1\" sleep 1000 & sleep 0.000$((n * 15 % 10))$n
            kill -KILL $!; wait $!
        done 2> /dev/null";
    let mut shell = host.command("timeout");
    shell
        .args([&nearly_patience(), "bash", "-c", script])
        .arg(program("03-pid"));
    let status = shell.arg(rootfs()).in_time().status;
    assert_eq!(status.code(), Some(128 + libc::SIGKILL));
    eventually("the host is as before", || {
        Trace::of(&host, &rootfs().join("proc")) == before
    });
}

#[test]
fn the_hosts_own_proc_is_not_removed() {
    let host = Host::start().expect("a pretend host");
    let before = mounts(&host);
    // With the host's root directory, its /proc is below that of the command.
    on_slash(&host, &[], &["umount", "/proc"]).in_time().assert().code(0);
    assert_eq!(mounts(&host), before);
    on_slash(&host, &[], &["no-such-program"]).in_time().assert().code(127);
    assert_eq!(mounts(&host), before);
}
