//! Own host and domain name: uts_namespaces(7).
//!
//! A new UTS namespace begins with a copy of both names. From then on each
//! side can change its own, and the other does not notice.

use std::ffi::OsStr;

use nix::errno::Errno;
use nix::sys::utsname::uname;
use nix::unistd::sethostname;
use process::{Call, Error, Hint, Result};
use rustix::system::setdomainname;

/// The longest name that Linux keeps, in bytes: NOTES in sethostname(2).
const LONGEST: usize = 64;

/// How the container is called.
#[derive(Clone, Debug, clap::Args)]
pub struct NameOptions {
    /// The host name inside; without it, the host's own
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    hostname: Option<String>,
    /// The NIS domain name inside; without it, the host's own
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    domainname: Option<String>,
}

impl NameOptions {
    /// The host name inside, if it is to be another.
    pub fn hostname(&self) -> Option<&str> {
        self.hostname.as_deref()
    }

    /// These, and a host name if the user has given none.
    pub fn or_hostname(mut self, name: &str) -> Self {
        self.hostname.get_or_insert_with(|| name.into());
        self
    }
}

/// hostname(7): letters, digits and hyphens between dots. The kernel would
/// take anything, such as a newline, which nobody who reads a name expects.
fn parse_name(name: &str) -> std::result::Result<String, String> {
    if name.len() > LONGEST {
        let length = name.len();
        return Err(format!(
            "it has {length} bytes, and Linux keeps at most {LONGEST}"
        ));
    }
    match name.split('.').all(is_label) {
        true => Ok(name.into()),
        false => {
            Err("between dots it takes letters, digits and hyphens, none \
                      of them at the beginning or the end: hostname(7)"
                .into())
        }
    }
}

fn is_label(label: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !label.is_empty()
        && label.chars().all(is_known)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Sets the names of this process's UTS namespace.
pub fn set_names(options: &NameOptions) -> Result<()> {
    if let Some(name) = &options.hostname {
        set_hostname(name)?;
    }
    if let Some(name) = &options.domainname {
        set_domainname(name)?;
    }
    Ok(())
}

/// Sets the host name, which hostname(1) and `uname -n` show.
fn set_hostname(name: &str) -> Result<()> {
    sethostname(name)
        .call(format_args!("sethostname({name:?})"))
        .hint(Errno::EPERM, "it takes root (CAP_SYS_ADMIN)")?;
    let found = uname().call("uname()")?;
    must_be(name, found.nodename())
}

/// Sets the domain name of NIS, which domainname(1) shows. It is not the
/// domain of DNS: that is whatever follows the first dot of a host's full name.
fn set_domainname(name: &str) -> Result<()> {
    setdomainname(name.as_bytes())
        .map_err(std::io::Error::from)
        .call(format_args!("setdomainname({name:?})"))
        .hint(Errno::EPERM, "it takes root (CAP_SYS_ADMIN)")?;
    let found = uname().call("uname()")?;
    must_be(name, found.domainname())
}

/// A name that was cut off would be somebody else's.
fn must_be(name: &str, found: &OsStr) -> Result<()> {
    match found == name {
        true => Ok(()),
        false => Err(Error::new(format_args!(
            "the name was set to {name:?} and reads back as {found:?}"
        ))),
    }
}
