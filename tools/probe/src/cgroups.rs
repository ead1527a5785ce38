//! In which groups of cgroups(7) the process is.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use process::{Call, Error, Result};

use crate::files::{Mount, mount_table};
use crate::report::Known;
use crate::subject::Subject;

/// How the hierarchy of version 2, with all its controllers, is called here.
pub(crate) const VERSION_2: &str = "v2";

/// A line of /proc/PID/cgroup: `4:memory:/path`, or `0::/path` of version 2.
pub(crate) struct Group {
    controllers: String,
    path: String,
    /// Where its hierarchy is mounted, and its directory there.
    pub(crate) place: Result<(PathBuf, PathBuf)>,
}

impl Group {
    pub(crate) fn has(&self, controller: &str) -> bool {
        self.controllers.split(',').any(|one| one == controller)
    }
}

/// `CONTROLLERS DEVICE:INODE` of each group's directory. Its path says little:
/// in a cgroup namespace every group may be `/`.
pub(crate) fn membership(subject: &Subject) -> Result<Known> {
    let (mut found, mut paths) = (Vec::new(), Vec::new());
    for Group { controllers, path, place } in groups(subject)? {
        // All or none: one that is left out might be the one in common.
        let (_, directory) = place?;
        let identity = fs::metadata(&directory)
            .call(format_args!("stat({directory:?})"))?;
        let (device, inode) = (identity.dev(), identity.ino());
        found.push(format!("{controllers} {device}:{inode}"));
        paths.push(format!("{controllers}:{path}"));
    }
    Ok(Known::set(found).noted(paths.join(", ")))
}

/// The groups that the subject is in, one of each hierarchy.
pub(crate) fn groups(subject: &Subject) -> Result<Vec<Group>> {
    // The reader's mounts, in which the reader can look.
    let mounts = mount_table(&Subject::myself())?;
    let text = subject.read("cgroup")?;
    Ok(text.lines().filter_map(|line| parse_group(line, &mounts)).collect())
}

fn parse_group(line: &str, mounts: &[Mount]) -> Option<Group> {
    let mut fields = line.splitn(3, ':').map(str::to_owned);
    let (number, controllers) = (fields.next()?, fields.next()?);
    let path = fields.next()?;
    if controllers.is_empty() && number != "0" {
        return None; // A tree of version 1 that is about to vanish.
    }
    let place = find(mounts, &controllers, &path);
    let controllers =
        if controllers.is_empty() { VERSION_2.into() } else { controllers };
    Some(Group { controllers, path, place })
}

/// Looks for the mount that shows the group.
fn find(
    mounts: &[Mount],
    controllers: &str,
    path: &str,
) -> Result<(PathBuf, PathBuf)> {
    let shows = |mount: &&Mount| {
        let options: Vec<&str> = mount.options.split(',').collect();
        match controllers {
            "" => mount.kind == "cgroup2",
            names => {
                mount.kind == "cgroup"
                    && names.split(',').all(|name| options.contains(&name))
            }
        }
    };
    mounts
        .iter()
        .filter(shows)
        .find_map(|mount| {
            let below = Path::new(path).strip_prefix(&mount.root).ok()?;
            Some((
                PathBuf::from(&mount.point),
                Path::new(&mount.point).join(below),
            ))
        })
        .ok_or_else(|| {
            Error::new(format_args!(
                "no cgroup file system in reach shows {controllers}:{path}"
            ))
        })
}
