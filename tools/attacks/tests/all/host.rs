//! A pretend host: namespaces of its own, so that an attack that succeeds
//! changes nothing of the machine.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use attacks::{Outcome, Report};
use nix::unistd::geteuid;

/// The ordinary user that root becomes for a test.
const ORDINARY: u32 = 1000;

/// Who is root of the pretend host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// Root of the machine.
    Real,
    /// An ordinary user, in a user namespace with this one id.
    Mapped,
}

/// A pretend host, with a root file system and a temporary directory.
#[derive(Debug)]
pub(crate) struct Host {
    /// Who is root there.
    pub(crate) root: Root,
    directory: PathBuf,
}

/// One host for each kind of root that can be had here.
pub(crate) fn hosts() -> Vec<Host> {
    let mut hosts = vec![Host::new(Root::Mapped)];
    match geteuid().is_root() {
        true => hosts.push(Host::new(Root::Real)),
        false => eprintln!("SKIP as real root: run the tests with sudo"),
    }
    hosts
}

impl Host {
    fn new(root: Root) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            ".attacks-test-{}.{}", // `workshop clean` knows it by this.
            COUNT.fetch_add(1, Ordering::Relaxed),
            std::process::id()
        );
        let host = Self { root, directory: std::env::temp_dir().join(name) };
        let rootfs = host.rootfs();
        for path in ["", "tmp", "rootfs", "rootfs/usr", "rootfs/usr/bin"] {
            let path = host.directory.join(path);
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o755))
                .unwrap();
            if root == Root::Mapped && geteuid().is_root() {
                chown(&path, Some(ORDINARY), Some(ORDINARY)).unwrap();
            }
        }
        fs::copy(program("attacks"), rootfs.join("usr/bin/attacks")).unwrap();
        symlink("usr/bin", rootfs.join("bin")).unwrap();
        host
    }

    /// A root file system with `attacks` in it, and nothing else.
    pub(crate) fn rootfs(&self) -> PathBuf {
        self.directory.join("rootfs")
    }

    /// Where the canaries go that are outside.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.directory.join("tmp")
    }

    /// A command that runs as root of this host.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut words = Vec::new();
        if self.root == Root::Mapped {
            if geteuid().is_root() {
                let ids = format!("--reuid={ORDINARY} --regid={ORDINARY}");
                words.push("setpriv --clear-groups".into());
                words.push(ids);
            }
            words.push("unshare --user --map-root-user".into());
        } else {
            words.push("unshare".into());
        }
        words.push(
            "--mount --uts --ipc --pid --net --fork --kill-child \
             --mount-proc --propagation private --"
                .into(),
        );
        let words = words.join(" ");
        let mut words = words.split_whitespace();
        let mut command = Command::new(words.next().unwrap());
        command.args(words).arg(program.as_ref());
        command.env("TMPDIR", self.tmp()).env("PATH", path());
        command
    }

    /// `attacks against NAMES -- STEP`.
    pub(crate) fn against(
        &self,
        names: &[&str],
        rootfs: Option<&Path>,
        step: &Command,
    ) -> Vec<Report> {
        let mut command = self.command(program("attacks"));
        command.arg("against").args(names).args(["--format", "json"]);
        if let Some(rootfs) = rootfs {
            command.arg("--rootfs").arg(rootfs);
        }
        command.arg("--").arg(step.get_program()).args(step.get_args());
        let output = command.output().unwrap();
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    /// Each of `reports` is escaped if it is one of `escapes`, and otherwise
    /// contained.
    pub(crate) fn expect(&self, reports: &[Report], escapes: &[&str]) {
        for report in reports {
            let name = report.attack.as_str();
            if report.outcome == Outcome::Untried && self.is_hard(name) {
                eprintln!("SKIP {name}, {:?}: {}", self.root, report.evidence);
                continue;
            }
            let expected = match escapes.contains(&name) {
                true => Outcome::Escaped,
                false => Outcome::Contained,
            };
            assert_eq!(report.outcome, expected, "{:?}: {report:?}", self.root);
        }
    }

    /// What takes more than the planter may be allowed.
    pub(crate) fn is_hard(&self, name: &str) -> bool {
        let is_missing = |path: &str| !Path::new(path).exists();
        match (self.root, name) {
            (_, "open-by-handle") => true,
            (Root::Mapped, "mknod-disk" | "set-uid") => true,
            (Root::Mapped, "core-pattern" | "unmask" | "kept-group") => true,
            (Root::Mapped, "sysrq-trigger" | "kernel-memory") => true,
            (Root::Mapped, "device-node" | "disk-hog") => true,
            (Root::Mapped, "leave-group" | "release-agent") => true,
            // Whoever makes a kernel may leave these out.
            (Root::Real, "sysrq-trigger") => is_missing("/proc/sysrq-trigger"),
            (Root::Real, "kernel-memory") => is_missing("/proc/kcore"),
            (Root::Real, "release-agent") => {
                is_missing("/sys/fs/cgroup/systemd/release_agent")
            }
            (Root::Real, _) | (Root::Mapped, _) => false,
        }
    }

    /// The names of planted directories that are left.
    pub(crate) fn leftovers(&self) -> Vec<PathBuf> {
        [self.tmp(), self.rootfs()]
            .iter()
            .flat_map(|directory| fs::read_dir(directory).unwrap())
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains("attacks-canary-"))
            .collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).unwrap();
    }
}

/// A program of the kit: beside the directory of the running test.
pub(crate) fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join(name);
    assert!(path.exists(), "{path:?} is missing: cargo build --workspace");
    path
}

/// PATH, and where the programs of the kit are.
fn path() -> String {
    let attacks = program("attacks");
    let directory = attacks.parent().unwrap().display();
    format!("{}:{directory}", std::env::var("PATH").unwrap())
}

/// The output as text, of a command that must succeed.
pub(crate) fn text(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
