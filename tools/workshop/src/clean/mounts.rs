//! Mounts below `rootfs/` and in what attacks have planted, in the mount
//! namespace of the caller.

use std::fs;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use process::{Call, Hint, Result};

use super::{Leftover, Place, canaries};
use crate::mountinfo::{self, Mount};

/// What is mounted there, a mount before the one that it lies on.
pub(super) fn find(place: &Place) -> Result<Vec<Leftover>> {
    let is_ours = |point: &Path| {
        is_below(point, &place.rootfs)
            || (is_below(point, &place.temporary) && canaries::holds(point))
    };
    Ok(deepest_first(read()?, is_ours)
        .into_iter()
        .map(|point| Leftover {
            description: format!("mount {}", point.display()),
            remove: Box::new(move || unmount(&point)),
        })
        .collect())
}

/// Whether something is mounted on this directory or deeper.
pub(super) fn any_in(directory: &Path) -> Result<bool> {
    Ok(read()?.iter().any(|mount| mount.point.starts_with(directory)))
}

fn read() -> Result<Vec<Mount>> {
    let path = "/proc/thread-self/mountinfo";
    let table =
        fs::read_to_string(path).call(format_args!("read({path:?})"))?;
    Ok(mountinfo::parse(&table))
}

fn is_below(point: &Path, directory: &Path) -> bool {
    point.starts_with(directory) && point != directory
}

fn deepest_first(
    mounts: Vec<Mount>,
    is_ours: impl Fn(&Path) -> bool,
) -> Vec<PathBuf> {
    let mut points: Vec<PathBuf> = mounts
        .into_iter()
        .map(|mount| mount.point)
        .filter(|point| is_ours(point))
        .collect();
    points.sort_by_key(|point| point.components().count());
    points.reverse();
    points
}

fn unmount(point: &Path) -> Result<()> {
    umount2(point, MntFlags::UMOUNT_NOFOLLOW)
        .call(format_args!("umount2({point:?}, UMOUNT_NOFOLLOW)"))
        .hint(
            Errno::EBUSY,
            "a process has a file or its working directory there: \
             `fuser -vm` names it",
        )
        .hint(Errno::EPERM, "it takes root: call it with sudo")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use nix::mount::{MsFlags, mount};

    use super::super::tests::{place, remove_all};
    use super::*;

    #[test]
    fn deeper_mounts_come_first_and_others_not_at_all() {
        let table = "\
1 0 0:1 / / rw - ext4 none rw
2 1 0:1 / /kit/rootfs rw - ext4 none rw
3 2 0:1 / /kit/rootfs/host/proc rw - proc none rw
4 3 0:1 / /kit/rootfs/host/proc/sys rw - proc none rw
5 1 0:1 / /kit/rootfs-scripts rw - tmpfs none rw\n";
        let is_ours = |point: &Path| is_below(point, Path::new("/kit/rootfs"));
        let found = deepest_first(mountinfo::parse(table), is_ours);
        let expected: [PathBuf; 2] = [
            "/kit/rootfs/host/proc/sys".into(),
            "/kit/rootfs/host/proc".into(),
        ];
        assert_eq!(found, expected);
    }

    const INSIDE: &str = "WORKSHOP_TEST_INSIDE";

    /// In a mount namespace of its own, this very test once more.
    #[test]
    fn real_mounts_are_unmounted() {
        if std::env::var_os(INSIDE).is_some() {
            return unmounts_ours();
        }
        let output = Command::new("unshare")
            .args(["--map-root-user", "--mount"])
            .arg(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "clean::mounts::tests::real_mounts_are_unmounted",
            ])
            .env(INSIDE, "")
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn mount_at(point: &Path) {
        fs::create_dir_all(point).unwrap();
        let none: Option<&str> = None;
        mount(none, point, Some("tmpfs"), MsFlags::empty(), none).unwrap();
    }

    fn unmounts_ours() {
        let (_directory, place) = place();
        let deep = place.rootfs.join("host/a b");
        let other = place.temporary.join("other");
        for point in [
            &deep,
            &deep.join("deeper"),
            &deep.join("deeper"),
            &place.temporary.join("attacks-canary-1/inside/mount"),
            &other,
        ] {
            mount_at(point);
        }
        assert_eq!(remove_all(find(&place).unwrap()), 4);
        assert!(find(&place).unwrap().is_empty());
        assert!(any_in(&other).unwrap(), "what is not ours stays");
        umount2(&other, MntFlags::empty()).unwrap();
    }
}
