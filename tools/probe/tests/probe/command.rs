//! The command line.

use std::io::Write;
use std::process::{Command, Stdio};

use probe::{Comparison, RESOURCES, Verdict};

use crate::support::*;

#[test]
fn it_holds_until_its_input_ends() {
    let mut held = Command::new(PROBE)
        .arg("--hold")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(held.try_wait().unwrap().is_none(), "it did not wait");
    drop(held.stdin.take());
    assert!(held.wait().unwrap().success());
}

#[test]
fn a_reference_may_come_through_a_pipe() {
    let mut child = Command::new(PROBE)
        .args(["--against", "-", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let reference = serde_json::to_vec(&reference()).unwrap();
    child.stdin.take().unwrap().write_all(&reference).unwrap();
    let output = child.wait_with_output().unwrap();
    let verdicts: Vec<Comparison> =
        serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        verdicts
            .iter()
            .map(|one| &one.resource[..])
            .eq(RESOURCES.iter().map(|one| one.name))
    );
    assert_eq!(verdicts[0].verdict, Verdict::Shared);
}

#[test]
fn what_goes_wrong_is_explained_and_exits_with_125() {
    let last_pid = "2147483647"; // above any pid_max
    for (arguments, expected) in [
        (["--pid", last_pid], "hint: no such process"),
        (["--against", "/dev/null"], "is no report"),
        (["--against", "/nowhere"], "ENOENT"),
        (["--format", "yaml"], "possible values: table, json"),
    ] {
        let output = Command::new(PROBE).args(arguments).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(125), "{arguments:?}");
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
}
