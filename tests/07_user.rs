//! 07-user: root inside, nobody outside.

#![allow(clippy::expect_used)] // A test says what it expects.

#[path = "07_user/files.rs"]
mod files;
#[path = "07_user/ordinary.rs"]
mod ordinary;
#[path = "07_user/refusals.rs"]
mod refusals;
#[path = "07_user/scene.rs"]
mod scene;

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use scene::Scene;
use support::{
    Sandbox, Verdict, different, isolates, leaves_no_trace, refuses, same,
    still_shares,
};
use workshop::host::{Host, Ids};

/// The first of the users that root gives away.
const ROOT: &str = "1900000000";

/// Whether the caller is the machine's root, who has other users to give.
fn is_root() -> bool {
    Host::start().expect("a pretend host").ids() == Ids::All
}

// --- What is isolated -------------------------------------------------------

#[test]
fn the_user_namespace_is_its_own() {
    isolates("07-user", |sandbox| {
        let ours = sandbox.identity("ns/user");
        different(ours, sandbox.host_identity("ns/user"))
    });
}

#[test]
fn the_other_namespaces_belong_to_it() {
    isolates("07-user", |sandbox| {
        let ours = sandbox.identity("ns/user");
        different(ours, sandbox.host_identity("ns/user"))?;
        for kind in ["ipc", "mnt", "pid", "uts"] {
            same(owner(sandbox, kind), ours)?;
        }
        different(owner(sandbox, "net"), ours)
    });
}

/// The user namespace that a namespace belongs to: NS_GET_USERNS in
/// ioctl_ns(2).
fn owner(sandbox: &Sandbox, kind: &str) -> (u64, u64) {
    const NS_GET_USERNS: libc::Ioctl = 0xb701;
    let path = format!("/proc/{}/ns/{kind}", sandbox.pid);
    let namespace = File::open(path).expect("a namespace");
    // SAFETY: the request takes no argument.
    let fd = unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_USERNS) };
    if fd < 0 {
        return (0, 0); // It belongs to one that this test is not in.
    }
    // SAFETY: the kernel has just opened it for us.
    let owner = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    let found = owner.metadata().expect("a namespace");
    (found.dev(), found.ino())
}

#[test]
fn outside_its_user_is_nobody() {
    if !is_root() {
        support::skip!("an ordinary user has nobody else to be", "sudo");
    }
    isolates("07-user", |sandbox| {
        for name in ["Uid", "Gid"] {
            same(sandbox.status(name), [ROOT; 4].join(" "))?;
        }
        Ok(())
    });
}

#[test]
fn it_is_in_no_group_of_the_callers() {
    if Host::start().expect("a pretend host").ids() == Ids::RootOnly {
        support::skip!("there is no group to leave", "sudo");
    }
    isolates("07-user", |sandbox| same(&*sandbox.status("Groups"), ""));
}

#[test]
fn its_capabilities_end_at_the_namespace() {
    if !is_root() {
        support::skip!("this host's root has few himself", "sudo");
    }
    let scene = Scene::start();
    // Over what belongs to it, root may everything.
    scene.inside(
        &[],
        "hostname renamed; mount -t tmpfs none /tmp
        mkdir /tmp/x; mount --bind /tmp/x /tmp",
    );
    assert_eq!(scene.on_host("hostname"), "host\n");
    // Over the network, the devices and the kernel it may nothing.
    for script in [
        "mknod /tmp/disk b 7 0",
        "ip link set lo up",
        "mount -t sysfs none /tmp",
        "nsenter --net=/proc/1/ns/net true",
        "echo 1 >/proc/sys/kernel/panic",
    ] {
        scene.refused(&[], script);
    }
}

#[test]
fn no_file_of_the_caller_is_open() {
    let claim = |sandbox: &Sandbox| {
        same(sandbox.open_files(), ["0", "1", "2"].map(String::from).to_vec())
    };
    still_shares("07-user", claim);
    let scene = Scene::start();
    // An init has changed its user and executed nothing: its files in /proc
    // belong to the machine's root, unless that is the user himself.
    let list = "cd /proc/1/fd 2>/dev/null || exit 0
        for fd in *; do echo $fd $(readlink $fd); done";
    let open = scene.inside(&["--init"], list);
    let others = open.lines().filter(|line| {
        let number = line.split(' ').next().unwrap_or_default();
        // By a signalfd it waits.
        !["0", "1", "2"].contains(&number) && !line.contains("signalfd")
    });
    assert_eq!(others.collect::<Vec<_>>(), [""; 0], "{open}");
}

// --- What still leaks -------------------------------------------------------

#[test]
fn the_network_is_still_the_hosts() {
    still_shares("07-user", |sandbox| {
        for name in ["cgroup", "net"] {
            let link = format!("ns/{name}");
            same(sandbox.identity(&link), sandbox.host_identity(&link))?;
        }
        Ok(())
    });
}

#[test]
fn every_capability_is_still_there_inside() {
    still_shares("07-user", |sandbox: &Sandbox| -> Verdict {
        let effective = sandbox.status("CapEff");
        different(effective.trim_matches('0').is_empty(), true)
    });
}

// --- What must still work ---------------------------------------------------

#[test]
fn what_the_steps_before_can_do_it_still_can() {
    let scene = Scene::start();
    let options = ["--hostname", "inside", "--init", "-e", "A=1"];
    let shown = scene.inside(&options, "hostname; echo $A; id -u; id -g");
    assert_eq!(shown, "inside\n1\n0\n0\n");
    assert_eq!(scene.on_host("hostname"), "host\n");
    let mut tool = scene.tool(&[], &["sh", "-c", "exit 7"]);
    assert_eq!(tool.status().expect("it starts").code(), Some(7));
    refuses(scene.tool(&[], &["no-such-program"]), 127, "no-such-program");
}

#[test]
fn the_hosts_sys_is_there_read_only() {
    let scene = Scene::start();
    let said = scene.refused(&[], "test -d /sys/class/net && mkdir /sys/x");
    assert!(said.contains("Read-only file system"), "{said}");
    assert_eq!(scene.inside(&[], "ls -A /sys/firmware"), "");
}

#[test]
fn five_containers_deep() {
    let scene = Scene::start();
    scene.on_host("cp $STEP /mnt/rootfs/usr/bin/07-user");
    let mut command = vec![];
    for _ in 0..4 {
        command.extend(["07-user", "--unmasked", "/"]);
    }
    let show = "cut -d ' ' -f 1 /proc/1/comm; id -u; readlink /proc/1/ns/user";
    command.extend(["sh", "-euc", show]);
    let deep = scene.tool(&["--unmasked"], &command).output().expect("it");
    assert!(deep.status.success(), "{deep:?}");
    let text = String::from_utf8_lossy(&deep.stdout).into_owned();
    assert!(text.starts_with("sh\n0\n"), "{text}");
    // What is masked in one can't be unmasked in the next.
    scene.on_host("cp -a /mnt/rootfs /mnt/inner; mv /mnt/inner /mnt/rootfs/");
    let tool = scene.tool(&[], &["07-user", "/inner", "true"]);
    refuses(tool, 125, "--unmasked");
}

#[test]
fn the_host_stays_as_it_was() {
    leaves_no_trace("07-user");
}
