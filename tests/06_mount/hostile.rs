//! A root file system that somebody else has made, to get out of it.

use std::process::Stdio;

use assert_cmd::assert::OutputAssertExt;
use support::{eventually, refuses, status_of};
use workshop::host::Ids;

use super::scene::{Scene, scenes, scenes_of_all};

/// An empty directory on the host, where nothing may ever be mounted or made.
const TARGET: &str = "mkdir /mnt/target";

/// Says that it is as it was, and so is the mount table of the host.
fn is_untouched(scene: &Scene, mounts: &str) {
    assert_eq!(scene.on_host("ls -A /mnt/target"), "");
    assert_eq!(scene.host_mounts(), mounts);
}

#[test]
fn a_standard_place_that_is_a_link_is_refused() {
    for scene in scenes_of_all() {
        scene.on_host(TARGET);
        let mounts = scene.host_mounts();
        for place in ["proc", "sys", "dev"] {
            for link in [
                "/mnt/target",
                "/../../../mnt/target",
                "../target",
                "../../../../mnt/target",
                "/etc",
                "/proc/1/root/mnt/target",
            ] {
                scene.on_host(&format!(
                    "cd /mnt/rootfs; rm -rf {place}; ln -s {link} {place}"
                ));
                let message = format!("{place}\", RESOLVE_IN_ROOT): ELOOP");
                refuses(scene.tool(&[], &["true"]), 125, &message);
                is_untouched(&scene, &mounts);
            }
            scene
                .on_host(&format!("cd /mnt/rootfs; rm {place}; mkdir {place}"));
        }
    }
}

#[test]
fn a_standard_place_that_is_a_file_is_refused() {
    for scene in scenes() {
        scene.on_host("rmdir /mnt/rootfs/proc; echo 1 >/mnt/rootfs/proc");
        refuses(scene.tool(&[], &["true"]), 125, "ENOTDIR");
    }
}

#[test]
fn a_link_at_a_volumes_place_leads_nowhere_but_inside() {
    for scene in scenes_of_all() {
        scene.on_host(TARGET);
        scene.on_host("echo volume >/mnt/volume/file");
        let mounts = scene.host_mounts();
        let show = "cat /link/file /mnt/target/file";
        for link in [
            "/mnt/target",
            "/../../../mnt/target",
            "mnt/target",
            "../../../../../mnt/target",
        ] {
            // Inside there is no such place: it is not made, nor found
            // outside.
            scene.on_host(&format!(
                "cd /mnt/rootfs; rm -rf link mnt; ln -s {link} link"
            ));
            for place in ["/link", "/link/new", "/link/new/er"] {
                let volume = format!("/mnt/volume:{place}");
                let tool = scene.tool(&["-v", &volume], &["true"]);
                refuses(tool, 125, "ENOENT");
                is_untouched(&scene, &mounts);
            }
            // Inside there is one.
            scene.on_host("mkdir -p /mnt/rootfs/mnt/target");
            let found = scene.inside(&["-v", "/mnt/volume:/link"], show);
            assert_eq!(found, "volume\nvolume\n");
            scene.inside(
                &["-v", "/mnt/volume:/link/new/er"],
                "cat /link/new/er/file",
            );
            is_untouched(&scene, &mounts);
        }
    }
}

#[test]
fn no_link_leads_a_volume_into_proc() {
    for scene in scenes_of_all() {
        for (link, place) in [
            ("/proc", "/link/self/attr"),
            ("/proc", "/link/sys"),
            ("/proc", "/link"),
            ("proc/self/attr", "/link"),
            ("/proc/1/root", "/link"),
            ("/proc/1/root/mnt", "/link/new"),
            ("/proc", "/link/new"),
        ] {
            scene.on_host(&format!(
                "cd /mnt/rootfs; rm -f link; ln -s {link} link"
            ));
            let volume = format!("/mnt/volume:{place}");
            refuses(scene.tool(&["-v", &volume], &["true"]), 125, "06-mount: ");
            assert_eq!(scene.on_host("ls /mnt"), "rootfs\nvolume\n");
        }
    }
}

#[test]
fn a_null_device_of_the_root_file_system_is_not_used() {
    for scene in scenes_of_all() {
        for fake in ["echo fake >null", "ln -s /etc/passwd null", "mkdir null"]
        {
            scene.on_host(&format!("cd /mnt/rootfs/dev; rm -rf null; {fake}"));
            let show = "cat /proc/interrupts; stat -c %t:%T /dev/null";
            assert_eq!(scene.inside(&[], show), "1:3\n");
        }
    }
}

