//! What is left when it has ended, however it ended.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use support::{End, a_hundred};

use super::scene::{Running, Scene, unchanged};

#[test]
fn the_host_stays_as_it_was() {
    support::leaves_no_trace("08-net");
}

/// How many are started at once.
const MANY: usize = 50;

#[test]
fn fifty_that_start_at_once_have_fifty_addresses_and_leave_nothing() {
    let scene = Scene::start();
    let before = scene.state();
    // They stay until the last one has its address: till their input ends.
    let script = format!(
        "exec 3<&0; for i in $(seq {MANY}); do
            $STEP $ROOTFS sh -c 'ip -o -4 address show dev eth0; read end' \
                <&3 >>/mnt/shown &
        done; exec 3<&-; wait"
    );
    let mut shell = scene.host_shell(&script);
    let mut shell = shell.stdin(Stdio::piped()).spawn().expect("a shell");
    let shown = || fs::read_to_string(scene.path("/mnt/shown"));
    support::eventually("all have an address", || {
        shown().is_ok_and(|text| text.lines().count() == MANY)
    });
    drop(shell.stdin.take());
    assert!(shell.wait().expect("the shell ends").success());
    let shown = shown().expect("what they showed");
    let addresses: BTreeSet<_> = shown
        .split_whitespace()
        .filter(|word| word.starts_with("10.88.8."))
        .collect();
    assert_eq!(addresses.len(), MANY, "{shown}");
    unchanged(&scene, &before, "success");
}

#[test]
fn after_failure_and_kill_nothing_is_left_either() {
    let scene = Scene::start();
    let before = scene.state();
    let run = |options: &[&str], command: &[&str]| {
        let _ = scene.tool(options, command).output().expect("it starts");
    };
    run(&["-p", "8080:80"], &["false"]);
    unchanged(&scene, &before, "failure");
    run(&["-p", "8080:80"], &["no-such-program"]);
    unchanged(&scene, &before, "no command");
    run(&["-p", "198.51.100.1:80:80"], &["true"]);
    unchanged(&scene, &before, "a port that can't be had");

    let start = |_| scene.serve(&["--hostname", "web"], "tcp", 80);
    let several: Vec<Running> = (0..5).map(start).collect();
    assert_ne!(scene.state(), before);
    several.into_iter().for_each(Running::kill);
    unchanged(&scene, &before, "SIGKILL");
}

fn a_hundred_leave_nothing(end: End) {
    let scene = Scene::start();
    let before = scene.state();
    let start = "$STEP -p $((8000 + i)):80 --hostname c$i $ROOTFS";
    scene.on_host(&a_hundred(start, end));
    unchanged(&scene, &before, &format!("{end:?}"));
}

#[test]
fn a_hundred_that_succeed_leave_nothing() {
    a_hundred_leave_nothing(End::Success);
}

#[test]
fn a_hundred_that_fail_leave_nothing() {
    a_hundred_leave_nothing(End::Failure);
}

#[test]
fn a_hundred_that_are_killed_leave_nothing() {
    a_hundred_leave_nothing(End::Killed);
}

#[test]
fn what_the_sweeper_left_the_next_start_reclaims() {
    let scene = Scene::start();
    let before = scene.state();
    let server = scene.serve(&["-p", "8080:80"], "tcp", 80);
    // The sweeper is the only process of this name in a session of its own.
    scene.on_host(
        "for pid in $(pidof 08-net); do
            [ $(cut -d ' ' -f 6 /proc/$pid/stat) = $pid ] && kill -KILL $pid
        done; true",
    );
    server.kill();
    support::eventually("the kernel has removed the cable", || {
        !scene.on_host("ip -brief link").contains("workshop-2")
    });
    let reuse =
        scene.inside(&["-p", "8080:80"], "hostname >/dev/null; echo ok");
    assert_eq!(reuse, "ok\n");
    unchanged(&scene, &before, "the next start");
}
