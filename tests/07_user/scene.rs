//! A pretend host with files that a test may spoil.

use std::process::{Command, Output};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use support::{Beside, program, rootfs, step_in};
use workshop::host::{Host, Ids};
use workshop::ladder::Step;

/// A pretend host. On its `/mnt` are `rootfs`, an empty directory `volume`,
/// `step`, the program, and `users`, which belongs to the ordinary user and
/// has a `rootfs` of his own.
pub(crate) struct Scene {
    pub(crate) host: Host,
    _place: Option<Beside>,
    settings: Option<RwLockReadGuard<'static, ()>>,
}

/// Those of the kernel's that all tests share. Every scene is a reader.
static SETTINGS: RwLock<()> = RwLock::new(());

const PREPARE: &str = "
    mkdir /mnt/volume /mnt/rootfs
    tar -C $ROOTFS --exclude attacks --exclude probe -c . |
        tar -C /mnt/rootfs --no-same-owner -x
    cp $STEP /mnt/step
";

/// Somebody who is nobody in particular.
pub(crate) const USER: &str = "4242";

impl Scene {
    pub(crate) fn start() -> Self {
        Self::on(Host::start().expect("a pretend host"))
    }

    /// One whose root has other users, if there is one.
    pub(crate) fn with_users() -> Option<Self> {
        let scene = Self::start();
        if scene.host.ids() == Ids::RootOnly {
            return None;
        }
        scene.on_host(&format!(
            "mkdir /mnt/users; cp -a /mnt/rootfs /mnt/users/
            chown -R {USER}:{USER} /mnt/users"
        ));
        Some(scene)
    }

    /// Root's files are beside the kit's own, since a mount can say whose they
    /// are there, and in memory only from Linux 6.3 on. Files of a host that
    /// only pretends to have other users are in memory: nobody could remove
    /// theirs.
    fn on(host: Host) -> Self {
        let place =
            (host.ids() == Ids::All).then(|| Beside::the_rootfs("07-user"));
        let mount = match &place {
            Some(place) => format!("--bind '{}'", place.0.display()),
            None => "-t tmpfs -o mode=755 scene".to_owned(),
        };
        let settings = SETTINGS.read().unwrap_or_else(PoisonError::into_inner);
        let scene = Self { host, _place: place, settings: Some(settings) };
        scene.on_host(&format!("mount -n {mount} /mnt; {PREPARE}"));
        scene
    }

    /// Does what changes such a setting, while there is no other scene.
    pub(crate) fn alone<T>(mut self, act: impl FnOnce(&Self) -> T) -> T {
        self.settings = None;
        let _all = SETTINGS.write().unwrap_or_else(PoisonError::into_inner);
        act(&self)
    }

    /// What a shell on the host prints, which must succeed. It knows `$STEP`,
    /// the program, and `$ROOTFS`, the directory that `setup` has made.
    pub(crate) fn on_host(&self, script: &str) -> String {
        text(&self.host_shell(script).output().expect("a shell"))
    }

    pub(crate) fn host_shell(&self, script: &str) -> Command {
        let mut shell = self.host.command("sh");
        shell.args(["-euc", script]);
        shell.env("STEP", program("07-user")).env("ROOTFS", rootfs());
        shell
    }

    /// The same as an ordinary user, in the groups that are named.
    pub(crate) fn user_shell(&self, groups: &str, script: &str) -> Command {
        let mut shell = self.host.command("setpriv");
        let ids = [format!("--reuid={USER}"), format!("--regid={USER}")];
        let groups = match groups {
            "" => "--clear-groups".into(),
            some => format!("--groups={some}"),
        };
        shell.args(ids).args([&groups, "sh", "-euc", script]);
        shell.env("STEP", "/mnt/step");
        shell
    }

    /// The step, with the root file system that may be spoiled.
    pub(crate) fn tool(&self, options: &[&str], command: &[&str]) -> Command {
        let step = Step::find("07-user").expect("a step of the ladder");
        let rootfs = std::path::Path::new("/mnt/rootfs");
        step_in(rootfs, &self.host, step.name, step, options, command)
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
        let code = output.status.code();
        assert!(code != Some(0), "{script:?} succeeded");
        assert!(code != Some(125), "not even started: {output:?}");
        String::from_utf8(output.stderr).expect("text")
    }
}

pub(crate) fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}
