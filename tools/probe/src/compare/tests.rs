//! Each rule, on values that were made up for it.

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
fn check_row(name: &str, mine: &Report, theirs: &Report, expected: Verdict) {
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
fn peers_are_in_one_scope_or_have_a_group_in_common() {
    let all = set(&["receive 1", "send 1"]).scoped("host");
    let rule = Rule::Peers;
    let check = |mine, expected| check(rule, mine, all.clone(), expected);
    check(set(&[]).scoped("host"), Verdict::Shared);
    check(set(&["receive 1", "send 1"]).scoped("other"), Verdict::Shared);
    check(set(&["receive 1"]).scoped("other"), Verdict::Limited);
    check(set(&[]).scoped("other"), Verdict::Private);
}

/// Its table of mounts ends at its root directory.
#[test]
fn who_is_in_another_directory_of_the_same_namespace_is_a_peer() {
    let unknown = Fact::Unknown { unknown: "no mount".into() };
    let namespace = |id| ("ns-mnt", Fact::Known(Known::text(id)));
    let row = "mount-propagation";
    let mine = report(&[(row, unknown), namespace("4:1")]);
    let theirs =
        |id| report(&[(row, Fact::Known(set(&["send 1"]))), namespace(id)]);
    check_row(row, &mine, &theirs("4:1"), Verdict::Shared);
    check_row(row, &mine, &theirs("4:2"), Verdict::Unknown);
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
