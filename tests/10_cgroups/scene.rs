//! A host on which groups can be made, and containers in them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
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

/// Of the lines of /proc/PID/cgroup those of the trees that are mounted: a
/// container is moved in no other.
pub(crate) fn in_reach(groups: &str) -> Vec<&str> {
    let trees = cgroups::hierarchies().expect("hierarchies");
    let names: Vec<_> = trees.iter().map(cgroups::Hierarchy::name).collect();
    let is_mounted = |line: &&str| {
        let name = line.split(':').nth(1).expect("a name");
        names.iter().any(|other| other == name)
    };
    groups.lines().filter(is_mounted).collect()
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
        let path = groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            rest.strip_prefix(&format!("{}:", tree.name()))
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

    /// How long somebody in it stood still for want of it, if the kernel counts.
    pub(crate) fn pressure_file(&self, of: &str) -> Option<PathBuf> {
        let trees = cgroups::hierarchies().expect("hierarchies");
        let is_v2 = |tree: &&cgroups::Hierarchy| tree.version == Version::V2;
        let tree = trees.iter().find(is_v2)?;
        let groups = fs::read_to_string(format!("/proc/{}/cgroup", self.pid));
        let groups = groups.expect("its groups");
        let path = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
        let file = tree.top.join(path).join(format!("{of}.pressure"));
        fs::read_to_string(&file).is_ok().then_some(file)
    }

    /// A file in the upper directory.
    pub(crate) fn limit_file(&self, v1: &str, v2: &str, file: &str) -> String {
        let inside = self.inside(v1, v2);
        let above = inside.parent().expect("a group above");
        fs::read_to_string(above.join(file)).expect(file)
    }

    /// What it says when it has read that, and ends.
    pub(crate) fn says_after(mut self, line: &str) -> String {
        let mut stdin = self.tool.stdin.take().expect("its input");
        stdin.write_all(line.as_bytes()).expect("a write");
        drop(stdin);
        let mut said = String::new();
        let stdout = self.tool.stdout.as_mut().expect("its output");
        stdout.read_to_string(&mut said).expect("text");
        status_of(&mut self.tool);
        said
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
