//! `exec`: one more program, where the first one is.

use super::scene::Scene;
use super::{FOURTEEN, NONE};

/// Those of process `PID`.
const NAMESPACES: &str = "cd /proc/PID/ns
    for n in cgroup ipc mnt net pid user uts; do readlink $n; done";

fn with_container(options: &str) -> Scene {
    let scene = Scene::start();
    scene.on_host(&format!("$RUN -d --name c {options} sleep 1000"));
    scene
}

#[test]
fn it_is_in_every_namespace_of_the_container() {
    let scene = with_container("");
    let [own, first] = ["self", "1"].map(|pid| NAMESPACES.replace("PID", pid));
    let shown = scene.on_host(&format!(
        "$C exec c sh -c '{own}'; echo; $C exec c sh -c '{first}'"
    ));
    let (own, first) = shown.split_once("\n\n").expect("two lists");
    assert_eq!(own.lines().count(), 7);
    assert_eq!(own, first.trim_end());
    assert!(scene.on_host("$C exec c ps").contains("1 root     sleep 1000"));
}

#[test]
fn it_is_in_the_group_of_the_container_and_is_limited_with_it() {
    let scene = Scene::start();
    if !scene.has_groups() {
        support::skip!("groups must be delegated", "sudo");
    }
    scene.on_host("$RUN -d --name c --pids-limit 3 sleep 1000");
    let groups = scene.on_host("$C exec c cat /proc/self/cgroup");
    assert!(groups.lines().all(|line| line.ends_with(":/")), "{groups}");
    let fork = "$C exec c sh -c 'sleep 9 & sleep 9 & sleep 9 & wait' 2>&1 ||
        true";
    assert!(scene.on_host(fork).contains("can't fork"));
}

#[test]
fn it_is_confined_as_the_first() {
    let scene = with_container("");
    let show = "$C exec c sh -c 'grep -E \"^(Cap|NoNew)\" /proc/self/status |
        cut -f 2; ulimit -n; ulimit -c'";
    let shown = scene.on_host(&format!("ulimit -n 2048; {show}"));
    let words: Vec<_> = shown.split_whitespace().collect();
    let expected = [NONE, FOURTEEN, FOURTEEN, FOURTEEN, NONE, "1", "1024", "0"];
    assert_eq!(words, expected);
}

#[test]
fn it_has_no_file_of_the_host_open() {
    let scene = with_container("");
    let show = "exec 7</ 8</etc; $C exec c ls /proc/self/fd";
    let shown = scene.on_host(show);
    // The fourth is the directory that is listed.
    let open: Vec<_> = shown.lines().collect();
    assert_eq!(open, ["0", "1", "2", "3"], "{shown}");
}

#[test]
fn user_directory_and_variables_are_as_asked() {
    let scene = with_container("-e FROM=run -e BOTH=run");
    let show = "echo $FROM $BOTH $HOME; pwd; id -u";
    let shown = scene
        .on_host(&format!("$C exec -e BOTH=exec -w /tmp c sh -c '{show}'"));
    assert_eq!(shown, "run exec /root\n/tmp\n0\n");
    if scene.has_users() {
        let show = "$C exec -u 1000:1001 c sh -c 'id -u; id -g; id -G
            grep CapEff /proc/self/status'";
        let shown = scene.on_host(show);
        let words: Vec<_> = shown.split_whitespace().collect();
        assert_eq!(words, ["1000", "1001", "1001", "CapEff:", NONE]);
    }
}

#[test]
fn it_ends_as_its_program_does() {
    let scene = with_container("");
    let code = |command: &str| {
        scene.on_host(&format!("set +e; $C exec c {command}; echo $?"))
    };
    assert_eq!(code("true"), "0\n");
    assert_eq!(code("sh -c 'exit 9'"), "9\n");
    assert_eq!(code("sh -c 'kill -KILL $$'"), "137\n");
    assert_eq!(code("no-such-program"), "127\n");
    assert_eq!(code("/etc/passwd"), "126\n");
    assert_eq!(code("-w /no/such true"), "125\n");
}

#[test]
fn what_is_typed_reaches_it_only_when_asked() {
    let scene = with_container("");
    let shown = scene
        .on_host("echo typed | $C exec c cat; echo typed | $C exec -i c cat");
    assert_eq!(shown, "typed\n");
}

#[test]
fn left_in_the_background_it_goes_on_until_the_container_ends() {
    let scene = with_container("-e FROM=run");
    let program = "sh -c 'echo $FROM $BOTH >/made; pwd >>/made; sleep 777'";
    scene.on_host(&format!("$C exec -d -e BOTH=exec -w /tmp c {program}"));
    scene.eventually("$C top c | grep -q 'sleep 777'");
    assert_eq!(scene.on_host("$C exec c cat /made"), "run exec\n/tmp\n");
    let fail = "set +e; $C exec -d c no-such-program 2>/dev/null; echo $?";
    assert_eq!(scene.on_host(fail), "127\n");
    scene.on_host("$C rm -f c");
    scene.eventually("! ps ax | grep -v grep | grep -q 'sleep 777'");
}

#[test]
fn when_the_tool_is_killed_it_ends() {
    let scene = with_container("");
    scene.on_host(
        "$C exec c sleep 777 & tool=$!
        until $C top c | grep -q 'sleep 777'; do :; done
        kill -KILL $tool
        until ! $C top c | grep -q 'sleep 777'; do :; done
        $C top c | grep -q 'sleep 1000'",
    );
}

#[test]
fn when_the_container_ends_so_does_it() {
    let scene = with_container("");
    let shown = scene.on_host(
        "$C exec c sleep 777 & tool=$!
        until $C top c | grep -q 'sleep 777'; do :; done
        $C kill c >/dev/null; set +e; wait $tool; echo $?",
    );
    assert_eq!(shown, "137\n");
}
