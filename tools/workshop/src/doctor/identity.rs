//! Who asks, and what that user may do.

use caps::Capability;

use super::{Machine, Verdict};

/// Without one of these, root can't follow the book.
const NEEDED: &[Capability] = &[
    Capability::CAP_CHOWN,
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_KILL,
    Capability::CAP_MKNOD,
    Capability::CAP_NET_ADMIN,
    Capability::CAP_SETGID,
    Capability::CAP_SETPCAP,
    Capability::CAP_SETUID,
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_SYS_CHROOT,
    Capability::CAP_SYS_PTRACE,
];

/// How many ids a root file system of Debian takes: up to `nobody`, 65534.
const ENOUGH_IDS: u64 = 65536;

pub(super) fn user(machine: &Machine) -> Verdict {
    if !machine.is_root() {
        return Verdict::warning(
            format_args!("{}, not root", user_name(machine)),
            "from 01 on the steps take root: call them with sudo",
        );
    }
    match has_all_ids(machine) {
        true => Verdict::ok("root"),
        false => Verdict::warning(
            "root of a user namespace, and nobody outside it",
            "where the kernel says EPERM to root, this is why",
        ),
    }
}

/// In the first user namespace, every id is mapped to itself:
/// user_namespaces(7).
fn has_all_ids(machine: &Machine) -> bool {
    let Some(map) = machine.text("proc/self/uid_map") else { return true };
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

pub(super) fn capabilities(machine: &Machine) -> Verdict {
    if !machine.is_root() {
        return Verdict::ok("an ordinary user has none");
    }
    let mask = |field| u64::from_str_radix(&machine.status(field)?, 16).ok();
    let (Some(own), Some(last)) =
        (mask("CapEff"), machine.number("proc/sys/kernel/cap_last_cap"))
    else {
        return Verdict::warning("unknown", "see /proc/self/status");
    };
    let mut missing: Vec<Capability> = caps::all()
        .into_iter()
        .filter(|capability| u64::from(capability.index()) <= last)
        .filter(|capability| own & capability.bitmask() == 0)
        .collect();
    missing.sort_by_key(Capability::index);
    judge(&missing)
}

fn judge(missing: &[Capability]) -> Verdict {
    if missing.is_empty() {
        return Verdict::ok("all");
    }
    let names: Vec<String> =
        missing.iter().map(Capability::to_string).collect();
    let found = format!("root without {}", names.join(", "));
    if missing.iter().any(|capability| NEEDED.contains(capability)) {
        return Verdict::problem(
            found,
            "whoever started this container has to grant more; docker and \
             podman: --privileged",
        );
    }
    match missing.contains(&Capability::CAP_SYS_RESOURCE) {
        true => Verdict::warning(
            found,
            "without CAP_SYS_RESOURCE no hard limit (ulimit -H) can be \
             raised and no oom_score_adj lowered; all else works",
        ),
        false => Verdict::warning(found, "what needs them will say EPERM"),
    }
}

/// The entry of the user in passwd(5), or else the number.
fn user_name(machine: &Machine) -> String {
    let uid = machine.uid().to_string();
    let passwd = machine.text("etc/passwd").unwrap_or_default();
    let mut entries = passwd.lines().map(|line| line.split(':'));
    entries
        .find_map(|mut fields| {
            let name = fields.next()?;
            (fields.nth(1)? == uid).then(|| name.to_owned())
        })
        .unwrap_or(uid)
}

pub(super) fn subordinate_ids(machine: &Machine) -> Verdict {
    if machine.is_root() {
        return Verdict::ok("root maps any id");
    }
    let name = user_name(machine);
    let users = count_ids(machine, "etc/subuid", &name);
    let groups = count_ids(machine, "etc/subgid", &name);
    if users.min(groups) >= ENOUGH_IDS {
        return Verdict::ok(format_args!("{users} users, {groups} groups"));
    }
    Verdict::warning(
        format_args!("{name} has {users} users and {groups} groups"),
        format_args!(
            "a user namespace has one user only; as root: usermod --add-subuids \
             100000-165535 --add-subgids 100000-165535 {name}"
        ),
    )
}

/// subuid(5): `name-or-number:first:count`.
fn count_ids(machine: &Machine, path: &str, name: &str) -> u64 {
    let uid = machine.uid().to_string();
    let text = machine.text(path).unwrap_or_default();
    text.lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .filter_map(|fields| match fields.as_slice() {
            [who, _, count] if *who == name || *who == uid => {
                count.parse::<u64>().ok()
            }
            _ => None,
        })
        .sum()
}

pub(super) fn newuidmap(machine: &Machine) -> Verdict {
    if machine.has("newuidmap") && machine.has("newgidmap") {
        return Verdict::ok("newuidmap and newgidmap");
    }
    Verdict::warning(
        "not installed",
        "a user namespace has one user only; `cargo workshop setup` says what to \
         install",
    )
}
