//! 02-jail: nothing is left that leads out of the root directory.

#![allow(clippy::expect_used)] // A test says what it expects.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use support::{Sandbox, Verdict, isolates, isolates_with, program, refuses};
use support::{rootfs, same, step_on, still_shares};
use workshop::host::{Host, Ids};
use workshop::ladder::Step;

/// The step on a pretend host, with a command.
fn jail(host: &Host, options: &[&str], command: &[&str]) -> Command {
    let step = Step::find("02-jail").expect("a step of the ladder");
    step_on(host, step.name, step, options, command)
}

/// What a shell in the jail prints.
fn printed(host: &Host, options: &[&str], script: &str) -> String {
    let output = jail(host, options, &["sh", "-c", script]).output();
    String::from_utf8(output.expect("a shell").stdout).expect("text")
}

const CAPABILITY_SETS: [&str; 5] =
    ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
const NONE: &str = "0000000000000000";

// --- What is isolated -------------------------------------------------------

#[test]
fn no_file_of_the_caller_is_open() {
    isolates("02-jail", |sandbox| same(sandbox.open_files(), standard_three()));
}

fn standard_three() -> Vec<String> {
    ["0", "1", "2"].map(String::from).to_vec()
}

#[test]
fn all_five_capability_sets_are_empty() {
    isolates("02-jail", no_capabilities);
}

#[test]
fn root_in_the_jail_has_no_capability_either() {
    isolates_with("02-jail", &["--user", "0"], no_capabilities);
}

fn no_capabilities(sandbox: &Sandbox) -> Verdict {
    for set in CAPABILITY_SETS {
        same(sandbox.status(set).as_str(), NONE)?;
    }
    Ok(())
}

#[test]
fn there_is_no_way_to_new_privileges() {
    isolates("02-jail", |sandbox| {
        same(sandbox.status("NoNewPrivs"), "1".into())
    });
}

#[test]
fn the_command_is_nobody_in_no_group() {
    let host = Host::start().expect("a pretend host");
    if host.ids() == Ids::RootOnly {
        support::skip!("there is no other user than root", "see subuid(5)");
    }
    isolates("02-jail", |sandbox| {
        same(ids_inside(sandbox, "Uid"), [65534; 4].to_vec())?;
        same(ids_inside(sandbox, "Gid"), [65534; 4].to_vec())?;
        same(sandbox.status("Groups"), String::new())
    });
}

/// The real, effective, saved and file-system id, as numbers of the pretend
/// host's user namespace.
fn ids_inside(sandbox: &Sandbox, name: &str) -> Vec<u32> {
    let map = if name == "Uid" { "uid_map" } else { "gid_map" };
    let map = sandbox.proc(map);
    let inside = |outside: u32| {
        let ranges = map.lines().map(|line| {
            let numbers = line.split_whitespace().map(str::parse::<u32>);
            let numbers: Result<Vec<_>, _> = numbers.collect();
            numbers.expect("three numbers a line")
        });
        ranges
            .filter(|r| outside >= r[1] && outside - r[1] < r[2])
            .map(|r| r[0] + (outside - r[1]))
            .next()
            .expect("a mapped id")
    };
    let status = sandbox.status(name);
    status.split(' ').map(|id| inside(id.parse().expect("an id"))).collect()
}

#[test]
fn resources_are_limited() {
    isolates("02-jail", |sandbox| {
        same(limit(sandbox, "Max core file size"), "0 0".into())?;
        same(limit(sandbox, "Max open files"), "1024 1024".into())
    });
}

#[test]
fn a_limit_of_ones_own_holds() {
    isolates_with("02-jail", &["--ulimit", "fsize=4096:8192"], |sandbox| {
        same(limit(sandbox, "Max file size"), "4096 8192".into())
    });
}

#[test]
fn a_limit_above_the_default_can_be_had() {
    let host = Host::start().expect("a pretend host");
    let options = ["--ulimit", "nofile=1025", "--ulimit", "core=1"];
    assert_eq!(printed(&host, &options, "ulimit -n"), "1025\n");
}

/// Soft and hard limit, from /proc/PID/limits.
fn limit(sandbox: &Sandbox, name: &str) -> String {
    let limits = sandbox.proc("limits");
    let line = limits.lines().find_map(|line| line.strip_prefix(name));
    let numbers = line.expect("a limit").split_whitespace().take(2);
    numbers.collect::<Vec<_>>().join(" ")
}

// --- What the kernel refuses ------------------------------------------------

#[test]
fn mounting_and_chroot_and_mknod_are_refused() {
    let host = Host::start().expect("a pretend host");
    for attempt in [
        "mount -t tmpfs none /tmp",
        "chroot /tmp true",
        "mknod /tmp/disk b 7 0",
        "hostname taken-over",
    ] {
        let mut tool = jail(&host, &[], &["sh", "-c", attempt]);
        let output = tool.output().expect("a shell");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{attempt} succeeded");
        assert!(
            text.contains("not permitted") || text.contains("denied"),
            "{attempt} failed for another reason: {text}"
        );
    }
}

