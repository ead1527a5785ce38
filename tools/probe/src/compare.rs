//! Two reports side by side: what does the one process share with the other?
//!
//! All rules are here, and only here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::report::{Fact, Known, Report, Value};
use crate::resources::{RESOURCES, Resource};

/// How much of a resource a process has in common with the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It has what the reference has.
    Shared,
    /// It has one of its own, or none.
    Private,
    /// It has less of what the reference has.
    Limited,
    /// One of the two could not be read.
    Unknown,
}

/// The verdict on one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The name of the resource.
    pub resource: String,
    /// What it comes to.
    pub verdict: Verdict,
    /// Why it is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a resource is compared. Whatever the rule, but for `Peers`: where the
/// two values hold in different scopes (namespaces, mostly), the resource is
/// `private`, for equal names in them mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Equal is `shared`, different is `private`.
    Identity,
    /// The scope decides alone; the values may change from second to second.
    Scope,
    /// As `Scope`, by the file system that shows it. Where none is mounted,
    /// what system calls reach decides: the namespace.
    Mounted,
    /// All that the reference has is `shared`, some is `limited`, nothing is
    /// `private`.
    Collection,
    /// In one scope `shared` whatever the values, since nothing there is ever
    /// kept apart; from one scope to another as `Collection`, because what has
    /// a group in common has a way through.
    Peers,
    /// As `Collection`, but `shared` from half on, because processes come and
    /// go between two looks.
    Crowd,
    /// As `Collection`, but nobody can translate from one scope to another:
    /// `unknown`, unless there is nothing.
    Untranslatable,
    /// Any limit lower than the reference's is `limited`, otherwise `shared`.
    Limits,
    /// Any count higher than the reference's is `limited`, otherwise `shared`.
    Restraints,
    /// Equal is `shared`, different is `limited`.
    Label,
}

/// Judges each resource, in the order of [`RESOURCES`].
pub fn compare(report: &Report, reference: &Report) -> Vec<Comparison> {
    RESOURCES.iter().map(|one| judge(one, report, reference)).collect()
}

fn judge(
    resource: &Resource,
    report: &Report,
    reference: &Report,
) -> Comparison {
    let both = |name| {
        let mine = known(report, name, "here")?;
        Ok((mine, known(reference, name, "in the reference")?))
    };
    let rule = match resource.rule {
        Rule::Mounted if both(resource.name).is_err() => Rule::Scope,
        rule => rule,
    };
    let judged = match (rule, resource.within) {
        // Its own value may be out of reach: the namespace says enough.
        (Rule::Scope, Some(namespace)) => both(namespace)
            .and_then(|(mine, theirs)| Rule::Identity.judge(mine, theirs)),
        (Rule::Peers, Some(namespace))
            if both(namespace).is_ok_and(|(a, b)| a.value == b.value) =>
        {
            Ok(Verdict::Shared)
        }
        (rule, within) => both(resource.name).and_then(|(mine, theirs)| {
            let has_scope = mine.scope.is_some() && theirs.scope.is_some();
            match within.is_some() && !has_scope {
                true => Err("its namespace is unknown".into()),
                false => rule.judge(mine, theirs),
            }
        }),
    };
    let (verdict, reason) = match judged {
        Ok(verdict) => (verdict, None),
        Err(reason) => (Verdict::Unknown, Some(reason)),
    };
    Comparison { resource: resource.name.to_owned(), verdict, reason }
}

fn known<'a>(
    report: &'a Report,
    name: &str,
    place: &str,
) -> Result<&'a Known, String> {
    match report.get(name) {
        Some(Fact::Known(known)) => Ok(known),
        Some(Fact::Unknown { unknown }) => Err(format!("{place}: {unknown}")),
        None => Err(format!("{place}: the report has no {name}")),
    }
}

impl Rule {
    /// The verdict, or why there is none.
    fn judge(self, mine: &Known, theirs: &Known) -> Result<Verdict, String> {
        let one_scope = mine.scope == theirs.scope;
        match self {
            Self::Untranslatable if !one_scope && !mine.is_empty() => {
                Err("its numbers are those of another namespace: look at it \
                     from outside, with --pid"
                    .into())
            }
            Self::Peers if one_scope => Ok(Verdict::Shared),
            Self::Peers => self.judge_values(&mine.value, &theirs.value),
            _ if !one_scope => Ok(Verdict::Private),
            Self::Scope | Self::Mounted => Ok(Verdict::Shared),
            _ => self.judge_values(&mine.value, &theirs.value),
        }
    }

    fn judge_values(
        self,
        mine: &Value,
        theirs: &Value,
    ) -> Result<Verdict, String> {
        use Value::{Numbers, Set};
        match (self, mine, theirs) {
            (Self::Limits, Numbers(mine), Numbers(theirs)) => {
                tighter(mine, theirs, |mine, theirs| mine < theirs)
            }
            (Self::Restraints, Numbers(mine), Numbers(theirs)) => {
                tighter(mine, theirs, |mine, theirs| mine > theirs)
            }
            (Self::Crowd, Set(mine), Set(theirs)) => {
                match 2 * mine.intersection(theirs).count() {
                    common if common >= theirs.len() => Ok(Verdict::Shared),
                    _ => Ok(overlap(mine, theirs)),
                }
            }
            (_, Set(mine), Set(theirs)) => Ok(overlap(mine, theirs)),
            _ if mine == theirs => Ok(Verdict::Shared),
            (Self::Label, ..) => Ok(Verdict::Limited),
            _ => Ok(Verdict::Private),
        }
    }
}

/// How much of the reference's things are here too.
fn overlap(mine: &BTreeSet<String>, theirs: &BTreeSet<String>) -> Verdict {
    if theirs.is_subset(mine) {
        Verdict::Shared
    } else if theirs.is_disjoint(mine) {
        Verdict::Private
    } else {
        Verdict::Limited
    }
}

/// `limited` if any number binds more tightly than the reference's.
fn tighter(
    mine: &BTreeMap<String, Option<u64>>,
    theirs: &BTreeMap<String, Option<u64>>,
    binds_more: impl Fn(u64, u64) -> bool,
) -> Result<Verdict, String> {
    // No limit at all is above every limit.
    let number = |number: &Option<u64>| number.unwrap_or(u64::MAX);
    let limited = mine.iter().any(|(name, mine)| {
        theirs
            .get(name)
            .is_some_and(|theirs| binds_more(number(mine), number(theirs)))
    });
    match limited {
        true => Ok(Verdict::Limited),
        false if mine.keys().eq(theirs.keys()) => Ok(Verdict::Shared),
        false => Err("the two sides could not read the same numbers".into()),
    }
}

#[cfg(test)]
mod tests;
