//! Whose the files are.

use support::refuses;

use super::is_root;
use super::scene::Scene;

/// The machine's root, with files that belong to him.
fn scene() -> Option<Scene> {
    is_root().then(Scene::start)
}

#[test]
fn roots_files_are_the_roots_inside() {
    let Some(scene) = scene() else {
        support::skip!("root is the user himself", "sudo");
    };
    let show = "stat -c '%u:%g' / /etc/passwd; echo new >/new; mkdir /d";
    assert_eq!(scene.inside(&[], show), "0:0\n0:0\n");
    assert_eq!(scene.on_host("stat -c %u:%g /mnt/rootfs/new"), "0:0\n");
}

#[test]
fn a_root_file_system_may_be_where_only_root_gets() {
    let Some(scene) = scene() else {
        support::skip!("root is the user himself", "sudo");
    };
    scene.on_host(
        "mkdir -m 700 /mnt/home; chown 4242 /mnt/home
        mv /mnt/rootfs /mnt/home/; $STEP /mnt/home/rootfs true",
    );
}

#[test]
fn a_root_file_system_of_the_maps_users_is_taken_as_it_is() {
    let Some(scene) = scene() else {
        support::skip!("root is the user himself", "sudo");
    };
    scene.on_host("chown -R 70000:70000 /mnt/rootfs");
    let ids = ["--uid-map", "0:70000:1000", "--gid-map", "0:70000:1000"];
    assert_eq!(scene.inside(&ids, "stat -c %u / /etc; echo >/x"), "0\n0\n");
    assert_eq!(scene.on_host("stat -c %u /mnt/rootfs/x"), "70000\n");
}

#[test]
fn roots_files_in_a_volume_are_out_of_reach() {
    let Some(scene) = scene() else {
        support::skip!("root is the user himself", "sudo");
    };
    scene.on_host(
        "chmod 1777 /mnt/volume; cd /mnt/volume
        echo secret >read; chmod 600 read; echo old >write
        mkdir below /mnt/deep; mount -n --bind /mnt/deep below
        echo deep >below/file",
    );
    let options = ["-v", "/mnt/volume:/v"];
    for script in [
        "cat /v/read",
        "echo new >/v/write",
        "echo new >/v/below/file",
        "chown 0 /v/write",
        "rm -f /v/write; test ! -e /v/write",
    ] {
        scene.refused(&options, script);
    }
    assert_eq!(scene.inside(&options, "stat -c %u /v/write"), "65534\n");
    assert_eq!(scene.on_host("cat /mnt/volume/write"), "old\n");

    // Unless somebody asks for it: then with all that is mounted below.
    let mapped = [&options[..], &["--id-map", "/v"]].concat();
    let write = "cat /v/read; echo new >/v/write; echo new >/v/below/file";
    assert_eq!(scene.inside(&mapped, write), "secret\n");
    let found = scene.on_host("cd /mnt/volume; cat write below/file");
    assert_eq!(found, "new\nnew\n");
}

#[test]
fn a_set_user_id_program_made_inside_gives_no_root_outside() {
    let Some(scene) = scene() else {
        support::skip!("root is the user himself", "sudo");
    };
    scene.on_host("chmod 1777 /mnt/volume");
    let make = "cp /bin/busybox /v/id; chmod 4755 /v/id; stat -c %u:%a /v/id";
    let options = ["-v", "/mnt/volume:/v"];
    assert_eq!(scene.inside(&options, make), "0:4755\n");
    let found = scene.on_host("stat -c %u:%a /mnt/volume/id");
    assert_eq!(found, "1900000000:4755\n");
}

#[test]
fn what_is_mounted_inside_stays_inside() {
    let Some(scene) = scene() else {
        support::skip!("root is the user himself", "sudo");
    };
    // The copies that are handed over were shared on the host.
    let before = scene.on_host("cat /proc/self/mountinfo");
    scene.inside(
        &["-v", "/mnt/volume:/v"],
        "mount -t tmpfs in /v; mount -t tmpfs in /home
        ! grep -q shared: /proc/self/mountinfo",
    );
    assert_eq!(scene.on_host("cat /proc/self/mountinfo"), before);
}

#[test]
fn what_can_not_be_mapped_is_said() {
    let Some(scene) = scene() else {
        support::skip!("root is the user himself", "sudo");
    };
    // A proc file system has owners of its own.
    let options = ["-v", "/proc:/p", "--id-map", "/p"];
    let message = "mount_setattr(MOUNT_ATTR_IDMAP, AT_RECURSIVE): EINVAL";
    refuses(scene.tool(&options, &["true"]), 125, message);
    let tool = scene.tool(&["--id-map", "/v"], &["true"]);
    refuses(tool, 125, "there is no volume at \"/v\"");
    // As it is, its owner is nobody.
    let found = scene.inside(&["--foreign-rootfs"], "stat -c %u /etc");
    assert_eq!(found, "65534\n");
}
