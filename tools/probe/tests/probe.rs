//! What probe says, held against the kernel and against what was done to it.

// clippy.toml allows these in functions that are tests; here all is test.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use probe::{Fact, RESOURCES, Report, Verdict};
use support::*;

/// What an ordinary user's own user namespace changes besides.
const USER: [&str; 6] =
    ["capabilities", "groups", "id-maps", "ns-user", "user", "root"];

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// The resources that are not as in the reference, but for the streams, which
/// each process has of its own here, and the user namespace that an ordinary
/// user needs.
fn changed(report: &Report) -> BTreeSet<String> {
    let reference = reference();
    let mut changed = with(Verdict::Private, report, &reference);
    changed.extend(with(Verdict::Limited, report, &reference));
    changed.retain(|name| {
        name != "streams" && (is_root() || !USER.contains(&name.as_str()))
    });
    changed
}

#[test]
fn a_report_has_all_resources() {
    let report = Report::of_self().unwrap();
    let expected = RESOURCES.iter().map(|one| one.name.to_owned()).collect();
    assert_eq!(report.resources.into_keys().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn two_processes_alike_share_everything() {
    let held = Held::start(Command::new("env"), PROBE);
    assert_eq!(changed(&held.inside), names(&[]));
}

#[test]
fn inside_and_outside_agree() {
    let held = Held::start(Command::new("env"), PROBE);
    let outside = held.outside();
    assert_eq!(outside.pid, held.inside.pid);
    for resource in RESOURCES.iter().filter(|one| one.name != "processes") {
        let found =
            (held.inside.get(resource.name), outside.get(resource.name));
        if let (Some(Fact::Known(inside)), Some(Fact::Known(outside))) = found {
            assert_eq!(inside.value, outside.value, "{}", resource.name);
            assert_eq!(inside.scope, outside.scope, "{}", resource.name);
        }
    }
    let unknown: Vec<&str> = RESOURCES
        .iter()
        .map(|one| one.name)
        .filter(|name| outside.get(name).unwrap().known().is_none())
        .filter(|name| held.inside.get(name).unwrap().known().is_some())
        .collect();
    assert_eq!(unknown, ["devices", "kernel-interfaces", "landlock"]);
}

#[test]
fn only_the_names_change_in_a_uts_namespace() {
    let Some(command) = unshare(&["--uts"]) else { return };
    let held = Held::start(command, PROBE);
    assert_eq!(changed(&held.inside), names(&["ns-uts", "hostname"]));
    let outside = held.outside();
    assert_eq!(
        known(&outside, "ns-uts").value,
        known(&held.inside, "ns-uts").value
    );
}

#[test]
fn the_name_is_the_one_inside() {
    let Some(mut command) = unshare(&["--uts"]) else { return };
    let script = "hostname probed && exec \"$@\"";
    command.args(["sh", "-c", script, "sh"]);
    let held = Held::start(command, PROBE);
    let expected = probe::Value::Text("probed".into());
    assert_eq!(known(&held.inside, "hostname").value, expected);
    if is_root() {
        assert_eq!(known(&held.outside(), "hostname").value, expected);
    }
}

#[test]
fn only_the_network_changes_in_a_network_namespace() {
    let Some(command) = unshare(&["--net"]) else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = format!("tcp {}", listener.local_addr().unwrap());
    let name = format!("probe-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let _unix = UnixListener::bind_addr(&address).unwrap();

    let here = reference();
    assert!(set(&here, "listening-sockets").contains(&port));
    assert!(set(&here, "abstract-sockets").contains(&format!("@{name}")));
    assert!(set(&here, "addresses").contains("lo 127.0.0.1/8"));

    let held = Held::start(command, PROBE);
    assert_eq!(*set(&held.inside, "interfaces"), names(&["lo"]));
    for name in ["addresses", "routes", "listening-sockets", "abstract-sockets"]
    {
        assert_eq!(*set(&held.inside, name), names(&[]), "{name}");
    }
    let expected = [
        "ns-net",
        "interfaces",
        "addresses",
        "routes",
        "listening-sockets",
        "abstract-sockets",
    ];
    assert_eq!(changed(&held.inside), names(&expected));
}

#[test]
fn routes_are_those_that_ip_shows() {
    let Some(mut command) = unshare(&["--net"]) else { return };
    let script = "ip link set lo up && \
                  ip route add 198.51.100.0/24 via 127.0.0.1 dev lo && \
                  ip -6 route add 2001:db8::/32 dev lo && exec \"$@\"";
    command.args(["sh", "-c", script, "sh"]);
    let held = Held::start(command, PROBE);
    let routes = set(&held.inside, "routes");
    assert!(routes.contains("198.51.100.0/24 via 127.0.0.1 dev lo"));
    assert!(routes.contains("2001:db8::/32 dev lo"), "{routes:?}");
    if is_root() {
        assert_eq!(set(&held.outside(), "routes"), routes);
    }
}

#[test]
fn a_pid_namespace_hides_nothing_while_the_old_proc_is_mounted() {
    let Some(command) = unshare(&["--pid", "--fork"]) else { return };
    let held = Held::start(command, PROBE);
    let reference = reference();
    assert_eq!(held.inside.pid, 1);
    assert_eq!(verdict("ns-pid", &held.inside, &reference), Verdict::Private);
    assert_eq!(verdict("processes", &held.inside, &reference), Verdict::Shared);
}

#[test]
fn a_new_proc_shows_the_processes_of_the_pid_namespace() {
    let Some(command) =
        unshare(&["--pid", "--fork", "--mount", "--mount-proc"])
    else {
        return;
    };
    let held = Held::start(command, PROBE);
    assert_eq!(*set(&held.inside, "processes"), names(&["1"]));
    let changed = changed(&held.inside);
    assert!(changed.contains("processes"), "{changed:?}");
}

#[test]
fn without_proc_the_kernel_is_asked() {
    let root = EmptyRoot::new();
    let Some(mut command) = unshare(&[]) else { return };
    command.arg("chroot").arg(root.path());
    let held = Held::start(command, "/probe");
    let (inside, outside, here) =
        (&held.inside, held.outside(), Report::of_self().unwrap());

    let directory = fs::metadata(root.path()).unwrap();
    let identity = format!("{}:{}", directory.dev(), directory.ino());
    assert_eq!(known(inside, "root").value, probe::Value::Text(identity));
    assert_eq!(verdict("root", inside, &here), Verdict::Private);
    assert_eq!(verdict("ns-uts", inside, &here), Verdict::Shared);
    assert_eq!(verdict("interfaces", inside, &here), Verdict::Shared);
    assert_eq!(verdict("processes", inside, &here), Verdict::Shared);
    assert_eq!(verdict("lsm", inside, &here), Verdict::Unknown);
    let me = std::process::id().to_string();
    assert!(set(inside, "processes").contains(&me));
    for name in ["root", "ns-mnt", "ns-user", "rlimits", "capabilities"] {
        assert_eq!(
            known(inside, name).value,
            known(&outside, name).value,
            "{name}"
        );
    }
}

#[test]
fn files_in_place_of_proc_and_dev_are_not_believed() {
    let root = EmptyRoot::new();
    let proc = root.path().join("proc");
    fs::create_dir_all(proc.join("self/ns")).unwrap();
    fs::create_dir_all(proc.join("sys/kernel")).unwrap();
    fs::create_dir(root.path().join("dev")).unwrap();
    fs::write(proc.join("self/status"), "Seccomp:\t2\nUmask:\t0123\n").unwrap();
    fs::write(proc.join("self/attr"), "strict\n").unwrap();
    fs::write(proc.join("sys/kernel/core_pattern"), "core\n").unwrap();
    fs::write(root.path().join("dev/null"), "").unwrap();
    let Some(mut command) = unshare(&[]) else { return };
    command.arg("chroot").arg(root.path());
    let held = Held::start(command, "/probe");
    assert_eq!(number(&held.inside, "seccomp", "mode"), Some(0));
    assert_ne!(
        known(&held.inside, "umask").value,
        probe::Value::Text("0123".into())
    );
    assert!(held.inside.get("mounts").unwrap().known().is_none());
    assert_eq!(*set(&held.inside, "devices"), names(&[]));
    assert_eq!(*set(&held.inside, "kernel-interfaces"), names(&[]));
}

#[test]
fn a_file_left_open_is_seen() {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\" 7</etc 8<&-", "sh"]);
    let held = Held::start(command, PROBE);
    let etc = fs::metadata("/etc").unwrap();
    let expected = format!("7 directory {}:{}", etc.dev(), etc.ino());
    assert!(set(&held.inside, "files-open").contains(&expected));
    assert_eq!(
        set(&held.inside, "files-open"),
        set(&held.outside(), "files-open")
    );
    assert!(!set(&reference(), "files-open").contains(&expected));
}

#[test]
fn lower_limits_limit() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]);
    let held = Held::start(command, PROBE);
    assert_eq!(number(&held.inside, "rlimits", "nofile soft"), Some(64));
    assert_eq!(changed(&held.inside), names(&["rlimits"]));
}

