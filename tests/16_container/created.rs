//! Made, started, asked for, killed, removed: each by itself, and by another
//! process each time.

use support::refuses;

use super::life::{owner_of, status};
use super::scene::Scene;

/// Which program its first process is, as the host sees it.
const PROGRAM: &str = "readlink /proc/$($C inspect c |
    sed -n 's/.*\"pid\": \\([0-9]*\\).*/\\1/p')/exe";

#[test]
fn made_it_waits_until_it_is_started() {
    let scene = Scene::start();
    // Who reads what `create` prints, errors too, has it at once, and not when
    // the container ends.
    let id = scene.on_host("$CREATE --name c sleep 1000 2>&1 | cat");
    assert_eq!(id.trim().len(), 12);
    assert_eq!(status(&scene, "c"), "created");
    assert_eq!(scene.on_host("$C ps -q"), "", "it does not run");
    assert_eq!(scene.on_host("$C ps -aq"), id);
    assert!(!scene.on_host(PROGRAM).contains("busybox"), "the gate is closed");
    assert_eq!(scene.on_host("$C start c"), "c\n");
    assert_eq!(status(&scene, "c"), "running");
    assert!(scene.on_host(PROGRAM).contains("busybox"), "the gate is open");
    refuses(scene.shell("$C start c"), 125, "was started before");
    assert_eq!(scene.on_host("$C kill c; $C wait c"), "c\n137\n");
    assert_eq!(status(&scene, "c"), "exited");
    scene.on_host("$C rm c");
    assert_eq!(scene.files(), "");
}

/// Until it is started there is a process of the tool's, among the host's
/// files.
#[test]
fn before_it_is_started_nobody_enters() {
    let scene = Scene::start();
    scene.on_host("echo canary >/run/secret; $CREATE --name c sleep 1000");
    for enter in ["exec c cat /run/secret", "exec -d c touch /run/made"] {
        refuses(scene.shell(&format!("$C {enter}")), 125, "is not started");
    }
    for look in ["top c", "stats c", "pause c"] {
        refuses(scene.shell(&format!("$C {look}")), 125, "is not started");
    }
    assert_eq!(scene.on_host("$C stats --format json"), "[]\n");
    // Nor is there anything that could be asked to end, and be waited for.
    assert_eq!(scene.on_host("$C stop --time 1000 c; $C wait c"), "c\n137\n");
    refuses(scene.shell("$C start c"), 125, "was started before");
    scene.on_host("$C rm c");
    assert_eq!(scene.on_host("ls /run/made 2>/dev/null || true"), "");
}

/// And while it is being started, either: whoever is let in sees the
/// container's files, and never the host's.
#[test]
fn who_enters_at_once_enters_the_container() {
    let scene = Scene::start();
    scene.on_host("echo canary >/run/secret");
    let enter = "for i in $(seq 10); do
            $RUN -d --name c sleep 1000 >/dev/null &
            until $C exec c cat /run/secret 2>>/run/said; do
                ! grep -q \"open '/run/secret'\" /run/said || break
            done
            wait; $C rm -f c >/dev/null; : >/run/said
        done";
    assert_eq!(scene.on_host(enter), "");
}

#[test]
fn what_it_writes_is_in_its_log_with_why_it_could_not_be_started() {
    let scene = Scene::start();
    scene.on_host("$CREATE --name c sh -c 'echo out; echo err >&2'");
    let shown = scene.on_host("$C start c; $C wait c; $C logs c 2>/run/err");
    assert_eq!(shown, "c\n0\nout\n");
    assert_eq!(scene.on_host("cat /run/err; $C rm c"), "err\nc\n");
    scene.on_host("$CREATE --name c no-such-program");
    refuses(scene.shell("$C start c"), 127, "`logs c` says why");
    assert_eq!(status(&scene, "c"), "exited");
    assert!(scene.on_host("$C logs c 2>&1").contains("execve(\"no-such"));
    scene.on_host("$C rm c");
    scene.on_host("$CREATE --rm --name c no-such-program");
    refuses(scene.shell("$C start c"), 127, "without --rm");
    assert_eq!(scene.files(), "");
}

#[test]
fn one_that_was_never_started_can_be_killed_and_removed() {
    let scene = Scene::start();
    scene.on_host("$CREATE --name c sleep 1000");
    assert_eq!(scene.on_host("$C kill c; $C wait c; $C rm c"), "c\n137\nc\n");
    scene.on_host("$CREATE --name c sleep 1000; $C rm c");
    scene.on_host("$CREATE --rm --name c sleep 1000; $C kill c");
    scene.eventually("! $C inspect c 2>/dev/null");
    assert_eq!(scene.files(), "");
}

#[test]
fn at_the_gate_too_it_ends_with_its_owner() {
    let scene = Scene::start();
    scene.on_host("$CREATE --name c sleep 1000");
    let owner = owner_of(&scene, "c");
    let pid = "$C inspect c | sed -n 's/.*\"pid\": //p' | tr -d ,";
    let pid = scene.on_host(pid);
    scene.on_host(&format!("kill -KILL {owner}"));
    scene.eventually(&format!("! [ -e /proc/{} ]", pid.trim()));
    assert_eq!(status(&scene, "c"), "lost");
    refuses(scene.shell("$C start c"), 125, "is not running");
    scene.on_host("$C rm c");
    assert_eq!(scene.files(), "");
}

#[test]
fn of_several_who_start_it_at_once_one_does() {
    let scene = Scene::start();
    let started = scene.on_host(
        "$CREATE --name c sleep 1000 >/dev/null
        for i in 1 2 3 4 5 6; do $C start c 2>/dev/null & done; wait",
    );
    assert_eq!(started, "c\n");
    assert_eq!(status(&scene, "c"), "running");
}

#[test]
fn a_terminal_it_has_too() {
    let scene = Scene::start();
    scene.on_host("$CREATE -t --name c tty; $C start c; $C wait c");
    assert!(scene.on_host("$C logs c").starts_with("/dev/pts/0"));
}
