//! The end of a container, whoever ends first.

use std::time::Duration;

use assert_cmd::assert::OutputAssertExt;
use support::{
    InTime, eventually, nearly_patience, program, rootfs, status_of,
};
use workshop::host::{Host, only_child};

use super::scene::{
    HELD, Running, children, has_ended, hold_still, kill, mounts, of_step,
    on_slash, pid,
};

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
