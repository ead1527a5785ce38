//! What the tests of all steps share.
//!
//! A claim about isolation reads the kernel, from outside, and never what the
//! program under test printed. It is proven from two sides: it holds in the
//! step that makes it and fails in the step before. And it fails for a liar
//! that prints what is expected and isolates nothing.

mod groups;
pub mod missing;
mod sandbox;
mod trace;

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::FromRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use workshop::host::{Host, Ids, only_child};
use workshop::ladder::Step;

pub use groups::ParentGroup;
pub use sandbox::{Sandbox, field, step_in, step_on};
pub use trace::{End, Trace, a_hundred};

/// The answer to a claim: nothing, or what the kernel says instead.
pub type Verdict = Result<(), String>;

/// Says that `claim` holds in `step`, fails in the step it builds on, and
/// fails for the liar.
pub fn isolates(step: &str, claim: fn(&Sandbox) -> Verdict) {
    isolates_with(step, &[], claim);
}

/// The same for a step that is given `options`, which the step before doesn't
/// have.
pub fn isolates_with(
    step: &str,
    options: &[&str],
    claim: fn(&Sandbox) -> Verdict,
) {
    let step = Step::find(step).expect("a step of the ladder");
    let base = step.base().expect("a step with a step before it");

    let before = Sandbox::start(base.name, base, &[]).expect("it starts");
    assert!(
        claim(&before).is_err(),
        "the claim holds in {} already: it proves nothing about {}",
        base.name,
        step.name
    );
    let sandbox = Sandbox::start(step.name, step, options).expect("it starts");
    if let Err(found) = claim(&sandbox) {
        panic!("{} does not isolate: {found}", step.name);
    }
    let lie = Sandbox::start("liar", step, options).and_then(|s| claim(&s));
    assert!(lie.is_err(), "a program that isolates nothing passes the test");
}

/// Says that `claim` holds in `step` and in the step it builds on: it is not
/// this step that changes it.
pub fn still_shares(step: &str, claim: fn(&Sandbox) -> Verdict) {
    let step = Step::find(step).expect("a step of the ladder");
    for step in step.base().into_iter().chain([step]) {
        let sandbox = Sandbox::start(step.name, step, &[]).expect("it starts");
        if let Err(found) = claim(&sandbox) {
            panic!("{} isolates what it should not yet: {found}", step.name);
        }
    }
}

/// The claim that all namespaces are those of the host.
pub fn every_namespace(sandbox: &Sandbox) -> Verdict {
    for name in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
        let link = format!("ns/{name}");
        same(sandbox.identity(&link), sandbox.host_identity(&link))?;
    }
    Ok(())
}

/// Says that containers on one root file system don't meet: each starts,
/// whichever others start and end at that moment, and nothing is left.
pub fn starts_while_others_end(step: &str) {
    let host = Host::start().expect("a pretend host");
    let rootfs = rootfs();
    let before = Trace::of(&host, &rootfs);
    let script = "for worker in $(seq 8); do
            for n in $(seq 50); do \"$0\" \"$1\" true || echo $?; done &
        done; wait";
    let mut shell = host.command("timeout");
    shell
        .args([&nearly_patience(), "bash", "-c", script])
        .args([&program(step), &rootfs]);
    let output = shell.in_time();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(Trace::of(&host, &rootfs), before);
}

