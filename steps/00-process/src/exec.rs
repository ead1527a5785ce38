//! Become another program: execve(2), with the search through PATH that
//! shells do, and the kernel's answer explained.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::execve;

use crate::error::{Error, Result};
use crate::spawn::HeldSignals;

/// Exit code: the command was found and can't be executed.
const NOT_EXECUTABLE: u8 = 126;
/// Exit code: no such command.
const NOT_FOUND: u8 = 127;

/// Where programs are looked for when the environment has no PATH.
pub const DEFAULT_PATH: &str =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The program to run, on every step's command line.
#[derive(Debug, clap::Args)]
pub struct Command {
    /// The program to run and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    pub words: Vec<OsString>,
}

/// The variables that a program finds in environ(7), by name.
pub type Environment = BTreeMap<OsString, OsString>;

/// Replaces this process's program by `command`; returns only on failure.
///
/// A name without a slash is looked for in the directories of PATH, the one
/// that the command itself will see.
pub fn exec(
    command: &Command,
    environment: &Environment,
) -> Result<Infallible> {
    let [program, ..] = command.words.as_slice() else {
        return Err(failed("", Errno::ENOENT, environment));
    };
    let argv = c_strings(&command.words)?;
    let envp =
        c_strings(environment.iter().map(|(name, value)| {
            [name.as_os_str(), value].join(OsStr::new("="))
        }))?;

    HeldSignals::release()?;
    let mut answer = (PathBuf::from(program), Errno::ENOENT);
    for path in candidates(program, environment) {
        let c_path = c_string(path.as_os_str())?;
        let Err(errno) = execve(&c_path, &argv, &envp);
        // In a search, what is there and won't run is worth more to know than
        // that the next directory has nothing.
        let is_absent = path.as_os_str() != program.as_os_str()
            && matches!(errno, Errno::ENOENT | Errno::ENOTDIR)
            && path.symlink_metadata().is_err();
        if !is_absent && answer.1 == Errno::ENOENT {
            answer = (path, errno);
        }
        if !matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) {
            break;
        }
    }
    Err(failed(answer.0, answer.1, environment))
}

/// The files that may be meant by `program`, in order.
fn candidates(program: &OsStr, environment: &Environment) -> Vec<PathBuf> {
    if program.is_empty() || program.as_bytes().contains(&b'/') {
        return vec![PathBuf::from(program)];
    }
    env::split_paths(search_path(environment))
        .map(|directory| directory.join(program))
        .collect()
}

/// The value of PATH.
fn search_path(environment: &Environment) -> &OsStr {
    environment
        .get(OsStr::new("PATH"))
        .map_or(OsStr::new(DEFAULT_PATH), OsString::as_os_str)
}

/// The strings as C has them, each ended by a NUL byte.
fn c_strings<S: AsRef<OsStr>>(
    strings: impl IntoIterator<Item = S>,
) -> Result<Vec<CString>> {
    strings.into_iter().map(|string| c_string(string.as_ref())).collect()
}

fn c_string(string: &OsStr) -> Result<CString> {
    CString::new(string.as_bytes()).map_err(|_| {
        Error::of_call(format_args!("execve: {string:?}"), Errno::EINVAL)
            .with_hint(
                "it contains a NUL byte, which would end it: no program can \
                 be handed such a string",
            )
    })
}

/// Why `path` could not be executed.
fn failed(
    path: impl Into<PathBuf>,
    errno: Errno,
    environment: &Environment,
) -> Error {
    let path = path.into();
    let exit_code = match errno {
        Errno::ENOENT | Errno::ENOTDIR => NOT_FOUND,
        _ => NOT_EXECUTABLE,
    };
    let error = Error::of_call(format_args!("execve({path:?})"), errno)
        .with_exit_code(exit_code);
    match why(&path, errno, environment) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The likely cause of the kernel's answer, and the remedy.
fn why(path: &Path, errno: Errno, environment: &Environment) -> Option<String> {
    let hint = match errno {
        Errno::ENOENT if path.as_os_str().is_empty() => {
            "the name of the command is empty".into()
        }
        Errno::ENOENT if path.symlink_metadata().is_ok() => interpreter(path),
        Errno::ENOENT if !path.as_os_str().as_bytes().contains(&b'/') => {
            format!(
                "no directory of PATH has it; PATH is {:?}",
                search_path(environment)
            )
        }
        Errno::ENOENT => "there is no such file below the root directory \
                          that the command sees"
            .into(),
        Errno::ENOTDIR => {
            "a part of the path is a file, and no directory".into()
        }
        Errno::EACCES if path.is_dir() => "it is a directory".into(),
        Errno::EACCES => "this user may not execute it (`chmod +x`), or its \
                          file system is mounted noexec"
            .into(),
        Errno::ENOEXEC => "it is neither a program for this kind of machine \
                           nor a script that begins with `#!/bin/sh` or the \
                           like"
            .into(),
        Errno::E2BIG => "arguments and environment together are too long: \
                         `getconf ARG_MAX`"
            .into(),
        _ => return None,
    };
    Some(hint)
}

/// A file that is there and "not found": what should run it is missing.
fn interpreter(path: &Path) -> String {
    let mut start = Vec::new();
    // A script that can't be read can't be run by its interpreter either;
    // the kernel reads no more than this of the first line: execve(2).
    let _ = File::open(path).and_then(|f| f.take(255).read_to_end(&mut start));
    let first_line = start.split(|byte| *byte == b'\n').next();
    match first_line.and_then(|line| line.strip_prefix(b"#!")) {
        Some(interpreter) => format!(
            "the file is there, but its interpreter {:?} is not: see its \
             first line",
            OsStr::from_bytes(interpreter.trim_ascii())
        ),
        None => "the file is there, but the dynamic loader that it names is \
                 not: `readelf -l` shows the name, `ldd` the libraries that \
                 the root file system needs"
            .into(),
    }
}
