//! What a program may leave behind on a host.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use workshop::host::Host;

use super::field;

/// Everything on a pretend host that a step could have changed.
///
/// Compare two of them with `assert_eq!`, which shows what differs.
#[derive(Debug, PartialEq, Eq)]
pub struct Trace {
    hostname: String,
    mounts: Vec<String>,
    links_and_routes: Vec<String>,
    ipc: Vec<String>,
    processes: BTreeSet<String>,
    files: BTreeSet<String>,
}

impl Trace {
    /// Looks at the pretend host, and at a directory tree on it.
    pub fn of(host: &Host, tree: &Path) -> Self {
        let proc = format!("/proc/{}", host.init());
        let lines = |file: &str| {
            let text = fs::read_to_string(format!("{proc}/{file}"));
            text.expect(file).lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let names = |files: &[&str], column: usize| {
            let fields = |line: String| {
                line.split_whitespace().nth(column).map(str::to_owned)
            };
            // The kernel prints no head for a table that was never used.
            let is_head = |name: &String| name == "Iface";
            let all = files.iter().flat_map(|f| lines(f)).filter_map(fields);
            all.filter(|name| !is_head(name)).collect()
        };
        let inside = |program: &str, arguments: &[&str]| {
            let output = host.command(program).args(arguments).output();
            String::from_utf8(output.expect(program).stdout).expect("text")
        };
        let mut files = BTreeSet::new();
        list_files(tree, &mut files);
        Self {
            hostname: inside("hostname", &[]),
            mounts: lines("mountinfo"),
            links_and_routes: names(&["net/dev", "net/route"], 0),
            ipc: inside("ipcs", &[]).lines().map(str::to_owned).collect(),
            processes: processes(host.init()),
            files,
        }
    }

    /// Whether a program of this name runs there.
    pub fn has_process(&self, name: &str) -> bool {
        self.processes.iter().any(|line| line.ends_with(&format!(" {name}")))
    }
}

/// How a tool ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// Its command succeeds.
    Success,
    /// There is no such command.
    Failure,
    /// By SIGKILL, at a moment that nobody chose.
    Killed,
}

/// A shell's script that starts a tool a hundred times, by its words up to the
/// root file system. `$i` counts.
pub fn a_hundred(start: &str, end: End) -> String {
    let act = match end {
        End::Success => format!("{start} true"),
        End::Failure => format!("! {start} no-such-program 2>/dev/null"),
        End::Killed => format!(
            "{start} sleep 1000 &
            pid=$!
            sleep 0.0$((i % 10))$((i / 10))
            kill -KILL $pid; wait $pid || true"
        ),
    };
    format!("i=0; while [ $i -lt 100 ]; do i=$((i + 1)); {act}; done")
}

/// The processes on the host of `init`, zombies included, and those of the pid
/// namespaces that were made there: its own /proc has them all.
fn processes(init: u32) -> BTreeSet<String> {
    let proc = format!("/proc/{init}/root/proc");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(&proc).expect("/proc") {
        let pid = entry.expect("an entry").file_name();
        let pid = pid.to_str().unwrap_or_default();
        let Ok(status) = fs::read_to_string(format!("{proc}/{pid}/status"))
        else {
            continue; // No process, or it has ended since.
        };
        found.insert(format!("{pid} {}", field(&status, "Name")));
    }
    found
}

/// Names, kinds, owners and sizes of all files below `directory`.
fn list_files(directory: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let what = path.symlink_metadata().expect("a file");
        let size = if what.is_file() { what.len() } else { 0 };
        into.insert(format!(
            "{path:?} {:o} {}:{} {size}",
            what.mode(),
            what.uid(),
            what.gid()
        ));
        if what.is_dir() {
            list_files(&path, into);
        }
    }
}
