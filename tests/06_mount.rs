//! 06-mount: files, devices and a mount table of its own.

#![allow(clippy::expect_used)] // A test says what it expects.

#[path = "06_mount/additions.rs"]
mod additions;
#[path = "06_mount/hostile.rs"]
mod hostile;
#[path = "06_mount/kernel.rs"]
mod kernel;
#[path = "06_mount/scene.rs"]
mod scene;
#[path = "06_mount/traces.rs"]
mod traces;

use std::fs;
use std::os::unix::fs::MetadataExt;

use assert_cmd::assert::OutputAssertExt;
use scene::{Scene, scenes, scenes_of_all, scenes_with};
use support::missing::{OPENAT2, without_calls};
use support::{Sandbox, Verdict, different, isolates, program, refuses};
use support::{rootfs, same, status_of, step_on, still_shares};
use workshop::host::{Host, Ids};
use workshop::ladder::Step;

// --- What is isolated -------------------------------------------------------

#[test]
fn the_mount_table_is_its_own() {
    isolates("06-mount", |sandbox| {
        let ours = sandbox.identity("ns/mnt");
        different(ours, sandbox.host_identity("ns/mnt"))
    });
}

#[test]
fn what_is_mounted_for_the_command_the_host_does_not_see() {
    isolates("06-mount", |sandbox| {
        let host = format!("/proc/{}/mountinfo", sandbox.host.init());
        let host = fs::read_to_string(host).expect("a mount table");
        let in_rootfs = rootfs().display().to_string();
        same(host.contains(&in_rootfs), false)?;
        let inside = sandbox.proc("mountinfo");
        same(mount_points(&inside).contains(&"/proc"), true)?;
        different(inside, host)
    });
}

/// The fifth field: proc_pid_mountinfo(5).
fn mount_points(mountinfo: &str) -> Vec<&str> {
    mountinfo.lines().filter_map(|line| line.split(' ').nth(4)).collect()
}

#[test]
fn the_old_root_is_in_no_table() {
    isolates("06-mount", |sandbox| {
        // Whoever enters the namespace begins at the root of its mounts,
        // whatever the root directory of a process in there is.
        let root = fs::metadata(rootfs()).expect("the root file system");
        let root = format!("{}:{}\n", root.dev(), root.ino());
        same(at_the_bottom(sandbox), root)?;
        let table = sandbox.proc("mountinfo");
        same(mount_points(&table).iter().filter(|p| **p == "/").count(), 1)
    });
}