#[test]
fn a_file_stops_growing_at_its_limit() {
    let host = Host::start().expect("a pretend host");
    let write = "f=$(mktemp); head -c 10000 /bin/busybox > $f
                 wc -c < $f; rm $f";
    let size = printed(&host, &["--ulimit", "fsize=4096"], write);
    assert_eq!(size.trim(), "4096");
}

#[test]
fn open_files_end_at_their_limit() {
    let host = Host::start().expect("a pretend host");
    let open = "exec 3</ 4</ 5</ 6</ 7</ 8</ 9</ && echo seven more";
    assert_eq!(printed(&host, &[], open), "seven more\n");
    assert_eq!(printed(&host, &["--ulimit", "nofile=6"], open), "");
}

// --- What still leaks -------------------------------------------------------

#[test]
fn every_namespace_is_still_the_hosts() {
    still_shares("02-jail", support::every_namespace);
}

// --- What must still work ---------------------------------------------------

#[test]
fn a_user_is_found_by_name_in_the_rootfs() {
    let host = Host::start().expect("a pretend host");
    if host.ids() == Ids::RootOnly {
        support::skip!("there is no other user than root", "see subuid(5)");
    }
    let who = "id -u; id -g; echo $HOME";
    let found = |user| printed(&host, &["--user", user], who);
    assert_eq!(found("student"), "1000\n1000\n/home/student\n");
    assert_eq!(found("student:nogroup"), "1000\n65534\n/home/student\n");
    assert_eq!(found("1000"), "1000\n1000\n/\n");
    assert_eq!(found("1000:65534"), "1000\n65534\n/\n");
}

#[test]
fn a_kept_capability_works_and_no_other() {
    let host = Host::start().expect("a pretend host");
    let options = ["--keep-cap", "net_raw", "--keep-cap", "CAP_chown"];
    let step = Step::find("02-jail").expect("a step of the ladder");
    let sandbox = Sandbox::start(step.name, step, &options).expect("it starts");
    let expected = format!("{:016x}", 1 << 13 | 1 << 0);
    for set in CAPABILITY_SETS {
        assert_eq!(sandbox.status(set), expected, "{set}");
    }
    let give_away = "f=$(mktemp); chown 0 $f && echo given; rm -f $f";
    assert_eq!(printed(&host, &options, give_away), "given\n");
}

#[test]
fn exit_code_and_output_are_the_commands() {
    let host = Host::start().expect("a pretend host");
    jail(&host, &[], &["sh", "-c", "echo out; exit 7"])
        .assert()
        .stdout("out\n")
        .code(7);
}

#[test]
fn a_killed_tool_takes_the_command_along() {
    // A change of user takes the wish for a parent-death signal back.
    support::leaves_no_trace("02-jail");
}

// --- Bad input --------------------------------------------------------------

#[test]
fn an_unknown_user_or_group_is_named() {
    let host = Host::start().expect("a pretend host");
    let with = |user| jail(&host, &["--user", user], &["true"]);
    refuses(with("mallory"), 125, "lookup of user \"mallory\"");
    refuses(with("0:mallory"), 125, "lookup of group \"mallory\"");
    // setresuid(2) takes the highest number for "leave it": still root.
    refuses(with("4294967295"), 125, "lookup of user \"4294967295\"");
}

#[test]
fn a_capability_that_one_lacks_cannot_be_kept() {
    let host = Host::start().expect("a pretend host");
    let mut tool = host.command("setpriv");
    tool.args(["--bounding-set", "-net_raw", "--"]);
    tool.arg(program("02-jail")).args(["--user", "0"]);
    tool.args(["--keep-cap", "net_raw"]).arg(rootfs()).arg("true");
    refuses(tool, 125, "capset(");
}

#[test]
fn an_impossible_limit_is_refused() {
    let host = Host::start().expect("a pretend host");
    let with = |limit| jail(&host, &["--ulimit", limit], &["true"]);
    refuses(with("nofile=4000000000"), 125, "setrlimit(RLIMIT_NOFILE");
    for nonsense in ["nofile", "files=3", "nofile=x", "nofile=9:3"] {
        with(nonsense).assert().code(125);
    }
}

/// The step on a pretend host, with a root directory of the caller's choice.
fn with_root(host: &Host, root: impl AsRef<Path>) -> Command {
    let mut tool = host.command(program("02-jail"));
    tool.args(["--user", "0"]).arg(root.as_ref()).arg("true");
    tool
}

#[test]
fn a_root_that_others_can_write_is_refused() {
    let host = Host::start().expect("a pretend host");
    let with_mode = |mode: u32| {
        let name = format!("root-{mode:o}");
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&root).expect("a directory");
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(&root, mode).expect("a mode");
        with_root(&host, root)
    };
    refuses(with_mode(0o777), 125, "can be written by others");
    refuses(with_mode(0o775), 125, "mode is 0775");
    // Nothing is wrong with this one, but that it is empty.
    refuses(with_mode(0o755), 127, "execve(\"true\"): ENOENT");
}

#[test]
fn a_root_that_is_none_is_refused() {
    let host = Host::start().expect("a pretend host");
    let missing = with_root(&host, "/no/such/rootfs");
    refuses(missing, 125, "chdir(\"/no/such/rootfs\"): ENOENT");
    refuses(with_root(&host, "/etc/passwd"), 125, "ENOTDIR");
}
