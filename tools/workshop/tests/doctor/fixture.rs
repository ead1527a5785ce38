//! Machines to show to the doctor, each a directory of files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use workshop::doctor::{Finding, Machine, Status, examine};

/// The kernel's release.
pub(crate) const OSRELEASE: &str = "proc/sys/kernel/osrelease";
/// Who asks.
pub(crate) const STATUS: &str = "proc/self/status";
/// The table of mounts.
pub(crate) const MOUNTINFO: &str = "proc/self/mountinfo";

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
    ("proc/sys/net/ipv4/ip_forward", "1\n"),
    ("proc/sys/net/ipv6/conf/all/forwarding", "1\n"),
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
    ("usr/bin/perl", ""),
    ("usr/bin/nsenter", ""),
    ("usr/bin/setpriv", ""),
    ("usr/bin/strace", ""),
    ("usr/bin/unshare", ""),
    ("usr/sbin/ip", ""),
    ("usr/sbin/nft", ""),
];

const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max processes             63000                63000                processes
Max open files            1024                 1048576              files
";
pub(crate) const MOUNTS: &str = "\
21 27 0:20 / /proc rw,nosuid - proc proc rw
27 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
30 27 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw
";
const V2_CONTROLLERS: &str = "cpuset cpu io memory hugetlb pids rdma\n";
pub(crate) const ROOT: &str = "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n";
pub(crate) const USER: &str = "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0\n";

/// The healthy machine with other contents of some files.
pub(crate) struct Fixture {
    directory: tempfile::TempDir,
    pub(crate) machine: Machine,
}

pub(crate) fn machine(changes: &[(&str, &str)]) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let machine = Machine::described_by(directory.path());
    let fixture = Fixture { directory, machine };
    for (path, text) in HEALTHY.iter().chain(changes) {
        fixture.write(path, text.as_bytes());
    }
    fixture
}

impl Fixture {
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, executable).unwrap();
    }

    pub(crate) fn without(self, paths: &[&str]) -> Self {
        for path in paths {
            fs::remove_file(self.path(path)).unwrap();
        }
        self
    }

    pub(crate) fn finding(&self, check: &str) -> Finding {
        let mut findings = examine(&self.machine).into_iter();
        findings.find(|finding| finding.check() == check).unwrap()
    }

    /// Asserts how bad it is, and that this is said.
    #[track_caller]
    pub(crate) fn expect(&self, check: &str, status: Status, words: &str) {
        let finding = self.finding(check);
        assert_eq!(finding.status(), status, "{finding:?}");
        assert!(finding.found().contains(words), "{finding:?}");
        let has_remedy = finding.remedy().is_some();
        assert_eq!(has_remedy, status != Status::Ok, "{finding:?}");
    }
}