/// Says that a host is the same before and after, however the step ends.
pub fn leaves_no_trace(step: &str) {
    let step = Step::find(step).expect("a step of the ladder");
    let parent; // Of groups. It goes when the host has gone.
    let host = Host::start().expect("a pretend host");
    let copy = rootfs_copy(step.name);
    let rootfs = &copy.0;
    // A command that is process 1 gets no signal that it has no handler for.
    let has_pid = step.lineage().iter().any(|step| step.name == "03-pid");
    let mut options = if has_pid { vec!["--init"] } else { vec![] };
    let has_groups = step.lineage().iter().any(|s| s.name == "10-cgroups");
    // Others have groups at the same time: what is in this one is ours.
    parent = (has_groups && host.ids() == Ids::All)
        .then(|| ParentGroup::make("trace"));
    if let Some(parent) = &parent {
        options.extend(["--cgroup-parent", &parent.name]);
    }
    let groups = || parent.as_ref().map_or(0, ParentGroup::children);
    let run = |command: &[&str]| {
        step_in(rootfs, &host, step.name, step, &options, command)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts")
    };
    let before = Trace::of(&host, rootfs);
    let unchanged = |how: &str| {
        eventually(&format!("the host is as before after {how}"), || {
            Trace::of(&host, rootfs) == before && groups() == 0
        });
    };
    status_of(&mut run(&["true"]));
    unchanged("success");
    status_of(&mut run(&["false"]));
    unchanged("failure");
    status_of(&mut run(&["no-such-program"]));
    unchanged("a command that is not there");
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGKILL] {
        let mut nsenter = run(&["sleep", "1000"]);
        eventually("the command runs", || {
            Trace::of(&host, rootfs).has_process("sleep")
        });
        let tool = only_child(nsenter.id()).expect("the step") as i32;
        // SAFETY: kill(2) touches no memory; nsenter has not yet waited for
        // its child.
        assert_eq!(unsafe { libc::kill(tool, signal) }, 0);
        status_of(&mut nsenter);
        eventually(&format!("no trace is left of signal {signal}"), || {
            Trace::of(&host, rootfs) == before
        });
        // Nobody is left to remove the group of a killed one; who comes next
        // does. That must hide nothing else, so it comes after the look.
        if signal == libc::SIGKILL && parent.is_some() {
            eventually("the group is gone", || {
                status_of(&mut run(&["true"]));
                groups() == 0
            });
        }
        unchanged(&format!("signal {signal}"));
    }
}

/// A root file system that no other test changes meanwhile.
fn rootfs_copy(name: &str) -> Beside {
    let copy = Beside::the_rootfs(name);
    let mut cp = Command::new("cp");
    let status = cp.arg("-a").arg(rootfs().join(".")).arg(&copy.0).status();
    assert!(status.expect("cp").success(), "cp -a to {:?}", copy.0);
    copy
}

/// An empty directory beside the root file system, for as long as it is held.
pub struct Beside(pub PathBuf);

