//! What is left when it has ended, however it ended.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use support::{End, a_hundred, program, rootfs};

use super::scene::{PEERS, Scene};

#[test]
fn the_host_stays_as_it_was() {
    support::leaves_no_trace("09-vxlan");
}

#[test]
fn after_failure_and_kill_nothing_is_left_either() {
    let scene = Scene::start();
    let before = scene.states();
    let run = |options: &str, command: &[&str]| {
        let mut tool = scene.tool(1, options, command);
        tool.output().expect("it starts");
    };
    run(PEERS, &["false"]);
    scene.unchanged(&before, "failure");
    run(PEERS, &["no-such-program"]);
    scene.unchanged(&before, "no command");
    run("--vni 7 --local 10.9.9.9", &["true"]);
    scene.unchanged(&before, "an address of somebody else's");

    let several = [1, 1, 2, 3].map(|n| scene.serve(n, PEERS, "tcp"));
    assert_ne!(scene.states(), before);
    several.into_iter().for_each(super::scene::Server::kill);
    scene.unchanged(&before, "SIGKILL");
}

#[test]
fn a_hundred_leave_nothing_however_they_end() {
    let scene = Scene::start();
    let before = scene.states();
    let words = [
        &program("09-vxlan").display().to_string(),
        &PEERS.replace('@', "1"),
        "--network bridge -p $((8000 + i)):80 --hostname c$i",
        &rootfs().display().to_string(),
    ];
    for end in [End::Success, End::Failure, End::Killed] {
        scene.shell(1, &a_hundred(&words.join(" "), end));
        scene.unchanged(&before, &format!("{end:?}"));
    }
}

/// How many start at once on one host.
const MANY: usize = 20;

#[test]
fn many_that_start_at_once_have_addresses_of_their_own() {
    let scene = Scene::start();
    let before = scene.states();
    // Each ends with its input, so none before all are there.
    let show = "ip -o -4 address show dev overlay0; cat";
    let start = |_| {
        let mut tool = scene.tool(1, PEERS, &["sh", "-c", show]);
        let tool = tool.stdin(Stdio::piped()).stdout(Stdio::piped());
        tool.spawn().expect("it starts")
    };
    let mut all: Vec<_> = (0..MANY).map(start).collect();
    let line = |tool: &mut Child| {
        let mut line = String::new();
        let stdout = tool.stdout.as_mut().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        line.split_whitespace().nth(3).map(str::to_owned)
    };
    let seen: BTreeSet<_> = all.iter_mut().map(line).collect();
    assert_eq!(seen.len(), MANY, "{seen:?}");
    for mut tool in all {
        drop(tool.stdin.take());
        tool.wait().expect("a status");
    }
    scene.unchanged(&before, "success");
}

/// Bridge and tunnel are made one after the other, and removed so too.
#[test]
fn half_a_network_is_made_anew() {
    let scene = Scene::start();
    let before = scene.states();
    for half in ["vxbr7 type bridge", "vxlan7 type vxlan id 7 dstport 4789"] {
        scene.shell(1, &format!("ip link add {half}"));
        let output = scene.tool(1, PEERS, &["true"]).output().expect("it");
        assert!(output.status.success(), "{half}: {output:?}");
        scene.unchanged(&before, half);
    }
}

#[test]
fn clean_removes_what_nobody_was_left_to_remove() {
    let scene = Scene::start();
    let before = scene.states();
    let server = scene.serve(1, PEERS, "tcp");
    // The sweeper is a process of the step's, in a session of its own. It came
    // last and must be killed first, or it sweeps what the others have left.
    scene.shell(
        1,
        "all=; for status in /proc/[0-9]*/status; do
            pid=${status#/proc/}; pid=${pid%/status}
            name=$(readlink /proc/$pid/exe) || continue
            [ \"${name##*/}\" != 09-vxlan ] || all=\"$pid $all\"
        done; kill -9 $all",
    );
    drop(server);
    support::eventually("the kernel has removed the cable", || {
        !scene.shell(1, "ip -o link").contains("vx7-")
    });
    assert_ne!(scene.states(), before);
    let said = scene.shell(1, &support::clean());
    assert!(said.contains("network 7 of a tenant"), "{said}");
    scene.unchanged(&before, "clean");
}
