//! The root file systems that tests, demonstrations and the book use.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

use nix::unistd::geteuid;
use process::{Call, Error, Result};

use crate::repository;

/// Each is made by the script of the same name.
const NAMES: &[&str] = &["host", "busybox"];

/// Makes those that are missing, or older than what they are made of.
pub(super) fn ensure() -> Result<()> {
    for name in unusable() {
        make(name)?;
    }
    Ok(())
}

/// Fails if one has to be made.
pub(super) fn check() -> Result<()> {
    match unusable() {
        names if names.is_empty() => Ok(()),
        names => Err(Error::new(format_args!(
            "missing or out of date: rootfs/{}",
            names.join(", rootfs/")
        ))
        .with_hint("`cargo workshop setup` makes it")),
    }
}

fn unusable() -> Vec<&'static str> {
    let unusable = |name: &&&str| {
        let root = repository::rootfs().join(name);
        !is_current(&root, &ingredients(name)) || !belongs_to_us(&root)
    };
    NAMES.iter().filter(unusable).copied().collect()
}

/// What the tree is made of: a newer one of these makes it out of date.
fn ingredients(name: &str) -> [PathBuf; 4] {
    let (bin, scripts) = (repository::bin(), repository::scripts());
    [
        bin.join("probe"),
        bin.join("attacks"),
        scripts.join("layout.sh"),
        scripts.join(format!("{name}.sh")),
    ]
}

/// Whether the tree is there, whole, and no older than its ingredients. The
/// file that is looked at is the last one that the scripts write.
fn is_current(root: &Path, ingredients: &[PathBuf]) -> bool {
    let Some(made) = modified(&root.join("etc/rootfs-script")) else {
        return false;
    };
    let mut times = ingredients.iter().filter_map(|path| modified(path));
    times.all(|time| time <= made)
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

/// `02-jail` enters no directory of another user. To root it matters if an
/// ordinary user made the tree; who isn't root can use the one that root made.
fn belongs_to_us(root: &Path) -> bool {
    let owner = fs::metadata(root).map(|root| root.uid());
    owner.is_ok_and(|uid| uid == 0 || uid == geteuid().as_raw())
}

fn make(name: &str) -> Result<()> {
    let script = repository::scripts().join(format!("{name}.sh"));
    eprintln!("workshop: making rootfs/{name}");
    let status = Command::new(&script)
        .arg(repository::rootfs().join(name))
        .env("WORKSHOP_BIN", repository::bin())
        .stdout(Stdio::null()) // it prints the path
        .status()
        .call(format_args!("execve({script:?})"))?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::new(format_args!("{script:?}: {status}"))
            .with_hint("its own message stands above")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    fn write(path: &Path, age: u64) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let time = SystemTime::now() - Duration::from_secs(age);
        File::create(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn a_newer_program_makes_the_tree_out_of_date() {
        let directory = tempfile::tempdir().unwrap();
        let probe = directory.path().join("bin/probe");
        let root = directory.path().join("rootfs");
        let ingredients = [probe.clone(), directory.path().join("absent")];
        assert!(!is_current(&root, &ingredients));

        write(&probe, 20);
        write(&root.join("etc/rootfs-script"), 10);
        assert!(is_current(&root, &ingredients));

        write(&probe, 5);
        assert!(!is_current(&root, &ingredients));
    }
}
