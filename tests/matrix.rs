//! The two tables, measured on every step, flip exactly where the ladder says.

#![allow(clippy::expect_used)] // A test says what it expects.

use std::collections::BTreeMap;

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
    if ids() != Ids::All {
        support::skip!("users and groups look different from outside", "sudo");
    }
    for step in LADDER {
        let Some(base) = step.base() else { continue };
        let before = measured(base, matrix::isolation);
        assert_eq!(
            measured(step, matrix::isolation),
            claimed(step, before, step.isolates),
            "{}",
            step.name
        );
    }
}

#[test]
fn every_attack_escapes_without_a_step() {
    if ids() != Ids::All {
        support::skip!("some attacks need the machine's own root", "sudo");
    }
    for (attack, outcome) in measured(&LADDER[0], matrix::attacks) {
        assert_eq!(outcome, "escaped", "{attack}");
    }
}

#[test]
fn an_attack_is_contained_from_where_the_ladder_says_and_not_before() {
    for step in LADDER {
        let Some(base) = step.base() else { continue };
        let mut before = measured(base, matrix::attacks);
        let changes: Vec<_> =
            step.contains.iter().map(|attack| (*attack, "contained")).collect();
        let mut now = measured(step, matrix::attacks);
        if ids() != Ids::All {
            // What can't be tried in a user namespace proves nothing there.
            let untried: Vec<_> = before
                .iter()
                .filter(|(_, outcome)| *outcome == "untried")
                .map(|(attack, _)| attack.clone())
                .collect();
            for attack in untried {
                before.insert(attack.clone(), "escaped".into());
                let is_contained = step.contains.contains(&attack.as_str());
                let outcome =
                    if is_contained { "contained" } else { "escaped" };
                now.insert(attack, outcome.into());
            }
        }
        assert_eq!(now, claimed(step, before, &changes), "{}", step.name);
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
        ("attacks", matrix::measure("ATTACK", matrix::attacks)),
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
