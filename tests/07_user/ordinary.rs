//! The step as an ordinary user runs it.

use std::process::Output;

use support::{program, refuses};
use workshop::host::Ids;

use super::scene::{Scene, USER, text};

macro_rules! scene {
    () => {
        match Scene::with_users() {
            Some(scene) => scene,
            None => support::skip!("there is no other user", "sudo"),
        }
    };
}

macro_rules! may_have_range {
    ($scene:ident) => {
        if $scene.host.ids() != Ids::All {
            support::skip!("a range is the machine's to give", "sudo");
        }
        let mut look = $scene.host_shell("command -v newuidmap >/dev/null");
        if !look.status().expect("a shell").success() {
            support::skip!("there is no newuidmap", "apt-get install uidmap");
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

/// It works with less than most users expect, and so it is said.
#[test]
fn a_user_without_a_range_is_told_so() {
    let scene = scene!();
    let run = |options: &str| {
        let script = format!("$STEP {options} /mnt/users/rootfs id -u");
        let output = scene.user_shell("", &script).output().expect("it");
        assert_eq!(text(&output), "0\n");
        String::from_utf8(output.stderr).expect("text")
    };
    let said = run("");
    for part in [
        "user 4242 has no range in /etc/subuid and /etc/subgid",
        "--add-subuids 100000-165535 --add-subgids 100000-165535",
        "--uid-map 0:4242:1 --gid-map 0:4242:1",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(run("--uid-map 0:4242:1 --gid-map 0:4242:1"), "");
    let said = run("--uid-map 0:4242:1");
    assert!(
        said.starts_with("note: user 4242 has no range in /etc/subgid, so"),
        "{said}"
    );
}

#[test]
fn with_a_range_there_are_other_users() {
    let scene = scene!();
    may_have_range!(scene);
    with_range(&scene, "alice:200000:65536");
    let show = "$STEP /mnt/users/rootfs sh -c '
        cat /proc/self/uid_map; cat /proc/self/setgroups
        id -G; : >/new; chown 5:5 /new'";
    let output = scene.user_shell("6", show).output().expect("it");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let shown = text(&output);
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
        ("--uid-map 0:0:1", "/etc/subuid has nothing for user 4242"),
        ("--uid-map 0:4242:2", "is not yours"),
        ("--gid-map 0:0:1", "/etc/subgid has nothing for user 4242"),
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

/// "Negative permissions": everybody may read this file but the group.
fn read_as_member_of(group: &str, scene: &Scene, how: &str) -> Output {
    scene.on_host(
        "echo secret >/mnt/users/file; chown 0:6 /mnt/users/file
        chmod 604 /mnt/users/file",
    );
    let volume = "-v /mnt/users/file:/file";
    let script = format!("$STEP {volume} /mnt/users/rootfs {how}");
    scene.user_shell(group, &script).output().expect("it")
}

#[test]
fn who_may_not_by_his_group_may_not_inside_either() {
    let scene = scene!();
    let read = |group, how| read_as_member_of(group, &scene, how);
    assert_eq!(text(&read("", "cat /file")), "secret\n");
    let said = |output: Output| {
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let refused = said(read("6", "cat /file"));
    assert!(refused.contains("Permission denied"), "{refused}");
    // Nor can its root leave the group: su(1) calls setgroups(2) first.
    let refused = said(read("6", "su root -c 'cat /file'"));
    assert!(refused.contains("can't set groups"), "{refused}");
}

/// The same with /etc/subgid, by which an administrator lets users leave their
/// groups. It shows that the test above would see it.
#[test]
fn by_a_range_a_group_can_be_left() {
    let scene = scene!();
    may_have_range!(scene);
    with_range(&scene, "alice:200000:65536");
    let output = read_as_member_of("6", &scene, "su root -c 'cat /file'");
    assert_eq!(text(&output), "secret\n");
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

/// Root inside is the very user of the process that is attacked. The attack
/// needs no number of it, so it is not the pid namespace that is in the way.
#[test]
fn the_same_user_outside_is_not_enough_to_be_traced() {
    let scene = scene!();
    let [attacks, bare] = ["attacks", "00-process"]
        .map(|name| program(name).display().to_string());
    scene.on_host(&format!(
        "ip link set lo up # or only root could plant anything
        cp {attacks} {bare} /mnt; chmod 755 /mnt/attacks /mnt/00-process
        cp {attacks} /mnt/users/rootfs/usr/bin/"
    ));
    let against = |options: &str, step: &str| {
        let script = format!(
            "PATH=$PATH:/mnt exec attacks against {options} take-descriptor \
                -- {step}"
        );
        text(&scene.user_shell("", &script).output().expect("it"))
    };
    let outcome = against("", "00-process");
    assert!(outcome.contains("take-descriptor   escaped"), "{outcome}");
    let outcome = against(
        "--rootfs /mnt/users/rootfs",
        "$STEP --volume {volume} /mnt/users/rootfs",
    );
    assert!(outcome.contains("contained   pidfd_getfd"), "{outcome}");
    assert!(outcome.contains("EPERM"), "{outcome}");
}
