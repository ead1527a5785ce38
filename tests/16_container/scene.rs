//! A pretend host, on which containers live.

use std::process::{Command, Output};

use support::{InTime, eventually, program, rootfs};
use workshop::host::{Host, Ids};

use super::NAME;

/// A pretend host. Its `/run`, where containers are written down, is its own.
pub(crate) struct Scene {
    pub(crate) host: Host,
}

impl Scene {
    pub(crate) fn start() -> Self {
        Self { host: Host::start().expect("a pretend host") }
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
    /// program, `$R`, the root file system, and `$RUN`, which runs a container
    /// that needs nothing of the machine.
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
        let (tool, rootfs) = (program(NAME), rootfs());
        let options = self.options().join(" ");
        let run = format!(
            "{} run {options} --rootfs {}",
            tool.display(),
            rootfs.display()
        );
        command.env("C", tool).env("R", rootfs).env("RUN", run);
    }

    /// What every container here is given.
    pub(crate) fn options(&self) -> Vec<&'static str> {
        let mut options = vec!["--network", "none"];
        if !self.has_groups() {
            options.extend(["--cgroups", "disabled"]);
        }
        options
    }

    /// A container that runs a shell and is forgotten.
    pub(crate) fn run(&self, options: &[&str], script: &str) -> Command {
        let mut tool = self.host.command(program(NAME));
        tool.args(["run", "--rm"]).args(self.options()).args(options);
        tool.arg("--rootfs").arg(rootfs()).args(["sh", "-euc", script]);
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
