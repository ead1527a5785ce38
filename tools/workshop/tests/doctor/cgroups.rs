//! Control groups of every version.

use std::fs;
use std::os::unix::fs::MetadataExt;

use workshop::doctor::Status::{Ok as Fine, Problem, Warning};

use crate::fixture::{MOUNTINFO, MOUNTS, STATUS, USER, machine};

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
        machine(&[(STATUS, &status)])
    };
    of(own + 1).expect("delegation", Warning, "work.scope is not yours");
    if own != 0 {
        of(own).expect("delegation", Fine, "work.scope");
    }
    machine(&[(STATUS, USER), (MOUNTINFO, V1_MOUNTS)]).expect(
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
