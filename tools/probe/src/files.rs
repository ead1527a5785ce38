//! Where paths lead: the root directory, the working directory, the mounts.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use process::{Call, Error, Result};

use crate::report::Known;
use crate::subject::Subject;

/// stat(2) of `/`, which is /proc/PID/root from outside.
pub(crate) fn root(subject: &Subject) -> Result<Known> {
    match subject.is_self() {
        true => identity(Path::new("/")),
        // With the dot it is the directory, not the link to it.
        false => identity(&subject.proc("root/.")?),
    }
}

/// stat(2) of `.`, which is /proc/PID/cwd from outside.
pub(crate) fn working_directory(subject: &Subject) -> Result<Known> {
    let found = match subject.is_self() {
        true => identity(Path::new("."))?,
        false => identity(&subject.proc("cwd/.")?)?,
    };
    let path = match subject.is_self() {
        true => std::env::current_dir(),
        false => fs::read_link(subject.proc("cwd")?),
    };
    Ok(match path {
        Ok(path) => found.noted(path.display()),
        // Only the name is missing: getcwd(3) fails in a deleted directory.
        Err(error) => found.noted(format_args!("path: {error}")),
    })
}

fn identity(path: &Path) -> Result<Known> {
    let found = fs::metadata(path).call(format_args!("stat({path:?})"))?;
    Ok(Known::text(format_args!("{}:{}", found.dev(), found.ino())))
}

/// A line of proc_pid_mountinfo(5). Its paths have spaces as `\040`.
pub(crate) struct Mount {
    pub(crate) id: String,
    /// The directory of the file system that is mounted.
    pub(crate) root: String,
    pub(crate) point: String,
    /// Such as `shared:7` and `master:2`.
    propagation: Vec<String>,
    pub(crate) kind: String,
    source: String,
    /// What the file system itself was told, such as v1 controllers.
    pub(crate) options: String,
}

/// The mounts that the subject can reach from its root directory.
pub(crate) fn mount_table(subject: &Subject) -> Result<Vec<Mount>> {
    Ok(subject.read("mountinfo")?.lines().filter_map(parse_mount).collect())
}

/// `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw`
fn parse_mount(line: &str) -> Option<Mount> {
    let (of_mount, of_file_system) = line.split_once(" - ")?;
    let mut mount = of_mount.split(' ').map(str::to_owned);
    let mut file_system = of_file_system.split(' ').map(str::to_owned);
    Some(Mount {
        id: mount.next()?,
        root: mount.nth(2)?,
        point: mount.next()?,
        propagation: mount.skip(1).collect(),
        kind: file_system.next()?,
        source: file_system.next()?,
        options: file_system.next()?,
    })
}

/// How many mounts there are, and which.
pub(crate) fn mounts(subject: &Subject) -> Result<Known> {
    let table = mount_table(subject)?;
    let count = |tag: &str| {
        let has = |mount: &&Mount| {
            mount.propagation.iter().any(|found| found.starts_with(tag))
        };
        table.iter().filter(has).count()
    };
    let private = table.iter().filter(|m| m.propagation.is_empty()).count();
    let note = format!(
        "{} shared, {} slave, {} unbindable, {private} private",
        count("shared:"),
        count("master:"),
        count("unbindable"),
    );
    let lines =
        table.iter().map(|Mount { id, point, kind, source, .. }| {
            format!("{id} {point} {kind} {source}")
        });
    Ok(Known::set(lines).noted(note))
}

/// The peer groups of mount_namespaces(7). Their numbers hold for the whole
/// machine, so a group in common is a way for mounts to get through.
pub(crate) fn propagation(subject: &Subject) -> Result<Known> {
    let table = mount_table(subject)?;
    // The table ends at the root directory: a mount that begins further up is
    // not in it, and may well be shared.
    if !table.iter().any(|mount| mount.point == "/") {
        return Err(Error::new("its root directory is not where a mount is"));
    }
    let mut ways = BTreeSet::new();
    for tag in table.iter().flat_map(|mount| &mount.propagation) {
        match tag.split_once(':') {
            Some(("shared", group)) => {
                ways.insert(format!("send {group}"));
                ways.insert(format!("receive {group}"));
            }
            Some(("master", group)) => {
                ways.insert(format!("receive {group}"));
            }
            _ => {}
        }
    }
    Ok(Known::set(ways))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_may_have_any_number_of_tags() {
        let line = "36 35 98:0 /sub /mnt rw shared:4 master:1 - ext3 /dev/x rw";
        let mount = parse_mount(line).unwrap();
        assert_eq!((&*mount.root, &*mount.point), ("/sub", "/mnt"));
        assert_eq!(mount.propagation, ["shared:4", "master:1"]);
        assert_eq!((&*mount.kind, &*mount.options), ("ext3", "rw"));

        let line = "22 1 0:5 / /proc rw - proc proc rw,hidepid=2";
        let mount = parse_mount(line).unwrap();
        assert!(mount.propagation.is_empty());
        assert_eq!(mount.options, "rw,hidepid=2");
    }
}
