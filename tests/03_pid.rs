//! 03-pid: a program sees no process but its own, and takes them along.

#![allow(clippy::expect_used)] // A test says what it expects.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use assert_cmd::assert::OutputAssertExt;
use support::{InTime, Sandbox, Trace, different, eventually, field};
use support::{
    isolates, isolates_with, nearly_patience, program, refuses, rootfs, same,
};
use support::{status_of, step_in, still_shares};
use workshop::host::{Host, Ids, only_child};
use workshop::ladder::Step;

fn ladder(name: &str) -> &'static Step {
    Step::find(name).expect("a step of the ladder")
}

/// The step on a pretend host, with a command in the small root file system.
fn pid(host: &Host, options: &[&str], command: &[&str]) -> Command {
    let step = ladder("03-pid");
    step_in(&rootfs(), host, step.name, step, options, command)
}

/// The same with the host's own root directory, where its programs are, and
/// the `/dev/null` that a shell needs for `&`.
fn on_slash(host: &Host, options: &[&str], command: &[&str]) -> Command {
    of_step("03-pid", host, options, command)
}

fn of_step(
    name: &str,
    host: &Host,
    options: &[&str],
    command: &[&str],
) -> Command {
    let step = ladder(name);
    step_in(Path::new("/"), host, name, step, options, command)
}

/// A step that has been started, and the processes that it is made of, by
/// their numbers on the real host.
struct Running {
    nsenter: Child,
    tool: u32,
    /// The child that it started first: number 1, if it has a namespace.
    first: u32,
    /// What the command printed behind `ready`.
    said: String,
}

impl Running {
    /// Starts the step, and waits until its command says `ready`.
    fn start(mut step: Command) -> Self {
        let mut nsenter = step
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = nsenter.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let said = line.strip_prefix("ready").expect("a command that runs");
        let tool = only_child(nsenter.id()).expect("the step");
        let first = children(tool)[0];
        Self { tool, first, said: said.trim().to_owned(), nsenter }
    }

    /// The exit code, or 128 + n.
    fn ends(mut self) -> i32 {
        let status = status_of(&mut self.nsenter);
        status.code().or(status.signal().map(|n| 128 + n)).expect("a status")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The host outlives it, and takes along whatever is left.
        let _ = self.nsenter.kill();
        let _ = self.nsenter.wait();
    }
}

/// The oldest first, zombies included.
fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let list = list.unwrap_or_default();
    list.split_whitespace().map(|n| n.parse().expect("a pid")).collect()
}

/// R, S, T, Z …; nothing, if there is no such process.
fn state(pid: u32) -> Option<char> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    field(&status, "State").chars().next()
}

fn has_ended(pid: u32) -> bool {
    matches!(state(pid), None | Some('Z' | 'X'))
}

