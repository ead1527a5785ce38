//! Volumes, file systems in memory, and `--read-only`.

use assert_cmd::assert::OutputAssertExt;
use support::refuses;

use super::scene::{Scene, scenes, scenes_of_all};

const READ_ONLY: &str = "Read-only file system";

// --- Volumes ----------------------------------------------------------------

#[test]
fn what_is_written_to_a_volume_is_on_the_host() {
    for scene in scenes_of_all() {
        scene.on_host(
            "mkdir /mnt/volume/below; echo 1 >/mnt/file
            mount -n -t tmpfs below /mnt/volume/below",
        );
        let options = ["-v", "/mnt/volume:/v", "--volume", "/mnt/file:/f:rw"];
        scene.inside(&options, "echo 2 >>/f; echo 3 >/v/3; echo 4 >/v/below/4");
        let show = "cat /mnt/file /mnt/volume/3 /mnt/volume/below/4";
        assert_eq!(scene.on_host(show), "1\n2\n3\n4\n");
    }
}

#[test]
fn read_only_is_all_that_is_mounted_below_too() {
    for scene in scenes_of_all() {
        scene.on_host(
            "mkdir '/mnt/volume/b c'; echo 1 >/mnt/file
            mount -n -t tmpfs below '/mnt/volume/b c'
            mkdir '/mnt/volume/b c/d'
            mount -n -t tmpfs below '/mnt/volume/b c/d'",
        );
        let options = ["-v", "/mnt/volume:/v:ro", "-v", "/mnt/file:/f:ro"];
        for script in [
            "mkdir /v/new",
            "mkdir '/v/b c/new'",
            "mkdir '/v/b c/d/new'",
            "echo 2 >>/f",
        ] {
            let said = scene.refused(&options, script);
            assert!(said.contains(READ_ONLY), "{script}: {said}");
        }
        // And only in there.
        scene.on_host("mkdir '/mnt/volume/b c/d/new'; echo 2 >>/mnt/file");
    }
}

#[test]
fn a_read_only_volume_keeps_its_other_flags() {
    let flags = "nosuid,nodev,noexec,noatime";
    for scene in scenes_of_all() {
        scene.on_host(&format!(
            "mount -n -t tmpfs -o {flags} flagged /mnt/volume
            mkdir /mnt/volume/below
            mount -n -t tmpfs -o {flags} flagged /mnt/volume/below"
        ));
        let show = "grep flagged /proc/self/mountinfo | cut -d ' ' -f 6";
        let shown = scene.inside(&["-v", "/mnt/volume:/v:ro"], show);
        assert_eq!(shown, format!("ro,{flags}\n").repeat(2));
    }
}

#[test]
fn the_shallow_come_before_the_deep() {
    for scene in scenes() {
        scene.on_host(
            "mkdir -p /mnt/volume/b/c /mnt/deep; echo deep >/mnt/deep/file",
        );
        let options = [
            ["-v", "/mnt/deep:/a/b/c"],
            ["-v", "/mnt/volume:/a"],
            ["--tmpfs", "/a/b/c/file2:size=4k"],
        ];
        scene.on_host("mkdir /mnt/deep/file2");
        let options = options.concat();
        let show = "cat /a/b/c/file; grep -c ' /a' /proc/self/mountinfo";
        assert_eq!(scene.inside(&options, show), "deep\n3\n");
    }
}

#[test]
fn what_is_missing_inside_is_made() {
    for scene in scenes() {
        scene.on_host("echo 1 >/mnt/file; umask 077");
        let options = ["-v", "/mnt/file:/new/a/file", "--tmpfs", "/new/b"];
        assert_eq!(
            scene.inside(&options, "cat /new/a/file; ls /new"),
            "1\na\nb\n"
        );
    }
}

#[test]
fn standard_places_may_be_missing_too() {
    for scene in scenes() {
        scene.on_host("rm -r /mnt/rootfs/proc /mnt/rootfs/sys /mnt/rootfs/dev");
        let show = "cat /proc/1/comm; test -d /sys/kernel; test -c /dev/null";
        assert_eq!(scene.inside(&[], show), "sh\n");
    }
}

// --- File systems in memory -------------------------------------------------

#[test]
fn a_tmpfs_ends_at_its_size() {
    for scene in scenes_of_all() {
        let fill = "dd if=/dev/zero of=/run/file bs=1000 count=2000";
        let said = scene.refused(&["--tmpfs", "/run:size=1m"], fill);
        assert!(said.contains("No space left on device"), "{said}");
        scene.inside(&["--tmpfs", "/run:size=2m"], fill);
        assert_eq!(scene.on_host("ls /mnt/rootfs/run"), "");
    }
}

#[test]
fn nothing_in_a_tmpfs_is_executed_unless_it_may() {
    for scene in scenes_of_all() {
        let run = "cp /bin/busybox /run/true && /run/true && echo ran";
        let said = scene.refused(&["--tmpfs", "/run"], run);
        assert!(said.contains("Permission denied"), "{said}");
        assert_eq!(scene.inside(&["--tmpfs", "/run:exec"], run), "ran\n");
    }
}