#[test]
fn no_new_privs_limits() {
    let mut command = Command::new("setpriv");
    command.arg("--no-new-privs");
    let held = Held::start(command, PROBE);
    assert_eq!(changed(&held.inside), names(&["no-new-privs"]));
}

#[test]
fn a_seccomp_filter_limits() {
    let mut command = Command::new(PROBE);
    // SAFETY: the closure only makes two system calls, which is what may be
    // done between fork(2) and execve(2).
    unsafe { command.pre_exec(allow_everything) };
    let held = Held::hold(command);
    assert_eq!(number(&held.inside, "seccomp", "mode"), Some(2));
    assert_eq!(number(&held.inside, "seccomp", "filters"), Some(1));
    assert_eq!(changed(&held.inside), names(&["no-new-privs", "seccomp"]));
}

/// A filter that lets every call pass is a filter.
fn allow_everything() -> std::io::Result<()> {
    nix::sys::prctl::set_no_new_privs()?;
    let allow = libc::SECCOMP_RET_ALLOW;
    let code = (libc::BPF_RET | libc::BPF_K) as u16;
    let mut filter = [libc::sock_filter { code, jt: 0, jf: 0, k: allow }];
    let program = libc::sock_fprog { len: 1, filter: filter.as_mut_ptr() };
    let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
    // SAFETY: the kernel reads the program and its one instruction, which
    // both live until the call returns.
    let answer =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    nix::errno::Errno::result(answer)?;
    Ok(())
}

