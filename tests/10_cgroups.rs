//! 10-cgroups: shares of the machine.

#![allow(clippy::expect_used)] // A test says what it expects.

#[path = "10_cgroups/birth.rs"]
mod birth;
#[path = "10_cgroups/delegation.rs"]
mod delegation;
#[path = "10_cgroups/disk.rs"]
mod disk;
#[path = "10_cgroups/end.rs"]
mod end;
#[path = "10_cgroups/freezer.rs"]
mod freezer;
#[path = "10_cgroups/marks.rs"]
mod marks;
#[path = "10_cgroups/memory.rs"]
mod memory;
#[path = "10_cgroups/network.rs"]
mod network;
#[path = "10_cgroups/scene.rs"]
mod scene;
#[path = "10_cgroups/systemd.rs"]
mod systemd;

use std::fs;

use scene::tool;
use scene::{NAME, Running, host_with_groups, number, run, text};
use support::still_shares;
use support::{InTime, Sandbox, Verdict, different, eventually, isolates};
use support::{program, refuses, rootfs, same};
use workshop::host::Host;

// --- What is isolated -------------------------------------------------------

#[test]
fn the_cgroup_namespace_is_its_own() {
    isolates(NAME, |sandbox| {
        let ours = sandbox.identity("ns/cgroup");
        different(ours, sandbox.host_identity("ns/cgroup"))
    });
}

#[test]
fn it_is_in_groups_of_its_own() {
    let _host = host_with_groups!();
    isolates(NAME, |sandbox| {
        let groups = sandbox.proc("cgroup");
        let groups = scene::in_reach(&groups);
        let is_ours = |line: &&str| {
            line.contains("/workshop-") && line.ends_with("/inside")
        };
        same(groups.iter().all(is_ours), true)
    });
}

#[test]
fn it_sees_itself_at_the_top() {
    let host = host_with_groups!();
    let output = run(&host, &[], "cat /proc/self/cgroup");
    let groups = text(&output.stdout);
    assert!(!groups.is_empty(), "{output:?}");
    assert!(groups.lines().all(|line| line.ends_with(":/")), "{groups}");
}

