//! 05-ipc: shared memory, semaphores and message queues of one's own.

#![allow(clippy::expect_used)] // A test says what it expects.

#[path = "05_ipc/scene.rs"]
mod scene;
#[path = "05_ipc/settings.rs"]
mod settings;

use std::fs;
use std::path::Path;

use assert_cmd::assert::OutputAssertExt;
use support::{
    Sandbox, different, isolates, program, refuses, rootfs, same, still_shares,
};
use workshop::host::{Host, Ids};
use workshop::ladder::Step;

use scene::{
    LIST_ALL, MAKE_ALL, count, in_its_ipc, ipc, made, on_host, printed, script,
    strs, with_queues,
};

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
fn exit_code_and_output_are_the_commands() {
    let host = Host::start().expect("a pretend host");
    ipc(&host, &[], &["sh", "-c", "echo out; exit 7"])
        .assert()
        .stdout("out\n")
        .code(7);
}

// --- Bad input --------------------------------------------------------------

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
