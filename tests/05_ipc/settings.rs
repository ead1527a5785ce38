//! The limits of an IPC namespace, which `--sysctl` sets.

use assert_cmd::assert::OutputAssertExt;
use support::{different, isolates_with, refuses, same};
use workshop::host::Host;

use crate::scene::{in_its_ipc, ipc, on_host, printed, script, strs};

/// A setting as the reader's namespace has it.
fn setting(name: &str) -> [String; 2] {
    ["cat".into(), format!("/proc/sys/{}", name.replace('.', "/"))]
}

/// Whether root of this host may set what an IPC namespace has for itself.
fn may_set(host: &Host) -> bool {
    let write = "echo 4096 > /proc/sys/kernel/shmmni";
    let status = host.command("sh").args(["-c", write]).output();
    status.expect("sh").status.success()
}

macro_rules! needs_settings {
    ($host:expr) => {
        if !may_set($host) {
            support::skip!(
                "root of a user namespace may not set the limits of IPC here",
                "Linux 6.9, or root of the machine"
            );
        }
    };
}

#[test]
fn a_limit_is_the_containers_and_not_the_hosts() {
    let host = Host::start().expect("a pretend host");
    needs_settings!(&host);
    let options =
        ["--sysctl", "kernel.shmmax=65536", "--sysctl", "kernel.sem=1 2 3 4"];
    isolates_with("05-ipc", &options, |sandbox| {
        let (max, sem) = (setting("kernel.shmmax"), setting("kernel.sem"));
        same(in_its_ipc(sandbox, &strs(&max)), "65536".into())?;
        same(in_its_ipc(sandbox, &strs(&sem)), "1\t2\t3\t4".into())?;
        different(on_host(&sandbox.host, &strs(&max)), "65536".into())?;
        different(on_host(&sandbox.host, &strs(&sem)), "1\t2\t3\t4".into())
    });
}

#[test]
fn a_namespace_begins_with_the_kernels_limits_and_not_the_hosts() {
    let host = Host::start().expect("a pretend host");
    needs_settings!(&host);
    on_host(&host, &["sh", "-c", "echo 77 > /proc/sys/kernel/shmmni"]);
    on_host(&host, &["sh", "-c", "echo 7 > /proc/sys/fs/mqueue/queues_max"]);
    let both = "cd /proc/sys; cat kernel/shmmni fs/mqueue/queues_max";
    let inside = |step| printed(script(&host, step, &[], both));
    assert_eq!(inside("04-uts"), "77\n7");
    assert_eq!(inside("05-ipc"), "4096\n256");
}

#[test]
fn a_segment_above_shmmax_is_refused() {
    let host = Host::start().expect("a pretend host");
    needs_settings!(&host);
    let limit = ["--sysctl", "kernel.shmmax=65536"];
    let make = |options: &[&str], size: &str| {
        let make = format!("ipcmk --shmem {size}");
        script(&host, "05-ipc", options, &make)
    };
    make(&limit, "65536").assert().code(0);
    make(&[], "65537").assert().code(0);
    let output = make(&limit, "65537").output().expect("ipcmk");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("Invalid argument"), "{text}");
    on_host(&host, &["ipcmk", "--shmem", "65537"]);
}

#[test]
fn a_queue_above_queues_max_is_refused() {
    let host = Host::start().expect("a pretend host");
    needs_settings!(&host);
    let limit = ["--sysctl", "fs.mqueue.queues_max=1"];
    // The machine's root is exempt from this one, by CAP_SYS_RESOURCE.
    let make = "cd /dev/mqueue; exec setpriv --bounding-set -sys_resource \
                sh -c 'touch a && touch b'";
    script(&host, "05-ipc", &[], make).assert().code(0);
    let output = script(&host, "05-ipc", &limit, make).output();
    let text = output.expect("a shell").stderr;
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains("'b': No space left"), "{text}");
}

#[test]
fn every_setting_of_the_namespace_can_be_set() {
    let host = Host::start().expect("a pretend host");
    needs_settings!(&host);
    for (name, value) in [
        ("fs.mqueue.msg_default", "9"),
        ("fs.mqueue.msg_max", "9"),
        ("fs.mqueue.msgsize_default", "4096"),
        ("fs.mqueue.msgsize_max", "4096"),
        ("fs.mqueue.queues_max", "3"),
        ("kernel.msgmax", "512"),
        ("kernel.msgmnb", "1024"),
        ("kernel.msgmni", "5"),
        ("kernel.sem", "1\t2\t3\t4"),
        ("kernel.shm_rmid_forced", "1"),
        ("kernel.shmall", "16"),
        ("kernel.shmmax", "4096"),
        ("kernel.shmmni", "5"),
    ] {
        let option = format!("{name}={value}");
        let before = on_host(&host, &strs(&setting(name)));
        let words = setting(name);
        let command = ipc(&host, &["--sysctl", &option], &strs(&words));
        assert_eq!(printed(command), value, "{name}");
        assert_eq!(on_host(&host, &strs(&setting(name))), before, "{name}");
    }
}

#[test]
fn a_setting_of_the_whole_machine_is_refused() {
    let host = Host::start().expect("a pretend host");
    for setting in [
        // Each with a value that changes nothing, should it be written.
        "kernel.hostname=host",
        "kernel.ostype=Linux",
        "net.ipv4.ip_forward=0",
        "kernel.sem_next_id=-1",
        "kernel/shmmni=4096",
        "kernel.shmmni/../shmmni=4096",
        "shmmni=4096",
        "=4096",
    ] {
        let mut tool = ipc(&host, &["--sysctl", setting], &["echo", "started"]);
        let output = tool.output().expect("the step");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{setting}: {text}");
        assert_eq!(output.stdout, b"", "{setting}");
        assert!(text.contains("an IPC namespace has no "), "{text}");
    }
    ipc(&host, &["--sysctl", "kernel.shmmni"], &["true"]).assert().code(125);
}

#[test]
fn a_value_that_the_kernel_does_not_take_is_refused() {
    let host = Host::start().expect("a pretend host");
    needs_settings!(&host);
    let with = |setting| ipc(&host, &["--sysctl", setting], &["true"]);
    for setting in [
        "kernel.shmmni=many",
        "kernel.shmmni=-1",
        "kernel.shmmni=99999999",
        "kernel.shm_rmid_forced=2",
        "fs.mqueue.msg_max=99999999",
    ] {
        refuses(with(setting), 125, "EINVAL");
    }
}

#[test]
fn a_value_holds_no_second_setting() {
    let host = Host::start().expect("a pretend host");
    needs_settings!(&host);
    // CVE-2022-0811: the runtime looked at the first name alone.
    for separator in ["+", " ", ",", "\n"] {
        let two = format!("kernel.shmmni=7{separator}kernel.hostname=renamed");
        let mut tool = ipc(&host, &["--sysctl", &two], &["echo", "started"]);
        tool.assert().stdout("").code(125);
    }
}

#[test]
fn a_value_that_reads_back_otherwise_is_refused() {
    let host = Host::start().expect("a pretend host");
    needs_settings!(&host);
    let with = |setting| ipc(&host, &["--sysctl", setting], &["true"]);
    // Nothing is written, or less than was asked for.
    for setting in ["kernel.shmmni=", "kernel.shmmni=7 8", "kernel.sem=1 2"] {
        refuses(with(setting), 125, "reads back as");
    }
}
