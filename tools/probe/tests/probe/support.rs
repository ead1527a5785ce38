//! Starts `probe` in surroundings that the test made, and reads its answer.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use probe::{Fact, Known, Report, Value, Verdict, compare};

pub(crate) const PROBE: &str = env!("CARGO_BIN_EXE_probe");

/// A test that can't run here says so, and how it could. Where nothing may be
/// skipped, in continuous integration, it fails.
pub(crate) fn skip(why: &str) {
    assert!(
        std::env::var_os("WORKSHOP_NO_SKIP").is_none(),
        "may not be skipped here: {why}"
    );
    eprintln!("SKIP: {why}");
}

pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// `unshare OPTIONS PROGRAM`. An ordinary user gets a user namespace too.
/// `None`, and a word about it, where the kernel allows neither.
pub(crate) fn unshare(options: &[&str]) -> Option<Command> {
    let make = || {
        let mut command = Command::new("unshare");
        if !is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(options);
        command
    };
    let works = make().arg("true").output().unwrap().status.success();
    if !works {
        skip("it takes root or user namespaces for ordinary users");
    }
    works.then(make)
}

/// A process that runs `probe --hold`, and what it says of itself.
pub(crate) struct Held {
    child: Child,
    pub(crate) inside: Report,
}

impl Held {
    /// `command` is a probe, or executes its last arguments.
    pub(crate) fn start(mut command: Command, path: &str) -> Self {
        command.arg(path);
        Self::hold(command)
    }

    pub(crate) fn hold(mut command: Command) -> Self {
        let mut child = command
            .args(["--format", "json", "--hold"])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It does not close its output yet: the value ends, not the stream.
        let mut values = serde_json::Deserializer::from_reader(
            child.stdout.as_mut().unwrap(),
        )
        .into_iter();
        let inside = values.next().expect("probe printed nothing").unwrap();
        drop(values);
        Self { child, inside }
    }

    /// The same process, as it is seen from here.
    pub(crate) fn outside(&self) -> Report {
        Report::of_pid(self.child.id() as i32).unwrap()
    }

    /// The same where the command forked: the child of what was started.
    pub(crate) fn outside_of_child(&self) -> Report {
        let pid = self.child.id();
        let path = format!("/proc/{pid}/task/{pid}/children");
        let children = fs::read_to_string(path).unwrap();
        Report::of_pid(children.trim().parse().unwrap()).unwrap()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.child.stdin.take()); // it stays until its input ends
        let status = self.child.wait();
        if !std::thread::panicking() {
            assert!(status.unwrap().success());
        }
    }
}

/// The report of a probe that ran alone, as the others are compared with.
pub(crate) fn reference() -> Report {
    let held = Held::start(Command::new("env"), PROBE);
    held.inside.clone()
}

/// Those resources on which the verdict is `verdict`.
pub(crate) fn with(
    verdict: Verdict,
    report: &Report,
    reference: &Report,
) -> BTreeSet<String> {
    compare(report, reference)
        .into_iter()
        .filter(|one| one.verdict == verdict)
        .map(|one| one.resource)
        .collect()
}

pub(crate) fn verdict(
    name: &str,
    report: &Report,
    reference: &Report,
) -> Verdict {
    let all = compare(report, reference);
    all.into_iter().find(|one| one.resource == name).unwrap().verdict
}

#[track_caller]
pub(crate) fn known<'a>(report: &'a Report, name: &str) -> &'a Known {
    match report.get(name) {
        Some(Fact::Known(known)) => known,
        other => panic!("{name}: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn set<'a>(report: &'a Report, name: &str) -> &'a BTreeSet<String> {
    match &known(report, name).value {
        Value::Set(set) => set,
        other => panic!("{name}: {other:?}"),
    }
}

#[track_caller]
pub(crate) fn number(report: &Report, name: &str, of: &str) -> Option<u64> {
    match &known(report, name).value {
        Value::Numbers(numbers) => numbers[of],
        other => panic!("{name}: {other:?}"),
    }
}

/// A root directory with nothing in it but `/probe`.
pub(crate) struct EmptyRoot(PathBuf);

impl EmptyRoot {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "probe-test-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let root = std::env::temp_dir().join(name);
        fs::create_dir(&root).unwrap();
        fs::copy(PROBE, root.join("probe")).unwrap();
        Self(root)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for EmptyRoot {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What an ordinary user's own user namespace changes besides.
const USER: [&str; 6] =
    ["capabilities", "groups", "id-maps", "ns-user", "user", "root"];

pub(crate) fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// The resources that are not as in the reference, but for the streams, which
/// each process has of its own here, and the user namespace that an ordinary
/// user needs.
pub(crate) fn changed(report: &Report) -> BTreeSet<String> {
    let reference = reference();
    let mut changed = with(Verdict::Private, report, &reference);
    changed.extend(with(Verdict::Limited, report, &reference));
    changed.retain(|name| {
        name != "streams" && (is_root() || !USER.contains(&name.as_str()))
    });
    changed
}
