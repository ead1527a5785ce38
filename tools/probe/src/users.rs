//! Who the process is: user and groups, and what their numbers mean.
//!
//! From outside, the kernel translates the numbers to the user namespace of
//! whoever looks; that is their scope then.

use nix::unistd::{getgroups, getresgid, getresuid};
use process::{Call, Error, Result};

use crate::namespaces;
use crate::report::Known;
use crate::subject::Subject;

/// uid_map and gid_map of user_namespaces(7).
pub(crate) fn id_maps(subject: &Subject) -> Result<Known> {
    let maps = [subject.read("uid_map")?, subject.read("gid_map")?];
    let [users, groups] = maps.map(|map| one_line(&map));
    Ok(Known::text(format_args!("users {users}, groups {groups}")))
}

/// The ranges of a map: `0 1000 1, 1 100000 65536`.
fn one_line(map: &str) -> String {
    let ranges: Vec<String> = map
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    match ranges.is_empty() {
        true => "unmapped".into(),
        false => ranges.join(", "),
    }
}

/// getresuid(2) and getresgid(2).
pub(crate) fn ids(subject: &Subject) -> Result<Known> {
    let [users, groups] = match subject.is_self() {
        true => {
            let user = getresuid().call("getresuid()")?;
            let group = getresgid().call("getresgid()")?;
            [
                [user.real, user.effective, user.saved].map(|id| id.as_raw()),
                [group.real, group.effective, group.saved]
                    .map(|id| id.as_raw()),
            ]
        }
        false => [
            first_three(&subject.status("Uid")?)?,
            first_three(&subject.status("Gid")?)?,
        ],
    };
    in_readers_namespace(
        subject,
        Known::text(format_args!("user {users:?} group {groups:?}")),
    )
}

/// Real, effective and saved; the fourth is that for the file system.
fn first_three(line: &str) -> Result<[u32; 3]> {
    let ids: Vec<u32> =
        line.split_whitespace().filter_map(|id| id.parse().ok()).collect();
    match ids.as_slice() {
        [real, effective, saved, ..] => Ok([*real, *effective, *saved]),
        _ => Err(Error::new(format_args!("{line:?} is no list of ids"))),
    }
}

/// getgroups(2).
pub(crate) fn groups(subject: &Subject) -> Result<Known> {
    let known = match subject.is_self() {
        true => Known::set(
            getgroups().call("getgroups()")?.iter().map(|g| g.to_string()),
        ),
        false => Known::set(
            subject.status("Groups")?.split_whitespace().map(str::to_owned),
        ),
    };
    in_readers_namespace(subject, known)
}

fn in_readers_namespace(subject: &Subject, known: Known) -> Result<Known> {
    match subject.is_self() {
        true => Ok(known),
        false => {
            let reader = namespaces::identity(&Subject::myself(), "user")?;
            Ok(known.scoped(reader))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_read_as_ranges() {
        let map = "         0       1000          1\n 1 100000 65536\n";
        assert_eq!(one_line(map), "0 1000 1, 1 100000 65536");
        assert_eq!(one_line(""), "unmapped");
    }

    #[test]
    fn ids_without_a_number_are_refused() {
        assert_eq!(first_three("0\t1\t2\t3").unwrap(), [0, 1, 2]);
        assert!(first_three("0\t1").is_err());
    }
}
