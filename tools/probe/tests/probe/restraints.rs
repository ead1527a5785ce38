//! What was left open, taken away or limited.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use probe::Verdict;

use crate::support::*;

#[test]
fn a_file_left_open_is_seen() {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\" 7</etc 8<&-", "sh"]);
    let held = Held::start(command, PROBE);
    let etc = fs::metadata("/etc").unwrap();
    let expected = format!("7 directory {}:{}", etc.dev(), etc.ino());
    assert!(set(&held.inside, "files-open").contains(&expected));
    assert_eq!(
        set(&held.inside, "files-open"),
        set(&held.outside(), "files-open")
    );
    assert!(!set(&reference(), "files-open").contains(&expected));
}

#[test]
fn lower_limits_limit() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]);
    let held = Held::start(command, PROBE);
    assert_eq!(number(&held.inside, "rlimits", "nofile soft"), Some(64));
    assert_eq!(changed(&held.inside), names(&["rlimits"]));
}

#[test]
fn no_new_privs_limits() {
    let mut command = Command::new("setpriv");
    command.arg("--no-new-privs");
    let held = Held::start(command, PROBE);
    assert_eq!(changed(&held.inside), names(&["no-new-privs"]));
}

#[test]
fn a_seccomp_filter_limits() {
    let mut command = Command::new(PROBE);
    // SAFETY: the closure only makes two system calls, which is what may be
    // done between fork(2) and execve(2).
    unsafe { command.pre_exec(allow_everything) };
    let held = Held::hold(command);
    assert_eq!(number(&held.inside, "seccomp", "mode"), Some(2));
    assert_eq!(number(&held.inside, "seccomp", "filters"), Some(1));
    assert_eq!(changed(&held.inside), names(&["no-new-privs", "seccomp"]));
}

/// A filter that lets every call pass is a filter.
fn allow_everything() -> std::io::Result<()> {
    nix::sys::prctl::set_no_new_privs()?;
    let allow = libc::SECCOMP_RET_ALLOW;
    let code = (libc::BPF_RET | libc::BPF_K) as u16;
    let mut filter = [libc::sock_filter { code, jt: 0, jf: 0, k: allow }];
    let program = libc::sock_fprog { len: 1, filter: filter.as_mut_ptr() };
    let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
    // SAFETY: the kernel reads the program and its one instruction, which
    // both live until the call returns.
    let answer =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    nix::errno::Errno::result(answer)?;
    Ok(())
}

#[test]
fn a_smaller_bounding_set_limits() {
    if !is_root() {
        return skip("it takes root (CAP_SETPCAP)");
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set", "-sys_admin"]);
    let held = Held::start(command, PROBE);
    assert_eq!(
        verdict("capabilities", &held.inside, &reference()),
        Verdict::Limited
    );
    let found = set(&held.inside, "capabilities");
    assert!(!found.contains("bounding CAP_SYS_ADMIN"));
    assert!(found.contains("bounding CAP_CHOWN"));
}

#[test]
fn a_cgroup_of_its_own_is_private_and_its_limit_counts() {
    let Some(group) = Cgroup::new() else {
        return skip("it takes root and the cgroup controller pids");
    };
    fs::write(group.0.join("pids.max"), "50").unwrap();
    let mut command = Command::new("sh");
    let procs = group.0.join("cgroup.procs");
    let script = format!("echo 0 > {} && exec \"$@\"", procs.display());
    command.args(["-c", &script, "sh"]);
    let held = Held::start(command, PROBE);
    assert_eq!(number(&held.inside, "cgroup-limits", "pids"), Some(50));
    assert_eq!(changed(&held.inside), names(&["cgroups", "cgroup-limits"]));
}

/// A group of its own, with a limit on processes, of either version.
struct Cgroup(PathBuf);

impl Cgroup {
    fn new() -> Option<Self> {
        let name = format!("probe-test-{}", std::process::id());
        ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].iter().find_map(|top| {
            let group = Path::new(top).join(&name);
            fs::create_dir(&group).ok()?;
            let group = Self(group);
            group.0.join("pids.max").exists().then_some(group)
        })
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        fs::remove_dir(&self.0).unwrap();
    }
}
