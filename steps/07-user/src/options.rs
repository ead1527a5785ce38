//! Who is who: what the user asks for, and else what there is.

use std::fs;
use std::path::PathBuf;

use caps::{CapSet, Capability};
use nix::errno::Errno;
use nix::unistd::{Gid, Uid, geteuid};
use process::{Call, Error, Hint, Result};

use crate::map::{Map, Range};
use crate::subordinate::{self, Kind};

/// As many users and groups does a container expect: 0 to 65535.
const COUNT: u32 = 1 << 16;

/// The numbers that root gives to containers if /etc/subuid names none. No
/// distribution gives these to anybody: see "Users, Groups, UIDs and GIDs on
/// systemd Systems", which leaves 1879048192 to 2147352575 unused.
const FIRST: u32 = 1_900_000_000;

/// Who is who in the container.
///
/// By default: for root the numbers that /etc/subuid and /etc/subgid have for
/// root, else 65536 from 1900000000 on; in a user namespace that has not so
/// many, its own. For any other user: root is the user, and the others are
/// those of /etc/subuid and /etc/subgid; if those name none, there are no
/// others, which is said.
#[derive(Debug, clap::Args)]
pub struct IdOptions {
    /// Which users outside are the users inside; may be repeated
    #[arg(long = "uid-map", value_name = "INSIDE:OUTSIDE:COUNT")]
    users: Vec<Range>,
    /// Which groups outside are the groups inside; may be repeated
    #[arg(long = "gid-map", value_name = "INSIDE:OUTSIDE:COUNT")]
    groups: Vec<Range>,
    /// Give the files of the volume at INSIDE to the users inside of the same
    /// numbers, as those of ROOTFS
    #[arg(long = "id-map", value_name = "INSIDE")]
    pub(crate) id_mapped: Vec<PathBuf>,
    /// Take ROOTFS as it is, even if its owner is nobody inside
    #[arg(long)]
    pub(crate) foreign_rootfs: bool,
}

/// Who is who, and how the kernel is told.
#[derive(Debug)]
pub struct Ids {
    pub(crate) users: Map,
    pub(crate) groups: Map,
    /// Whether the caller may write what it likes: else the helpers must, or
    /// the map has one number.
    pub(crate) is_privileged: bool,
}

impl IdOptions {
    /// Who is who in a container of the caller's.
    pub fn choose(&self) -> Result<Ids> {
        let is_privileged =
            has(Capability::CAP_SETUID)? && has(Capability::CAP_SETGID)?;
        let choose = |kind, given: &[Range]| {
            let ranges = match given {
                [] if is_privileged => ranges_of_root(kind)?,
                [] => ranges_of_user(kind)?,
                given => given.to_vec(),
            };
            let map = Map::new(kind.name(), ranges)?;
            must_be_ours(kind, &map, is_privileged)?;
            Ok::<_, Error>(map)
        };
        if !is_privileged {
            let all = [(Kind::User, &self.users), (Kind::Group, &self.groups)];
            let by_default = all.into_iter().filter(|(_, g)| g.is_empty());
            subordinate::tell_if_none(
                &by_default.map(|(k, _)| k).collect::<Vec<_>>(),
            )?;
        }
        Ok(Ids {
            users: choose(Kind::User, &self.users)?,
            groups: choose(Kind::Group, &self.groups)?,
            is_privileged,
        })
    }
}

impl Ids {
    /// Whether this user outside is somebody inside.
    pub fn has_user(&self, outside: u32) -> bool {
        self.users.has_outside(outside)
    }

    /// Which user and group outside root inside is.
    pub fn root(&self) -> (Uid, Gid) {
        let outside = |map: &Map| map.outside_of(0).unwrap_or(u32::MAX);
        let (user, group) = (outside(&self.users), outside(&self.groups));
        (Uid::from_raw(user), Gid::from_raw(group))
    }
}

/// Whether the caller has this capability in its user namespace.
pub(crate) fn has(capability: Capability) -> Result<bool> {
    caps::has_cap(None, CapSet::Effective, capability)
        .map_err(|_| Errno::last())
        .call(format_args!("capget({capability})"))
}

