//! A host on which groups can be made, and containers in them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use cgroups::{INSIDE, Version};
use support::{InTime, program, rootfs, status_of};
use workshop::host::{Host, Ids, only_child};

pub(crate) const NAME: &str = "10-cgroups";

/// The host, or nothing: in a user namespace groups belong to somebody else.
pub(crate) fn host() -> Option<Host> {
    let host = Host::start().expect("a pretend host");
    (host.ids() == Ids::All).then_some(host)
}

macro_rules! host_with_groups {
    () => {
        match $crate::scene::host() {
            Some(host) => host,
            None => support::skip!("groups must be delegated", "sudo"),
        }
    };
}
pub(crate) use host_with_groups;

/// The version that has this controller here.
pub(crate) fn version_of(v1: &str, v2: &str) -> Version {
    tree_of(v1, v2).version
}

fn tree_of(v1: &str, v2: &str) -> cgroups::Hierarchy {
    let trees = cgroups::hierarchies().expect("hierarchies");
    let tree = trees.into_iter().find(|tree| match tree.version {
        Version::V1 => tree.has(v1),
        Version::V2 => tree.has(v2),
    });
    tree.expect("a tree with the controller")
}

/// The step with these options and no others.
pub(crate) fn tool(host: &Host, options: &[&str], command: &[&str]) -> Command {
    let mut tool = host.command(program(NAME));
    tool.args(options).arg(rootfs()).args(command);
    tool
}

pub(crate) fn run(host: &Host, options: &[&str], script: &str) -> Output {
    tool(host, options, &["sh", "-c", script]).in_time()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A container that runs, and where its group is.
pub(crate) struct Running {
    pub(crate) tool: Child,
    pub(crate) pid: u32,
}

impl Running {
    /// One that goes on until its input ends.
    pub(crate) fn start(host: &Host, options: &[&str], script: &str) -> Self {
        let script = format!("echo ready\n{script}\nread -r end");
        Self::of(tool(host, options, &["sh", "-c", &script]))
    }

    /// One that says when it is ready.
    pub(crate) fn of(mut tool: Command) -> Self {
        let mut tool = tool
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = tool.stdout.as_mut().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        assert_eq!(line, "ready\n");
        // Not a descendant of it, which may be on its way to its end.
        let pid = only_child(tool.id()).and_then(only_child);
        let pid = pid.expect("the first process of the container");
        Self { tool, pid }
    }

    /// The lower directory of its group in the tree with this controller.
    pub(crate) fn inside(&self, v1: &str, v2: &str) -> PathBuf {
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", self.pid));
        let groups = groups.expect("its groups");
        let tree = tree_of(v1, v2);
        let names = match tree.version {
            Version::V1 => tree.controllers.join(","),
            Version::V2 => String::new(),
        };
        let path = groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.strip_prefix(&format!("{names}:"))
        });
        let path = path.expect("its group").trim_start_matches('/');
        tree.top.join(path)
    }

    /// The upper one, of the tree with the controller `memory`.
    pub(crate) fn group(&self) -> PathBuf {
        let inside = self.inside("memory", "memory");
        assert!(inside.ends_with(INSIDE), "{inside:?}");
        inside.parent().expect("a group above").into()
    }

    /// As the kit finds it.
    pub(crate) fn found(&self) -> cgroups::Running {
        let group = self.group();
        let name = group.file_name().expect("a name").to_str();
        cgroups::Running::find(name.expect("text")).expect("it runs")
    }

    /// A file in the upper directory.
    pub(crate) fn limit_file(&self, v1: &str, v2: &str, file: &str) -> String {
        let inside = self.inside(v1, v2);
        let above = inside.parent().expect("a group above");
        fs::read_to_string(above.join(file)).expect(file)
    }

    /// Ends its input.
    pub(crate) fn end(mut self) {
        drop(self.tool.stdin.take());
        status_of(&mut self.tool);
    }

    /// Kills the tool: the command may read no input.
    pub(crate) fn kill(self) {
        self.signal(libc::SIGKILL);
    }

    pub(crate) fn signal(mut self, signal: i32) {
        let tool = only_child(self.tool.id()).expect("the step") as i32;
        // SAFETY: kill(2) touches no memory; nsenter has not waited for its
        // child.
        assert_eq!(unsafe { libc::kill(tool, signal) }, 0);
        status_of(&mut self.tool);
    }
}

/// Behind `key` in lines of `key number`.
pub(crate) fn number(text: &str, key: &str) -> u64 {
    let mut lines = text.lines();
    let value = lines.find_map(|l| l.strip_prefix(key)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {key} in {text}"))
}

/// A group of the test's own in each tree, for `--cgroup-parent`.
pub(crate) struct Parent {
    pub(crate) name: String,
    pub(crate) paths: Vec<PathBuf>,
}

impl Parent {
    pub(crate) fn make(name: &str) -> Self {
        let name = format!("test-{name}-{}", std::process::id());
        let make = |tree: cgroups::Hierarchy| {
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
        let trees = cgroups::hierarchies().expect("hierarchies");
        let paths = trees.into_iter().map(make).collect();
        Self { name, paths }
    }

    /// How many groups are in it, of all trees.
    pub(crate) fn children(&self) -> usize {
        let entries = |path| fs::read_dir(path).expect("a group").flatten();
        let is_dir = |entry: &fs::DirEntry| entry.path().is_dir();
        self.paths.iter().flat_map(entries).filter(is_dir).count()
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let remove = |path: &PathBuf| {
            // A test may have made one more.
            let _ = fs::remove_dir(path.join("first"));
            fs::remove_dir(path).is_ok()
        };
        for path in &self.paths {
            match std::thread::panicking() {
                true => drop(remove(path)),
                false => {
                    support::eventually("no group is left", || remove(path))
                }
            }
        }
    }
}
