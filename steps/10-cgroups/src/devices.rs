//! Which devices may be used: the list of docker, and what is added to it.

use std::path::{Path, PathBuf};

use nix::sys::stat::{SFlag, major, minor, stat};
use nix::unistd::geteuid;
use process::{Call, Error, Result};

use crate::bpf;
use crate::group::Group;
use crate::hierarchy::Version;
use crate::write::write;

/// A device, or all of a kind, and what may be done with it.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// `c` or `b`.
    pub(crate) kind: char,
    /// None: all.
    pub(crate) major: Option<u64>,
    pub(crate) minor: Option<u64>,
    /// Of `rwm`: read, write, mknod.
    pub(crate) access: String,
}

/// A device node of the host that the container gets as well.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    pub(crate) host: PathBuf,
    pub(crate) inside: PathBuf,
    access: String,
    /// Kind and numbers.
    node: (SFlag, u64),
}

/// What docker allows: to make any node, and to open few.
const DEFAULT: &[(char, Option<u64>, Option<u64>, &str)] = &[
    ('c', None, None, "m"),
    ('b', None, None, "m"),
    ('c', Some(1), Some(3), "rwm"), // null
    ('c', Some(1), Some(5), "rwm"), // zero
    ('c', Some(1), Some(7), "rwm"), // full
    ('c', Some(1), Some(8), "rwm"), // random
    ('c', Some(1), Some(9), "rwm"), // urandom
    ('c', Some(5), Some(0), "rwm"), // tty
    ('c', Some(5), Some(1), "rwm"), // console
    ('c', Some(5), Some(2), "rwm"), // ptmx
    ('c', Some(136), None, "rwm"),  // pts/*
];

/// `HOST[:INSIDE][:rwm]`.
pub(crate) fn parse_device(text: &str) -> std::result::Result<Allowed, String> {
    let is_access =
        |s: &str| !s.is_empty() && s.chars().all(|c| "rwm".contains(c));
    let parts: Vec<_> = text.split(':').collect();
    let (host, inside, access) = match parts.as_slice() {
        [host] => (host, host, "rwm"),
        [host, access] if is_access(access) => (host, host, *access),
        [host, inside] => (host, inside, "rwm"),
        [host, inside, access] if is_access(access) => (host, inside, *access),
        _ => return Err("the form is HOST[:INSIDE][:rwm]".into()),
    };
    let name = inside.strip_prefix("/dev/").unwrap_or_default();
    if name.is_empty() || name.contains('/') {
        return Err("inside it is a name in /dev, such as /dev/kvm".into());
    }
    let node = node(Path::new(host))?;
    let (host, inside) = (host.into(), inside.into());
    Ok(Allowed { host, inside, access: access.into(), node })
}

/// What kind of node it is, and its numbers.
fn node(host: &Path) -> std::result::Result<(SFlag, u64), String> {
    let found = stat(host).map_err(|errno| format!("{host:?}: {errno}"))?;
    let kind = SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT;
    match kind {
        SFlag::S_IFCHR | SFlag::S_IFBLK => Ok((kind, found.st_rdev)),
        _ => Err(format!("{host:?} is no device: --volume is for files")),
    }
}

impl Allowed {
    fn rule(&self) -> Rule {
        let (kind, device) = self.node;
        Rule {
            kind: if kind == SFlag::S_IFCHR { 'c' } else { 'b' },
            major: Some(major(device)),
            minor: Some(minor(device)),
            access: self.access.clone(),
        }
    }
}

/// Forbids every device that is not on the list.
///
/// Only root of the machine may do so. For everybody else there is no list, as
/// in rootless podman(1): what they can't open anyway, their container can't.
pub(crate) fn restrict(group: &Group, added: &[Allowed]) -> Result<()> {
    let defaults = DEFAULT.iter().map(|(kind, major, minor, access)| Rule {
        kind: *kind,
        major: *major,
        minor: *minor,
        access: (*access).into(),
    });
    let rules: Vec<_> =
        defaults.chain(added.iter().map(Allowed::rule)).collect();
    if in_user_namespace()? || !geteuid().is_root() {
        return Ok(());
    }
    match (group.directory("devices"), group.unified()) {
        (Some((Version::V1, path)), _) => write_list(path, &rules),
        (_, Some(path)) => {
            bpf::attach(path, &bpf::DEVICES, &bpf::assemble(&rules))
        }
        _ => Err(Error::new("devices: no controller, and no version 2")
            .with_hint("mount -t cgroup2 none /sys/fs/cgroup")),
    }
}

/// Version 1: the first line takes all away.
fn write_list(group: &Path, rules: &[Rule]) -> Result<()> {
    write(group, "devices.deny", "a")?;
    let number = |n: Option<u64>| n.map_or("*".into(), |n| n.to_string());
    for Rule { kind, major, minor, access } in rules {
        let (major, minor) = (number(*major), number(*minor));
        let line = format!("{kind} {major}:{minor} {access}");
        write(group, "devices.allow", &line)?;
    }
    Ok(())
}

/// Whether not all users of the machine are known here: user_namespaces(7).
fn in_user_namespace() -> Result<bool> {
    let file = "/proc/self/uid_map";
    let map =
        std::fs::read_to_string(file).call(format_args!("read({file:?})"))?;
    let numbers: Vec<_> = map.split_whitespace().collect();
    Ok(numbers != ["0", "0", "4294967295"])
}
