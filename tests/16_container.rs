//! 16-container: all of it, and a life.

#![allow(clippy::expect_used)] // A test says what it expects.

#[path = "16_container/attacks.rs"]
mod attacks;
#[path = "16_container/created.rs"]
mod created;
#[path = "16_container/entered.rs"]
mod entered;
#[path = "16_container/hostile.rs"]
mod hostile;
#[path = "16_container/life.rs"]
mod life;
#[path = "16_container/logs.rs"]
mod logs;
#[path = "16_container/networked.rs"]
mod networked;
#[path = "16_container/ordinary.rs"]
mod ordinary;
#[path = "16_container/scene.rs"]
mod scene;
#[path = "16_container/terminal.rs"]
mod terminal;
#[path = "16_container/traces.rs"]
mod traces;

use scene::Scene;
use support::{InTime, isolates, same, still_shares};

const NAME: &str = "16-container";

/// chown dac_override fowner fsetid kill setgid setuid setpcap
/// net_bind_service net_raw sys_chroot mknod audit_write setfcap, as docker
/// has them.
const FOURTEEN: &str = "00000000a80425fb";
const NONE: &str = "0000000000000000";

// --- What is isolated -------------------------------------------------------

#[test]
fn no_program_gives_new_privileges() {
    isolates(NAME, |sandbox| same(sandbox.status("NoNewPrivs"), "1".into()));
}

#[test]
fn root_has_fourteen_capabilities_and_can_get_no_other() {
    isolates(NAME, |sandbox| {
        same(sandbox.status("CapEff"), FOURTEEN.into())?;
        same(sandbox.status("CapPrm"), FOURTEEN.into())?;
        same(sandbox.status("CapBnd"), FOURTEEN.into())?;
        same(sandbox.status("CapInh"), NONE.into())?;
        same(sandbox.status("CapAmb"), NONE.into())
    });
}

#[test]
fn it_has_limits_of_its_own() {
    isolates(NAME, |sandbox| {
        let limits = sandbox.proc("limits");
        let has = |text: &str| limits.lines().any(|l| l.starts_with(text));
        same(has("Max core file size        0                    0"), true)?;
        same(has("Max open files            1024                 1024"), true)
    });
}

#[test]
fn every_namespace_but_that_of_time_is_its_own() {
    let scene = Scene::start();
    let show = "cd /proc/self/ns; for n in cgroup ipc mnt net pid user uts
        do readlink $n; done";
    let (inside, outside) = (scene.inside(&[], show), scene.on_host(show));
    assert_eq!(inside.lines().count(), 7);
    for (inside, outside) in inside.lines().zip(outside.lines()) {
        assert_ne!(inside, outside);
    }
}

#[test]
fn system_calls_are_not_filtered_yet() {
    still_shares(NAME, |sandbox| same(sandbox.status("Seccomp"), "0".into()));
}

#[test]
fn the_terminal_of_the_caller_is_not_its_own() {
    isolates(NAME, |sandbox| {
        let stat = sandbox.proc("stat");
        let rest = stat.rsplit_once(')').expect("a name").1;
        // The number of the session: proc_pid_stat(5).
        let session = rest.split_whitespace().nth(3).expect("a session");
        same(session == sandbox.pid.to_string(), true)
    });
}

#[test]
fn its_host_has_the_name_of_its_id() {
    let scene = Scene::start();
    let name = scene.inside(&[], "hostname");
    let is_digit = |c: char| c.is_ascii_hexdigit();
    assert!(name.trim().len() == 12 && name.trim().chars().all(is_digit));
    assert_eq!(scene.inside(&["--hostname", "box"], "hostname"), "box\n");
}

// --- Users ------------------------------------------------------------------

#[test]
fn another_user_has_no_capability_at_all() {
    let scene = Scene::start();
    if !scene.has_users() {
        support::skip!("there is no other user", "sudo");
    }
    let show = "id -u; id -g; grep Cap /proc/self/status | cut -f 2; pwd
        echo $HOME";
    let shown = scene.inside(&["-u", "7:8", "-w", "/tmp"], show);
    let words: Vec<_> = shown.split_whitespace().collect();
    assert_eq!(words[..2], ["7", "8"]);
    assert_eq!(words[2..5], [NONE; 3]);
    assert_eq!(words[5], FOURTEEN, "the bounding set");
    assert_eq!(words[7..], ["/tmp", "/"]);
}

// --- The root file system ---------------------------------------------------

#[test]
fn what_it_writes_the_root_file_system_does_not_have() {
    let scene = Scene::to_be_spoiled();
    let look = "cd $R; find . -exec stat -c '%n %s %Y' {} + | sort";
    let before = scene.on_host(look);
    let write = "echo x >/new; echo x >>/etc/passwd; rm /bin/sleep
        mkdir -p /a/b; ls -d /a/b";
    assert_eq!(scene.inside(&["--tmpfs", "/made/here"], write), "/a/b\n");
    assert_eq!(scene.on_host(look), before);
    assert_eq!(scene.inside(&[], "ls -d /new /a 2>&1 | wc -l"), "2\n");
    assert!(scene.inside(&[], "ls /etc/passwd").contains("passwd"));
}

#[test]
fn a_directory_that_is_made_again_does_not_show_the_one_below() {
    let scene = Scene::to_be_spoiled();
    let look = "ls -lR $R/etc";
    let before = scene.on_host(look);
    let output = scene.run(&[], "rm -r /etc; mkdir /etc; ls /etc").in_time();
    assert_eq!(scene.on_host(look), before);
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("Linux 6.6") {
        support::skip!("memory keeps no attributes", "a kernel from 6.6 on");
    }
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_root_that_is_read_only_stays_as_it_was() {
    let scene = Scene::to_be_spoiled();
    let look = "cd $R; find . -exec stat -c '%n %s %Y' {} + | sort";
    let before = scene.on_host(look);
    let options = ["--read-only", "--tmpfs", "/made/here"];
    let write = "! echo x 2>/dev/null >/new && echo x >/made/here/y && echo ok";
    assert_eq!(scene.inside(&options, write), "ok\n");
    assert_eq!(scene.on_host(look), before);
}

#[test]
fn what_it_writes_is_counted_as_its_memory() {
    let scene = Scene::start();
    if !scene.has_groups() {
        support::skip!("groups must be delegated", "sudo");
    }
    let options = ["--memory", "32m", "--memory-swap", "32m"];
    let write = "dd if=/dev/zero of=/big bs=1M count=64 2>/dev/null
        echo wrote $?";
    let output = scene.run(&options, write).output().expect("it starts");
    assert_ne!(output.stdout, b"wrote 0\n");
}

#[test]
fn another_user_can_open_what_it_writes_to() {
    let scene = Scene::start();
    if !scene.has_users() {
        support::skip!("there is no other user", "sudo");
    }
    scene.on_host(
        "$RUN -d --name c -u 7 sh -c 'echo x >/dev/stdout; echo y >/dev/stderr'
        $C wait c",
    );
    assert_eq!(scene.on_host("$C logs c 2>&1 | sort"), "x\ny\n");
}
