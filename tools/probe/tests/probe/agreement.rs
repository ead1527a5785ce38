//! Processes alike, and one process from both sides.

use std::collections::BTreeSet;
use std::process::Command;

use probe::{Fact, RESOURCES, Report};

use crate::support::*;

#[test]
fn a_report_has_all_resources() {
    let report = Report::of_self().unwrap();
    let expected = RESOURCES.iter().map(|one| one.name.to_owned()).collect();
    assert_eq!(report.resources.into_keys().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn two_processes_alike_share_everything() {
    let held = Held::start(Command::new("env"), PROBE);
    assert_eq!(changed(&held.inside), names(&[]));
}

#[test]
fn inside_and_outside_agree() {
    let held = Held::start(Command::new("env"), PROBE);
    let outside = held.outside();
    assert_eq!(outside.pid, held.inside.pid);
    for resource in RESOURCES.iter().filter(|one| one.name != "processes") {
        let found =
            (held.inside.get(resource.name), outside.get(resource.name));
        if let (Some(Fact::Known(inside)), Some(Fact::Known(outside))) = found {
            assert_eq!(inside.value, outside.value, "{}", resource.name);
            assert_eq!(inside.scope, outside.scope, "{}", resource.name);
        }
    }
    let unknown: Vec<&str> = RESOURCES
        .iter()
        .map(|one| one.name)
        .filter(|name| outside.get(name).unwrap().known().is_none())
        .filter(|name| held.inside.get(name).unwrap().known().is_some())
        .collect();
    assert_eq!(unknown, ["devices", "kernel-interfaces", "landlock"]);
}
