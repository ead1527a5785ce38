//! The steps whose planted bugs were all caught, as their files were then.
//!
//! To plant them all takes half an hour, and most changes touch one step.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use process::{Call, Error, Result};

use crate::ladder::{LADDER, Step};
use crate::repository;

/// As sha256sum(1) writes it: a sum, and the step's name.
const RECORD: &str = "tests/planted/caught.sha256";

/// What decides, for any step, whether a bug is caught.
const COMMON: &[&str] = &[
    ".cargo",
    "Cargo.lock",
    "Cargo.toml",
    "tests/liar",
    "tests/support",
    "tools/attacks",
    "tools/probe",
    "tools/workshop/src/host.rs",
    "tools/workshop/src/planted.rs",
];

/// Whether the step's bugs have been caught since its files were changed.
pub(super) fn is_current(step: &Step) -> Result<bool> {
    Ok(read().get(step.name) == Some(&sum(step)?))
}

/// Writes down that all bugs of the step were caught.
pub(super) fn add(step: &Step) -> Result<()> {
    let mut sums = read();
    sums.insert(step.name.to_owned(), sum(step)?);
    let line = |(name, sum): (&String, &String)| format!("{sum}  {name}\n");
    fs::write(path(), sums.iter().map(line).collect::<String>())
        .call(format_args!("write({RECORD:?})"))
}

/// There is none before the first run.
fn read() -> BTreeMap<String, String> {
    let text = fs::read_to_string(path()).unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once("  "));
    pairs.map(|(sum, name)| (name.to_owned(), sum.to_owned())).collect()
}

fn path() -> PathBuf {
    repository::top().join(RECORD)
}

/// A sum over the names and contents of all files that matter: those of the
/// step's own tests, and of every step that it may stand on.
fn sum(step: &Step) -> Result<String> {
    let list = "git ls-files -z --cached --others --exclude-standard -- \"$@\" \
                | LC_ALL=C sort -zu | xargs -0 sha256sum \
                | sha256sum | cut -d' ' -f1";
    let below = LADDER.iter().filter(|other| other.name <= step.name);
    let tests = format!("tests/{}", step.name.replace('-', "_"));
    let output = Command::new("sh")
        .args(["-c", list, "sum", &tests, &format!("{tests}.rs")])
        .arg(format!("tests/planted/{}", step.name))
        .args(below.map(|other| format!("steps/{}", other.name)))
        .args(COMMON)
        .current_dir(repository::top())
        .output()
        .call("execve(\"sh\")")?;
    match output.stderr.is_empty() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        false => Err(Error::new(String::from_utf8_lossy(&output.stderr))),
    }
}
