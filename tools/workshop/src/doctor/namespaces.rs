//! Namespaces: which kinds there are, and who may make them.

use super::{Machine, Verdict};

/// The kinds, by their names in `/proc/self/ns`, and the option with which a
/// kernel is compiled to have them. Mount namespaces are always there.
const KINDS: &[(&str, &str)] = &[
    ("cgroup", "CONFIG_CGROUPS"),
    ("ipc", "CONFIG_IPC_NS"),
    ("mnt", "CONFIG_NAMESPACES"),
    ("net", "CONFIG_NET_NS"),
    ("pid", "CONFIG_PID_NS"),
    ("time", "CONFIG_TIME_NS"),
    ("user", "CONFIG_USER_NS"),
    ("uts", "CONFIG_UTS_NS"),
];

/// A container has one of each kind; a test of the kit starts several.
const ENOUGH: u64 = 32;

pub(super) fn kinds(machine: &Machine) -> Verdict {
    let is_absent = |(kind, _): &&(&str, &str)| {
        !machine.exists(format!("proc/self/ns/{kind}"))
    };
    let absent: Vec<_> = KINDS.iter().filter(is_absent).collect();
    if absent.is_empty() {
        return Verdict::ok("all eight kinds");
    }
    let names: Vec<_> = absent.iter().map(|(kind, _)| *kind).collect();
    let options: Vec<_> = absent.iter().map(|(_, option)| *option).collect();
    Verdict::problem(
        format_args!("the kernel lacks {}", names.join(", ")),
        format_args!("a kernel compiled with {}", options.join(", ")),
    )
}

/// namespaces(7), "The /proc/sys/user directory".
pub(super) fn limits(machine: &Machine) -> Verdict {
    let limits: Vec<(&str, Option<u64>)> = KINDS
        .iter()
        .map(|(kind, _)| {
            let path = format!("proc/sys/user/max_{kind}_namespaces");
            (*kind, machine.number(&path))
        })
        .collect();
    let few: Vec<String> = limits
        .iter()
        .filter_map(|(kind, limit)| Some((kind, (*limit)?)))
        .filter(|(_, limit)| *limit < ENOUGH)
        .map(|(kind, limit)| format!("user.max_{kind}_namespaces={limit}"))
        .collect();
    if !few.is_empty() {
        return Verdict::problem(
            few.join(" "),
            "as root: sysctl -w the same names to 1000 or more",
        );
    }
    match limits.iter().filter_map(|(_, limit)| *limit).min() {
        Some(least) => Verdict::ok(format_args!("{least} or more of a kind")),
        None => Verdict::warning(
            "unknown: /proc/sys/user can't be read",
            "where unshare(2) says ENOSPC, a limit is reached",
        ),
    }
}

/// Debian's kernels had this switch before AppArmor had one.
pub(super) fn user_namespaces(machine: &Machine) -> Verdict {
    if !machine.exists("proc/self/ns/user") {
        return for_whom(
            machine,
            "the kernel has none",
            "a kernel compiled with CONFIG_USER_NS",
        );
    }
    match machine.number("proc/sys/kernel/unprivileged_userns_clone") {
        Some(0) => for_whom(
            machine,
            "kernel.unprivileged_userns_clone=0: only root may make one",
            "as root: sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        _ => Verdict::ok("anybody may make one"),
    }
}

/// Ubuntu's, since 23.10: the namespace is made and gives no capabilities.
pub(super) fn apparmor(machine: &Machine) -> Verdict {
    let switch = "proc/sys/kernel/apparmor_restrict_unprivileged_userns";
    match machine.number(switch) {
        Some(0) | None => Verdict::ok("does not restrict user namespaces"),
        Some(_) => for_whom(
            machine,
            "in a user namespace of an ordinary user, root may do nothing \
             (kernel.apparmor_restrict_unprivileged_userns=1)",
            "as root, until the next boot: sysctl -w \
             kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    }
}

/// Root does most things without user namespaces; nobody else does any.
fn for_whom(machine: &Machine, found: &str, remedy: &str) -> Verdict {
    match machine.is_root() {
        true => Verdict::warning(found, remedy),
        false => Verdict::problem(found, remedy),
    }
}
