//! The step as an ordinary user runs it.

use support::{program, refuses};

use super::scene::{Scene, USER, text};

macro_rules! scene {
    () => {
        match Scene::with_users() {
            Some(scene) => scene,
            None => support::skip!("there is no other user", "sudo"),
        }
    };
}

/// What such a user has in /etc/subuid and /etc/subgid.
fn with_range(scene: &Scene, line: &str) {
    scene.on_host(&format!(
        "echo 'alice:x:{USER}:{USER}::/:/bin/sh' >/mnt/passwd
        echo '{line}' >/mnt/sub
        for file in /etc/subuid /etc/subgid; do
            [ -e $file ] || : >$file
        done
        mount -n --bind /mnt/passwd /etc/passwd
        mount -n --bind /mnt/sub /etc/subuid
        mount -n --bind /mnt/sub /etc/subgid"
    ));
}

#[test]
fn root_inside_is_the_user_outside() {
    let scene = scene!();
    let show = "$STEP /mnt/users/rootfs sh -c '
        id -u; id -g; cat /proc/self/setgroups; stat -c %u /; echo >/new
        cat /proc/self/uid_map'";
    let shown = text(&scene.user_shell("", show).output().expect("it"));
    let words: Vec<_> = shown.split_whitespace().collect();
    assert_eq!(words, ["0", "0", "deny", "0", "0", USER, "1"]);
    let found = scene.on_host("stat -c %u /mnt/users/rootfs/new");
    assert_eq!(found.trim(), USER);
}

#[test]
fn with_a_range_there_are_other_users() {
    let scene = scene!();
    if scene.host.ids() != workshop::host::Ids::All {
        support::skip!("a range is the machine's to give", "sudo");
    }
    if !scene
        .host_shell("command -v newuidmap")
        .status()
        .is_ok_and(|status| status.success())
    {
        support::skip!("there is no newuidmap", "apt-get install uidmap");
    }
    with_range(&scene, "alice:200000:65536");
    let show = "$STEP /mnt/users/rootfs sh -c '
        cat /proc/self/uid_map; cat /proc/self/setgroups
        id -G; : >/new; chown 5:5 /new'";
    let shown = text(&scene.user_shell("6", show).output().expect("it"));
    let words: Vec<_> = shown.split_whitespace().collect();
    let map = ["0", USER, "1", "1", "200000", "65536"];
    assert_eq!(words, [&map[..], &["allow", "0"]].concat());
    let found = scene.on_host("stat -c %u:%g /mnt/users/rootfs/new");
    assert_eq!(found, "200004:200004\n");
}

#[test]
fn the_helper_that_is_missing_is_named() {
    let scene = scene!();
    with_range(&scene, "alice:5000:1000");
    let script = "PATH=/nowhere exec $STEP /mnt/users/rootfs true";
    let message = "execve(\"newuidmap\"): ENOENT";
    refuses(scene.user_shell("", script), 125, message);
    refuses(scene.user_shell("", script), 125, "called `uidmap`");
    let own = "PATH=/nowhere exec $STEP --uid-map 0:4242:1 \
        --gid-map 0:4242:1 /mnt/users/rootfs true";
    text(&scene.user_shell("", own).output().expect("it"));
}

#[test]
fn a_line_that_makes_no_sense_is_named() {
    let scene = scene!();
    with_range(&scene, "alice:200000");
    let tool = scene.user_shell("", "$STEP /mnt/users/rootfs true");
    refuses(tool, 125, "/etc/subuid:1: \"alice:200000\" is not USER:FIRST");
}

#[test]
fn nobody_else_can_be_mapped() {
    let scene = scene!();
    for (map, message) in [
        ("--uid-map 0:0:1", "/etc/subuid has nothing for uid 4242"),
        ("--uid-map 0:4242:2", "is not yours"),
        ("--gid-map 0:0:1", "/etc/subgid has nothing for gid 4242"),
        ("--uid-map 0:4242:1 --uid-map 1:0:1", "uid range 1:0:1"),
    ] {
        let script = format!("$STEP {map} /mnt/users/rootfs true");
        refuses(scene.user_shell("", &script), 125, message);
    }
    // And the kernel would not have it either, whatever the kit checks.
    let by_hand = "unshare --user sleep 100 &
        until [ $(cat /proc/$!/comm) = sleep ]; do sleep 0.01; done
        ! echo 0 0 1 2>/dev/null >/proc/$!/uid_map
        ! echo 0 4242 1 2>/dev/null >/proc/$!/gid_map # setgroups is allowed
        echo deny >/proc/$!/setgroups; echo 0 4242 1 >/proc/$!/gid_map
        kill $!";
    text(&scene.user_shell("", by_hand).output().expect("it"));
}

#[test]
fn who_may_not_by_his_group_may_not_inside_either() {
    let scene = scene!();
    // Everybody may read it but the group: "negative permissions".
    scene.on_host(
        "echo secret >/mnt/users/file; chown 0:6 /mnt/users/file
        chmod 604 /mnt/users/file",
    );
    let run = |script: &str| {
        let volume = "-v /mnt/users/file:/file";
        let script = format!("$STEP {volume} /mnt/users/rootfs {script}");
        scene.user_shell("6", &script).output().expect("it")
    };
    assert!(!run("cat /file").status.success());
    // Nor can its root leave the group.
    let leave = program("attacks");
    scene.on_host(&format!(
        "cp {} /mnt/users/rootfs/usr/bin/attacks",
        leave.display()
    ));
    let run = run("sh -c 'su -c \"cat /file\" daemon 2>/dev/null || \
        setpriv --clear-groups cat /file'");
    assert!(!run.status.success(), "{run:?}");
}

#[test]
fn a_root_file_system_of_somebody_else_is_refused() {
    let scene = scene!();
    let tool = scene.user_shell("", "$STEP /mnt/rootfs true");
    refuses(tool, 125, "belongs to somebody who is nobody inside");
    let taken = "$STEP --foreign-rootfs /mnt/rootfs stat -c %u /etc";
    let shown = text(&scene.user_shell("", taken).output().expect("it"));
    assert_eq!(shown, "65534\n");
}

#[test]
fn the_same_user_outside_is_not_enough_to_be_traced() {
    let scene = scene!();
    // Of the same user, and without a pid namespace in between.
    let script = "sleep 100 & cat /proc/$!/environ >/dev/null
        ! unshare --user --map-root-user cat /proc/$!/environ 2>/dev/null
        kill $!";
    text(&scene.user_shell("", script).output().expect("it"));
}
