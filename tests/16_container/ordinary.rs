//! As an ordinary user runs it.

use std::process::Command;

use support::{InTime, eventually};
use workshop::host::Ids;

use super::scene::{Scene, text};

/// Somebody who is nobody in particular.
const USER: &str = "4242";

/// A host with such a user, who has the program and a place of his own.
fn with_user() -> Option<Scene> {
    let scene = Scene::start();
    if scene.host.ids() == Ids::RootOnly {
        return None;
    }
    scene.on_host(&format!(
        "mount -n -t tmpfs -o mode=755 scene /mnt
        mkdir /mnt/run /mnt/rootfs
        tar -C $R --exclude attacks --exclude probe -c . |
            tar -C /mnt/rootfs --no-same-owner -x
        cp $C /mnt/step
        chown -R {USER}:{USER} /mnt/run /mnt/rootfs /mnt/step
        chmod 700 /mnt/run"
    ));
    Some(scene)
}

fn user_shell(scene: &Scene, script: &str) -> Command {
    let mut shell = scene.host.command("setpriv");
    shell.args(["--reuid", USER, "--regid", USER, "--clear-groups"]);
    shell.args(["sh", "-euc", script]);
    shell.env("XDG_RUNTIME_DIR", "/mnt/run").env("C", "/mnt/step");
    shell.env("RUN", "/mnt/step run --rootfs /mnt/rootfs");
    shell
}

macro_rules! scene {
    () => {
        match with_user() {
            Some(scene) => scene,
            None => support::skip!("there is no other user", "sudo"),
        }
    };
}

#[test]
fn it_needs_no_root() {
    let scene = scene!();
    let run = |script: &str| text(&user_shell(&scene, script).in_time());
    let shown = run("$RUN --rm sh -c 'id -u; echo x >/new; grep -E \
        \"^(CapEff|NoNew)\" /proc/self/status | cut -f 2' 2>/dev/null");
    let words: Vec<_> = shown.split_whitespace().collect();
    assert_eq!(words, ["0", super::FOURTEEN, "1"]);
    assert_eq!(scene.on_host("ls /mnt/rootfs | grep -c new || true"), "0\n");
    run("$RUN -d --name c sleep 1000 2>/dev/null; $C ps | grep -q c
        $C exec c ps | grep -q '1 root'");
    assert_eq!(run("$C exec c id -u"), "0\n");
    run("$C stop -t 0 c; $C rm c");
    assert_eq!(run("find /mnt/run -name 'record*'"), "");
}

#[test]
fn that_it_has_no_group_it_says() {
    let scene = scene!();
    let output = user_shell(&scene, "$RUN --rm true").in_time();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("no group of its own"), "{said}");
    let limited = "$RUN --rm --memory 64m true";
    support::refuses(user_shell(&scene, limited), 125, "delegated");
}

#[test]
fn the_containers_of_another_are_not_touched() {
    let scene = scene!();
    scene.on_host("$RUN -d --name roots sleep 1000");
    let other = "$C --state /run/workshop/containers";
    for verb in ["ps", "rm -f roots", "exec roots true", "kill roots"] {
        let output = user_shell(&scene, &format!("{other} {verb}")).in_time();
        assert_eq!(output.status.code(), Some(125), "{verb}");
    }
    assert_eq!(scene.on_host("$C ps | grep -c roots"), "1\n");
    // A directory that somebody else may write to is none of his.
    scene.on_host("mkdir -m 777 /mnt/open; mkdir -m 777 /mnt/open/in");
    let open = "$C --state /mnt/open/in ps";
    support::refuses(user_shell(&scene, open), 125, "is not yours alone");
}

#[test]
fn what_there_is_to_be_said_is_said_once() {
    let scene = scene!();
    let said = user_shell(&scene, "$RUN --rm true 2>&1").in_time();
    let said = text(&said);
    let count = said.matches("has no range in /etc/subuid").count();
    assert_eq!(count, 1, "{said}");
}

/// The program that a container could overwrite, were it the user's own.
#[test]
fn its_own_program_can_be_written_by_nobody_inside() {
    let scene = scene!();
    // A copy: what is being run can't be written to, and the owner of the
    // container runs for as long as it does.
    scene.on_host(&format!("cp -p $C /mnt/other; chown {USER} /mnt/other"));
    let before = scene.on_host("sha256sum /mnt/other");
    // The container has the tool run once more, by two ways. Another process
    // in there opens it, and writes to it as soon as that is possible. No word
    // of the search starts a process, so that it is fast enough.
    let grab = "
        printf \"#!/proc/self/exe\\\\n\" >/script; chmod +x /script
        echo ready
        while :; do for exe in /proc/[0-9]*/exe; do
            [ $exe -ef /bin/busybox ] && continue
            command exec 3<$exe || continue
            [ /proc/self/fd/3 -ef /bin/busybox ] && continue
            echo grabbed; i=0
            while [ $i -lt 100 ]; do
                echo bad >>/proc/self/fd/3 && echo written
                i=$((i+1)); sleep 0.01
            done; exit
        done; done 2>/dev/null";
    let script = format!(
        "$RUN -d --name c sh -c '{grab}' 2>/dev/null
        until $C logs c | grep -q ready; do :; done
        until $C logs c | grep -q grabbed; do
            /mnt/other exec c /proc/self/exe stats >/dev/null 2>&1 || true
            /mnt/other exec c /script stats >/dev/null 2>&1 || true
        done
        $C wait c; $C logs c"
    );
    let shown = text(&user_shell(&scene, &script).in_time());
    assert!(!shown.contains("written"), "{shown}");
    assert_eq!(scene.on_host("sha256sum /mnt/other"), before);
}

/// Who enters has files of the host open, and is one: `/proc/PID/exe`.
#[test]
fn who_enters_is_not_grabbed_before_it_is_the_program() {
    let scene = scene!();
    // The last number that was given is in loadavg. No word of this starts a
    // process, so that it is fast enough to be there in between.
    let grab = "
        while :; do
            read a b c d last </proc/loadavg
            { [ /proc/self/fd/3 -ef /bin/busybox ] || echo grabbed
            } 3</proc/$last/exe
            [ $last -lt 20 ] || { echo tried; exec sleep 1000; }
        done 2>/dev/null";
    let run = |script: &str| text(&user_shell(&scene, script).in_time());
    run(&format!("$RUN -d --name c sh -c '{grab}' 2>/dev/null"));
    for _ in 2..=20 {
        run("$C exec c true");
    }
    eventually("all were seen", || run("$C logs c").contains("tried"));
    assert_eq!(run("$C logs c"), "tried\n");
}

/// Its memory is the user's own in there, so it can be read: `/proc/1/environ`.
#[test]
fn no_variable_of_the_caller_is_found_inside() {
    let scene = scene!();
    let look = "cat /proc/[0-9]*/environ; env";
    for tool in [
        format!("$RUN --rm sh -c '{look}'"),
        format!("$RUN --rm --init sh -c '{look}'"),
        format!("$RUN -d --init --name c sleep 1000; $C exec c sh -c '{look}'"),
    ] {
        let script = format!("export SECRET=canary; {tool}");
        let shown = text(&user_shell(&scene, &script).in_time());
        assert!(
            shown.contains("PATH=") && !shown.contains("canary"),
            "{shown}"
        );
    }
}
