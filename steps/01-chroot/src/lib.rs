//! Another root directory: chroot(2).
//!
//! Every process has a root directory, from which the kernel resolves each
//! path that begins with `/`. chroot(2) moves it. That hides the host's files
//! from *paths*, and from nothing else: whoever holds a directory outside, or
//! may call chroot(2) again, walks out.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{IsTerminal, stdin};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clap::builder::{OsStringValueParser, TypedValueParser};
use nix::errno::Errno;
use nix::unistd::{chdir, chroot};
use process::{Call, Environment, Hint, Result};

/// Makes `root` the root directory and the working directory of this process,
/// and so of all that it starts from now on.
pub fn enter(root: &Path) -> Result<()> {
    chroot(root)
        .call(format_args!("chroot({root:?})"))
        .hint(Errno::ENOENT, "`cargo workshop setup` makes root file systems")
        .hint(Errno::ENOTDIR, "the new root must be a directory")
        .hint(
            Errno::EPERM,
            "it takes root (CAP_SYS_CHROOT): run it with sudo, or as root of \
             a user namespace, which `unshare --map-root-user` makes; the \
             first step that needs no root is 07-user",
        )?;
    // chroot(2) leaves the working directory where it was, which is outside:
    // the command would begin its life with a way out.
    chdir("/").call("chdir(\"/\")")
}

/// Which variables the command finds in its environment.
#[derive(Debug, clap::Args)]
pub struct EnvironmentOptions {
    /// Set a variable; without a value, take it over from the caller
    ///
    /// The command does not inherit the caller's environment. It starts with
    /// PATH, HOME and, on a terminal, the caller's TERM.
    #[arg(
        short = 'e',
        long = "env",
        value_name = "NAME[=VALUE]",
        value_parser = OsStringValueParser::new().try_map(Variable::parse)
    )]
    variables: Vec<Variable>,
}

impl EnvironmentOptions {
    /// A fresh environment. The caller's is full of paths that don't exist
    /// in here, and of things that are no business of the command's.
    pub fn environment(&self, home: &Path) -> Environment {
        let mut environment = Environment::from([
            ("PATH".into(), process::DEFAULT_PATH.into()),
            ("HOME".into(), home.into()),
        ]);
        if stdin().is_terminal() {
            environment.extend(from_caller("TERM"));
        }
        for Variable { name, value } in &self.variables {
            environment.extend(match value {
                Some(value) => Some((name.clone(), value.clone())),
                None => from_caller(name),
            });
        }
        environment
    }
}

/// A variable as the tool's own caller has it, if it does.
fn from_caller(name: impl AsRef<OsStr>) -> Option<(OsString, OsString)> {
    let name = name.as_ref();
    Some((name.into(), env::var_os(name)?))
}

/// `NAME=VALUE` on the command line, or `NAME` alone.
#[derive(Clone, Debug)]
struct Variable {
    name: OsString,
    value: Option<OsString>,
}

impl Variable {
    fn parse(text: OsString) -> std::result::Result<Self, &'static str> {
        let mut parts = text.as_bytes().splitn(2, |byte| *byte == b'=');
        let mut next = || Some(OsStr::from_bytes(parts.next()?).to_os_string());
        match next() {
            Some(name) if !name.is_empty() => Ok(Self { name, value: next() }),
            _ => Err("the name of the variable is missing"),
        }
    }
}
