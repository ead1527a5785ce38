//! 04-uts: a host and a domain name of one's own.

#![allow(clippy::expect_used)] // A test says what it expects.

use std::path::Path;
use std::process::Command;

use assert_cmd::assert::OutputAssertExt;
use support::{Sandbox, Verdict, different, isolates, isolates_with};
use support::{program, refuses, same, step_in, step_on, still_shares};
use workshop::host::{Host, Ids};
use workshop::ladder::Step;

/// The step on a pretend host, with a command.
fn uts(host: &Host, options: &[&str], command: &[&str]) -> Command {
    let step = Step::find("04-uts").expect("a step of the ladder");
    step_on(host, step.name, step, options, command)
}

/// The same with a program of the machine, which the small root file system
/// does not have.
fn uts_with_all_programs(host: &Host, command: &[&str]) -> Command {
    let step = Step::find("04-uts").expect("a step of the ladder");
    step_in(Path::new("/"), host, step.name, step, &[], command)
}

/// What a program on the pretend host prints, without the end of the line.
fn on_host(host: &Host, program: &str, arguments: &[&str]) -> String {
    let output = host.command(program).args(arguments).output();
    let output = output.expect(program);
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

/// The same in the UTS namespace of the command, and in no other of its.
fn in_its_uts(sandbox: &Sandbox, program: &str, more: &[&str]) -> String {
    let pid = sandbox.host.number_of(sandbox.pid).expect("a process inside");
    let mut arguments = vec!["--target", &pid, "--uts", "--", program];
    arguments.extend(more);
    on_host(&sandbox.host, "nsenter", &arguments)
}

/// A host name, and a domain name that is another.
const NAMES: [&str; 4] = ["--hostname", "box", "--domainname", "example"];

// --- What is isolated -------------------------------------------------------

#[test]
fn the_uts_namespace_is_another() {
    isolates("04-uts", |sandbox| {
        let host = sandbox.host_identity("ns/uts");
        different(sandbox.identity("ns/uts"), host)
    });
}

#[test]
fn the_command_has_the_names_it_was_given_and_the_host_its_own() {
    isolates_with("04-uts", &NAMES, |sandbox| {
        same(in_its_uts(sandbox, "hostname", &[]), "box".into())?;
        same(in_its_uts(sandbox, "domainname", &[]), "example".into())?;
        same(on_host(&sandbox.host, "hostname", &[]), "host".into())?;
        let domain = on_host(&sandbox.host, "domainname", &[]);
        different(domain, "example".into())
    });
}

#[test]
fn a_change_inside_is_not_seen_outside() {
    isolates("04-uts", |sandbox| {
        in_its_uts(sandbox, "hostname", &["changed"]);
        in_its_uts(sandbox, "domainname", &["changed"]);
        same(in_its_uts(sandbox, "hostname", &[]), "changed".into())?;
        no_name_changed(|program| on_host(&sandbox.host, program, &[]))
    });
}

#[test]
fn a_change_outside_is_not_seen_inside() {
    isolates("04-uts", |sandbox| {
        on_host(&sandbox.host, "hostname", &["changed"]);
        on_host(&sandbox.host, "domainname", &["changed"]);
        no_name_changed(|program| in_its_uts(sandbox, program, &[]))
    });
}

fn no_name_changed(name: impl Fn(&str) -> String) -> Verdict {
    for program in ["hostname", "domainname"] {
        different(name(program), "changed".into())?;
    }
    Ok(())
}

#[test]
fn the_command_may_rename_itself_and_the_host_does_not_notice() {
    let host = Host::start().expect("a pretend host");
    let rename = "hostname changed && uname -n";
    uts(&host, &[], &["sh", "-c", rename]).assert().stdout("changed\n");
    assert_eq!(on_host(&host, "hostname", &[]), "host");
}

// --- What the kernel refuses ------------------------------------------------

#[test]
fn a_name_takes_cap_sys_admin() {
    let host = Host::start().expect("a pretend host");
    let rename = |bounding: &str| {
        let capabilities = ["setpriv", "--bounding-set", bounding];
        let command = [&capabilities[..], &["hostname", "changed"]].concat();
        uts_with_all_programs(&host, &command)
    };
    rename("+sys_admin").assert().code(0);
    // All other capabilities are still there.
    let output = rename("-sys_admin").output().expect("setpriv");
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("hostname: "), "{text}");
}

// --- What still leaks -------------------------------------------------------

#[test]
fn the_other_namespaces_are_as_in_the_step_before() {
    still_shares("04-uts", |sandbox| {
        for name in ["cgroup", "ipc", "mnt", "net", "user"] {
            let link = format!("ns/{name}");
            same(sandbox.identity(&link), sandbox.host_identity(&link))?;
        }
        Ok(())
    });
}

#[test]
fn shared_memory_is_still_the_hosts() {
    still_shares("04-uts", |sandbox| {
        on_host(&sandbox.host, "ipcmk", &["--shmem", "4096"]);
        let pid = sandbox.host.number_of(sandbox.pid).expect("a process");
        let list = ["cat", "/proc/sysvipc/shm"];
        let arguments = [&["--target", &pid, "--ipc"], &list[..]].concat();
        let seen = on_host(&sandbox.host, "nsenter", &arguments);
        same(seen.lines().count(), 2) // A heading, and the segment.
    });
}

