//! 10-cgroups: shares of the machine.

#![allow(clippy::expect_used)] // A test says what it expects.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use cgroups::{INSIDE, Version};
use support::still_shares;
use support::{InTime, Sandbox, Verdict, different, eventually, isolates};
use support::{program, refuses, rootfs, same, status_of};
use workshop::host::{Host, Ids, first_descendant, only_child};

const NAME: &str = "10-cgroups";

/// A host on which groups can be made, or nothing: in a user namespace they
/// belong to somebody else.
fn host() -> Option<Host> {
    let host = Host::start().expect("a pretend host");
    (host.ids() == Ids::All).then_some(host)
}

macro_rules! host_with_groups {
    () => {
        match host() {
            Some(host) => host,
            None => support::skip!("groups must be delegated", "sudo"),
        }
    };
}

/// The step with these options and no others.
fn tool(host: &Host, options: &[&str], command: &[&str]) -> Command {
    let mut tool = host.command(program(NAME));
    tool.args(options).arg(rootfs()).args(command);
    tool
}

fn run(host: &Host, options: &[&str], script: &str) -> Output {
    tool(host, options, &["sh", "-c", script]).in_time()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A container that runs, and where its group is.
struct Running {
    tool: std::process::Child,
    pid: u32,
}

impl Running {
    fn start(host: &Host, options: &[&str], script: &str) -> Self {
        let script = format!("echo ready\n{script}\nread -r end");
        let mut tool = tool(host, options, &["sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = tool.stdout.as_mut().expect("its output");
        let mut reader = std::io::BufReader::new(stdout);
        std::io::BufRead::read_line(&mut reader, &mut line).expect("text");
        assert_eq!(line, "ready\n");
        let pid = first_descendant(tool.id());
        Self { tool, pid }
    }

    /// The lower directory of its group in the tree with this controller.
    fn inside(&self, v1: &str, v2: &str) -> (Version, PathBuf) {
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", self.pid));
        let groups = groups.expect("its groups");
        let trees = cgroups::hierarchies().expect("hierarchies");
        let tree = trees.iter().find(|tree| match tree.version {
            Version::V1 => tree.has(v1),
            Version::V2 => tree.has(v2),
        });
        let tree = tree.expect("a tree with the controller");
        let names = match tree.version {
            Version::V1 => tree.controllers.join(","),
            Version::V2 => String::new(),
        };
        let path = groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.strip_prefix(&format!("{names}:"))
        });
        let path = path.expect("its group").trim_start_matches('/');
        (tree.version, tree.top.join(path))
    }

    /// A number in a file of the upper directory.
    fn limit_file(&self, v1: &str, v2: &str, file: &str) -> String {
        let (_, inside) = self.inside(v1, v2);
        let above = inside.parent().expect("a group above");
        fs::read_to_string(above.join(file)).expect(file)
    }

    fn end(mut self) {
        drop(self.tool.stdin.take());
        status_of(&mut self.tool);
    }
}

/// Behind `key` in lines of `key number`.
fn number(text: &str, key: &str) -> u64 {
    let mut lines = text.lines();
    let value = lines.find_map(|l| l.strip_prefix(key)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {key} in {text}"))
}

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
        let is_ours = |line: &str| {
            line.contains("/workshop-") && line.ends_with("/inside")
        };
        same(sandbox.proc("cgroup").lines().all(is_ours), true)
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
    eventually("it is throttled in most periods", || {
        let stat = running.limit_file("cpu", "cpu", "cpu.stat");
        let throttled = number(&stat, "nr_throttled");
        throttled > 5 && throttled * 2 > number(&stat, "nr_periods")
    });
    end_by_kill(running);
}

/// The command reads no input.
fn end_by_kill(mut running: Running) {
    let tool = only_child(running.tool.id()).expect("the step") as i32;
    // SAFETY: kill(2) touches no memory; nsenter has not waited for its child.
    assert_eq!(unsafe { libc::kill(tool, libc::SIGKILL) }, 0);
    status_of(&mut running.tool);
}

#[test]
fn who_takes_too_much_memory_is_killed_and_it_is_said() {
    let host = host_with_groups!();
    let options = ["--memory", "32m"];
    let output = tool(&host, &options, &["tail", "/dev/zero"]).in_time();
    assert_eq!(output.status.code(), Some(137), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("out of memory: the kernel has killed 1"), "{said}");
    assert!(said.contains("33554432"), "{said}");
    assert!(said.contains("\nhint: "), "{said}");
}

#[test]
fn the_largest_process_is_killed_and_the_others_go_on() {
    let host = host_with_groups!();
    let script = "tail /dev/zero; echo $?";
    let output = run(&host, &["--memory", "32m"], script);
    assert_eq!(text(&output.stdout), "137\n", "{output:?}");
    assert!(output.status.success());
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
fn it_runs_on_the_cpus_that_it_was_given() {
    let host = host_with_groups!();
    let script = "grep Cpus_allowed_list /proc/self/status";
    let output = run(&host, &["--cpuset-cpus", "0"], script);
    assert_eq!(text(&output.stdout), "Cpus_allowed_list:\t0\n");
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

/// A disk of the test's own, for a shell: a file in memory, which gets a node.
const DISK: &str = r#"
    mount -n -t tmpfs disk /mnt
    truncate -s 8m /mnt/disk
    if ! [ -e /dev/loop-control ]; then
        modprobe loop
        mknod /dev/loop-control c 10 237
    fi
    for try in 1 2 3 4 5 6 7 8 9 10; do
        n=$(losetup -f); n=${n#/dev/loop}
        [ -e /dev/loop$n ] || mknod -m 666 /dev/loop$n b 7 $n
        losetup /dev/loop$n /mnt/disk && break
    done
    trap "losetup -d /dev/loop$n" EXIT
"#;

#[test]
fn a_disk_is_as_fast_as_it_may_be() {
    let host = host_with_groups!();
    let script = r#"
        time_of() {
            start=$(date +%s%N)
            "$STEP" --device /dev/loop$n "$@" "$ROOTFS" \
                dd if=/dev/zero of=/dev/loop$n bs=64k count=32 \
                oflag=direct 2>/dev/null
            echo $((($(date +%s%N) - start) / 1000000))
        }
        time_of
        time_of --device-write-bps /dev/loop$n:1m
        time_of --device-write-iops /dev/loop$n:16
    "#;
    let mut shell = host.command("sh");
    shell.args(["-euc", &format!("{DISK}{script}")]);
    shell.env("STEP", program(NAME)).env("ROOTFS", rootfs());
    let output = shell.in_time();
    let times = text(&output.stdout);
    let times: Vec<u64> =
        times.lines().map(|line| line.parse().expect("a time")).collect();
    let [free, bytes, operations] = times[..] else {
        panic!("{output:?}");
    };
    // 2 MB at 1 MB a second, and 32 operations at 16: two seconds each.
    for limited in [bytes, operations] {
        assert!(limited > 1_700 && limited > 3 * free, "{times:?}");
    }
}

// --- The end ----------------------------------------------------------------

/// The groups of the kit that this process of the test has seen being made.
fn group_of(running: &Running) -> PathBuf {
    let (_, inside) = running.inside("memory", "memory");
    assert!(inside.ends_with(INSIDE), "{inside:?}");
    inside.parent().expect("a group above").into()
}

#[test]
fn its_group_goes_with_it() {
    let host = host_with_groups!();
    let running = Running::start(&host, &[], "");
    let group = group_of(&running);
    assert!(group.exists());
    running.end();
    assert!(!group.exists(), "{group:?} is still there");
}

#[test]
fn what_a_killed_tool_has_left_the_next_one_removes() {
    let host = host_with_groups!();
    let running = Running::start(&host, &[], "");
    let group = group_of(&running);
    end_by_kill(running);
    eventually("the group is gone", || {
        assert!(run(&host, &[], "true").status.success());
        !group.exists()
    });
}

#[test]
fn a_group_in_use_is_not_swept_away() {
    let host = host_with_groups!();
    let running = Running::start(&host, &[], "");
    let group = group_of(&running);
    assert!(run(&host, &[], "true").status.success());
    assert!(!cgroups::leftovers().expect("groups").contains(&group));
    assert!(group.exists());
    running.end();
}

#[test]
fn the_host_stays_as_it_was() {
    support::leaves_no_trace(NAME);
}

#[test]
fn groups_below_are_removed_with_it() {
    let host = host_with_groups!();
    let script = "cd /sys/fs/cgroup; [ -d pids ] && cd pids; mkdir -p a/b";
    let running = Running::start(&host, &["--writable-cgroups"], script);
    let (_, inside) = running.inside("pids", "pids");
    eventually("the container makes groups", || inside.join("a/b").exists());
    running.end();
    assert!(!inside.exists());
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
    let script = "mkdir /tmp/g; for name in $(cut -d : -f 2 /proc/self/cgroup); do
            mount -t cgroup -o ${name##name=*},${name%%[!n]*} g /tmp/g 2>/dev/null ||
            mount -t cgroup -o none,$name g /tmp/g 2>/dev/null ||
            mount -t cgroup -o $name g /tmp/g || continue
            ls /tmp/g; umount /tmp/g
        done; mount -t cgroup -o none,name=canary g /tmp/g && echo made";
    let output = run(&host, &["--tmpfs", "/tmp"], script);
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
        (["--pids-limit", "-7"], "pids: pids.max: -7: a limit can't be"),
        (["--device-read-bps", "/dev/nope:1m"], "ENOENT"),
        (["--device-read-bps", "/dev/null:1m"], "is no block device"),
        (["--cgroup-parent", "/nope"], "ENOENT"),
    ] {
        refuses(tool(&host, &options, &["true"]), 125, message);
    }
}

#[test]
fn without_a_group_there_are_no_limits() {
    let host = Host::start().expect("a pretend host");
    let options = ["--cgroups", "disabled"];
    assert!(tool(&host, &options, &["true"]).in_time().status.success());
    let options = [&options[..], &["--pids-limit", "5"]].concat();
    refuses(tool(&host, &options, &["true"]), 125, "--cgroups is disabled");
}

#[test]
fn who_may_make_no_group_is_told_of_delegation() {
    let host = Host::start().expect("a pretend host");
    if host.ids() == Ids::All {
        return; // The groups are root's own.
    }
    refuses(tool(&host, &[], &["true"]), 125, "EACCES");
}
