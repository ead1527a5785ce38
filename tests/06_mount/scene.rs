//! A pretend host with files that a test may spoil.

use std::path::PathBuf;
use std::process::{Command, Output};

use support::missing::{CLONE3, MOUNT_API, without_calls};
use support::{program, rootfs, step_in};
use workshop::host::{Host, Ids};
use workshop::ladder::Step;

/// A pretend host. All that its tests write is in a file system in memory on
/// its `/mnt`, which goes when it goes: an empty directory `volume`, and
/// `rootfs`.
pub(crate) struct Scene {
    pub(crate) host: Host,
    /// The system calls that its kernel seems not to have.
    missing: Vec<u32>,
}

const PREPARE: &str = "
    mount -n -t tmpfs -o mode=755 scene /mnt
    mkdir /mnt/volume /mnt/rootfs
    # The tools of the kit are large, and not needed.
    tar -C $ROOTFS --exclude attacks --exclude probe -c . |
        tar -C /mnt/rootfs --no-same-owner -x
";

/// One on the kernel as it is, one on a kernel that lacks the newer calls:
/// all that holds must hold on both.
pub(crate) fn scenes() -> [Scene; 2] {
    [Scene::start(&[]), Scene::start(&older())]
}

/// The same, and one of each kind in a user namespace, where that can be had.
pub(crate) fn scenes_of_all() -> Vec<Scene> {
    let range = Host::start_with(Ids::Range).ok();
    let root_only = Host::start_with(Ids::RootOnly).ok();
    let range = range.map(|host| Scene::on(host, &[]));
    let root_only = root_only.map(|host| Scene::on(host, &older()));
    scenes().into_iter().chain(range).chain(root_only).collect()
}

/// Both on a host with these users and groups.
pub(crate) fn scenes_with(ids: Ids) -> Option<[Scene; 2]> {
    let hosts = [Host::start_with(ids).ok()?, Host::start_with(ids).ok()?];
    let [new, old] = hosts;
    Some([Scene::on(new, &[]), Scene::on(old, &older())])
}

#[test]
fn user_namespaces_are_among_the_scenes() {
    if let Err(error) = Host::start_with(Ids::RootOnly) {
        support::skip!(
            &error.to_string(),
            "`cargo workshop doctor` says what it takes"
        );
    }
}

/// What Linux 5.1 does not have.
fn older() -> Vec<u32> {
    [&MOUNT_API[..], &[CLONE3]].concat()
}

impl Scene {
    /// On a kernel without these calls.
    pub(crate) fn start(missing: &[u32]) -> Self {
        Self::on(Host::start().expect("a pretend host"), missing)
    }

    fn on(host: Host, missing: &[u32]) -> Self {
        let scene = Self { host, missing: missing.into() };
        scene.on_host(PREPARE);
        scene
    }

    /// What a shell on the host prints, which must succeed. It knows `$STEP`,
    /// the program, and `$ROOTFS`, the directory that `setup` has made.
    pub(crate) fn on_host(&self, script: &str) -> String {
        text(&self.host_shell(script).output().expect("a shell"))
    }

    pub(crate) fn host_shell(&self, script: &str) -> Command {
        let mut shell = self.host.command("sh");
        shell.args(["-euc", script]);
        shell.env("STEP", program("06-mount")).env("ROOTFS", rootfs());
        without_calls(&mut shell, &self.missing);
        shell
    }

    /// The step, with the root file system that may be spoiled.
    pub(crate) fn tool(&self, options: &[&str], command: &[&str]) -> Command {
        let step = Step::find("06-mount").expect("a step of the ladder");
        let rootfs = PathBuf::from("/mnt/rootfs");
        let mut tool =
            step_in(&rootfs, &self.host, step.name, step, options, command);
        without_calls(&mut tool, &self.missing);
        tool
    }

    /// What a shell inside prints, which must succeed.
    pub(crate) fn inside(&self, options: &[&str], script: &str) -> String {
        let command = ["sh", "-euc", script];
        text(&self.tool(options, &command).output().expect("a shell"))
    }

    /// What a shell inside says when its last command fails, as it must.
    pub(crate) fn refused(&self, options: &[&str], script: &str) -> String {
        let mut tool = self.tool(options, &["sh", "-c", script]);
        let output = tool.output().expect("a shell");
        assert!(!output.status.success(), "{script:?} succeeded");
        String::from_utf8(output.stderr).expect("text")
    }

    /// A file of the host's /proc, as its first process finds it.
    pub(crate) fn host_mounts(&self) -> String {
        let path = format!("/proc/{}/mountinfo", self.host.init());
        std::fs::read_to_string(path).expect("a mount table")
    }

    /// Where this test finds a path of the host.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        format!("/proc/{}/root{path}", self.host.init()).into()
    }
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}
