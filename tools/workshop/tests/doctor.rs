//! Each check of `workshop doctor`, shown machines that it must tell apart.

#![allow(clippy::unwrap_used)] // The helpers are parts of tests too.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use workshop::doctor::{Finding, Machine, Status, examine};

/// A machine on which nothing is in the way: Debian 12 with systemd, and
/// root, in a group of its own.
const HEALTHY: &[(&str, &str)] = &[
    ("etc/passwd", "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/:/bin/sh\n"),
    ("etc/subuid", "ann:100000:65536\n"),
    ("etc/subgid", "ann:100000:65536\n"),
    ("proc/1/comm", "init\n"),
    ("proc/1/cgroup", "0::/init.scope\n"),
    ("proc/filesystems", "nodev\tproc\nnodev\toverlay\n\text4\n"),
    ("proc/modules", "veth 1 0 - Live 0x0\nbridge 1 0 - Live 0x0\n"),
    ("proc/self/cgroup", "0::/work.scope\n"),
    ("proc/self/limits", LIMITS),
    ("proc/self/mountinfo", MOUNTS),
    ("proc/self/ns/cgroup", ""),
    ("proc/self/ns/ipc", ""),
    ("proc/self/ns/mnt", ""),
    ("proc/self/ns/net", ""),
    ("proc/self/ns/pid", ""),
    ("proc/self/ns/time", ""),
    ("proc/self/ns/user", ""),
    ("proc/self/ns/uts", ""),
    ("proc/self/status", ROOT),
    ("proc/self/uid_map", "         0          0 4294967295\n"),
    ("proc/sys/kernel/cap_last_cap", "40\n"),
    ("proc/sys/kernel/osrelease", "6.1.0-30-amd64\n"),
    ("proc/sys/kernel/seccomp/actions_avail", "kill_process errno allow\n"),
    ("proc/sys/user/max_user_namespaces", "31000\n"),
    ("proc/sys/user/max_net_namespaces", "30000\n"),
    ("boot/config-6.1.0-30-amd64", "CONFIG_VXLAN=m\nCONFIG_NF_TABLES=y\n"),
    ("lib/modules/6.1.0-30-amd64/modules.dep", "kernel/net/vxlan.ko.xz:\n"),
    ("sys/kernel/security/lsm", "lockdown,landlock,apparmor\n"),
    ("sys/fs/cgroup/work.scope/cgroup.controllers", V2_CONTROLLERS),
    ("sys/fs/cgroup/work.scope/cgroup.subtree_control", ""),
    ("usr/bin/busybox", ""),
    ("usr/bin/cc", ""),
    ("usr/bin/newgidmap", ""),
    ("usr/bin/newuidmap", ""),
    ("usr/bin/nsenter", ""),
    ("usr/bin/setpriv", ""),
    ("usr/bin/unshare", ""),
    ("usr/sbin/ip", ""),
];

const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max processes             63000                63000                processes
Max open files            1024                 1048576              files
";
const MOUNTS: &str = "\
21 27 0:20 / /proc rw,nosuid - proc proc rw
27 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
30 27 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw
";
const V2_CONTROLLERS: &str = "cpuset cpu io memory hugetlb pids rdma\n";
const ROOT: &str = "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n";
const USER: &str = "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0\n";

/// The healthy machine with other contents of some files.
struct Fixture {
    directory: tempfile::TempDir,
    machine: Machine,
}

fn machine(changes: &[(&str, &str)]) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let machine = Machine::described_by(directory.path());
    let fixture = Fixture { directory, machine };
    for (path, text) in HEALTHY.iter().chain(changes) {
        fixture.write(path, text.as_bytes());
    }
    fixture
}

