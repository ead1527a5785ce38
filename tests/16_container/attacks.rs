//! How real runtimes were broken, tried on this one. What each attack is after
//! is a canary, planted for it: a directory of the host.

use std::process::Output;

use support::InTime;

use super::scene::Scene;

/// What only a file of the host says.
const SECRET: &str = "canary-of-the-host";

/// A host with a directory, `/mnt/victim`, in which everybody may read and
/// write: nothing but the container itself keeps the program out.
fn scene() -> Scene {
    let scene = Scene::to_be_spoiled();
    scene.on_host(&format!(
        "mkdir -m 777 /mnt/victim /mnt/shared /mnt/volume
        chmod 777 /mnt/victim /mnt/shared /mnt/volume
        echo {SECRET} >/mnt/victim/secret
        mkdir -p /mnt/rootfs/mnt/victim"
    ));
    scene
}

/// Says that nothing was made in it, and that it was not seen.
fn is_out_of_reach(scene: &Scene, seen: &str) {
    assert_eq!(scene.on_host("ls -A /mnt/victim"), "secret\n");
    assert!(!seen.contains(SECRET), "{seen}");
}

/// All that is printed, whether or not it was started.
fn attack(scene: &Scene, script: &str) -> String {
    let Output { stdout, stderr, .. } = scene.shell(script).in_time();
    let text = [stdout, stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

// --- The working directory, and what is open (CVE-2024-21626) ---------------

#[test]
fn no_directory_that_the_caller_has_open_leads_out() {
    let scene = scene();
    scene.on_host("$RUN -d --name c sleep 1000");
    let open = "exec 7</mnt/victim 8</mnt/rootfs 9</; set +e";
    let look = "cat secret ../victim/secret mnt/victim/secret
        for n in $(seq 3 20); do cat /proc/self/fd/$n/secret; done";
    for n in 2..10 {
        let at = if n == 2 { "/".into() } else { format!("/proc/self/fd/{n}") };
        for tool in ["$RUN --rm -w AT", "$C exec -w AT c"] {
            let tool = tool.replace("AT", &at);
            let script = format!("{open}; {tool} sh -c '{look}'");
            is_out_of_reach(&scene, &attack(&scene, &script));
        }
    }
}

// --- Links and races (CVE-2021-30465, CVE-2024-45310, CVE-2026-41579) -------

#[test]
fn no_link_makes_anything_on_the_host() {
    let scene = scene();
    for link in ["/mnt/victim", "../../mnt/victim"] {
        let start = |prepare: &str, options: &str, place: &str| {
            let script = format!(
                "cd /mnt/rootfs; {prepare}
                $RUN --rm {options} cat {place}/secret"
            );
            is_out_of_reach(&scene, &attack(&scene, &script));
        };
        let prepare = format!("ln -sfn {link} link");
        for at in ["/link", "/link/new", "/link/new/er"] {
            start(&prepare, &format!("-v /mnt/volume:{at}"), "/link");
        }
        start(&prepare, "--tmpfs /link/new", "/link");
        for place in ["/dev", "/proc", "/sys"] {
            let prepare = format!("mv .{place} kept; ln -s {link} .{place}");
            start(&prepare, "", place);
            scene.on_host(&format!(
                "cd /mnt/rootfs; rm .{place}; mv kept .{place}"
            ));
        }
    }
}

#[test]
fn root_inside_replaces_no_proc_sys_or_dev() {
    for name in ["proc", "sys", "dev"] {
        let scene = scene();
        let replace = format!(
            "set +e; $RUN --rm sh -c '
                rm -rf /{name} 2>/dev/null; mkdir /{name} && echo replaced'"
        );
        let seen = attack(&scene, &replace);
        assert!(!seen.contains("replaced"), "{seen}");
        scene.on_host(&format!(
            "cd /mnt/rootfs; mkdir -p evil
            rm -rf {name}; ln -s evil {name}"
        ));
        let seen = attack(&scene, &replace);
        assert!(!seen.contains("replaced"), "{name} is a link: {seen}");
    }
}

/// How many containers are started while another one exchanges what they are
/// about to mount on.
const STARTS: usize = 20;

#[test]
fn who_shares_a_volume_moves_no_mount_point_out() {
    let scene = scene();
    scene.on_host(
        "cp $ATTACKS /mnt/shared/attacks
        mkdir -m 777 /mnt/shared/spot; chmod 777 /mnt/shared/spot
        ln -s /mnt/victim /mnt/shared/link
        $RUN -d --name racer -v /mnt/shared:/s \
            /s/attacks exchange /s/spot /s/link --for 600",
    );
    scene.eventually("[ -L /mnt/shared/spot ]");
    for number in 0..STARTS {
        let script = format!(
            "$RUN --rm -v /mnt/shared:/s -v /mnt/volume:/s/spot/{number} \
                cat /mnt/victim/secret /s/spot/secret"
        );
        is_out_of_reach(&scene, &attack(&scene, &script));
    }
    scene.on_host("$C ps | grep -q 'Up.*racer'; $C rm -f racer");
    // Some have met the directory.
    assert_ne!(scene.on_host("ls /mnt/shared/spot"), "");
}

// --- What is masked (CVE-2025-31133, CVE-2025-52881) ------------------------

#[test]
fn by_a_null_device_of_its_own_nothing_is_unmasked() {
    let scene = scene();
    // A setting of its own network: who writes it harms nobody, and has shown
    // that he can write where all is read-only.
    let setting = "/proc/sys/net/ipv4/ip_default_ttl";
    scene.on_host(&format!(
        "cd /mnt/rootfs/dev; rm -rf null; ln -s {setting} null"
    ));
    let write = format!(
        "cat {setting}
        for file in interrupts keys timer_list kcore; do
            [ ! -e /proc/$file ] || cat /proc/$file
            (echo 99 >/proc/$file) 2>/dev/null || true
        done; cat {setting}"
    );
    let seen = scene.inside(&[], &write);
    let lines: Vec<_> = seen.lines().collect();
    assert!(lines.len() == 2 && lines[0] == lines[1], "{seen}");
}

#[test]
fn no_file_of_its_own_is_in_proc() {
    let scene = scene();
    scene.on_host(
        "echo fake >/mnt/volume/fake
        cd /mnt/rootfs; ln -s proc alias; ln -s /proc/sys/kernel deep",
    );
    for place in ["proc", "alias", "alias/1/attr", "deep", "proc/../proc"] {
        let show = "cat /proc/fake /proc/1/attr/fake /proc/sys/kernel/fake";
        let script = format!("$RUN --rm -v /mnt/volume:/{place} {show}");
        let seen = attack(&scene, &script);
        assert!(!seen.contains("fake\n"), "{place}: {seen}");
    }
}

// --- Groups (CVE-2022-0492, CVE-2023-25809) ---------------------------------

#[test]
fn nothing_in_its_groups_can_be_written() {
    let scene = scene();
    if !scene.has_groups() {
        support::skip!("groups must be delegated", "sudo");
    }
    // notify_on_release has the kernel start what release_agent names, as
    // root of the host. Without a change, for who may write is the question.
    let seen = scene.inside(
        &[],
        "cd /sys/fs/cgroup
        for group in $(find . -name cgroup.procs | xargs -n 1 dirname); do
            mkdir $group/canary 2>/dev/null && echo made $group/canary
            for file in notify_on_release cgroup.subtree_control; do
                [ ! -e $group/$file ] || (: >>$group/$file) 2>/dev/null &&
                    [ -e $group/$file ] && echo $group/$file is open
            done
        done
        find . -name release_agent
        mkdir /g; unshare -Urm sh -c \"
            for name in memory pids rdma none,name=canary; do
                mount -t cgroup -o \\$name g /g 2>/dev/null && ls /g
                umount /g 2>/dev/null
            done\" | grep release_agent || true",
    );
    assert_eq!(seen, "");
}

// --- Names and users (CVE-2026-30892) ---------------------------------------

#[test]
fn a_name_is_no_path() {
    let scene = scene();
    let state = "/run/workshop/containers";
    let list = format!("ls {state} 2>/dev/null || true");
    for name in ["../../../../mnt/victim/x", "../x", "..", "/mnt/victim/x"] {
        let run = format!("$RUN -d --name {name} sleep 1000");
        is_out_of_reach(&scene, &attack(&scene, &run));
        for verb in ["inspect", "logs", "rm -f"] {
            let find = format!("$C {verb} {name}");
            is_out_of_reach(&scene, &attack(&scene, &find));
        }
        assert!(["", "names\n"].contains(&&*scene.on_host(&list)), "{name}");
    }
}

#[test]
fn who_enters_as_another_user_reads_no_file_of_roots() {
    let scene = scene();
    if !scene.has_users() {
        support::skip!("there is no other user", "sudo");
    }
    scene.on_host(
        "$RUN -d --name c sh -c 'umask 077; echo ours >/roots; sleep 1000'",
    );
    scene.eventually("$C exec c cat /roots");
    for user in ["1", "1000", "1000:1000", "nobody", "1:0"] {
        let seen = attack(
            &scene,
            &format!("$C exec -u {user} c sh -c 'id; cat /roots; echo tried'"),
        );
        assert!(seen.contains("tried") && !seen.contains("ours"), "{seen}");
    }
}
