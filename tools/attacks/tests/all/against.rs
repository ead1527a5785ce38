//! The attacks work, and know when they don't.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::host::{Root, hosts, program, text};
use attacks::{ATTACKS, Outcome};

/// What a jail shares with the host.
const SHARED: [&str; 14] = [
    "list-processes",
    "signal-process",
    "ptrace-process",
    "take-descriptor",
    "shared-memory",
    "abstract-socket",
    "host-loopback",
    "hijack-port",
    "other-tenant",
    "device-node",
    "fork-bomb",
    "memory-hog",
    "cpu-hog",
    "disk-hog",
];

#[test]
fn every_attack_escapes_from_a_process() {
    for host in hosts() {
        let step = Command::new(program("00-process"));
        let reports = host.against(&[], None, &step);
        let all: Vec<_> = ATTACKS.iter().map(|attack| attack.name).collect();
        assert_eq!(reports.len(), all.len());
        host.expect(&reports, &all);
        assert!(host.leftovers().is_empty());
    }
}

#[test]
fn chroot_contains_paths_alone() {
    for host in hosts() {
        let mut step = Command::new(program("01-chroot"));
        step.arg(host.rootfs());
        let reports = host.against(&[], Some(&host.rootfs()), &step);
        let mut escapes: Vec<_> = ATTACKS.iter().map(|a| a.name).collect();
        escapes.retain(|name| *name != "read-host-file");
        host.expect(&reports, &escapes);
        assert!(host.leftovers().is_empty());
    }
}

#[test]
fn jail_contains_all_but_what_it_shares() {
    for host in hosts() {
        let mut step = Command::new(program("02-jail"));
        if host.root == Root::Mapped {
            step.args(["--user", "0"]);
        }
        step.arg(host.rootfs());
        let reports = host.against(&[], Some(&host.rootfs()), &step);
        // Who can't become another user keeps what is his.
        let is_himself = host.root == Root::Mapped;
        let his = if is_himself { &ON_WHAT_IS_ROOTS[..] } else { &[] };
        host.expect(&reports, &[&SHARED, his].concat());
        assert!(host.leftovers().is_empty());
    }
}

const ON_WHAT_IS_ROOTS: [&str; 4] =
    ["write-volume", "plant-set-uid", "host-uid", "kept-group"];

/// ENOENT for a directory that nobody planted contains nothing.
#[test]
fn what_is_not_planted_is_untried() {
    for host in hosts() {
        let mut step = Command::new(program("01-chroot"));
        step.arg(host.rootfs());
        let attacks = ["chroot-breakout", "proc-root", "proc-cwd", "set-uid"];
        for report in host.against(&attacks, None, &step) {
            assert_eq!(report.outcome, Outcome::Untried, "{report:?}");
        }
    }
}

/// Even where no disk can be planted.
#[test]
fn jail_makes_no_device_nodes() {
    for host in hosts() {
        let nodes = host.rootfs().join("nodes");
        fs::create_dir(&nodes).unwrap();
        fs::set_permissions(&nodes, Permissions::from_mode(0o1777)).unwrap();
        let mut command = host.command(program("02-jail"));
        if host.root == Root::Mapped {
            command.args(["--user", "0"]);
        }
        let canary = "id=canary-00000000,inside=/nodes,disk=7:0";
        command.arg(host.rootfs());
        command.args(["attacks", "run", "mknod-disk", "--canary", canary]);
        let text = text(&mut command);
        assert!(text.contains("contained   mknod("), "{text}");
        assert!(text.contains("EPERM"), "{text}");
    }
}

/// The witness tells the host's from a private one, and the attacks tell
/// that the canary is out of reach.
#[test]
fn namespaces_contain_what_they_are_for() {
    let cases: [(&str, &[&str]); 5] = [
        (
            "--pid --fork --kill-child --mount-proc",
            &["list-processes", "signal-process", "ptrace-process", "proc-cwd"],
        ),
        ("--uts", &["rename-host"]),
        ("--ipc", &["shared-memory"]),
        (
            "--net",
            &[
                "abstract-socket",
                "host-loopback",
                "sniff-traffic",
                "hijack-port",
                "forged-source",
                "arp-spoof",
                "other-tenant",
            ],
        ),
        ("--mount --propagation private", &["leave-mount"]),
    ];
    for host in hosts() {
        for (options, attacks) in cases {
            let mut step = Command::new("unshare");
            step.args(options.split(' '));
            host.expect(&host.against(attacks, None, &step), &[]);
        }
    }
}

/// Other numbers do not help if `/proc` still is the host's.
#[test]
fn proc_of_the_host_lists_its_processes() {
    for host in hosts() {
        let mut step = Command::new("unshare");
        step.args(["--pid", "--fork", "--kill-child"]);
        let attacks = ["list-processes", "signal-process", "proc-cwd"];
        let reports = host.against(&attacks, None, &step);
        host.expect(&reports, &["list-processes", "proc-cwd"]);
    }
}

#[test]
fn a_mount_that_propagates_escapes() {
    for host in hosts() {
        let script = "mount --make-rshared / && exec unshare --mount \
                      --propagation unchanged -- \"$@\"";
        let mut step = Command::new("sh");
        step.args(["-c", script, "sh"]);
        let reports = host.against(&["leave-mount"], None, &step);
        host.expect(&reports, &["leave-mount"]);
    }
}

/// As runtimes do it: one read-only mount, or another file on top.
#[test]
fn masks_of_proc_are_worthless_to_who_may_mount() {
    let masks = [
        "mount --bind /proc/sys /proc/sys && \
         mount -o remount,bind,ro /proc/sys",
        "mount --bind /dev/null /proc/sys/kernel/core_pattern",
    ];
    for host in hosts().into_iter().filter(|host| host.root == Root::Real) {
        for mask in masks {
            let mut step = Command::new("unshare");
            step.args(["--mount", "--propagation", "private", "sh", "-c"]);
            step.args([&format!("{mask} && exec \"$@\""), "sh"]);
            let reports =
                host.against(&["core-pattern", "unmask"], None, &step);
            host.expect(&reports, &["unmask"]);
            assert!(host.leftovers().is_empty());
        }
    }
}

