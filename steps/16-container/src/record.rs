//! What is known of a container: what was asked for, and who it is.
//!
//! It is written once, when the container is made, and never changed. What
//! changes is in the file of its [`life`](crate::life).

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use process::{Call, Error, Result};
use serde::{Deserialize, Serialize};

use crate::group::Place;

/// The name of the file.
pub(crate) const FILE: &str = "record.json";
/// And as long as it is being written.
pub(crate) const NEW: &str = "new";

/// The form of the file that this program writes, and the only one it reads.
const VERSION: u32 = 1;

/// A container, as it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub(crate) version: u32,
    /// 12 hexadecimal digits.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// In milliseconds since 1970.
    pub created: u64,
    /// In which run of the machine.
    pub boot: String,
    /// The number of its first process, out here.
    pub pid: i32,
    /// When that process was started, in ticks.
    pub start: u64,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Where the root file system comes from.
    pub rootfs: String,
    /// The name of its host.
    pub hostname: String,
    /// As whom it runs.
    pub user: String,
    /// What it has for a network.
    pub network: String,
    /// Which ports of the host lead to it.
    pub ports: Vec<String>,
    /// Its groups of cgroups(7).
    pub groups: Vec<Place>,
    /// The variables that its program was given, but for HOME and TERM.
    pub environment: Vec<(String, String)>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Whether it is forgotten when it has ended.
    pub remove: bool,
}

impl Record {
    /// Writes it, for the first and only time: a reader sees all or nothing.
    pub(crate) fn write(&mut self, directory: &Path) -> Result<()> {
        self.version = VERSION;
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::new(format_args!("JSON: {error}")))?;
        let (new, path) = (directory.join(NEW), directory.join(FILE));
        File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .call(format_args!("write({new:?})"))?;
        fs::rename(&new, &path).call(format_args!("rename({new:?}, {path:?})"))
    }

    /// Nothing, if there is none: the container is being made, or removed.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(FILE);
        let text = match fs::read(&path) {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                return Ok(None);
            }
            text => text.call(format_args!("read({path:?})"))?,
        };
        match serde_json::from_slice::<Self>(&text) {
            Ok(record) if record.version == VERSION => Ok(Some(record)),
            Ok(record) => Err(Error::new(format_args!(
                "{path:?} has version {}, and this program knows {VERSION}",
                record.version
            ))
            .with_hint("it was made by another version of the kit")),
            Err(error) => Err(Error::new(format_args!("{path:?}: {error}"))
                .with_hint("`rm -f` removes the container all the same")),
        }
    }
}
