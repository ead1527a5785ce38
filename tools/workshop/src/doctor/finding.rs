//! What a check says.

use std::fmt::Display;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing to do.
    Ok,
    /// Most of the kit works, or it could not be found out.
    Warning,
    /// Something that the kit needs is not there.
    Problem,
}

/// What a check says.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    status: Status,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Verdict {
    /// All is well.
    pub fn ok(found: impl Display) -> Self {
        Self { status: Status::Ok, found: found.to_string(), remedy: None }
    }

    /// Something works less well, or not at all but is rarely needed.
    pub fn warning(found: impl Display, remedy: impl Display) -> Self {
        Self {
            status: Status::Warning,
            remedy: Some(remedy.to_string()),
            ..Self::ok(found)
        }
    }

    /// Something that is needed is not there.
    pub fn problem(found: impl Display, remedy: impl Display) -> Self {
        Self { status: Status::Problem, ..Self::warning(found, remedy) }
    }
}

/// A check and what it said.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    check: &'static str,
    #[serde(flatten)]
    verdict: Verdict,
}

impl Finding {
    pub(super) fn new(check: &'static str, verdict: Verdict) -> Self {
        Self { check, verdict }
    }

    /// The name of the check.
    pub fn check(&self) -> &'static str {
        self.check
    }

    /// How bad it is.
    pub fn status(&self) -> Status {
        self.verdict.status
    }

    /// What is there.
    pub fn found(&self) -> &str {
        &self.verdict.found
    }

    /// What to do, if there is anything to do.
    pub fn remedy(&self) -> Option<&str> {
        self.verdict.remedy.as_deref()
    }
}
