//! `workshop bench` measures each step, its program alone, and its peer. What
//! the times are is not for a test to say.

#![allow(clippy::unwrap_used)] // The helpers are parts of tests too.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::refuses;
use workshop::ladder::LADDER;

/// The command, which measures what lies in this directory.
fn bench(programs: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_workshop"));
    command.arg("bench").arg("--programs").arg(programs).args(arguments);
    command
}

/// What it says about the steps as the tests use them.
fn measured(arguments: &[&str]) -> String {
    support::rootfs(); // It must be there.
    let programs = support::program(LADDER[0].name);
    let mut command = bench(programs.parent().unwrap(), arguments);
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn assert_is_measured(timed: &Value) {
    let number = |field: &str| timed[field].as_f64().unwrap();
    assert!(number("p25_us") > 0.0);
    assert!(number("p25_us") <= number("median_us"));
    assert!(number("median_us") <= number("p75_us"));
}

#[test]
fn every_step_is_compared_with_its_program_alone() {
    let text = measured(&["--runs", "10", "--format", "json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["runs"], 10);
    let rows = report["start_to_exit"].as_array().unwrap();
    let names = rows.iter().map(|row| row["step"].as_str().unwrap());
    assert!(names.eq(LADDER.iter().map(|step| step.name)));
    for row in rows {
        assert_is_measured(&row["own"]);
        assert_is_measured(&row["bare"]);
        assert!(row["ratio_to_bare"].as_f64().unwrap() > 0.0);
    }
}

#[test]
fn a_step_is_compared_with_its_peer() {
    let json = ["01-chroot", "--runs", "10", "--format", "json"];
    let report: Value = serde_json::from_str(&measured(&json)).unwrap();
    let row = &report["start_to_exit"][0];
    assert_is_measured(&row["peer"]);
    assert!(row["ratio_to_peer"].as_f64().unwrap() > 0.0);
    let program = row["peer"]["command"][0].as_str().unwrap();
    assert!(program.ends_with("/chroot"), "{program}");
}

#[test]
fn the_table_says_what_was_compared_and_where() {
    let table = measured(&["1", "--runs", "10"]);
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("STEP "), "{table}");
    assert!(lines[1].starts_with("01-chroot "), "{table}");
    assert!(table.contains("  01-chroot: chroot ROOTFS /bin/true\n"));
    assert!(table.contains("\nLinux "), "{table}");
}

#[test]
fn a_step_that_fails_is_an_error_in_its_words() {
    let directory = tempfile::tempdir().unwrap();
    // What is a command to one is a root file system to the other.
    let other = support::program("01-chroot");
    symlink(other, directory.path().join("00-process")).unwrap();
    let bench = || bench(directory.path(), &["0", "--runs", "10"]);
    refuses(bench(), 125, "exit status: 125: error: the following required");
    refuses(bench(), 125, "no measurement");
}

#[test]
fn too_few_runs_are_refused() {
    let nowhere = Path::new("/nonexistent");
    refuses(bench(nowhere, &["--runs", "9"]), 125, "at least 10");
}
