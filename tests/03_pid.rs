//! 03-pid: a program sees no process but its own, and takes them along.

#![allow(clippy::expect_used)] // A test says what it expects.

#[path = "03_pid/ends.rs"]
mod ends;
#[path = "03_pid/init.rs"]
mod init;
#[path = "03_pid/scene.rs"]
mod scene;
#[path = "03_pid/traces.rs"]
mod traces;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use support::{
    InTime, Sandbox, different, eventually, isolates, isolates_with, program,
    refuses, rootfs, same, status_of, still_shares,
};
use workshop::host::{Host, Ids};

use scene::{
    HELD, Running, children, has_ended, has_proc, ladder, mounts, numbers,
    of_step, on_slash, pid,
};

// --- What is isolated -------------------------------------------------------

#[test]
fn process_numbers_are_the_commands_own() {
    isolates("03-pid", |sandbox| {
        let ours = sandbox.identity("ns/pid");
        different(ours, sandbox.host_identity("ns/pid"))
    });
}

#[test]
fn pid_is_one() {
    isolates("03-pid", |sandbox| {
        same(numbers(&sandbox.proc("status")).pop(), Some(1))
    });
}

#[test]
fn with_an_init_the_command_is_number_two() {
    isolates_with("03-pid", &["--init"], |sandbox| {
        same(numbers(&sandbox.proc("status")).pop(), Some(2))?;
        let parent = format!("/proc/{}/status", sandbox.status("PPid"));
        let parent = fs::read_to_string(parent).expect("its parent");
        same(numbers(&parent).pop(), Some(1))
    });
}

#[test]
fn an_init_does_not_show_the_variables_of_the_caller() {
    let host = Host::start().expect("a pretend host");
    let show = ["sh", "-c", "tr -d '\\0' </proc/1/environ; echo shown"];
    let mut step = pid(&host, &["--init"], &show);
    step.env("SECRET", "canary").in_time().assert().stdout("shown\n");
}

#[test]
fn proc_shows_the_containers_processes_only() {
    isolates("03-pid", |sandbox| same(listed(sandbox), ["1".into()].into()));
}

