//! 05-ipc: shared memory, semaphores and message queues of one's own.

#![allow(clippy::expect_used)] // A test says what it expects.

use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use support::{Sandbox, different, isolates, isolates_with, program};
use support::{refuses, rootfs, same, step_in, step_on, still_shares};
use workshop::host::{Host, Ids};
use workshop::ladder::Step;

/// The step on a pretend host, with a command.
fn ipc(host: &Host, options: &[&str], command: &[&str]) -> Command {
    let step = Step::find("05-ipc").expect("a step of the ladder");
    step_on(host, step.name, step, options, command)
}

/// A step that runs a script with the programs of the machine, which the small
/// root file system does not have.
fn script(host: &Host, name: &str, options: &[&str], script: &str) -> Command {
    let step = Step::find(name).expect("a step of the ladder");
    let command = ["sh", "-c", script];
    step_in(Path::new("/"), host, step.name, step, options, &command)
}

/// What a command prints, which must succeed, without the end of the line.
fn printed(mut command: Command) -> String {
    let output = command.output().expect("it starts");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// The same for a program on the pretend host.
fn on_host(host: &Host, words: &[&str]) -> String {
    let mut command = host.command(words[0]);
    command.args(&words[1..]);
    printed(command)
}

/// The same in the IPC namespace of the command, and in no other of its.
fn in_its_ipc(sandbox: &Sandbox, words: &[&str]) -> String {
    let pid = sandbox.host.number_of(sandbox.pid).expect("a process inside");
    let enter = ["nsenter", "--target", &pid, "--ipc", "--"];
    on_host(&sandbox.host, &[&enter, words].concat())
}

/// A segment, a semaphore and a queue, for everybody.
const MAKE_ALL: [&str; 8] =
    ["ipcmk", "--shmem", "4096", "--semaphore", "1", "--queue", "-p", "666"];

/// Lists them; the kernel shows those of whoever reads.
const LIST_ALL: [&str; 4] =
    ["cat", "/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg"];

/// How many objects are in such a list: each of its parts has a heading.
fn count(list: &str) -> usize {
    list.lines().count() - 3
}

/// Makes a queue. All queues of a user are limited together, and those of
/// namespaces that have ended still count until the kernel gets round to them,
/// which takes an emulated machine seconds.
fn made(name: &str) -> String {
    let touch = format!("touch /mnt/{name}");
    let later = |seconds| format!("{{ sleep {seconds}; {touch}; }}");
    format!("{{ {touch} || {} || {}; }}", later(2), later(8))
}

/// Runs a script with the POSIX queues of the caller's namespace on /mnt:
/// no mount that the step has made is looked at.
fn with_queues(script: &str) -> [String; 5] {
    let script = format!("mount -t mqueue mqueue /mnt && {script}");
    ["unshare", "--mount", "sh", "-c", &script].map(str::to_owned)
}

fn strs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

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

// --- What is isolated -------------------------------------------------------

#[test]
fn the_ipc_namespace_is_another() {
    isolates("05-ipc", |sandbox| {
        let host = sandbox.host_identity("ns/ipc");
        different(sandbox.identity("ns/ipc"), host)
    });
}

#[test]
fn what_the_host_makes_is_not_inside() {
    isolates("05-ipc", |sandbox| {
        on_host(&sandbox.host, &MAKE_ALL);
        assert_eq!(count(&on_host(&sandbox.host, &LIST_ALL)), 3);
        same(count(&in_its_ipc(sandbox, &LIST_ALL)), 0)
    });
}

#[test]
fn what_is_made_inside_is_not_on_the_host() {
    isolates("05-ipc", |sandbox| {
        in_its_ipc(sandbox, &MAKE_ALL);
        assert_eq!(count(&in_its_ipc(sandbox, &LIST_ALL)), 3);
        same(count(&on_host(&sandbox.host, &LIST_ALL)), 0)
    });
}

#[test]
fn a_message_queue_of_the_host_is_not_inside() {
    isolates("05-ipc", |sandbox| {
        on_host(&sandbox.host, &strs(&with_queues(&made("of-the-host"))));
        let seen = in_its_ipc(sandbox, &strs(&with_queues("ls /mnt")));
        same(seen, String::new())
    });
}

#[test]
fn a_message_queue_made_inside_is_not_on_the_host() {
    isolates("05-ipc", |sandbox| {
        in_its_ipc(sandbox, &strs(&with_queues(&made("inner"))));
        let seen = on_host(&sandbox.host, &strs(&with_queues("ls /mnt")));
        same(seen, String::new())
    });
}

#[test]
fn dev_mqueue_has_the_queues_of_the_namespace() {
    isolates("05-ipc", |sandbox| {
        on_host(&sandbox.host, &strs(&with_queues(&made("of-the-host"))));
        in_its_ipc(sandbox, &strs(&with_queues(&made("inner"))));
        let directory = format!("/proc/{}/root/dev/mqueue", sandbox.pid);
        let entries = fs::read_dir(directory).expect("a directory");
        let names = entries.map(|entry| entry.expect("a name").file_name());
        same(names.collect::<Vec<_>>(), vec!["inner".into()])
    });
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

// --- What the kernel refuses ------------------------------------------------

#[test]
fn a_segment_of_the_host_cannot_be_attached() {
    let host = Host::start().expect("a pretend host");
    // By its id alone, as in the attack: shmread is shmat(2) and a copy.
    let make = "$id = shmget 77, 99, 01666; shmwrite $id, 'secret', 0, 6;
                print $id";
    let id = on_host(&host, &["perl", "-e", make]);
    let read = format!(
        "perl -e 'shmread({id}, $all, 0, 6) or die qq($!\\n); print $all'"
    );
    let before = printed(script(&host, "04-uts", &[], &read));
    assert_eq!(before, "secret");
    let output = script(&host, "05-ipc", &[], &read).output().expect("perl");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("Invalid argument"), "{text}");
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_segment_of_the_host_cannot_be_removed() {
    let host = Host::start().expect("a pretend host");
    on_host(&host, &["ipcmk", "--shmem", "4096"]);
    let remove = "ipcrm --shmem-id 0";
    script(&host, "05-ipc", &[], remove).assert().code(1);
    script(&host, "04-uts", &[], remove).assert().code(0);
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

// --- What does not outlive the container ------------------------------------

#[test]
fn what_was_made_inside_ends_with_the_container() {
    let host = Host::start().expect("a pretend host");
    let make = "ipcmk -M 4096 -S 1 -Q && touch /dev/mqueue/inner";
    let left = || {
        let queues = on_host(&host, &["ls", "/dev/mqueue"]);
        (count(&on_host(&host, &LIST_ALL)), queues)
    };
    script(&host, "05-ipc", &[], make).assert().code(0);
    assert_eq!(left(), (0, String::new()));
    let list = format!("{}; ls /dev/mqueue", LIST_ALL.join(" "));
    let next = printed(script(&host, "05-ipc", &[], &list));
    assert_eq!(count(&next), 0);
    // None of them is a process's own, and ends with it.
    script(&host, "04-uts", &[], make).assert().code(0);
    assert_eq!(left(), (3, "inner".into()));
}

#[test]
fn a_key_may_be_used_again() {
    let host = Host::start().expect("a pretend host");
    // IPC_CREAT and IPC_EXCL: it fails if the key is taken.
    let make = "perl -e 'defined shmget(77, 99, 03600) or die qq($!\\n)'";
    let on_this_host = || host.command("sh").args(["-c", make]).output();
    let in_step = |step| script(&host, step, &[], make).output();
    let is_free = |output: std::io::Result<std::process::Output>| {
        output.expect("perl").status.success()
    };
    assert!(is_free(in_step("05-ipc")));
    assert!(is_free(in_step("05-ipc")));
    assert!(is_free(on_this_host()));
    assert!(is_free(in_step("05-ipc")), "the host has it, not the container");
    assert!(!is_free(in_step("04-uts")));
}

#[test]
fn the_host_stays_as_it_was() {
    support::leaves_no_trace("05-ipc");
}

#[test]
fn containers_on_one_root_start_while_others_end() {
    support::starts_while_others_end("05-ipc");
}

// --- What still leaks -------------------------------------------------------

#[test]
fn the_other_namespaces_are_as_in_the_step_before() {
    still_shares("05-ipc", |sandbox| {
        for name in ["cgroup", "mnt", "net", "user"] {
            let link = format!("ns/{name}");
            same(sandbox.identity(&link), sandbox.host_identity(&link))?;
        }
        Ok(())
    });
}

#[test]
fn what_shm_open_makes_is_a_file() {
    let host = Host::start().expect("a pretend host");
    on_host(&host, &["sh", "-c", "echo secret > /dev/shm/of-the-host"]);
    for step in ["04-uts", "05-ipc"] {
        let read = script(&host, step, &[], "cat /dev/shm/of-the-host");
        assert_eq!(printed(read), "secret", "{step}");
    }
}

#[test]
fn the_mounts_are_in_the_hosts_table() {
    let step = Step::find("05-ipc").expect("a step of the ladder");
    let sandbox = Sandbox::start(step.name, step, &[]).expect("it starts");
    let table = format!("/proc/{}/mountinfo", sandbox.host.init());
    let table = fs::read_to_string(table).expect("the host's mount table");
    for place in ["dev/mqueue", "proc"] {
        let place = rootfs().join(place);
        let place = format!(" {} ", place.display());
        assert!(table.contains(&place), "{place} is not in\n{table}");
    }
}

// --- What must still work ---------------------------------------------------

#[test]
fn processes_inside_share_memory_with_each_other() {
    let host = Host::start().expect("a pretend host");
    let write = "$id = shmget 77, 99, 01600; shmwrite $id, q(hello), 0, 5";
    let read = "$id = shmget 77, 99, 0; shmread $id, $all, 0, 5; print $all";
    let both = format!("perl -e '{write}'; perl -e '{read}'");
    assert_eq!(printed(script(&host, "05-ipc", &[], &both)), "hello");
}

#[test]
fn a_message_queue_may_be_made_and_listed_and_removed() {
    let host = Host::start().expect("a pretend host");
    let all = "cd /dev/mqueue && touch a b && rm a && ls";
    ipc(&host, &[], &["sh", "-c", all]).assert().stdout("b\n");
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
fn exit_code_and_output_are_the_commands() {
    let host = Host::start().expect("a pretend host");
    ipc(&host, &[], &["sh", "-c", "echo out; exit 7"])
        .assert()
        .stdout("out\n")
        .code(7);
}

// --- Bad input --------------------------------------------------------------

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

#[test]
fn a_root_without_a_place_for_the_queues_is_refused() {
    let host = Host::start().expect("a pretend host");
    let table = || on_host(&host, &["cat", "/proc/self/mountinfo"]);
    let before = table();
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-mqueue");
    fs::create_dir_all(root.join("proc")).expect("a directory");
    let mut tool = host.command(program("05-ipc"));
    tool.arg(root).arg("true");
    refuses(
        tool,
        125,
        "mount(\"mqueue\", \"/dev/mqueue\", \"mqueue\"): ENOENT",
    );
    assert_eq!(table(), before);
}

#[test]
fn an_ordinary_user_is_told_what_it_takes() {
    let host = Host::start().expect("a pretend host");
    if host.ids() == Ids::RootOnly {
        support::skip!("there is no other user than root", "see subuid(5)");
    }
    // By descriptor, since the other user may not be able to reach the path.
    let script = "exec 9< \"$0\"; exec setpriv --reuid 65534 \
                  /proc/self/fd/9 /tmp true";
    let mut tool = host.command("bash");
    tool.args(["-c", script]).arg(program("05-ipc"));
    refuses(tool, 125, "CLONE_NEWIPC");
}
