//! What `attacks` has planted, on the host or in a root file system, for the
//! attacks to find.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::geteuid;
use process::Result;

use super::directories::{self, directories_in, name_of};
use super::{Leftover, Place};

/// How the names of the directories begin. The rest is also the name of the
/// process that belongs to the canary.
const PREFIX: &str = "attacks-";
const CANARY: &str = "canary-";

/// The directories of canaries whose process has gone.
pub(super) fn find(place: &Place) -> Result<Vec<Leftover>> {
    let mut places = directories_in(&place.rootfs)?;
    places.push(place.temporary.clone());
    let mut found = Vec::new();
    for place in places {
        found.extend(directories_in(&place)?.into_iter().filter(|path| {
            canary(name_of(path)).is_some_and(|id| !is_alive(id))
                && is_for_us(path)
        }));
    }
    let leftover = |path| directories::leftover("canary", path);
    Ok(found.into_iter().map(leftover).collect())
}

/// Whether this lies in the directory of a canary whose process has gone.
pub(super) fn holds(path: &Path) -> bool {
    let ids = path.ancestors().filter_map(|path| canary(name_of(path)));
    ids.last().is_some_and(|id| !is_alive(id))
}

/// The name of the canary, if this is the name of its directory.
fn canary(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX).filter(|id| id.starts_with(CANARY))
}

/// Whether a process has this name: then somebody is at work.
fn is_alive(id: &str) -> bool {
    let Ok(mut processes) = fs::read_dir("/proc") else { return true };
    processes.any(|process| {
        let name = process.map(|process| process.path().join("comm"));
        name.and_then(fs::read_to_string).is_ok_and(|name| name.trim() == id)
    })
}

/// In a directory that everybody writes, such as /tmp, anybody may have used
/// the name.
pub(super) fn is_for_us(directory: &Path) -> bool {
    let owner = fs::symlink_metadata(directory).map(|entry| entry.uid());
    geteuid().is_root() || owner.is_ok_and(|uid| uid == geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::{Command, Stdio};

    use super::super::tests::{place, remove_all};
    use super::*;

    #[test]
    fn canaries_are_removed_wherever_attacks_plant_them() {
        let (_directory, place) = place();
        for path in ["rootfs/host/attacks-canary-1", "tmp/attacks-canary-2"] {
            let path = place.rootfs.with_file_name(path);
            fs::create_dir_all(path.join("deep")).unwrap();
        }
        fs::create_dir(place.temporary.join("attacks-file")).unwrap();
        fs::write(place.temporary.join("attacks-canary-file"), "").unwrap();

        assert_eq!(remove_all(find(&place).unwrap()), 2);
        assert_eq!(remove_all(find(&place).unwrap()), 0);
        assert!(place.temporary.join("attacks-file").exists());
        assert!(place.temporary.join("attacks-canary-file").exists());
    }

    #[test]
    fn no_link_is_followed() {
        let (directory, place) = place();
        let precious = directory.path().join("attacks-canary-precious");
        fs::create_dir(&precious).unwrap();
        fs::write(precious.join("file"), "").unwrap();
        // As an entry, as a root file system, and within a canary.
        symlink(&precious, place.temporary.join("attacks-canary-1")).unwrap();
        symlink(directory.path(), place.rootfs.join("link")).unwrap();
        let canary = place.temporary.join("attacks-canary-2");
        fs::create_dir(&canary).unwrap();
        symlink(&precious, canary.join("link")).unwrap();

        assert_eq!(remove_all(find(&place).unwrap()), 1);
        assert!(precious.join("file").exists());
    }

    #[test]
    fn a_canary_in_use_is_kept() {
        let (_directory, place) = place();
        let canary = place.temporary.join("attacks-canary-alive");
        fs::create_dir(&canary).unwrap();
        let mut process = Command::new("sh")
            .args(["-c", "printf canary-alive >/proc/$$/comm; echo; read x"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = process.stdout.take().unwrap();
        std::io::Read::read_exact(&mut output, &mut [0]).unwrap();
        assert!(find(&place).unwrap().is_empty());
        assert!(!holds(&canary.join("inside/mount")));

        process.kill().unwrap();
        process.wait().unwrap();
        assert!(holds(&canary.join("inside/mount")));
        assert_eq!(remove_all(find(&place).unwrap()), 1);
    }
}
