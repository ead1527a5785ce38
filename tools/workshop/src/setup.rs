//! `workshop setup`: everything that the kit needs on this machine.

mod build;
mod rootfs;

use std::path::PathBuf;
use std::process::ExitCode;

use process::Result;

use crate::{packages, repository};

/// Install what is missing, build the kit's programs, make root file systems.
///
/// What is there already stays as it is. Only root can install programs;
/// anybody else is told which command does.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Only say what is missing
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    if options.check {
        packages::check()?;
        rootfs::check()?;
    } else {
        ensure()?;
    }
    println!("the workshop is ready");
    Ok(ExitCode::SUCCESS)
}

/// Sees to it that what tests and demonstrations use is there: programs of
/// the machine, `bin/`, `rootfs/host` and `rootfs/busybox`.
///
/// Two that call it at a time do the work once.
pub fn ensure() -> Result<()> {
    let _lock = repository::lock()?;
    packages::ensure()?;
    build::ensure()?;
    rootfs::ensure()
}

/// Builds and installs the steps as they are when speed counts; gives the
/// directory they are in. `bin/` stays as it is.
pub fn release() -> Result<PathBuf> {
    let _lock = repository::lock()?;
    eprintln!("workshop: building the steps with all optimizations");
    build::release()
}
