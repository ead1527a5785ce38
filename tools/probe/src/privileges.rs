//! What the process may do: capabilities, and what narrows them.

use caps::{CapSet, CapsHashSet};
use nix::errno::Errno;
use nix::sys::prctl;
use process::{Call, Error, Result};

use crate::report::Known;
use crate::subject::Subject;

/// The five sets of capabilities(7), and their names in proc_pid_status(5).
const SETS: [(&str, CapSet, &str); 5] = [
    ("ambient", CapSet::Ambient, "CapAmb"),
    ("bounding", CapSet::Bounding, "CapBnd"),
    ("effective", CapSet::Effective, "CapEff"),
    ("inheritable", CapSet::Inheritable, "CapInh"),
    ("permitted", CapSet::Permitted, "CapPrm"),
];

/// `SET CAPABILITY` of each capability in each set.
pub(crate) fn capabilities(subject: &Subject) -> Result<Known> {
    let (mut all, mut counts) = (Vec::new(), Vec::new());
    for (name, set, field) in SETS {
        let found = match subject.is_self() {
            true => read_own(set)?,
            false => parse_mask(&subject.status(field)?)?,
        };
        counts.push(format!("{name} {}", found.len()));
        all.extend(found.iter().map(|one| format!("{name} {one}")));
    }
    Ok(Known::set(all).noted(counts.join(", ")))
}

/// capget(2), and prctl(2) for the sets that it doesn't give.
fn read_own(set: CapSet) -> Result<Vec<String>> {
    let found: CapsHashSet = caps::read(None, set)
        .map_err(|_| Errno::last()) // The crate's error is only text.
        .call(format_args!("capget({set:?})"))?;
    Ok(found.iter().map(ToString::to_string).collect())
}

/// A set as 64 bits in hexadecimal.
fn parse_mask(mask: &str) -> Result<Vec<String>> {
    let mask = u64::from_str_radix(mask, 16)
        .map_err(|_| Error::new(format_args!("{mask:?} is no mask")))?;
    let mut known = 0;
    let mut found = Vec::new();
    for capability in caps::all() {
        known |= capability.bitmask();
        if mask & capability.bitmask() != 0 {
            found.push(capability.to_string());
        }
    }
    match mask & !known {
        0 => Ok(found),
        unnamed => Err(Error::new(format_args!(
            "this kernel has capabilities without a name here: {unnamed:#x}"
        ))),
    }
}

/// PR_GET_NO_NEW_PRIVS of prctl(2).
pub(crate) fn no_new_privs(subject: &Subject) -> Result<Known> {
    let set = match subject.is_self() {
        true => {
            prctl::get_no_new_privs().call("prctl(PR_GET_NO_NEW_PRIVS)")?.into()
        }
        false => count(&subject.status("NoNewPrivs")?)?,
    };
    Ok(Known::numbers([("no-new-privs", Some(set))]))
}

/// `Seccomp` and, from Linux 5.9, `Seccomp_filters` of proc_pid_status(5).
pub(crate) fn seccomp(subject: &Subject) -> Result<Known> {
    match subject.status("Seccomp") {
        Ok(mode) => {
            let filters = subject.status("Seccomp_filters")?;
            let (mode, filters) = (count(&mode)?, count(&filters)?);
            Ok(seccomp_state(mode, Some(filters)))
        }
        Err(_) if subject.is_self() => own_seccomp(),
        Err(error) => Err(error),
    }
}

/// PR_GET_SECCOMP of prctl(2): the mode, and not the number of filters.
fn own_seccomp() -> Result<Known> {
    // SAFETY: PR_GET_SECCOMP takes no argument and touches no memory. In
    // strict mode it would kill us, but then execve(2) would have before.
    let mode = unsafe { libc::prctl(libc::PR_GET_SECCOMP) };
    let mode = Errno::result(mode).call("prctl(PR_GET_SECCOMP)")? as u64;
    match mode {
        0 => Ok(seccomp_state(0, Some(0))),
        mode => Ok(seccomp_state(mode, None)
            .noted("how many filters only /proc/self/status tells")),
    }
}

fn seccomp_state(mode: u64, filters: Option<u64>) -> Known {
    let filters = filters.map(|filters| ("filters", Some(filters)));
    Known::numbers([("mode", Some(mode))].into_iter().chain(filters))
}

fn count(text: &str) -> Result<u64> {
    text.parse().map_err(|_| Error::new(format_args!("{text:?} is no number")))
}

/// /proc/PID/attr/current of proc_pid_attr(5).
pub(crate) fn lsm(subject: &Subject) -> Result<Known> {
    match subject.read("attr/current") {
        Ok(label) => Ok(Known::text(label.trim_end_matches(['\0', '\n']))),
        // No security module of this kernel labels processes.
        Err(error) if error.errno() == Some(Errno::EINVAL) => {
            Ok(Known::text("no label"))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_have_names() {
        assert_eq!(parse_mask("0000000000000001").unwrap(), ["CAP_CHOWN"]);
        assert!(parse_mask("0000000000000000").unwrap().is_empty());
        assert!(parse_mask("8000000000000000").is_err());
        assert!(parse_mask("").is_err());
    }
}
