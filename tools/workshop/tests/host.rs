//! The pretend host is like a real one, and keeps to itself.

#![cfg(test)] // So clippy.toml allows `unwrap` in the helpers, too.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use workshop::host::{Host, first_descendant};

/// The mount table of a process, a line for each mount.
fn mounts(pid: &str) -> Vec<String> {
    let path = format!("/proc/{pid}/mountinfo");
    let table = fs::read_to_string(path).unwrap();
    table.lines().map(str::to_owned).collect()
}

#[test]
fn every_mount_is_shared_as_systemd_has_it() {
    let host = Host::start().unwrap();
    let mounts = mounts(&host.init().to_string());
    assert!(!mounts.is_empty());
    for mount in mounts {
        assert!(mount.contains(" shared:"), "{mount}");
    }
}

/// What a step leaks that forgets MS_PRIVATE.
#[test]
fn a_mount_leaks_into_the_pretend_host_and_no_further() {
    let host = Host::start().unwrap();
    let leaked = format!("leaked-{}", std::process::id());
    let script = format!("mount -n -t tmpfs {leaked} /mnt");
    let status = host
        .command("unshare")
        .args(["--mount", "--propagation=unchanged", "sh", "-c", &script])
        .status();
    assert!(status.unwrap().success());
    let is_there = |pid: &str| mounts(pid).iter().any(|m| m.contains(&leaked));
    assert!(is_there(&host.init().to_string()), "into the pretend host");
    assert!(!is_there("self"), "into the machine");
}

#[test]
fn the_first_descendant_is_the_command_and_not_its_helper() {
    // Each `cat` ends with its input. It is a copy of the shell's, since a
    // shell gives background jobs none.
    let script = "exec 3<&0; cat <&3 & cat <&3 & echo ready $!; wait";
    let mut shell = Command::new("sh")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(shell.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let second: u32 = line["ready ".len()..].trim().parse().unwrap();
    let found = first_descendant(shell.id());
    assert!(![shell.id(), second].contains(&found), "{found} of {line}");
    drop(shell.stdin.take());
    shell.wait().unwrap();
}
