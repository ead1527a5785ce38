//! What lies around the kit: another container, limits, file systems.

use super::{Machine, Verdict};
use crate::mountinfo;

/// A file that only an engine leaves in a root file system, and its name.
const MARKS: &[(&str, &str)] =
    &[(".dockerenv", "docker"), ("run/.containerenv", "podman")];

/// Names of engines in the paths of control groups.
const GROUPS: &[&str] = &["docker", "kubepods", "libpod", "lxc", "containerd"];

/// A shell with its pipes and files opens a few dozen files, a test hundreds.
const ENOUGH_FILES: u64 = 1024;
/// It counts all the processes of the user: RLIMIT_NPROC in getrlimit(2).
const ENOUGH_PROCESSES: u64 = 1024;

pub(super) fn container(machine: &Machine) -> Verdict {
    match engine(machine) {
        None => Verdict::ok("no container around us"),
        Some(engine) => Verdict::warning(
            format_args!("signs of a container ({engine})"),
            "if it is one, it limits what we may do: other checks say how. \
             docker and podman lift most of it with --privileged",
        ),
    }
}

fn engine(machine: &Machine) -> Option<String> {
    let marked = MARKS.iter().find(|(mark, _)| machine.exists(mark));
    let mark = marked.map(|(_, engine)| (*engine).to_owned());
    mark.or_else(|| variable(machine)).or_else(|| group(machine))
}

/// systemd's convention: the first process of a container has `container=`
/// in its environment, which takes rights to read.
fn variable(machine: &Machine) -> Option<String> {
    let environment = machine.text("proc/1/environ")?;
    let mut variables = environment.split('\0');
    let engine = variables.find_map(|one| one.strip_prefix("container="))?;
    Some(engine.to_owned())
}

fn group(machine: &Machine) -> Option<String> {
    let groups = machine.text("proc/1/cgroup")?;
    let engine = GROUPS.iter().find(|engine| groups.contains(**engine))?;
    Some((*engine).to_owned())
}

pub(super) fn wsl(machine: &Machine) -> Verdict {
    let release = machine.release();
    if !release.to_lowercase().contains("microsoft") {
        return Verdict::ok("not Windows");
    }
    match release.contains("WSL2") {
        true => Verdict::ok(
            "WSL 2, a Linux kernel in a virtual machine; keep the kit in its \
             own file system, not below /mnt",
        ),
        false => Verdict::problem(
            "WSL 1, which only imitates a Linux kernel",
            "in Windows: wsl --set-version DISTRIBUTION 2",
        ),
    }
}

pub(super) fn limits(machine: &Machine) -> Verdict {
    let limits = [
        ("Max open files", "ulimit -n", ENOUGH_FILES),
        ("Max processes", "ulimit -u", ENOUGH_PROCESSES),
    ];
    let low: Vec<String> = limits
        .iter()
        .filter_map(|(name, command, enough)| {
            let soft = soft_limit(machine, name)?;
            (soft < *enough).then(|| format!("{command} is {soft}"))
        })
        .collect();
    match low.as_slice() {
        [] => Verdict::ok("open files and processes suffice"),
        low => Verdict::warning(
            low.join(", "),
            "raise it in this shell, with the same command and 1024, or in \
             /etc/security/limits.conf",
        ),
    }
}

/// `Max open files            1024                 4096                 files`
fn soft_limit(machine: &Machine, name: &str) -> Option<u64> {
    let limits = machine.text("proc/self/limits")?;
    let values = limits.lines().find_map(|line| line.strip_prefix(name))?;
    values.split_whitespace().next()?.parse().ok() // or "unlimited"
}

/// proc(5), "Mount options".
pub(super) fn proc(machine: &Machine) -> Verdict {
    let mounts = machine.mounts();
    let proc = mountinfo::covering(&mounts, "/proc".as_ref());
    let Some(proc) = proc.filter(|mount| mount.kind == "proc") else {
        return Verdict::problem("not mounted", "mount -t proc proc /proc");
    };
    let mut options = proc.super_options.split(',');
    match options.find(|option| option.starts_with("hidepid=")) {
        None | Some("hidepid=0" | "hidepid=off") => Verdict::ok("mounted"),
        Some(option) if machine.is_root() => {
            Verdict::ok(format_args!("{option}, which does not bind root"))
        }
        Some(option) => Verdict::warning(
            format_args!("{option}: processes of other users can't be seen"),
            "as root: mount -o remount,hidepid=0 /proc",
        ),
    }
}

/// Root file systems are made below the repository.
pub(super) fn repository(machine: &Machine) -> Verdict {
    let mounts = machine.mounts();
    let Some(mount) = mountinfo::covering(&mounts, &machine.repository) else {
        return Verdict::warning("unknown", "see /proc/self/mountinfo");
    };
    let point = mount.point.display();
    let has: Vec<&str> = ["ro", "noexec", "nosuid", "nodev"]
        .into_iter()
        .filter(|option| mount.options.split(',').any(|one| one == *option))
        .collect();
    let found = format!("{point} is mounted {}", has.join(","));
    match has.first() {
        None => Verdict::ok(format_args!("on {}", mount.kind)),
        Some(&"ro" | &"noexec") => {
            Verdict::problem(found, "clone the repository to another place")
        }
        Some(_) => Verdict::warning(
            found,
            format_args!(
                "set-user-ID programs and device nodes in rootfs/ don't \
                 work, so some attacks fail too early; as root: mount -o \
                 remount,suid,dev {point}"
            ),
        ),
    }
}
