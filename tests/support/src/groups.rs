//! A place of a test's own for groups of cgroups(7).

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use cgroups::{Hierarchy, Version, hierarchies};

/// A group of the test's own in each tree, for `--cgroup-parent`. Whoever else
/// makes groups at the same time makes them elsewhere.
pub struct ParentGroup {
    /// What `--cgroup-parent` is given.
    pub name: String,
    /// Where it is.
    pub paths: Vec<PathBuf>,
}

impl ParentGroup {
    /// Makes it, directly below the top.
    pub fn make(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test-{name}-{}-{number}", std::process::id());
        let make = |tree: Hierarchy| {
            let path = tree.top.join(&name);
            fs::create_dir(&path).expect("mkdir");
            let is_v1 = tree.version == Version::V1;
            if is_v1 && tree.has("cpuset") {
                for file in ["cpuset.cpus", "cpuset.mems"] {
                    let above = fs::read_to_string(tree.top.join(file));
                    fs::write(path.join(file), above.expect(file)).expect(file);
                }
            }
            path
        };
        let trees = hierarchies().expect("hierarchies");
        let paths = trees.into_iter().map(make).collect();
        Self { name, paths }
    }

    /// How many groups are in it, of all trees.
    pub fn children(&self) -> usize {
        self.paths.iter().flat_map(groups_in).count()
    }
}

fn groups_in(path: &PathBuf) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(path).expect("a group").flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir())
}

impl Drop for ParentGroup {
    fn drop(&mut self) {
        let remove = |path: &PathBuf| {
            // A test may have made one more.
            let _ = fs::remove_dir(path.join("first"));
            fs::remove_dir(path).is_ok()
        };
        for path in &self.paths {
            if !std::thread::panicking() {
                super::eventually("no group is left", || remove(path));
                continue;
            }
            // What a failed test has left, nobody else looks for.
            for group in groups_in(path) {
                let _ = cgroups::remove_leftover(&group);
            }
            remove(path);
        }
    }
}