// --- What must still work ---------------------------------------------------

#[test]
fn without_options_both_names_are_copies_of_the_hosts() {
    let host = Host::start().expect("a pretend host");
    on_host(&host, "hostname", &["one"]);
    on_host(&host, "domainname", &["two"]);
    let both = "uname -n; cat /proc/sys/kernel/domainname";
    uts(&host, &[], &["sh", "-c", both]).assert().stdout("one\ntwo\n");
}

#[test]
fn one_name_does_not_set_the_other() {
    let host = Host::start().expect("a pretend host");
    on_host(&host, "domainname", &["two"]);
    let both = "uname -n; cat /proc/sys/kernel/domainname";
    let with = |options: &[&str]| uts(&host, options, &["sh", "-c", both]);
    with(&["--hostname", "box"]).assert().stdout("box\ntwo\n");
    with(&["--domainname", "box"]).assert().stdout("host\nbox\n");
}

#[test]
fn every_way_to_ask_for_the_name_gives_the_same() {
    let host = Host::start().expect("a pretend host");
    let ask = "hostname; uname -n; cat /proc/sys/kernel/hostname";
    uts(&host, &["--hostname", "box"], &["sh", "-c", ask])
        .assert()
        .stdout("box\nbox\nbox\n");
}

#[test]
fn a_file_with_a_name_in_it_is_no_concern_of_the_kernels() {
    let host = Host::start().expect("a pretend host");
    let file = "cat /etc/hostname 2>/dev/null || echo none";
    let read = |options: &[&str]| {
        let output = uts(&host, options, &["sh", "-c", file]).output();
        output.expect("a shell").stdout
    };
    assert_eq!(read(&["--hostname", "box"]), read(&[]));
}

#[test]
fn exit_code_and_output_are_the_commands() {
    let host = Host::start().expect("a pretend host");
    uts(&host, &[], &["sh", "-c", "echo out; exit 7"])
        .assert()
        .stdout("out\n")
        .code(7);
}

#[test]
fn the_host_stays_as_it_was() {
    support::leaves_no_trace("04-uts");
}

// --- Bad input --------------------------------------------------------------

/// Says that a name is refused for this reason, before anything is started.
fn refuses_name(host: &Host, name: &str, reason: &str) {
    for option in ["--hostname", "--domainname"] {
        let option = format!("{option}={name}");
        let output = uts(host, &[&option], &["echo", "started"]).output();
        let output = output.expect("the step");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{option:?}: {text}");
        assert_eq!(output.stdout, b"", "{option:?}");
        assert!(text.contains(reason), "{option:?}: {text}");
    }
}

#[test]
fn a_name_has_at_most_64_bytes() {
    let host = Host::start().expect("a pretend host");
    let longest = "n".repeat(64);
    let options = ["--hostname", &longest, "--domainname", &longest];
    let both = "uname -n; cat /proc/sys/kernel/domainname";
    uts(&host, &options, &["sh", "-c", both])
        .assert()
        .stdout(format!("{longest}\n{longest}\n"));
    refuses_name(&host, &"n".repeat(65), "it has 65 bytes");
    // As many letters as are allowed, and more bytes.
    refuses_name(&host, &"ü".repeat(33), "it has 66 bytes");
}

#[test]
fn a_name_is_labels_between_dots() {
    let host = Host::start().expect("a pretend host");
    for name in ["a", "7", "box-1", "box.example.org", "xn--bx-fka"] {
        uts(&host, &["--hostname", name], &["uname", "-n"])
            .assert()
            .stdout(format!("{name}\n"));
    }
    for name in [
        "",
        " ",
        "two words",
        "two\nlines",
        "-n",
        "n-",
        ".n",
        "n.",
        "a..b",
        "a.-b",
        "a_b",
        "a/b",
        "ü",
        "\u{1b}[2J",
    ] {
        refuses_name(&host, name, "hostname(7)");
    }
}

#[test]
fn a_missing_value_is_a_usage_error() {
    let host = Host::start().expect("a pretend host");
    let mut tool = host.command(program("04-uts"));
    tool.arg("--hostname").assert().code(125);
}

#[test]
fn an_ordinary_user_is_told_what_it_takes() {
    let host = Host::start().expect("a pretend host");
    if host.ids() == Ids::RootOnly {
        support::skip!("there is no other user than root", "see subuid(5)");
    }
    // By descriptor, since the other user may not be able to reach the path.
    let script = "exec 9< \"$0\"; exec setpriv --reuid 65534 \
                  /proc/self/fd/9 --hostname box /tmp true";
    let mut tool = host.command("bash");
    tool.args(["-c", script]).arg(program("04-uts"));
    refuses(tool, 125, "CLONE_NEWUTS");
    assert_eq!(on_host(&host, "hostname", &[]), "host");
}
