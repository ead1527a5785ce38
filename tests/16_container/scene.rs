//! A pretend host, on which containers live.

use std::path::PathBuf;
use std::process::{Command, Output};

use support::{Beside, InTime, eventually, program, rootfs};
use workshop::host::{Host, Ids};

use super::NAME;

/// A pretend host. Its `/run`, where containers are written down, is its own.
pub(crate) struct Scene {
    pub(crate) host: Host,
    rootfs: PathBuf,
    _place: Option<Beside>,
}

impl Scene {
    pub(crate) fn start() -> Self {
        let host = Host::start().expect("a pretend host");
        Self { host, rootfs: rootfs(), _place: None }
    }

    /// One with a root file system that may be spoiled, on `/mnt/rootfs`. It
    /// is beside the kit's own, since a mount can say whose its files are
    /// there, and in memory only from Linux 6.3 on.
    pub(crate) fn to_be_spoiled() -> Self {
        let host = Host::start().expect("a pretend host");
        let is_root = host.ids() == Ids::All;
        let place = is_root.then(|| Beside::the_rootfs(NAME));
        let mount = match &place {
            Some(place) => format!("--bind '{}'", place.0.display()),
            None => "-t tmpfs -o mode=755 scene".to_owned(),
        };
        let rootfs_of_kit = rootfs();
        let rootfs = "/mnt/rootfs".into();
        let scene = Self { host, rootfs, _place: place };
        scene.on_host(&format!(
            "mount -n {mount} /mnt
            mkdir /mnt/rootfs
            tar -C {} --exclude attacks --exclude probe -c . |
                tar -C /mnt/rootfs --no-same-owner -x",
            rootfs_of_kit.display()
        ));
        scene
    }

    /// Whether there is another user than root.
    pub(crate) fn has_users(&self) -> bool {
        self.host.ids() != Ids::RootOnly
    }

    /// Whether groups can be made.
    pub(crate) fn has_groups(&self) -> bool {
        self.host.ids() == Ids::All
    }

    /// What a shell on the host prints, which must succeed. It knows `$C`, the
    /// program, `$R`, the root file system, `$RUN` and `$CREATE`, which run or
    /// make a container that needs nothing of the machine, and `$RUN_BRIDGED`,
    /// which runs one with a network.
    pub(crate) fn on_host(&self, script: &str) -> String {
        text(&self.shell(script).in_time())
    }

    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut shell = self.host.command("sh");
        shell.args(["-euc", script]);
        self.set_variables(&mut shell);
        shell
    }

    pub(crate) fn set_variables(&self, command: &mut Command) {
        let (tool, rootfs) = (program(NAME), &self.rootfs);
        let call = |verb: &str, options: Vec<&str>| {
            let options = options.join(" ");
            let rootfs = rootfs.display();
            format!("{} {verb} {options} --rootfs {rootfs}", tool.display())
        };
        command.env("RUN", call("run", self.options()));
        command.env("CREATE", call("create", self.options()));
        command.env("RUN_BRIDGED", call("run", self.groups().to_vec()));
        command.env("C", &tool).env("R", rootfs);
        command.env("ATTACKS", program("attacks"));
    }

    /// What every container here is given.
    pub(crate) fn options(&self) -> Vec<&'static str> {
        [&["--network", "none"], self.groups()].concat()
    }

    /// What says that there are no groups, if none can be made.
    fn groups(&self) -> &'static [&'static str] {
        match self.has_groups() {
            true => &[],
            false => &["--cgroups", "disabled"],
        }
    }

    /// A container that runs a shell and is forgotten.
    pub(crate) fn run(&self, options: &[&str], script: &str) -> Command {
        let mut tool = self.host.command(program(NAME));
        tool.args(["run", "--rm"]).args(self.options()).args(options);
        tool.arg("--rootfs").arg(&self.rootfs).args(["sh", "-euc", script]);
        tool
    }

    /// What a shell inside prints, which must succeed.
    pub(crate) fn inside(&self, options: &[&str], script: &str) -> String {
        text(&self.run(options, script).in_time())
    }

    /// Waits until a shell on the host succeeds.
    pub(crate) fn eventually(&self, script: &str) {
        eventually(script, || self.shell(script).in_time().status.success());
    }

    /// What is written down of all containers.
    pub(crate) fn files(&self) -> String {
        self.on_host("find /run/workshop/containers -mindepth 1 ! -name names")
    }
}

pub(crate) fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}