/// The whole machine would have it.
#[test]
fn what_the_kernel_runs_after_a_crash_is_as_before() {
    let pattern = || fs::read("/proc/sys/kernel/core_pattern").unwrap();
    let before = pattern();
    for host in hosts() {
        let step = Command::new(program("00-process"));
        host.against(&["core-pattern", "unmask"], None, &step);
        assert_eq!(pattern(), before);
    }
}

/// A `/dev` of files does not learn of a new device.
#[test]
fn a_disk_needs_no_node_of_the_host() {
    let script = "mount -t tmpfs none /dev &&
        mknod /dev/null c 1 3 && mknod /dev/urandom c 1 9 &&
        mknod /dev/loop-control c 10 237 &&
        exec attacks against mknod-disk --format json -- 00-process";
    for host in hosts().into_iter().filter(|host| host.root == Root::Real) {
        let text = text(host.command("sh").args(["-c", script]));
        assert!(text.contains("\"escaped\""), "{text}");
        assert!(host.leftovers().is_empty());
    }
}

/// What a step runs instead of `attacks run NAME --format json --canary SPEC`.
fn script(lie: &str) -> Command {
    let mut step = Command::new("sh");
    step.args(["-c", &format!("id=${{6#*,id=}}; id=${{id%%,*}}; {lie}")]);
    step
}

/// A claim is not a proof, and a step that runs nothing contains nothing.
#[test]
fn liars_and_failures_pass_for_nothing() {
    let lie = r#"echo '{"id":"'$id'","attack":"read-host-file",
                        "outcome":"escaped","evidence":"trust me"}'"#;
    let silence = "echo contained";
    let failure = r#"echo '{"id":"'$id'","attack":"read-host-file",
                            "outcome":"contained",
                            "evidence":"I did not run it"}'; exit 125"#;
    let other = r#"echo '{"id":"'$id'","attack":"set-uid",
                          "outcome":"contained","evidence":"another"}'"#;
    let missing = "exec /no/such/program";
    let cases = [
        (lie, "claimed without proof: trust me"),
        (silence, "no report"),
        (failure, "exit status: 125, and yet a report"),
        (other, "a report of \"set-uid\""),
        (missing, "exit status: 127, and no report"),
    ];
    for host in hosts() {
        for (lie, evidence) in cases {
            let step = script(lie);
            let [report] = &host.against(&["read-host-file"], None, &step)[..]
            else {
                panic!("one attack has one report")
            };
            assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
            assert!(report.evidence.contains(evidence), "{report:?}");
        }
    }
}

/// Whatever attack it is told to run, it never runs one.
#[test]
fn a_report_without_the_canarys_id_is_no_sign_of_life() {
    let report = r#""attack":"'$2'","outcome":"contained",
                    "evidence":"open(\"/tmp/attacks-'$id'/secret\"): ENOENT""#;
    for host in hosts() {
        for id in ["", r#""id":"canary-00000000","#, r#""id":"","#] {
            let step = script(&format!("echo '{{{id}{report}}}'"));
            for report in host.against(&[], None, &step) {
                if report.outcome == Outcome::Untried {
                    assert!(host.is_hard(&report.attack), "{report:?}");
                    continue;
                }
                assert_eq!(report.outcome, Outcome::Failed, "{report:?}");
                let why = ["the id", "no neighbour"];
                let is_why = |why: &&str| report.evidence.contains(*why);
                assert!(why.iter().any(is_why), "{report:?}");
            }
        }
    }
}

#[test]
fn without_a_canary_nothing_is_attacked() {
    for attack in ATTACKS {
        for canary in [&[][..], &["--canary", "id=me"]] {
            let status = Command::new(program("attacks"))
                .args(["run", attack.name])
                .args(canary)
                .output()
                .unwrap()
                .status;
            assert_eq!(status.code(), Some(64), "{}", attack.name);
        }
    }
}

/// A bridge gives every frame to whom it is for, or says it is for: on one
/// without measures a container can lie.
#[test]
fn a_bridge_alone_stops_no_liar() {
    // The container says its number, and waits until it is plugged in.
    let script = "
        ip link add bridge0 type bridge 2>/dev/null
        ip address replace 10.9.0.1/24 dev bridge0
        ip link set bridge0 up
        fifo=$(mktemp -u); mkfifo $fifo
        exec 7<&0 # A job in the background would read nothing.
        unshare --net sh -c 'read go <'$fifo'; exec \"$@\"' sh \"$@\" <&7 &
        until [ $(readlink /proc/$!/ns/net) != $(readlink /proc/$$/ns/net) ]
        do sleep 0.01; done
        ip link add v$! type veth peer name eth0 netns $!
        ip link set v$! master bridge0 up
        nsenter --net --target $! sh -c \"ip link set lo up
            ip address add 10.9.0.$(($! % 200 + 2))/24 broadcast + dev eth0
            ip link set eth0 up; ip route add default via 10.9.0.1\"
        echo go >$fifo; rm $fifo
        wait $!";
    let attacks = ["arp-spoof", "other-tenant", "forged-source"];
    for host in hosts() {
        let mut step = Command::new("sh");
        step.args(["-c", script, "sh"]);
        let shared = ["host-loopback", "sniff-traffic", "hijack-port"];
        let all = [&attacks[..], &shared].concat();
        host.expect(&host.against(&all, None, &step), &attacks);
    }
}