fn ranges_of_root(kind: Kind) -> Result<Vec<Range>> {
    let listed = subordinate::ranges(kind)?;
    if !listed.is_empty() {
        return Ok(one_after_the_other(0, &listed));
    }
    let own = own_map(kind)?;
    if own.iter().any(|(_, range)| has_inside(range, FIRST, COUNT)) {
        return Ok(vec![Range { inside: 0, outside: FIRST, count: COUNT }]);
    }
    // A container in a container: there is nobody else to be.
    let same = |(_, range): (usize, Range)| {
        let Range { inside, count, .. } = range;
        Range { inside, outside: inside, count }
    };
    Ok(own.into_iter().map(same).collect())
}

fn ranges_of_user(kind: Kind) -> Result<Vec<Range>> {
    let myself = Range { inside: 0, outside: kind.own(), count: 1 };
    let listed = subordinate::ranges(kind)?;
    let others = one_after_the_other(1, &listed);
    Ok([vec![myself], others].concat())
}

/// The ranges outside, with the numbers from `inside` on for them.
fn one_after_the_other(inside: u32, listed: &[(u32, u32)]) -> Vec<Range> {
    let mut inside = inside;
    let mut next = |(outside, count): &(u32, u32)| {
        let range = Range { inside, outside: *outside, count: *count };
        inside = inside.saturating_add(*count);
        range
    };
    listed.iter().map(&mut next).collect()
}

/// The lines of the caller's own map, with their numbers. *Inside* is what the
/// caller's numbers are.
fn own_map(kind: Kind) -> Result<Vec<(usize, Range)>> {
    let path = kind.own_map();
    let text = fs::read_to_string(path)
        .call(format_args!("open({path:?})"))
        .hint(Errno::ENOENT, "mount -t proc proc /proc")?;
    let range = |line: &str| {
        let parts = line.split_whitespace().map(|word| word.parse().ok());
        match parts.collect::<Option<Vec<u32>>>()?.as_slice() {
            [inside, outside, count] => Some(Range {
                inside: *inside,
                outside: *outside,
                count: *count,
            }),
            _ => None,
        }
    };
    let lines = text.lines().zip(1..);
    Ok(lines.filter_map(|(line, n)| Some((n, range(line)?))).collect())
}

fn has_inside(range: &Range, start: u32, count: u32) -> bool {
    let own = Range { outside: range.inside, ..*range };
    own.covers(start, count)
}

/// The kernel, or the helper, would say no more than EPERM.
fn must_be_ours(kind: Kind, map: &Map, is_privileged: bool) -> Result<()> {
    let myself = kind.own();
    let own = own_map(kind)?;
    let listed = match is_privileged {
        true => Vec::new(),
        false => subordinate::ranges(kind)?,
    };
    for range in map.ranges() {
        let Range { outside, count, .. } = *range;
        let exists = own.iter().any(|(_, own)| has_inside(own, outside, count));
        let is_granted = is_privileged
            || (outside, count) == (myself, 1)
            || listed.iter().any(|(start, size)| {
                let range = Range { inside: 0, outside: *start, count: *size };
                range.covers(outside, count)
            });
        let (name, file) = (kind.name(), kind.file());
        if !exists {
            return Err(Error::new(format_args!(
                "the {name} range {range} is not in {:?}, which has {}",
                kind.own_map(),
                text_of(&own)
            ))
            .with_hint(
                "in this user namespace there are no others to give away",
            ));
        }
        if !is_granted {
            return Err(Error::new(format_args!(
                "the {name} range {range} is not yours: {file} has {} for \
                 user {}",
                text_of_listed(&listed),
                geteuid()
            ))
            .with_hint(format_args!(
                "your own number, {myself}, or what root adds to {file}: \
                 `usermod --add-sub{name}s FIRST-LAST USER`"
            )));
        }
    }
    Ok(())
}

fn text_of(own: &[(usize, Range)]) -> String {
    let lines = own.iter().map(|(line, range)| {
        let last = range.inside + (range.count - 1);
        format!("{} to {last} in line {line}", range.inside)
    });
    lines.collect::<Vec<_>>().join(", ")
}

fn text_of_listed(listed: &[(u32, u32)]) -> String {
    match listed {
        [] => "nothing".into(),
        some => some
            .iter()
            .map(|(start, count)| format!("{start}:{count}"))
            .collect::<Vec<_>>()
            .join(", "),
    }
}
