//! A copy of the kit's sources, to change without harm to the reader's own.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use process::{Call, Error, Result};

use crate::repository;

/// Makes `target/NAME` a copy of all source files, committed or not, and
/// gives its path. A file that is already the same keeps its date, so that
/// cargo builds only what differs.
pub fn copy_to(name: &str) -> Result<PathBuf> {
    let top = repository::top();
    let copy = top.join("target").join(name);
    let sources = source_files(top)?;
    for file in source_files_below(&copy)?.difference(&sources) {
        let path = copy.join(file);
        fs::remove_file(&path).call(format_args!("unlink({path:?})"))?;
    }
    for file in &sources {
        copy_if_different(&top.join(file), &copy.join(file))?;
    }
    // The root file systems are large, and nothing is changed in them.
    let rootfs = copy.join("rootfs");
    if rootfs.symlink_metadata().is_err() {
        symlink(repository::rootfs(), &rootfs)
            .call(format_args!("symlink({rootfs:?})"))?;
    }
    Ok(copy)
}

/// What git tracks, or would if it were added.
fn source_files(top: &Path) -> Result<BTreeSet<PathBuf>> {
    let list = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(top)
        .output()
        .call("execve(\"git\")")?;
    if !list.status.success() {
        let said = String::from_utf8_lossy(&list.stderr);
        return Err(Error::new(format_args!("git ls-files: {said}")));
    }
    let names = String::from_utf8_lossy(&list.stdout).into_owned();
    let files = names.split_terminator('\0').map(PathBuf::from);
    // A file that was deleted stays listed until the next commit.
    Ok(files.filter(|file| top.join(file).is_file()).collect())
}

/// The files of an earlier copy.
fn source_files_below(copy: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let mut directories = vec![copy.to_owned()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue; // There is no earlier copy.
        };
        for entry in entries {
            let path =
                entry.call(format_args!("getdents({directory:?})"))?.path();
            if path.is_symlink() {
                continue;
            } else if path.is_dir() {
                directories.push(path);
            } else if let Ok(file) = path.strip_prefix(copy) {
                found.insert(file.to_owned());
            }
        }
    }
    Ok(found)
}

fn copy_if_different(from: &Path, to: &Path) -> Result<()> {
    let text = fs::read(from).call(format_args!("open({from:?})"))?;
    if fs::read(to).is_ok_and(|present| present == text) {
        return Ok(());
    }
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory)
            .call(format_args!("mkdir({directory:?})"))?;
    }
    fs::copy(from, to).map(drop).call(format_args!("copy to {to:?}"))
}
