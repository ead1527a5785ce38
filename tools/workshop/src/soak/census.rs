//! All that a container may leave on a host.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use process::{Call, Result};

/// Processes, mounts, groups, interfaces, rules, files: a line for each.
pub(super) struct Census(BTreeSet<String>);

impl Census {
    /// What there is now. The processes are those of this pid namespace, and
    /// what they have open goes with them.
    pub(super) fn take() -> Result<Self> {
        let mut all = BTreeSet::new();
        for entry in fs::read_dir("/proc").call("open(\"/proc\")")?.flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str() else { continue };
            // Those of who looks come and go.
            if let Ok(comm) = fs::read_to_string(entry.path().join("comm"))
                && pid.bytes().all(|byte| byte.is_ascii_digit())
            {
                all.insert(format!("process {pid} {}", comm.trim()));
            }
        }
        let own = "/proc/self/fd";
        let open = fs::read_dir(own).call(format_args!("open({own:?})"))?;
        all.insert(format!("{} open files", open.count()));
        lines("mount", &read("/proc/self/mountinfo")?, &mut all);
        let interfaces = read("/proc/self/net/dev")?;
        let names = interfaces.lines().filter_map(|l| l.split_once(':'));
        all.extend(names.map(|(name, _)| format!("interface {}", name.trim())));
        let rules = Command::new("nft").args(["list", "ruleset"]).output();
        let rules = rules.call("execve(\"nft\")")?.stdout;
        lines("rule", &String::from_utf8_lossy(&rules), &mut all);
        files(Path::new("/run"), &mut all);
        // Where this process would make some. Those in use are somebody else's.
        let own = cgroups::hierarchies()?;
        let is_ours = |group: &PathBuf| {
            own.iter().any(|h| group.parent() == Some(&h.own))
        };
        for group in cgroups::leftovers()?.into_iter().filter(is_ours) {
            all.insert(format!("group {}", group.display()));
        }
        Ok(Self(all))
    }

    /// What the other has not.
    pub(super) fn beyond(&self, other: &Self) -> Vec<String> {
        self.0.difference(&other.0).cloned().collect()
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).call(format_args!("read({path:?})"))
}

fn lines(kind: &str, text: &str, all: &mut BTreeSet<String>) {
    all.extend(text.lines().map(|line| format!("{kind} {}", line.trim())));
}

fn files(directory: &Path, all: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        all.insert(format!("file {}", entry.path().display()));
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files(&entry.path(), all);
        }
    }
}
