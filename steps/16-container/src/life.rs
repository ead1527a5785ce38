//! Whether a container lives, by a lock that the kernel looks after.
//!
//! The *owner* of a container, the process that waits for its end, has a
//! write lock on a file for as long as it lives: fcntl(2), F_SETLK. The
//! kernel lets go of the lock when the owner has ended, however it ended. So
//! whoever looks learns the truth at once, and takes no lock for it: F_GETLK
//! answers who has it. In the file is what has happened, a line for each
//! event.
//!
//! Of the kinds of locks there are this is the one that a child does not
//! inherit. It has a trap: the owner loses it when it closes *any* descriptor
//! of the file. So it opens the file once.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use process::{Call, Error, Result};
use serde::{Deserialize, Serialize};

/// The name of the file.
pub(crate) const FILE: &str = "life";

/// What happens to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// It was let go. In milliseconds since 1970, as all times here.
    Started {
        /// When.
        at: u64,
    },
    /// It has ended.
    Ended {
        /// When.
        at: u64,
        /// Its exit code: its own, or 128 + n if signal n killed it.
        code: u8,
    },
}

/// What there is to see from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sight {
    /// The owner, if it lives.
    pub owner: Option<i32>,
    /// What has happened.
    pub events: Vec<Event>,
}

/// The lock, held.
#[derive(Debug)]
pub(crate) struct Life(File);

impl Life {
    /// Begins a life in `directory`. Nothing, if somebody has removed the
    /// directory meanwhile, taking it for a leftover.
    pub(crate) fn begin(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(FILE);
        let mut options = File::options();
        options.append(true).create_new(true).mode(0o600);
        let file = match options.open(&path) {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                return Ok(None);
            }
            file => file.call(format_args!("open({path:?}, O_CREAT)"))?,
        };
        let lock = lock_of(libc::F_WRLCK);
        fcntl(&file, FcntlArg::F_SETLK(&lock))
            .call(format_args!("fcntl({path:?}, F_SETLK)"))?;
        let inode = file.metadata().call("fstat(life)")?.ino();
        let is_it = path.metadata().is_ok_and(|now| now.ino() == inode);
        Ok(is_it.then_some(Self(file)))
    }

    /// Writes down what has happened.
    pub(crate) fn note(&mut self, event: Event) -> Result<()> {
        let text = serde_json::to_string(&event)
            .map_err(|error| Error::new(format_args!("JSON: {error}")))?;
        // In one call: a reader sees all of the line or nothing.
        self.0.write_all(format!("{text}\n").as_bytes()).call("write(life)")
    }
}

/// A file of life, open for reading: it can be read even when it has been
/// removed.
#[derive(Debug)]
pub struct Witness(File);

impl Witness {
    /// Nothing, if there is no such container.
    pub fn of(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(FILE);
        match File::open(&path) {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                Ok(None)
            }
            file => file
                .call(format_args!("open({path:?})"))
                .map(|file| Some(Self(file))),
        }
    }

    /// Looks. What the file says is read after the lock, since the owner
    /// writes before it lets go.
    pub fn look(&self) -> Result<Sight> {
        let mut lock = lock_of(libc::F_RDLCK);
        fcntl(&self.0, FcntlArg::F_GETLK(&mut lock))
            .call("fcntl(life, F_GETLK)")?;
        let is_free = lock.l_type == libc::F_UNLCK as libc::c_short;
        let owner = (!is_free).then_some(lock.l_pid);
        Ok(Sight { owner, events: self.events()? })
    }

    fn events(&self) -> Result<Vec<Event>> {
        use std::os::unix::fs::FileExt;
        let mut bytes = [0; 512];
        let length = self.0.read_at(&mut bytes, 0).call("read(life)")?;
        let lines = bytes[..length].split(|byte| *byte == b'\n');
        // A line that is not understood is of a later version of the kit.
        Ok(lines.filter_map(|l| serde_json::from_slice(l).ok()).collect())
    }
}

impl Sight {
    /// When it was let go, if it was.
    pub fn started(&self) -> Option<u64> {
        self.events.iter().find_map(|event| match event {
            Event::Started { at } => Some(*at),
            Event::Ended { .. } => None,
        })
    }

    /// When it has ended in order, if it has.
    pub fn ended(&self) -> Option<u64> {
        self.end().map(|(at, _)| at)
    }

    /// Its exit code, if it has ended in order.
    pub fn code(&self) -> Option<u8> {
        self.end().map(|(_, code)| code)
    }

    fn end(&self) -> Option<(u64, u8)> {
        self.events.iter().find_map(|event| match event {
            Event::Ended { at, code } => Some((*at, *code)),
            Event::Started { .. } => None,
        })
    }
}

/// All of the file.
fn lock_of(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

/// By which the kernel knows a process for sure: its number is given to
/// others, but not with the same moment of start, in ticks since the machine
/// was started (field 22 of proc_pid_stat(5)). Nothing, if it has ended.
pub(crate) fn start_of(pid: i32) -> Result<Option<u64>> {
    let path = format!("/proc/{pid}/stat");
    let mut text = String::new();
    let read = File::open(&path).and_then(|mut f| f.read_to_string(&mut text));
    match read {
        Err(error)
            if [Some(libc::ENOENT), Some(libc::ESRCH)]
                .contains(&error.raw_os_error()) =>
        {
            return Ok(None);
        }
        read => read.call(format_args!("read({path:?})"))?,
    };
    // The name of the program, in parentheses, may have spaces in it.
    let fields = text.rsplit_once(')').map(|(_, rest)| rest);
    let mut fields = fields.unwrap_or_default().split_whitespace();
    let state = fields.next().unwrap_or_default();
    let start = fields.nth(18).and_then(|text| text.parse().ok());
    Ok(start.filter(|_| !["Z", "X"].contains(&state)))
}

/// The present run of the machine has a name: random(4). After the next start
/// it is another.
pub(crate) fn boot() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    let text =
        std::fs::read_to_string(path).call(format_args!("read({path:?})"))?;
    Ok(text.trim().into())
}

/// That there is no such process, or lock, is an answer too.
pub(crate) fn is_gone(error: &Error) -> bool {
    matches!(error.errno(), Some(Errno::ESRCH | Errno::ENOENT))
}