/// Who has the host's network has the host's `/sys`, which shows all groups.
#[test]
fn in_the_hosts_network_too() {
    let host = host_with_groups!();
    let version_2_alone = "umount -nR /sys/fs/cgroup
        mount -n -t cgroup2 none /sys/fs/cgroup";
    let mut shell = host.command("sh");
    let output = shell.args(["-euc", version_2_alone]).in_time();
    assert!(output.status.success(), "{output:?}");
    // This file the highest group of the machine lacks.
    let look = "cd /sys/fs/cgroup; [ -e cgroup.type ] && ! mkdir group";
    let output = run(&host, &["--network", "host"], look);
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn the_host_s_system_calls_may_still_be_made() {
    still_shares(NAME, |sandbox: &Sandbox| -> Verdict {
        let host = format!("/proc/{}/status", sandbox.host.init());
        let host = fs::read_to_string(host).expect("a status");
        same(sandbox.status("Seccomp"), support::field(&host, "Seccomp"))
    });
}

// --- Enforcement ------------------------------------------------------------

#[test]
fn cpu_time_is_cut_off() {
    let host = host_with_groups!();
    let spin = "while :; do :; done";
    // So little that it is throttled even where others want the CPU too.
    let running = Running::start(&host, &["--cpus", "0.05"], spin);
    let found = running.found();
    eventually("it is throttled in most periods, and uses what it may", || {
        let stat = running.limit_file("cpu", "cpu", "cpu.stat");
        let (throttled, _) = found.usage().throttled.expect("its waits");
        let periods = number(&stat, "nr_periods");
        // Of a tenth second each, and a twentieth of that in microseconds.
        let may = periods as f64 * 5000.0;
        let part = found.usage().cpu.expect("its CPU time") as f64 / may;
        // The first and the last one were short.
        assert!(periods < 20 || part < 1.2, "{part} of the limit");
        periods >= 20 && throttled * 2 > periods && part > 0.8
    });
    running.kill();
}

/// Side by side on one CPU, which both want. Whoever else is there takes from
/// both alike.
#[test]
fn who_weighs_more_gets_more() {
    let host = host_with_groups!();
    let start = |weight: &str| {
        let options = ["--cpuset-cpus", "0", "--cpu-weight", weight];
        Running::start(&host, &options, "while :; do :; done")
    };
    let (light, heavy) = (start("100"), start("1000"));
    let cpu = |one: &Running| one.found().usage().cpu.expect("its CPU time");
    let before = (cpu(&light), cpu(&heavy));
    eventually("ten times as much", || {
        let now = (cpu(&light), cpu(&heavy));
        let (less, more) = (now.0 - before.0, now.1 - before.1);
        less > 100_000 && (5..20).contains(&(more / less))
    });
    light.kill();
    heavy.kill();
}

/// The same work takes as much CPU time as without a limit, and a multiple of
/// the time on the clock.
#[test]
fn a_fixed_amount_of_work_takes_as_long_as_the_limit_says() {
    let host = host_with_groups!();
    let took = |options: &[&str]| {
        let work = "i=0; while [ $i -lt 60000 ]; do i=$((i + 1)); done";
        let output = run(&host, options, &format!("time -p sh -c '{work}'"));
        let said = text(&output.stderr);
        let seconds = |key: &str| -> f64 {
            let mut lines = said.lines().filter_map(|l| l.strip_prefix(key));
            lines.next().expect(key).trim().parse().expect("seconds")
        };
        (seconds("real"), seconds("user") + seconds("sys"))
    };
    let (_, free) = took(&[]);
    let (clock, cpu) = took(&["--cpus", "0.1"]);
    // A tenth of the machine: no faster, and a busy one is slower. The first
    // and the last period may have been short.
    assert!(clock > 0.7 * cpu / 0.1, "{clock} s, of which {cpu} s CPU");
    assert!(clock > 3.0 * free, "{clock} s, and {free} s without a limit");
}

/// And the kernel has counted as long a wait for a CPU.
#[test]
fn a_throttled_container_is_under_pressure() {
    let host = host_with_groups!();
    let spin = "while :; do :; done";
    let running = Running::start(&host, &["--cpus", "0.05"], spin);
    let Some(file) = running.pressure_file("cpu") else {
        support::elsewhere!("this kernel counts no pressure", "psi=1");
    };
    let found = running.found();
    eventually("most of the wait is counted", || {
        let (_, waited) = found.usage().throttled.expect("its waits");
        let text = fs::read_to_string(&file).expect("its pressure");
        let total = text.lines().next().and_then(|l| l.rsplit_once("total="));
        let stalled: u64 = total.expect("a sum").1.parse().expect("a number");
        waited > 500_000 && stalled * 2 > waited
    });
    eventually("it is shown", || {
        found.usage().pressure.expect("the pressure")[0] > 1.0
    });
    running.kill();
}

#[test]
fn fork_is_refused() {
    let host = host_with_groups!();
    let script = "for i in 1 2 3 4 5 6 7 8; do sleep 100 & done";
    let output = run(&host, &["--pids-limit", "5"], script);
    let said = text(&output.stderr);
    assert!(said.contains("Resource temporarily unavailable"), "{said}");
    assert!(run(&host, &["--pids-limit", "20"], script).status.success());
}

#[test]
fn it_has_the_cpus_and_the_memory_nodes_that_it_was_given() {
    let host = host_with_groups!();
    let script = "grep _allowed_list /proc/self/status";
    let options = ["--cpuset-cpus", "0", "--cpuset-mems", "0"];
    let output = run(&host, &options, script);
    let lists = "Cpus_allowed_list:\t0\nMems_allowed_list:\t0\n";
    assert_eq!(text(&output.stdout), lists);
}

/// A device that is on no list, though everybody may write to it: /dev/kmsg,
/// by another name.
fn plant_device(host: &Host) {
    let words = "-m 666 /dev/log c 1 11".split(' ');
    let mknod = host.command("mknod").args(words).status();
    assert!(mknod.expect("mknod").success());
}

#[test]
fn a_device_that_is_not_on_the_list_can_not_be_opened() {
    let host = host_with_groups!();
    plant_device(&host);
    let script = "cd /dev; echo x >null; head -c 1 zero | wc -c; exec 3>log";
    let volume = ["-v", "/dev/log:/dev/log"];
    let output = run(&host, &volume, script);
    let said = text(&output.stderr);
    assert_eq!(said, "sh: can't create log: Operation not permitted\n");
    assert_eq!(text(&output.stdout), "1\n");

    let mut before = host.command(program("09-vxlan"));
    before.args(["--vni=1"]).args(volume).arg(rootfs());
    let output = before.args(["sh", "-c", script]).in_time();
    assert!(output.status.success(), "it is not this step: {output:?}");
}

#[test]
fn a_device_can_be_added() {
    let host = host_with_groups!();
    plant_device(&host);
    let options = ["--device", "/dev/log:/dev/diary"];
    let output = run(&host, &options, "exec 3>/dev/diary");
    assert!(output.status.success(), "{output:?}");
    let options = ["--device", "/dev/log:r"];
    let said = text(&run(&host, &options, "exec 3>/dev/log").stderr);
    assert!(said.contains("can't create /dev/log: Operation not"), "{said}");
}

// --- What it can't reach ----------------------------------------------------

#[test]
fn groups_can_be_read_and_not_written() {
    let host = host_with_groups!();
    let script = "cd /sys/fs/cgroup; [ -d pids ] && cd pids; mkdir x";
    let said = text(&run(&host, &[], script).stderr);
    assert!(said.contains("Read-only file system"), "{said}");
}

#[test]
fn who_may_write_all_that_he_sees_does_not_see_his_limits() {
    let host = host_with_groups!();
    let script = "cd /sys/fs/cgroup; [ -d pids ] && cd pids
        echo max >pids.max
        for i in 1 2 3 4 5 6 7 8; do sleep 100 & done";
    let options = ["--writable-cgroups", "--pids-limit", "5"];
    let said = text(&run(&host, &options, script).stderr);
    assert!(said.contains("Resource temporarily unavailable"), "{said}");
}

#[test]
fn no_release_agent_is_in_reach() {
    let host = host_with_groups!();
    // In a tree that is mounted nowhere here, a container is moved nowhere.
    let trees = cgroups::hierarchies().expect("hierarchies");
    let names: Vec<_> = trees.iter().map(|tree| tree.name()).collect();
    let script = "mkdir /tmp/g; for name in $*; do
            mount -t cgroup -o ${name##name=*},${name%%[!n]*} g /tmp/g 2>/dev/null ||
            mount -t cgroup -o none,$name g /tmp/g 2>/dev/null ||
            mount -t cgroup -o $name g /tmp/g || continue
            ls /tmp/g; umount /tmp/g
        done; mount -t cgroup -o none,name=canary g /tmp/g && echo made";
    let names: Vec<_> = names.iter().map(|name| &**name).collect();
    let command = [&["sh", "-c", script, "sh"], &*names].concat();
    let output = tool(&host, &["--tmpfs", "/tmp"], &command).in_time();
    let seen = text(&output.stdout);
    assert!(!seen.contains("release_agent"), "{seen}");
    assert!(!seen.contains("made"), "{seen}");
}

// --- Errors -----------------------------------------------------------------

#[test]
fn a_bad_limit_is_named() {
    let host = host_with_groups!();
    for (options, message) in [
        (["--memory", "-5m"], "memory: memory."),
        (["--cpus", "9999"], "cpu: cpu."),
        (["--cpus", "0"], "too little to run"),
        (["--cpu-weight", "0"], "out of range"),
        (["--memory", "999999g"], "this machine has"),
        (["--cpuset-cpus", "9999"], "cpuset: "),
        (["--cpuset-mems", "9999"], "cpuset: "),
        (["--pids-limit", "-7"], "pids: pids.max: -7: a limit can't be"),
        (["--device-read-bps", "/dev/nope:1m"], "ENOENT"),
        (["--device-read-bps", "/dev/null:1m"], "is no block device"),
        (["--device-read-iops", "/dev/null:0"], "is no block device"),
        (["--cpus", "nan"], "cpu: "),
        (["--cpuset-cpus", ""], "an empty list"),
        (["--cpuset-mems", "-1"], "cpuset: "),
        (["--pids-limit", "0"], "pids: pids.max: 0: nothing could start"),
        (["--memory", "0"], "0: nothing could start"),
        (["--net-priority=nope:1", "--network=host"], "nope"),
        (["--net-priority=lo:1", "--network=none"], "a packet loses it"),
        (["--cgroup-parent", "/nope"], "ENOENT"),
        (["--memory=64m", "--memory-swap=32m"], "memory alone may be"),
        (["--memory=64m", "--memory-swap=-2"], "a limit can't be"),
    ] {
        refuses(tool(&host, &options, &["true"]), 125, message);
    }
    for (options, message) in [
        (["--net-class", "1:zz"], "hexadecimal digits"),
        (["--net-rate", "-5"], "from 1000 bytes a second on"),
        (["--cgroup-parent", "a/../../b"], "without .."),
        (["--device", "/etc/passwd"], "is no device"),
    ] {
        let mut tool = tool(&host, &options, &["true"]);
        let output = tool.output().expect("it starts");
        assert_eq!(output.status.code(), Some(125), "{options:?}");
        let said = text(&output.stderr);
        assert!(said.contains(message), "{options:?}: {said}");
    }
}

/// What is in a tree that this machine has not is named, in both versions.
#[test]
fn a_missing_controller_is_named() {
    let host = host_with_groups!();
    let trees = cgroups::hierarchies().expect("hierarchies");
    let class = ["--net-class", "f:1", "--network", "host"]; // tc(8) has hex.
    match trees.iter().any(|tree| tree.has("net_cls")) {
        true => assert!(run(&host, &class, "true").status.success()),
        false => {
            let message = "no file at all in version 2, net_cls.classid";
            refuses(tool(&host, &class, &["true"]), 125, message);
        }
    }
}

#[test]
fn without_a_group_there_are_no_limits() {
    let host = Host::start().expect("a pretend host");
    let options = ["--cgroups", "disabled"];
    assert!(tool(&host, &options, &["true"]).in_time().status.success());
    for other in ["--pids-limit=5", "--cgroup-parent=/", "--writable-cgroups"] {
        let options = [&options[..], &[other]].concat();
        refuses(tool(&host, &options, &["true"]), 125, "--cgroups is disabled");
    }
}
