//! The two tables, measured on every step, flip exactly where the ladder says.

#![allow(clippy::expect_used)] // A test says what it expects.

use std::collections::{BTreeMap, BTreeSet};

use workshop::host::{Host, Ids};
use workshop::ladder::{LADDER, Step};
use workshop::matrix::{self, Column};

type Cells = BTreeMap<String, String>;

fn measured(
    step: &Step,
    column: fn(&Step) -> process::Result<Column>,
) -> Cells {
    column(step).expect("a column").into_iter().collect()
}

/// The column of the step before, changed as the ladder says.
fn claimed(step: &Step, mut before: Cells, changes: &[(&str, &str)]) -> Cells {
    for (row, cell) in changes {
        let present = before.insert((*row).into(), (*cell).into());
        let present = present.unwrap_or_else(|| panic!("no row {row}"));
        assert_ne!(present, *cell, "{} does not change {row}", step.name);
    }
    before
}

/// Which users and groups the tests have at hand.
fn ids() -> Ids {
    Host::start().expect("a pretend host").ids()
}

#[test]
fn nothing_is_isolated_without_a_step() {
    let column = measured(&LADDER[0], matrix::isolation);
    assert!(column.len() > 30, "only {} rows", column.len());
    for (resource, verdict) in column {
        assert_eq!(verdict, "shared", "{resource}");
    }
}

#[test]
fn a_resource_flips_where_the_ladder_says_and_nowhere_else() {
    let fixed = rows_that_no_step_changes(ids());
    for step in LADDER {
        let Some(base) = step.base() else { continue };
        let before = measured(base, matrix::isolation);
        let changes: Vec<_> = step
            .isolates
            .iter()
            .filter(|(row, _)| !fixed.contains(row))
            .filter(|(row, _)| !(is_himself(step) && *row == "user"))
            .map(|change| match (change, ids()) {
                // Root of a user namespace has no devices but those that
                // every container has: all of them are there again.
                (("devices", "limited"), Ids::Range | Ids::RootOnly) => {
                    ("devices", "shared")
                }
                (change, _) => *change,
            })
            .collect();
        assert_eq!(
            measured(step, matrix::isolation),
            claimed(step, before, &changes),
            "{}",
            step.name
        );
    }
}

/// Whether root inside is whoever calls the step: an ordinary user has nobody
/// else to be.
fn is_himself(step: &Step) -> bool {
    match ids() {
        Ids::All => false,
        Ids::Range => step.name == "07-user",
        Ids::RootOnly => ["02-jail", "07-user"].contains(&step.name),
    }
}

/// The attacks on what belongs to root, which an ordinary user's container may
/// have: it is his.
const ON_WHAT_IS_ROOTS: [&str; 4] =
    ["write-volume", "plant-set-uid", "host-uid", "kept-group"];

/// The rows that stay as they are with these users and groups, whatever the
/// ladder says: nothing is there that a step could take away.
fn rows_that_no_step_changes(ids: Ids) -> &'static [&'static str] {
    match ids {
        Ids::All => &[],
        // Root of a user namespace may write none of the kernel's settings,
        // and was given no cgroup.
        Ids::Range => &["kernel-interfaces", "cgroups", "cgroup-limits"],
        // And there is no other user to become, nor a group.
        Ids::RootOnly => {
            &["kernel-interfaces", "cgroups", "cgroup-limits", "user", "groups"]
        }
    }
}

#[test]
fn every_attack_escapes_without_a_step() {
    if ids() != Ids::All {
        support::skip!("some attacks need the machine's own root", "sudo");
    }
    for (attack, outcome) in measured(&LADDER[0], matrix::attacks) {
        match has_nothing_for(&attack) {
            true => assert_eq!(outcome, "untried", "{attack}"),
            false => assert_eq!(outcome, "escaped", "{attack}"),
        }
    }
}

/// What can't be tried in the step before proves nothing about this one.
#[test]
fn an_attack_is_contained_from_where_the_ladder_says_and_not_before() {
    for step in LADDER {
        let Some(base) = step.base() else { continue };
        let mut before = measured(base, matrix::attacks);
        let mut now = measured(step, matrix::attacks);
        let untried = take_untried(&mut before);
        now.retain(|attack, _| !untried.contains(attack));
        let changes: Vec<_> = step
            .contains
            .iter()
            .filter(|attack| !untried.contains(**attack))
            .filter(|attack| {
                !(is_himself(step) && ON_WHAT_IS_ROOTS.contains(attack))
            })
            .filter(|_| has_its_limits(step))
            .map(|attack| (*attack, "contained"))
            .collect();
        assert_eq!(now, claimed(step, before, &changes), "{}", step.name);
    }
}