#[test]
fn a_smaller_bounding_set_limits() {
    if !is_root() {
        return skip("it takes root (CAP_SETPCAP)");
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-sys_admin"]);
    let held = Held::start(command, PROBE);
    assert_eq!(
        verdict("capabilities", &held.inside, &reference()),
        Verdict::Limited
    );
    let found = set(&held.inside, "capabilities");
    assert!(!found.contains("bounding CAP_SYS_ADMIN"));
    assert!(found.contains("bounding CAP_CHOWN"));
}

#[test]
fn a_cgroup_of_its_own_is_private_and_its_limit_counts() {
    let group = Cgroup::new();
    let Some(group) = group else {
        return skip("it takes root and a pids hierarchy of cgroup v1");
    };
    fs::write(group.0.join("pids.max"), "50").unwrap();
    let mut command = Command::new("sh");
    let procs = group.0.join("cgroup.procs");
    let script = format!("echo 0 > {} && exec \"$@\"", procs.display());
    command.args(["-c", &script, "sh"]);
    let held = Held::start(command, PROBE);
    assert_eq!(number(&held.inside, "cgroup-limits", "pids"), Some(50));
    assert_eq!(changed(&held.inside), names(&["cgroups", "cgroup-limits"]));
}

struct Cgroup(std::path::PathBuf);

impl Cgroup {
    fn new() -> Option<Self> {
        let name = format!("probe-test-{}", std::process::id());
        let path = std::path::Path::new("/sys/fs/cgroup/pids").join(name);
        fs::create_dir(&path).ok()?;
        Some(Self(path))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        fs::remove_dir(&self.0).unwrap();
    }
}

#[test]
fn an_ipc_namespace_hides_shared_memory() {
    let made = Command::new("ipcmk").args(["-M", "4096"]).output().unwrap();
    let text = String::from_utf8(made.stdout).unwrap();
    let id = text.split_whitespace().next_back().unwrap().to_owned();
    let here = reference();
    let inside = unshare(&["--ipc"]).map(|c| Held::start(c, PROBE));
    let removed = Command::new("ipcrm").args(["-m", &id]).status().unwrap();
    assert!(removed.success());

    assert!(set(&here, "sysv-ipc").contains(&format!("shm {id}")));
    let Some(held) = inside else { return };
    assert_eq!(*set(&held.inside, "sysv-ipc"), names(&[]));
    assert_eq!(changed(&held.inside), names(&["ns-ipc", "sysv-ipc"]));
}

#[test]
fn mounts_that_are_passed_on_are_told_from_private_ones() {
    let Some(mut command) = unshare(&["--mount", "--propagation", "private"])
    else {
        return;
    };
    let root = EmptyRoot::new();
    let script = "mount -t tmpfs probe $0 && mount --make-shared $0 && \
                  exec \"$@\"";
    command.args(["sh", "-c", script]).arg(root.path());
    let held = Held::start(command, PROBE);
    let ways = set(&held.inside, "mount-propagation");
    assert_eq!(ways.len(), 2, "{ways:?}");
    assert_eq!(ways, set(&held.outside(), "mount-propagation"));
    assert!(changed(&held.inside).is_superset(&names(&["ns-mnt", "mounts"])));
}

#[test]
fn who_looks_at_a_user_namespace_from_inside_can_not_tell_its_groups() {
    if !is_root() {
        return skip("it takes root (CAP_SETGID)");
    }
    let mut command = Command::new("setpriv");
    let options = ["--reuid=1000", "--regid=1000", "--groups=6"];
    command.args(options).args(["unshare", "--user", "--map-root-user"]);
    command.args(["sh", "-c", "cd /; exec \"$@\"", "sh"]);
    let root = EmptyRoot::new(); // whose probe that user may execute
    let path = root.path().join("probe");
    let held = Held::start(command, path.to_str().unwrap());
    let (reference, outside) = (reference(), held.outside());
    let groups = |report| verdict("groups", report, &reference);
    assert_eq!(groups(&held.inside), Verdict::Unknown);
    assert_eq!(*set(&outside, "groups"), names(&["6"]));
    assert_eq!(
        verdict("capabilities", &held.inside, &reference),
        Verdict::Private
    );
}

#[test]
fn it_holds_until_its_input_ends() {
    let mut held = Command::new(PROBE)
        .arg("--hold")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(held.try_wait().unwrap().is_none(), "it did not wait");
    drop(held.stdin.take());
    assert!(held.wait().unwrap().success());
}

#[test]
fn what_goes_wrong_is_explained_and_exits_with_125() {
    let last_pid = "2147483647"; // above any pid_max
    for (arguments, expected) in [
        (["--pid", last_pid], "hint: no such process"),
        (["--against", "/dev/null"], "is no report"),
        (["--against", "/nowhere"], "ENOENT"),
        (["--format", "yaml"], "possible values: table, json"),
    ] {
        let output = Command::new(PROBE).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(125), "{arguments:?}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}
