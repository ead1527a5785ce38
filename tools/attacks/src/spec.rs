//! SPEC: where the canaries are, handed from the planter to the attacks.
//!
//! `key=value,key=value`, in any order, with
//!
//! | key | value |
//! | --- | --- |
//! | `id` | name of the canary: of its process, its socket, the host; reports repeat it |
//! | `file` | path of the secret file on the host |
//! | `inside` | path, in the sandbox, of a directory to attack from |
//! | `uid`, `gid` | an ordinary user |
//! | `pid`, `address` | the canary process, and where it holds the secret |
//! | `port` | TCP port of 127.0.0.1 on which the canary process tells the secret |
//! | `service` | UDP port of the host on which the secret arrives, over and over |
//! | `network` | inode of the host's network namespace |
//! | `claim` | what the neighbour sends the secret to: an address that nobody has |
//! | `shm` | number of a System V shared memory segment |
//! | `disk` | `MAJOR:MINOR` of a disk of the host; if one could be planted |
//! | `node` | path, in the sandbox, of a device node of that disk |
//! | `group` | `CONTROLLERS:PATH` of a group of the host, and of its tree; if one could be planted |
//! | `release-agent` | controllers of a tree that has such a file, if there is one |
//! | `slow` | path, in the sandbox, of a device node of a disk that is worth limiting |
//! | `cpus` | how many CPUs the planter can run on; if there are several |
//! | `handle` | file handle of the secret file; if it has one |
//! | `helper` | set-user-ID program; if one could be planted |
//! | `group-file` | path, in the sandbox, of a file for one group; if the planter could join it |
//! | `core-pattern`, `sysrq-trigger`, `kernel-memory`, `unmask` | path, in a proc file system, of what the attack of this name opens; if the planter can |
//!
//! The secret itself is not in it: an attack that shows the secret has been
//! where it is.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::PathBuf;
use std::str::FromStr;

use process::{Error, Result};

use crate::outcome::{Finding, Outcome, UNTRIED};

/// Exit code for a wrong command line, or none of the canaries an attack
/// needs: EX_USAGE of sysexits.h(3head).
pub const USAGE: u8 = 64;

/// How long the secret is: `ID:` and 128 random bits, as text.
pub(crate) const SECRET_LENGTH: usize = 48;

/// Where the canaries are.
#[derive(Clone, Debug, Default)]
pub struct Spec(BTreeMap<String, String>);

impl Spec {
    /// Adds what an attack is to know.
    pub fn set(&mut self, key: &str, value: impl Display) -> Result<()> {
        let value = value.to_string();
        if value.contains(',') {
            return Err(Error::new(format_args!(
                "{key} {value:?} has a comma, which divides the parts of SPEC"
            ))
            .with_hint("give another directory: TMPDIR=/tmp"));
        }
        self.0.insert(key.into(), value);
        Ok(())
    }

    /// What every planter plants: without it the attack is refused.
    pub fn get<T: FromStr>(&self, key: &str) -> Result<T> {
        let Some(value) = self.0.get(key) else {
            return Err(refused(format_args!("no {key}")));
        };
        value.parse().map_err(|_| refused(format_args!("the {key} {value:?}")))
    }

    /// What can't be planted everywhere: without it the attack is untried.
    pub fn get_if_planted<T: FromStr>(&self, key: &str) -> Result<T> {
        match self.0.contains_key(key) {
            true => self.get(key),
            false => Err(untried(format_args!(
                "no {key} is planted: `attacks plant` says why"
            ))),
        }
    }

    /// The directory in the sandbox to attack from.
    pub fn inside(&self) -> Result<PathBuf> {
        let path: PathBuf = self.get("inside")?;
        match path.is_dir() {
            true => Ok(path),
            false => Err(untried(format_args!(
                "{path:?} is not in here: plant with --rootfs ROOTFS"
            ))),
        }
    }

    /// What the attack proved when it read `bytes` from `place`.
    pub fn judge(&self, bytes: &[u8], place: impl Display) -> Result<Finding> {
        let text = String::from_utf8_lossy(bytes);
        let id: String = self.get("id")?;
        Ok(match text.split_once(':') {
            Some((start, _)) if start == id => {
                (Outcome::Escaped, format!("read {text:?} from {place}"))
            }
            _ => (Outcome::Contained, format!("{place} is another than ours")),
        })
    }
}

fn untried(why: impl Display) -> Error {
    Error::new(why).with_exit_code(UNTRIED)
}

fn refused(what: impl Display) -> Error {
    Error::new(format_args!("--canary has {what}"))
        .with_exit_code(USAGE)
        .with_hint("`attacks plant` prints what belongs there")
}

impl Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{key}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let parts = text
            .split(',')
            .map(|part| match part.split_once('=') {
                Some((key, value)) => Ok((key.into(), value.into())),
                None => Err(format!("{part:?} is not KEY=VALUE")),
            })
            .collect::<std::result::Result<BTreeMap<String, String>, _>>()?;
        match parts.get("id") {
            Some(id) if is_canary(id) => Ok(Self(parts)),
            // Some attacks give this name to the host: it must be one that
            // cannot be mistaken for anything else.
            _ => Err("its id is not the name of a canary".into()),
        }
    }
}

/// `canary-` and four bytes: as long as the name of a process may be.
fn is_canary(id: &str) -> bool {
    let random = id.strip_prefix("canary-").and_then(from_hex);
    random.is_some_and(|bytes| bytes.len() == 4)
}

/// Bytes as SPEC has them.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes from SPEC.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
        })
        .collect()
}