impl Beside {
    /// Makes it, for the tests of the step `name`.
    pub fn the_rootfs(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // By this name `workshop clean` finds it, should the test be killed.
        let name = format!(".{name}-{number}.{}", std::process::id());
        let path = rootfs().with_file_name(name);
        std::fs::create_dir(&path).expect("mkdir");
        Self(path)
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Says that the tool names what went wrong, gives a hint, and exits so.
pub fn refuses(mut tool: Command, code: i32, message: &str) {
    let output = tool.in_time();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains(message), "{message:?} is not in {text:?}");
    assert!(text.contains("\nhint: "), "no hint in {text:?}");
    assert_eq!(output.status.code(), Some(code));
}

/// As [`Command::output`], for a tool that a bug may keep from its end.
pub trait InTime {
    /// What it prints; panics if it does not end.
    fn in_time(&mut self) -> Output;
}

impl InTime for Command {
    fn in_time(&mut self) -> Output {
        // Files, and no pipes: what the tool leaves behind holds up nobody.
        let (mut stdout, mut stderr) = (memory_file(), memory_file());
        let copy = |file: &File| file.try_clone().expect("a descriptor");
        self.stdin(Stdio::null()).stdout(copy(&stdout)).stderr(copy(&stderr));
        let status = status_of(&mut self.spawn().expect("it starts"));
        let read = |file: &mut File| {
            let mut bytes = Vec::new();
            file.rewind().expect("a file");
            file.read_to_end(&mut bytes).expect("a file");
            bytes
        };
        let (stdout, stderr) = (read(&mut stdout), read(&mut stderr));
        Output { status, stdout, stderr }
    }
}

/// A file without a name: memfd_create(2).
fn memory_file() -> File {
    // SAFETY: the name is a C string, and is copied.
    let fd =
        unsafe { libc::memfd_create(c"output".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(fd >= 0, "memfd_create: {}", std::io::Error::last_os_error());
    // SAFETY: the descriptor is new, and nobody else knows of it.
    unsafe { File::from_raw_fd(fd) }
}

/// `Ok` if both are the same, or what differs.
pub fn same<T: PartialEq + std::fmt::Debug>(found: T, expected: T) -> Verdict {
    if found == expected {
        return Ok(());
    }
    Err(format!("{found:?}, not {expected:?}"))
}

/// `Ok` if they differ.
pub fn different<T: PartialEq + std::fmt::Debug>(a: T, b: T) -> Verdict {
    same(a == b, false).map_err(|_| format!("both are {a:?}"))
}

/// A program that cargo built: the tests of one step also run the step before
/// it, and the tools.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let built = test.parent().and_then(Path::parent).expect("target/…/debug");
    let program = built.join(name);
    assert!(
        program.exists(),
        "{program:?} is not built: run `cargo workshop test`, or `cargo build`"
    );
    program
}

/// The small root file system that `cargo workshop setup` makes.
pub fn rootfs() -> PathBuf {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let rootfs = top.join("rootfs/busybox");
    assert!(
        rootfs.join("bin/busybox").exists(),
        "{rootfs:?} is missing: run `cargo workshop setup`"
    );
    rootfs.canonicalize().expect("a path without links")
}

/// Says on the terminal that a test can't run here, why, and how it could.
///
/// Where nothing may be skipped, in continuous integration, it fails.
#[macro_export]
macro_rules! skip {
    ($why:expr, $remedy:expr) => {{
        $crate::report_skip(module_path!(), $why, $remedy);
        return;
    }};
}

/// The same for what runs in another place, such as a guest: no failure here.
/// `workshop test --union` sees whether it ran there.
#[macro_export]
macro_rules! elsewhere {
    ($why:expr, $remedy:expr) => {{
        $crate::note_skip(module_path!(), $why, $remedy);
        return;
    }};
}

/// See [`skip!`].
pub fn report_skip(test: &str, why: &str, remedy: &str) {
    assert!(
        std::env::var_os("WORKSHOP_NO_SKIP").is_none(),
        "{} may not be skipped here: {why}; {remedy}",
        name_or(test)
    );
    note_skip(test, why, remedy);
}

/// See [`elsewhere!`].
pub fn note_skip(test: &str, why: &str, remedy: &str) {
    use std::io::Write;
    let line = format!("{}: {why}; {remedy}\n", name_or(test));
    // `workshop test` collects them. Else not by `eprintln`, which the test
    // harness hides when a test passes.
    match std::env::var_os("WORKSHOP_SKIPS") {
        Some(list) => std::fs::OpenOptions::new()
            .append(true)
            .open(list)
            .and_then(|mut list| list.write_all(line.as_bytes())),
        None => std::io::stderr().write_all(format!("SKIP {line}").as_bytes()),
    }
    .expect("a place for the reason");
}

/// The harness names the thread for the test.
fn name_or(test: &str) -> String {
    std::thread::current().name().unwrap_or(test).to_owned()
}

/// Whether the whole machine is a virtual one that was made for the tests: its
/// settings are nobody else's.
pub fn machine_is_ours() -> bool {
    let words = std::fs::read_to_string("/proc/cmdline");
    words.expect("a command line").contains("workshop.job=")
}

/// Waits for a process, but not for ever.
pub fn status_of(child: &mut Child) -> ExitStatus {
    let mut status = None;
    eventually("the process ends", || {
        status = child.try_wait().expect("a status");
        status.is_some()
    });
    status.expect("a status")
}

/// How long a test waits for what must happen: thirty seconds, or as many as
/// WORKSHOP_PATIENCE says, which an emulated machine needs.
pub fn patience() -> Duration {
    let patience = std::env::var("WORKSHOP_PATIENCE");
    let seconds = patience.ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(30))
}

/// Waits until `condition` holds; panics with `what` if it takes too long.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience(), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until what `look` sees is as expected; shows the difference if it
/// takes too long.
pub fn becomes(what: &str, expected: &str, look: impl Fn() -> String) {
    let start = Instant::now();
    let mut found = look();
    while found != expected && start.elapsed() < patience() {
        std::thread::sleep(Duration::from_millis(20));
        found = look();
    }
    let lacks = |text: &str, line: &&str| !text.lines().any(|l| l == *line);
    let more: Vec<_> = found.lines().filter(|l| lacks(expected, l)).collect();
    let less: Vec<_> = expected.lines().filter(|l| lacks(&found, l)).collect();
    assert!(found == expected, "after {what}: more {more:#?}, less {less:#?}");
}

/// The words for a shell that clean a pretend host with `workshop clean`. From
/// there the machine's processes can't be seen, so what they use would seem to
/// be left behind: it is covered.
pub fn clean() -> String {
    format!(
        "for busy in '{}' /tmp /sys/fs/cgroup; do
            mount -n -t tmpfs none \"$busy\" || exit
        done
        TMPDIR=/tmp '{}' clean",
        workshop::repository::rootfs().display(),
        program("workshop").display()
    )
}

/// Nearly as many seconds, for timeout(1): it ends before the test does.
pub fn nearly_patience() -> String {
    (patience().as_secs() - 1).to_string()
}
