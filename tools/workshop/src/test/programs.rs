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
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_tests_in_it_is_a_test_program() {
        let messages = r#"
{"profile":{"test":false},"executable":"/t/02-jail",
{"profile":{"test":false},"target":{"kind":["bin"],"name":"02-jail"},"executable":"/t/02-jail","manifest_path":"/k/steps/02-jail/Cargo.toml"}
{"profile":{"test":true},"target":{"kind":["lib"],"name":"jail"},"executable":"/t/jail-1","manifest_path":"/k/steps/02-jail/Cargo.toml"}
{"profile":{"test":true},"target":{"kind":["test"],"name":"02_jail"},"executable":"/t/02_jail-2","manifest_path":"/k/steps/02-jail/Cargo.toml"}
{"reason":"build-finished","success":true}"#;
        let found = programs(messages);
        let names: Vec<_> = found.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["jail (lib)", "02_jail"]);
        assert_eq!(found[1].path, Path::new("/t/02_jail-2"));
        assert_eq!(found[1].directory, Path::new("/k/steps/02-jail"));
    }
}