impl Fixture {
    fn path(&self, path: &str) -> std::path::PathBuf {
        self.directory.path().join(path)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, executable).unwrap();
    }

    fn without(self, paths: &[&str]) -> Self {
        for path in paths {
            fs::remove_file(self.path(path)).unwrap();
        }
        self
    }

    fn finding(&self, check: &str) -> Finding {
        let mut findings = examine(&self.machine).into_iter();
        findings.find(|finding| finding.check() == check).unwrap()
    }

    /// Asserts how bad it is, and that this is said.
    #[track_caller]
    fn expect(&self, check: &str, status: Status, words: &str) {
        let finding = self.finding(check);
        assert_eq!(finding.status(), status, "{finding:?}");
        assert!(finding.found().contains(words), "{finding:?}");
        let has_remedy = finding.remedy().is_some();
        assert_eq!(has_remedy, status != Status::Ok, "{finding:?}");
    }
}

use Status::{Ok as Fine, Problem, Warning};

#[test]
fn a_healthy_machine_has_no_finding() {
    let fixture = machine(&[]);
    for finding in examine(&fixture.machine) {
        assert_eq!(finding.status(), Fine, "{finding:?}");
    }
}

#[test]
fn nothing_known_is_no_panic_and_not_all_well() {
    let nowhere = Machine::described_by(Path::new("/nonexistent"));
    let findings = examine(&nowhere);
    assert!(findings.iter().any(|finding| finding.status() == Problem));
    let veth = findings.iter().find(|finding| finding.check() == "veth");
    assert!(veth.unwrap().found().contains("unknown"));
}

const OSRELEASE: &str = "proc/sys/kernel/osrelease";

#[test]
fn kernel_must_be_5_15() {
    let of = |release| machine(&[(OSRELEASE, release)]);
    of("5.10.0-33-amd64\n").expect("kernel", Problem, "5.10.0-33-amd64");
    of("5.15.0-91-generic\n").expect("kernel", Fine, "5.15.0-91");
    of("6.1.0-30-amd64\n").expect("kernel", Fine, "6.1");
    of("plan9\n").expect("kernel", Warning, "unknown");
}

#[test]
fn kernel_news_depends_on_the_version() {
    let of = |release| machine(&[(OSRELEASE, release)]);
    of("5.15.0\n").expect("kernel-news", Fine, "memory.peak");
    of("6.1.0\n").expect("kernel-news", Fine, "TCP ports (6.7)");
    of("6.12.5\n").expect("kernel-news", Fine, "all that");
    of("plan9\n").expect("kernel-news", Warning, "unknown");
}

#[test]
fn architecture_must_be_known() {
    let mut fixture = machine(&[]);
    fixture.machine.architecture = "aarch64".into();
    fixture.expect("architecture", Fine, "aarch64");
    fixture.machine.architecture = "riscv64".into();
    fixture.expect("architecture", Problem, "riscv64");
}

#[test]
fn a_container_around_us_is_recognised() {
    let of = |path, text| machine(&[(path, text)]);
    of(".dockerenv", "").expect("container", Warning, "docker");
    of("run/.containerenv", "").expect("container", Warning, "podman");
    of("proc/1/environ", "PATH=/bin\0container=lxc\0").expect(
        "container",
        Warning,
        "lxc",
    );
    of("proc/1/cgroup", "0::/kubepods.slice/pod1\n").expect(
        "container",
        Warning,
        "kubepods",
    );
}

#[test]
fn wsl_2_is_a_linux_and_wsl_1_is_none() {
    let of = |release| machine(&[(OSRELEASE, release)]);
    of("5.15.153.1-microsoft-standard-WSL2\n").expect("wsl", Fine, "WSL 2");
    of("4.4.0-19041-Microsoft\n").expect("wsl", Problem, "WSL 1");
}

#[test]
fn root_of_a_user_namespace_is_not_root() {
    machine(&[("proc/self/status", USER)]).expect("user", Warning, "ann");
    machine(&[("proc/self/uid_map", "0 1000 1\n")]).expect(
        "user",
        Warning,
        "user namespace",
    );
}

