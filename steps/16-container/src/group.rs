//! The groups of a container, as the commands find them again.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use cgroups::{Group, GroupOptions, INSIDE, Version};
use nix::errno::Errno;
use nix::unistd::geteuid;
use process::{Call, Error, Result};
use serde::{Deserialize, Serialize};

/// Makes a group. An ordinary user to whom none was delegated, and who asks
/// for no limit, does without, and is told.
pub(crate) fn create(options: &GroupOptions) -> Result<Group> {
    Group::create(options).or_else(|error| {
        let is_refused =
            matches!(error.errno(), Some(Errno::EACCES | Errno::EROFS));
        match Group::none(options) {
            Ok(none) if is_refused && !geteuid().is_root() => {
                eprintln!("16-container: it has no group of its own: {error}");
                Ok(none)
            }
            _ => Err(error),
        }
    })
}

/// Where a container's group is in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Of cgroups: 1 or 2.
    version: u8,
    controllers: Vec<String>,
    path: PathBuf,
}

/// Where it is in each.
pub(crate) fn places(group: &Group) -> Vec<Place> {
    let places = group.directories().map(|(tree, path)| Place {
        version: if tree.version == Version::V1 { 1 } else { 2 },
        controllers: tree.controllers.clone(),
        path: path.into(),
    });
    places.collect()
}

impl Place {
    /// By which a process is put where those of the container are.
    pub(crate) fn door(&self) -> Result<File> {
        let version = if self.version == 1 { Version::V1 } else { Version::V2 };
        let path = self.path.join(INSIDE).join(cgroups::door_of(version));
        let door = File::options().write(true).open(&path);
        door.call(format_args!("open({path:?}, O_WRONLY)"))
    }

    /// Of version 2, or of this controller of version 1.
    fn is(&self, controller: &str) -> bool {
        self.version == 2 || self.controllers.iter().any(|c| c == controller)
    }
}

/// The number in the first of these files that there is.
pub(crate) fn number(
    places: &[Place],
    files: &[(&str, &str, &str)],
) -> Option<u64> {
    files.iter().find_map(|(controller, file, key)| {
        let place = places.iter().filter(|place| place.is(controller));
        let text = place
            .filter_map(|place| fs::read_to_string(place.path.join(file)).ok())
            .next()?;
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().parse().ok()
    })
}

/// The group that can be frozen, if there is one, and the file that says
/// whether it is: that of version 2, since a process that version 1 has frozen
/// can't even be killed.
fn freezer(places: &[Place]) -> Option<(&Path, &'static str)> {
    let v2 = places.iter().find(|place| place.version == 2);
    let v1 = || places.iter().find(|place| place.is("freezer"));
    let v1 = || v1().map(|place| (&*place.path, "freezer.state"));
    v2.map(|place| (&*place.path, "cgroup.freeze")).or_else(v1)
}

/// Whether all its processes stand still.
pub(crate) fn is_frozen(places: &[Place]) -> bool {
    let Some((path, file)) = freezer(places) else { return false };
    let mut text = [0; 16];
    let read =
        File::open(path.join(file)).and_then(|mut file| file.read(&mut text));
    let text = &text[..read.unwrap_or(0)];
    [b"1\n".as_slice(), b"FROZEN\n"].contains(&text)
}

/// Has all its processes stand still, or go on.
pub(crate) fn set_frozen(places: &[Place], is: bool) -> Result<()> {
    match (freezer(places), is) {
        (Some((path, _)), true) => cgroups::freeze(path),
        (Some((path, _)), false) => cgroups::thaw(path),
        (None, _) => Err(Error::new("it has no group that can be frozen")
            .with_hint("run it as root, or in a group delegated to you")),
    }
}
