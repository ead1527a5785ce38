//! What a step adds to the ladder: `{{#new STEP}}`.

use std::collections::BTreeSet;
use std::fmt::Write;

use anyhow::Result;
use similar::{ChangeTag, TextDiff};
use walkdir::WalkDir;

use crate::kit::{Kit, concept};

/// A table of the step's files, and where the rest comes from.
pub(crate) fn table(kit: &Kit, step: &str) -> Result<String> {
    let before = kit.before(step)?;
    let before = before.as_deref();
    let against = before.map(|name| format!("against {name}"));
    let against = against.unwrap_or_default();
    let mut out =
        format!("| steps/{step} | lines | {against} |\n|---|--:|---|\n");
    for path in files(kit, step)? {
        let text = kit.read(&path)?;
        let note = match before {
            Some(before) if path.ends_with("src/main.rs") => {
                changes(kit, before, &text)?
            }
            _ => "new".to_owned(),
        };
        let name = path.trim_start_matches(&format!("steps/{step}/"));
        writeln!(out, "| `{name}` | {} | {note} |", text.lines().count())?;
    }
    out.push('\n');
    out.push_str(&origins(kit, step, before)?);
    Ok(out)
}

/// The step's sources, the idea before the recipe, and its test.
fn files(kit: &Kit, step: &str) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for entry in WalkDir::new(kit.path(format!("steps/{step}/src"))) {
        let entry = entry?;
        if entry.file_type().is_file() {
            let path = entry.path().strip_prefix(kit.path(""))?;
            paths.push(path.to_string_lossy().into_owned());
        }
    }
    let place = |path: &String| match path.rsplit('/').next() {
        Some("lib.rs") => 0,
        Some("main.rs") => 2,
        _ => 1,
    };
    paths.sort_by_key(|path| (place(path), path.clone()));
    let test = format!("tests/{}.rs", step.replace('-', "_"));
    paths.extend(kit.has(&test).then_some(test));
    Ok(paths)
}

fn changes(kit: &Kit, before: &str, text: &str) -> Result<String> {
    let old = kit.read(format!("steps/{before}/src/main.rs"))?;
    let diff = TextDiff::from_lines(old.as_str(), text);
    let count = |tag| {
        let changes = diff.iter_all_changes();
        changes.filter(|change| change.tag() == tag).count()
    };
    let (added, gone) = (count(ChangeTag::Insert), count(ChangeTag::Delete));
    Ok(format!("+{added} −{gone}"))
}

fn origins(kit: &Kit, step: &str, before: Option<&str>) -> Result<String> {
    let own = kit.dependencies(step)?;
    let mut known = BTreeSet::new();
    if let Some(before) = before {
        known = kit.dependencies(before)?;
    }
    let mut steps = kit.steps()?;
    steps.retain(|step| own.contains(concept(step)));
    let links: Vec<_> = steps.iter().map(|s| chapter_link(kit, s)).collect();
    let mut crates = own;
    crates.retain(|name| {
        !known.contains(name) && !steps.iter().any(|s| concept(s) == name)
    });
    let crates: Vec<_> = crates.iter().map(|c| format!("`{c}`")).collect();
    let mut out = String::new();
    if !links.is_empty() {
        writeln!(out, "The rest comes from {}.", links.join(", "))?;
    }
    if !crates.is_empty() {
        writeln!(out, "New crates: {}.", crates.join(", "))?;
    }
    Ok(out)
}

fn chapter_link(kit: &Kit, step: &str) -> String {
    let written = kit
        .read("book/src/SUMMARY.md")
        .is_ok_and(|summary| summary.contains(&format!("({step}.md)")));
    if written { format!("[{step}]({step}.md)") } else { format!("`{step}`") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::kit;

    #[test]
    fn a_step_says_what_is_new_and_where_the_rest_is_from() {
        let kit = kit(&[
            ("steps/00-a/Cargo.toml", "dependencies.nix = '1'"),
            ("steps/00-a/src/main.rs", "a\n"),
            (
                "steps/01-b/Cargo.toml",
                "dependencies = {a='1',nix='1',caps='1'}",
            ),
            ("steps/01-b/src/lib.rs", "1\n2\n"),
            ("steps/01-b/src/main.rs", "a\nb\n"),
            ("tests/01_b.rs", "t\n"),
        ]);
        let expected = "\
| steps/01-b | lines | against 00-a |
|---|--:|---|
| `src/lib.rs` | 2 | new |
| `src/main.rs` | 2 | +1 −0 |
| `tests/01_b.rs` | 1 | new |

The rest comes from `00-a`.
New crates: `caps`.
";
        assert_eq!(table(&kit, "01-b").unwrap(), expected);
    }

    #[test]
    fn a_missing_step_is_an_error() {
        let kit = kit(&[("steps/00-a/src/main.rs", "")]);
        let error = table(&kit, "02-c").unwrap_err();
        assert_eq!(error.to_string(), "there is no steps/02-c");
    }
}