#[test]
fn missing_capabilities_of_root_are_named() {
    let of = |mask: &str| {
        let status = format!("Uid:\t0\t0\t0\t0\nCapEff:\t{mask}\n");
        machine(&[("proc/self/status", &status)])
    };
    of("000001fffeffffff").expect("capabilities", Warning, "CAP_SYS_RESOURCE");
    of("000001ffffdfffff").expect("capabilities", Problem, "CAP_SYS_ADMIN");
    // CAP_WAKE_ALARM, of which the kit has no need; then docker's fourteen.
    of("000001f7ffffffff").expect("capabilities", Warning, "WAKE_ALARM");
    of("00000000a80425fb").expect("capabilities", Problem, "CAP_NET_ADMIN");
    let user = machine(&[("proc/self/status", USER)]);
    user.expect("capabilities", Fine, "ordinary user");
}

#[test]
fn each_kind_of_namespace_must_be_there() {
    let fixture = machine(&[]).without(&["proc/self/ns/time"]);
    fixture.expect("namespaces", Problem, "lacks time");
}

#[test]
fn namespaces_may_be_limited() {
    machine(&[("proc/sys/user/max_net_namespaces", "0\n")]).expect(
        "namespace-limits",
        Problem,
        "user.max_net_namespaces=0",
    );
    let limits = &[
        "proc/sys/user/max_user_namespaces",
        "proc/sys/user/max_net_namespaces",
    ];
    machine(&[]).without(limits).expect("namespace-limits", Warning, "unknown");
}

#[test]
fn user_namespaces_may_be_for_root_only() {
    let switch = ("proc/sys/kernel/unprivileged_userns_clone", "0\n");
    machine(&[switch]).expect("user-namespaces", Warning, "only root");
    let user = ("proc/self/status", USER);
    machine(&[switch, user]).expect("user-namespaces", Problem, "only root");
    machine(&[user]).without(&["proc/self/ns/user"]).expect(
        "user-namespaces",
        Problem,
        "has none",
    );
}

#[test]
fn ubuntu_24_04_restricts_user_namespaces() {
    let path = "proc/sys/kernel/apparmor_restrict_unprivileged_userns";
    let user = ("proc/self/status", USER);
    machine(&[(path, "1\n"), user]).expect("apparmor", Problem, path_name());
    machine(&[(path, "1\n")]).expect("apparmor", Warning, path_name());
    machine(&[(path, "0\n"), user]).expect("apparmor", Fine, "not restrict");
}

fn path_name() -> &'static str {
    "kernel.apparmor_restrict_unprivileged_userns=1"
}

#[test]
fn a_user_needs_subordinate_ids() {
    let user = ("proc/self/status", USER);
    machine(&[user]).expect("subordinate-ids", Fine, "65536 users");
    machine(&[user, ("etc/subuid", "bob:1:65536\n")]).expect(
        "subordinate-ids",
        Warning,
        "ann has 0 users",
    );
    machine(&[user, ("etc/subgid", "1000:1:40000\n1000:50000:30000\n")])
        .expect("subordinate-ids", Fine, "70000 groups");
}

#[test]
fn a_user_needs_newuidmap() {
    let lacks = |status| {
        machine(&[("proc/self/status", status)]).without(&["usr/bin/newgidmap"])
    };
    lacks(USER).expect("newuidmap", Warning, "not installed");
    lacks(ROOT).expect("newuidmap", Fine, "root needs none");
}

const MOUNTINFO: &str = "proc/self/mountinfo";
const V1_MOUNTS: &str = "\
21 27 0:20 / /proc rw - proc proc rw
32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
38 31 0:35 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
";
const HYBRID: &str =
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

