//! What is left when it has ended, however it ended.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use support::{Trace, eventually};

use super::scene::{Scene, scenes};

#[test]
fn the_host_stays_as_it_was() {
    // Number 1 is spared from the signals that end others.
    support::leaves_no_trace("06-mount");
}

/// How many times the step is started, half of them to be killed.
const RUNS: usize = 200;
/// At once.
const AT_ONCE: usize = 4;
/// Until when it is killed, in microseconds after the start.
const LATEST: u64 = 8_000;

#[test]
fn killed_at_any_moment_it_leaves_nothing() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    let seed = seed.as_nanos() as u64;
    println!("seed {seed}"); // The harness shows it if the test fails.
    let scene = Scene::start(&[]);
    scene.on_host("mkdir /mnt/rootfs/v");
    let rootfs = scene.path("/mnt/rootfs");
    let before = Trace::of(&scene.host, &rootfs);
    let run = |i| scene.host_shell(&script(seed + i as u64)).output();
    let outputs = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..AT_ONCE).map(|i| scope.spawn(move || run(i))).collect();
        threads
            .into_iter()
            .map(|t| t.join().expect("a thread"))
            .collect::<Vec<_>>()
    });
    let mut codes = String::new();
    for output in outputs {
        let output = output.expect("a shell");
        assert!(output.status.success(), "{output:?}");
        codes += &String::from_utf8_lossy(&output.stdout);
    }
    let count = |code: &str| codes.lines().filter(|line| *line == code).count();
    assert_eq!(count("0") + count("137"), RUNS, "{codes}");
    assert!(count("137") >= RUNS / 20, "only {} were killed", count("137"));
    println!("{} of {RUNS} were killed", count("137"));
    eventually("the host is as before", || {
        Trace::of(&scene.host, &rootfs) == before
    });
}

/// Starts the step again and again, and kills every second one.
fn script(seed: u64) -> String {
    let mut random = seed;
    let mut script = String::from(
        "run() { $STEP -v /mnt/volume:/v /mnt/rootfs true; }
        killed() {
            $STEP -v /mnt/volume:/v /mnt/rootfs true & pid=$!
            sleep $1; kill -KILL $pid 2>/dev/null || true
            wait $pid
        }
        ",
    );
    for _ in 0..RUNS / AT_ONCE / 2 {
        // Knuth's generator, of which the upper bits are the better ones.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let delay = (random >> 33) % LATEST;
        writeln!(script, "run && echo 0 || echo $?").expect("memory");
        writeln!(script, "killed 0.{delay:06} && echo 0 || echo $?")
            .expect("memory");
    }
    script
}

#[test]
fn a_killed_tool_takes_all_processes_along() {
    for scene in scenes() {
        let script =
            "$STEP --init /mnt/rootfs sh -c 'setsid sleep 1000 & sleep 1000' &
            sleep 0.3; kill -KILL $!; wait";
        scene.on_host(script);
        let rootfs = scene.path("/mnt/rootfs");
        eventually("all have ended", || {
            !Trace::of(&scene.host, &rootfs).has_process("sleep")
        });
    }
}
