//! The test programs that cargo builds, to be run without cargo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use process::{Call, Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::repository;

/// A test program, and how cargo would call it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Program {
    /// `02_jail`, or `jail (lib)` for the tests within a library.
    pub(super) name: String,
    /// The file to execute.
    pub(super) path: PathBuf,
    /// Its package's own directory, which is its working directory.
    pub(super) directory: PathBuf,
    /// Tests that are left out, by a part of their names.
    pub(super) without: Vec<String>,
}

/// Tests that start a step again and again, to meet it at the wrong moment,
/// which takes an emulated processor minutes.
const SLOW: &[&str] = &[
    "a_hundred_leave",
    "fifty_that_start_at_once",
    "hostile::who_exchanges",
    "killed_at_any_moment",
    "start_while_others_end",
];

impl Program {
    /// The step whose tests these are.
    pub(super) fn step(&self) -> Option<&str> {
        let parent = self.directory.parent()?.file_name()?;
        let name = self.directory.file_name()?.to_str()?;
        (parent == "steps").then_some(name)
    }

    /// Whether it is a file of `tests/`.
    fn is_file_of_tests(&self) -> bool {
        !self.name.contains(' ')
    }
}

/// Those that test a step, but for the slowest tests.
pub(super) fn quick(programs: Vec<Program>) -> Vec<Program> {
    let without: Vec<_> = SLOW.iter().map(|name| (*name).into()).collect();
    programs
        .into_iter()
        .filter(|program| program.step().is_some())
        .filter(Program::is_file_of_tests)
        .map(|program| Program { without: without.clone(), ..program })
        .collect()
}

/// Builds those that `cargo test` would build with this selection, which has
/// no program for the examples in the documentation.
pub(super) fn build(selection: &[String]) -> Result<Vec<Program>> {
    let output = Command::new("cargo")
        .args(["test", "--no-run", "--quiet"])
        .args(selection)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(repository::top())
        .stderr(Stdio::inherit())
        .output()
        .call("execve(\"cargo\")")?;
    if !output.status.success() {
        return Err(Error::new("cargo test --no-run failed")
            .with_hint("its own message stands above"));
    }
    let mut programs = programs(&String::from_utf8_lossy(&output.stdout));
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

/// cargo writes a line for each thing that it has made.
fn programs(messages: &str) -> Vec<Program> {
    let messages = messages.lines().map(serde_json::from_str::<Value>);
    messages.filter_map(|message| program(&message.ok()?)).collect()
}

fn program(message: &Value) -> Option<Program> {
    if message["profile"]["test"] != true {
        return None;
    }
    let target = message["target"]["name"].as_str()?;
    let name = match message["target"]["kind"][0].as_str()? {
        "test" => target.to_owned(),
        kind => format!("{target} ({kind})"),
    };
    let manifest = Path::new(message["manifest_path"].as_str()?);
    Some(Program {
        name,
        path: message["executable"].as_str()?.into(),
        directory: manifest.parent()?.into(),
        without: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_tests_in_it_is_a_test_program() {
        let message = |test: bool, kind: &str, name: &str| {
            serde_json::json!({
                "profile": { "test": test },
                "target": { "kind": [kind], "name": name },
                "executable": format!("/t/{name}-1"),
                "manifest_path": "/k/steps/02-jail/Cargo.toml",
            })
            .to_string()
        };
        let messages = [
            message(false, "bin", "02-jail"),
            message(true, "lib", "jail"),
            message(true, "test", "02_jail"),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ]
        .join("\n");
        let found = programs(&messages);
        let names: Vec<_> = found.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["jail (lib)", "02_jail"]);
        assert_eq!(found[1].path, Path::new("/t/02_jail-1"));
        assert_eq!(found[1].step(), Some("02-jail"));
        assert_eq!(quick(found).len(), 1);
    }
}
