//! Each check of `workshop doctor`, shown machines that it must tell apart.

#![allow(clippy::unwrap_used)] // The helpers are parts of tests too.

mod cgroups;
mod features;
mod fixture;
mod identity;
mod kernel;
mod namespaces;
mod surroundings;

use std::path::Path;

use workshop::doctor::Status::{Ok as Fine, Problem};
use workshop::doctor::{Machine, examine};

use fixture::machine;

#[test]
fn a_healthy_machine_has_no_finding() {
    let fixture = machine(&[]);
    for finding in examine(&fixture.machine) {
        assert_eq!(finding.status(), Fine, "{finding:?}");
    }
}

#[test]
fn nothing_known_is_no_panic_and_not_all_well() {
    let nowhere = Machine::described_by(Path::new("/nonexistent"));
    let findings = examine(&nowhere);
    assert!(findings.iter().any(|finding| finding.status() == Problem));
    let veth = findings.iter().find(|finding| finding.check() == "veth");
    assert!(veth.unwrap().found().contains("unknown"));
}

#[test]
fn missing_programs_are_named() {
    let fixture = machine(&[("usr/bin/dnf", "")]).without(&["usr/sbin/ip"]);
    fixture.expect("programs", Problem, "no ip (");
    let remedy = fixture.finding("programs").remedy().unwrap().to_owned();
    assert_eq!(remedy, "as root: dnf install -y iproute");
}

#[test]
fn the_linker_must_link_statically() {
    let mut fixture = machine(&[]);
    fixture.machine.linker = Err("ld: cannot find -lc".into());
    fixture.expect("linker", Problem, "cannot find -lc");
}