#[test]
fn every_version_of_cgroups_is_recognised() {
    let hybrid = format!("{V1_MOUNTS}{HYBRID}");
    let of = |mounts| machine(&[(MOUNTINFO, mounts)]);
    machine(&[]).expect("cgroups", Fine, "version 2 at /sys/fs/cgroup");
    of(V1_MOUNTS).expect("cgroups", Fine, "version 1");
    of(&hybrid).expect("cgroups", Fine, "hybrid");
    of("").expect("cgroups", Problem, "not mounted");
}

#[test]
fn controllers_are_found_in_every_version() {
    let hybrid = format!("{V1_MOUNTS}{HYBRID}");
    let of = |mounts| machine(&[(MOUNTINFO, mounts)]);
    of(V1_MOUNTS).expect("controllers", Fine, "io");
    of(&hybrid).expect("controllers", Fine, "io");
    of("").expect("controllers", Warning, "cpu, cpuset, io, memory, pids");
    let v2 = |list| {
        machine(&[("sys/fs/cgroup/work.scope/cgroup.controllers", list)])
    };
    v2("cpuset cpu io pids\n").expect("controllers", Warning, "memory");
    v2("memory pids\n").expect("controllers", Warning, "cpu, cpuset, io");
}

#[test]
fn systemd_does_not_share_the_root_group() {
    let systemd = ("proc/1/comm", "systemd\n");
    machine(&[systemd]).expect("delegation", Warning, "systemd owns");
    let hybrid = format!("{V1_MOUNTS}{HYBRID}");
    machine(&[systemd, (MOUNTINFO, &hybrid)]).expect(
        "delegation",
        Fine,
        "root",
    );
}

#[test]
fn a_user_needs_a_delegated_group() {
    // The fixture's files belong to whoever runs this test.
    let own = fs::metadata("/proc/self").unwrap().uid();
    let of = |uid| {
        let status = format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n");
        machine(&[("proc/self/status", &status)])
    };
    of(own + 1).expect("delegation", Warning, "work.scope is not yours");
    if own != 0 {
        of(own).expect("delegation", Fine, "work.scope");
    }
    machine(&[("proc/self/status", USER), (MOUNTINFO, V1_MOUNTS)]).expect(
        "delegation",
        Warning,
        "for root",
    );
}

#[test]
fn dockers_cgroups_are_read_only() {
    let mounts = MOUNTS.replace("cgroup rw", "cgroup ro");
    machine(&[(MOUNTINFO, &mounts)]).expect("delegation", Warning, "read-only");
}

const CONFIG: &str = "boot/config-6.1.0-30-amd64";
const MODULES: &str = "lib/modules/6.1.0-30-amd64/modules.dep";

/// Asserts what the check says of a feature that only the configuration and
/// the modules on the disk tell about.
#[track_caller]
fn feature(check: &str, option: &str, module: &str) {
    let of = |value: &str, modules: &str| {
        let config = format!("{option}{value}\n");
        let changes = [(CONFIG, config.as_str()), (MODULES, modules)];
        let bare = [("proc/filesystems", ""), ("proc/modules", ""), changes[0]];
        let fixture = machine(&bare);
        fixture.write(MODULES, modules.as_bytes());
        fixture
    };
    let on_disk = format!("kernel/some/{module}.ko.zst: other.ko\n");
    of("=y", "").expect(check, Fine, "built into");
    of("=m", &on_disk).expect(check, Fine, "module");
    of("=m", "").expect(check, Problem, "not on the disk");
    of(" is not set", "").expect(check, Problem, "not in this kernel");

    let untold = of("=y", "").without(&[CONFIG]);
    untold.expect(check, Warning, "unknown");
    untold.write(MODULES, on_disk.as_bytes());
    untold.expect(check, Fine, "module");
    untold.write(&format!("sys/module/{module}/refcnt"), b"1");
    untold.expect(check, Fine, "active");
}

#[test]
fn overlay_is_looked_for() {
    feature("overlay", "CONFIG_OVERLAY_FS", "overlay");
}

