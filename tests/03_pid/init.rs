//! Number 1: what the kernel asks of it, and an init that does it.

use std::fs;

use assert_cmd::assert::OutputAssertExt;
use support::{InTime, eventually};
use workshop::host::Host;

use super::scene::{
    ENDLESS, Running, children, has_ended, has_passed_all_on, hold_still, kill,
    on_slash, pid, state,
};

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
