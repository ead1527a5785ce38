//! Attacks on the name of the host: uts_namespaces(7).

use std::ffi::OsStr;

use nix::unistd::{gethostname, sethostname};
use process::{Call, Result};

use crate::outcome::{Finding, Outcome};
use crate::spec::Spec;

/// Renames the host: sethostname(2).
///
/// The name is one per UTS namespace, and CAP_SYS_ADMIN sets it. Logs,
/// certificates and other machines go by it. Whose name it was, the witness
/// says.
pub(crate) fn rename(canary: &Spec) -> Result<Finding> {
    let id: String = canary.get("id")?;
    // Without the planter nobody would give the host its name back.
    canary.inside()?;
    let call = format!("sethostname({id:?})");
    sethostname(&id).call(&call)?;
    Ok((Outcome::Attempted, format!("{call} was granted")))
}

/// Witness: if the host has the canary's name, gives it back its own.
pub(crate) fn undo(id: &str, name: &OsStr) -> Result<Option<String>> {
    let present = gethostname().call("gethostname()")?;
    if present != id {
        return Ok(None);
    }
    sethostname(name).call(format_args!("sethostname({name:?})"))?;
    Ok(Some(format!("the host's name became {present:?}")))
}
