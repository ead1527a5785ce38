//! The processes as the kernel tells of them: proc(5).

use std::fs;
use std::path::PathBuf;

use process::{Call, Result};

/// What tells whose process it is.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) parent: i32,
    /// The number of its process group, which is the pid of the group's first.
    pub(super) group: i32,
    /// Its program; of another user's process, root alone may know.
    pub(super) program: PathBuf,
    /// Its root directory.
    pub(super) root: PathBuf,
}

impl Process {
    /// Whether the number still means what it did. The parent may be another
    /// by now: if it was a leftover too, it has been killed first.
    pub(super) fn is(&self, other: &Process) -> bool {
        (self.pid, &self.program, &self.root)
            == (other.pid, &other.program, &other.root)
    }
}

/// Every process there is.
pub(super) fn read_all() -> Result<Vec<Process>> {
    let entries = fs::read_dir("/proc").call("open(\"/proc\")")?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(read)
        .collect())
}

/// Nothing if it has ended meanwhile.
pub(super) fn read(pid: i32) -> Option<Process> {
    let directory = PathBuf::from(format!("/proc/{pid}"));
    let stat = fs::read_to_string(directory.join("stat")).ok()?;
    let (parent, group) = parse_stat(&stat)?;
    let link = |name| fs::read_link(directory.join(name)).unwrap_or_default();
    Some(Process {
        pid,
        parent,
        group,
        program: link("exe"),
        root: link("root"),
    })
}

/// `pid (name) state parent group …`, where the name may contain anything:
/// proc_pid_stat(5).
fn parse_stat(stat: &str) -> Option<(i32, i32)> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(1);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_end_of_the_name() {
        assert_eq!(parse_stat("7 (a) b) S 3 4 5 0"), Some((3, 4)));
    }
}
