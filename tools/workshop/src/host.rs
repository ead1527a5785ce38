//! A pretend host: a process in namespaces of its own, in which everything
//! may be tried that would harm the real host.
//!
//! Whoever enters it is root there, has a process table, a host name, a
//! network and a mount table to ruin, and takes nothing along when it ends.
//! Tests, demonstrations and attacks run inside one, so they need no root on
//! the machine and leave no trace on it.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use nix::unistd::{Uid, geteuid};
use process::{Call, Error, Result};

/// What the first process of the pretend host does. It gives the host a /dev,
/// a /run and a name of its own (`mount -n`, since there is no writing down what
/// is mounted for others; from a table, since each program that is started costs
/// every test a little, and much in an emulated guest; `own-run`, since mount(8)
/// leaves out what is mounted already by the same name; the mount on `shm` hides
/// the table). Last, as systemd does on the machines that people have, it makes
/// every mount shared: a step that forgets to make its own private leaks them
/// into the pretend host, and is found out. Into the machine nothing leaks,
/// since `--propagation=private` came first: only copies of these mounts are
/// peers (mount_namespaces(7)).
///
/// Where systemd runs, the groups of cgroups(7) are its own, here too: so the way
/// to it stays open.
///
/// Then it says that all is ready, and lives as long as somebody holds the
/// other end of its standard input, so that it can't outlive a test that was
/// killed. With SIGCHLD ignored the kernel removes orphans as an init would
/// (NOTES in wait(2)).
const INIT: &str = "
set -e
mount -n -t tmpfs -o mode=755 dev /mnt
mkdir /mnt/mqueue /mnt/pts /mnt/shm
table='/dev/pts /mnt/pts none rbind
mqueue /mnt/mqueue mqueue
shm /mnt/shm tmpfs mode=1777
own-run /run tmpfs mode=755'
for node in full loop-control null random tty urandom zero; do
    [ -e /dev/$node ] || continue
    : > /mnt/$node
    table=\"$table
/dev/$node /mnt/$node none bind\"
done
if [ -S /run/systemd/private ]; then
    mkdir /mnt/systemd
    mount -n --rbind /run/systemd /mnt/systemd
fi
echo \"$table\" > /mnt/shm/table
mount -n --all --fstab /mnt/shm/table
if [ -d /mnt/systemd ]; then
    mkdir /run/systemd
    mount -n --move /mnt/systemd /run/systemd
    rmdir /mnt/systemd
fi
ln -s pts/ptmx /proc/self/fd /mnt
mount -n --move /mnt /dev
mount -n --make-rshared /
hostname host
echo ready
exec env --ignore-signal=CHLD cat
";

/// A group whose members may read and write the disks.
const DISK: &str = "6";

/// A running pretend host. Dropping it ends every process inside.
#[derive(Debug)]
pub struct Host {
    unshare: Child,
    stdin: Option<ChildStdin>,
    init: u32,
    ids: Ids,
}

/// Which users and groups exist in the pretend host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ids {
    /// As on the machine: it was started by root.
    All,
    /// Root and a range of subordinate ids: see subuid(5).
    Range,
    /// Root alone: the user has no subordinate ids, or newuidmap(1) is not
    /// installed.
    RootOnly,
}

impl Host {
    /// Starts one with the most users and groups that this machine grants.
    pub fn start() -> Result<Self> {
        if geteuid().is_root() {
            return Self::start_with(Ids::All);
        }
        Self::start_with(Ids::Range)
            .or_else(|_| Self::start_with(Ids::RootOnly))
    }

    /// Starts one with these users and groups.
    pub fn start_with(ids: Ids) -> Result<Self> {
        let mut unshare = Command::new("unshare")
            .args(["--mount", "--propagation=private", "--uts", "--ipc"])
            .args(["--net", "--pid", "--fork", "--kill-child"])
            .arg("--mount-proc")
            .args(match ids {
                Ids::All => &[][..],
                Ids::Range => &["--user", "--map-root-user", "--map-auto"],
                Ids::RootOnly => &["--user", "--map-root-user"],
            })
            .args(["--", "sh", "-c", INIT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .call("execve(\"unshare\")")?;
        let stdin = unshare.stdin.take();
        let mut ready = String::new();
        if let Some(stdout) = unshare.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut ready)
                .call("read(unshare)")?;
        }
        if ready != "ready\n" {
            return Err(refusal(unshare));
        }
        let init = only_child(unshare.id())?;
        Ok(Self { unshare, stdin, init, ids })
    }