#[test]
fn veth_is_looked_for() {
    feature("veth", "CONFIG_VETH", "veth");
}

#[test]
fn bridge_is_looked_for() {
    feature("bridge", "CONFIG_BRIDGE", "bridge");
}

#[test]
fn vxlan_is_looked_for() {
    feature("vxlan", "CONFIG_VXLAN", "vxlan");
}

#[test]
fn nf_tables_is_looked_for() {
    feature("nf_tables", "CONFIG_NF_TABLES", "nf_tables");
}

#[test]
fn the_configuration_may_be_compressed() {
    let fixture = machine(&[]).without(&[CONFIG]);
    let file = fs::File::create(fixture.path("proc/config.gz")).unwrap();
    let mut gzip =
        flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gzip.write_all(b"CONFIG_VXLAN=y\n").unwrap();
    gzip.finish().unwrap();
    fixture.expect("vxlan", Fine, "built into");
    fixture.expect("nf_tables", Problem, "not in this kernel");
}

#[test]
fn seccomp_is_looked_for() {
    let actions = "proc/sys/kernel/seccomp/actions_avail";
    machine(&[]).expect("seccomp", Fine, "kill_process");
    let none = machine(&[]).without(&[actions]);
    none.expect("seccomp", Problem, "step 12 uses it");
}

#[test]
fn landlock_must_be_switched_on() {
    let list = "sys/kernel/security/lsm";
    machine(&[(list, "lockdown,apparmor")]).expect(
        "landlock",
        Warning,
        "not active",
    );
    let untold = machine(&[(CONFIG, "CONFIG_SECURITY_LANDLOCK=y\n")]);
    untold.without(&[list]).expect("landlock", Fine, "built into");
}

#[test]
fn low_limits_are_named() {
    let low = "Max open files            256      4096     files\n";
    machine(&[("proc/self/limits", low)]).expect(
        "rlimits",
        Warning,
        "ulimit -n is 256",
    );
    let none = "Max processes             unlimited  unlimited  processes\n";
    machine(&[("proc/self/limits", none)]).expect("rlimits", Fine, "suffice");
}

#[test]
fn a_proc_that_hides_processes_is_named() {
    let mounts =
        MOUNTS.replace("proc proc rw", "proc proc rw,hidepid=invisible");
    let hides = (MOUNTINFO, mounts.as_str());
    machine(&[hides]).expect("proc", Fine, "does not bind root");
    machine(&[hides, ("proc/self/status", USER)]).expect(
        "proc",
        Warning,
        "hidepid=invisible",
    );
    machine(&[(MOUNTINFO, "")]).expect("proc", Problem, "not mounted");
}

#[test]
fn the_repository_needs_a_file_system_without_restrictions() {
    let with = |options: &str| {
        let mount = format!("40 27 0:40 / /srv {options} - xfs /dev/vdb rw\n");
        machine(&[(MOUNTINFO, &format!("{MOUNTS}{mount}"))])
    };
    with("rw").expect("repository", Fine, "on xfs");
    with("rw,noexec").expect("repository", Problem, "noexec");
    with("rw,nosuid,nodev").expect("repository", Warning, "nosuid,nodev");
    with("ro").expect("repository", Problem, "ro");
    machine(&[(MOUNTINFO, "")]).expect("repository", Warning, "unknown");
}

#[test]
fn missing_programs_are_named() {
    let fixture = machine(&[("usr/bin/dnf", "")]).without(&["usr/sbin/ip"]);
    fixture.expect("programs", Problem, "no ip (");
    let remedy = fixture.finding("programs").remedy().unwrap().to_owned();
    assert_eq!(remedy, "as root: dnf install -y iproute");
}

#[test]
fn the_linker_must_link_statically() {
    let mut fixture = machine(&[]);
    fixture.machine.linker = Err("ld: cannot find -lc".into());
    fixture.expect("linker", Problem, "cannot find -lc");
}
