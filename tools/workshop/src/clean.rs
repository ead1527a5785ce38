//! `workshop clean`: find and remove all that the kit may ever leave behind.
//!
//! A tool that ends takes everything along; one that is killed, or an attack
//! that escapes, may not. What is removed is recognisably ours: it lies below
//! `rootfs/`, or has a name that only the kit gives.

mod canaries;
mod containers;
mod directories;
mod groups;
mod half_made;
mod hosts;
mod mounts;
mod network;
mod process_table;
mod processes;

use std::path::PathBuf;
use std::process::ExitCode;

use process::{Error, Result};

use crate::repository;

/// Remove what killed tools and attacks have left behind, and nothing else.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
}

/// Where to look.
#[derive(Debug, Clone)]
struct Place {
    /// The directory of root file systems.
    rootfs: PathBuf,
    /// The directory of the kit's programs.
    programs: PathBuf,
    /// The directory for temporary files.
    temporary: PathBuf,
}

/// Something that the kit left, and how to get rid of it.
struct Leftover {
    /// What it is, in words.
    description: String,
    /// Removes it, or finds that it is gone.
    remove: Box<dyn FnOnce() -> Result<()>>,
}

/// Looks for one kind of leftover.
type Find = fn(&Place) -> Result<Vec<Leftover>>;

/// The order matters: a process keeps a mount busy, and a directory must not
/// be removed with what is mounted in it.
const KINDS: &[Find] = &[
    hosts::find,
    processes::find,
    containers::find,
    groups::find,
    mounts::find,
    canaries::find,
    half_made::find,
    network::find,
];

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    // `workshop setup` may be making what looks like a leftover.
    // Who only looks disturbs nobody, and may not be able to lock.
    let _lock = (!options.dry_run).then(repository::lock).transpose()?;
    let (mut found, mut failures) = (0, Vec::new());
    for find in KINDS {
        for leftover in find(&Place::here())? {
            found += 1;
            if let Err(error) = take(leftover, options) {
                failures.push(error.to_string());
            }
        }
    }
    if found == 0 {
        println!("nothing to remove");
    }
    match failures.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => Err(Error::new(failures.join("\n"))),
    }
}

fn take(leftover: Leftover, options: &Options) -> Result<()> {
    if options.dry_run {
        println!("would remove {}", leftover.description);
        return Ok(());
    }
    (leftover.remove)()?;
    println!("removed {}", leftover.description);
    Ok(())
}

impl Place {
    fn here() -> Self {
        Self {
            rootfs: as_the_kernel_names(repository::rootfs()),
            programs: as_the_kernel_names(repository::bin()),
            temporary: as_the_kernel_names(std::env::temp_dir()),
        }
    }
}

/// Without links. What does not exist keeps its name: nothing will match.
fn as_the_kernel_names(path: PathBuf) -> PathBuf {
    path.canonicalize().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A place of its own for a test: the directory goes when it is dropped.
    pub(super) fn place() -> (tempfile::TempDir, Place) {
        let directory = tempfile::tempdir().unwrap();
        let path = as_the_kernel_names(directory.path().into());
        let place = Place {
            rootfs: path.join("rootfs"),
            programs: path.join("bin"),
            temporary: path.join("tmp"),
        };
        fs::create_dir_all(place.rootfs.join("host")).unwrap();
        fs::create_dir(&place.temporary).unwrap();
        (directory, place)
    }

    /// Removes them all, and tells how many there were.
    pub(super) fn remove_all(found: Vec<Leftover>) -> usize {
        let number = found.len();
        for leftover in found {
            (leftover.remove)().unwrap();
        }
        number
    }
}
