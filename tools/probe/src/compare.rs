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

/// How a resource is compared. Whatever the rule: where the two values hold
/// in different scopes (namespaces, mostly), the resource is `private`, for
/// equal names in them mean different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Equal is `shared`, different is `private`.
    Identity,
    /// The scope decides alone; the values may change from second to second.
    Scope,
    /// All that the reference has is `shared`, some is `limited`, nothing is
    /// `private`.
    Collection,
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
    let judged = match (resource.rule, resource.within) {
        // Its own value may be out of reach: the namespace says enough.
        (Rule::Scope, Some(namespace)) => both(namespace)
            .and_then(|(mine, theirs)| Rule::Identity.judge(mine, theirs)),
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
            _ if !one_scope => Ok(Verdict::Private),
            Self::Scope => Ok(Verdict::Shared),
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
mod tests {
    use super::*;

    fn report(resources: &[(&str, Fact)]) -> Report {
        let resources = resources.iter().cloned();
        Report {
            pid: 1,
            seen_from: crate::Side::Inside,
            resources: resources.map(|(n, fact)| (n.into(), fact)).collect(),
        }
    }

    #[track_caller]
    fn check_row(
        name: &str,
        mine: &Report,
        theirs: &Report,
        expected: Verdict,
    ) {
        let all = compare(mine, theirs);
        let row = all.iter().find(|row| row.resource == name).unwrap();
        assert_eq!(row.verdict, expected, "{row:?}");
        assert_eq!(row.reason.is_some(), expected == Verdict::Unknown);
    }

    #[test]
    fn what_was_not_read_is_unknown() {
        let unknown = Fact::Unknown { unknown: "EACCES".into() };
        let known = Fact::Known(Known::text("65024:2"));
        let (blind, seeing) =
            (report(&[("root", unknown)]), report(&[("root", known)]));
        check_row("root", &blind, &seeing, Verdict::Unknown);
        check_row("root", &seeing, &blind, Verdict::Unknown);
        check_row("root", &seeing, &seeing, Verdict::Shared);
        check_row("umask", &seeing, &seeing, Verdict::Unknown);
    }

    #[test]
    fn the_namespace_decides_over_what_can_not_be_read_in_it() {
        let mounts = Fact::Unknown { unknown: "no /proc".into() };
        let namespace = Fact::Known(Known::text("4:1"));
        let mine = report(&[("mounts", mounts), ("ns-mnt", namespace)]);
        check_row("mounts", &mine, &mine, Verdict::Shared);
    }

    #[test]
    fn equal_users_of_unknown_namespaces_may_be_different_ones() {
        let user = Fact::Known(Known::text("0"));
        let mine = report(&[("user", user)]);
        check_row("user", &mine, &mine, Verdict::Unknown);
    }

    fn set(things: &[&str]) -> Known {
        Known::set(things.iter().map(ToString::to_string))
    }

    fn numbers(numbers: &[(&str, Option<u64>)]) -> Known {
        Known::numbers(numbers.iter().copied())
    }

    #[track_caller]
    fn check(rule: Rule, mine: Known, theirs: Known, expected: Verdict) {
        let verdict = rule.judge(&mine, &theirs).unwrap_or(Verdict::Unknown);
        assert_eq!(verdict, expected, "{rule:?}: {mine:?} {theirs:?}");
    }

    #[test]
    fn an_identity_is_shared_or_private() {
        let (one, other) = (Known::text("4:1"), Known::text("4:2"));
        check(Rule::Identity, one.clone(), one.clone(), Verdict::Shared);
        check(Rule::Identity, one, other, Verdict::Private);
    }

    #[test]
    fn a_label_that_differs_limits() {
        let (one, other) = (Known::text("unconfined"), Known::text("strict"));
        check(Rule::Label, one.clone(), one.clone(), Verdict::Shared);
        check(Rule::Label, other, one, Verdict::Limited);
    }

    #[test]
    fn a_collection_is_judged_by_what_it_has_of_the_reference() {
        let all = set(&["a", "b", "c"]);
        let rule = Rule::Collection;
        check(rule, all.clone(), all.clone(), Verdict::Shared);
        check(rule, set(&["a", "b", "c", "d"]), all.clone(), Verdict::Shared);
        check(rule, set(&["a", "x"]), all.clone(), Verdict::Limited);
        check(rule, set(&["x"]), all.clone(), Verdict::Private);
        check(rule, set(&[]), all, Verdict::Private);
        check(rule, set(&[]), set(&[]), Verdict::Shared);
    }

    #[test]
    fn a_crowd_may_change_by_half() {
        let all = set(&["1", "2", "3", "4"]);
        let rule = Rule::Crowd;
        check(rule, set(&["1", "2", "9"]), all.clone(), Verdict::Shared);
        check(rule, set(&["1", "9"]), all.clone(), Verdict::Limited);
        check(rule, set(&["9"]), all, Verdict::Private);
    }

    #[test]
    fn another_scope_is_private_whatever_the_values() {
        let (mine, theirs) = (set(&["lo"]).scoped(2), set(&["lo"]).scoped(1));
        for rule in [Rule::Scope, Rule::Collection, Rule::Crowd] {
            check(rule, mine.clone(), theirs.clone(), Verdict::Private);
        }
        check(Rule::Scope, set(&[]).scoped(1), theirs, Verdict::Shared);
    }

    #[test]
    fn group_numbers_are_not_compared_across_user_namespaces() {
        let rule = Rule::Untranslatable;
        let theirs = set(&["0", "4"]).scoped(1);
        check(rule, set(&["4"]).scoped(2), theirs.clone(), Verdict::Unknown);
        check(rule, set(&[]).scoped(2), theirs.clone(), Verdict::Private);
        check(rule, set(&["0"]).scoped(1), theirs, Verdict::Limited);
    }

    #[test]
    fn any_lower_limit_limits() {
        let theirs = numbers(&[("cpu", None), ("nofile", Some(1024))]);
        let rule = Rule::Limits;
        let lower = numbers(&[("cpu", Some(5)), ("nofile", Some(4096))]);
        check(rule, lower, theirs.clone(), Verdict::Limited);
        let higher = numbers(&[("cpu", None), ("nofile", Some(4096))]);
        check(rule, higher, theirs.clone(), Verdict::Shared);
        // A number that one side lacks may be the one that limits.
        let fewer = numbers(&[("cpu", None)]);
        check(rule, fewer, theirs, Verdict::Unknown);
    }

    #[test]
    fn any_further_restraint_limits() {
        let theirs = numbers(&[("mode", Some(0))]);
        let mine = numbers(&[("mode", Some(2))]);
        check(Rule::Restraints, mine.clone(), theirs.clone(), Verdict::Limited);
        check(Rule::Restraints, theirs, mine, Verdict::Shared);
    }
}
