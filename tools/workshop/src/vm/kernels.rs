//! The kernels that guests boot: Debian's, as its suites have them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use process::{Call, Error, Result};

use super::architecture;
use crate::repository;

/// A kernel by the beginning of its version.
#[derive(Debug, PartialEq, Eq)]
pub struct Kernel {
    /// `6.12` stands for all of 6.12.x, `7` for the newest there is.
    pub version: &'static str,
    /// The suites that may have it, the best first. That of backports to an
    /// old release vanishes one day.
    suites: &'static [&'static str],
    /// Whether it is a failure if it can't be had.
    pub is_must: bool,
    /// Whether the steps are too new for it. All that is to be shown is that
    /// they say so.
    pub is_too_old: bool,
}

/// Every kernel there is, the oldest first.
pub const KERNELS: &[Kernel] = &[
    Kernel {
        version: "5.10",
        suites: &["bullseye"],
        is_must: false,
        is_too_old: true,
    },
    Kernel {
        version: "6.1",
        suites: &["bookworm"],
        is_must: true,
        is_too_old: false,
    },
    Kernel {
        version: "6.12",
        suites: &["trixie", "bookworm-backports"],
        is_must: true,
        is_too_old: false,
    },
    Kernel {
        version: "7",
        suites: &["trixie-backports", "forky", "sid"],
        is_must: false,
        is_too_old: false,
    },
];

/// A kernel on this machine.
#[derive(Debug)]
pub(crate) struct Bootable {
    /// Where it is, with its modules and what it boots into.
    pub(crate) directory: PathBuf,
}

impl Kernel {
    /// The kernel of this version, or all of them.
    pub fn named(name: &str) -> Result<Vec<&'static Kernel>> {
        let is_meant =
            |kernel: &&Kernel| ["all", kernel.version].contains(&name);
        match KERNELS.iter().filter(is_meant).collect::<Vec<_>>() {
            none if none.is_empty() => Err(unknown(name)),
            found => Ok(found),
        }
    }

    /// Fetches it, unless an earlier run has.
    pub(crate) fn ensure(&self) -> Result<Bootable> {
        let _lock = repository::lock_file(&directory("kernels.lock"))?;
        let directories = self.suites.iter().map(|suite| directory(suite));
        let mut fetched = directories.filter(|d| d.join("release").exists());
        let directory = match fetched.next() {
            Some(directory) => directory,
            None => self.fetch()?,
        };
        ensure_initramfs(&directory)?;
        Ok(Bootable { directory })
    }

    /// From the first suite that has it.
    fn fetch(&self) -> Result<PathBuf> {
        let package = architecture::here()?.kernel_package;
        for suite in self.suites {
            eprintln!("workshop: fetching kernel {} of {suite}", self.version);
            let directory = directory(suite);
            let mut script = Command::new(script("kernel"));
            script.args([suite, self.version, package]).arg(&directory);
            if script.status().call("execve(\"vm/kernel\")")?.success() {
                return Ok(directory);
            }
        }
        Err(Error::new(format_args!(
            "kernel {} can't be had from {}",
            self.version,
            self.suites.join(", ")
        ))
        .with_hint("the messages stand above"))
    }
}

fn unknown(name: &str) -> Error {
    let names: Vec<_> = KERNELS.iter().map(|kernel| kernel.version).collect();
    Error::new(format_args!("there is no kernel {name:?}"))
        .with_hint(format_args!("there are {}, and all", names.join(", ")))
}

/// A script of the kit's that makes guests.
pub(crate) fn script(name: &str) -> PathBuf {
    repository::top().join("vm").join(name)
}

/// Where everything about guests is kept.
pub(crate) fn directory(name: &str) -> PathBuf {
    repository::top().join("target/vm").join(name)
}

/// Makes what the guest boots into, if what it is made of is newer.
fn ensure_initramfs(directory: &Path) -> Result<()> {
    let made = modified(&directory.join("initramfs"));
    let ingredients =
        [script("init"), script("initramfs"), directory.join("release")];
    if made.is_some() && ingredients.iter().all(|path| modified(path) <= made) {
        return Ok(());
    }
    let status = Command::new(script("initramfs"))
        .arg(directory)
        .status()
        .call("execve(\"vm/initramfs\")")?;
    match status.success() {
        true => Ok(()),
        false => Err(Error::new(format_args!("vm/initramfs: {status}"))
            .with_hint("its own message stands above")),
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_found_by_its_version_and_all_are_found_by_all() {
        assert_eq!(Kernel::named("6.12").unwrap(), [&KERNELS[2]]);
        assert_eq!(Kernel::named("all").unwrap().len(), KERNELS.len());
        assert!(Kernel::named("6").is_err());
    }
}
