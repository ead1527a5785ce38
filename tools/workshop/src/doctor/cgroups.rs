//! Control groups: which version, which controllers, and who may use them.

use std::path::{Path, PathBuf};

use super::{Machine, Verdict};
use crate::mountinfo::Mount;

/// What step 10 limits, by the names of version 2, and of version 1 where
/// they differ.
const CONTROLLERS: &[(&str, &str)] = &[
    ("cpu", "cpu"),
    ("cpuset", "cpuset"),
    ("io", "blkio"),
    ("memory", "memory"),
    ("pids", "pids"),
];

const MOUNT: &str = "as root: mount -t cgroup2 none /sys/fs/cgroup (in a container, whoever \
     started it must mount it)";

/// The mounts of the two versions.
struct Hierarchies {
    v1: Vec<Mount>,
    v2: Option<Mount>,
}

fn hierarchies(machine: &Machine) -> Hierarchies {
    let mounts = machine.mounts();
    let of = |kind: &str| {
        let mounts = mounts.iter().filter(|mount| mount.kind == kind);
        mounts.cloned().collect::<Vec<_>>()
    };
    Hierarchies { v1: of("cgroup"), v2: of("cgroup2").into_iter().next() }
}

/// All three are ways that distributions have set it up.
pub(super) fn version(machine: &Machine) -> Verdict {
    match hierarchies(machine) {
        Hierarchies { v1, v2: Some(v2) } if v1.is_empty() => {
            Verdict::ok(format_args!("version 2 at {}", v2.point.display()))
        }
        Hierarchies { v2: Some(v2), .. } => Verdict::ok(format_args!(
            "hybrid: version 1, and version 2 at {}",
            v2.point.display()
        )),
        Hierarchies { v1, .. } if !v1.is_empty() => Verdict::ok("version 1"),
        _ => Verdict::problem("not mounted", MOUNT),
    }
}

pub(super) fn controllers(machine: &Machine) -> Verdict {
    let all = hierarchies(machine);
    let in_v2 = v2_controllers(machine, all.v2.as_ref());
    let has = |(v2, v1): &&(&str, &str)| {
        in_v2.iter().any(|name| name == v2)
            || all.v1.iter().any(|mount| mount.has_option(v1))
    };
    let absent: Vec<&str> =
        CONTROLLERS.iter().filter(|c| !has(c)).map(|(v2, _)| *v2).collect();
    match absent.as_slice() {
        [] => Verdict::ok("cpu, cpuset, io, memory, pids"),
        ["memory"] => Verdict::warning(
            "without memory",
            "some arm64 systems switch it off: boot with \
             cgroup_enable=memory",
        ),
        absent => Verdict::warning(
            format_args!("without {}", absent.join(", ")),
            "no container can be limited in it; \"delegation\" may say why",
        ),
    }
}

/// What the group that we are in was given to hand on.
fn v2_controllers(machine: &Machine, v2: Option<&Mount>) -> Vec<String> {
    let Some(v2) = v2 else { return Vec::new() };
    let file = own_group(machine, v2).join("cgroup.controllers");
    let list = machine.text(file).unwrap_or_default();
    list.split_whitespace().map(str::to_owned).collect()
}

/// `0::/path` is our group in version 2: cgroups(7).
fn own_group(machine: &Machine, v2: &Mount) -> PathBuf {
    let groups = machine.text("proc/self/cgroup").unwrap_or_default();
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    v2.point.join(path.unwrap_or_default())
}

pub(super) fn delegation(machine: &Machine) -> Verdict {
    let all = hierarchies(machine);
    let mut mounts = all.v1.iter().chain(&all.v2);
    if mounts.any(|mount| mount.has_option("ro")) {
        return Verdict::warning(
            "mounted read-only",
            "docker and podman: --privileged --cgroupns=host",
        );
    }
    match (all.v2, machine.is_root()) {
        (Some(v2), true) if all.v1.is_empty() => to_root(machine, &v2),
        (Some(v2), false) if all.v1.is_empty() => {
            to_user(machine, &own_group(machine, &v2))
        }
        // Version 1 knows no delegation.
        (_, true) => Verdict::ok("root makes groups anywhere"),
        (_, false) => Verdict::warning(
            "groups of version 1 are for root",
            "whoever limits containers must be root: sudo",
        ),
    }
}

fn to_root(machine: &Machine, v2: &Mount) -> Verdict {
    let is_systemd = machine.text("proc/1/comm").as_deref() == Some("systemd");
    if !is_systemd {
        return Verdict::ok("root makes groups anywhere");
    }
    Verdict::warning(
        format_args!("systemd owns {}", v2.point.display()),
        "what you switch on there, `systemctl daemon-reload` may switch off; \
         start in a group of your own: systemd-run --scope -p Delegate=yes \
         COMMAND",
    )
}

/// cgroup.subtree_control of a group that was delegated belongs to the user.
fn to_user(machine: &Machine, group: &Path) -> Verdict {
    let owner = machine.owner(group.join("cgroup.subtree_control"));
    match owner == Some(machine.uid()) {
        true => Verdict::ok(group.display()),
        false => Verdict::warning(
            format_args!("{} is not yours", group.display()),
            "to limit containers takes root, or, where systemd runs: systemd-run --user \
             --scope -p Delegate=yes COMMAND",
        ),
    }
}