    /// A command that will run inside, as root, with `/` as its working
    /// directory.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.to_string()]);
        command.args(["--mount", "--uts", "--ipc", "--net", "--pid"]);
        if self.ids != Ids::All {
            command.args(["--user", "--preserve-credentials"]);
        }
        command.arg("--").arg(program);
        command
    }

    /// The same, as a careless caller starts it: in the group `disk`, with a
    /// secret in a small environment, and with the root directory left open.
    /// What of that the program gets is what a step is asked.
    pub fn careless_command(
        &self,
        program: impl AsRef<std::ffi::OsStr>,
    ) -> Command {
        let groups = match self.ids {
            Ids::RootOnly => "--keep-groups".into(), // There is no other.
            Ids::All | Ids::Range => format!("--groups={DISK}"),
        };
        let mut command = self.command("sh");
        command.args(["-c", "exec 9</; exec setpriv \"$@\"", "sh", &groups]);
        command.env_clear().envs([
            ("PATH", process::DEFAULT_PATH),
            ("HOME", "/root"),
            ("CALLERS_SECRET", "s3cret"),
        ]);
        command.arg("--").arg(program);
        command
    }

    /// By which number `pid`, a number on the real host, is known inside.
    pub fn number_of(&self, pid: u32) -> Result<String> {
        // One number for each level of pid namespaces: proc_pid_status(5).
        let numbers = |pid: u32| -> Result<Vec<String>> {
            let path = format!("/proc/{pid}/status");
            let status = std::fs::read_to_string(&path)
                .call(format_args!("open({path:?})"))?;
            let line = status.lines().find_map(|l| l.strip_prefix("NSpid:"));
            let line = line.unwrap_or_default();
            Ok(line.split_whitespace().map(str::to_owned).collect())
        };
        let level = numbers(self.init)?.len();
        numbers(pid)?.into_iter().nth(level.saturating_sub(1)).ok_or_else(
            || Error::new(format_args!("process {pid} is not on this host")),
        )
    }

    /// Ends every process inside.
    pub fn stop(&mut self) {
        // The first process reads the end of its input and ends; the kernel
        // kills the rest of its pid namespace: pid_namespaces(7).
        drop(self.stdin.take());
        // Nobody is left to tell if that fails.
        let _ = self.unshare.wait();
    }

    /// The number, on the real host, of the pretend host's first process.
    pub fn init(&self) -> u32 {
        self.init
    }

    /// Which users and groups exist inside.
    pub fn ids(&self) -> Ids {
        self.ids
    }

    /// A user without rights who exists inside, for those who must be none in
    /// particular.
    pub fn nobody(&self) -> Uid {
        match self.ids {
            Ids::RootOnly => Uid::from_raw(0),
            Ids::All | Ids::Range => Uid::from_raw(65534),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Why unshare(1) gave up, in its own words.
fn refusal(unshare: Child) -> Error {
    let said = unshare
        .wait_with_output()
        .map(|output| String::from_utf8_lossy(&output.stderr).into_owned())
        .unwrap_or_else(|error| error.to_string());
    Error::new(format_args!("no pretend host: {}", said.trim_end())).with_hint(
        "`cargo workshop doctor` says what is in the way of namespaces; \
             root needs no user namespace: sudo env PATH=\"$PATH\" …",
    )
}

/// The one process that `parent` started.
pub fn only_child(parent: u32) -> Result<u32> {
    match children(parent).as_slice() {
        [child] => Ok(*child),
        several => Err(Error::new(format_args!(
            "process {parent} has the children {several:?}, not one"
        ))),
    }
}

/// The youngest of a line of first children: a step that was started inside is
/// the child of nsenter(1), and its command is its child in turn. The first,
/// since a step may start a helper after its command, but never before.
pub fn first_descendant(pid: u32) -> u32 {
    match children(pid).first() {
        Some(child) => first_descendant(*child),
        None => pid,
    }
}

/// The oldest first; none, if there is no such process.
fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