/// The processes that the command finds in its `/proc`.
fn listed(sandbox: &Sandbox) -> Vec<String> {
    let proc = format!("/proc/{}/root/proc", sandbox.pid);
    let entries = fs::read_dir(proc).expect("a directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.parse::<u32>().is_ok()).collect()
}

#[test]
fn a_process_of_the_host_cannot_be_signalled() {
    let host = Host::start().expect("a pretend host");
    let mut sleep = host.command("sleep");
    let mut sleep = sleep.arg("1000").spawn().expect("sleep");
    eventually("it runs", || !children(sleep.id()).is_empty());
    let victim = children(sleep.id())[0];
    let number = host.number_of(victim).expect("a number");
    let attempt = ["sh", "-c", &format!("kill -KILL {number}")];

    let refused = on_slash(&host, &[], &attempt).in_time();
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(text.contains("No such process"), "{text}");
    assert!(!has_ended(victim));
    // In the step before it is killed.
    of_step("01-chroot", &host, &[], &attempt).in_time().assert().code(0);
    status_of(&mut sleep);
}

// --- One process, several numbers -------------------------------------------

#[test]
fn each_level_has_a_number_of_its_own() {
    let host = Host::start().expect("a pretend host");
    let script = "\"$0\" \"$1\" sleep 1000 &
        for n in $(seq 500); do
            pid=$(pgrep -x sleep -P $!) && break; sleep 0.01
        done
        echo ready $(grep NSpid /proc/$pid/status)
        wait";
    let tool = program("03-pid").display().to_string();
    let inner = rootfs().display().to_string();
    let command = ["bash", "-c", script, &tool, &inner];
    let running = Running::start(on_slash(&host, &[], &command));

    // From the middle: its own number, and that of the level below.
    let middle = numbers(&running.said);
    assert_eq!(middle[1..], [1], "{middle:?}");
    // From here, one or more levels above: the same process.
    let inner_tool = children(running.first)[0];
    let inner = children(inner_tool)[0];
    let status = fs::read_to_string(format!("/proc/{inner}/status"));
    let all = numbers(&status.expect("a process"));
    assert_eq!(all[0], inner);
    assert!(all.ends_with(&middle), "{all:?}, {middle:?}");
    assert_ne!(all[all.len() - 3], middle[0], "by chance, or not at all?");
    // And from within.
    pid(&host, &[], &["grep", "NSpid", "/proc/self/status"])
        .in_time()
        .assert()
        .stdout("NSpid:\t1\n");
}

#[test]
fn from_the_host_the_command_is_seen_and_can_be_killed() {
    let host = Host::start().expect("a pretend host");
    let running = Running::start(pid(&host, &[], &HELD));
    let number = host.number_of(running.first).expect("a number");
    assert_ne!(number, "1");
    // SIGKILL is the one signal that number 1 can't escape, from outside.
    host.command("kill").args(["-KILL", &number]).in_time().assert().code(0);
    assert_eq!(running.ends(), 128 + libc::SIGKILL);
}

#[test]
fn pid_namespaces_do_not_nest_for_ever() {
    let host = Host::start().expect("a pretend host");
    let tool = program("03-pid").display().to_string();
    let before = mounts(&host);
    let nested = [tool.as_str(), "/"].repeat(33);
    let mut outermost = on_slash(&host, &[], &nested);
    outermost.arg("true");
    refuses(outermost, 125, "clone3(CLONE_NEWPID | CLONE_PIDFD): ENOSPC");
    assert_eq!(mounts(&host), before);
}

// --- What must not lead out -------------------------------------------------

#[test]
fn no_pidfd_of_the_host_is_open_inside() {
    let host = Host::start().expect("a pretend host");
    let step = pid(&host, &["--init"], &HELD);
    let running = Running::start(step);
    let (init, command) = (running.first, children(running.first)[0]);
    for process in [init, command] {
        let open = open_files(&host, process);
        assert!(!open.contains("pidfd"), "{open}");
    }
    // The tool has them, so they can be found.
    assert!(open_files(&host, running.tool).contains("pidfd"));
}

/// What the open files of a process are. The host's root is asked, since
/// whoever runs the test perhaps may not look.
fn open_files(host: &Host, pid: u32) -> String {
    let number = host.number_of(pid).expect("a process of the host");
    let mut ls = host.command("ls");
    let output = ls.args(["-l", &format!("/proc/{number}/fd")]).output();
    let output = output.expect("ls");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

// --- What still leaks -------------------------------------------------------

#[test]
fn every_other_namespace_is_still_the_hosts() {
    still_shares("03-pid", |sandbox| {
        for name in ["cgroup", "ipc", "mnt", "net", "user", "uts"] {
            let link = format!("ns/{name}");
            same(sandbox.identity(&link), sandbox.host_identity(&link))?;
        }
        Ok(())
    });
}

#[test]
fn the_new_proc_is_in_the_hosts_mount_table() {
    let step = ladder("03-pid");
    let sandbox = Sandbox::start(step.name, step, &[]).expect("it starts");
    assert!(has_proc(&sandbox.host, &rootfs()));
    // Not before it, and not after.
    let other = Host::start().expect("a pretend host");
    assert!(!has_proc(&other, &rootfs()));
}

#[test]
fn the_command_is_still_root_with_open_files() {
    still_shares("03-pid", |sandbox| {
        let effective = sandbox.status("CapEff");
        different(effective.trim_matches('0').is_empty(), true)?;
        same(sandbox.open_files().contains(&"9".to_owned()), true)
    });
}

#[test]
fn two_containers_on_one_root_hide_each_others_proc() {
    let host = Host::start().expect("a pretend host");
    let before = mounts(&host);
    let list = "echo ready; read -r end; ls -d /proc/[0-9]*";
    let first = ["sh", "-c", list];
    let mut older = Running::start(pid(&host, &["--init"], &first));
    let mut younger = Running::start(pid(&host, &[], &HELD));
    // The older one has 1, 2 and `ls`; but it sees the younger one's.
    drop(older.nsenter.stdin.take());
    let stdout = older.nsenter.stdout.take().expect("a pipe");
    let seen = BufReader::new(stdout).lines().map_while(Result::ok);
    assert_eq!(seen.collect::<Vec<_>>(), ["/proc/1"]);
    assert_eq!(older.ends(), 0);
    // It has not taken that of the younger one along,
    let listed = format!("/proc/{}/root/proc/1", younger.first);
    assert!(Path::new(&listed).exists());
    // which leaves nothing of either.
    drop(younger.nsenter.stdin.take());
    younger.ends();
    assert_eq!(mounts(&host), before);
}

#[test]
fn containers_on_one_root_start_while_others_end() {
    support::starts_while_others_end("03-pid");
}

// --- What must still work ---------------------------------------------------

#[test]
fn exit_code_and_output_are_the_commands() {
    let host = Host::start().expect("a pretend host");
    for options in [&[][..], &["--init"]] {
        pid(&host, options, &["sh", "-c", "echo out; exit 7"])
            .in_time()
            .assert()
            .stdout("out\n")
            .code(7);
        pid(&host, options, &["no-such-program"]).in_time().assert().code(127);
        pid(&host, options, &["/etc/passwd"]).in_time().assert().code(126);
    }
}

#[test]
fn ps_works_inside() {
    let host = Host::start().expect("a pretend host");
    let output = pid(&host, &[], &["ps", "-o", "pid,comm"]).in_time();
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text.split_whitespace().last(), Some("ps"), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}

// --- Bad input --------------------------------------------------------------

/// The step with a root directory of the caller's choice.
fn with_root(host: &Host, root: impl AsRef<Path>) -> Command {
    let mut tool = host.command(program("03-pid"));
    tool.arg(root.as_ref()).arg("true");
    tool
}

#[test]
fn a_root_that_is_none_is_refused() {
    let host = Host::start().expect("a pretend host");
    let missing = with_root(&host, "/no/such/rootfs");
    refuses(missing, 125, "03-pid: open(\"/no/such/rootfs\"): ENOENT");
    refuses(with_root(&host, "/etc/passwd"), 125, "ENOTDIR");
}

#[test]
fn a_root_without_a_proc_is_refused() {
    let host = Host::start().expect("a pretend host");
    let root = empty_directory("without-proc");
    let call = "mount(\"proc\", \"/proc\", \"proc\"): ";
    refuses(with_root(&host, &root), 125, &format!("{call}ENOENT"));
    fs::write(root.join("proc"), "").expect("a file");
    refuses(with_root(&host, &root), 125, &format!("{call}ENOTDIR"));
}

fn empty_directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).expect("a directory");
    path
}

#[test]
fn an_ordinary_user_is_told_what_it_takes() {
    let host = Host::start().expect("a pretend host");
    if host.ids() == Ids::RootOnly {
        support::skip!("there is no other user than root", "see subuid(5)");
    }
    // By descriptor, since the other user may not be able to reach the path.
    let script = "exec 9< \"$0\"; exec setpriv --reuid 65534 \
                  /proc/self/fd/9 / true";
    let mut tool = host.command("bash");
    tool.args(["-c", script]).arg(program("03-pid"));
    refuses(tool, 125, "clone3(CLONE_NEWPID | CLONE_PIDFD): EPERM");
}
