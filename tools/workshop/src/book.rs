//! `workshop book`: the book has a program of its own, because mdBook takes a
//! minute to compile and few commands need it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use process::{Error, Result};

use crate::{repository, setup};

/// Build the book, serve it, check it, run its sessions.
///
/// `cargo workshop book --help` has the commands; without one, the book is
/// built.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    /// What to do with the book
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Becomes the book's own program.
pub fn run(options: &Options) -> Result<ExitCode> {
    setup::ensure()?; // Sessions use the programs and root file systems.
    let error = Command::new("cargo")
        .args(["run", "--quiet", "--package", "book", "--"])
        .args(&options.arguments)
        .current_dir(repository::top())
        .exec();
    Err(Error::new(format_args!("execve(\"cargo\"): {error}")))
}
