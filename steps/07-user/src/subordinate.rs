//! The numbers that root has set aside for a user's containers: subuid(5).

use std::fs;
use std::io::ErrorKind;

use nix::unistd::{getegid, geteuid};
use process::{Call, Error, Result};

/// Users or groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Group,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "uid",
            Self::Group => "gid",
        }
    }

    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::User => "/etc/subuid",
            Self::Group => "/etc/subgid",
        }
    }

    /// The caller.
    pub(crate) fn own(self) -> u32 {
        match self {
            Self::User => geteuid().as_raw(),
            Self::Group => getegid().as_raw(),
        }
    }

    pub(crate) fn own_map(self) -> &'static str {
        match self {
            Self::User => "/proc/self/uid_map",
            Self::Group => "/proc/self/gid_map",
        }
    }
}

/// Says it if the caller has no numbers of some kind: programs that become
/// somebody else, such as a package manager, won't work in his containers.
pub(crate) fn tell_if_none(kinds: &[Kind]) -> Result<()> {
    let mut none = Vec::new();
    for kind in kinds {
        if ranges(*kind)?.is_empty() {
            none.push(kind);
        }
    }
    let list = |text: fn(&Kind) -> String, between: &str| {
        let texts = none.iter().map(|kind| text(kind));
        texts.collect::<Vec<_>>().join(between)
    };
    if !none.is_empty() {
        eprintln!(
            "note: user {} has no range in {}, so nobody exists inside but \
             root\n\
             hint: as root: usermod {} USER; or say that it is meant: {}",
            geteuid(),
            list(|kind| kind.file().into(), " and "),
            list(|k| format!("--add-sub{}s 100000-165535", k.name()), " "),
            list(|k| format!("--{}-map 0:{}:1", k.name(), k.own()), " "),
        );
    }
    Ok(())
}

/// First number and count of each range that the caller has.
pub(crate) fn ranges(kind: Kind) -> Result<Vec<(u32, u32)>> {
    let path = kind.file();
    let uid = geteuid().as_raw();
    let name = name_of(uid)?;
    let mut found = Vec::new();
    for (line, number) in read(path)?.lines().zip(1..) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (owner, range) = parse(line).ok_or_else(|| {
            Error::new(format_args!(
                "{path}:{number}: {line:?} is not USER:FIRST:COUNT"
            ))
            .with_hint("subuid(5) says what belongs there")
        })?;
        if owner == uid.to_string() || Some(owner) == name.as_deref() {
            found.push(range);
        }
    }
    Ok(found)
}

fn parse(line: &str) -> Option<(&str, (u32, u32))> {
    let [owner, first, count] = line.split(':').collect::<Vec<_>>()[..] else {
        return None;
    };
    Some((owner, (first.parse().ok()?, count.parse().ok()?)))
}

/// The user's name. It is in passwd(5), or the entry is by number.
fn name_of(uid: u32) -> Result<Option<String>> {
    let uid = uid.to_string();
    let text = read("/etc/passwd")?;
    let name = text.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        (fields.get(2)? == &uid).then(|| fields[0].to_owned())
    });
    Ok(name)
}

/// The file; nothing, if there is none.
fn read(path: &str) -> Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        result => result.call(format_args!("open({path:?})")),
    }
}
