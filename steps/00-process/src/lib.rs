//! A process: the thing that a container is made of.
//!
//! fork(2) makes it, execve(2) gives it a program, wait4(2) tells how it
//! ended. Nothing is isolated yet: the new process shares with its parent
//! whatever there is to see, and later steps take that away piece by piece.
//!
//! [`spawn`] and [`exec`] are the two halves of every step, and [`Error`] is
//! what every step says when the kernel refuses.

mod error;
mod exec;
mod spawn;

use std::process::ExitCode;

pub use error::{Call, Error, FAILED, Hint, Result};
pub use exec::{Command, DEFAULT_PATH, Environment, exec};
pub use spawn::{Child, die_with, exit_code, look_after, spawn, spawn_by};

/// The `main` of every step: reads the command line, calls `run`, and turns a
/// failure into text and an exit code.
pub fn main<Options: clap::Parser, Code: Into<ExitCode>>(
    run: impl FnOnce(&Options) -> Result<Code>,
) -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(usage) => {
            let code = if usage.use_stderr() { FAILED } else { 0 };
            // Nothing is left to tell the user if even this can't be printed.
            return usage.print().map_or(FAILED, |()| code).into();
        }
    };
    run(&options).map_or_else(|error| report(&error).into(), Into::into)
}

/// Prints the error behind the program's name; gives the exit code.
pub fn report(error: &Error) -> u8 {
    let program = std::env::args_os().next().unwrap_or_default();
    let name = std::path::Path::new(&program).file_name().unwrap_or(&program);
    eprintln!("{}: {error}", name.display());
    error.exit_code()
}
