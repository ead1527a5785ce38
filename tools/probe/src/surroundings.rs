//! What a program finds: names, environment, umask.

use std::env;

use nix::sys::stat::{Mode, umask as set_umask};
use nix::sys::utsname::uname;
use process::{Call, Result};

use crate::report::Known;
use crate::subject::Subject;

/// uname(2), in the subject's UTS namespace.
pub(crate) fn hostname(subject: &Subject) -> Result<Known> {
    let names = subject.within("uts", || uname().call("uname"))?;
    Ok(Known::text(names.nodename().display())
        .noted(format_args!("domain {}", names.domainname().display())))
}

/// environ(7): from outside, as execve(2) left it.
pub(crate) fn environment(subject: &Subject) -> Result<Known> {
    if !subject.is_self() {
        let text = subject.read("environ")?;
        let variables =
            text.split('\0').filter(|variable| !variable.is_empty());
        return Ok(Known::set(variables.map(str::to_owned)));
    }
    let variables = env::vars_os().map(|(name, value)| {
        format!("{}={}", name.to_string_lossy(), value.to_string_lossy())
    });
    Ok(Known::set(variables))
}

/// umask(2).
pub(crate) fn umask(subject: &Subject) -> Result<Known> {
    match subject.status("Umask") {
        Ok(mask) => Ok(Known::text(mask)),
        Err(_) if subject.is_self() => Ok(Known::text(swapped_umask())),
        Err(error) => Err(error),
    }
}

/// There is no call that only reads it. The mask in between lets nobody in.
fn swapped_umask() -> String {
    let mask = set_umask(Mode::from_bits_truncate(0o777));
    set_umask(mask);
    format!("{:04o}", mask.bits())
}