fn kill(pid: u32, signal: i32) {
    // SAFETY: kill(2) touches no memory. The process is a descendant of this
    // one, and was seen to live.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

/// Waits until the tool has read all signals that it was sent, and waits for
/// more: then it has passed them on.
fn has_passed_all_on(tool: u32) {
    eventually("the tool reads its signals", || {
        let status = fs::read_to_string(format!("/proc/{tool}/status"));
        let status = status.expect("a process");
        let pending = field(&status, "ShdPnd");
        pending.trim_matches('0').is_empty() && state(tool) == Some('S')
    });
}

/// The numbers of a process, one for each level, the outermost first.
fn numbers(status: &str) -> Vec<u32> {
    let numbers = field(status, "NSpid");
    numbers.split(' ').map(|n| n.parse().expect("a pid")).collect()
}

fn mounts(host: &Host) -> String {
    let path = format!("/proc/{}/mountinfo", host.init());
    fs::read_to_string(path).expect("mounts")
}

/// Whether the host's table has a proc file system on this directory.
fn has_proc(host: &Host, root: &Path) -> bool {
    // As proc_pid_mountinfo(5) writes it.
    let target = root.join("proc").display().to_string();
    let target = format!(" {} ", target.replace(' ', "\\040"));
    mounts(host)
        .lines()
        .any(|line| line.contains(&target) && line.contains(" - proc "))
}

/// A command that ends with its input.
const HELD: [&str; 3] = ["sh", "-c", "echo ready; read -r end"];

/// A command that does not end by itself.
const ENDLESS: [&str; 3] = ["sh", "-c", "echo ready; exec sleep 1000"];

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

// --- Number 1 ---------------------------------------------------------------

/// Three orphans that will end, and a number 1 that asks for no child.
const ORPHANS: [&str; 3] = [
    "sh",
    "-c",
    "sh -c 'sleep 0.1 & sleep 0.1 & sleep 0.1 &'
     echo ready; exec sleep 1000",
];

#[test]
fn without_an_init_orphans_stay_as_zombies() {
    let host = Host::start().expect("a pretend host");
    let running = Running::start(on_slash(&host, &[], &ORPHANS));
    eventually("three zombies", || {
        let adopted = children(running.first);
        let zombies = adopted.iter().filter(|pid| state(**pid) == Some('Z'));
        zombies.count() == 3
    });
}

#[test]
fn an_init_reaps_every_orphan() {
    let host = Host::start().expect("a pretend host");
    let running = Running::start(on_slash(&host, &["--init"], &ORPHANS));
    eventually("the command alone is left", || {
        children(running.first).len() == 1
    });
    assert!(!has_ended(running.first));
}

#[test]
fn orphans_that_end_at_once_are_all_reaped() {
    let script = "sh -c 'sleep 1000 & sleep 1000 & sleep 1000 &'
                  echo ready; exec sleep 1000";
    let host = Host::start().expect("a pretend host");
    let command = ["sh", "-c", script];
    let running = Running::start(on_slash(&host, &["--init"], &command));
    let init = running.first;
    eventually("three orphans", || children(init).len() == 4);
    // The init sleeps while they end, and is sent one SIGCHLD for all three.
    hold_still(init, || {
        let orphans = &children(init)[1..]; // The command is the first.
        orphans.iter().for_each(|orphan| kill(*orphan, libc::SIGKILL));
        eventually("all have ended", || {
            orphans.iter().all(|orphan| has_ended(*orphan))
        });
    });
    eventually("the command alone is left", || children(init).len() == 1);
}

#[test]
fn without_an_init_a_signal_is_lost() {
    let host = Host::start().expect("a pretend host");
    let running = Running::start(pid(&host, &[], &ENDLESS));
    // The shell before it has handlers of its own.
    eventually("it is sleep", || {
        let status =
            fs::read_to_string(format!("/proc/{}/comm", running.first));
        status.expect("a process") == "sleep\n"
    });
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        kill(running.tool, signal);
        has_passed_all_on(running.tool);
        assert!(!has_ended(running.first), "signal {signal}");
    }
    // The same program, as number 2.
    let running = Running::start(pid(&host, &["--init"], &ENDLESS));
    kill(running.tool, libc::SIGTERM);
    assert_eq!(running.ends(), 128 + libc::SIGTERM);
}

#[test]
fn a_signal_that_number_one_handles_arrives() {
    let script = "trap 'exit 42' TERM; echo ready
                  while :; do sleep 0.01; done";
    let host = Host::start().expect("a pretend host");
    for options in [&[][..], &["--init"]] {
        let shell = pid(&host, options, &["sh", "-c", script]);
        let running = Running::start(shell);
        kill(running.tool, libc::SIGTERM);
        assert_eq!(running.ends(), 42, "{options:?}");
    }
}

#[test]
fn number_one_cannot_be_killed_from_inside() {
    let host = Host::start().expect("a pretend host");
    let script = "kill -KILL $$; echo still here";
    pid(&host, &[], &["sh", "-c", script])
        .in_time()
        .assert()
        .stdout("still here\n");
}

#[test]
fn under_an_init_a_stop_by_the_terminal_is_undone() {
    let host = Host::start().expect("a pretend host");
    let script = "trap 'exit 42' CONT; echo ready
                  while :; do sleep 0.01; done";
    let step = pid(&host, &["--init"], &["sh", "-c", script]);
    let running = Running::start(step);
    let command = children(running.first)[0];
    kill(command, libc::SIGTSTP);
    assert_eq!(running.ends(), 42);
}

#[test]
fn under_an_init_signals_are_set_as_the_caller_had_them() {
    let host = Host::start().expect("a pretend host");
    let show = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"];
    let plain = on_slash(&host, &[], &show).in_time().stdout;
    on_slash(&host, &["--init"], &show).in_time().assert().stdout(plain);
}

// --- The end of a container -------------------------------------------------