#[test]
fn a_tmpfs_has_the_mode_that_was_asked_for() {
    for scene in scenes_of_all() {
        let mode =
            |options| scene.inside(&["--tmpfs", options], "stat -c %a /run");
        assert_eq!(mode("/run"), "1777\n");
        assert_eq!(mode("/run:mode=700,nr_inodes=10"), "700\n");
        let said = scene.refused(&["--tmpfs", "/run:ro"], "mkdir /run/new");
        assert!(said.contains(READ_ONLY), "{said}");
    }
}

// --- A read-only root -------------------------------------------------------

#[test]
fn a_read_only_root_refuses_writes_and_volumes_take_them() {
    for scene in scenes_of_all() {
        scene.on_host("mount -n -t tmpfs below /mnt/rootfs/home");
        let options =
            ["--read-only", "-v", "/mnt/volume:/new/v", "--tmpfs", "/run"];
        for script in ["mkdir /new/x", "mkdir /home/x", ": >/etc/passwd"] {
            let said = scene.refused(&options, script);
            assert!(said.contains(READ_ONLY), "{script}: {said}");
        }
        let write = "mkdir /new/v/x /run/x /dev/shm/x && echo made";
        assert_eq!(scene.inside(&options, write), "made\n");
        scene.on_host("rmdir /mnt/volume/x; mkdir /mnt/rootfs/x");
    }
}

#[test]
fn a_root_that_is_read_only_on_the_host_stays_so() {
    for scene in scenes_of_all() {
        scene.on_host(
            "mount -n --bind /mnt/rootfs /mnt/rootfs
            mount -n -o remount,bind,ro /mnt/rootfs",
        );
        for options in [&["--read-only"][..], &[]] {
            let said = scene.refused(options, "mkdir /new");
            assert!(said.contains(READ_ONLY), "{said}");
        }
        // No place is made in there, not even for a moment.
        let options = ["--read-only", "--tmpfs", "/new"];
        let message = ", \"/new\"): EROFS";
        refuses(scene.tool(&options, &["true"]), 125, message);
    }
}

// --- Bad input --------------------------------------------------------------

/// The command line is wrong: nothing is started.
fn misread(scene: &Scene, options: &[&str], message: &str) {
    let mut tool = scene.tool(options, &["echo", "started"]);
    let output = tool.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(message), "{message:?} is not in {text:?}");
    output.assert().code(125).stdout("");
}

#[test]
fn an_option_that_makes_no_sense_is_refused() {
    let scene = Scene::start(&[]);
    for (volume, message) in [
        ("/mnt", "the form is HOST:INSIDE"),
        ("/mnt:/v:rx", "the form is HOST:INSIDE"),
        (":/v", "the path on the host is missing"),
        ("/mnt:v", "must begin with /"),
        ("/mnt:", "must begin with /"),
        ("/mnt:/a/../b", "may not have .. in it"),
        ("/mnt:/", "nothing may be mounted on / or in /proc"),
        ("/mnt://./", "nothing may be mounted on / or in /proc"),
        ("/mnt:/proc", "nothing may be mounted on / or in /proc"),
        ("/mnt:/proc/self/attr", "nothing may be mounted on / or in /proc"),
    ] {
        misread(&scene, &["-v", volume], message);
    }
    for (tmpfs, message) in [
        ("run", "must begin with /"),
        ("/proc/x", "nothing may be mounted on / or in /proc"),
        ("/run:colour=red", "no such option: colour"),
        ("/run:big", "no such option: big"),
    ] {
        misread(&scene, &["--tmpfs", tmpfs], message);
    }
}

#[test]
fn a_volume_that_is_not_there_is_not_made() {
    for scene in scenes() {
        let tool = scene.tool(&["-v", "/mnt/missing:/v"], &["true"]);
        refuses(tool, 125, "06-mount: open(\"/mnt/missing\", O_PATH): ENOENT");
        assert_eq!(scene.on_host("ls /mnt"), "rootfs\nvolume\n");
    }
}

#[test]
fn a_directory_and_a_file_are_not_mounted_on_each_other() {
    for scene in scenes() {
        scene.on_host("echo 1 >/mnt/file");
        for volume in ["/mnt/volume:/etc/passwd", "/mnt/file:/etc"] {
            let tool = scene.tool(&["-v", volume], &["true"]);
            refuses(tool, 125, "are not both directories, or both files");
        }
        let tool = scene.tool(&["--tmpfs", "/etc/passwd"], &["true"]);
        refuses(tool, 125, "are not both directories, or both files");
        let through = scene.tool(&["--tmpfs", "/etc/passwd/x"], &["true"]);
        refuses(through, 125, "ENOTDIR");
    }
}

#[test]
fn a_value_that_the_kernel_refuses_is_explained_by_the_kernel() {
    let [new, old] = scenes();
    let tool = new.tool(&["--tmpfs", "/run:size=abc"], &["true"]);
    refuses(tool, 125, "fsconfig(\"tmpfs\", \"size\", \"abc\"): EINVAL");
    let tool = new.tool(&["--tmpfs", "/run:size=abc"], &["true"]);
    refuses(tool, 125, "hint: tmpfs: Bad value for 'size'");
    // The older call has no more to say than a number.
    old.tool(&["--tmpfs", "/run:size=abc"], &["true"]).assert().code(125);
}