/// Device and inode of the root directory of the command's mount namespace.
fn at_the_bottom(sandbox: &Sandbox) -> String {
    let pid = sandbox.host.number_of(sandbox.pid).expect("a process inside");
    let mut enter = sandbox.host.command("nsenter");
    enter.args(["--target", &pid, "--mount", "stat", "-c", "%d:%i", "/"]);
    let output = enter.output().expect("nsenter");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn no_file_of_the_caller_is_open() {
    isolates("06-mount", |sandbox| {
        same(sandbox.open_files(), ["0", "1", "2"].map(String::from).to_vec())
    });
}

#[test]
fn an_init_keeps_no_file_of_the_caller_either() {
    let scene = Scene::start(&[]);
    let list = "cd /proc/1/fd; for fd in *; do echo $fd $(readlink $fd); done";
    let open = scene.inside(&["--init"], list);
    let others = open.lines().filter(|line| {
        let number = line.split(' ').next().unwrap_or_default();
        // By a signalfd it waits.
        !["0", "1", "2"].contains(&number) && !line.contains("signalfd")
    });
    assert_eq!(others.collect::<Vec<_>>(), [""; 0], "{open}");
}

// --- What still leaks -------------------------------------------------------

#[test]
fn the_network_and_the_users_are_still_the_hosts() {
    still_shares("06-mount", |sandbox| {
        for name in ["cgroup", "net", "user"] {
            let link = format!("ns/{name}");
            same(sandbox.identity(&link), sandbox.host_identity(&link))?;
        }
        Ok(())
    });
}

#[test]
fn the_command_is_still_root_with_its_capabilities() {
    still_shares("06-mount", has_capabilities);
}

fn has_capabilities(sandbox: &Sandbox) -> Verdict {
    let effective = sandbox.status("CapEff");
    different(effective.trim_matches('0').is_empty(), true)
}

#[test]
fn a_root_with_all_capabilities_still_mounts_what_it_likes() {
    let scene = Scene::start(&[]);
    scene.inside(
        &[],
        "mount -t tmpfs none /tmp && grep -q ' /tmp ' /proc/mounts",
    );
}

// --- The mount table --------------------------------------------------------

#[test]
fn the_mount_table_has_what_belongs_there_and_no_more() {
    let host = Host::start().expect("a pretend host");
    if host.ids() != Ids::All {
        support::skip!("a user namespace binds each device node", "sudo");
    }
    let step = Step::find("06-mount").expect("a step of the ladder");
    let shown = |missing: &[u32]| {
        let show = ["cat", "/proc/self/mountinfo"];
        let mut tool = step_on(&host, step.name, step, &[], &show);
        without_calls(&mut tool, missing);
        let output = tool.output().expect("it starts");
        redacted(&String::from_utf8_lossy(&output.stdout))
    };
    insta::with_settings!({
        snapshot_path => "snapshots/06-mount",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("mounts", shown(&[]));
    });
    assert_eq!(shown(&support::missing::MOUNT_API), shown(&[]));
}

/// Mount point, type and flags, without what depends on the kernel: which of
/// the files there are that are covered.
fn redacted(mountinfo: &str) -> String {
    let depends = ["/proc/", "/sys/"];
    let line = |line: &str| {
        let fields: Vec<_> = line.split(' ').collect();
        let (at, flags) = (fields[4], fields[5]);
        let kind = fields.iter().skip_while(|f| **f != "-").nth(1);
        let kind = kind.expect("a type");
        // The root is on the file system of whoever runs the test.
        let kind = if at == "/" { "[rootfs]" } else { kind };
        let is_fixed = !depends.iter().any(|d| at.starts_with(d));
        is_fixed.then(|| format!("{at:12} {kind:9} {flags}\n"))
    };
    mountinfo.lines().filter_map(line).collect()
}

#[test]
fn with_the_old_calls_the_table_is_the_same() {
    for ids in [Ids::All, Ids::Range, Ids::RootOnly] {
        // Not everybody has all of them.
        let Some([new, old]) = scenes_with(ids) else { continue };
        let show = "cut -d ' ' -f 4-6,8 /proc/self/mountinfo; ls -ln /dev";
        let without_time = |scene: &Scene| {
            let options =
                ["-v", "/mnt/volume:/v:ro", "--tmpfs", "/run:size=1m"];
            let text = scene.inside(&options, show);
            // Of all, only the times differ.
            text.lines().map(before_the_date).collect::<Vec<_>>()
        };
        assert_eq!(without_time(&old), without_time(&new), "{ids:?}");
    }
}

fn before_the_date(line: &str) -> String {
    let is_listing = line.starts_with(['c', 'd', 'l']);
    let columns = if is_listing { 6 } else { usize::MAX };
    line.split_whitespace().take(columns).collect::<Vec<_>>().join(" ")
}

// --- Devices ----------------------------------------------------------------

#[test]
fn the_standard_devices_are_there_whatever_the_umask() {
    let nodes = "full 1:7 666\nnull 1:3 666\nrandom 1:8 666\n\
                 tty 5:0 666\nurandom 1:9 666\nzero 1:5 666\n";
    for scene in scenes_of_all() {
        let found = scene.on_host(
            "umask 077
            $STEP /mnt/rootfs sh -c 'cd /dev; stat -c \"%n %t:%T %a\" \
                full null random tty urandom zero'",
        );
        assert_eq!(found, nodes);
        assert_eq!(
            scene.inside(&[], "cd /dev; find . ! -type c | sort"),
            ".\n./fd\n./mqueue\n./ptmx\n./pts\n./shm\n\
             ./stderr\n./stdin\n./stdout\n"
        );
    }
}

#[test]
fn the_devices_work() {
    for scene in scenes_of_all() {
        let use_them = "echo x >/dev/null; head -c 3 /dev/zero | wc -c
            head -c 5 /dev/urandom | wc -c
            echo to stdout >/dev/stdout
            ! echo x 2>/dev/null >/dev/full";
        assert_eq!(scene.inside(&[], use_them), "3\n5\nto stdout\n");
    }
}

#[test]
fn pseudo_terminals_are_its_own() {
    for scene in scenes_of_all() {
        let open = "exec 3<>/dev/ptmx; ls /dev/pts; stat -c %t /dev/pts/0";
        assert_eq!(scene.inside(&[], open), "0\nptmx\n88\n");
        let which = "stat -c %d /dev/pts";
        assert_ne!(scene.inside(&[], which), scene.on_host(which));
    }
}

#[test]
fn shared_memory_and_message_queues_have_their_places() {
    for scene in scenes_of_all() {
        let show =
            "echo shared >/dev/shm/x; cat /dev/shm/x; stat -c %a /dev/shm
            : >/dev/mqueue/q; cut -d : -f 1 /dev/mqueue/q | cut -c 1-5";
        assert_eq!(scene.inside(&[], show), "shared\n1777\nQSIZE\n");
        let here = scene.on_host("ls /dev/shm /dev/mqueue");
        assert_eq!(here, "/dev/mqueue:\n\n/dev/shm:\n");
    }
}

// --- Propagation ------------------------------------------------------------

#[test]
fn no_mount_goes_out_and_none_comes_in() {
    for scene in scenes() {
        scene.on_host("mkdir /mnt/volume/in /mnt/volume/out");
        let before = scene.host_mounts();
        let script = "mount -t tmpfs inside /tmp
            mount -t tmpfs inside /v/out
            touch /v/ready; until [ -e /v/go ]; do sleep 0.01; done
            cat /proc/self/mountinfo";
        let options = ["-v", "/mnt/volume:/v"];
        let mut tool = scene.tool(&options, &["sh", "-euc", script]);
        let inside = tool.stdout(std::process::Stdio::piped()).spawn();
        let mut inside = inside.expect("it starts");
        support::eventually("all is mounted inside", || {
            scene.path("/mnt/volume/ready").exists()
        });
        assert_eq!(scene.host_mounts(), before);

        scene.on_host(
            "mount -n -t tmpfs later /mnt/volume/in
            mount -n -t tmpfs later /mnt/rootfs/home
            touch /mnt/volume/go",
        );
        assert!(status_of(&mut inside).success());
        let mut table = inside.stdout.take().expect("its output");
        let table = std::io::read_to_string(&mut table).expect("text");
        assert!(table.contains(" /v/out "), "{table}");
        assert!(!table.contains("later"), "{table}");
        assert!(!table.contains("shared:"), "{table}");
        assert!(!table.contains("master:"), "{table}");
    }
}

#[test]
fn in_a_user_namespace_the_root_stays_where_it_is() {
    // Root of the machine can detach it, and then enter what is below: the
    // kernel's initial file system. Without -l it would ask for the disk to
    // become read-only, so a test must not.
    for ids in [Ids::Range, Ids::RootOnly] {
        let Some(scenes) = scenes_with(ids) else { continue };
        for scene in scenes {
            let said = scene.refused(&[], "umount -l /");
            assert!(said.contains("Invalid argument"), "{said}");
        }
    }
}

// --- What must still work ---------------------------------------------------

#[test]
fn dot_dot_of_the_root_is_the_root_for_whoever_enters_too() {
    for scene in scenes_of_all() {
        let is_root = "test / -ef /.. && stat -c %d:%i /";
        let again = "nsenter --mount=/proc/1/ns/mnt stat -c %d:%i /";
        let found = scene.inside(&[], &format!("{is_root}; {again}"));
        let lines: Vec<_> = found.lines().collect();
        assert_eq!(lines[0], lines[1]);
        let on_host = scene.on_host("stat -c %d:%i /mnt/rootfs");
        assert_eq!(lines[0], on_host.trim());
    }
}

#[test]
fn exit_code_and_output_are_the_commands() {
    for scene in scenes() {
        scene
            .tool(&[], &["sh", "-c", "pwd; echo $PPID; exit 7"])
            .assert()
            .stdout("/\n0\n")
            .code(7);
        scene.tool(&[], &["no-such-program"]).assert().code(127);
        scene.tool(&[], &["/etc/passwd"]).assert().code(126);
    }
}

#[test]
fn what_the_steps_before_can_do_it_still_can() {
    let scene = Scene::start(&[]);
    let options = ["--hostname", "inside", "--init", "-e", "A=1"];
    let shown = scene.inside(&options, "hostname; echo $A; cat /proc/1/comm");
    assert_eq!(shown, "inside\n1\n06-mount\n");
    assert_eq!(scene.on_host("hostname"), "host\n");
}

#[test]
fn paths_may_be_relative() {
    for scene in scenes() {
        let list = "cd /mnt; touch volume/x; $STEP -v volume:/v rootfs ls /v";
        assert_eq!(scene.on_host(list), "x\n");
    }
}

#[test]
fn the_hosts_own_root_can_be_the_root() {
    let [new, old] = scenes();
    let before = new.host_mounts();
    let show = "$STEP / sh -c 'ls /mnt; ls /dev/pts; echo $$'";
    assert_eq!(new.on_host(show), "rootfs\nvolume\nptmx\n1\n");
    assert_eq!(new.host_mounts(), before);

    // What covers the root directory has no path, which the old calls need.
    let mut tool = old.host_shell("$STEP / true");
    tool.arg("sh");
    refuses(tool, 125, "\"/\" does not lead to what was just mounted there");
}

#[test]
fn a_container_in_a_container() {
    for scene in scenes_of_all() {
        scene.on_host(
            "cp $STEP /mnt/rootfs/usr/bin/06-mount
            cp -a /mnt/rootfs /mnt/inner; mv /mnt/inner /mnt/rootfs/",
        );
        let show = ["06-mount", "/inner", "cat", "/proc/self/mountinfo"];
        let output = scene.tool(&[], &show).output().expect("it starts");
        assert!(output.status.success(), "{output:?}");
        let table = String::from_utf8_lossy(&output.stdout);
        assert!(table.contains("/rootfs/inner / "), "{table}");
    }
}

#[test]
fn without_openat2_it_gives_up() {
    let scene = Scene::start(&[OPENAT2]);
    refuses(scene.tool(&[], &["true"]), 125, "ENOSYS");
}

// --- Bad input --------------------------------------------------------------

#[test]
fn a_root_that_is_none_is_refused() {
    for scene in scenes() {
        let with_root = |root: &str| {
            let mut tool = scene.host.command(program("06-mount"));
            tool.args([root, "true"]);
            tool
        };
        let missing = "06-mount: open(\"/no/such/rootfs\", O_PATH): ENOENT";
        refuses(with_root("/no/such/rootfs"), 125, missing);
        refuses(with_root("/etc/passwd"), 125, "ENOTDIR");
        with_root("").assert().code(125);
    }
}