/// Whether the step can do what it is for: an ordinary user was given no group.
fn has_its_limits(step: &Step) -> bool {
    step.name != "10-cgroups" || ids() == Ids::All
}

/// Takes the attacks that can't be tried out of a column. In a user namespace
/// these are several; for the machine's own root only what its kernel lacks.
fn take_untried(column: &mut Cells) -> BTreeSet<String> {
    let is_root = ids() == Ids::All;
    let untried: BTreeSet<_> = column
        .extract_if(.., |_, outcome| outcome == "untried")
        .map(|(attack, _)| attack)
        .collect();
    for attack in &untried {
        assert!(!is_root || has_nothing_for(attack), "{attack}: untried");
    }
    untried
}

/// Attacks on files that whoever makes a kernel, or a machine, may leave out.
const OPTIONAL: [(&str, &str); 3] = [
    ("kernel-memory", "/proc/kcore"),
    ("sysrq-trigger", "/proc/sysrq-trigger"),
    // The tree of version 1 that systemd and its like have.
    ("release-agent", "/sys/fs/cgroup/systemd/release_agent"),
];

/// Whether this kernel has nothing for the attack. The test looks for itself:
/// an attack that only says so may be broken.
fn has_nothing_for(attack: &str) -> bool {
    if attack == "cpu-hog" {
        let online = std::fs::read_to_string("/sys/devices/system/cpu/online");
        return online.expect("a list of CPUs").trim() == "0";
    }
    let mut optional = OPTIONAL.iter();
    let Some((_, file)) = optional.find(|(name, _)| *name == attack) else {
        return false;
    };
    let host = Host::start().expect("a pretend host");
    let status = host.command("test").args(["-e", file]).status();
    match status.expect("test").code() {
        Some(0) => false,
        Some(1) => true,
        code => panic!("test -e {file}: {code:?}"),
    }
}

#[test]
fn a_liar_gets_no_column() {
    let liar = Step { name: "liar", takes_rootfs: true, ..LADDER[0] };
    matrix::isolation(&liar).expect_err("no probe has run");
    matrix::attacks(&liar).expect_err("no attack has run");
}

#[test]
fn the_tables_are_those_of_the_book_and_the_readme() {
    if ids() != Ids::All {
        support::skip!("the book's tables were measured by root", "sudo");
    }
    let measured = [
        ("isolation", matrix::measure("RESOURCE", matrix::isolation)),
        ("attacks", matrix::measure("ATTACK", attacks_of_any_kernel)),
    ];
    for (name, table) in measured {
        let table = table.expect("a table").to_string();
        readme_has(name, &table);
        insta::with_settings!({
            snapshot_path => "snapshots/matrix",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name, table);
        });
    }
}

/// The column as a kernel shows it that has something for each attack: the
/// tables must not depend on who made the kernel.
fn attacks_of_any_kernel(step: &Step) -> process::Result<Column> {
    let lineage = step.lineage();
    let is_contained =
        |attack: &str| lineage.iter().any(|s| s.contains.contains(&attack));
    let mut column = matrix::attacks(step)?;
    for (attack, outcome) in &mut column {
        if has_nothing_for(attack) {
            let contained = is_contained(attack);
            *outcome = if contained { "contained" } else { "escaped" }.into();
        }
    }
    Ok(column)
}

/// Compares the README's table, or writes it, as insta does with snapshots.
fn readme_has(name: &str, table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).expect("the README");
    let (begin, end) = (format!("<!-- table: {name} -->\n"), "<!-- end");
    let (before, rest) = readme.split_once(&begin).expect("a place for it");
    let (shown, after) = rest.split_once(end).expect("an end of it");
    let expected = format!("```text\n{table}```\n");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|v| v == "always") {
        let text = format!("{before}{begin}{expected}{end}{after}");
        std::fs::write(path, text).expect("the README");
        return;
    }
    assert_eq!(shown, expected, "INSTA_UPDATE=always writes the table");
}
