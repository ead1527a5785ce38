//! What is left when it has ended, however it ended.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use support::{InTime, Trace, eventually, program, rootfs};

use super::NAME;
use super::scene::Scene;

#[test]
fn the_host_stays_as_it_was() {
    support::leaves_no_trace(NAME);
}

/// How often a tool, an owner or a container is killed.
const RUNS: usize = 60;
/// At once.
const AT_ONCE: usize = 4;
/// When it is killed, in microseconds after the start.
const LATEST: u64 = 60_000;

#[test]
fn killed_at_any_moment_it_leaves_nothing_and_no_record_lies() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    let seed = seed.as_nanos() as u64;
    println!("seed {seed}"); // The harness shows it if the test fails.
    let scene = Scene::start();
    scene.on_host("$RUN --rm true"); // What stays, such as directories.
    let before = Trace::of(&scene.host, &rootfs());
    let run = |i| scene.shell(&script(seed + i as u64)).output();
    let outputs = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..AT_ONCE).map(|i| scope.spawn(move || run(i))).collect();
        threads
            .into_iter()
            .map(|t| t.join().expect("a thread"))
            .collect::<Vec<_>>()
    });
    for output in outputs {
        let output = output.expect("a shell");
        assert!(output.status.success(), "{output:?}");
    }
    eventually("the host is as before", || {
        Trace::of(&scene.host, &rootfs()) == before
    });
    // What runs in a list that has lost its processes is a lie.
    let listed = scene.on_host("$C ps -q");
    assert_eq!(listed, "");
    let all = scene.on_host("$C ps -aq");
    if !all.is_empty() {
        scene.on_host("$C rm $($C ps -aq)");
    }
    assert_eq!(scene.files(), "");
}

/// Starts a container in the foreground or in the background, and kills the
/// tool, the owner, or the first process.
fn script(seed: u64) -> String {
    let mut random = seed;
    let mut next = move || {
        // Knuth's generator, of which the upper bits are the better ones.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        random >> 33
    };
    let mut script = String::from(
        "set +e
        tool() {
            $RUN $1 sleep 1000 >/dev/null 2>&1 & pid=$!
            sleep $2; kill -KILL $pid 2>/dev/null; wait $pid
        }
        background() {
            id=$($RUN -d $1 sleep 1000) || return
            pid=$($C inspect $id 2>/dev/null | grep \"\\\"$3\\\":\")
            kill -KILL $(echo $pid | tr -dc 0-9) 2>/dev/null
            sleep $2
        }
        ",
    );
    for _ in 0..RUNS / AT_ONCE {
        let delay = next() % LATEST;
        let keep = ["--rm", ""][next() as usize % 2];
        let _ = match next() % 3 {
            0 => writeln!(script, "tool '{keep}' 0.{delay:06}"),
            1 => writeln!(script, "background '{keep}' 0.{delay:06} owner"),
            _ => writeln!(script, "background '{keep}' 0.{delay:06} pid"),
        };
    }
    script + "exit 0"
}

#[test]
fn whose_owner_was_killed_is_a_leftover_and_who_lives_is_none() {
    let scene = Scene::start();
    let tidy = program("workshop").display().to_string();
    let would_remove = || {
        let all = scene.on_host(&format!("{tidy} clean --dry-run"));
        let of_ours = all.lines().filter(|l| l.contains("remove container"));
        of_ours.map(str::to_owned).collect::<Vec<_>>()
    };
    let start = "$RUN -d --name";
    scene.on_host(&format!("{start} lost sleep 1000; {start} kept sleep 1000"));
    scene.on_host("$RUN --name ended true");
    assert_eq!(would_remove(), Vec::<String>::new());
    let owner = "$C inspect lost | sed -n 's/.*\"owner\": //p' | tr -d ,";
    scene.on_host(&format!("kill -KILL $({owner})"));
    scene.eventually("$C ps -a | grep lost | grep -q Lost");
    let id = scene.on_host("readlink /run/workshop/containers/names/lost");
    let [only] = &would_remove()[..] else { panic!("{:?}", would_remove()) };
    assert!(only.ends_with(id.trim()), "{only}");
}

#[test]
fn a_start_that_fails_says_why_and_leaves_nothing() {
    let scene = Scene::start();
    for (wrong, code, call, remedy) in [
        ("${RUN%--rootfs*} --rootfs /no/such true", 125, "open", "setup"),
        (
            "${RUN%--rootfs*} --rootfs /etc/passwd true",
            125,
            "open(\"/etc/passwd\", O_DIRECTORY): ENOTDIR",
            "must be a directory",
        ),
        ("$RUN -v /no/such:/x true", 125, "open(\"/no/such\"", "on the host"),
        ("$RUN -d no-such-program", 127, "execve", "PATH"),
        ("$RUN --rm no-such-program", 127, "execve", "PATH"),
        ("$RUN -u nobody-here true", 125, "/etc/passwd: ENOENT", "a number"),
        ("$RUN -w /no/such true", 125, "openat2(\"/no/such\"", "--workdir"),
    ] {
        let output = scene.shell(wrong).in_time();
        let said = String::from_utf8_lossy(&output.stderr);
        let (said_call, said_hint) =
            (said.contains(call), said.contains(remedy));
        assert!(said_call && said_hint, "{wrong}: {said}");
        assert_eq!(output.status.code(), Some(code), "{wrong}: {said}");
    }
    let all = scene.on_host("$C ps -aq");
    assert!(all.lines().count() <= 2, "those that were not to be forgotten");
    if !all.is_empty() {
        scene.on_host("$C rm $($C ps -aq)");
    }
    assert_eq!(scene.files(), "");
}
