//! Where the controllers are: the hierarchies of cgroups(7) on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use process::{Call, Result};

/// The two interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A tree of groups for each controller.
    V1,
    /// One tree for all.
    V2,
}

/// A tree of groups.
#[derive(Clone, Debug)]
pub struct Hierarchy {
    /// By which interface it is used.
    pub version: Version,
    /// What it controls. In version 1 also its name, such as `name=systemd`.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub top: PathBuf,
    /// The directory of the group that this process is in.
    pub own: PathBuf,
}

impl Hierarchy {
    /// Whether the controller is in this tree.
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }

    /// What /proc/PID/cgroup calls it: nothing, if it is that of version 2.
    pub fn name(&self) -> String {
        match self.version {
            Version::V1 => self.controllers.join(","),
            Version::V2 => String::new(),
        }
    }
}

/// All that this process is in, and that are mounted where it can see them.
pub fn hierarchies() -> Result<Vec<Hierarchy>> {
    let read = |path: &str| {
        fs::read_to_string(path).call(format_args!("read({path:?})"))
    };
    let mounts = read("/proc/self/mountinfo")?;
    let groups = read("/proc/self/cgroup")?;
    Ok(groups.lines().filter_map(|line| find(line, &mounts)).collect())
}

/// `4:memory:/path` of version 1, `0::/path` of version 2.
fn find(line: &str, mounts: &str) -> Option<Hierarchy> {
    let mut fields = line.splitn(3, ':');
    let (number, names) = (fields.next()?, fields.next()?);
    let path = fields.next()?;
    let version = match (number, names) {
        ("0", "") => Version::V2,
        (_, "") => return None, // It is about to vanish.
        _ => Version::V1,
    };
    let (top, own) = mounts
        .lines()
        .filter_map(Mount::parse)
        .filter(|mount| mount.shows(version, names))
        .find_map(|mount| {
            let below = Path::new(path).strip_prefix(mount.root).ok()?;
            Some((PathBuf::from(mount.at), Path::new(mount.at).join(below)))
        })?;
    let controllers = match version {
        Version::V1 => names.split(',').map(str::to_owned).collect(),
        Version::V2 => v2_controllers(&top),
    };
    Some(Hierarchy { version, controllers, top, own })
}

/// What is left for version 2: a controller is in one tree at a time.
fn v2_controllers(top: &Path) -> Vec<String> {
    let file = top.join("cgroup.controllers");
    let list = fs::read_to_string(file).unwrap_or_default();
    list.split_whitespace().map(str::to_owned).collect()
}

/// A line of proc_pid_mountinfo(5).
struct Mount<'a> {
    root: &'a str,
    at: &'a str,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(3);
        let mut file_system = file_system.split(' ');
        Some(Self {
            root: mount.next()?,
            at: mount.next()?,
            kind: file_system.next()?,
            options: file_system.nth(1)?,
        })
    }

    fn shows(&self, version: Version, names: &str) -> bool {
        let has = |name| self.options.split(',').any(|option| option == name);
        match version {
            Version::V1 => self.kind == "cgroup" && names.split(',').all(has),
            Version::V2 => self.kind == "cgroup2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_found_below_what_is_mounted() {
        let mounts = "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup c \
                      rw,cpu,cpuacct\n\
                      35 31 0:32 /a /sys/fs/cgroup/memory rw,x - cgroup c \
                      rw,memory";
        let memory = find("4:memory:/a/b", mounts).unwrap();
        assert_eq!(memory.own, Path::new("/sys/fs/cgroup/memory/b"));
        assert!(memory.has("memory"));
        let cpu = find("1:cpu,cpuacct:/", mounts).unwrap();
        assert_eq!(cpu.own, Path::new("/sys/fs/cgroup/cpu,cpuacct/"));
        assert!(find("4:memory:/elsewhere", mounts).is_none());
        assert!(find("0::/", mounts).is_none());
        let mounts = "36 31 0:33 / /sys/fs/cgroup rw - cgroup2 c rw";
        assert!(find("0::/", mounts).is_some());
        assert!(find("10::/", mounts).is_none());
    }
}
