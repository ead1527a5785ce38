//! The power of root, which Linux has cut into pieces: capabilities(7).
//!
//! A process has five sets of them. *Effective* is what the kernel asks,
//! *permitted* what the process may make effective; *inheritable* and
//! *ambient* decide what the next program gets, and *bounding* is the most
//! that any program started from here can ever get.

use std::str::FromStr;

use caps::{CapSet, Capability, CapsHashSet};
use nix::errno::Errno;
use process::{Call, Error, Hint, Result};

/// Which capabilities the command keeps.
#[derive(Debug, clap::Args)]
pub struct CapabilityOptions {
    /// Keep a capability, such as `net_bind_service`; all others are dropped
    #[arg(
        long = "keep-cap",
        value_name = "CAPABILITY",
        value_parser = parse_capability
    )]
    keep: Vec<Capability>,
}

impl CapabilityOptions {
    /// The capabilities to keep.
    pub fn keep(&self) -> CapsHashSet {
        self.keep.iter().copied().collect()
    }
}

/// Accepts `CAP_NET_RAW`, `net_raw` and everything between.
fn parse_capability(name: &str) -> std::result::Result<Capability, String> {
    let name = name.to_ascii_uppercase();
    let name =
        if name.starts_with("CAP_") { name } else { format!("CAP_{name}") };
    Capability::from_str(&name)
        .map_err(|_| "no such capability: see capabilities(7)".into())
}

/// Removes all but `keep` from the bounding set, for good: not even root's
/// execve(2) brings them back. It takes CAP_SETPCAP.
pub fn bound_capabilities(keep: &CapsHashSet) -> Result<()> {
    for capability in caps::all().difference(keep) {
        if !has_in_bounding_set(*capability)? {
            continue;
        }
        caps::drop(None, CapSet::Bounding, *capability)
            .map_err(|_| Errno::last()) // The crate's error is only text.
            .call(format_args!("prctl(PR_CAPBSET_DROP, {capability})"))
            .hint(Errno::EPERM, "it takes root (CAP_SETPCAP)")?;
    }
    must_know_all_capabilities()
}

/// A kernel newer than the list of names may have a capability that nobody
/// dropped.
fn must_know_all_capabilities() -> Result<()> {
    let next = caps::all().iter().map(|c| c.index()).max().unwrap_or(0) + 1;
    // SAFETY: PR_CAPBSET_READ takes a number and touches no memory. EINVAL
    // says that there is no capability of that number.
    match unsafe {
        libc::prctl(libc::PR_CAPBSET_READ, libc::c_ulong::from(next))
    } {
        -1 => Ok(()),
        _ => Err(Error::new(format_args!(
            "this kernel has a capability number {next}, which has no name \
             here and was not dropped"
        ))
        .with_hint("a newer release of the crate `caps` knows it")),
    }
}

/// Makes `keep` the four other sets, so that the command has these
/// capabilities and can lose but never gain any.
pub fn keep_capabilities(keep: &CapsHashSet) -> Result<()> {
    // At no moment may effective have what permitted lacks, or ambient what
    // permitted or inheritable lack. So what lies within shrinks first, and
    // ambient grows last.
    set(CapSet::Ambient, &CapsHashSet::new())?;
    set(CapSet::Effective, keep)?;
    set(CapSet::Permitted, keep)?;
    set(CapSet::Inheritable, keep)?;
    // Without this a user other than root loses all at execve(2).
    set(CapSet::Ambient, keep)?;

    for (name, which) in [
        ("effective", CapSet::Effective),
        ("permitted", CapSet::Permitted),
        ("inheritable", CapSet::Inheritable),
        ("ambient", CapSet::Ambient),
        ("bounding", CapSet::Bounding),
    ] {
        let has = read(which)?;
        if has != *keep {
            return Err(Error::new(format_args!(
                "the {name} set of capabilities is {has:?}, not {keep:?}"
            )));
        }
    }
    Ok(())
}

fn set(which: CapSet, to: &CapsHashSet) -> Result<()> {
    caps::set(None, which, to)
        .map_err(|_| Errno::last())
        .call(format_args!("capset({which:?}, {to:?})"))
        .hint(Errno::EPERM, "a process can't keep a capability that it lacks")
}

fn read(which: CapSet) -> Result<CapsHashSet> {
    caps::read(None, which)
        .map_err(|_| Errno::last())
        .call(format_args!("capget({which:?})"))
}

fn has_in_bounding_set(capability: Capability) -> Result<bool> {
    caps::has_cap(None, CapSet::Bounding, capability)
        .map_err(|_| Errno::last())
        .call(format_args!("prctl(PR_CAPBSET_READ, {capability})"))
}
