//! What is left when it has ended, however it ended.

use std::collections::BTreeSet;

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
    // None ends before all are there.
    let script = format!(
        "mkdir /mnt/go; for i in $(seq {MANY}); do
            $STEP -v /mnt/go:/dev/go $ROOTFS sh -c '
                ip -o -4 address show dev eth0
                until [ -e /dev/go/on ]; do sleep 0.1; done' >>/mnt/shown &
        done
        for i in $(seq 1200); do
            [ $(grep -c 10.88.8 /mnt/shown) = {MANY} ] && break; sleep 0.1
        done
        : >/mnt/go/on; wait; cat /mnt/shown"
    );
    let shown = scene.on_host(&script);
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

/// One after the other: three hundred networks that go at once keep the kernel
/// so busy that others have to wait for theirs.
#[test]
fn a_hundred_leave_nothing_however_they_end() {
    let scene = Scene::start();
    let before = scene.state();
    let start = "$STEP -p $((8000 + i)):80 --hostname c$i $ROOTFS";
    for end in [End::Success, End::Failure, End::Killed] {
        scene.on_host(&a_hundred(start, end));
        unchanged(&scene, &before, &format!("{end:?}"));
    }
}

/// The container has ended, and its tool is too slow to notice: the address is
/// free, and the rules are still there.
#[test]
fn an_address_waits_for_the_rules_of_who_had_it() {
    let scene = Scene::start();
    let server = scene.serve(&[], "tcp", 80);
    let pid = scene.host.number_of(server.pid).expect("a process");
    let script = format!(
        "tool=$(cut -d ' ' -f 4 /proc/{pid}/stat)
        kill -STOP $tool; kill -KILL {pid}
        while ip link show workshop-2 >/dev/null 2>&1; do sleep 0.05; done
        (sleep 0.5; kill -CONT $tool) &
        $STEP $ROOTFS ip -o -4 address show dev eth0 | grep -o 10.88.8.2/"
    );
    let shown = scene.on_host(&script);
    server.go_on();
    assert_eq!(shown, "10.88.8.2/\n");
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
