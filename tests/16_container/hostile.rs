//! A root file system, or a container, that is out for the host's files.

use support::InTime;

use super::scene::Scene;

/// With a directory that nobody inside has anything to do with,
/// `/mnt/victim`.
fn scene() -> Scene {
    let scene = Scene::to_be_spoiled();
    scene.on_host("mkdir /mnt/victim");
    scene
}

fn run(scene: &Scene, options: &str, script: &str) -> std::process::Output {
    let script = script.replace('\'', "\"");
    scene.shell(&format!("$RUN --rm {options} sh -c '{script}'")).in_time()
}

#[test]
fn where_proc_or_sys_is_a_link_nothing_is_started() {
    for name in ["proc", "sys", "dev"] {
        let scene = scene();
        scene.on_host(&format!(
            "cd /mnt/rootfs; mkdir -p evil; rm -rf {name}; ln -s evil {name}"
        ));
        let output = run(&scene, "", "echo ran");
        assert_eq!(output.status.code(), Some(125), "{name}: {output:?}");
        assert_eq!(output.stdout, b"", "{name}");
    }
}

#[test]
fn a_device_directory_that_leads_to_the_host_stays_empty() {
    let scene = scene();
    scene.on_host("cd /mnt/rootfs; rm -rf dev; ln -s /mnt/victim dev");
    run(&scene, "", "true");
    assert_eq!(scene.on_host("ls -A /mnt/victim"), "");
}

#[test]
fn a_volume_on_proc_is_refused() {
    let scene = scene();
    for place in ["/proc", "/proc/self/attr", "/x/../proc"] {
        let options = format!("-v /mnt/victim:{place}");
        let output = run(&scene, &options, "true");
        assert_eq!(output.status.code(), Some(125), "{place}");
    }
    scene.on_host("ln -s proc /mnt/rootfs/alias");
    let output = run(&scene, "-v /mnt/victim:/alias", "true");
    assert_eq!(output.status.code(), Some(125));
}

#[test]
fn a_working_directory_can_not_be_one_of_the_host() {
    let scene = scene();
    for number in 3..16 {
        let options = format!("-w /proc/self/fd/{number}");
        let output = run(&scene, &options, "ls");
        assert_eq!(output.status.code(), Some(125), "{number}: {output:?}");
    }
    scene.on_host("ln -s /proc/self/fd /mnt/rootfs/fds");
    scene.on_host("$RUN -d --name c sleep 1000");
    for number in 3..16 {
        let enter = format!("$C exec -w /proc/self/fd/{number} c ls");
        let output = scene.shell(&enter).in_time();
        assert_eq!(output.status.code(), Some(125), "{number}: {output:?}");
    }
}

#[test]
fn a_terminal_is_not_opened_where_the_container_says() {
    let scene = scene();
    // Root inside owns /dev, and may put there what it likes.
    scene.on_host(
        "$RUN -d --name c sh -c '
            mkdir /evil; mkfifo /evil/ptmx; cd /dev; rm ptmx
            ln -s /evil/ptmx ptmx; echo ready; sleep 1000'",
    );
    scene.eventually("$C logs c | grep -q ready");
    assert_eq!(scene.on_host("$C exec -t c tty"), "/dev/pts/0\r\n");
}

#[test]
fn who_enters_can_not_be_looked_at() {
    let scene = scene();
    // Whoever is another program than the container's is a foreign one.
    scene.on_host(
        "$RUN -d --name c sh -c '
            while :; do for p in /proc/[0-9]*; do
                exe=$(readlink $p/exe 2>/dev/null) || continue
                case $exe in /usr/bin/*) ;; *) echo saw $exe ;; esac
                ls $p/fd 2>/dev/null | grep -qx [3-9] &&
                    readlink $p/fd/[3-9] | grep -v -e pipe -e /proc &&
                    echo has files
            done; done'",
    );
    scene.on_host(
        "i=0; while [ $i -lt 30 ]; do $C exec c true; i=$((i+1)); done",
    );
    assert_eq!(scene.on_host("$C logs c"), "");
}

#[test]
fn the_tool_itself_run_inside_reaches_no_container_of_the_host() {
    let scene = scene();
    scene.on_host("$RUN -d --name c sleep 1000");
    let output = scene.shell("$C exec c /proc/self/exe ps -a").in_time();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(!shown.contains("sleep"), "{shown}");
}
