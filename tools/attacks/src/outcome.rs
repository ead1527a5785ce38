//! What became of an attack, for people and for programs.

use std::fmt::Write;
use std::io::{self, IsTerminal};

use process::{Call, Error, Result};
use serde::{Deserialize, Serialize};

/// What became of an attack, and how that is known.
pub type Finding = (Outcome, String);

/// What became of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It reached the canary.
    Escaped,
    /// It was stopped: by a call, with the kernel's answer.
    Contained,
    /// It can't be tried here.
    Untried,
    /// The call was granted. Whether it hit the host or something private,
    /// only the witness outside can say.
    Attempted,
    /// Nothing was found out: something went wrong.
    Failed,
}

/// The exit code for an attack that can't be tried: "skipped", automake(1).
pub const UNTRIED: u8 = 77;

impl Outcome {
    /// The exit code of `attacks run`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Contained => 0,
            Self::Escaped => 1,
            Self::Untried | Self::Attempted => UNTRIED,
            Self::Failed => 70, // sysexits.h(3head): EX_SOFTWARE
        }
    }

    fn text_and_colour(self) -> (&'static str, &'static str) {
        match self {
            Self::Escaped => ("escaped", "\x1b[31m"),
            Self::Contained => ("contained", "\x1b[32m"),
            Self::Untried => ("untried", "\x1b[33m"),
            Self::Attempted => ("attempted", "\x1b[33m"),
            Self::Failed => ("failed", "\x1b[35m"),
        }
    }
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The attack's name.
    pub attack: String,
    /// What became of it.
    pub outcome: Outcome,
    /// How that is known.
    pub evidence: String,
}

impl Report {
    /// The finding as a row.
    pub fn new(attack: &str, (outcome, evidence): Finding) -> Self {
        Self { attack: attack.into(), outcome, evidence }
    }
}

/// What the inside half prints: a report, and a sign that it did run.
///
/// A step that never started the attack could print a report as well. It can
/// even read the id on the command line, so this catches who pretends without
/// knowing whom he fools, and not who cheats on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The `id` of SPEC; empty if there is none.
    #[serde(default)]
    pub id: String,
    /// The row.
    #[serde(flatten)]
    pub report: Report,
}

/// How to print a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
}

/// JSON on one line.
pub fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(Error::new)
}

/// The rows below their headers, as docker(1) prints tables.
pub fn table(reports: &[Report]) -> String {
    let names = reports.iter().map(|report| report.attack.len());
    let width = names.max().unwrap_or(0).max("ATTACK".len());
    let outcome_width = "contained".len();
    let mut text = format!(
        "{:width$}   {:outcome_width$}   EVIDENCE\n",
        "ATTACK", "OUTCOME"
    );
    let (is_coloured, reset) = (is_coloured(), "\x1b[0m");
    for Report { attack, outcome, evidence } in reports {
        let (outcome, colour) = outcome.text_and_colour();
        let (colour, reset) =
            if is_coloured { (colour, reset) } else { ("", "") };
        // A row is a line, whatever a failed step printed.
        let evidence = evidence.replace('\n', "; ");
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{attack:width$}   {colour}{outcome:outcome_width$}{reset}   \
             {evidence}"
        );
    }
    text
}

/// Colours are for eyes: <https://no-color.org>.
fn is_coloured() -> bool {
    let is_refused =
        std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    io::stdout().is_terminal() && !is_refused
}

/// Prints `text`; a reader that went away is an error, not a panic.
pub fn print(text: &str) -> Result<()> {
    use io::Write;
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .call("write(stdout)")
}
