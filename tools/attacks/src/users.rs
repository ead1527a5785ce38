//! Attacks on the identity of a process.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::unistd::{geteuid, getuid};
use process::{Call, Error, Result};

use crate::outcome::{Finding, Outcome};
use crate::spec::Spec;

/// What the helper prints if its set-user-ID bit had an effect.
const GAINED: &str = "gained euid 0";

/// Becomes root by a set-user-ID program: execve(2), "Effect on set-user-ID".
///
/// The program runs as its owner, not as its caller. Each such program in an
/// image (mount, su, sudo) is a way back to root for a command that had given
/// root up; no_new_privs and the mount option nosuid close it.
pub(crate) fn set_uid(canary: &Spec) -> Result<Finding> {
    let helper: PathBuf = canary.get_if_planted("helper")?;
    canary.inside()?; // Which it is in.
    let mut command = Command::new(&helper);
    // Otherwise Command opens /dev/null, which a sandbox may not have.
    command.stdin(Stdio::inherit());
    // Root has nothing to gain. Command's child becomes another user first.
    let is_root = geteuid().is_root();
    if is_root {
        command.uid(canary.get("uid")?).gid(canary.get("gid")?);
    }
    let output = match command.output() {
        Err(error) if is_root && is_refusal(&error) => {
            let why = format!("root can't become another user here: {error}");
            return Ok((Outcome::Untried, why));
        }
        output => output.call(format_args!("execve({helper:?})"))?,
    };
    let answer = String::from_utf8_lossy(&output.stdout);
    Ok(match answer.trim() == GAINED {
        true => (Outcome::Escaped, format!("{helper:?} {GAINED}")),
        false => {
            (Outcome::Contained, format!("execve({helper:?}): no euid gained"))
        }
    })
}

/// What setresuid(2) answers, and execve(2) hardly ever.
fn is_refusal(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::EINVAL | Errno::EPERM))
}

/// Whether this process is the helper: then it says so and must end.
///
/// The helper is this very program, set-user-ID root, where anybody on the
/// host can execute it. So this comes first in `main`, and nothing follows.
pub fn is_helper() -> bool {
    let is_helper = geteuid() != getuid();
    if is_helper && geteuid().is_root() {
        println!("{GAINED}");
    }
    is_helper
}

/// Plants the helper; gives its name.
pub(crate) fn plant(directory: &Path) -> Result<&'static str> {
    if !geteuid().is_root() {
        return Err(Error::new("only root can plant a set-user-ID program"));
    }
    let name = "set-uid";
    let path = directory.join(name);
    fs::copy("/proc/self/exe", &path)
        .call(format_args!("copy(\"/proc/self/exe\", {path:?})"))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4755))
        .call(format_args!("chmod({path:?}, 04755)"))?;
    Ok(name)
}
