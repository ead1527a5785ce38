//! 01-chroot: paths begin at another directory, and nothing else changes.

#![allow(clippy::expect_used)] // A test says what it expects.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use support::{Sandbox, different, isolates, program, refuses};
use support::{rootfs, same, step_on, still_shares};
use workshop::host::{Host, Ids};
use workshop::ladder::Step;

/// The step on a pretend host, with a command.
fn chroot(host: &Host, options: &[&str], command: &[&str]) -> Command {
    let step = Step::find("01-chroot").expect("a step of the ladder");
    step_on(host, step.name, step, options, command)
}

fn rootfs_identity() -> (u64, u64) {
    let root = fs::metadata(rootfs()).expect("the root file system");
    (root.dev(), root.ino())
}

// --- What is isolated -------------------------------------------------------

#[test]
fn the_root_directory_is_the_rootfs() {
    isolates("01-chroot", |sandbox| {
        same(sandbox.identity("root"), rootfs_identity())
    });
}

#[test]
fn the_working_directory_is_inside() {
    isolates("01-chroot", |sandbox| {
        same(sandbox.identity("cwd"), rootfs_identity())
    });
}

#[test]
fn a_file_of_the_host_has_no_path() {
    isolates("01-chroot", |sandbox| {
        // This very program, where the command would look for it.
        let test = std::env::current_exe().expect("the path of this test");
        let relative = test.strip_prefix("/").expect("an absolute path");
        let root = format!("/proc/{}/root", sandbox.pid);
        same(Path::new(&root).join(relative).exists(), false)
    });
}

#[test]
fn the_callers_environment_stays_outside() {
    isolates("01-chroot", |sandbox| {
        same(sandbox.proc("environ").contains("CALLERS_SECRET"), false)
    });
}

// --- What still leaks -------------------------------------------------------

#[test]
fn every_namespace_is_still_the_hosts() {
    still_shares("01-chroot", support::every_namespace);
}

#[test]
fn the_command_is_still_root_with_its_capabilities() {
    still_shares("01-chroot", |sandbox| {
        let effective = sandbox.status("CapEff");
        different(effective.trim_matches('0').is_empty(), true)?;
        same(sandbox.status("CapPrm"), effective)
    });
}

#[test]
fn the_callers_groups_are_still_the_commands() {
    let host = Host::start().expect("a pretend host");
    if host.ids() == Ids::RootOnly {
        support::skip!("it takes a second group", "see subgid(5)");
    }
    still_shares("01-chroot", |sandbox| {
        different(sandbox.status("Groups"), String::new())
    });
}

#[test]
fn open_files_are_still_inherited() {
    still_shares("01-chroot", |sandbox| same(leaked_file(sandbox), true));
}

/// Whether the file that the tool's caller left open is open in the command.
fn leaked_file(sandbox: &Sandbox) -> bool {
    sandbox.open_files().contains(&"9".to_owned())
}

// --- What must still work ---------------------------------------------------

#[test]
fn the_command_begins_in_its_root() {
    let host = Host::start().expect("a pretend host");
    chroot(&host, &[], &["pwd"]).assert().stdout("/\n");
}

#[test]
fn dot_dot_of_the_root_is_the_root() {
    let host = Host::start().expect("a pretend host");
    let same_inode = "test / -ef /.. && test / -ef . && echo root";
    chroot(&host, &[], &["sh", "-c", same_inode]).assert().stdout("root\n");
}

#[test]
fn exit_code_and_output_are_the_commands() {
    let host = Host::start().expect("a pretend host");
    chroot(&host, &[], &["sh", "-c", "echo out; exit 7"])
        .assert()
        .stdout("out\n")
        .code(7);
}

#[test]
fn the_environment_is_small_and_known() {
    let host = Host::start().expect("a pretend host");
    let path = process::DEFAULT_PATH;
    chroot(&host, &[], &["env"])
        .assert()
        .stdout(format!("HOME=/root\nPATH={path}\n"));
}

#[test]
fn env_sets_overrides_and_takes_over() {
    let host = Host::start().expect("a pretend host");
    let options = ["-e", "A=1=2", "--env", "HOME=/x", "-e", "HERE", "-e", "NO"];
    let mut tool = chroot(&host, &options, &["env"]);
    let path = process::DEFAULT_PATH;
    tool.env("HERE", "yes")
        .assert()
        .stdout(format!("A=1=2\nHERE=yes\nHOME=/x\nPATH={path}\n"));
}

#[test]
fn programs_are_looked_for_in_the_new_root() {
    let host = Host::start().expect("a pretend host");
    // The kit's own tool is installed in the rootfs, not on the host.
    chroot(&host, &[], &["probe", "--version"]).assert().code(0);
    // It is the command's own PATH that counts, not the caller's.
    let elsewhere = ["--env", "PATH=/nowhere"];
    chroot(&host, &elsewhere, &["probe"]).assert().code(127);
    let of_the_host = program("01-chroot").display().to_string();
    let missing = chroot(&host, &[], &[&of_the_host]);
    refuses(missing, 127, "ENOENT");
}

#[test]
fn the_host_stays_as_it_was() {
    support::leaves_no_trace("01-chroot");
}

// --- Bad input --------------------------------------------------------------

/// The step with a root directory of the caller's choice.
fn with_root(host: &Host, root: &str) -> Command {
    let mut tool = host.command(program("01-chroot"));
    tool.args([root, "true"]);
    tool
}

#[test]
fn a_root_that_is_none_is_refused() {
    let host = Host::start().expect("a pretend host");
    refuses(
        with_root(&host, "/no/such/rootfs"),
        125,
        "01-chroot: chroot(\"/no/such/rootfs\"): ENOENT",
    );
    refuses(with_root(&host, "/etc/passwd"), 125, "ENOTDIR");
    with_root(&host, "").assert().code(125);
}

#[test]
fn an_ordinary_user_is_told_what_it_takes() {
    let host = Host::start().expect("a pretend host");
    if host.ids() == Ids::RootOnly {
        support::skip!("there is no other user than root", "see subuid(5)");
    }
    // By descriptor, since the other user may not be able to reach the path.
    let script = "exec 9< \"$0\"; exec setpriv --reuid 65534 \
                  /proc/self/fd/9 /tmp true";
    let mut tool = host.command("bash");
    tool.args(["-c", script]).arg(program("01-chroot"));
    refuses(tool, 125, "chroot(\"/tmp\"): EPERM");
}

#[test]
fn a_variable_without_a_name_is_refused() {
    let host = Host::start().expect("a pretend host");
    chroot(&host, &["-e", "=x"], &["true"]).assert().code(125);
}