#[test]
fn a_null_device_of_the_host_that_is_none_is_not_used_either() {
    for scene in scenes_of_all() {
        scene.on_host(
            "echo fake >/mnt/fake
            mount -n --bind /mnt/fake /dev/null",
        );
        let mut tool = scene.tool(&[], &["cat", "/proc/interrupts"]);
        match scene.host.ids() {
            // Who makes the node himself need not ask the host.
            Ids::All => drop(tool.assert().code(0).stdout("")),
            Ids::Range | Ids::RootOnly => {
                refuses(tool, 125, "\"/dev/null\" is not the device 1:3");
            }
        }
    }
}

/// How often the step is started while somebody exchanges a directory.
const STARTS: usize = 100;

#[test]
fn who_exchanges_a_directory_with_a_link_gains_nothing() {
    for scene in scenes() {
        scene.on_host(TARGET);
        scene.on_host(
            "mkdir -p /mnt/rootfs/spot /mnt/rootfs/mnt/target
            ln -s /../../../mnt/target /mnt/rootfs/link",
        );
        let mounts = scene.host_mounts();
        let mut exchange = scene.host.command(support::program("attacks"));
        exchange.args(["exchange", "/mnt/rootfs/spot", "/mnt/rootfs/link"]);
        // It is ended below. An emulated machine takes minutes to get there.
        exchange.args(["--for", "600"]).stdout(Stdio::piped());
        let mut exchange = exchange.spawn().expect("it starts");
        eventually("it has begun", || is_link(&scene, "/mnt/rootfs/spot"));

        let start = format!(
            "for i in $(seq {STARTS}); do
                $STEP -v /mnt/volume:/spot/$i /mnt/rootfs true 2>>/mnt/said ||
                    [ $? = 125 ]
            done"
        );
        scene.on_host(&start);
        is_untouched(&scene, &mounts);
        let said = scene.on_host("cat /mnt/said");
        let failed = said.lines().filter(|l| l.starts_with("06-mount: "));
        assert!(failed.count() < STARTS, "none has succeeded: {said}");

        let tool = workshop::host::only_child(exchange.id()).expect("exchange");
        // SAFETY: kill(2) touches no memory; nsenter has not yet waited.
        assert_eq!(unsafe { libc::kill(tool as i32, libc::SIGTERM) }, 0);
        assert!(status_of(&mut exchange).success());
        // Some have met the directory, and some the link.
        for place in ["spot", "mnt/target"] {
            let made = scene.on_host(&format!("ls /mnt/rootfs/{place}"));
            assert_ne!(made, "", "nobody has been at {place}: {said}");
        }
    }
}

#[test]
fn who_exchanges_proc_unmasks_nothing() {
    // Opened for writing and never written: it is the whole machine's.
    let check = "for proc in /proc /fake; do
            file=$proc/sys/kernel/core_pattern
            [ ! -e $file ] || ! (: >>$file) 2>/dev/null || echo $file is open
        done";
    for scene in scenes() {
        scene.on_host("mkdir -p /mnt/rootfs/fake");
        let mut exchange = scene.host.command(support::program("attacks"));
        exchange.args(["exchange", "/mnt/rootfs/proc", "/mnt/rootfs/fake"]);
        // It is ended below. An emulated machine takes minutes to get there.
        exchange.args(["--for", "600"]).stdout(Stdio::piped());
        let mut exchange = exchange.spawn().expect("it starts");
        let start = format!(
            "for i in $(seq {STARTS}); do
                $STEP /mnt/rootfs sh -c '{check}' 2>/dev/null ||
                    [ $? = 125 ]
            done"
        );
        assert_eq!(scene.on_host(&start), "");
        let tool = workshop::host::only_child(exchange.id()).expect("exchange");
        // SAFETY: kill(2) touches no memory; nsenter has not yet waited.
        assert_eq!(unsafe { libc::kill(tool as i32, libc::SIGTERM) }, 0);
        assert!(status_of(&mut exchange).success());
    }
}

fn is_link(scene: &Scene, path: &str) -> bool {
    scene.path(path).symlink_metadata().is_ok_and(|what| what.is_symlink())
}