#[test]
fn with_number_one_all_others_end() {
    let host = Host::start().expect("a pretend host");
    let script = "setsid sleep 1000 & echo ready; read -r end";
    for (step, lives) in [("01-chroot", true), ("03-pid", false)] {
        let step_with = of_step(step, &host, &[], &["sh", "-c", script]);
        let mut running = Running::start(step_with);
        let grandchild = children(running.first)[0];
        drop(running.nsenter.stdin.take()); // The command's input ends.
        running.ends();
        assert_eq!(!has_ended(grandchild), lives, "{step}");
    }
}

#[test]
fn a_killed_tool_takes_grandchildren_along() {
    let host = Host::start().expect("a pretend host");
    let script = "setsid sleep 1000 & echo ready; exec sleep 1000";
    let command = ["sh", "-c", script];
    for options in [&[][..], &["--init"]] {
        let step = on_slash(&host, options, &command);
        let running = Running::start(step);
        let mut youngest = running.first;
        while let Some(child) = children(youngest).first() {
            youngest = *child;
        }
        kill(running.tool, libc::SIGKILL);
        running.ends();
        eventually("the grandchild ends", || has_ended(youngest));
    }
    // In the step before it lives on.
    let step = of_step("01-chroot", &host, &[], &command);
    let running = Running::start(step);
    let (first, grandchild) = (running.first, children(running.first)[0]);
    kill(running.tool, libc::SIGKILL);
    running.ends();
    eventually("the command ends", || has_ended(first));
    assert!(!has_ended(grandchild));
}

#[test]
fn two_ends_with_one_signal_are_both_seen() {
    let host = Host::start().expect("a pretend host");
    let running = Running::start(pid(&host, &[], &HELD));
    let [first, sweeper] = children(running.tool)[..] else {
        panic!("the tool has a command and a sweeper");
    };
    // The tool sleeps while both of its children end. A second SIGCHLD is
    // dropped while one is pending: signal(7).
    hold_still(running.tool, || {
        kill(first, libc::SIGKILL);
        eventually("both end", || has_ended(first) && has_ended(sweeper));
    });
    assert_eq!(running.ends(), 128 + libc::SIGKILL);
}

/// Stops the process without a signal, which it would see: ptrace(2).
fn hold_still(pid: u32, meanwhile: impl FnOnce()) {
    let null = std::ptr::null_mut::<libc::c_void>();
    let ptrace = |request, pid: u32| {
        // SAFETY: none of the requests below touches this process's memory.
        let result = unsafe { libc::ptrace(request, pid as i32, null, null) };
        assert_eq!(result, 0, "ptrace({request}, {pid})");
    };
    ptrace(libc::PTRACE_SEIZE, pid);
    ptrace(libc::PTRACE_INTERRUPT, pid);
    eventually("it is stopped", || state(pid) == Some('t'));
    meanwhile();
    // Detaching takes a tracee whose stop has been waited for.
    // SAFETY: waitpid(2) may be told to store no status.
    let found = unsafe { libc::waitpid(pid as i32, null.cast(), libc::__WALL) };
    assert_eq!(found, pid as i32);
    ptrace(libc::PTRACE_DETACH, pid);
}

#[test]
fn no_signal_comes_too_early_for_an_init() {
    let host = Host::start().expect("a pretend host");
    // From before the tool holds signals back until the command runs.
    for delay in (0..8000).step_by(250).map(Duration::from_micros) {
        let mut call = pid(&host, &["--init"], &["sleep", "1000"]);
        let mut nsenter = call.spawn().expect("it starts");
        let mut tool = Err(());
        eventually("the tool runs", || {
            tool = only_child(nsenter.id()).map_err(drop);
            tool.is_ok()
        });
        std::thread::sleep(delay);
        kill(tool.expect("the tool"), libc::SIGTERM);
        status_of(&mut nsenter);
    }
}

#[test]
fn many_short_commands_in_a_row_all_end() {
    let host = Host::start().expect("a pretend host");
    let before = mounts(&host);
    let script = "for n in $(seq 20); do \"$0\" \"$1\" true || exit; done";
    let mut shell = host.command("timeout");
    shell.args([&nearly_patience(), "sh", "-c", script]).arg(program("03-pid"));
    shell.arg(rootfs()).in_time().assert().code(0);
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

// --- What is left behind ----------------------------------------------------

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
